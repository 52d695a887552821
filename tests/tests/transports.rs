//! One suite over every way to reach a device: this machine, an ARM64 board over ssh, and the board's
//! userland through a stand-in for adb.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pearl_agent::protocol::messages::{Precision, TensorData};
use pearl_tests::board::Board;
use pearl_tests::data::Noise;
use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::python;
use pearl_tests::running::Running;
use pearl_tests::talk::{Talk, number};
use serde_json::Value;

const ALL: [&str; 3] = ["local", "board", "phone"];
/// Those whose files are not this machine's, with their folder and its user.
const REMOTE: [(&str, &str, u32); 2] = [("board", "/tmp", 0), ("phone", "/data/local/tmp", 2000)];

/// One for all tests, which take turns at it.
fn board() -> &'static Board {
    static BOARD: OnceLock<Board> = OnceLock::new();
    BOARD.get_or_init(Board::start)
}

/// A host with three devices, and a model.
struct Host {
    pearl: Pearl,
    model: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Host {
    fn new() -> Host {
        Host::with_seed(0)
    }

    /// Other seeds give other models.
    fn with_seed(seed: u64) -> Host {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let pearl = Pearl::new();
        let phone = "[device.phone]\ntransport = \"adb\"\nserial = \"emulator-5554\"\n";
        pearl.write("devices.toml", board().entry("board", "") + phone);
        let host = Host { model: pearl.path("a.onnx"), pearl, _turn: turn };
        host.export(seed);
        host
    }

    fn export(&self, seed: u64) {
        let network = "resnet-8 --input 1x28x28 --classes 10";
        self.pearl.line(&format!("export {network} --seed {seed} -o a.onnx")).ok();
    }

    /// Random students of the space `mnas`, with random weights.
    fn students(&self, count: usize) -> Vec<PathBuf> {
        let sample = "arch sample --space mnas --input 1x28x28 --classes 10 -o students --json";
        let sampled = self.pearl.line(&format!("{sample} -n {count}")).ok().json();
        let export = |student: &Value| {
            let path = PathBuf::from(student["path"].as_str().unwrap()).with_extension("onnx");
            let arch = student["path"].as_str().unwrap();
            self.pearl.line(&format!("export {arch} -o {}", path.display())).ok();
            self.pearl.path(path.to_str().unwrap())
        };
        sampled["architectures"].as_array().unwrap().iter().map(export).collect()
    }

    fn talk(&self, device: &str) -> Talk {
        self.talk_by(device, "")
    }

    fn talk_by(&self, device: &str, more: &str) -> Talk {
        Talk::start(&mut board().command(&self.pearl, &format!("talk {device} {more}")))
    }
}

fn input() -> TensorData {
    let mut noise = Noise(1);
    TensorData { dims: vec![1, 1, 28, 28], values: (0..784).map(|_| noise.float()).collect() }
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_device_tells_what_it_is() {
    let host = Host::new();
    for (device, arch) in [("local", "x86_64"), ("board", "aarch64"), ("phone", "aarch64")] {
        let hello = host.talk(device).hello();
        assert_eq!(hello.platform.arch, arch, "{device}");
        assert_eq!(hello.build.len(), 64, "{device}");
        assert!(!hello.platform.cpus.is_empty(), "{device}");
    }
}

#[test]
fn a_network_computes_the_same_on_every_device() {
    let host = Host::new();
    let students = host.students(3);
    let mut talks = ALL.map(|device| host.talk(device));
    for model in students.iter().chain([&host.model]) {
        let outputs = talks.each_mut().map(|talk| talk.run(model, &input()).unwrap());
        let largest = outputs[0].iter().fold(0.0, |most: f32, logit| most.max(logit.abs()));
        assert_eq!((outputs[0].len(), largest > 1e-3), (10, true), "{outputs:?}");
        for (device, output) in ALL.iter().zip(&outputs) {
            let far = distance(output, &outputs[0]);
            assert!(far < 1e-3 * largest, "{} on {device}: {outputs:?}", model.display());
        }
    }
}

#[test]
fn half_precision_agrees_with_full_where_the_device_has_it_and_is_refused_elsewhere() {
    let host = Host::new();
    let student = &host.students(1)[0];
    for device in ALL {
        let mut talk = host.talk(device);
        let has_it = talk.hello().platform.half_precision;
        // The emulated processor has it.
        assert!(has_it || device == "local", "{device}");
        let half = talk.run_in(Precision::F16, student, &input());
        if has_it {
            let (half, full) = (half.unwrap(), talk.run(student, &input()).unwrap());
            let largest = full.iter().fold(0.0, |most: f32, logit| most.max(logit.abs()));
            let far = distance(&half, &full);
            // Ten bits of mantissa, and some twenty layers.
            assert!(far > 0.0 && far < 0.02 * largest, "{device}: {half:?}, {full:?}");
        } else {
            assert!(half.unwrap_err().contains("precision f16: "), "{device}");
        }
        talk.close();
    }
}

#[test]
fn a_device_is_looked_at_a_model_is_timed_and_its_operators_are() {
    let host = Host::new();
    for device in ALL {
        let mut talk = host.talk(device);
        talk.lease().unwrap();
        let look = talk.look();
        assert!(look.readings.iter().all(|of| of.network_ns > 0), "{device}: {look:?}");
        let launch = talk.launch(&host.model, 0).unwrap();
        assert!(launch.samples_ns.len() >= 3, "{device}: {launch:?}");
        assert!(launch.samples_ns.iter().all(|&time| time > 0), "{device}");
        let profile = talk.profile(&host.model);
        assert!(profile.ops.len() > 5 && profile.plain_ns > 0, "{device}: {profile:?}");
        talk.close();
    }
}

#[test]
fn the_agent_is_put_on_a_device_once_into_a_folder_that_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    for (device, place, user) in REMOTE {
        let build = host.talk(device).hello().build;
        let agent = format!("agent-{build}");
        let folder = format!("{place}/pearl-{user}");
        assert_eq!(board().path(&folder).metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let first = number(&board().path(&format!("{folder}/{agent}")));
        host.talk(device).hello();
        assert_eq!(number(&board().path(&format!("{folder}/{agent}"))), first);
        let left = board().agent_files(place, user);
        let agents: Vec<_> = left.iter().filter(|name| name.starts_with("agent-")).collect();
        assert_eq!(agents, [&agent], "{device}");
        assert!(!left.iter().any(|name| name.starts_with("part-")), "{device}: {left:?}");
    }
}

#[test]
fn agents_of_other_hosts_stay_as_long_as_they_are_few() {
    use std::time::{Duration, SystemTime};
    let host = Host::new();
    let build = host.talk("board").hello().build;
    let folder = board().path("/tmp/pearl-0");
    for age in 1..8 {
        let path = folder.join(format!("agent-{age}"));
        fs::write(&path, "another").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60 * age)).unwrap();
    }
    // The agent is put there again.
    fs::remove_file(folder.join(format!("agent-{build}"))).unwrap();
    assert_eq!(host.talk("board").hello().build, build);
    let mut agents = board().agent_files("/tmp", 0);
    agents.retain(|name| name.starts_with("agent-"));
    let mut expected = vec![format!("agent-{build}")];
    expected.extend((1..4).map(|age| format!("agent-{age}")));
    agents.sort();
    expected.sort();
    for age in 1..4 {
        fs::remove_file(folder.join(format!("agent-{age}"))).unwrap();
    }
    assert_eq!(agents, expected);
}

