//! The lease: one host at a time uses a device.

use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::{AgentDone, AgentRequest, LeaseRequest};
use pearl_agent::protocol::wire::FailureKind;

use super::{Agent, identity};
use crate::process::child::ChildError;
use crate::process::interrupt;

/// How long a device keeps the lease of a host whose link was cut; longer than [`super::replace`] tries.
const IDLE: Duration = Duration::from_secs(180);
/// The pause between two requests for a lease that another host has.
const PAUSE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

/// Marks a lease that is held; it is requested again after a replacement.
#[derive(Clone, Debug)]
pub(super) struct Held;

impl Agent {
    /// Leases the device for this process. Waits up to `wait` while another host has the lease; `on_wait`
    /// gets the message that names that host.
    ///
    /// # Errors
    /// [`FailureKind::Busy`] if another host still has the lease after that time.
    pub fn lease(
        &mut self,
        wait: Duration,
        mut on_wait: impl FnMut(&str),
    ) -> Result<(), ChildError> {
        let start = Instant::now();
        loop {
            match self.request_lease() {
                Err(ChildError::Failed(failure))
                    if failure.kind == FailureKind::Busy && start.elapsed() < wait =>
                {
                    on_wait(&failure.message);
                    pause(PAUSE)?;
                }
                result => return result,
            }
        }
    }

    /// Ends the lease; the device's settings that it changed are restored.
    ///
    /// # Errors
    /// If the agent is lost; the lease ends then as well.
    pub fn release(&mut self) -> Result<(), ChildError> {
        if self.lease.take().is_none() {
            return Ok(());
        }
        match self.request(AgentRequest::Release, Duration::ZERO)? {
            AgentDone::Released => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    pub(super) fn request_lease(&mut self) -> Result<(), ChildError> {
        let request = LeaseRequest {
            owner: identity::owner(),
            session: identity::session().to_owned(),
            idle_ns: IDLE.as_nanos() as u64,
            frequency: self.device.frequency,
            cpus: self.cpus(),
        };
        match self.request(AgentRequest::Lease(request), Duration::ZERO)? {
            AgentDone::Leased => {
                self.lease = Some(Held);
                Ok(())
            }
            other => Err(self.unexpected(&other)),
        }
    }
}

/// Sleeps for `length`, or until the user presses Ctrl-C.
pub(super) fn pause(length: Duration) -> Result<(), ChildError> {
    let start = Instant::now();
    while start.elapsed() < length {
        if interrupt::requested() {
            return Err(ChildError::Interrupted);
        }
        thread::sleep(TICK.min(length.saturating_sub(start.elapsed())));
    }
    Ok(())
}
