//! The device, for one host at a time.

use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::agent::{AgentDone, AgentRequest, LeaseRequest};
use pearl_agent::wire::FailureKind;

use super::{Agent, identity};
use crate::child::ChildError;
use crate::interrupt;

/// How long a device waits for a host whose link was cut; longer than [`super::replace`] tries.
const IDLE: Duration = Duration::from_secs(180);
/// Between two requests for a lease that somebody else has.
const PAUSE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

/// A lease that is held, and is taken up again after a replacement.
#[derive(Clone, Debug)]
pub(super) struct Held;

impl Agent {
    /// Takes the device for this process, waiting `wait` for whoever has it; `on_wait` hears who.
    ///
    /// # Errors
    /// [`FailureKind::Busy`] where it is still somebody else's after that time.
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

    /// Gives the device back; what was changed there is restored.
    ///
    /// # Errors
    /// Where the agent is lost; the lease ends then as well.
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

/// Sleeps, unless somebody presses Ctrl-C.
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
