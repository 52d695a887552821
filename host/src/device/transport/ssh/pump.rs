//! The thread that moves bytes between a channel and the pipes that the host reads and writes.
//!
//! **Invariant:** only this thread touches the session; the thread waits for the socket and the pipes
//! together, so nothing waits for a timer; it ends when the channel, the link or the host ends.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::ioctl_fionbio;
use ssh2::Channel;

use super::timed_session::{Wire, wait_for};
use crate::process::streams::{Handle, Streams};

const CHUNK: usize = 32 << 10;
/// Longest wait. The kernel probes an idle link and reports a dead one; this limit only makes sure that
/// every wait ends.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest wait while the library holds bytes that the socket will not announce again.
const SOON: Duration = Duration::from_millis(5);
/// Time limit for the exit status after the last output.
const END: Duration = Duration::from_secs(2);

pub(super) fn start(mut wire: Wire, channel: Channel) -> io::Result<Streams> {
    wire.unwatch();
    let (input, stdin) = pipe()?;
    let (stdout, output) = pipe()?;
    let (stderr, errors) = pipe()?;
    let (closed, control) = pipe()?;
    ioctl_fionbio(&input, true)?;
    ioctl_fionbio(&output, true)?;
    ioctl_fionbio(&errors, true)?;
    let ended = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&ended);
    let pump = Pump {
        input: Source { pipe: Some(input), held: Vec::new(), announced: false },
        output: Sink { pipe: Some(output), held: Vec::new(), stream: 0 },
        errors: Sink { pipe: Some(errors), held: Vec::new(), stream: 1 },
        closed,
        channel,
        wire,
        writing: false,
    };
    thread::Builder::new().name("ssh".to_owned()).spawn(move || {
        let how = pump.run();
        *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    })?;
    let process = Box::new(Remote { control: Some(control), ended });
    Ok(Streams {
        stdin: Box::new(stdin),
        stdout: Box::new(stdout),
        stderr: Box::new(stderr),
        process,
    })
}

/// A process at the other end of a channel.
struct Remote {
    /// Closing it ends the connection, and sshd closes the process's input then.
    control: Option<PipeWriter>,
    ended: Arc<Mutex<Option<String>>>,
}

impl Handle for Remote {
    fn ended(&mut self) -> Option<String> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kill(&mut self) {
        self.control = None;
    }
}

struct Pump {
    input: Source,
    output: Sink,
    errors: Sink,
    closed: PipeReader,
    channel: Channel,
    wire: Wire,
    /// Whether the last call that would have blocked was a write. A packet that is partly sent has to be
    /// finished, by the call that began it, before another may begin.
    writing: bool,
}

/// What the host writes, on its way to the channel.
struct Source {
    pipe: Option<PipeReader>,
    held: Vec<u8>,
    /// Whether the channel was told of the end.
    announced: bool,
}

/// What the channel says, on its way to the host.
struct Sink {
    pipe: Option<PipeWriter>,
    held: Vec<u8>,
    stream: i32,
}

impl Pump {
    /// Runs until the end, and returns in words how it ended.
    fn run(mut self) -> String {
        loop {
            match self.step() {
                Ok(Step::Moved) => {}
                Ok(Step::Idle) => {
                    if let Err(error) = self.wait() {
                        return error.to_string();
                    }
                }
                Ok(Step::Ended) => return self.status(),
                Ok(Step::Closed) => return "the connection was closed by this side".to_owned(),
                Err(error) => {
                    return format!("the connection to {} was lost: {error}", self.wire.to);
                }
            }
        }
    }

    fn step(&mut self) -> io::Result<Step> {
        if self.is_closed() {
            return Ok(Step::Closed);
        }
        let mut moved = self.input.fill()?;
        moved |= self.send()?;
        if !self.writing || !self.wire.wants_to_send() {
            moved |= self.output.fill(&mut self.channel)?;
            moved |= self.errors.fill(&mut self.channel)?;
        }
        moved |= self.output.drain() | self.errors.drain();
        if moved {
            return Ok(Step::Moved);
        }
        let all_said = self.output.held.is_empty() && self.errors.held.is_empty();
        Ok(if all_said && self.channel.eof() { Step::Ended } else { Step::Idle })
    }

