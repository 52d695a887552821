//! The process of one launch or run.
//!
//! It reads its job as one line of stdin and writes one line to stdout.
//!
//! **Invariant:** the process dies with its parent. It limits its own memory before it reads the model.
//! Where the device permits that, the kernel ends it before its parent when the device has no memory left.
//! A panic becomes an answer, not a text on stderr.

use std::io::{self, BufReader, Write};
use std::process::ExitCode;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::engine::tract::Tract;
use crate::engine::{EngineError, single_run};
use crate::platform::{android, memory};
use crate::session::panic_guard;
use crate::timing::{launch, probe, profile};
use pearl_agent::protocol::line::read_line;
use pearl_agent::protocol::messages::{
    AgentDone, LaunchRequest, Limits, ProbeRequest, ProfileRequest, RunRequest,
};
use pearl_agent::protocol::wire::{Failure, FailureKind, MAX_LINE};

/// What a child reads from stdin.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The process that waits for the answer.
    pub(crate) parent: u32,
    pub(crate) work: Work,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    Probe(ProbeRequest),
    Launch(LaunchRequest),
    Profile(ProfileRequest),
    Run(RunRequest),
}

/// Memory limit of a probe: enough for work without a model.
const PROBE_MEMORY: u64 = 256 << 20;

impl Work {
    /// What failures name: the model, or the probe.
    pub(crate) fn subject(&self) -> &str {
        match self {
            Self::Probe(_) => "probe",
            Self::Launch(request) => &request.model.path,
            Self::Profile(request) => &request.launch.model.path,
            Self::Run(request) => &request.model.path,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        match self {
            Self::Probe(ProbeRequest { time_ns, .. }) => {
                Limits { model_bytes: 0, memory_bytes: PROBE_MEMORY, time_ns: *time_ns }
            }
            Self::Launch(request) => request.limits,
            Self::Profile(request) => request.launch.limits,
            Self::Run(request) => request.limits,
        }
    }
}

/// What a child answers.
pub(crate) type Answer = Result<AgentDone, Failure>;

pub(crate) fn main() -> ExitCode {
    panic_guard::mute();
    let answer = panic_guard::guarded(answer).unwrap_or_else(|place| {
        Err(Failure::new(FailureKind::Internal, format!("internal error at {place}")))
    });
    let written = serde_json::to_vec(&answer).map_err(io::Error::from).and_then(|mut line| {
        line.push(b'\n');
        io::stdout().lock().write_all(&line)
    });
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn answer() -> Answer {
    let bad = |reason: String| Failure::new(FailureKind::BadRequest, format!("launch: {reason}"));
    let line = read_line(&mut BufReader::new(io::stdin()), MAX_LINE)
        .map_err(|error| bad(error.to_string()))?
        .ok_or_else(|| bad("no request on stdin".into()))?;
    let job: Job = serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?;
    drop(line);
    let system = |what: &str, source: io::Error| EngineError::System { what: what.into(), source };
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| system("parent-death signal", error.into()))?;
    // The parent may have died before that signal was set.
    if getppid().is_none_or(|pid| pid.as_raw_nonzero().get().unsigned_abs() != job.parent) {
        return Err(bad("the parent process is gone".into()));
    }
    // Before the memory is limited, because a program of Android's would inherit that.
    android::join_top_app();
    memory::limit(job.work.limits().memory_bytes).map_err(|error| system("memory limit", error))?;
    memory::go_first();
    Ok(match &job.work {
        Work::Probe(request) => AgentDone::Probe(probe::probe(&Tract, request)?),
        Work::Launch(request) => AgentDone::Launch(Box::new(launch::launch(&Tract, request)?)),
        Work::Profile(request) => AgentDone::Profile(profile::profile(&Tract, request)?),
        Work::Run(request) => AgentDone::Run(single_run::run(&Tract, request)?),
    })
}
