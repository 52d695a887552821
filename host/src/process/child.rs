//! A child process that speaks JSON Lines: the agent or the worker.
//!
//! **Invariant:** no call waits longer than its deadline, whatever the child does; a child never
//! outlives its handle; a signal from the terminal reaches the host alone, which then decides.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::ops::AddAssign;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::protocol::line::{LineError, read_line};
use pearl_agent::protocol::wire::{Failure, MAX_LINE, Outcome, Reply, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::process::interrupt;
use crate::process::streams::{Handle, Streams};

/// How often a wait checks for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);
/// How long a child may take to end after its input was closed.
const FAREWELL: Duration = Duration::from_secs(1);
const STDERR_LINES: usize = 20;
/// Most bytes of a request in the log.
const LOGGED_BYTES: usize = 160;

type Sink = Box<dyn Fn(&str) + Send + Sync>;
static LOG: OnceLock<Sink> = OnceLock::new();

/// Sets where requests to children and their logs are written; only the first call counts.
pub fn log_to(sink: impl Fn(&str) + Send + Sync + 'static) {
    let _ = LOG.set(Box::new(sink));
}

fn log(line: impl FnOnce() -> String) {
    if let Some(sink) = LOG.get() {
        sink(&line());
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    #[error("{name}: cannot be started: {source}")]
    Start { name: String, source: std::io::Error },
    #[error("{name} ended ({status}){stderr}")]
    Died { name: String, status: String, stderr: String },
    #[error("{name} gave no answer within {seconds} s")]
    Late { name: String, seconds: u64 },
    #[error("{name} sent an answer that is not in the protocol: {what}")]
    Protocol { name: String, what: String },
    #[error("{0}")]
    Failed(Failure),
    #[error("interrupted")]
    Interrupted,
}

impl ChildError {
    /// Whether the child died, or no longer speaks the protocol.
    pub fn lost(&self) -> bool {
        matches!(self, Self::Died { .. } | Self::Late { .. } | Self::Protocol { .. })
    }
}

/// How long to wait for the terminal line.
#[derive(Clone, Copy, Debug)]
pub enum Deadline {
    /// Counted from the request.
    Total(Duration),
    /// Counted from the last line that arrived.
    Idle(Duration),
}

/// Bytes and requests that went over the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Requests that were answered.
    pub round_trips: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.round_trips += other.round_trips;
    }
}

/// `B`: bodies of requests, `P`: progress, `D`: results.
pub struct Child<B, P, D> {
    name: String,
    process: Box<dyn Handle>,
    requests: Option<Sender<Vec<u8>>>,
    replies: Receiver<Result<Option<Vec<u8>>, LineError>>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    last_id: u64,
    traffic: Traffic,
    shape: PhantomData<fn(B) -> (P, D)>,
}

impl<B: Serialize, P: DeserializeOwned, D: DeserializeOwned> Child<B, P, D> {
    /// Takes over the streams of a process that was just started. Errors call it `name`.
    pub fn start(name: impl Into<String>, streams: Streams) -> Result<Self, ChildError> {
        let name = name.into();
        let Streams { stdin, stdout, stderr, process } = streams;
        interrupt::install().map_err(|source| ChildError::Start { name: name.clone(), source })?;

        let (requests, outgoing) = mpsc::channel();
        thread::spawn(move || write_all(stdin, &outgoing));
        // At most one line waits: it may have some megabytes.
        let (incoming, replies) = mpsc::sync_channel(0);
        thread::spawn(move || read_all(stdout, &incoming));
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let (sink, who) = (Arc::clone(&tail), name.clone());
        thread::spawn(move || keep_tail(&who, stderr, &sink));

        Ok(Self {
            name,
            process,
            requests: Some(requests),
            replies,
            stderr: tail,
            last_id: 0,
            traffic: Traffic::default(),
            shape: PhantomData,
        })
    }

    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Sends a request and waits for its terminal line.
    pub fn request(
        &mut self,
        body: B,
        deadline: Deadline,
        mut on_progress: impl FnMut(P),
    ) -> Result<D, ChildError> {
        self.last_id += 1;
        let id = self.last_id;
        let mut line = serde_json::to_vec(&Request { id, body })
            .map_err(|error| self.protocol(format!("own request: {error}")))?;
        log(|| {
            let start = String::from_utf8_lossy(&line[..line.len().min(LOGGED_BYTES)]).into_owned();
            format!("{}: asked {start}", self.name)
        });
        line.push(b'\n');
        self.traffic.bytes_sent += line.len() as u64;
        let sent = self.requests.as_ref().is_some_and(|requests| requests.send(line).is_ok());
        if !sent {
            return Err(self.died());
        }
        let asked = Instant::now();
        let mut since = asked;
        loop {
            let line = self.wait(since, deadline)?;
            self.traffic.bytes_received += line.len() as u64 + 1;
            if let Deadline::Idle(_) = deadline {
                since = Instant::now();
            }
            let reply: Reply<P, D> = serde_json::from_slice(&line).map_err(|error| {
                let start: String = String::from_utf8_lossy(&line).chars().take(80).collect();
                self.protocol(format!("{error} in {start:?}"))
            })?;
            // An answer to an earlier request, which was given up, is skipped. Id 0 is the child's
            // complaint about a line that it could not read.
            if reply.id != id && reply.id != 0 {
                self.may_wait(since, deadline)?;
                continue;
            }
            if !matches!(reply.outcome, Outcome::Progress(_)) {
                self.traffic.round_trips += 1;
                let (name, bytes) = (&self.name, line.len());
                let took = asked.elapsed().as_secs_f64();
                log(|| format!("{name}: answered {id} with {bytes} bytes after {took:.3} s"));
            }
            match reply.outcome {
                Outcome::Progress(progress) => {
                    on_progress(progress);
                    // A child that talks without a pause is no reason to wait longer.
                    self.may_wait(since, deadline)?;
                }
                Outcome::Done(done) => return Ok(done),
                Outcome::Failed(failure) => return Err(ChildError::Failed(failure)),
            }
        }
    }

