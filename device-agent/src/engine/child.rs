//! The process of one launch or run.
//!
//! It reads its job as one line of stdin and writes one line to stdout.
//!
//! **Invariant:** dies with its parent; limits its own memory before it reads the model, and where
//! the device lets it, goes before its parent when the device has none left; a panic is an answer, not
//! a text on stderr.

use std::io::{self, BufReader, Write};
use std::process::ExitCode;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use super::tract::Tract;
use super::{EngineError, launch, look, memory, panic_guard, profile, run};
use crate::agent::{AgentDone, LaunchRequest, Limits, LookRequest, ProfileRequest, RunRequest};
use crate::line::read_line;
use crate::wire::{Failure, FailureKind, MAX_LINE};

/// What a child is told on stdin.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// The process that waits for the answer.
    pub parent: u32,
    pub work: Work,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Look(LookRequest),
    Launch(LaunchRequest),
    Profile(ProfileRequest),
    Run(RunRequest),
}

/// Enough for work without a model.
const LOOK_MEMORY: u64 = 256 << 20;

impl Work {
    /// The model, or what else it is about.
    pub fn subject(&self) -> &str {
        match self {
            Self::Look(_) => "look",
            Self::Launch(request) => &request.model.path,
            Self::Profile(request) => &request.launch.model.path,
            Self::Run(request) => &request.model.path,
        }
    }

    pub fn limits(&self) -> Limits {
        match self {
            Self::Look(LookRequest { time_ns, .. }) => {
                Limits { model_bytes: 0, memory_bytes: LOOK_MEMORY, time_ns: *time_ns }
            }
            Self::Launch(request) => request.limits,
            Self::Profile(request) => request.launch.limits,
            Self::Run(request) => request.limits,
        }
    }
}

/// What a child answers.
pub type Answer = Result<AgentDone, Failure>;

pub fn main() -> ExitCode {
    panic_guard::silence();
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
        .map_err(|error| system("tie to the parent process", error.into()))?;
    // It may have died before the tie was made.
    if getppid().is_none_or(|pid| pid.as_raw_nonzero().get().unsigned_abs() != job.parent) {
        return Err(bad("the process that asked is gone".into()));
    }
    memory::limit(job.work.limits().memory_bytes).map_err(|error| system("memory limit", error))?;
    memory::go_first();
    Ok(match &job.work {
        Work::Look(request) => AgentDone::Look(look::look(&Tract, request)?),
        Work::Launch(request) => AgentDone::Launch(launch::launch(&Tract, request)?),
        Work::Profile(request) => AgentDone::Profile(profile::profile(&Tract, request)?),
        Work::Run(request) => AgentDone::Run(run::run(&Tract, request)?),
    })
}
