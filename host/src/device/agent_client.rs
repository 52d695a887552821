//! The host's end of an agent: started on demand, replaced when it is lost.
//!
//! **Invariant:** an agent gets requests only after a handshake in the same protocol version; after a
//! replacement the lease and the model files are restored, or the caller gets an error.

mod identity;
mod lease_wait;
mod place;
mod replace;

use std::collections::BTreeMap;
use std::time::Duration;

use pearl_agent::protocol::messages::{
    AgentDone, AgentHello, AgentRequest, LaunchReport, LaunchRequest, ModelFile, NoProgress,
    ProbeReport, ProbeRequest, ProfileReport, ProfileRequest, RunReport, RunRequest,
};
use pearl_agent::protocol::wire::{Failure, FailureKind, PROTOCOL};

use crate::device::entry::{Device, Transport};
use crate::device::transport::{self, Opened};
use crate::output::error_class::{Classified, ErrorClass};
use crate::process::child::{Child, ChildError, Deadline, Traffic};

pub use replace::Replaced;

/// Hashing an executable of some megabytes on a slow board takes a while.
const HELLO: Deadline = Deadline::Total(Duration::from_secs(30));
/// How long a request may take in addition to its own time limit.
const ANSWER: Duration = Duration::from_secs(20);
/// How much longer a remote request may take if the link was cut and has come back.
const CUT: Duration = Duration::from_secs(90);

type Link = Child<AgentRequest, NoProgress, AgentDone>;

pub struct Agent {
    device: Device,
    child: Link,
    hello: AgentHello,
    lease: Option<lease_wait::Held>,
    /// Keys: the hashes of the files.
    placed: BTreeMap<String, place::Placed>,
    /// The traffic of the agents before this one.
    earlier: Traffic,
}

