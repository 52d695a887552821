//! The three pipes to a child process, each on a thread, so that no child can block the agent.
//!
//! **Invariant:** of a child's stdout at most one line is kept, of its stderr the end.

use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStderr};
use std::sync::mpsc::{self, Receiver};
use std::thread::{Builder, JoinHandle};

use pearl_agent::protocol::line::{LineError, read_line};
use pearl_agent::protocol::wire::MAX_LINE;

/// How much of the end of stderr is kept, in bytes.
const TAIL: usize = 4096;

pub(crate) struct Pipes {
    /// The first line of stdout, once.
    pub(crate) line: Receiver<Result<Option<Vec<u8>>, LineError>>,
    pub(crate) stderr: JoinHandle<Vec<u8>>,
}

impl Pipes {
    /// Writes `input` to the child and closes its stdin; reads the rest.
    ///
    /// # Errors
    /// Where a thread cannot be started, or a pipe is missing.
    pub(crate) fn of(child: &mut Child, input: Vec<u8>) -> io::Result<Self> {
        let missing = || io::Error::other("a pipe is missing");
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (sender, line) = mpsc::channel();
        // A child that does not read is ended by its time limit.
        Builder::new().spawn(move || stdin.write_all(&input))?;
        Builder::new()
            .spawn(move || sender.send(read_line(&mut BufReader::new(stdout), MAX_LINE)))?;
        let stderr = Builder::new().spawn(move || tail(stderr))?;
        Ok(Self { line, stderr })
    }
}

fn tail(mut stderr: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut chunk = [0; TAIL];
    loop {
        match stderr.read(&mut chunk) {
            Ok(0) => return kept,
            Ok(n) => {
                kept.extend_from_slice(&chunk[..n]);
                kept.drain(..kept.len().saturating_sub(TAIL));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return kept,
        }
    }
}
