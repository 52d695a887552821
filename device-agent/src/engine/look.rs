//! A look at the device without a model: what it is like just now.
//!
//! **Invariant:** in a process of its own, as a launch is, so that both see the same device.

use std::time::Instant;

use super::clock::{self, nanos};
use super::procfs::Tree;
use super::usage::Usage;
use super::{EngineError, pinning, sentinel, state};
use crate::agent::{LookReport, LookRequest};

const REPEATS: usize = 7;

/// # Errors
/// Where the processors asked for are not ours to use.
pub fn look(request: &LookRequest) -> Result<LookReport, EngineError> {
    pinning::pin(&request.cpus)?;
    let clock = clock::measure();
    let (cpu, begun) = (Usage::start(), Instant::now());
    let sentinel_ns = (0..REPEATS).map(|_| sentinel::median_ns()).collect();
    let (cpu_ns, wall_ns) = (cpu.elapsed_ns(), nanos(begun.elapsed()));
    // A core that had nothing to do runs slowly on purpose.
    let state = state::state(&Tree::of_the_device(), &request.cpus);
    Ok(LookReport { state, clock, sentinel_ns, cpu_ns, wall_ns })
}
