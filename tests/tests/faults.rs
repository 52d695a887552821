//! What can go wrong between a host and a device: a clear error with the right exit code or a
//! measurement that goes on, and nothing left behind on the device.
//!
//! No namespace has a wall clock of its own, so a clock that jumps is tried by its one effect: the
//! host's deadlines and the agent's samples are taken from monotonic clocks, a lease ends by the time
//! since the device was started, and the wall clock decides alone which model files are a week old.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use pearl_agent::protocol::messages::TensorData;
use pearl_tests::board::{Options, PASSWORD};
use pearl_tests::data::Noise;
use pearl_tests::finished::Finished;
use pearl_tests::lab::Lab;
use pearl_tests::pearl::DEADLINE;
use pearl_tests::processes::Process;
use pearl_tests::running::Running;
use pearl_tests::talk::Talk;
use rustix::process::Signal;

fn input() -> TensorData {
    let mut noise = Noise(1);
    TensorData { dims: vec![1, 1, 28, 28], values: (0..784).map(|_| noise.float()).collect() }
}

#[test]
fn a_link_that_is_cut_for_half_a_minute_costs_no_measurement() {
    let lab = Lab::new();
    let mut talk = lab.talk();
    talk.lease().unwrap();
    let before = talk.run(&lab.model, &input()).unwrap();
    thread::scope(|scope| {
        let board = &lab.board;
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(500));
            board.cut_link();
            thread::sleep(Duration::from_secs(30));
            board.mend_link();
        });
        // It ends while the link is down.
        let report = talk.launch(&lab.model, 3_000_000_000).unwrap();
        assert!(report.samples_ns.len() >= 3);
    });
    assert_eq!(talk.run(&lab.model, &input()).unwrap(), before);
    talk.close();
    lab.is_clean();
}

#[test]
fn a_board_that_is_started_again_goes_on_where_it_was() {
    let lab = Lab::new();
    let mut talk = lab.talk();
    talk.lease().unwrap();
    let before = talk.run(&lab.model, &input()).unwrap();
    lab.board.reboot();
    assert_eq!(lab.board.agent_files("/tmp", 0), [""; 0]);
    // The agent and the model have to be put there again.
    assert_eq!(talk.run(&lab.model, &input()).unwrap(), before);
    assert!(talk.stderr().contains("was rebooted"), "{}", talk.stderr());
    talk.close();
    lab.is_clean();
}

#[test]
fn an_agent_that_is_killed_in_a_launch_costs_that_launch_alone() {
    let lab = Lab::new();
    let mut talk = lab.talk();
    talk.lease().unwrap();
    let report = thread::scope(|scope| {
        let launch = scope.spawn(|| talk.launch(&lab.model, 4_000_000_000));
        thread::sleep(Duration::from_secs(2));
        lab.board.agents().iter().for_each(Process::kill);
        launch.join().unwrap().unwrap()
    });
    assert!(report.samples_ns.len() >= 3);
    talk.close();
    lab.is_clean();
}

#[test]
fn a_full_disk_is_named_and_holds_no_half_file_afterwards() {
    // Too small for the agent.
    let lab = Lab::with(
        Options { tmp: Some("mode=1777,size=1m".to_owned()), ..Options::default() },
        "folder = \"/tmp\"",
    );
    assert_eq!(lab.refusal(&["/tmp/pearl-0", "no space left", "folder"]), [""; 0]);
    lab.is_clean();

    // Large enough for the agent, too small for this model.
    let lab = Lab::new();
    let hello = lab.talk().hello();
    let agent = lab.board.path(&format!("/tmp/pearl-0/agent-{}", hello.build));
    let size = agent.metadata().unwrap().len() + (64 << 10);
    let tmp = Some(format!("mode=1777,size={size}"));
    let lab = Lab::with(Options { tmp, ..Options::default() }, "folder = \"/tmp\"");
    let mut talk = lab.talk();
    let refused = talk.run(&lab.model, &input()).unwrap_err();
    assert!(refused.contains("no space"), "{refused}");
    talk.close();
    lab.is_clean();
}

