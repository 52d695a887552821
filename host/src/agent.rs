//! The host's end of an agent: started on demand, replaced when it is lost.
//!
//! **Invariant:** an agent is spoken to only after a handshake in the same protocol version.

use std::time::Duration;

use anyhow::Context;
use pearl_agent::agent::{
    AgentDone, AgentHello, AgentRequest, LaunchReport, LaunchRequest, NoProgress, RunReport,
    RunRequest,
};
use pearl_agent::wire::{FailureKind, PROTOCOL};

use crate::child::{Child, ChildError, Deadline};
use crate::device::Device;
use crate::exit::{Fault, Kind};

const HELLO: Deadline = Deadline::Total(Duration::from_secs(20));
/// What the link may add to a launch's own time limit.
const LINK: Duration = Duration::from_secs(20);

pub struct Agent {
    device: Device,
    child: Child<AgentRequest, NoProgress, AgentDone>,
    hello: AgentHello,
}

impl Agent {
    pub fn connect(device: &Device) -> anyhow::Result<Self> {
        let (child, hello) = start(device)?;
        Ok(Self { device: device.clone(), child, hello })
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn hello(&self) -> &AgentHello {
        &self.hello
    }

    /// The processors to pin to; empty leaves the choice to the scheduler.
    pub fn cpus(&self) -> Vec<usize> {
        self.device.cpus.on(&self.hello.platform)
    }

    pub fn launch(&mut self, request: LaunchRequest) -> Result<LaunchReport, ChildError> {
        let deadline = Duration::from_nanos(request.limits.time_ns) + LINK;
        match self.request(AgentRequest::Launch(request), deadline)? {
            AgentDone::Launch(report) => Ok(report),
            other => Err(self.unexpected(&other)),
        }
    }

    pub fn run(&mut self, request: RunRequest) -> Result<RunReport, ChildError> {
        let deadline = Duration::from_nanos(request.limits.time_ns) + LINK;
        match self.request(AgentRequest::Run(request), deadline)? {
            AgentDone::Run(report) => Ok(report),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Puts a fresh agent in the place of one that was lost.
    pub fn replace(&mut self) -> anyhow::Result<()> {
        let (child, hello) = start(&self.device)?;
        if hello != self.hello {
            return Err(Fault::new(
                Kind::Device,
                format_args!(
                    "device '{}': another agent answered after a restart",
                    self.device.name
                ),
            )
            .into());
        }
        self.child = child;
        Ok(())
    }

    fn request(&mut self, body: AgentRequest, deadline: Duration) -> Result<AgentDone, ChildError> {
        self.child.request(body, Deadline::Total(deadline), |progress| match progress {})
    }

    fn unexpected(&self, done: &AgentDone) -> ChildError {
        ChildError::Protocol {
            name: name(&self.device),
            what: format!("{done:?}").chars().take(80).collect(),
        }
    }
}

fn name(device: &Device) -> String {
    format!("device '{}': pearl-agent", device.name)
}

fn start(
    device: &Device,
) -> anyhow::Result<(Child<AgentRequest, NoProgress, AgentDone>, AgentHello)> {
    let mut child =
        Child::start(name(device), &mut device.agent_command()?).map_err(|error| fault(&error))?;
    let hello = AgentRequest::Hello { protocol: PROTOCOL };
    match child.request(hello, HELLO, |progress| match progress {}) {
        Ok(AgentDone::Hello(hello)) if hello.protocol == PROTOCOL => Ok((child, hello)),
        Ok(other) => Err(Fault::new(Kind::Device, format_args!("no handshake but {other:?}")))
            .with_context(|| name(device)),
        Err(error) => Err(fault(&error).into()),
    }
}

/// Whose move a failure on the way to a measurement is.
pub fn fault(error: &ChildError) -> Fault {
    let kind = match error {
        ChildError::Interrupted => Kind::Interrupted,
        ChildError::Failed(failure) => match failure.kind {
            FailureKind::BadInput | FailureKind::Limit | FailureKind::Crashed => Kind::Input,
            FailureKind::BadRequest => Kind::Usage,
            FailureKind::Busy | FailureKind::Device => Kind::Device,
            FailureKind::Internal => Kind::Bug,
        },
        _ => Kind::Device,
    };
    Fault::new(kind, error)
}
