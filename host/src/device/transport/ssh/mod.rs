//! Devices that are reached over SSH.
//!
//! The system's `ssh` is asked where the device is ([`route`]) and opens ways through other hosts ([`jump`]).
//! All else is libssh2's. It has one lock for a session, and its timeouts are no deadlines. So a session is
//! always non-blocking here: until the agent runs, each step is repeated under a deadline of its own
//! ([`timed_session`]); from then on one thread owns the session and moves bytes between the channel and
//! three pipes ([`pump`]).
//!
//! A dead link is noticed after [`DEAD_AFTER`]. A link that was cut for a shorter time goes on where it
//! was.
//!
//! **Invariant:** nothing is sent to a host whose key is not known, and no secret comes from a file of
//! Pearl.

mod authentication;
mod connection;
mod exchange;
mod host_key;
mod identity_file;
mod jump;
mod key_blob;
mod known_hosts;
mod negotiation;
mod pump;
mod route;
mod secret;
mod step_watch;
mod timed_session;

use std::path::Path;
use std::time::Duration;

use super::error::TransportError;
use super::mark::{AfterMark, FIRST};
use super::shell::{Said, Shell};
use crate::device::entry::Ssh;
use crate::process::streams::Streams;
use authentication::{Login, Tried};
use route::Route;
use timed_session::Wire;

/// How long the other side may leave what was sent unacknowledged before the link counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// Time limit for opening a channel and starting a command in it.
const START: Duration = Duration::from_secs(20);
/// Longest time without a byte of progress. After a cut of the link, TCP waits about twice as long as
/// the cut lasted.
const STALLED: Duration = Duration::from_secs(90);
const LONGEST_UPLOAD: Duration = Duration::from_secs(30 * 60);
/// How often to connect again where a host hangs up after some keys; most do so after six.
const MOST_CONNECTIONS: usize = 4;
/// Without that program the user's configuration counts for nothing.
const UNREAD: &str = "~/.ssh/config was not read, because there is no `ssh` program";

/// A session that is ready to run commands.
pub(super) struct Connection {
    wire: Wire,
}

/// # Errors
/// If the host cannot be reached, is not the known one, or does not let the user log in.
pub(super) fn connect(settings: &Ssh) -> Result<Connection, TransportError> {
    let route = Route::of(settings)?;
    log_in(&route).map_err(|error| if route.unread { error.with(UNREAD) } else { error })
}

fn log_in(route: &Route) -> Result<Connection, TransportError> {
    let mut tried = Tried::default();
    for _ in 0..MOST_CONNECTIONS {
        let wire = connection::connect(route)?;
        host_key::check(&wire, route)?;
        if authentication::authenticate(&wire, route, &mut tried)? == Login::Done {
            return Ok(Connection { wire });
        }
    }
    Err(tried.refused(route))
}

impl Connection {
    fn exec(&self, words: &[&str]) -> Result<ssh2::Channel, TransportError> {
        let program = words.iter().find(|word| !FIRST.contains(word)).unwrap_or(&"");
        let doing = format!("starting '{program}'");
        let mut channel = self.wire.until(&doing, START, |session| session.channel_session())?;
        let command = words.join(" ");
        self.wire.until(&doing, START, |_| channel.exec(&command))?;
        Ok(channel)
    }
}

impl Shell for Connection {
    fn run(
        &mut self,
        words: &[&str],
        mut input: &[u8],
        limit: Duration,
    ) -> Result<Said, TransportError> {
        let channel = self.exec(words)?;
        exchange::exchange(&self.wire, channel, &mut input, "asking the device", limit, limit)
    }

    fn upload(&mut self, file: &Path, to: &str) -> Result<Said, TransportError> {
        let doing = "sending the agent";
        let mut file = std::fs::File::open(file)
            .map_err(|error| TransportError::failed(file.display().to_string(), error))?;
        let channel = self.exec(&["cat", ">", to])?;
        exchange::exchange(&self.wire, channel, &mut file, doing, STALLED, LONGEST_UPLOAD)
    }

    fn start(self, words: &[&str]) -> Result<Streams, TransportError> {
        let channel = self.exec(&[&FIRST[..], words].concat())?;
        let streams = pump::start(self.wire, channel)
            .map_err(|error| TransportError::failed("starting the agent", error))?;
        Ok(Streams { stdout: Box::new(AfterMark::new(streams.stdout)), ..streams })
    }
}
