//! What the README tells people to type does what it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::Command;

use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::programs::checkout;
use pearl_tests::python;
use pearl_tests::running::Running;

#[test]
fn the_snippet_that_uses_a_student_runs_with_onnxruntime() {
    let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```python\n").unwrap();
    let (snippet, _) = rest.split_once("```").unwrap();
    let pearl = Pearl::new();
    std::fs::create_dir_all(pearl.path("runs/first")).unwrap();
    let sample =
        "arch sample --space mnas -n 1 --seed 1 --input 1x28x28 --classes 10 -o students --json";
    let sampled = pearl.line(sample).ok().json();
    let student = sampled["architectures"][0]["path"].as_str().unwrap();
    pearl.run(["--quiet", "export", student, "-o", "runs/first/best.onnx"]).ok();
    let mut python = Command::new(python::program());
    let output = Running::start(python.args(["-c", snippet]).current_dir(pearl.path("")));
    let class: usize = output.finish(DEADLINE).ok().stdout.trim().parse().unwrap();
    assert!(class < 10);
}
