//! Several threads, and half precision: done as asked, or refused.

use crate::onnx::{Dim, input, model, node, output};
use crate::rig::{Agent, Models, launch};
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, LaunchRequest, Precision};
use pearl_agent::protocol::wire::FailureKind;

/// A product of matrices large enough to be worth several threads.
fn large(models: &Models) -> LaunchRequest {
    let side = || [Dim::Fixed(512), Dim::Fixed(512)];
    let graph =
        [node("MatMul", "m", &["x", "x"], &["y"]), input("x", &side()), output("y", &side())];
    let mut launch = launch(models.add("large.onnx", &model(&graph)));
    // Long enough for the kernel's account of threads.
    launch.sampling.slice_ns = 300_000_000;
    launch.sampling.max_samples = 100_000;
    launch
}

#[test]
fn as_many_threads_compute_as_were_asked_for() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let cpus = agent.hello().platform.cpus;
    for threads in 1..=cpus.len().min(2) {
        let request = LaunchRequest { threads, ..large(&models) };
        let AgentDone::Launch(report) = agent.ask(AgentRequest::Launch(request)).unwrap() else {
            panic!("a launch")
        };
        assert_eq!(report.threads, threads);
        assert!(report.cpu_ns > 0);
    }
}

#[test]
fn more_threads_than_processors_are_refused() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let cpus = agent.hello().platform.cpus;
    for (cpus, threads) in
        [(cpus[..1].to_vec(), 2), (vec![cpus[0]; 3], 2), (vec![], cpus.len() + 1)]
    {
        let request = LaunchRequest { threads, cpus, ..large(&models) };
        let refused = agent.ask(AgentRequest::Launch(request)).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Device);
        assert!(refused.message.contains("threads cannot run at once"), "{}", refused.message);
    }
}

#[test]
fn half_precision_runs_where_the_device_has_it_and_is_refused_elsewhere() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let has = agent.hello().platform.half_precision;
    let request = LaunchRequest { precision: Precision::F16, ..large(&models) };
    match agent.ask(AgentRequest::Launch(request)) {
        Ok(_) => assert!(has),
        Err(refused) => {
            assert!(!has, "{}", refused.message);
            assert_eq!(refused.kind, FailureKind::Device);
            assert!(refused.message.starts_with("precision f16: "), "{}", refused.message);
        }
    }
}