    fn send(&mut self) -> io::Result<bool> {
        // Reading sends as well: it widens the window.
        if self.wire.wants_to_send() && !self.writing {
            return Ok(false);
        }
        self.writing = false;
        if !self.input.held.is_empty() {
            let sent = again(self.channel.write(&self.input.held))?;
            self.writing = sent.is_none();
            self.input.held.drain(..sent.unwrap_or(0));
            return Ok(sent.is_some_and(|sent| sent > 0));
        }
        if self.input.pipe.is_none() && !self.input.announced {
            let told = again(self.channel.send_eof().map_err(io::Error::from))?;
            self.writing = told.is_none();
            self.input.announced = told.is_some();
        }
        Ok(false)
    }

    fn is_closed(&self) -> bool {
        let mut closed = [PollFd::new(&self.closed, PollFlags::IN)];
        let looked = wait_for(&mut closed, Duration::ZERO);
        looked.is_err() || !closed[0].revents().is_empty()
    }

    fn wait(&self) -> io::Result<()> {
        let mut fds = vec![
            PollFd::new(&*self.wire.socket, self.wire.interest()),
            PollFd::new(&self.closed, PollFlags::IN),
        ];
        if let (Some(pipe), true) = (&self.input.pipe, self.input.held.is_empty()) {
            fds.push(PollFd::new(pipe, PollFlags::IN));
        }
        for sink in [&self.output, &self.errors] {
            if let (Some(pipe), false) = (&sink.pipe, sink.held.is_empty()) {
                fds.push(PollFd::new(pipe, PollFlags::OUT));
            }
        }
        let held = self.channel.read_window().available > 0;
        wait_for(&mut fds, if held { SOON } else { LONGEST })
    }

    fn status(mut self) -> String {
        // The host sees the end of the output before it asks how it ended.
        (self.output.pipe, self.errors.pipe) = (None, None);
        let _ = self.wire.until("the end", END, |_| self.channel.wait_close());
        if let Ok(signal) = self.channel.exit_signal()
            && let Some(name) = signal.exit_signal
        {
            return format!("signal: {name}");
        }
        match self.channel.exit_status() {
            // The library returns 0 for status 0 and for no status.
            Ok(0) | Err(_) => "exit status: 0 or none".to_owned(),
            Ok(status) => format!("exit status: {status}"),
        }
    }
}

enum Step {
    Moved,
    Idle,
    /// The process has sent all its output.
    Ended,
    /// The host has closed the connection.
    Closed,
}

impl Source {
    /// Reads what the host wrote, after all before it was sent.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(pipe) = self.pipe.as_mut().filter(|_| self.held.is_empty()) else {
            return Ok(false);
        };
        self.held.resize(CHUNK, 0);
        let read = again(pipe.read(&mut self.held));
        self.held.truncate(*read.as_ref().ok().and_then(Option::as_ref).unwrap_or(&0));
        if let Some(0) = read? {
            self.pipe = None;
            return Ok(true);
        }
        Ok(!self.held.is_empty())
    }
}

impl Sink {
    fn fill(&mut self, channel: &mut Channel) -> io::Result<bool> {
        if !self.held.is_empty() {
            return Ok(false);
        }
        self.held.resize(CHUNK, 0);
        let read = again(channel.stream(self.stream).read(&mut self.held));
        self.held.truncate(*read.as_ref().ok().and_then(Option::as_ref).unwrap_or(&0));
        read?;
        Ok(!self.held.is_empty())
    }

    /// If the host has closed its end of the pipe, the output is dropped.
    fn drain(&mut self) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let written = match &mut self.pipe {
            Some(pipe) => again(pipe.write(&self.held)),
            None => Ok(Some(self.held.len())),
        };
        match written {
            Ok(length) => {
                let length = length.unwrap_or(0);
                self.held.drain(..length);
                length > 0
            }
            Err(_) => {
                self.pipe = None;
                true
            }
        }
    }
}

/// `None` if the call has to be tried again.
fn again<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
