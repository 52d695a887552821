//! Checks what makes a device's measurements worse, and says what to do about it.
//!
//! **Invariant:** every finding has its evidence, and a finding that is not fine says what to do; what
//! a device does not report is called unknown, never taken to be fine.

mod findings;

use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::{AgentHello, ProbeReport, ProbeRequest};
use pearl_agent::protocol::wire::FailureKind;
use serde::Serialize;

use crate::device::agent_client::Agent;
use crate::device::entry::{Device, Transport};
use crate::output::error_class::{ErrorClass, class_of, told};
use crate::process::child::ChildError;

/// Length of the probe: long enough to see processes that run now and then.
const LOOK: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(80);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[serde(rename = "ok")]
    Fine,
    /// No fault was found, but not everything could be checked.
    Note,
    /// Measurements will be worse.
    Warning,
    /// Nothing can be measured.
    Obstacle,
}

impl Level {
    /// The word in the text output; JSON documents use the same word.
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

/// What was found out about a device.
struct Seen<'a> {
    device: &'a Device,
    hello: &'a AgentHello,
    look: &'a ProbeReport,
    /// The processors pinned to; empty if the scheduler chooses.
    cpus: &'a [usize],
    /// The free space at the agent's folder, if this machine can see that folder.
    disk_free_bytes: Option<u64>,
}

/// Checks all rules on a device, without measuring a model.
///
/// # Errors
/// An interrupt; everything else is a finding.
pub fn examine(device: &Device) -> anyhow::Result<Vec<Finding>> {
    let since = Instant::now();
    let mut agent = match Agent::connect(device) {
        Ok(agent) => agent,
        Err(error) if class_of(&error) == ErrorClass::Interrupted => return Err(error),
        Err(error) => return Ok(vec![unreachable(device, &error)]),
    };
    let mut all = vec![Finding::fine(
        "reachability",
        format!("the agent answered after {:.2} s", since.elapsed().as_secs_f64()),
    )];
    all.extend(findings::of_agent(agent.hello()));
    match agent.lease(Duration::ZERO, |_| {}) {
        Ok(()) => all.push(Finding::fine("lease", "no other host measures on the device")),
        Err(ChildError::Interrupted) => return Err(crate::process::interrupt::classified().into()),
        Err(error) => {
            all.push(not_leased(&error));
            return Ok(all);
        }
    }
    let cpus = agent.cpus();
    let nanos = |duration: Duration| duration.as_nanos() as u64;
    let looked = agent.look(ProbeRequest {
        cpus: cpus.clone(),
        // Whether the device has processors enough for more threads is a finding of its own.
        threads: 1,
        probe_ns: nanos(LOOK),
        time_ns: nanos(LONGEST_WAIT),
    });
    // The findings do not depend on the release, and the lease ends with the agent.
    let _ = agent.release();
    match looked {
        Ok(look) => {
            let hello = agent.hello();
            let disk_free_bytes = disk_free(device, hello);
            let seen = Seen { device, hello, look: &look, cpus: &cpus, disk_free_bytes };
            all.extend(findings::of_look(&seen));
        }
        Err(ChildError::Interrupted) => return Err(crate::process::interrupt::classified().into()),
        // Only the processors of a probe's request can be wrong.
        Err(ChildError::Failed(failure)) if failure.kind == FailureKind::BadRequest => {
            let advice = "correct `cpus` in the device's entry";
            all.push(Finding::new(Level::Obstacle, "cores", failure.message, advice));
        }
        Err(error) => all.push(Finding::new(
            Level::Obstacle,
            "sentinel",
            error.to_string(),
            "fix this first: no model could be launched either",
        )),
    }
    Ok(all)
}

fn not_leased(error: &ChildError) -> Finding {
    let advice = match error {
        ChildError::Failed(failure) if failure.kind == FailureKind::Busy => {
            "wait until the device is free, or ask its user; nothing else was checked"
        }
        _ => "fix this first: nothing else was checked",
    };
    Finding::new(Level::Obstacle, "lease", error.to_string(), advice)
}

/// Errors of a transport already say what to do next.
fn unreachable(device: &Device, error: &anyhow::Error) -> Finding {
    let advice = match &device.transport {
        Transport::Local => {
            "check that the agent is built and that the words of `wrapper` are right"
        }
        _ => "check that the device is on, that its address is right and that it lets you log in",
    };
    let evidence = told(error).replace(['\n', '\r'], " ");
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
