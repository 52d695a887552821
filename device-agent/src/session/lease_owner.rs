//! Ends the process that owns a lease, so that another agent can take the lease.
//!
//! **Invariant:** a process is ended only where it has the name of an agent and has this very file open at
//! that moment.

use std::ffi::CStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::platform::procfs;

/// What the main thread of an agent is called.
pub(crate) const NAME: &CStr = c"pearl-agent";

/// How long an agent may take to restore what it changed before it is killed; then how long the kernel
/// may take to end it.
const GRACE: [(Signal, Duration); 2] =
    [(Signal::TERM, Duration::from_secs(3)), (Signal::KILL, Duration::from_secs(5))];

const POLL: Duration = Duration::from_millis(5);

/// Ends the agent `pid` that has `lease` open; returns once that agent does not have it open any more.
///
/// # Errors
/// The reason why the agent cannot be ended.
pub(crate) fn end(pid: u32, lease: &File) -> Result<(), String> {
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(target) = target.filter(|_| pid != std::process::id()) else {
        return Err(format!("the lease names no valid process ({pid})"));
    };
    // Opened before the checks: after them, the number may belong to another process.
    let handle = pidfd_open(target, PidfdFlags::empty()).ok();
    for (signal, patience) in GRACE {
        if !is_holder(pid, lease)? {
            return Ok(());
        }
        send(target, handle.as_ref(), signal)
            .map_err(|error| format!("its agent (process {pid}) cannot be ended: {error}"))?;
        let started = Instant::now();
        while started.elapsed() < patience {
            // The files of a process that is just ending may not be readable.
            if matches!(is_holder(pid, lease), Ok(false)) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    Err(format!("its agent (process {pid}) does not end"))
}

/// Whether a process is an agent, as far as this one sees it.
pub(crate) fn may_be_agent(pid: u32) -> bool {
    procfs::text(format!("/proc/{pid}/comm")).is_none_or(|name| name.as_bytes() == NAME.to_bytes())
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

/// Whether the process is an agent with the file open; false for one that has ended or is a zombie.
fn is_holder(pid: u32, lease: &File) -> Result<bool, String> {
    let Some(name) = procfs::text(format!("/proc/{pid}/comm")) else {
        return Ok(false);
    };
    let status = procfs::text(format!("/proc/{pid}/status")).unwrap_or_default();
    if procfs::value(&status, "State").is_some_and(|state| state.starts_with(['Z', 'X'])) {
        return Ok(false);
    }
    if name.as_bytes() != NAME.to_bytes() {
        return Err(format!("process {pid} is not an agent but '{name}'"));
    }
    let wanted = lease.metadata().map_err(|error| error.to_string())?;
    let files = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(format!("its agent (process {pid}) cannot be inspected: {error}"));
        }
    };
    Ok(files.flatten().any(|file| {
        fs::metadata(file.path())
            .is_ok_and(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
    }))
}
