//! One command that reads an input, prints some output and ends.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use ssh2::Channel;

use super::timed_session::Wire;
use crate::device::transport::error::TransportError;
use crate::device::transport::mark::MOST_BEFORE;
use crate::device::transport::shell::Said;

/// How much of the end of a command's output is kept; our commands print a few lines.
const KEPT: usize = 64 << 10;
/// Most bytes of output: the login shell may print as well, before the command does.
const MOST: usize = MOST_BEFORE + KEPT;
/// How long a command may take to end after its last output.
const END: Duration = Duration::from_secs(5);
const CHUNK: usize = 32 << 10;

/// `stalled` limits the time without a byte of progress, `limit` the whole.
pub(super) fn exchange(
    wire: &Wire,
    mut channel: Channel,
    input: &mut dyn Read,
    doing: &str,
    stalled: Duration,
    limit: Duration,
) -> Result<Said, TransportError> {
    let failed = |error: std::io::Error| TransportError::failed(doing, error);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; CHUNK];
    let (mut from, mut to) = (0, 0);
    let mut ended = false;
    let mut all = 0;
    let begin = Instant::now();
    let mut moved = Instant::now();
    while !channel.eof() {
        let mut sent = 0;
        if from == to && !ended {
            (from, to) = (0, input.read(&mut chunk).map_err(failed)?);
            if to == 0 {
                wire.until(doing, stalled, |_| channel.send_eof())?;
                ended = true;
            }
        }
        if from < to {
            match channel.write(&chunk[from..to]) {
                Ok(length) => sent = length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The command does not read the rest; its output says why.
                Err(_) => (from, to, ended) = (0, 0, true),
            }
            from += sent;
        }
        // A packet that is partly sent has to be finished before another may begin.
        let mut heard = 0;
        if from == to || !wire.wants_to_send() {
            heard += wire
                .watched(begin + limit, || -> std::io::Result<usize> {
                    let heard = hear(&mut channel.stream(0), &mut stdout)?;
                    Ok(heard + hear(&mut channel.stderr(), &mut stderr)?)
                })
                .map_err(failed)?;
        }
        all += heard;
        let mut may_go_on = wire.check(doing, begin, limit);
        if all > MOST {
            may_go_on = Err(TransportError::failed(doing, "it printed more than was asked for"));
        }
        if sent + heard > 0 {
            moved = Instant::now();
        } else {
            may_go_on = may_go_on.and_then(|()| wire.wait(doing, moved, stalled));
        }
        if let Err(error) = may_go_on {
            give_up(wire, &mut channel, &chunk[from..to]);
            return Err(error);
        }
    }
    // The exit status is not read: the output decides.
    let _ = wire.until(doing, END, |_| channel.close());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { stdout: text(stdout), stderr: text(stderr) })
}

/// Ends the command so that the session can run another one, even after Ctrl-C.
fn give_up(wire: &Wire, channel: &mut Channel, rest: &[u8]) {
    wire.insist();
    let start = Instant::now();
    while wire.wants_to_send() && !rest.is_empty() {
        let written = channel.write(rest);
        let again = written.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        if !again || wire.wait("the rest", start, END).is_err() {
            break;
        }
    }
    let _ = wire.until("the end", END, |_| channel.close());
}

fn hear(stream: &mut impl Read, into: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk) {
        Ok(length) => {
            into.extend_from_slice(&chunk[..length]);
            into.drain(..into.len().saturating_sub(KEPT));
            Ok(length)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
}