#[test]
fn the_same_model_is_not_sent_twice() {
    let host = Host::with_seed(21);
    let bytes = fs::metadata(&host.model).unwrap().len();
    for (device, ..) in REMOTE {
        let sent = [(); 2].map(|()| {
            let mut talk = host.talk(device);
            talk.run(&host.model, &input()).unwrap();
            talk.run(&host.model, &input()).unwrap();
            talk.close()
        });
        assert!(sent[0].bytes > bytes, "{device}: {sent:?}, the model has {bytes}");
        assert!(sent[0].bytes < 2 * bytes, "{device}: {sent:?}, the model has {bytes}");
        assert!(sent[1].bytes < bytes, "{device}: {sent:?}, the model has {bytes}");
        // Greeting, question for the model, model, two runs.
        assert_eq!((sent[0].round_trips, sent[1].round_trips), (5, 4), "{device}");
    }
}

#[test]
fn weights_beside_a_model_are_sent_with_it_and_computed_alike_everywhere() {
    let host = Host::new();
    python::run("make_models.py", [host.pearl.path("")]);
    let model = host.pearl.path("beside.onnx");
    let weights = host.pearl.path("weights/all.data");
    let ones = TensorData { dims: vec![1, 4], values: vec![1.0; 4] };
    for device in ALL {
        let sent = [(); 2].map(|()| {
            let mut talk = host.talk(device);
            let sums =
                talk.run_with_weights(&model, ("weights/all.data", &weights), &ones).unwrap();
            assert_eq!(sums, [24.0, 28.0, 32.0, 36.0], "{device}");
            talk.close()
        });
        // Greeting, a question for each file, two files, a run; the second time nothing is sent.
        let trips = if device == "local" { (2, 2) } else { (6, 4) };
        assert_eq!((sent[0].round_trips, sent[1].round_trips), trips, "{device}");
        assert!(
            host.talk(device).run(&model, &ones).unwrap_err().contains("'w' lie in"),
            "{device}"
        );
    }
}

