//! Ctrl-C and SIGTERM: the first asks to stop, the second ends the program at once.
//!
//! **Invariant:** nothing but a flag is touched in a signal handler.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::{Fault, Kind};

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Installs the handlers. Who starts a child does so, for waits on a child look up at the flag; a
/// command that starts none ends at once, as any program does.
pub fn install() -> std::io::Result<()> {
    let mut first = false;
    let requested = REQUESTED.get_or_init(|| {
        first = true;
        Arc::new(AtomicBool::new(false))
    });
    if !first {
        return Ok(());
    }
    for signal in [SIGINT, SIGTERM] {
        // Order matters: the shutdown runs only where an earlier signal has set the flag.
        let status = Kind::Interrupted as i32;
        flag::register_conditional_shutdown(signal, status, Arc::clone(requested))?;
        flag::register(signal, Arc::clone(requested))?;
    }
    Ok(())
}

pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// The error that a stopped piece of work ends with.
pub fn fault() -> Fault {
    Fault::new(Kind::Interrupted, "interrupted")
}

/// Ends the work at hand where a stop was asked for.
pub fn check() -> anyhow::Result<()> {
    if requested() { Err(fault().into()) } else { Ok(()) }
}