impl Agent {
    /// Connects to the device, installs the agent if it is not there, and makes the handshake.
    ///
    /// # Errors
    /// If the device cannot be reached or refuses; classified.
    pub fn connect(device: &Device) -> anyhow::Result<Self> {
        let (child, hello) = start(device)?;
        Ok(Self {
            device: device.clone(),
            child,
            hello,
            lease: None,
            placed: BTreeMap::new(),
            earlier: Traffic::default(),
        })
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

    /// The traffic since [`Agent::connect`], over all replacements of the agent.
    pub fn traffic(&self) -> Traffic {
        let mut all = self.earlier;
        all += self.child.traffic();
        all
    }

    /// # Errors
    /// After an error that is [`ChildError::lost`], call [`Agent::replace`].
    pub fn look(&mut self, request: ProbeRequest) -> Result<ProbeReport, ChildError> {
        let limit = Duration::from_nanos(request.time_ns);
        match self.request(AgentRequest::Probe(request), limit)? {
            AgentDone::Probe(report) => Ok(report),
            other => Err(self.unexpected(&other)),
        }
    }

    /// # Errors
    /// After an error that is [`ChildError::lost`], call [`Agent::replace`].
    pub fn launch(&mut self, request: LaunchRequest) -> Result<LaunchReport, ChildError> {
        let (model, limit) = (request.model.clone(), request.limits.time_ns);
        let asked = |model| AgentRequest::Launch(LaunchRequest { model, ..request.clone() });
        match self.request_on(&model, limit, asked)? {
            AgentDone::Launch(report) => Ok(*report),
            other => Err(self.unexpected(&other)),
        }
    }

    /// # Errors
    /// After an error that is [`ChildError::lost`], call [`Agent::replace`].
    pub fn profile(&mut self, request: ProfileRequest) -> Result<ProfileReport, ChildError> {
        let (model, limit) = (request.launch.model.clone(), request.launch.limits.time_ns);
        let asked = |model| {
            let mut request = request.clone();
            request.launch.model = model;
            AgentRequest::Profile(request)
        };
        match self.request_on(&model, limit, asked)? {
            AgentDone::Profile(report) => Ok(report),
            other => Err(self.unexpected(&other)),
        }
    }

    /// # Errors
    /// After an error that is [`ChildError::lost`], call [`Agent::replace`].
    pub fn run(&mut self, request: RunRequest) -> Result<RunReport, ChildError> {
        let (model, limit) = (request.model.clone(), request.limits.time_ns);
        let asked = |model| AgentRequest::Run(RunRequest { model, ..request.clone() });
        match self.request_on(&model, limit, asked)? {
            AgentDone::Run(report) => Ok(report),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Sends a request that uses a model file on the device. If the file is gone from there, it is
    /// sent again. Failures name the file by its path on this machine.
    fn request_on(
        &mut self,
        there: &ModelFile,
        limit_ns: u64,
        asked: impl Fn(ModelFile) -> AgentRequest,
    ) -> Result<AgentDone, ChildError> {
        let limit = Duration::from_nanos(limit_ns);
        let (there, _) = self.still_there(there)?;
        let mut result = self.request(asked(there.clone()), limit);
        if result.as_ref().is_err_and(of_the_model) {
            self.doubt(&there);
            match self.still_there(&there) {
                Ok((again, sent)) if sent || again != there => {
                    result = self.request(asked(again), limit);
                }
                Err(error) if !matches!(error, ChildError::Failed(_)) => return Err(error),
                // The first failure of the model stands.
                _ => {}
            }
        }
        result.map_err(|error| match (error, self.placed.get(&there.identity())) {
            (ChildError::Failed(Failure { kind, message }), Some(placed)) => {
                let mut message = message.replace(&there.path, &placed.local.path);
                for (there, local) in there.weights.iter().zip(&placed.local.weights) {
                    message = message.replace(&there.path, &local.path);
                }
                ChildError::Failed(Failure::new(kind, message))
            }
            (error, _) => error,
        })
    }

    /// As [`classified`]; a failure of the device also names the device.
    pub fn classified(&self, error: &ChildError) -> Classified {
        let plain = classified(error);
        match error {
            ChildError::Failed(failure) if plain.class == ErrorClass::Device => {
                let message = format!("device '{}': {failure}", self.device.name);
                Classified::new(plain.class, message).because(failure.clone())
            }
            _ => plain,
        }
    }

    fn request(&mut self, body: AgentRequest, limit: Duration) -> Result<AgentDone, ChildError> {
        let link = match self.device.transport {
            Transport::Local => ANSWER,
            _ => ANSWER + CUT,
        };
        self.child.request(body, Deadline::Total(limit + link), |progress| match progress {})
    }

    fn unexpected(&self, done: &AgentDone) -> ChildError {
        let what = format!("{done:?}").chars().take(80).collect();
        ChildError::Protocol { name: name(&self.device), what }
    }

    /// Whether the device shares this machine's files.
    fn shares_files(&self) -> bool {
        matches!(self.device.transport, Transport::Local)
    }

    fn doubt(&mut self, model: &ModelFile) {
        if let Some(placed) = self.placed.get_mut(&model.identity()) {
            placed.doubted = true;
        }
    }

    /// Where the file is on the device, and whether it had to be sent again.
    fn still_there(&mut self, model: &ModelFile) -> Result<(ModelFile, bool), ChildError> {
        let local = match self.placed.get(&model.identity()) {
            None => return Ok((model.clone(), false)),
            Some(placed) if !placed.doubted => return Ok((placed.there.clone(), false)),
            Some(placed) => placed.local.clone(),
        };
        let mut sent = false;
        Ok((self.place(&local, |_, _| sent = true)?, sent))
    }
}

fn of_the_model(error: &ChildError) -> bool {
    matches!(error, ChildError::Failed(failure) if failure.kind == FailureKind::BadInput)
}

fn name(device: &Device) -> String {
    let wrapped = match &device.wrapper[..] {
        [] => String::new(),
        words => format!(" (started by '{}')", words.join(" ")),
    };
    format!("device '{}': pearl-agent{wrapped}", device.name)
}

fn start(device: &Device) -> anyhow::Result<(Link, AgentHello)> {
    let Opened { streams, build } = transport::open(device)?;
    let mut child = Child::start(name(device), streams).map_err(|error| classified(&error))?;
    let hello = AgentRequest::Hello { protocol: PROTOCOL };
    let refused = |message: String| Classified::new(ErrorClass::Device, message);
    let hello = match child.request(hello, HELLO, |progress| match progress {}) {
        Ok(AgentDone::Hello(hello)) if hello.protocol == PROTOCOL => hello,
        Ok(other) => {
            let other: String = format!("{other:?}").chars().take(80).collect();
            return Err(
                refused(format!("{}: answered the handshake with {other}", name(device))).into()
            );
        }
        Err(error) => return Err(classified(&error).into()),
    };
    match build {
        Some(build) if build != hello.build => Err(refused(format!(
            "{} is not the installed one (it is {}, not {build}); remove {}",
            name(device),
            hello.build,
            hello.platform.folder
        ))
        .lasting()
        .into()),
        _ => Ok((child, hello)),
    }
}

/// The error class of a failure on the way to a measurement.
pub fn classified(error: &ChildError) -> Classified {
    let class = match error {
        ChildError::Interrupted => ErrorClass::Interrupted,
        ChildError::Failed(failure) => match failure.kind {
            FailureKind::BadInput | FailureKind::Crashed => ErrorClass::Input,
            FailureKind::Limit | FailureKind::TimeLimit | FailureKind::MemoryLimit => {
                ErrorClass::Limit
            }
            FailureKind::BadRequest => ErrorClass::Usage,
            FailureKind::Busy | FailureKind::Device => ErrorClass::Device,
            FailureKind::Internal => ErrorClass::Bug,
        },
        _ => ErrorClass::Device,
    };
    let plain = Classified::new(class, error);
    match error {
        ChildError::Failed(failure) => plain.because(failure.clone()),
        _ => plain,
    }
}
