//! A session and its socket, and waiting for both.
//!
//! **Invariant:** a step ends at its deadline, also while the other side sends without a pause.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use ssh2::{BlockDirections, ErrorCode, Session};

use super::super::error::TransportError;
use super::jump::Jump;
use super::step_watch::StepWatch;
use crate::process::interrupt;

/// `LIBSSH2_ERROR_EAGAIN`: the step has to be repeated once the socket is ready.
pub(super) const AGAIN: ErrorCode = ErrorCode::Session(-37);
/// How often a wait checks for Ctrl-C.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Dropping it ends the connection.
pub(super) struct Wire {
    pub session: Session,
    pub socket: Arc<OwnedFd>,
    /// The program at the other end of the socket, where there is no direct way to the device.
    pub jump: Option<Jump>,
    /// `user@host:port`, for messages.
    pub to: String,
    /// Whether Ctrl-C ends a wait.
    interruptible: Cell<bool>,
    watch: Option<StepWatch>,
}

impl Wire {
    pub fn new(session: Session, socket: Arc<OwnedFd>, to: String) -> Self {
        let watch = Some(StepWatch::start(Arc::clone(&socket)));
        Self { session, socket, jump: None, to, interruptible: Cell::new(true), watch }
    }

    /// From now on the steps of this session have no deadline.
    pub fn unwatch(&mut self) {
        self.watch = None;
    }

    /// Does a step of the library, which goes on as long as bytes arrive. Soon after `deadline` it fails.
    pub fn watched<T>(&self, deadline: Instant, step: impl FnOnce() -> T) -> T {
        let Some(watch) = &self.watch else { return step() };
        watch.arm(deadline, self.interruptible.get());
        let done = step();
        watch.disarm();
        done
    }

    /// From now on Ctrl-C ends no wait: only tidying up is left to do.
    pub fn insist(&self) {
        self.interruptible.set(false);
    }

    /// Repeats a step until it is done.
    pub fn until<T>(
        &self,
        doing: &str,
        limit: Duration,
        step: impl FnMut(&Session) -> Result<T, ssh2::Error>,
    ) -> Result<T, TransportError> {
        self.tried(doing, limit, step)?
            .map_err(|error| TransportError::failed(doing, error.message()))
    }

    /// As [`Self::until`], with what the library says of a step that failed.
    pub fn tried<T>(
        &self,
        doing: &str,
        limit: Duration,
        mut step: impl FnMut(&Session) -> Result<T, ssh2::Error>,
    ) -> Result<Result<T, ssh2::Error>, TransportError> {
        let start = Instant::now();
        loop {
            match self.watched(start + limit, || step(&self.session)) {
                Err(error) if error.code() == AGAIN => {}
                done => return Ok(done),
            }
            self.wait(doing, start, limit)?;
        }
    }

    /// Whether a step that began at `start` may go on.
    pub fn check(
        &self,
        doing: &str,
        start: Instant,
        limit: Duration,
    ) -> Result<(), TransportError> {
        if self.interruptible.get() && interrupt::requested() {
            return Err(TransportError::Interrupted);
        }
        if start.elapsed() > limit {
            let (doing, seconds) = (doing.to_owned(), limit.as_secs());
            return Err(TransportError::Late { doing, seconds });
        }
        Ok(())
    }

    /// Waits a moment for the socket, within a limit that began at `start`.
    pub fn wait(&self, doing: &str, start: Instant, limit: Duration) -> Result<(), TransportError> {
        self.check(doing, start, limit)?;
        let mut socket = [PollFd::new(&*self.socket, self.interest())];
        wait_for(&mut socket, TICK).map_err(|error| TransportError::failed(doing, error))
    }

    /// Whether the other side has ended the connection, or does so in this moment.
    pub fn hung_up(&self) -> bool {
        let mut socket = [PollFd::new(&*self.socket, PollFlags::IN)];
        let waited = wait_for(&mut socket, TICK);
        let peeked = recv(&*self.socket, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        match peeked {
            Ok((_, read)) => waited.is_err() || read == 0,
            Err(error) => error != rustix::io::Errno::AGAIN,
        }
    }

    /// The events that the session waits for. Input is always one of them.
    pub fn interest(&self) -> PollFlags {
        if self.wants_to_send() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// Whether part of a packet is still to be sent: no other packet may be begun until then.
    pub fn wants_to_send(&self) -> bool {
        matches!(self.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // If the other side is gone already, there is nothing to shut down.
        let _ = shutdown(&*self.socket, Shutdown::Both);
    }
}

pub(super) fn wait_for(fds: &mut [PollFd<'_>], limit: Duration) -> io::Result<()> {
    let limit = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    match poll(fds, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
