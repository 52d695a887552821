//! The real agent with the real engine: its answers, and the failures that it survives.

use std::process::Command;

use crate::onnx::{Dim, floats, input, model, node, output};
use crate::rig::{AGENT, Agent, Models, launch, lease, meant};
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, TensorData};
use pearl_agent::protocol::wire::{FailureKind, PROTOCOL};

const SHAPE: [Dim; 2] = [Dim::Fixed(2), Dim::Fixed(2)];

/// y = x · [[1, 2], [3, 4]]
pub fn product() -> Vec<u8> {
    model(&[
        floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        node("MatMul", "m", &["x", "w"], &["y"]),
        input("x", &SHAPE),
        output("y", &SHAPE),
    ])
}

fn square(values: [f32; 4]) -> TensorData {
    TensorData { dims: vec![2, 2], values: values.to_vec() }
}

#[test]
fn a_greeting_tells_what_a_number_depends_on() {
    let mut agent = Agent::start();
    let hello = agent.hello();
    assert_eq!((hello.protocol, hello.version.as_str()), (PROTOCOL, env!("CARGO_PKG_VERSION")));
    assert_eq!((hello.engine.name.as_str(), hello.engine.version.as_str()), ("tract", "0.23.9"));
    assert_eq!(hello.build, meant(AGENT.as_ref(), &std::fs::read(AGENT).unwrap()).sha256);
    assert!(!hello.platform.cpus.is_empty());
}

#[test]
fn nothing_is_done_before_a_greeting_of_the_same_protocol() {
    let models = Models::new();
    let request = AgentRequest::Launch(launch(models.add("product.onnx", &product())));
    let mut agent = Agent::start();
    let early = agent.ask(request.clone()).unwrap_err();
    assert_eq!(early.kind, FailureKind::BadRequest);
    let other = agent.ask(AgentRequest::Hello { protocol: 77 }).unwrap_err();
    assert_eq!(other.kind, FailureKind::BadRequest);
    for version in [77, PROTOCOL] {
        assert!(
            other.message.contains(&format!("protocol {version}"))
                || other.message.contains(&format!("agent {version}")),
            "{}",
            other.message
        );
    }
    assert_eq!(agent.ask(request.clone()).unwrap_err().kind, FailureKind::BadRequest);
    agent.hello();
    let unleased = agent.ask(request.clone()).unwrap_err();
    assert_eq!(unleased.kind, FailureKind::BadRequest);
    assert!(unleased.message.contains("without a lease"), "{}", unleased.message);
    agent.ask(AgentRequest::Lease(lease("test", "session"))).unwrap();
    agent.ask(request).unwrap();
}

#[test]
fn given_inputs_come_out_as_the_model_says() {
    let models = Models::new();
    let file = models.add("product.onnx", &product());
    let mut agent = Agent::greeted();
    let report = agent.run(file.clone(), vec![square([1.0, 0.0, 0.5, -1.0])]).unwrap();
    assert_eq!(report.outputs, [square([1.0, 2.0, -2.5, -3.0])]);
    // Where none is given, it is fed as in a launch, and what it was fed is told.
    let own = agent.run(file.clone(), vec![]).unwrap();
    let again = agent.run(file.clone(), own.fed.clone()).unwrap();
    assert_eq!((own.inputs[0].name.as_str(), &again.outputs), ("x", &own.outputs));
    for (inputs, told) in [
        (vec![square([0.0; 4]), square([0.0; 4])], "2 of 1 inputs given"),
        (vec![TensorData { dims: vec![4], values: vec![0.0; 4] }], "input 'x' has shape [2, 2]"),
        (vec![TensorData { dims: vec![2, 2], values: vec![0.0; 3] }], "with 3 values"),
        (
            vec![TensorData { dims: vec![2, usize::MAX], values: vec![] }],
            "input 'x' has shape [2, 2]",
        ),
    ] {
        let failure = agent.run(file.clone(), inputs).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest, "{}", failure.message);
        assert!(failure.message.contains(told), "{}", failure.message);
    }
}

