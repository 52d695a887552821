//! How a device is reached.
//!
//! A transport asks the device what it is, puts the agent there once and starts it. Everything else,
//! model files included, goes over the agent's own protocol: one code path for all of them.
//!
//! **Invariant:** ssh2 and adb appear here alone; no shell sees a string of the user's that it could
//! interpret; no wait is without a deadline.

mod adb;
mod agents;
mod bootstrap;
mod error;
mod local;
mod shell;
mod ssh;

use anyhow::Context;

use crate::device::{Device, Transport};
use crate::exit::Fault;
use crate::interrupt;
use crate::streams::Streams;

use error::TransportError;

/// An agent that was started.
pub struct Opened {
    pub streams: Streams,
    /// The hash of the executable that was meant; it has to say so itself.
    pub build: Option<String>,
}

/// Starts the agent of a device.
///
/// # Errors
/// Where the device cannot be reached or has no place for the agent; classified.
pub fn open(device: &Device) -> anyhow::Result<Opened> {
    // Steps on the way look up for Ctrl-C, and tidy up after it.
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
        let fault = Fault::new(error.kind(), message);
        if matches!(error, TransportError::Lasting(_)) { fault.lasting() } else { fault }.into()
    })
}
