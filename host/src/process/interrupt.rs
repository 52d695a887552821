//! Ctrl-C and SIGTERM: the first asks to stop, the second ends the program at once.
//!
//! **Invariant:** nothing but a flag is touched in a signal handler.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::output::error_class::{Classified, ErrorClass};

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Installs the handlers. Code that starts a child process calls this, because waits on a child check
/// the flag. A command that starts no child ends at once, as any program does.
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
        // Order matters: the shutdown runs only if an earlier signal has set the flag.
        let status = ErrorClass::Interrupted.code().into();
        flag::register_conditional_shutdown(signal, status, Arc::clone(requested))?;
        flag::register(signal, Arc::clone(requested))?;
    }
    Ok(())
}

pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// The error of work that was stopped.
pub fn classified() -> Classified {
    Classified::new(ErrorClass::Interrupted, "interrupted")
}

/// Returns an error if a stop was requested.
pub fn check() -> anyhow::Result<()> {
    if requested() { Err(classified().into()) } else { Ok(()) }
}
