//! One device, several hosts: which host measures, which one waits, and what happens to a lease whose
//! owner is gone.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::limits::endless;
use crate::rig::{AGENT, Agent, Models, is_gone, lease, signal};
use pearl_agent::protocol::messages::{
    AgentDone, AgentRequest, Frequency, LeaseRequest, ModelFile, ProbeRequest, PutRequest,
};
use pearl_agent::protocol::wire::{Failure, FailureKind};
use tempfile::TempDir;

fn take(agent: &mut Agent, request: LeaseRequest) -> Result<(), Failure> {
    agent.ask(AgentRequest::Lease(request)).map(|done| assert!(matches!(done, AgentDone::Leased)))
}

fn probe() -> AgentRequest {
    AgentRequest::Probe(ProbeRequest {
        cpus: Vec::new(),
        threads: 1,
        probe_ns: 0,
        time_ns: 60_000_000_000,
    })
}

fn lease_file(folder: &Path) -> std::path::PathBuf {
    folder.join("lease")
}

#[test]
fn a_second_host_is_told_who_measures_and_until_when() {
    let folder = TempDir::new().unwrap();
    let mut first = Agent::greeted_in(folder.path());
    let mut second = Agent::greeted_in(folder.path());
    take(&mut first, LeaseRequest { idle_ns: 90_000_000_000, ..lease("anna@lab", "a") }).unwrap();
    let refused = take(&mut second, lease("bob@lab", "b")).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Busy);
    assert!(refused.message.contains("leased by anna@lab, for "), "{}", refused.message);
    assert!(refused.message.ends_with(" s more at the latest"), "{}", refused.message);
    assert_eq!(second.ask(probe()).unwrap_err().kind, FailureKind::BadRequest);
    first.ask(probe()).unwrap();
    first.ask(AgentRequest::Release).unwrap();
    assert_eq!(first.ask(probe()).unwrap_err().kind, FailureKind::BadRequest);
    take(&mut second, lease("bob@lab", "b")).unwrap();
    second.ask(probe()).unwrap();
}

#[test]
fn a_device_that_is_leased_runs_and_keeps_nothing_for_anybody_else() {
    let folder = TempDir::new().unwrap();
    let mut first = Agent::greeted_in(folder.path());
    let mut second = Agent::greeted_in(folder.path());
    let sha256 = "0".repeat(64);
    let asked = PutRequest { sha256: sha256.clone(), bytes: 4, offset: 0, data: String::new() };
    let model = ModelFile { path: "/nowhere".into(), sha256, ..ModelFile::default() };
    take(&mut first, lease("anna@lab", "a")).unwrap();
    for refused in [
        second.ask(AgentRequest::Put(asked.clone())).unwrap_err(),
        second.run(model.clone(), Vec::new()).unwrap_err(),
    ] {
        assert_eq!(refused.kind, FailureKind::Busy, "{refused}");
        assert!(refused.message.contains("leased by anna@lab"), "{refused}");
    }
    first.ask(AgentRequest::Put(asked.clone())).unwrap();
    first.ask(AgentRequest::Release).unwrap();
    second.ask(AgentRequest::Put(asked)).unwrap();
    assert_eq!(second.run(model, Vec::new()).unwrap_err().kind, FailureKind::BadInput);
}

#[test]
fn a_lease_ends_with_its_agent_however_that_ends() {
    let folder = TempDir::new().unwrap();
    for end in ["stdin", "TERM", "HUP", "KILL"] {
        let mut agent = Agent::greeted_in(folder.path());
        take(&mut agent, lease("a", "a")).unwrap();
        match end {
            "stdin" => drop(agent.stdin.take()),
            signal => agent.signal(signal),
        }
        agent.ended();
        let left = lease_file(folder.path()).exists();
        assert_eq!(left, end == "KILL", "{end} leaves a file: {left}");
        take(&mut Agent::greeted_in(folder.path()), lease("b", "b")).unwrap();
    }
}

#[test]
fn a_host_that_lost_its_link_takes_over_its_own_lease() {
    let folder = TempDir::new().unwrap();
    let mut lost = Agent::greeted_in(folder.path());
    take(&mut lost, lease("anna", "same")).unwrap();
    let mut next = Agent::greeted_in(folder.path());
    take(&mut next, lease("anna", "same")).unwrap();
    assert!(!lost.ended().success());
    next.ask(probe()).unwrap();
}

#[test]
fn an_agent_that_hears_no_signal_any_more_is_killed_for_its_lease() {
    let folder = TempDir::new().unwrap();
    let mut stuck = Agent::greeted_in(folder.path());
    take(&mut stuck, lease("anna", "same")).unwrap();
    stuck.signal("STOP");
    let mut next = Agent::greeted_in(folder.path());
    take(&mut next, lease("anna", "same")).unwrap();
    assert!(!stuck.ended().success());
}

#[test]
fn a_lease_that_ran_out_is_taken_over_by_anybody() {
    let folder = TempDir::new().unwrap();
    let mut stuck = Agent::greeted_in(folder.path());
    take(&mut stuck, LeaseRequest { idle_ns: 200_000_000, ..lease("anna", "a") }).unwrap();
    // A stopped agent cannot end itself.
    stuck.signal("STOP");
    std::thread::sleep(Duration::from_millis(300));
    take(&mut Agent::greeted_in(folder.path()), lease("bob", "b")).unwrap();
    assert!(!stuck.ended().success());
}

#[test]
fn an_agent_that_hears_nothing_gives_its_lease_back_and_ends() {
    let folder = TempDir::new().unwrap();
    let mut silent = Agent::greeted_in(folder.path());
    take(&mut silent, LeaseRequest { idle_ns: 1_000_000_000, ..lease("anna", "a") }).unwrap();
    // Longer than the idle timeout, but never idle.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        silent.ask(probe()).unwrap();
        silent.send_raw(b" ");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(silent.ended().code(), Some(3));
    assert!(!lease_file(folder.path()).exists());
}

