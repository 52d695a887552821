//! The machine that Pearl runs on.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use super::Opened;
use crate::device::entry::Device;
use crate::output::error_class::{Classified, ErrorClass};
use crate::process::streams::Streams;

pub fn open(device: &Device) -> anyhow::Result<Opened> {
    let words = device.wrapper.iter().map(PathBuf::from);
    let mut words = words.chain([agent(device)?]);
    let program = words.next().expect("the agent is one word");
    match Streams::spawn(Command::new(&program).args(words)) {
        Ok(streams) => Ok(Opened { streams, build: None }),
        Err(error) => {
            let (name, program) = (&device.name, program.display());
            let message = format!("device '{name}': {program} cannot be started: {error}");
            Err(Classified::new(ErrorClass::Device, message).into())
        }
    }
}

/// The agent beside this program, or the one that `PEARL_AGENT` names.
fn agent(device: &Device) -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("PEARL_AGENT") {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe().context("own executable")?.with_file_name("pearl-agent"),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Classified::new(
        ErrorClass::Device,
        format_args!(
            "device '{}': there is no agent at {}; build it with `cargo build -p pearl-agent` \
             or name one in PEARL_AGENT",
            device.name,
            path.display()
        ),
    )
    .into())
}
