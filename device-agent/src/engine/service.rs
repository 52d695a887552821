//! The agent as the host knows it: answers requests until the host is gone.
//!
//! **Invariant:** no model is parsed or run in this process; however it ends, save by a kill,
//! everything is left as it was found.

use std::fs::File;
use std::io::{self, BufReader};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::child::Work;
use super::isolation::OWN_EXECUTABLE;
use super::premises::Premises;
use super::silence::{Heard, Silence, WITHOUT_LEASE};
use super::tract::Tract;
use super::{Engine, holder, platform, store};
use crate::agent::{
    AgentDone, AgentHello, AgentRequest, LaunchRequest, LeaseRequest, LookRequest, NoProgress,
    ProfileRequest, PutReport, PutRequest, RunRequest,
};
use crate::desk::{Desk, Device};
use crate::line::LineError;
use crate::serve::{Progress, serve};
use crate::wire::{Failure, FailureKind, PROTOCOL};

/// What a process ends with that heard nothing for too long.
const SILENT: i32 = 3;

/// Serves on stdin and stdout until stdin ends; a child that runs then is killed.
///
/// # Errors
/// Where stdin or stdout fails, or signals cannot be caught.
pub fn service() -> Result<(), LineError> {
    // By this name another agent knows that it may end this one.
    rustix::thread::set_name(holder::NAME).map_err(io::Error::from)?;
    let premises = Arc::new(Premises::enter());
    leave_at_signals(&premises)?;
    let silence = Silence::new(WITHOUT_LEASE);
    let leaving = Arc::clone(&premises);
    silence.watch(move || {
        leaving.leave();
        process::exit(SILENT);
    })?;

    let agent = Agent { premises: Arc::clone(&premises), silence: Arc::clone(&silence) };
    let mut desk = Desk::new(agent);
    let input = Heard { input: BufReader::new(io::stdin()), silence: Arc::clone(&silence) };
    let ended = Arc::clone(&premises);
    let served = serve(
        input,
        &mut io::stdout().lock(),
        move || ended.isolation.end(),
        |request: AgentRequest, _: &mut Progress<'_, NoProgress, AgentDone>| {
            silence.during(|| desk.answer(request))
        },
    );
    premises.leave();
    served
}

fn leave_at_signals(premises: &Arc<Premises>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    let premises = Arc::clone(premises);
    thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            premises.leave();
            process::exit(128 + signal);
        }
    })?;
    Ok(())
}

struct Agent {
    premises: Arc<Premises>,
    silence: Arc<Silence>,
}

impl Agent {
    fn work(&self, work: Work) -> Result<AgentDone, Failure> {
        self.premises.renew(Duration::from_nanos(work.limits().time_ns))?;
        let answer = self.premises.isolation.run(work);
        self.premises.renew(Duration::ZERO)?;
        answer
    }
}

impl Device for Agent {
    fn hello(&mut self) -> Result<AgentHello, Failure> {
        let build = File::open(OWN_EXECUTABLE).and_then(|mut file| store::hash_of(&mut file));
        let build = build.map_err(|error| {
            Failure::new(FailureKind::Internal, format!("{OWN_EXECUTABLE}: {error}"))
        })?;
        Ok(AgentHello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            build,
            engine: Tract.identity(),
            platform: platform::platform(self.premises.folder().ok()),
        })
    }

    fn lease(&mut self, request: LeaseRequest) -> Result<(), Failure> {
        let idle = self.premises.lease(&request)?;
        self.silence.bear(idle);
        Ok(())
    }

    fn release(&mut self) -> Result<(), Failure> {
        self.premises.release();
        self.silence.bear(WITHOUT_LEASE);
        Ok(())
    }

    fn put(&mut self, request: PutRequest) -> Result<PutReport, Failure> {
        self.premises.renew(Duration::ZERO)?;
        self.premises.put(&request)
    }

    fn look(&mut self, request: LookRequest) -> Result<AgentDone, Failure> {
        self.work(Work::Look(request))
    }

    fn launch(&mut self, request: LaunchRequest) -> Result<AgentDone, Failure> {
        self.work(Work::Launch(request))
    }

    fn profile(&mut self, request: ProfileRequest) -> Result<AgentDone, Failure> {
        self.work(Work::Profile(request))
    }

    fn run(&mut self, request: RunRequest) -> Result<AgentDone, Failure> {
        self.work(Work::Run(request))
    }
}
