//! Launches that use too much, hang or die, and hosts that vanish.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::onnx::{Dim, input, integers, model, node, output};
use crate::rig::{AGENT, Agent, Models, is_gone, launch, signal, wait_for};
use pearl_agent::protocol::messages::{AgentRequest, LaunchRequest, TensorData};
use pearl_agent::protocol::wire::FailureKind;

/// Spreads one number over 1.2 GB.
fn hungry() -> Vec<u8> {
    model(&[
        integers("size", &[1], &[300_000_000]),
        node("Expand", "wide", &["x", "size"], &["w"]),
        node("Relu", "relu", &["w"], &["y"]),
        input("x", &[Dim::Fixed(1)]),
        output("y", &[]),
    ])
}

/// Products of matrices so large that a single inference takes longer than any test.
pub fn endless(models: &Models) -> LaunchRequest {
    let side = || Dim::Fixed(2500);
    let mut graph = vec![input("x", &[side(), side()]), output("p200", &[])];
    graph.push(node("MatMul", "", &["x", "x"], &["p0"]));
    for i in 1..=200 {
        graph.push(node("MatMul", "", &[&format!("p{}", i - 1), "x"], &[&format!("p{i}")]));
    }
    launch(models.add("endless.onnx", &model(&graph)))
}

fn serves(agent: &mut Agent, models: &Models) {
    let relu = node("Relu", "", &["x"], &["y"]);
    let two = || [Dim::Fixed(2)];
    let file = models.add("relu.onnx", &model(&[relu, input("x", &two()), output("y", &two())]));
    let inputs = vec![TensorData { dims: vec![2], values: vec![-1.0, 1.0] }];
    assert_eq!(agent.run(file, inputs).unwrap().outputs[0].values, [0.0, 1.0]);
}

#[test]
fn a_launch_beyond_its_memory_is_refused_as_a_limit() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let mut request = launch(models.add("hungry.onnx", &hungry()));
    // The last limit is too low for the process to start at all.
    for mib in [256, 64, 1] {
        request.limits.memory_bytes = mib << 20;
        let failure = agent.ask(AgentRequest::Launch(request.clone())).unwrap_err();
        assert_eq!(failure.kind, FailureKind::MemoryLimit, "{}", failure.message);
        let told = format!("hungry.onnx: out of memory: limit {mib} MiB");
        assert!(failure.message.ends_with(&told), "{}", failure.message);
        serves(&mut agent, &models);
    }
}

#[test]
fn a_launch_beyond_its_time_is_stopped_and_leaves_no_process() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let mut request = endless(&models);
    request.limits.time_ns = 1_500_000_000;
    agent.send(AgentRequest::Launch(request));
    let process = agent.launched();
    let failure = agent.answer().unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimeLimit);
    assert!(
        failure.message.ends_with("endless.onnx: not done within 1.5 s"),
        "{}",
        failure.message
    );
    assert!(is_gone(process));
    serves(&mut agent, &models);
}

#[test]
fn a_device_that_runs_out_of_memory_loses_the_launch_and_not_the_agent() {
    let models = Models::new();
    let mut agent = Agent::leased();
    agent.send(AgentRequest::Launch(endless(&models)));
    let process = agent.launched();
    wait_for(|| {
        let score = std::fs::read_to_string(format!("/proc/{process}/oom_score_adj")).ok()?;
        (score.trim() == "1000").then_some(())
    });
    signal("KILL", process);
    assert_eq!(agent.answer().unwrap_err().kind, FailureKind::Crashed);
}

#[test]
fn no_time_at_all_is_a_limit_too() {
    let models = Models::new();
    let mut request = endless(&models);
    request.limits.time_ns = 0;
    let failure = Agent::leased().ask(AgentRequest::Launch(request)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimeLimit);
}

#[test]
fn a_launch_that_is_killed_is_a_crash_of_one_request() {
    let models = Models::new();
    let mut agent = Agent::leased();
    // Not SEGV: Rust's own handler lets the first one that comes from outside pass.
    for (name, told) in [("KILL", "signal 9"), ("ABRT", "signal 6 (abort)")] {
        agent.send(AgentRequest::Launch(endless(&models)));
        signal(name, agent.launched());
        let failure = agent.answer().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Crashed);
        assert!(failure.message.contains("endless.onnx: its process"), "{}", failure.message);
        assert!(failure.message.contains(told), "{}", failure.message);
        serves(&mut agent, &models);
    }
}

#[test]
fn a_launch_killed_at_any_moment_is_a_crash_at_once() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let mut request = endless(&models);
    // This limit is not waited for: the answer comes when the process has ended.
    request.limits.time_ns = 3_600_000_000_000;
    for micros in [0, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000] {
        agent.send(AgentRequest::Launch(request.clone()));
        let process = agent.launched();
        std::thread::sleep(Duration::from_micros(micros));
        signal("KILL", process);
        let failure = agent.answer().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Crashed, "after {micros} µs: {}", failure.message);
        assert!(is_gone(process));
    }
    serves(&mut agent, &models);
}

#[test]
fn a_host_that_vanishes_in_mid_launch_leaves_no_process() {
    let models = Models::new();
    let mut agent = Agent::leased();
    agent.send(AgentRequest::Launch(endless(&models)));
    let process = agent.launched();
    drop(agent.stdin.take());
    wait_for(|| agent.child.try_wait().unwrap());
    assert!(is_gone(process));
}

#[test]
fn a_launch_dies_with_its_agent() {
    let models = Models::new();
    let mut agent = Agent::leased();
    agent.send(AgentRequest::Launch(endless(&models)));
    let process = agent.launched();
    // The launch sets its memory limit after its parent-death signal; so wait for the limit.
    wait_for(|| {
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let data = limits.lines().find(|line| line.starts_with("Max data size")).unwrap();
        data.contains("1073741824").then_some(())
    });
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    wait_for(|| is_gone(process).then_some(()));
}

#[test]
fn a_launch_process_that_is_told_nonsense_answers_and_ends() {
    for nonsense in ["", "\n", "{}\n", "no end of line", "{\"parent\": 1, \"work\": {}}\n"] {
        let mut child = Command::new(AGENT)
            .arg("launch")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(nonsense.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(answer.contains("bad_request"), "{nonsense:?}: {answer}");
        assert!(output.stderr.is_empty());
    }
}
