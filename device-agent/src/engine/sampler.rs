//! The timed loop.
//!
//! **Invariant:** between the two readings of the clock that make a sample there is one inference and
//! nothing else; the buffers are in memory before the first.

use std::time::Instant;

use super::clock::nanos;
use super::usage::{self, Usage};
use super::{EngineError, Runnable};
use crate::agent::{NEARLY_ALL_PERCENT, Sampling};

/// Of one launch: more would not fit the longest line.
pub const MOST_SAMPLES: usize = 1 << 20;

pub struct Sampled {
    pub samples_ns: Vec<u64>,
    /// Of the loop alone.
    pub cpu_ns: u64,
    pub wall_ns: u64,
    /// Of each sample, or of none.
    pub samples_cpu_ns: Vec<u64>,
    pub involuntary_switches: u64,
}

/// # Errors
/// Where an inference fails.
pub fn sample(model: &mut dyn Runnable, rule: Sampling) -> Result<Sampled, EngineError> {
    // Written to, so that no sample pays for a page fault.
    let mut samples_ns = vec![u64::MAX; rule.max_samples];
    let mut samples_cpu_ns = samples_ns.clone();
    let mut taken = 0;
    let switches = usage::involuntary_switches();
    let cpu = Usage::start();
    let start = Instant::now();
    let mut cpu_before_ns = cpu.elapsed_ns();
    while taken < rule.max_samples {
        let begun = Instant::now();
        model.infer()?;
        let ended = Instant::now();
        samples_ns[taken] = nanos(ended - begun);
        let cpu_now_ns = cpu.elapsed_ns();
        samples_cpu_ns[taken] = cpu_now_ns.saturating_sub(cpu_before_ns);
        cpu_before_ns = cpu_now_ns;
        taken += 1;
        if taken >= rule.min_samples && nanos(ended - start) >= rule.slice_ns {
            break;
        }
    }
    let wall_ns = nanos(start.elapsed());
    let cpu_ns = cpu.elapsed_ns();
    samples_ns.truncate(taken);
    let had_nearly_all =
        u128::from(cpu_ns) * 100 >= u128::from(wall_ns) * u128::from(NEARLY_ALL_PERCENT);
    samples_cpu_ns.truncate(if had_nearly_all { 0 } else { taken });
    let involuntary_switches = usage::involuntary_switches().saturating_sub(switches);
    Ok(Sampled { samples_ns, cpu_ns, wall_ns, samples_cpu_ns, involuntary_switches })
}

/// The upper median; zero of nothing.
pub fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(middle).1 }
}
