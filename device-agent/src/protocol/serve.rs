//! The child's side: requests in, replies out, one at a time.
//!
//! Requests are read on a thread of their own, so that the end of stdin (the host is gone) is seen
//! while a request is being handled.
//!
//! **Invariant:** every request that could be read gets exactly one terminal line, also when its
//! handler panics; no line written is longer than the host accepts; the serving ends when the input
//! ends.

use std::io::{self, BufRead, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::protocol::line::{LineError, read_line};
use crate::protocol::wire::{Failure, FailureKind, MAX_LINE, Outcome, Reply, Request};

/// Requests that are read ahead. A host waits for its answers, so this only bounds the memory that a
/// faulty host can make a child use.
const READ_AHEAD: usize = 4;

/// Sends the progress of the current request to the host.
pub struct Progress<'a, P, D> {
    id: u64,
    out: &'a mut dyn Write,
    shape: std::marker::PhantomData<(P, D)>,
}

impl<P: Serialize, D: Serialize> Progress<'_, P, D> {
    /// # Errors
    /// Where the host is gone, or the message is longer than it accepts.
    pub fn send(&mut self, progress: P) -> io::Result<()> {
        let reply = Reply::<P, D> { id: self.id, outcome: Outcome::Progress(progress) };
        write_line(self.out, &serde_json::to_vec(&reply)?)
    }
}

/// Serves until the input ends, then returns once what was read is answered.
///
/// `at_end` is called on the reading thread as soon as the input has ended or failed, whatever the
/// handler is doing. A child that can interrupt its work does so there; any other child ends its process.
///
/// # Errors
/// Where the input or the output fails, or a line is too long to skip safely.
pub fn serve<B, P, D>(
    mut input: impl BufRead + Send + 'static,
    out: &mut impl Write,
    at_end: impl FnOnce() + Send + 'static,
    mut handle: impl FnMut(B, &mut Progress<'_, P, D>) -> Result<D, Failure>,
) -> Result<(), LineError>
where
    B: DeserializeOwned,
    P: Serialize,
    D: Serialize,
{
    let (lines, queue) = mpsc::sync_channel(READ_AHEAD);
    let reading = thread::Builder::new().name("requests".into()).spawn(move || {
        let failed = loop {
            match read_line(&mut input, MAX_LINE) {
                Ok(Some(line)) => {
                    // Nothing receives the line where the serving itself has failed.
                    if lines.send(Ok(line)).is_err() {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        at_end();
        if let Some(error) = failed {
            let _ = lines.send(Err(error));
        }
    })?;
    let mut served = Ok(());
    for line in queue {
        match line {
            Ok(line) => {
                let (id, outcome) = answer(&line, out, &mut handle);
                // Where this fails the reading thread is not joined: the input may go on for ever.
                write_reply(out, Reply::<P, D> { id, outcome })?;
            }
            Err(error) => served = Err(error),
        }
    }
    // The thread has read the last line; a panic of it would lose no data.
    let _ = reading.join();
    served
}

fn answer<B, P, D>(
    line: &[u8],
    out: &mut impl Write,
    handle: &mut impl FnMut(B, &mut Progress<'_, P, D>) -> Result<D, Failure>,
) -> (u64, Outcome<P, D>)
where
    B: DeserializeOwned,
{
    let Request { id, body } = match serde_json::from_slice::<Request<B>>(line) {
        Ok(request) => request,
        Err(error) => {
            let failure = Failure::new(FailureKind::BadRequest, format!("request: {error}"));
            return (id_of(line), Outcome::Failed(failure));
        }
    };
    let mut progress = Progress { id, out, shape: std::marker::PhantomData };
    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(body, &mut progress)));
    let outcome = match handled {
        Ok(Ok(done)) => Outcome::Done(done),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(payload) => Outcome::Failed(Failure::new(FailureKind::Internal, panic_text(&*payload))),
    };
    (id, outcome)
}

/// The id of a request whose body is not understood, so that its sender learns of it; 0 where there
/// is none.
fn id_of(line: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct OnlyId {
        id: u64,
    }
    serde_json::from_slice::<OnlyId>(line).map_or(0, |request| request.id)
}

fn write_reply<P: Serialize, D: Serialize>(
    out: &mut dyn Write,
    reply: Reply<P, D>,
) -> io::Result<()> {
    let line = serde_json::to_vec(&reply)?;
    if line.len() <= MAX_LINE {
        return write_line(out, &line);
    }
    let message = format!("an answer of {} bytes, the limit is {MAX_LINE}", line.len());
    let outcome = Outcome::<P, D>::Failed(Failure::new(FailureKind::Limit, message));
    write_line(out, &serde_json::to_vec(&Reply { id: reply.id, outcome })?)
}

fn write_line(out: &mut dyn Write, line: &[u8]) -> io::Result<()> {
    if line.len() > MAX_LINE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a message longer than a line may be",
        ));
    }
    out.write_all(line)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("internal error: {text}")
}
