//! The process that holds a lease, ended so that another can have it.
//!
//! **Invariant:** no process is ended but one that calls itself an agent and holds the very file open
//! at that moment.

use std::ffi::CStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::procfs;

/// What the main thread of an agent is called.
pub const NAME: &CStr = c"pearl-agent";

/// How long an agent may take to put back what it changed, before it is killed; then how long the
/// kernel may take.
const GRACE: [(Signal, Duration); 2] =
    [(Signal::TERM, Duration::from_secs(3)), (Signal::KILL, Duration::from_secs(5))];

const POLL: Duration = Duration::from_millis(5);

/// Ends the agent `pid` that holds `lease` open; returns once it does not any more.
///
/// # Errors
/// Why that is not possible.
pub fn end(pid: u32, lease: &File) -> Result<(), String> {
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(target) = target.filter(|_| pid != std::process::id()) else {
        return Err(format!("it names no process ({pid})"));
    };
    // Held from before the checks: afterwards the number may be another process's.
    let handle = pidfd_open(target, PidfdFlags::empty()).ok();
    for (signal, patience) in GRACE {
        if !is_holder(pid, lease)? {
            return Ok(());
        }
        send(target, handle.as_ref(), signal)
            .map_err(|error| format!("its agent (process {pid}) cannot be ended: {error}"))?;
        let started = Instant::now();
        while started.elapsed() < patience {
            // A process that is just ending may not be looked at.
            if matches!(is_holder(pid, lease), Ok(false)) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    Err(format!("its agent (process {pid}) does not end"))
}

fn send(pid: Pid, handle: Option<&OwnedFd>, signal: Signal) -> rustix::io::Result<()> {
    let sent = match handle {
        Some(handle) => pidfd_send_signal(handle, signal),
        None => kill_process(pid, signal),
    };
    match sent {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        other => other,
    }
}

/// Whether that is an agent with the file open. A process that is gone, or about to be, is none.
fn is_holder(pid: u32, lease: &File) -> Result<bool, String> {
    let Some(name) = procfs::text(format!("/proc/{pid}/comm")) else {
        return Ok(false);
    };
    let status = procfs::text(format!("/proc/{pid}/status")).unwrap_or_default();
    if procfs::value(&status, "State").is_some_and(|state| state.starts_with(['Z', 'X'])) {
        return Ok(false);
    }
    if name.as_bytes() != NAME.to_bytes() {
        return Err(format!("process {pid} is no agent but '{name}'"));
    }
    let wanted = lease.metadata().map_err(|error| error.to_string())?;
    let files = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(format!("its agent (process {pid}) cannot be looked at: {error}"));
        }
    };
    Ok(files.flatten().any(|file| {
        fs::metadata(file.path())
            .is_ok_and(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
    }))
}
