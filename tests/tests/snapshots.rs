//! What the command line prints, word for word, in `snapshots/`.
//!
//! After a wanted change: run with `INSTA_UPDATE=always`, and read the difference. No measured number
//! stands in a snapshot.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fmt::Write;

use pearl_tests::pearl::Pearl;

/// Commands with what they print and how they end, as a person would see them.
fn transcript<'a>(commands: impl IntoIterator<Item = &'a str>) -> String {
    let pearl = Pearl::new();
    let mut text = String::new();
    for command in commands {
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
    insta::assert_snapshot!(
        "help",
        transcript([
            "--help",
            "search --help",
            "train --help",
            "teacher --help",
            "teacher train --help",
            "teacher import --help",
            "teacher list --help",
            "bench --help",
            "compare --help",
            "history --help",
            "history list --help",
            "history show --help",
            "arch --help",
            "arch list --help",
            "arch sample --help",
            "arch show --help",
            "export --help",
            "devices --help",
            "devices list --help",
            "devices check --help",
            "devices characterise --help",
            "report --help",
            "completions --help",
        ])
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