#[test]
fn a_launch_reports_samples_and_what_they_were_taken_under() {
    let models = Models::new();
    let request = launch(models.add("product.onnx", &product()));
    let done = Agent::leased().ask(AgentRequest::Launch(request.clone())).unwrap();
    let AgentDone::Launch(report) = done else { panic!("{done:?}") };
    let sampling = request.sampling;
    assert!((sampling.min_samples..=sampling.max_samples).contains(&report.samples_ns.len()));
    assert!(!report.warm_up_ns.is_empty());
    assert!(report.samples_ns.iter().sum::<u64>() <= report.wall_ns);
    assert!(report.clock.resolution_ns > 0);
    assert_eq!(report.blocks.iter().sum::<usize>(), report.samples_ns.len());
    assert_eq!(report.readings.len(), report.blocks.len() + 1);
    assert!(report.readings.iter().all(|of| of.core_ns > 0 && of.network_ns > 0), "{report:?}");
    assert!(report.peak_memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
    assert_eq!(report.threads, 1);
    assert_ne!(report.energy_uj, Some(0));
    // Not every machine lets its cycles be counted; one that does has some in every inference.
    assert_eq!(report.cycles.is_some(), report.instructions.is_some());
    assert!(report.cycles.is_none_or(|cycles| cycles > report.samples_ns.len() as u64));
    assert!(!report.state_before.fixed_performance);
    assert!(report.state_before.memory_available_bytes.is_some_and(|bytes| bytes > 1 << 20));
}

#[test]
fn a_launch_keeps_to_the_processors_asked_for_or_is_refused() {
    let models = Models::new();
    let mut request = launch(models.add("product.onnx", &product()));
    let mut agent = Agent::leased();
    let hello = agent.hello();
    request.cpus = hello.platform.cpus[..1].to_vec();
    agent.ask(AgentRequest::Launch(request.clone())).unwrap();
    request.cpus = vec![9999];
    let failure = agent.ask(AgentRequest::Launch(request)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(
        failure.message.starts_with("processor 9999 cannot be used here, only 0"),
        "{}",
        failure.message
    );
}

#[test]
fn a_launch_that_makes_no_sense_is_refused() {
    let models = Models::new();
    let good = launch(models.add("product.onnx", &product()));
    let mut agent = Agent::leased();
    for (change, told) in [
        ((0, 0, 0, 0), "no samples asked for"),
        ((5, 4, 0, 0), "the least number of samples exceeds the most"),
        ((0, usize::MAX, 0, 0), "the limit is 1048576"),
        ((1, 1, 2, 1), "the shortest warm-up exceeds the longest"),
    ] {
        let mut request = good.clone();
        (request.sampling.min_samples, request.sampling.max_samples) = (change.0, change.1);
        (request.warm_up.min_ns, request.warm_up.max_ns) = (change.2, change.3);
        let failure = agent.ask(AgentRequest::Launch(request)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest);
        assert!(failure.message.contains(told), "{}", failure.message);
    }
}

#[test]
fn the_command_line_answers_and_refuses() {
    let version = format!("pearl-agent 0.1.0 (tract 0.23.9, protocol {PROTOCOL})");
    for (argument, code, told) in [
        ("--version", 0, version.as_str()),
        ("--help", 0, "Usage: pearl-agent"),
        ("--frobnicate", 2, "'--frobnicate'"),
    ] {
        let output = Command::new(AGENT).arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{argument}");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn a_greeting_is_answered_even_where_stdin_ends_right_after_it() {
    let mut agent = Agent::start();
    agent.send(AgentRequest::Hello { protocol: PROTOCOL });
    drop(agent.stdin.take());
    agent.answer().unwrap();
    assert!(agent.child.wait().unwrap().success());
}
