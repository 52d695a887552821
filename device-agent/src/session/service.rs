//! The agent's service: it answers requests until the host is gone.
//!
//! **Invariant:** no model is parsed or run in this process. Unless the process is killed, it restores
//! everything when it ends.

use std::fs::File;
use std::io::{self, BufReader};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::engine_child::Work;
use super::isolation::OWN_EXECUTABLE;
use crate::engine::Engine;
use crate::engine::tract::Tract;
use crate::platform::facts;
use crate::session::lease_owner;
use crate::session::session_guard::SessionGuard;
use crate::session::watchdog::{Heard, WITHOUT_LEASE, Watchdog};
use pearl_agent::protocol::content_hash::sha256_of;
use pearl_agent::protocol::dispatcher::{Dispatcher, Handler};
use pearl_agent::protocol::line::LineError;
use pearl_agent::protocol::messages::{
    AgentDone, AgentHello, AgentRequest, LaunchReport, LaunchRequest, LeaseRequest, NoProgress,
    ProbeReport, ProbeRequest, ProfileRequest, PutReport, PutRequest, RunRequest,
};
use pearl_agent::protocol::serve::{Progress, serve};
use pearl_agent::protocol::wire::{Failure, FailureKind, PROTOCOL};

/// Exit code of a process that reached its idle timeout.
const SILENT: i32 = 3;

/// Serves on stdin and stdout until stdin ends; a child that runs then is killed.
///
/// # Errors
/// Where stdin or stdout fails, or signals cannot be caught.
pub(crate) fn service() -> Result<(), LineError> {
    // Another agent ends only processes of this name.
    rustix::thread::set_name(lease_owner::NAME).map_err(io::Error::from)?;
    let guard = Arc::new(SessionGuard::enter());
    leave_at_signals(&guard)?;
    let watchdog = Watchdog::new(WITHOUT_LEASE);
    let leaving = Arc::clone(&guard);
    watchdog.watch(move || {
        leaving.leave();
        process::exit(SILENT);
    })?;

    let agent = Agent { guard: Arc::clone(&guard), watchdog: Arc::clone(&watchdog) };
    let mut dispatcher = Dispatcher::new(agent);
    let input = Heard { input: BufReader::new(io::stdin()), watchdog: Arc::clone(&watchdog) };
    let ended = Arc::clone(&guard);
    let served = serve(
        input,
        &mut io::stdout().lock(),
        move || ended.isolation.end(),
        |request: AgentRequest, _: &mut Progress<'_, NoProgress, AgentDone>| {
            watchdog.during(|| dispatcher.answer(request))
        },
    );
    guard.leave();
    served
}

fn leave_at_signals(guard: &Arc<SessionGuard>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    let guard = Arc::clone(guard);
    thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            guard.leave();
            process::exit(128 + signal);
        }
    })?;
    Ok(())
}

struct Agent {
    guard: Arc<SessionGuard>,
    watchdog: Arc<Watchdog>,
}

impl Agent {
    fn work(&self, work: Work) -> Result<AgentDone, Failure> {
        self.guard.renew(Duration::from_nanos(work.limits().time_ns))?;
        let answer = self.guard.isolation.run(work);
        self.guard.renew(Duration::ZERO)?;
        answer
    }

    /// Work that reports the device's state. Only this process knows which mode it has switched on.
    fn measure(&self, work: Work) -> Result<AgentDone, Failure> {
        let mut done = self.work(work)?;
        let states = match &mut done {
            AgentDone::Probe(ProbeReport { state, .. }) => vec![state],
            AgentDone::Launch(report) => {
                let LaunchReport { state_before, state_after, .. } = &mut **report;
                vec![state_before, state_after]
            }
            _ => Vec::new(),
        };
        for state in states {
            state.fixed_performance = self.guard.has_fixed_performance();
        }
        Ok(done)
    }
}

impl Handler for Agent {
    fn hello(&mut self) -> Result<AgentHello, Failure> {
        let build = File::open(OWN_EXECUTABLE).and_then(|mut file| sha256_of(&mut file));
        let build = build.map_err(|error| {
            Failure::new(FailureKind::Internal, format!("{OWN_EXECUTABLE}: {error}"))
        })?;
        Ok(AgentHello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            build,
            engine: Tract.identity(),
            platform: facts::facts(self.guard.folder().ok()),
        })
    }

    fn lease(&mut self, request: LeaseRequest) -> Result<(), Failure> {
        let idle = self.guard.lease(&request)?;
        self.watchdog.set_timeout(idle);
        Ok(())
    }

    fn release(&mut self) -> Result<(), Failure> {
        self.guard.release();
        self.watchdog.set_timeout(WITHOUT_LEASE);
        Ok(())
    }

    fn put(&mut self, request: PutRequest) -> Result<PutReport, Failure> {
        self.guard.admit()?;
        self.guard.renew(Duration::ZERO)?;
        self.guard.put(&request)
    }

    fn probe(&mut self, request: ProbeRequest) -> Result<AgentDone, Failure> {
        self.measure(Work::Probe(request))
    }

    fn launch(&mut self, request: LaunchRequest) -> Result<AgentDone, Failure> {
        self.measure(Work::Launch(request))
    }

    fn profile(&mut self, request: ProfileRequest) -> Result<AgentDone, Failure> {
        self.work(Work::Profile(request))
    }

    fn run(&mut self, request: RunRequest) -> Result<AgentDone, Failure> {
        self.guard.admit()?;
        self.work(Work::Run(request))
    }
}
