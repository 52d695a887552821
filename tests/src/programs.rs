//! The programs under test, built from the sources beside the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names a folder of programs to test instead of building them.
const INSTALLED: &str = "PEARL_PROGRAMS";

/// The top of the checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the checkout")
}

pub fn pearl() -> PathBuf {
    folder().join("pearl")
}

pub fn agent() -> PathBuf {
    folder().join("pearl-agent")
}

pub fn worker() -> PathBuf {
    folder().join("pearl-worker")
}

/// Built at most once a process, in the profile of the tests, so that none is older than its source.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os(INSTALLED) {
        Some(folder) => folder.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    // The tests' own executable is target/PROFILE/deps/NAME.
    let own = std::env::current_exe().expect("a running test has an executable");
    let folder = own.ancestors().nth(2).expect("cargo keeps tests two folders down").to_owned();
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{}: no folder of a cargo profile", folder.display()),
    };
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--profile", profile])
        .args(["-p", "pearl", "-p", "pearl-agent", "-p", "pearl-worker"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(checkout())
        .output()
        .expect("cargo, which runs these tests, can be started");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the programs under test do not build:\n{text}");
    folder
}