#[test]
fn a_lease_of_the_same_session_is_changed_and_of_another_refused() {
    let folder = TempDir::new().unwrap();
    let mut agent = Agent::greeted_in(folder.path());
    take(&mut agent, lease("anna", "a")).unwrap();
    take(&mut agent, lease("anna again", "a")).unwrap();
    assert_eq!(take(&mut agent, lease("bob", "b")).unwrap_err().kind, FailureKind::BadRequest);
    let mut other = Agent::greeted_in(folder.path());
    let refused = take(&mut other, lease("carl", "c")).unwrap_err();
    assert!(refused.message.contains("leased by anna again"), "{}", refused.message);
}

#[test]
fn a_lease_that_makes_no_sense_is_refused() {
    let mut agent = Agent::greeted();
    for request in [
        LeaseRequest { idle_ns: 0, ..lease("a", "a") },
        LeaseRequest { idle_ns: u64::MAX, ..lease("a", "a") },
        lease("a", ""),
        lease("a", &"s".repeat(1000)),
    ] {
        assert_eq!(take(&mut agent, request).unwrap_err().kind, FailureKind::BadRequest);
    }
}

#[test]
fn an_owners_name_is_cut_and_printable() {
    let folder = TempDir::new().unwrap();
    let owner = format!("\u{1b}[31m\n{}", "é".repeat(5000));
    let mut agent = Agent::greeted_in(folder.path());
    take(&mut agent, lease(&owner, "a")).unwrap();
    let refused = take(&mut Agent::greeted_in(folder.path()), lease("b", "b")).unwrap_err();
    assert!(!refused.message.contains(char::is_control), "{:?}", refused.message);
    assert!(refused.message.chars().count() < 300, "{}", refused.message);
}

#[test]
fn the_lease_is_open_to_every_user_whatever_the_mask() {
    let folder = TempDir::new().unwrap();
    let script = "umask 077; exec \"$0\"";
    let mut agent = Agent::spawn(
        Command::new("sh").args(["-c", script, AGENT]).env("PEARL_AGENT_FOLDER", folder.path()),
    );
    agent.hello();
    take(&mut agent, lease("a", "a")).unwrap();
    let mode = std::fs::metadata(lease_file(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
}

#[test]
fn no_process_is_ended_for_what_a_file_says() {
    let folder = TempDir::new().unwrap();
    let mut bystander = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let mut holder = Agent::greeted_in(folder.path());
    take(&mut holder, LeaseRequest { idle_ns: 1_000_000_000, ..lease("a", "a") }).unwrap();
    let file = lease_file(folder.path());
    let text = std::fs::read_to_string(&file).unwrap();
    let (from, to) = (holder.child.id().to_string(), bystander.id().to_string());
    let forged = text.replace(&format!("\"pid\":{from}"), &format!("\"pid\":{to}"));
    assert_ne!(forged, text);
    std::fs::write(&file, &forged.as_bytes()[..4096]).unwrap();
    holder.signal("STOP");
    std::thread::sleep(Duration::from_millis(1100));
    let refused = take(&mut Agent::greeted_in(folder.path()), lease("b", "b")).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Busy);
    assert!(refused.message.contains("is not an agent but 'sleep'"), "{}", refused.message);
    assert!(!is_gone(bystander.id()));
    holder.signal("CONT");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn a_lease_file_that_is_none_is_refused() {
    for plant in ["link", "folder", "pipe"] {
        let folder = TempDir::new().unwrap();
        let file = lease_file(folder.path());
        match plant {
            "link" => symlink("/etc/passwd", &file).unwrap(),
            "folder" => std::fs::create_dir(&file).unwrap(),
            _ => assert!(Command::new("mkfifo").arg(&file).status().unwrap().success()),
        }
        let mut agent = Agent::greeted_in(folder.path());
        let refused = take(&mut agent, lease("a", "a")).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Device, "{plant}: {}", refused.message);
    }
}

#[test]
fn clock_rates_are_fixed_or_refused_with_the_reason_and_then_nothing_is_leased() {
    let folder = TempDir::new().unwrap();
    let mut agent = Agent::greeted_in(folder.path());
    let fix = LeaseRequest { frequency: Frequency::Fix, ..lease("a", "a") };
    match take(&mut agent, fix) {
        Ok(()) => agent.ask(AgentRequest::Release).map(drop).unwrap(),
        Err(refused) => {
            assert_eq!(refused.kind, FailureKind::Device, "{}", refused.message);
            assert!(refused.message.starts_with("clock rates cannot be fixed: "));
        }
    }
    take(&mut Agent::greeted_in(folder.path()), lease("b", "b")).unwrap();
}

#[test]
fn a_lease_lasts_as_long_as_the_work_and_its_silence() {
    let (folder, models) = (TempDir::new().unwrap(), Models::new());
    let mut agent = Agent::greeted_in(folder.path());
    take(&mut agent, LeaseRequest { idle_ns: 2_000_000_000, ..lease("anna", "a") }).unwrap();
    let mut request = endless(&models);
    request.limits.time_ns = 500_000_000_000;
    agent.send(AgentRequest::Launch(request));
    let launched = agent.launched();
    let refused = take(&mut Agent::greeted_in(folder.path()), lease("b", "b")).unwrap_err();
    let told = refused.message.split(" for ").nth(1).and_then(|text| text.split(' ').next());
    let seconds: u64 = told.unwrap().parse().unwrap();
    assert!((3..=502).contains(&seconds), "{}", refused.message);
    signal("KILL", launched);
    agent.answer().unwrap_err();
}
