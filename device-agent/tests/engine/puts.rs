//! Model files in pieces: what arrives whole is kept, and nothing else is.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::agent::product;
use crate::rig::{AGENT, Agent, launch, lease, meant};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, ModelFile, PUT_BYTES, PutRequest};
use pearl_agent::protocol::wire::Failure;
use pearl_agent::protocol::wire::FailureKind::{self, BadInput, BadRequest, Busy, Device, Limit};
use proptest::prelude::*;
use tempfile::TempDir;

fn sha256(bytes: &[u8]) -> String {
    meant(Path::new("x"), bytes).sha256
}

fn piece(whole: &[u8], offset: usize, length: usize) -> PutRequest {
    let end = whole.len().min(offset + length);
    PutRequest {
        sha256: sha256(whole),
        bytes: whole.len() as u64,
        offset: offset as u64,
        data: STANDARD.encode(&whole[offset..end]),
    }
}

fn put(agent: &mut Agent, request: PutRequest) -> Result<Option<ModelFile>, Failure> {
    agent.ask(AgentRequest::Put(request)).map(|done| {
        let AgentDone::Put(report) = done else { panic!("{done:?}") };
        report.model
    })
}

/// All pieces of that length; the answer to the last.
fn put_all(agent: &mut Agent, whole: &[u8], length: usize) -> Option<ModelFile> {
    let mut last = None;
    for offset in (0..whole.len()).step_by(length) {
        assert_eq!(last, None);
        last = put(agent, piece(whole, offset, length)).unwrap();
    }
    last
}

fn kept(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("models")).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_put_in_pieces_is_kept_verified_and_can_be_launched() {
    let folder = TempDir::new().unwrap();
    let mut agent = Agent::greeted_in(folder.path());
    let whole = product();
    let asked = piece(&whole, 0, 0);
    assert_eq!(put(&mut agent, asked.clone()).unwrap(), None);
    let model = put_all(&mut agent, &whole, 50).unwrap();
    assert_eq!(model.sha256, sha256(&whole));
    let place = fs::canonicalize(folder.path()).unwrap().join("models");
    assert_eq!(Path::new(&model.path), place.join(format!("{}.onnx", model.sha256)));
    assert_eq!(fs::read(&model.path).unwrap(), whole);
    assert_eq!(kept(folder.path()), [format!("{}.onnx", model.sha256)]);
    agent.ask(AgentRequest::Lease(lease("a", "a"))).unwrap();
    agent.ask(AgentRequest::Launch(launch(model.clone()))).unwrap();
    drop(agent);
    // Another agent finds the file, unless its content has changed.
    let mut next = Agent::greeted_in(folder.path());
    assert_eq!(next.hello().platform.folder, place.parent().unwrap().to_str().unwrap());
    assert_eq!(put(&mut next, asked.clone()).unwrap(), Some(model.clone()));
    fs::write(&model.path, &whole[1..]).unwrap();
    assert_eq!(put(&mut next, asked).unwrap(), None);
    assert!(kept(folder.path()).is_empty());
}

#[test]
fn half_a_file_goes_away_with_its_agent() {
    let folder = TempDir::new().unwrap();
    let whole = vec![7; 5000];
    for end in ["stdin", "TERM", "KILL"] {
        let mut agent = Agent::greeted_in(folder.path());
        put(&mut agent, piece(&whole, 0, 1000)).unwrap();
        assert_eq!(kept(folder.path()), [format!("{}.part", sha256(&whole))]);
        match end {
            "stdin" => drop(agent.stdin.take()),
            signal => agent.signal(signal),
        }
        agent.ended();
        if end == "KILL" {
            Agent::greeted_in(folder.path());
        }
        assert!(kept(folder.path()).is_empty(), "{end}");
    }
}

#[test]
fn two_agents_do_not_write_one_file() {
    let folder = TempDir::new().unwrap();
    let whole = vec![7; 5000];
    let mut first = Agent::greeted_in(folder.path());
    put(&mut first, piece(&whole, 0, 1000)).unwrap();
    let mut second = Agent::greeted_in(folder.path());
    assert_eq!(put(&mut second, piece(&whole, 0, 1000)).unwrap_err().kind, Busy);
    put(&mut first, piece(&whole, 1000, 4000)).unwrap().unwrap();
}

fn check(agent: &mut Agent, request: PutRequest, kind: FailureKind, told: &str) {
    let failure = put(agent, request).unwrap_err();
    assert_eq!(failure.kind, kind, "{}", failure.message);
    assert!(failure.message.contains(told), "'{told}' is not in: {}", failure.message);
}