#[test]
fn a_changed_model_at_the_same_path_is_uploaded_again() {
    let host = Host::with_seed(31);
    for (device, ..) in REMOTE {
        let mut talk = host.talk(device);
        host.export(31);
        let first = talk.run(&host.model, &input()).unwrap();
        host.export(32);
        let second = talk.run(&host.model, &input()).unwrap();
        assert!(distance(&first, &second) > 1e-3, "{device}: {first:?} and {second:?}");
        assert_eq!(
            host.talk("local")
                .run(&host.model, &input())
                .map(|local| { distance(&local, &second) < 1e-3 }),
            Ok(true)
        );
    }
}

#[test]
fn a_model_is_found_by_any_name_and_no_shell_reads_it() {
    let host = Host::with_seed(41);
    let name = "a 'b' \"c\" $(touch owned) `touch owned`; touch owned\n* \\ ü.onnx";
    fs::rename(&host.model, host.pearl.path(name)).unwrap();
    for device in ALL {
        let mut talk = host.talk(device);
        talk.run(&host.pearl.path(name), &input()).unwrap();
    }
    for place in ["/tmp/owned", "/root/owned", "/owned", "/data/local/tmp/owned"] {
        assert!(!board().path(place).exists(), "{place}");
    }
    assert!(!host.pearl.path("owned").exists());
}

#[test]
fn a_device_is_measured_by_one_host_at_a_time() {
    let host = Host::new();
    // The lease is one of the whole device: adb and ssh lead to the same here, as they may elsewhere.
    let mut first = host.talk("board");
    first.lease().unwrap();
    first.lease().unwrap();
    for device in ["board", "phone"] {
        let refused = host.talk(device).lease().unwrap_err();
        assert!(refused.contains("anna@"), "{device}: {refused}");
    }
    let refused = host.talk("board").run(&host.model, &input()).unwrap_err();
    assert!(refused.contains("leased by anna@"), "{refused}");
    first.run(&host.model, &input()).unwrap();
    let mut second = host.talk_by("board", "--wait 60");
    let waiting = std::thread::spawn(move || second.lease());
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!waiting.is_finished());
    first.close();
    waiting.join().unwrap().unwrap();
}

#[test]
fn an_agent_that_is_killed_is_replaced_and_the_lease_with_it() {
    let host = Host::with_seed(51);
    for (device, ..) in REMOTE {
        let mut talk = host.talk(device);
        talk.lease().unwrap();
        let before = talk.run(&host.model, &input()).unwrap();
        board().agents().iter().for_each(pearl_tests::processes::Process::kill);
        assert_eq!(talk.run(&host.model, &input()).unwrap(), before, "{device}");
        assert!(host.talk(device).lease().is_err(), "{device}");
    }
}

#[test]
fn several_devices_are_measured_by_one_command() {
    let host = Host::new();
    // An inference of a larger one takes the emulator a second on some machines.
    host.pearl.line("export resnet-8 --input 1x8x8 --classes 10 -o small.onnx").ok();
    let line = "bench small.onnx --device local --device board --device phone --launches 6 --json --accept-unstable";
    let finished = Running::start(&mut board().command(&host.pearl, line)).finish(DEADLINE);
    let document = finished.ok().json();
    let results = document["results"].as_array().unwrap();
    let devices: Vec<_> =
        results.iter().map(|one| one["device"]["name"].as_str().unwrap()).collect();
    assert_eq!(devices, ALL);
    assert_ne!(results[0]["device"]["fingerprint"], results[1]["device"]["fingerprint"]);
}
