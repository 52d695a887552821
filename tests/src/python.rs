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

/// onnxruntime's library in that environment.
pub fn onnxruntime() -> PathBuf {
    let code = "import glob, onnxruntime, os; print(glob.glob(os.path.dirname(onnxruntime.__file__) + \
                '/capi/libonnxruntime.so*')[0], end='')";
    let found = Running::start(Command::new(program()).args(["-c", code])).finish(DEADLINE).ok();
    PathBuf::from(found.stdout)
}

/// An entry of `devices.toml` for an agent behind `steady_agent.py` with these options.
pub fn steady_device(name: &str, options: &[&str]) -> String {
    let words = [program(), script("steady_agent.py")].map(|word| word.display().to_string());
    let words = words.iter().map(String::as_str).chain(options.iter().copied());
    let wrapper: Vec<_> = words.collect();
    format!("[device.{name}]\ntransport = \"local\"\nwrapper = {wrapper:?}\n")
}
