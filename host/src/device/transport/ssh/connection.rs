//! From a name to an encrypted session.
//!
//! **Invariant:** a program on the way to the device lives as long as the session.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use ssh2::{MethodType, Session};

use super::DEAD_AFTER;
use super::host_key;
use super::jump::Jump;
use super::negotiation;
use super::route::Route;
use super::timed_session::Wire;
use crate::device::transport::error::TransportError;
use crate::process::interrupt;

const RESOLVE: Duration = Duration::from_secs(10);
/// Time limit for one address.
const CONNECT: Duration = Duration::from_secs(10);
const HANDSHAKE: Duration = Duration::from_secs(20);
/// Idle time before the first keep-alive probe, and between two probes.
const QUIET: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);

pub(super) fn connect(route: &Route) -> Result<Wire, TransportError> {
    let to = route.to();
    let doing = format!("connecting to {to}");
    let (socket, mut jump) = open(route, &doing)?;
    let failed = |error: ssh2::Error| TransportError::failed(&doing, error.message());
    let mut session = Session::new().map_err(failed)?;
    let socket = Arc::new(socket);
    session.set_tcp_stream(Arc::clone(&socket));
    session.set_blocking(false);
    if let Some(types) = host_key::preference(&session, route) {
        session.method_pref(MethodType::HostKey, &types).map_err(failed)?;
    }
    let mut wire = Wire::new(session, socket, to);
    match wire.until(&doing, HANDSHAKE, |session| session.clone().handshake()) {
        Ok(()) => {
            wire.jump = jump;
            Ok(wire)
        }
        Err(error) => {
            let error = match error {
                error @ TransportError::Failed { .. } => why(route, &wire, &doing).unwrap_or(error),
                error => error,
            };
            Err(match &mut jump {
                Some(jump) => error.with(&jump.last_words()),
                None => error,
            })
        }
    }
}

/// What another connection tells of a handshake that failed.
fn why(route: &Route, wire: &Wire, doing: &str) -> Option<TransportError> {
    let (socket, _jump) = open(route, doing).ok()?;
    negotiation::reason(&socket, &wire.session, doing)
}

/// A socket that leads to the device, and the program at its other end, if there is one.
fn open(route: &Route, doing: &str) -> Result<(OwnedFd, Option<Jump>), TransportError> {
    if let Some(words) = &route.jump {
        let (socket, jump) = Jump::start(words)
            .map_err(|error| TransportError::Lasting(format!("{doing}: {error}")))?;
        return Ok((socket, Some(jump)));
    }
    let host = (route.host.clone(), route.port);
    let addresses =
        within(doing, RESOLVE, move || host.to_socket_addrs().map(Iterator::collect::<Vec<_>>))?
            .map_err(|error| TransportError::failed(doing, error))?;
    let stream = within(doing, CONNECT * 3, move || first(&addresses))?
        .map_err(|error| TransportError::failed(doing, hint(&error, route)))?;
    tune(&stream).map_err(|error| TransportError::failed(doing, error))?;
    Ok((stream.into(), None))
}

fn first(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sets up keep-alive: a dead link is noticed, and a link that is cut for a while survives.
fn tune(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, QUIET)?;
    sockopt::set_tcp_keepintvl(stream, QUIET)?;
    sockopt::set_tcp_user_timeout(stream, DEAD_AFTER.as_millis() as u32)?;
    Ok(())
}

fn hint(error: &std::io::Error, route: &Route) -> String {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let next = match error.kind() {
        ConnectionRefused => format!("; is sshd running there, on port {}?", route.port),
        HostUnreachable | NetworkUnreachable | TimedOut => {
            "; is the device on, and in this network?".to_owned()
        }
        _ => String::new(),
    };
    format!("{error}{next}")
}

/// Runs work that has no deadline of its own on another thread. If the work is late, the thread is
/// abandoned.
pub(super) fn within<T: Send + 'static>(
    doing: &str,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TransportError> {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    let start = Instant::now();
    loop {
        match done.recv_timeout(TICK) {
            Ok(done) => return Ok(done),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(TransportError::failed(doing, "it could not be tried"));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if interrupt::requested() {
            return Err(TransportError::Interrupted);
        }
        if start.elapsed() > limit {
            let (doing, seconds) = (doing.to_owned(), limit.as_secs());
            return Err(TransportError::Late { doing, seconds });
        }
    }
}
