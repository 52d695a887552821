//! The timed loop.
//!
//! **Invariant:** between the two readings of the clock that make a sample there is one inference and
//! nothing else; the buffer is in memory before the first.

use std::time::Instant;

use super::clock::nanos;
use super::usage::{self, Usage};
use super::{EngineError, Runnable};
use crate::agent::Sampling;

/// Of one launch: more would not fit the longest line.
pub const MOST_SAMPLES: usize = 1 << 20;

pub struct Sampled {
    pub samples_ns: Vec<u64>,
    /// Of the loop alone.
    pub cpu_ns: u64,
    pub wall_ns: u64,
    pub involuntary_switches: u64,
}

/// # Errors
/// Where an inference fails.
pub fn sample(model: &mut dyn Runnable, rule: Sampling) -> Result<Sampled, EngineError> {
    // Written to, so that no sample pays for a page fault.
    let mut samples_ns = vec![u64::MAX; rule.max_samples];
    let mut taken = 0;
    let switches = usage::involuntary_switches();
    let cpu = Usage::start();
    let start = Instant::now();
    while taken < rule.max_samples {
        let begun = Instant::now();
        model.infer()?;
        let ended = Instant::now();
        samples_ns[taken] = nanos(ended - begun);
        taken += 1;
        if taken >= rule.min_samples && nanos(ended - start) >= rule.slice_ns {
            break;
        }
    }
    let wall_ns = nanos(start.elapsed());
    let cpu_ns = cpu.elapsed_ns();
    samples_ns.truncate(taken);
    let involuntary_switches = usage::involuntary_switches().saturating_sub(switches);
    Ok(Sampled { samples_ns, cpu_ns, wall_ns, involuntary_switches })
}

/// The upper median; zero of nothing.
pub fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(middle).1 }
}
