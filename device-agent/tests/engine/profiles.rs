//! The time of each operator, reported with its name and shape.

use crate::onnx::{Dim, floats, input, model, node, output, with_whole};
use crate::rig::{Agent, Models, launch};
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, ProbeRequest, ProfileRequest};
use pearl_agent::protocol::wire::FailureKind;

#[test]
fn a_profile_names_every_operator_with_its_shape_in_order() {
    let square = [Dim::Fixed(64), Dim::Fixed(64)];
    let models = Models::new();
    let file = models.add(
        "two.onnx",
        &model(&[
            floats("w", &[64, 64], &[0.5; 4096]),
            node("MatMul", "product", &["x", "w"], &["p"]),
            with_whole("axis", 1, &node("Softmax", "soft", &["p"], &["y"])),
            input("x", &square),
            output("y", &square),
        ]),
    );
    let mut launch = launch(file);
    launch.sampling.min_samples = 30;
    let mut agent = Agent::leased();
    let done = agent.ask(AgentRequest::Profile(ProfileRequest { launch })).unwrap();
    let AgentDone::Profile(report) = done else { panic!("{done:?}") };
    assert!(report.inferences >= 30);
    assert!(report.plain_ns > 0 && report.profiled_ns > 0);
    let at = |name: &str| report.ops.iter().position(|op| op.name.contains(name)).unwrap();
    assert!(at("product") < at("soft"), "{:?}", report.ops);
    let soft = &report.ops[at("soft")];
    assert_eq!(soft.operator, "Softmax");
    assert!(soft.output.contains("64") && soft.output.ends_with("f32"), "{}", soft.output);
    assert!(soft.median_ns > 0);
    assert_eq!(
        (&soft.inputs[..], soft.attributes.as_str()),
        (std::slice::from_ref(&soft.output), "axis=1")
    );
    let product = &report.ops[at("product")];
    assert!(product.inputs.iter().any(|input| input.contains("64")), "{product:?}");
}

fn probe(cpus: Vec<usize>, threads: usize, probe_ns: u64) -> AgentRequest {
    AgentRequest::Probe(ProbeRequest { cpus, threads, probe_ns, time_ns: 60_000_000_000 })
}

#[test]
fn a_look_reads_the_sentinel_and_watches_others_without_a_model() {
    let mut agent = Agent::leased();
    let cpus = agent.hello().platform.cpus[..1].to_vec();
    let mut busy = Busy::start();
    let done = agent.ask(probe(cpus, 1, 300_000_000));
    busy.stop();
    let AgentDone::Probe(report) = done.unwrap() else { panic!("a probe") };
    assert!(report.readings.len() >= 9);
    assert!(report.readings.iter().all(|of| of.core_ns > 0 && of.network_ns > 0 && of.cpu_ns > 0));
    assert!(report.clock.resolution_ns > 0);
    let others = report.others;
    assert!(others.wall_ns >= 300_000_000 && others.busy_ns.is_some(), "{others:?}");
    let named = others.processes.iter().any(|process| process.pid == busy.pid());
    assert!(named, "{others:?} has no {}", busy.pid());
}

/// A process that does nothing but keep a processor busy.
struct Busy(std::process::Child);

impl Busy {
    fn start() -> Self {
        let mut shell = std::process::Command::new("sh");
        Self(shell.args(["-c", "while :; do :; done"]).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn stop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn a_look_that_makes_no_sense_is_refused() {
    let mut agent = Agent::leased();
    for (request, kind, told) in [
        (probe(vec![], 0, 0), FailureKind::BadRequest, "no threads"),
        (probe(vec![], 9999, 0), FailureKind::Device, "9999 threads cannot run at once"),
        (probe(vec![], 1, u64::MAX), FailureKind::BadRequest, "the limit is 30000000000"),
    ] {
        let failure = agent.ask(request).unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.message);
        assert!(failure.message.contains(told), "{}", failure.message);
    }
}
