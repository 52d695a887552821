//! Python with torch, onnx and onnxruntime: `$PYTHON`, else the checkout's own environment.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::finished::Finished;
use crate::pearl::DEADLINE;
use crate::programs::checkout;
use crate::running::Running;

pub fn program() -> PathBuf {
    let program = std::env::var_os("PYTHON").map(PathBuf::from);
    let program = program.unwrap_or_else(|| checkout().join(".venv/bin/python"));
    let found = program.components().count() == 1 || program.is_file();
    assert!(
        found,
        "{}: there is no Python; run `make setup`, or name one that has torch, onnx and \
         onnxruntime in PYTHON",
        program.display()
    );
    program
}

pub fn script(name: &str) -> PathBuf {
    checkout().join("tests/python").join(name)
}

pub fn run(name: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
    Running::start(Command::new(program()).arg(script(name)).args(args)).finish(DEADLINE).ok()
}
