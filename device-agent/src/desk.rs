//! The order in which requests make sense.
//!
//! What the agent does with a request is the business of a [`Device`], so that these rules can be
//! tried on one that does nothing.
//!
//! **Invariant:** before a greeting of this very protocol the device is asked for nothing else;
//! without a lease it measures nothing.

use crate::agent::{
    AgentDone, AgentHello, AgentRequest, LaunchRequest, LeaseRequest, LookRequest, ProfileRequest,
    PutReport, PutRequest, RunRequest,
};
use crate::wire::{Failure, FailureKind, PROTOCOL};

/// What requests are done with. Each method fails as its request does.
pub trait Device {
    fn hello(&mut self) -> Result<AgentHello, Failure>;
    fn lease(&mut self, request: LeaseRequest) -> Result<(), Failure>;
    fn release(&mut self) -> Result<(), Failure>;
    fn put(&mut self, request: PutRequest) -> Result<PutReport, Failure>;
    fn look(&mut self, request: LookRequest) -> Result<AgentDone, Failure>;
    fn launch(&mut self, request: LaunchRequest) -> Result<AgentDone, Failure>;
    fn profile(&mut self, request: ProfileRequest) -> Result<AgentDone, Failure>;
    fn run(&mut self, request: RunRequest) -> Result<AgentDone, Failure>;
}

/// Where requests come in.
pub struct Desk<D> {
    device: D,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Started,
    Greeted,
    Leased,
}

impl<D: Device> Desk<D> {
    pub fn new(device: D) -> Self {
        Self { device, stage: Stage::Started }
    }

    /// # Errors
    /// Where the request comes too early, is of another protocol or fails.
    pub fn answer(&mut self, request: AgentRequest) -> Result<AgentDone, Failure> {
        match request {
            AgentRequest::Hello { protocol } => {
                same_protocol(protocol)?;
                let hello = self.device.hello()?;
                self.stage = self.stage.max(Stage::Greeted);
                Ok(AgentDone::Hello(hello))
            }
            AgentRequest::Lease(request) => {
                self.past(Stage::Greeted)?;
                self.device.lease(request)?;
                self.stage = Stage::Leased;
                Ok(AgentDone::Leased)
            }
            AgentRequest::Release => {
                self.past(Stage::Greeted)?;
                self.stage = Stage::Greeted;
                self.device.release()?;
                Ok(AgentDone::Released)
            }
            AgentRequest::Put(request) => {
                self.past(Stage::Greeted)?;
                self.device.put(request).map(AgentDone::Put)
            }
            AgentRequest::Run(request) => {
                self.past(Stage::Greeted)?;
                finite(&request)?;
                self.device.run(request)
            }
            AgentRequest::Look(request) => {
                self.past(Stage::Leased)?;
                self.device.look(request)
            }
            AgentRequest::Launch(request) => {
                self.past(Stage::Leased)?;
                self.device.launch(request)
            }
            AgentRequest::Profile(request) => {
                self.past(Stage::Leased)?;
                self.device.profile(request)
            }
        }
    }

    fn past(&self, needed: Stage) -> Result<(), Failure> {
        let message = match self.stage {
            stage if stage >= needed => return Ok(()),
            Stage::Started => "the first request must be hello",
            Stage::Greeted | Stage::Leased => "nothing is measured without a lease; ask for one",
        };
        Err(Failure::new(FailureKind::BadRequest, message))
    }
}

/// A number such as 1e99 is JSON, but no 32-bit float, and could not be passed on.
fn finite(request: &RunRequest) -> Result<(), Failure> {
    let mut values = request.inputs.iter().flat_map(|input| &input.values);
    if values.all(|value| value.is_finite()) {
        return Ok(());
    }
    let message = "run: an input holds a number that is not finite";
    Err(Failure::new(FailureKind::BadRequest, message))
}

fn same_protocol(protocol: u32) -> Result<(), Failure> {
    if protocol == PROTOCOL {
        return Ok(());
    }
    let message = format!(
        "the host speaks protocol {protocol}, this agent {PROTOCOL}; install the same version of both"
    );
    Err(Failure::new(FailureKind::BadRequest, message))
}
