//! Malicious requests and bytes: each is refused, and the agent goes on or ends at once.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::agent::product;
use crate::rig::{AGENT, Agent, Models, launch, lease, wait_for};
use pearl_agent::protocol::messages::{
    AgentRequest, LaunchRequest, LeaseRequest, ProbeRequest, ProfileRequest,
};
use pearl_agent::protocol::wire::{FailureKind, MAX_LINE, PROTOCOL, Request};
use tempfile::TempDir;

#[test]
fn absurd_launches_are_refused_and_the_agent_goes_on() {
    let models = Models::new();
    let good = launch(models.add("product.onnx", &product()));
    let mut agent = Agent::leased();
    type Change = fn(&mut LaunchRequest);
    use FailureKind::{BadRequest, Device, Limit, MemoryLimit, TimeLimit};
    let changes: [(&str, Change, FailureKind); 8] = [
        ("samples", |launch| launch.sampling.max_samples = usize::MAX, BadRequest),
        ("pin", |launch| launch.cpus = vec![usize::MAX], BadRequest),
        ("pins", |launch| launch.cpus = (0..100_000).collect(), BadRequest),
        ("threads", |launch| launch.threads = usize::MAX, Device),
        ("no threads", |launch| launch.threads = 0, BadRequest),
        ("no memory", |launch| launch.limits.memory_bytes = 0, MemoryLimit),
        ("no time", |launch| launch.limits.time_ns = 0, TimeLimit),
        ("no model", |launch| launch.limits.model_bytes = 0, Limit),
    ];
    for (name, change, expected) in changes {
        let mut request = good.clone();
        change(&mut request);
        let profile = ProfileRequest { launch: request.clone() };
        for request in [AgentRequest::Launch(request), AgentRequest::Profile(profile)] {
            let Err(failure) = agent.ask(request) else { panic!("{name}") };
            assert_eq!(failure.kind, expected, "{name}: {}", failure.message);
            assert!(failure.message.len() < 2000, "{name}: {}", failure.message.len());
        }
    }
    // Work without an end is ended by its own limits.
    let mut request = good.clone();
    request.limits.time_ns = u64::MAX;
    request.warm_up.tolerance_ppm = u32::MAX;
    agent.ask(AgentRequest::Launch(request)).unwrap();
    let probe = ProbeRequest { cpus: vec![usize::MAX], threads: 1, probe_ns: 0, time_ns: u64::MAX };
    assert_eq!(agent.ask(AgentRequest::Probe(probe)).unwrap_err().kind, BadRequest);
    agent.ask(AgentRequest::Launch(good)).unwrap();
}

#[test]
fn a_line_without_end_ends_the_agent_and_not_its_memory() {
    let mut agent = Agent::greeted();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..MAX_LINE >> 20 {
        agent.send_raw(&piece);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.child.id())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let kib: usize = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    // A vector that grows holds twice what is in it.
    assert!(kib << 10 < 4 * MAX_LINE, "{peak}");
    agent.send_raw(b"one more");
    assert!(!agent.ended().success());
}

#[test]
fn bytes_that_are_no_request_get_one_answer_a_line() {
    let mut agent = Agent::greeted();
    for garbage in [
        &b"\n"[..],
        b"{}\n",
        b"\x00\xff\xfe\n",
        b"{\"id\":1,\"body\":{\"launch\":{}}}\n",
        b"{\"id\":1,\"body\":{\"probe\":{\"cpus\":[-1],\"time_ns\":1}}}\n",
        b"{\"id\":1,\"body\":{\"probe\":{\"cpus\":[],\"time_ns\":1e99}}}\n",
        b"{\"id\":18446744073709551616,\"body\":\"release\"}\n",
    ] {
        agent.send_raw(garbage);
        let failure = agent.answer_to_garbage();
        assert_eq!(failure.kind, FailureKind::BadRequest);
    }
    let deep = [vec![b'['; 1 << 20], b"\n".to_vec()].concat();
    agent.send_raw(&deep);
    assert_eq!(agent.answer_to_garbage().kind, FailureKind::BadRequest);
    agent.hello();
}

#[test]
fn an_agent_listens_on_nothing_and_opens_no_socket() {
    let mut agent = Agent::leased();
    let models = Models::new();
    agent.ask(AgentRequest::Launch(launch(models.add("product.onnx", &product())))).unwrap();
    let open = std::fs::read_dir(format!("/proc/{}/fd", agent.child.id())).unwrap();
    for file in open {
        let target = std::fs::read_link(file.unwrap().path()).unwrap_or_default();
        // Signals wake their thread through a pair of sockets that have no name and no port.
        let target = target.to_string_lossy().into_owned();
        if let Some(inode) = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'))
        {
            for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
                let path = format!("/proc/{}/net/{table}", agent.child.id());
                let text = std::fs::read_to_string(path).unwrap_or_default();
                assert!(!text.split_whitespace().any(|word| word == inode), "{table}: {target}");
            }
        }
    }
}

#[test]
fn an_agent_whose_answers_nobody_reads_gives_its_lease_back() {
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(AGENT)
        .env("PEARL_AGENT_FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lease = LeaseRequest { idle_ns: 1_000_000_000, ..lease("a", "a") };
    for body in [AgentRequest::Hello { protocol: PROTOCOL }, AgentRequest::Lease(lease)] {
        writeln!(stdin, "{}", serde_json::to_string(&Request { id: 1, body }).unwrap()).unwrap();
    }
    // The answers are more than a pipe holds; the requests are less.
    for _ in 0..1500 {
        stdin.write_all(b"{\"id\":1,\"body\":{\"hello\":{\"protocol\":1}}}\n").unwrap();
    }
    let exit = wait_for(|| child.try_wait().unwrap());
    assert_eq!(exit.code(), Some(3));
    assert!(!folder.path().join("lease").exists());
}