#[test]
fn a_folder_that_cannot_hold_programs_is_named_with_the_reason() {
    let lab = Lab::with(
        Options { tmp: Some("mode=1777,noexec".to_owned()), ..Options::default() },
        "folder = \"/tmp\"",
    );
    assert_eq!(lab.refusal(&["/tmp", "noexec", "folder"]), [""; 0]);
    assert_eq!(lab.board.agent_files("/tmp", 0), [""; 0]);
    for (folder, word) in
        [("/sys", "/sys cannot be written"), ("/nowhere", "/nowhere does not exist")]
    {
        let entry = lab.board.entry("board", &format!("folder = \"{folder}\""));
        lab.pearl.write("devices.toml", entry);
        assert_eq!(lab.refusal(&[word]), [""; 0]);
    }
    // Left to itself it finds another one.
    lab.pearl.write("devices.toml", lab.board.entry("board", ""));
    lab.reach().ok();
    assert_eq!(lab.board.agent_files("/data/local/tmp", 0).len(), 1);
}

#[test]
fn a_device_whose_first_shared_folder_is_read_only_is_leased_by_the_next() {
    let lab = Lab::with(Options { tmp: Some("mode=1777,ro".to_owned()), ..Options::default() }, "");
    let mut talk = lab.talk();
    talk.lease().unwrap();
    assert!(lab.board.path("/data/local/tmp/pearl-agent.lease").exists());
    let busy = lab.talk().lease().unwrap_err();
    assert!(busy.contains("leased"), "{busy}");
    talk.close();
    lab.is_clean();
}

#[test]
fn somebody_elses_folder_of_the_agents_name_is_not_used() {
    let lab = Lab::with(Options::default(), "folder = \"/tmp\"");
    let folder = lab.board.path("/tmp/pearl-0");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(1000), Some(1000)).unwrap();
    assert_eq!(lab.refusal(&["/tmp/pearl-0", "not this user's alone"]), [""; 0]);
}

#[test]
fn an_agent_for_another_architecture_is_not_sent() {
    let lab = Lab::new();
    let folder = lab.pearl.path("agents");
    fs::create_dir(&folder).unwrap();
    let reach = || {
        let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
        Running::start(command.env("PEARL_AGENTS", &folder)).finish(DEADLINE)
    };
    let missing = reach().faults_of_refusal(4, &["pearl-agent-aarch64", "make agent-arm64"]);
    assert_eq!(missing, [""; 0]);
    fs::copy("/bin/true", folder.join("pearl-agent-aarch64")).unwrap();
    let wrong = reach().faults_of_refusal(4, &["is for x86_64, not aarch64", "make agent-arm64"]);
    assert_eq!(wrong, [""; 0]);
    assert_eq!(lab.board.agent_files("/tmp", 0), [""; 0]);
}

#[test]
fn what_answers_like_no_agent_is_given_up_in_one_line() {
    let lab = Lab::new();
    lab.reach().ok();
    for (wrapper, words) in [
        ("\"/bin/echo\"", &["not in the protocol"][..]),
        ("\"/usr/bin/yes\"", &["not in the protocol"]),
        ("\"/tmp/endless\"", &["line", "longer"]),
        ("\"/bin/false\"", &["ended"]),
        ("\"/nowhere/wrapper\"", &["/nowhere/wrapper"]),
    ] {
        let endless = lab.board.path("/tmp/endless");
        fs::write(&endless, "#!/bin/sh\nexec tr '\\0' x </dev/zero\n").unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&endless, fs::Permissions::from_mode(0o755)).unwrap();
        let entry = lab.board.entry("board", &format!("wrapper = [{wrapper}]"));
        lab.pearl.write("devices.toml", entry);
        assert_eq!(lab.refusal(words), [""; 0], "{wrapper}");
    }
    lab.is_clean();
}

