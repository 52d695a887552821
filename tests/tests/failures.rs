//! What failed is told, each failure of several, with the exit code of the worst; also where nobody reads
//! it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs::{self, File};
use std::process::Stdio;

use pearl_tests::data::DataSet;
use pearl_tests::finished::Finished;
use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::running::Running;

/// One device whose agent says nothing that is understood, and one that cannot be started.
fn broken_devices(pearl: &Pearl) {
    let device = |name: &str, wrapper: &str| {
        format!("[device.{name}]\ntransport = \"local\"\nwrapper = [\"{wrapper}\"]\n")
    };
    let file = device("echo", "echo") + &device("absent", "/nowhere/wrapper");
    pearl.write("devices.toml", file);
}

/// The lines of stderr, each of which has to be one error.
fn errors(finished: &Finished) -> Vec<&str> {
    let lines: Vec<_> = finished.stderr.lines().collect();
    let all = lines.iter().all(|line| line.starts_with("pearl: error: "));
    assert!(all && !lines.is_empty(), "{finished:#?}");
    lines
}

/// Whether one of the lines says all these words.
fn one_says(lines: &[&str], words: &[&str]) -> bool {
    lines.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn every_failure_of_several_is_told_in_every_format_and_the_worst_decides() {
    let pearl = Pearl::new();
    broken_devices(&pearl);
    pearl.write("one.onnx", "no model");
    pearl.write("two.onnx", "no model either");
    let line = "--quiet bench one.onnx two.onnx --device echo --device absent --device local";
    for format in ["table", "csv", "markdown", "json"] {
        let ended = pearl.line(&format!("{line} --format {format}"));
        assert_eq!(ended.code(), Some(4), "{format}: {ended:#?}");
        let told = errors(&ended);
        // What a device costs that is not there is told once.
        assert_eq!(told.len(), 4, "{format}: {ended:#?}");
        for words in [
            &["'echo'", "one.onnx", "two.onnx"][..],
            &["'absent'", "/nowhere/wrapper", "one.onnx", "two.onnx"],
            &["'local'", "one.onnx"],
            &["'local'", "two.onnx"],
        ] {
            assert!(one_says(&told, words), "{format}: {words:?}: {ended:#?}");
        }
        if format == "json" {
            let document = ended.json();
            let listed: Vec<_> = document["errors"].as_array().unwrap().iter().collect();
            let listed: Vec<_> = listed.iter().map(|error| error.as_str().unwrap()).collect();
            assert_eq!(listed.len(), 6, "{document}");
            for device in ["'echo'", "'absent'", "'local'"] {
                for model in ["one.onnx", "two.onnx"] {
                    assert!(one_says(&listed, &[device, model]), "{document}");
                }
            }
        }
    }
}

#[test]
fn all_that_is_wrong_with_a_command_is_told_at_once() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    let search = "search --data data --budget 2ms --out run --device nowhere";
    for (line, code, all) in [
        (
            "bench absent.onnx gone.onnx --device nowhere".to_owned(),
            3,
            &["unknown device 'nowhere'", "absent.onnx: no such file", "gone.onnx: no such file"][..],
        ),
        (
            "compare absent.onnx gone.onnx".to_owned(),
            3,
            &["absent.onnx: no such file", "gone.onnx: no such file"],
        ),
        (
            format!("{search} --space mnsa --teacher nobody --torch-device gpu"),
            2,
            &["'nowhere'", "'mnsa'", "'nobody'", "'gpu'"],
        ),
    ] {
        let ended = pearl.line(&format!("--quiet {line}"));
        assert_eq!(ended.code(), Some(code), "{ended:#?}");
        let told = errors(&ended);
        assert_eq!(told.len(), all.len(), "{ended:#?}");
        assert!(all.iter().all(|words| one_says(&told, &[words])), "{ended:#?}");
    }
    assert!(!pearl.path("run").exists());
}

