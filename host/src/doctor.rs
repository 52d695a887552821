//! What would make a device's numbers worse, and what to do about it.
//!
//! **Invariant:** every finding has its evidence, and one that is not fine says what to do; what a
//! device does not tell is said to be unknown, never taken to be fine.

mod findings;

use std::time::{Duration, Instant};

use pearl_agent::agent::{AgentHello, LookReport, LookRequest};
use pearl_agent::wire::FailureKind;
use serde::Serialize;

use crate::agent::Agent;
use crate::child::ChildError;
use crate::device::{Device, Transport};
use crate::exit::{Kind, kind};

/// Others come and go: long enough to meet them.
const LOOK: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[serde(rename = "ok")]
    Fine,
    /// Nothing is wrong that could be seen, but not all could be seen.
    Note,
    /// Numbers will be worse.
    Warning,
    /// There will be no numbers.
    Obstacle,
}

impl Level {
    /// For people; documents have the same.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Obstacle => "obstacle",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub about: &'static str,
    pub level: Level,
    pub evidence: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Finding {
    fn fine(about: &'static str, evidence: impl Into<String>) -> Self {
        Self { about, level: Level::Fine, evidence: evidence.into(), advice: None }
    }

    fn new(
        level: Level,
        about: &'static str,
        evidence: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { about, level, evidence: evidence.into(), advice: Some(advice.into()) }
    }
}

/// What was seen of a device.
struct Seen<'a> {
    device: &'a Device,
    hello: &'a AgentHello,
    look: &'a LookReport,
    /// Processors pinned to; empty where the scheduler chooses.
    cpus: &'a [usize],
    /// Of the agent's folder, where this machine can see it.
    disk_free_bytes: Option<u64>,
}

/// Looks at a device from all sides, without measuring anything.
///
/// # Errors
/// An interrupt; everything else is a finding.
pub fn examine(device: &Device) -> anyhow::Result<Vec<Finding>> {
    let since = Instant::now();
    let mut agent = match Agent::connect(device) {
        Ok(agent) => agent,
        Err(error) if kind(&error) == Kind::Interrupted => return Err(error),
        Err(error) => return Ok(vec![unreachable(device, &error)]),
    };
    let mut all = vec![Finding::fine(
        "reachability",
        format!("the agent answered after {:.2} s", since.elapsed().as_secs_f64()),
    )];
    all.extend(findings::of_agent(agent.hello()));
    match agent.lease(Duration::ZERO, |_| {}) {
        Ok(()) => all.push(Finding::fine("lease", "nobody else measures on the device")),
        Err(ChildError::Interrupted) => return Err(crate::interrupt::fault().into()),
        Err(error) => {
            all.push(not_leased(&error));
            return Ok(all);
        }
    }
    let cpus = agent.cpus();
    let nanos = |duration: Duration| duration.as_nanos() as u64;
    let looked = agent.look(LookRequest {
        cpus: cpus.clone(),
        // What a device without so many processors lacks is a finding of its own.
        threads: 1,
        look_ns: nanos(LOOK),
        time_ns: nanos(PATIENCE),
    });
    // The findings do not hang on it, and the lease ends with the agent.
    let _ = agent.release();
    match looked {
        Ok(look) => {
            let hello = agent.hello();
            let disk_free_bytes = disk_free(device, hello);
            let seen = Seen { device, hello, look: &look, cpus: &cpus, disk_free_bytes };
            all.extend(findings::of_look(&seen));
        }
        Err(ChildError::Interrupted) => return Err(crate::interrupt::fault().into()),
        // Nothing that a look asks for can be wrong but the processors.
        Err(ChildError::Failed(failure)) if failure.kind == FailureKind::BadRequest => {
            let advice = "correct `cpus` in the device's entry";
            all.push(Finding::new(Level::Obstacle, "cores", failure.message, advice));
        }
        Err(error) => all.push(Finding::new(
            Level::Obstacle,
            "sentinel",
            error.to_string(),
            "put that right first: no model could be launched either",
        )),
    }
    Ok(all)
}

fn not_leased(error: &ChildError) -> Finding {
    let advice = match error {
        ChildError::Failed(failure) if failure.kind == FailureKind::Busy => {
            "wait until it is free, or ask its user; nothing else was looked at"
        }
        _ => "nothing else was looked at until that is put right",
    };
    Finding::new(Level::Obstacle, "lease", error.to_string(), advice)
}

/// Errors of the way to a device say themselves what to do next.
fn unreachable(device: &Device, error: &anyhow::Error) -> Finding {
    let advice = match &device.transport {
        Transport::Local => "see that the agent is built and that the wrapper's words are right",
        _ => "see that the device is on, that its address is right and that it lets you in",
    };
    let evidence = format!("{error:#}").replace(['\n', '\r'], " ");
    Finding::new(Level::Obstacle, "reachability", evidence, advice)
}

fn disk_free(device: &Device, hello: &AgentHello) -> Option<u64> {
    if device.transport != Transport::Local {
        return None;
    }
    let folder = std::path::Path::new(&hello.platform.folder);
    let existing = folder.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(existing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests;
