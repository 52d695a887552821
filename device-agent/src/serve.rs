//! The child's side: requests in, replies out, one at a time.
//!
//! **Invariant:** every request that could be read gets exactly one terminal line, also when its
//! handler panics; the end of stdin ends the process.

use std::io::{self, BufRead, Write};
use std::panic::{self, AssertUnwindSafe};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::line::{LineError, read_line};
use crate::wire::{Failure, FailureKind, MAX_LINE, Outcome, Reply, Request};

/// Hands progress of the request at hand to the host.
pub struct Progress<'a, P, D> {
    id: u64,
    out: &'a mut dyn Write,
    shape: std::marker::PhantomData<(P, D)>,
}

impl<P: Serialize, D: Serialize> Progress<'_, P, D> {
    pub fn send(&mut self, progress: P) -> io::Result<()> {
        write_reply(self.out, &Reply::<P, D> { id: self.id, outcome: Outcome::Progress(progress) })
    }
}

/// Serves until the input ends.
///
/// # Errors
/// Where the input or the output fails, or a line is too long to skip safely.
pub fn serve<B, P, D>(
    input: &mut impl BufRead,
    out: &mut impl Write,
    mut handle: impl FnMut(B, &mut Progress<'_, P, D>) -> Result<D, Failure>,
) -> Result<(), LineError>
where
    B: DeserializeOwned,
    P: Serialize,
    D: Serialize,
{
    while let Some(line) = read_line(input, MAX_LINE)? {
        let (id, outcome) = match serde_json::from_slice::<Request<B>>(&line) {
            Ok(Request { id, body }) => {
                let mut progress =
                    Progress { id, out: &mut *out, shape: std::marker::PhantomData };
                let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(body, &mut progress)));
                let outcome = match handled {
                    Ok(Ok(done)) => Outcome::Done(done),
                    Ok(Err(failure)) => Outcome::Failed(failure),
                    Err(payload) => {
                        Outcome::Failed(Failure::new(FailureKind::Internal, panic_text(&*payload)))
                    }
                };
                (id, outcome)
            }
            Err(error) => {
                let failure = Failure::new(FailureKind::BadRequest, format!("request: {error}"));
                (0, Outcome::Failed(failure))
            }
        };
        write_reply(out, &Reply::<P, D> { id, outcome })?;
    }
    Ok(())
}

fn write_reply<P: Serialize, D: Serialize>(
    mut out: &mut dyn Write,
    reply: &Reply<P, D>,
) -> io::Result<()> {
    serde_json::to_writer(&mut out, reply)?;
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