#[test]
fn a_host_that_is_not_known_or_has_changed_is_refused_with_how_to_accept_it() {
    let lab = Lab::new();
    let known = fs::read_to_string(lab.board.known_hosts()).unwrap();
    let accept = |refused: &Finished| {
        let command = refused.stderr.split("accept it with: ").nth(1).unwrap().trim().to_owned();
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &command]).env("HOME", lab.board.home());
        assert!(Running::start(shell).finish(DEADLINE).status.success(), "{command}");
    };
    fs::remove_file(lab.board.known_hosts()).unwrap();
    let unknown = lab.reach();
    let words = ["10.77.0.2", "is not known", "sha256:", "known_hosts"];
    assert_eq!(unknown.faults_of_refusal(4, &words), [""; 0]);
    accept(&unknown);
    lab.reach().ok();

    fs::write(lab.board.known_hosts(), &known).unwrap();
    lab.board.change_host_key();
    lab.board.reboot();
    let changed = lab.reach();
    let words = ["10.77.0.2", "has changed", "sha256:", "ssh-keygen -f"];
    assert_eq!(changed.faults_of_refusal(4, &words), [""; 0]);
    assert!(lab.board.agent_files("/tmp", 0).is_empty());
    accept(&changed);
    lab.reach().ok();
}

#[test]
fn a_key_or_a_password_that_is_not_taken_is_told_with_what_is() {
    let lab = Lab::new();
    let stranger = lab.pearl.path("stranger");
    let mut keygen = Command::new("ssh-keygen");
    let keygen = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger);
    assert!(keygen.status().unwrap().success());
    let own = lab.board.identity().display().to_string();
    let entry = lab.board.entry("board", "").replace(&own, &stranger.display().to_string());
    lab.pearl.write("devices.toml", entry);
    let words = ["root", "stranger", "publickey", "identity", "ssh-add", "pearl_ssh_password"];
    assert_eq!(lab.refusal(&words), [""; 0]);

    let with_password = |password: &str| {
        let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
        Running::start(command.env("PEARL_SSH_PASSWORD", password)).finish(DEADLINE)
    };
    let wrong = with_password("wrong");
    assert_eq!(wrong.faults_of_refusal(4, &["a password", "root"]), [""; 0]);
    assert!(!wrong.stderr.contains("wrong"), "{wrong:?}");
    with_password(PASSWORD).ok();
}

#[test]
fn a_key_with_a_passphrase_is_opened_by_the_environments() {
    let lab = Lab::new();
    let mut keygen = Command::new("ssh-keygen");
    let keygen = keygen.args(["-q", "-p", "-P", "", "-N", "open it", "-f"]);
    assert!(keygen.arg(lab.board.identity()).status().unwrap().success());
    for (passphrase, code) in [(None, 4), (Some("wrong"), 4), (Some("open it"), 0)] {
        let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
        command.envs(passphrase.map(|passphrase| ("PEARL_SSH_PASSWORD", passphrase)));
        let done = Running::start(&mut command).finish(DEADLINE);
        assert_eq!(done.code(), Some(code), "{passphrase:?}: {done:?}");
    }
}

