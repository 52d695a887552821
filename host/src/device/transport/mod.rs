//! How a device is reached.
//!
//! A transport asks the device what it is, installs the agent there once and starts it. Everything else,
//! model files included, goes over the agent's own protocol: one code path for all of them.
//!
//! **Invariant:** only this module uses ssh2 and adb; no shell gets a string of the user that it could
//! interpret; every wait has a deadline.

mod adb;
mod agents;
mod bootstrap;
mod error;
mod local;
mod mark;
mod program;
mod shell;
mod ssh;

use anyhow::Context;

use crate::device::entry::{Device, Transport};
use crate::output::error_class::Classified;
use crate::process::interrupt;
use crate::process::streams::Streams;

use error::TransportError;

/// An agent that was started.
pub struct Opened {
    pub streams: Streams,
    /// The hash of the executable that was started; the agent must report the same one.
    pub build: Option<String>,
}

/// Starts the agent of a device.
///
/// # Errors
/// If the device cannot be reached or has no place for the agent; classified.
pub fn open(device: &Device) -> anyhow::Result<Opened> {
    // The steps check for Ctrl-C, and tidy up after it.
    interrupt::install().context("signals")?;
    let opened = match &device.transport {
        Transport::Local => return local::open(device),
        Transport::Ssh(settings) => {
            ssh::connect(settings).and_then(|connection| bootstrap::start(device, connection))
        }
        Transport::Adb(settings) => {
            adb::find(settings).and_then(|phone| bootstrap::start(device, phone))
        }
    };
    opened.map_err(|error| {
        let message = format!("device '{}': {error}", device.name);
        let told = Classified::new(error.class(), message);
        if matches!(error, TransportError::Lasting(_)) { told.lasting() } else { told }.into()
    })
}
