//! A child of Pearl spoken to directly: requests in, terminal lines out.

use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::protocol::line::read_line;
use pearl_agent::protocol::wire::{MAX_LINE, Outcome, Reply, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::pearl::DEADLINE;

pub struct Link {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    last_id: u64,
}

impl Link {
    pub fn start(command: &mut Command) -> Link {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let stdin = child.stdin.take().expect("stdin was piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout was piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(Some(line)) = read_line(&mut stdout, MAX_LINE) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Link { child, stdin: Some(stdin), lines, last_id: 0 }
    }

    /// What the child answers to `body`, or why it did not.
    pub fn ask<D: DeserializeOwned>(&mut self, body: impl Serialize) -> Result<D, String> {
        self.last_id += 1;
        let request = Request { id: self.last_id, body };
        let mut line = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let stdin = self.stdin.as_mut().expect("it is closed at the end alone");
        stdin.write_all(&line).map_err(|error| error.to_string())?;
        loop {
            let line = self.lines.recv_timeout(DEADLINE).map_err(|error| error.to_string())?;
            let reply: Reply<Value, D> =
                serde_json::from_slice(&line).map_err(|error| error.to_string())?;
            match reply.outcome {
                Outcome::Progress(_) => {}
                Outcome::Done(done) => return Ok(done),
                Outcome::Failed(failure) => return Err(failure.to_string()),
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Closes its input and waits for its end; the exit code, where no signal ended it.
    ///
    /// # Panics
    /// Where it goes on.
    pub fn close(mut self) -> Option<i32> {
        self.stdin = None;
        let start = Instant::now();
        loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => return status.code(),
                None => assert!(start.elapsed() < DEADLINE, "it goes on without input"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
