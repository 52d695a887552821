//! The Python wheel, as somebody installs it who has nothing else of ours. `make wheel` packs it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::path::{Path, PathBuf};
use std::process::Command;

use pearl_tests::finished::Finished;
use pearl_tests::pearl::DEADLINE;
use pearl_tests::programs::checkout;
use pearl_tests::python;
use pearl_tests::running::Running;

#[test]
fn an_installed_wheel_measures_with_nothing_else_there() {
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("environment");
    let run = |program: &Path, args: &[&str]| -> Finished {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder.path()).env_clear();
        command.env("HOME", folder.path()).env("PATH", "/usr/bin:/bin");
        Running::start(&mut command).finish(DEADLINE).ok()
    };
    run(&python::program(), &["-m", "venv", environment.to_str().unwrap()]);
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"];
    let wheel = wheel();
    run(&environment.join("bin/python"), &[&pip[..], &[wheel.to_str().unwrap()]].concat());

    let pearl = environment.join("bin/pearl");
    run(&pearl, &["--quiet", "export", "resnet-8:0.25", "-o", "model.onnx"]);
    let bench =
        ["--quiet", "bench", "model.onnx", "--json", "--accept-unstable", "--launches", "6"];
    let result = run(&pearl, &bench).json()["results"][0].clone();
    assert_eq!(result["engine"]["name"], "tract", "{result}");
    assert!(result["latency_ns"]["median"].as_u64().unwrap() > 0, "{result}");

    let linked = run(Path::new("/usr/bin/ldd"), &[pearl.to_str().unwrap()]).stdout;
    for library in ["torch", "libssl", "libcrypto"] {
        assert!(!linked.contains(library), "{linked}");
    }
    let packed = environment.join("share/pearl/agents/pearl-agent-aarch64");
    let built = checkout().join("target/agents/pearl-agent-aarch64");
    assert_eq!(packed.is_file(), built.is_file(), "the agents that were built are packed");
}

fn wheel() -> PathBuf {
    let folder = checkout().join("target/wheels");
    let files =
        std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut wheels = files.filter(|path| path.extension().is_some_and(|ending| ending == "whl"));
    wheels.next().unwrap_or_else(|| panic!("{}: no wheel; run `make wheel`", folder.display()))
}