#[test]
fn pieces_that_make_no_sense_are_refused_and_harm_nothing() {
    let folder = TempDir::new().unwrap();
    let mut agent = Agent::greeted_in(folder.path());
    let whole: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let first = piece(&whole, 0, 1000);
    let digits = "64 lower-case hexadecimal digits";
    for name in ["", "../../etc/passwd", &"A".repeat(64), &"é".repeat(32), &"0".repeat(65), "a/b"]
    {
        let request = PutRequest { sha256: name.into(), ..first.clone() };
        check(&mut agent, request, BadRequest, digits);
    }
    let changed = |change: &dyn Fn(&mut PutRequest)| {
        let mut request = first.clone();
        change(&mut request);
        request
    };
    for (request, kind, told) in [
        (changed(&|put| put.bytes = 0), BadRequest, "an empty file"),
        (changed(&|put| put.bytes = (64 << 30) + 1), Limit, "the limit is 68719476736"),
        (changed(&|put| put.bytes = u64::MAX), Limit, "the limit is"),
        (changed(&|put| put.data = "not base64".into()), BadRequest, "base64"),
        (changed(&|put| put.data.push('=')), BadRequest, "base64"),
        (changed(&|put| put.data = "A".repeat(PUT_BYTES * 4 / 3 + 8)), Limit, "a piece of more"),
        (changed(&|put| put.bytes = 999), BadRequest, "a piece that ends at 1000 of 999 bytes"),
        (piece(&whole, 1000, 1000), BadRequest, "a file that was not begun"),
    ] {
        check(&mut agent, request, kind, told);
    }
    put(&mut agent, first).unwrap();
    for offset in [500, 2000] {
        check(&mut agent, piece(&whole, offset, 500), BadRequest, "the next is at 1000");
    }
    let other = PutRequest { bytes: 3001, ..piece(&whole, 1000, 1000) };
    check(&mut agent, other, BadRequest, "it had 3000 bytes before");
    let far = PutRequest { offset: u64::MAX, ..piece(&whole, 1000, 1000) };
    check(&mut agent, far, BadRequest, "a piece that ends at 18446744073709551615 of 3000");
    // The file that was begun is unharmed.
    put(&mut agent, piece(&whole, 1000, 1000)).unwrap();
    put(&mut agent, piece(&whole, 2000, 1000)).unwrap().unwrap();
}

#[test]
fn bytes_other_than_meant_are_refused_with_their_hash_and_not_kept() {
    let folder = TempDir::new().unwrap();
    let mut agent = Agent::greeted_in(folder.path());
    let (meant, sent) = ([1; 100], [2; 100]);
    let request = PutRequest { sha256: sha256(&meant), ..piece(&sent, 0, 100) };
    check(&mut agent, request, BadInput, &sha256(&sent));
    assert!(kept(folder.path()).is_empty());
}

#[test]
fn a_device_without_the_space_says_so_before_anything_is_sent() {
    let folder = TempDir::new().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "none"])
        .arg(&small)
        .status();
    assert!(mounted.unwrap().success(), "a file system cannot be mounted here");
    let mut agent = Agent::greeted_in(&small);
    let whole = vec![7; 2 << 20];
    check(&mut agent, piece(&whole, 0, 1000), Device, "no space for 2097152 bytes");
    assert!(kept(&small).is_empty());
    // Another file takes the space in the meantime.
    let whole = vec![7; 900 << 10];
    put(&mut agent, piece(&whole, 0, 1 << 10)).unwrap();
    fs::write(small.join("other"), vec![0; 900 << 10]).unwrap_or_default();
    check(&mut agent, piece(&whole, 1 << 10, 899 << 10), Device, "cannot be stored");
    assert!(kept(&small).is_empty());
    // Read-only from now on.
    fs::remove_file(small.join("other")).unwrap();
    let again = Command::new("mount").args(["-o", "remount,ro"]).arg(&small).status();
    assert!(again.unwrap().success());
    check(&mut agent, piece(&whole, 0, 1 << 10), Device, "set PEARL_AGENT_FOLDER");
    drop(agent);
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
}

#[test]
fn without_a_private_folder_an_agent_greets_and_refuses_to_keep_anything() {
    let folder = TempDir::new().unwrap();
    let absent = folder.path().join("no/such/folder");
    let mut agent = Agent::spawn(Command::new(AGENT).env("PEARL_AGENT_FOLDER", &absent));
    assert_eq!(agent.hello().platform.folder, "");
    check(&mut agent, piece(&[1], 0, 1), Device, "cannot be made");
}

#[test]
fn without_a_name_given_the_folder_is_the_users_own() {
    let outside = TempDir::new().unwrap();
    let mut agent = Agent::spawn(
        Command::new(AGENT).env_remove("PEARL_AGENT_FOLDER").env("TMPDIR", outside.path()),
    );
    let user = rustix::process::geteuid().as_raw();
    let expected = fs::canonicalize(outside.path()).unwrap().join(format!("pearl-{user}"));
    assert_eq!(agent.hello().platform.folder, expected.to_str().unwrap());
    // An agent that was put into a folder of its own takes that.
    let own = outside.path().join("pearl-uploaded");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    fs::copy(AGENT, own.join("agent")).unwrap();
    let mut agent = Agent::spawn(Command::new(own.join("agent")).env_remove("PEARL_AGENT_FOLDER"));
    assert_eq!(agent.hello().platform.folder, fs::canonicalize(own).unwrap().to_str().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_arrive_in_pieces_of_any_length(
        whole in prop::collection::vec(any::<u8>(), 1..3000), length in 1..1000usize,
    ) {
        let folder = TempDir::new().unwrap();
        let mut agent = Agent::greeted_in(folder.path());
        let model = put_all(&mut agent, &whole, length).unwrap();
        prop_assert_eq!(fs::read(model.path).unwrap(), whole);
    }
}
