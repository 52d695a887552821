//! The timed loop: blocks of samples, and a reading of the reference workload (sentinel) before and after
//! each.
//!
//! A reading leaves its own data in the caches and so slows the next inference: a network of half a
//! millisecond takes up to 1.7 times as long. That inference is done and not counted, unless it is longer
//! than a block: then the effect is negligible.
//!
//! **Invariant:** between the two readings of the clock that make a sample there is one inference and
//! nothing else; the buffers are in memory before the first sample.

use std::time::{Duration, Instant};

use super::clock::nanos;
use super::sentinel::Sentinel;
use crate::engine::{EngineError, Runnable};
use crate::platform::cycles::Cycles;
use crate::platform::usage::{self, Usage};
use pearl_agent::protocol::messages::{NEARLY_ALL_PERCENT, Reading, Sampling};

/// Most samples of one launch: more would not fit the longest line.
pub(crate) const MOST_SAMPLES: usize = 1 << 20;
/// A block lasts at least so many times as long as a reading, so that slow devices also spend their time
/// on samples.
const READINGS_IN_BLOCK: u64 = 10;
/// What readings alone make of a block at most: on an emulated device a reading takes seconds.
const LONGEST_BY_READINGS: Duration = Duration::from_secs(2);
/// Least samples of a block: a single outlier moves the median of fewer.
const LEAST_IN_BLOCK: usize = 3;

pub(crate) struct Sampled {
    pub(crate) samples_ns: Vec<u64>,
    /// How many samples each block holds.
    pub(crate) blocks: Vec<usize>,
    pub(crate) readings: Vec<Reading>,
    /// CPU time of all blocks.
    pub(crate) cpu_ns: u64,
    pub(crate) wall_ns: u64,
    /// CPU time of each sample, or empty.
    pub(crate) samples_cpu_ns: Vec<u64>,
    pub(crate) involuntary_switches: u64,
}

/// `typical_ns` is the approximate time of an inference; `cycles` are counted during the blocks alone.
///
/// # Errors
/// Where an inference fails.
pub(crate) fn sample(
    model: &mut dyn Runnable,
    rule: Sampling,
    typical_ns: u64,
    sentinel: &mut Sentinel,
    cycles: &mut Cycles,
) -> Result<Sampled, EngineError> {
    // Written to, so that no sample pays for a page fault.
    let mut samples_ns = vec![u64::MAX; rule.max_samples];
    let mut samples_cpu_ns = samples_ns.clone();
    let settles = typical_ns < rule.block_ns;
    let least_in_block = if settles { LEAST_IN_BLOCK } else { 1 };
    let (mut cpu_ns, mut wall_ns, mut taken) = (0, 0, 0);
    let (mut blocks, mut readings) = (Vec::new(), vec![sentinel.read()?]);
    let by_readings = READINGS_IN_BLOCK.saturating_mul(readings[0].wall_ns);
    let block_ns = rule.block_ns.max(by_readings.min(nanos(LONGEST_BY_READINGS)));
    let switches = usage::involuntary_switches();
    let started = Instant::now();
    while taken < rule.max_samples {
        if settles {
            model.infer()?;
        }
        let first = taken;
        cycles.resume();
        let (cpu, start) = (Usage::start(), Instant::now());
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
            if taken - first >= least_in_block && nanos(ended - start) >= block_ns {
                break;
            }
        }
        wall_ns += nanos(start.elapsed());
        cpu_ns += cpu.elapsed_ns();
        cycles.pause();
        blocks.push(taken - first);
        readings.push(sentinel.read()?);
        if taken >= rule.min_samples && nanos(started.elapsed()) >= rule.slice_ns {
            break;
        }
    }
    samples_ns.truncate(taken);
    let had_nearly_all =
        u128::from(cpu_ns) * 100 >= u128::from(wall_ns) * u128::from(NEARLY_ALL_PERCENT);
    samples_cpu_ns.truncate(if had_nearly_all { 0 } else { taken });
    let involuntary_switches = usage::involuntary_switches().saturating_sub(switches);
    Ok(Sampled {
        samples_ns,
        blocks,
        readings,
        cpu_ns,
        wall_ns,
        samples_cpu_ns,
        involuntary_switches,
    })
}

/// The upper median; zero where there are no values.
pub(crate) fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(middle).1 }
}