#[test]
fn names_are_checked_before_the_device_is_reached() {
    let pearl = Pearl::new();
    broken_devices(&pearl);
    DataSet::default().write(&pearl.path("data"));
    let search = "--quiet search --data data --searching-by hard --budget 2ms --out run";
    for (wrong, word) in [("--space mnsa", "mnsa"), ("--space mnas --torch-device gpu", "gpu")] {
        let refused = pearl.line(&format!("{search} --device absent {wrong}"));
        assert_eq!(refused.faults_of_refusal(2, &[word]), [""; 0]);
    }
    let reached = pearl.line(&format!("{search} --device absent --space mnas"));
    assert_eq!(reached.faults_of_refusal(4, &["'absent'"]), [""; 0]);
}

#[test]
fn a_folder_with_something_else_in_it_becomes_no_run_directory() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    fs::create_dir(pearl.path("run")).unwrap();
    pearl.write("run/thesis.tex", "years of work");
    let search =
        "--quiet search --data data --searching-by hard --budget 2ms --space mnas --out run";
    let refused = pearl.line(search);
    assert_eq!(refused.faults_of_refusal(2, &["run: ", "'thesis.tex'", "--out"]), [""; 0]);
    let names: Vec<_> = fs::read_dir(pearl.path("run")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_stderr_that_is_full_or_closed_changes_no_exit_code() {
    let pearl = Pearl::new();
    broken_devices(&pearl);
    pearl.write("one.onnx", "no model");
    for (line, code) in [
        ("arch show resnet-8", 0),
        ("export resnet-8 --classes 10 -o out.onnx", 0),
        ("benhc", 2),
        ("bench absent.onnx --device nowhere", 3),
        ("bench one.onnx", 3),
        ("bench one.onnx -v --device echo --device absent", 4),
        ("devices check", 4),
    ] {
        let run = |stderr: Stdio| {
            let mut command = pearl.command(line.split(' '));
            let output = command.stdin(Stdio::null()).stderr(stderr).output().unwrap();
            output.status.code()
        };
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(run(full.into()), Some(code), "full: {line}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(writer.into()), Some(code), "closed: {line}");
    }
}

#[test]
fn a_file_or_a_database_of_this_machine_that_fails_ends_with_74() {
    let pearl = Pearl::new();
    pearl.line("export resnet-8 --classes 10 -o good.onnx").ok();
    for (line, words) in [
        ("export resnet-8 -o /sys/out.onnx", &["/sys/out.onnx"][..]),
        ("arch sample --space mnas -o /sys/students", &["/sys/students"]),
    ] {
        let refused = pearl.line(&format!("--quiet {line}"));
        assert_eq!(refused.faults_of_refusal(74, words), [""; 0], "{line}");
    }
    let mut command = pearl.command(["--quiet", "bench", "good.onnx"]);
    let refused = Running::start(command.env("PEARL_HOME", "/sys/home")).finish(DEADLINE);
    assert_eq!(refused.faults_of_refusal(74, &["history", "/sys/home"]), [""; 0]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = pearl.command(["arch", "show", "resnet-8", "--json"]).stdout(full).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.starts_with("pearl: error: stdout: "), "{said}");
}

#[test]
fn a_limit_that_is_reached_is_no_bad_input_and_names_the_option_that_raises_it() {
    let pearl = Pearl::new();
    // Seconds an inference on any processor.
    let slow = "export wide-resnet-16-4 --input 3x256x256 --classes 10 -o slow.onnx";
    pearl.line(slow).ok();
    let time = ["slow.onnx: not done within 1 s", "--limit 10m"];
    let memory = ["slow.onnx: out of memory", "--memory-limit 16GB"];
    for (line, words) in [
        ("bench slow.onnx --limit 1s", time),
        ("compare slow.onnx slow.onnx --limit 1s", time),
        ("bench slow.onnx --memory-limit 1MB", memory),
    ] {
        let ended = pearl.line(&format!("--quiet {line} --no-history"));
        assert_eq!(ended.code(), Some(4), "{ended:#?}");
        let told = errors(&ended);
        assert!(told.len() == 1 && one_says(&told, &words), "{ended:#?}");
    }
    for (option, word) in [
        ("--limit 10ms", "at least 1s"),
        ("--limit 10", "duration"),
        ("--memory-limit 4", "amount of memory"),
        ("--memory-limit 1KB", "amount of memory"),
    ] {
        let refused = pearl.line(&format!("bench slow.onnx {option}"));
        assert_eq!(refused.code(), Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(word), "{refused:#?}");
    }
}
