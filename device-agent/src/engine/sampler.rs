//! The timed loop: blocks of samples, and a reading of the sentinel before and after each.
//!
//! A reading leaves its own data in the caches, and the inference after it pays for that: up to 1.7
//! times the usual for a network of half a millisecond. That inference is done and not counted, unless
//! it is longer than a block: then what it pays is lost in it.
//!
//! **Invariant:** between the two readings of the clock that make a sample there is one inference and
//! nothing else; the buffers are in memory before the first.

use std::time::Instant;

use super::clock::nanos;
use super::sentinel::Sentinel;
use super::usage::{self, Usage};
use super::{EngineError, Runnable};
use crate::agent::{NEARLY_ALL_PERCENT, Reading, Sampling};

/// Of one launch: more would not fit the longest line.
pub const MOST_SAMPLES: usize = 1 << 20;
/// A block lasts so many times as long as a reading takes, at least, so that slow devices spend their
/// time on samples, too.
const READINGS_IN_BLOCK: u64 = 10;
/// A median of fewer is moved by a single odd one.
const LEAST_IN_BLOCK: usize = 3;

pub struct Sampled {
    pub samples_ns: Vec<u64>,
    /// How many samples each block holds.
    pub blocks: Vec<usize>,
    pub readings: Vec<Reading>,
    /// Of all blocks.
    pub cpu_ns: u64,
    pub wall_ns: u64,
    /// Of each sample, or of none.
    pub samples_cpu_ns: Vec<u64>,
    pub involuntary_switches: u64,
}

/// `typical_ns` is what an inference takes about.
///
/// # Errors
/// Where an inference fails.
pub fn sample(
    model: &mut dyn Runnable,
    rule: Sampling,
    typical_ns: u64,
    sentinel: &mut Sentinel,
) -> Result<Sampled, EngineError> {
    // Written to, so that no sample pays for a page fault.
    let mut samples_ns = vec![u64::MAX; rule.max_samples];
    let mut samples_cpu_ns = samples_ns.clone();
    let settles = typical_ns < rule.block_ns;
    let least_in_block = if settles { LEAST_IN_BLOCK } else { 1 };
    let (mut cpu_ns, mut wall_ns, mut taken) = (0, 0, 0);
    let (mut blocks, mut readings) = (Vec::new(), vec![sentinel.read()?]);
    let block_ns = rule.block_ns.max(READINGS_IN_BLOCK * readings[0].wall_ns);
    let switches = usage::involuntary_switches();
    let started = Instant::now();
    while taken < rule.max_samples {
        if settles {
            model.infer()?;
        }
        let first = taken;
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

/// The upper median; zero of nothing.
pub fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(middle).1 }
}
