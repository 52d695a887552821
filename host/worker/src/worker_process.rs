//! The worker as a process: JSON Lines on stdin and stdout, logs on stderr.
//!
//! **Invariant:** stdout carries the protocol alone, whatever a teacher's code prints; when the host
//! is gone the process ends at once, also in the middle of a training.

use std::env;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use pearl_agent::protocol::serve::serve;
use rustix::process::{Signal, getpid, kill_process};

use crate::requests::Worker;
use pearl::output::error_class;
use pearl::train::environment;
use pearl::train::worker_protocol::{TrainProgress, WorkerDone, WorkerRequest};

/// The whole program.
pub fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    match &words[..] {
        [] => error_class::report(run()),
        [word] if word == "--version" => {
            // A reader that is gone needs no version.
            let _ = writeln!(
                io::stdout(),
                "pearl-worker {}, torch {}",
                env!("CARGO_PKG_VERSION"),
                env!("PEARL_TORCH_VERSION")
            );
            ExitCode::SUCCESS
        }
        _ => {
            let _ = writeln!(
                io::stderr(),
                "pearl-worker trains for `pearl search`, `pearl train` and `pearl teacher`, which start it; \
                 `pearl-worker --version` prints its version and torch's"
            );
            ExitCode::from(2)
        }
    }
}

/// Serves requests from stdin until it ends.
///
/// # Errors
/// If stdin or stdout fails.
fn run() -> anyhow::Result<()> {
    if let Err(error) = environment::ensure() {
        let _ = writeln!(io::stderr(), "worker: continues with the default environment: {error}");
    }
    let mut out = BufWriter::new(protocol_output().context("worker: cannot set up its output")?);
    let busy = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&busy);
    // Torch cannot be interrupted, and its threads do not survive a regular exit of the process. So a
    // busy worker kills itself; an idle worker ends by returning.
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

/// Keeps stdout for the protocol. Whatever else is printed to it, for instance by TorchScript, goes to
/// stderr.
fn protocol_output() -> io::Result<File> {
    let own = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(own))
}
