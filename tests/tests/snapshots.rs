//! What the command line prints, word for word, in `snapshots/`.
//!
//! After a wanted change: run with `INSTA_UPDATE=always`, and read the difference. No measured number
//! stands in a snapshot.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fmt::Write;

use pearl_tests::pearl::{COMMANDS, Pearl};

/// One that is named and never reached, for the devices of the other tests hold paths of this machine.
const DEVICES: &str = "[device.board]\ntransport = \"ssh\"\nhost = \"10.0.0.12\"\ncpus = \"big\"\n";

/// Commands with what they print and how they end, as a person would see them.
fn transcript(commands: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let pearl = Pearl::new();
    pearl.write("devices.toml", DEVICES);
    let mut text = String::new();
    for command in commands {
        let command = command.as_ref();
        let done = pearl.line(command);
        let code = done.code().unwrap();
        let status = if code == 0 { String::new() } else { format!("(exit {code})\n") };
        write!(text, "$ pearl {command}\n{status}{}{}\n", done.stdout, done.stderr).unwrap();
    }
    // The folders of the test are others each time.
    let [work, home] = [pearl.path(""), pearl.home()];
    text.replace(work.to_str().unwrap(), "WORK/").replace(home.to_str().unwrap(), "HOME")
}

#[test]
fn the_help_of_every_command_is_as_its_snapshot() {
    let every = ["--help".to_owned()].into_iter();
    insta::assert_snapshot!(
        "help",
        transcript(every.chain(COMMANDS.map(|one| format!("{one} --help"))))
    );
}

#[test]
fn answers_that_hang_on_no_measurement_are_as_their_snapshot() {
    insta::assert_snapshot!(
        "answers",
        transcript([
            "arch list",
            "arch list --json",
            "arch show resnet-8",
            "arch show resnet-8 --json",
            "arch show mobilenet-v2:0.5@128",
            "devices list",
            "devices list --json",
            "teacher list",
            "teacher list --json",
            "history list",
            "history list --json",
            "arch sample --space mnas -n 2 --seed 1 -o students",
        ])
    );
}

#[test]
fn refusals_are_as_their_snapshot() {
    insta::assert_snapshot!(
        "refusals",
        transcript([
            "benhc",
            "bench",
            "bench absent.onnx",
            "bench absent.onnx --target 0%",
            "bench absent.onnx --device nowhere",
            "bench absent.onnx --json --format csv",
            "compare absent.onnx",
            "compare absent.onnx also-absent.onnx",
            "arch show mobilenet-v9",
            "arch show mobilenet-v2:0@224",
            "export absent.json -o out.onnx",
            "train resnet-8 --data nowhere --training-by hard --out trained",
            "search --space nowhere --data fashion-mnist --teacher absent --budget 2ms --out run",
            "search --space mnas --data fashion-mnist --teacher absent --budget soon --out run",
            "report absent",
            "history show 1",
            "devices check nowhere",
            "completions cobol",
            "--quiet --verbose arch list",
        ])
    );
}