    fn wait(&mut self, since: Instant, deadline: Deadline) -> Result<Vec<u8>, ChildError> {
        loop {
            match self.replies.recv_timeout(TICK) {
                Ok(Ok(Some(line))) => return Ok(line),
                Ok(Ok(None) | Err(LineError::Truncated | LineError::Io(_)))
                | Err(RecvTimeoutError::Disconnected) => return Err(self.died()),
                Ok(Err(error @ LineError::TooLong { .. })) => {
                    return Err(self.protocol(error.to_string()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.may_wait(since, deadline)?;
        }
    }

    fn may_wait(&mut self, since: Instant, deadline: Deadline) -> Result<(), ChildError> {
        let (Deadline::Total(limit) | Deadline::Idle(limit)) = deadline;
        if interrupt::requested() {
            return Err(ChildError::Interrupted);
        }
        if since.elapsed() > limit {
            self.kill();
            return Err(ChildError::Late { name: self.name.clone(), seconds: limit.as_secs() });
        }
        Ok(())
    }

    fn protocol(&mut self, what: String) -> ChildError {
        self.kill();
        ChildError::Protocol { name: self.name.clone(), what }
    }

    fn died(&mut self) -> ChildError {
        // The child's output has ended. If the child now ends by itself, its status is its own.
        let status = match self.farewell() {
            Some(status) => status,
            None => "its output was closed".to_owned(),
        };
        let lines = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let stderr = lines.iter().rfind(|line| !line.trim().is_empty());
        let stderr = stderr.map(|line| format!(": {line}")).unwrap_or_default();
        ChildError::Died { name: self.name.clone(), status, stderr }
    }
}

impl<B, P, D> Child<B, P, D> {
    fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits for the end of a process that has been told to end; kills it if it does not end.
    fn farewell(&mut self) -> Option<String> {
        self.requests = None;
        self.end_within(FAREWELL).or_else(|| {
            self.kill();
            self.end_within(FAREWELL)
        })
    }

    fn end_within(&mut self, limit: Duration) -> Option<String> {
        let start = Instant::now();
        loop {
            let ended = self.process.ended();
            if ended.is_some() || start.elapsed() > limit {
                return ended;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl<B, P, D> Drop for Child<B, P, D> {
    fn drop(&mut self) {
        self.farewell();
    }
}

fn write_all(mut stdin: impl Write, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read_all(stdout: impl Read, lines: &SyncSender<Result<Option<Vec<u8>>, LineError>>) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let line = read_line(&mut stdout, MAX_LINE);
        let last = !matches!(line, Ok(Some(_)));
        if lines.send(line).is_err() || last {
            return;
        }
    }
}

fn keep_tail(name: &str, stderr: impl Read, tail: &Mutex<VecDeque<String>>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    // A line without an end is cut, so that it is not kept whole.
    while let Ok(1..) = (&mut stderr).take(4096).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let mut kept = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == STDERR_LINES {
            kept.pop_front();
        }
        kept.push_back(text.clone());
        drop(kept);
        log(|| format!("{name}: {text}"));
    }
}
