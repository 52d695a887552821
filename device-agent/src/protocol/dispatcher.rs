//! Checks the order of requests.
//!
//! A [`Handler`] does the work of a request, so that these rules can be tested with a handler that does
//! nothing.
//!
//! **Invariant:** before a `hello` of the same protocol version no other request reaches the handler;
//! without a lease nothing is measured.

use crate::protocol::messages::{
    AgentDone, AgentHello, AgentRequest, LaunchRequest, LeaseRequest, ProbeRequest, ProfileRequest,
    PutReport, PutRequest, RunRequest,
};
use crate::protocol::wire::{Failure, FailureKind, PROTOCOL};

/// Does the work of requests. The error of a method is the failure of its request.
pub trait Handler {
    /// What the agent and the device are.
    fn hello(&mut self) -> Result<AgentHello, Failure>;
    /// Takes the lease of the device, or changes the one that is held.
    fn lease(&mut self, request: LeaseRequest) -> Result<(), Failure>;
    /// Gives the lease back and restores what was changed.
    fn release(&mut self) -> Result<(), Failure>;
    /// Stores a piece of a model file.
    fn put(&mut self, request: PutRequest) -> Result<PutReport, Failure>;
    /// Probes the device without a model.
    fn probe(&mut self, request: ProbeRequest) -> Result<AgentDone, Failure>;
    /// Runs one launch of a model.
    fn launch(&mut self, request: LaunchRequest) -> Result<AgentDone, Failure>;
    /// Times the operators of a model.
    fn profile(&mut self, request: ProfileRequest) -> Result<AgentDone, Failure>;
    /// Runs a model once on given inputs.
    fn run(&mut self, request: RunRequest) -> Result<AgentDone, Failure>;
}

/// Passes requests on to a handler, if they come in the right order.
pub struct Dispatcher<D> {
    device: D,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Started,
    Greeted,
    Leased,
}

impl<D: Handler> Dispatcher<D> {
    /// A dispatcher that waits for the first request, `hello`.
    pub fn new(device: D) -> Self {
        Self { device, stage: Stage::Started }
    }

    /// # Errors
    /// Where the request comes too early, has another protocol version or fails.
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
            AgentRequest::Probe(request) => {
                self.past(Stage::Leased)?;
                self.device.probe(request)
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

/// A number such as 1e99 is valid JSON but not a 32-bit float, and could not be passed on.
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
