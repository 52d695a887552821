//! The time of each operator, told by name and shape.

use crate::onnx::{Dim, floats, input, model, node, output};
use crate::rig::{Agent, Models, launch};
use pearl_agent::agent::{AgentDone, AgentRequest, LookRequest, ProfileRequest};

#[test]
fn a_profile_names_every_operator_with_its_shape_in_order() {
    let square = [Dim::Fixed(64), Dim::Fixed(64)];
    let models = Models::new();
    let file = models.add(
        "two.onnx",
        &model(&[
            floats("w", &[64, 64], &[0.5; 4096]),
            node("MatMul", "product", &["x", "w"], &["p"]),
            node("Softmax", "soft", &["p"], &["y"]),
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
}

#[test]
fn a_look_tells_the_devices_mood_without_a_model() {
    let mut agent = Agent::leased();
    let cpus = agent.hello().platform.cpus[..1].to_vec();
    let done = agent.ask(AgentRequest::Look(LookRequest { cpus, time_ns: 60_000_000_000 }));
    let AgentDone::Look(report) = done.unwrap() else { panic!("a look") };
    assert_eq!(report.sentinel_ns.len(), 7);
    assert!(report.sentinel_ns.iter().all(|median| *median > 0));
    assert!(report.cpu_ns > 0 && report.wall_ns >= *report.sentinel_ns.iter().max().unwrap());
    assert!(report.clock.resolution_ns > 0);
}