#[test]
fn a_key_of_the_ssh_agent_is_taken_and_an_agent_that_does_not_answer_is_late() {
    let lab = Lab::new();
    let named = format!("identity = {:?}\n", lab.board.identity().display().to_string());
    lab.pearl.write("devices.toml", lab.board.entry("board", "").replace(&named, ""));
    let socket = lab.pearl.path("agent.sock");
    let with_agent = |socket: &Path| {
        let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
        Running::start(command.env("SSH_AUTH_SOCK", socket)).finish(DEADLINE)
    };
    let mut agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).spawn().unwrap();
    let mut add = Command::new("ssh-add");
    add.env("SSH_AUTH_SOCK", &socket).args(["-q"]).arg(lab.board.identity());
    let start = Instant::now();
    while !socket.exists() && start.elapsed() < DEADLINE {
        thread::sleep(Duration::from_millis(20));
    }
    let added = add.status().map(|status| status.success());
    let done = with_agent(&socket);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(added.unwrap());
    done.ok();

    let mute = lab.pearl.path("mute.sock");
    let _listener = UnixListener::bind(&mute).unwrap();
    let late = with_agent(&mute);
    assert_eq!(late.faults_of_refusal(4, &["'board'", "ssh agent", "no answer"]), [""; 0]);
}

