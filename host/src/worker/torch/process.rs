//! The worker as a process.
//!
//! **Invariant:** stdout carries the protocol alone, whatever a teacher's code prints; when the host
//! is gone the process ends at once, also in the middle of a training.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use pearl_agent::serve::serve;
use rustix::process::{Signal, getpid, kill_process};

use super::requests::Worker;
use crate::worker::environment;
use crate::worker::protocol::{TrainProgress, WorkerDone, WorkerRequest};

/// Serves requests from stdin until it ends.
///
/// # Errors
/// Where stdin or stdout fail.
pub fn run() -> anyhow::Result<()> {
    if let Err(error) = environment::ensure() {
        eprintln!("worker: goes on with the defaults of the environment: {error}");
    }
    let mut out = BufWriter::new(protocol_output().context("worker: cannot set up its output")?);
    let busy = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&busy);
    // Torch cannot be interrupted, and its threads do not survive a regular exit beside them. An idle
    // worker ends by returning.
    let at_end = move || {
        if seen.load(Ordering::SeqCst) {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    };
    let mut worker = Worker::default();
    serve::<WorkerRequest, TrainProgress, WorkerDone>(
        BufReader::new(io::stdin()),
        &mut out,
        at_end,
        |request, progress| {
            busy.store(true, Ordering::SeqCst);
            let done = worker.handle(request, &mut |at| progress.send(at));
            busy.store(false, Ordering::SeqCst);
            done
        },
    )
    .context("worker: the host's stream failed")
}

/// Keeps stdout for us and sends whatever else is printed to it, by TorchScript for one, to stderr.
fn protocol_output() -> io::Result<File> {
    let own = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(own))
}