#[test]
fn a_device_that_is_off_is_given_up_in_time() {
    let lab = Lab::new();
    lab.board.halt();
    let start = Instant::now();
    assert_eq!(lab.refusal(&["10.77.0.2:22", "connecting"]), [""; 0]);
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_model_larger_than_the_devices_memory_is_not_sent() {
    let options = Options { memory_kibibytes: Some(1 << 20), ..Options::default() };
    let lab = Lab::with(options, "");
    let huge = lab.pearl.path("huge.onnx");
    fs::File::create(&huge).unwrap().set_len(1536 << 20).unwrap();
    let mut talk = lab.talk();
    let refused = talk.run(&huge, &input()).unwrap_err();
    for words in ["huge.onnx", "1536 MiB", "1024 MiB", "'board'"] {
        assert!(refused.contains(words), "{refused}");
    }
    // A model that fails fails alone.
    talk.run(&lab.model, &input()).unwrap();
    let sent = talk.close();
    assert!(sent.bytes < 8 << 20, "{sent:?}");
    lab.is_clean();
}

#[test]
fn a_clock_that_jumps_by_a_week_costs_another_upload_and_no_launch() {
    let lab = Lab::new();
    let mut talk = lab.talk();
    talk.lease().unwrap();
    let before = talk.run(&lab.model, &input()).unwrap();
    let files = lab.board.agent_files("/tmp", 0);
    let name = files.iter().find(|name| name.ends_with(".onnx")).unwrap();
    let there = lab.board.path("/tmp/pearl-0").join(name);
    let week = Duration::from_secs(8 * 24 * 3600);
    fs::File::options()
        .write(true)
        .open(&there)
        .and_then(|file| file.set_modified(SystemTime::now() - week))
        .unwrap();
    // Another host's agent tidies while this one's goes on.
    lab.reach().ok();
    assert!(!there.exists());
    assert!(talk.launch(&lab.model, 100_000_000).unwrap().samples_ns.len() >= 3);
    assert_eq!(talk.run(&lab.model, &input()).unwrap(), before);
    assert!(there.exists());
    talk.close();
    lab.is_clean();
}

#[test]
fn an_upload_that_is_interrupted_leaves_nothing() {
    let lab = Lab::new();
    lab.reach().ok();
    let large = lab.pearl.path("large.onnx");
    fs::write(&large, vec![7; 256 << 20]).unwrap();
    let mut bench = lab.start("--quiet bench large.onnx --device board");
    let half = || {
        let files = lab.board.agent_files("/tmp", 0);
        files.iter().any(|name| name.ends_with(".part")).then_some(())
    };
    bench.until(DEADLINE, half).expect("it sends a part before it ends");
    bench.signal(Signal::INT);
    let interrupted = bench.finish(DEADLINE);
    assert_eq!(interrupted.code(), Some(130), "{interrupted:?}");
    lab.is_clean();
}

#[test]
fn an_agents_upload_that_is_interrupted_leaves_nothing() {
    let lab = Lab::new();
    let mut talk = lab.start("--quiet talk board");
    let half = || {
        let files = lab.board.agent_files("/tmp", 0);
        files.iter().any(|name| name.starts_with("part-")).then_some(())
    };
    talk.until(DEADLINE, half).expect("it sends a part before it ends");
    talk.signal(Signal::INT);
    let interrupted = talk.finish(DEADLINE);
    assert_eq!(interrupted.code(), Some(130), "{interrupted:?}");
    lab.is_clean();
    assert_eq!(lab.board.agent_files("/tmp", 0), [""; 0]);
}

#[test]
fn a_phone_that_is_not_ready_is_explained() {
    let lab = Lab::new();
    for (listed, serial, words) in [
        ("", "", &["no device", "usb debugging"][..]),
        ("a device, b device", "", &["several devices (a, b)", "serial"]),
        ("a offline", "", &["a is offline", "reconnect"]),
        ("a unauthorized", "serial = \"a\"", &["a is unauthorized", "confirm"]),
        ("a device", "serial = \"b\"", &["no device b", "attached: a"]),
    ] {
        lab.pearl.write("devices.toml", format!("[device.phone]\ntransport = \"adb\"\n{serial}\n"));
        let mut command = lab.board.command(&lab.pearl, "--quiet talk phone");
        let refused = Running::start(command.env("ADB_DEVICES", listed)).finish(DEADLINE);
        assert_eq!(refused.faults_of_refusal(4, &[words, &["'phone'"]].concat()), [""; 0]);
    }
    lab.pearl.write("devices.toml", "[device.phone]\ntransport = \"adb\"\n");
    let mut command = lab.board.command(&lab.pearl, "--quiet talk phone");
    command
        .env("ADB_DEVICES", "a offline, emulator-5554 device")
        .env("ANDROID_SERIAL", "emulator-5554");
    Running::start(&mut command).finish(DEADLINE).ok();
    let mut command = lab.board.command(&lab.pearl, "--quiet talk phone");
    let missing = Running::start(command.env("PEARL_ADB", "/nowhere/adb")).finish(DEADLINE);
    let words = ["/nowhere/adb", "platform tools", "pearl_adb"];
    assert_eq!(missing.faults_of_refusal(4, &words), [""; 0]);
    let mut command = lab.board.command(&lab.pearl, "--quiet talk phone");
    let mute = Running::start(command.env("PEARL_ADB", "/bin/false")).finish(DEADLINE);
    let words = ["/bin/false devices", "no list", "pearl_adb"];
    assert_eq!(mute.faults_of_refusal(4, &words), [""; 0]);
}

#[test]
fn an_old_phone_with_a_terminal_in_between_is_measured_all_the_same() {
    let lab = Lab::new();
    lab.pearl.write("devices.toml", "[device.phone]\ntransport = \"adb\"\n");
    let mut command = lab.board.command(&lab.pearl, "talk phone");
    let mut talk = Talk::start(command.env("ADB_PTY", "1"));
    talk.run(&lab.model, &input()).unwrap();
    talk.close();
    lab.is_clean();
}

#[test]
fn a_wrapper_sets_variables_and_processors() {
    let lab =
        Lab::with(Options::default(), "wrapper = [\"env\", \"X=1\", \"taskset\", \"-c\", \"0,1\"]");
    let mut talk = lab.talk();
    talk.hello();
    let agent = lab.board.agents().remove(0);
    let environment = fs::read(format!("/proc/{}/environ", agent.id)).unwrap();
    assert!(environment.split(|byte| *byte == 0).any(|set| set == b"X=1"), "{environment:?}");
    talk.close();
}

#[test]
fn a_word_that_a_shell_would_interpret_is_refused_before_anything_is_reached() {
    let lab = Lab::new();
    for key in ["wrapper = [\"nice; touch /tmp/owned\"]", "folder = \"/tmp/$(touch owned)\""] {
        lab.pearl.write("devices.toml", lab.board.entry("board", key));
        let refused = lab.reach();
        assert_eq!(refused.faults_of_refusal(2, &["devices.toml", "touch", "shell"]), [""; 0]);
    }
}
