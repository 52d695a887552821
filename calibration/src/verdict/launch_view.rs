//! What the statistics need to know of one launch.
//!
//! **Invariant:** raw numbers; nothing is judged here. The blocks hold all samples, in order, or there
//! are no blocks.

use crate::{Nanos, Samples};

/// One launch of a model: a fresh process that warmed up and took samples.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchView {
    /// The latency of each timed inference.
    pub samples: Samples,
    /// CPU time of the sampling thread during each sample; empty where it is not known.
    pub sample_cpu: Vec<Nanos>,
    /// Blocks of samples between readings of the reference workload (sentinel).
    pub blocks: Vec<Block>,
    /// CPU time of the sampling thread while it took the samples.
    pub cpu: Nanos,
    /// Wall-clock time of all blocks.
    pub wall: Nanos,
    /// Cycles of the sampling thread while it took the samples, where it could count them.
    pub cycles: Option<u64>,
    /// Number of threads that computed.
    pub threads: usize,
    /// Involuntary context switches of the sampling thread while it took the samples.
    pub involuntary_switches: u64,
    /// Smallest step of the clock.
    pub clock_resolution: Nanos,
    /// What one reading of the clock costs.
    pub clock_overhead: Nanos,
    /// Whether the warm-up ended because the model was steady.
    pub steady: bool,
    /// Clock rate of each processor in use before the samples, in kHz; empty where the device does not tell.
    pub frequency_before_khz: Vec<u64>,
    /// The same after the samples.
    pub frequency_after_khz: Vec<u64>,
}

/// Consecutive samples, with the sentinel's readings just before and just after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Number of samples.
    pub samples: usize,
    /// The geometric mean of the readings just before and just after.
    pub sentinel: Sentinel,
}

/// Times of the parts of the sentinel, the fixed reference workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sentinel {
    /// Arithmetic in the first-level cache.
    #[serde(rename = "core_ns")]
    pub core: Nanos,
    /// A small network in the engine: another process on the core slows it as it slows other networks.
    #[serde(rename = "network_ns")]
    pub network: Nanos,
    /// Reading more memory than a core's own caches hold.
    #[serde(rename = "memory_ns")]
    pub memory: Nanos,
}

impl Sentinel {
    /// The shorter time of each part.
    pub fn faster(self, other: Self) -> Self {
        Self {
            core: self.core.min(other.core),
            network: self.network.min(other.network),
            memory: self.memory.min(other.memory),
        }
    }

    /// The geometric mean of two readings.
    pub fn between(self, other: Self) -> Self {
        let mean = |a: Nanos, b: Nanos| Nanos::from_f64((a.0 as f64).sqrt() * (b.0 as f64).sqrt());
        Self {
            core: mean(self.core, other.core),
            network: mean(self.network, other.network),
            memory: mean(self.memory, other.memory),
        }
    }
}

impl LaunchView {
    /// The share of the wall-clock time in which the sampling thread ran.
    pub fn cpu_share(&self) -> f64 {
        if self.wall.0 == 0 { 1.0 } else { self.cpu.0 as f64 / self.wall.0 as f64 }
    }

    /// Each block with its samples.
    pub fn blocks(&self) -> impl Iterator<Item = (&Block, &[Nanos])> {
        let mut rest = self.samples.in_time_order();
        self.blocks.iter().map(move |block| {
            let (samples, later) = rest.split_at(block.samples.min(rest.len()));
            rest = later;
            (block, samples)
        })
    }

    /// The sentinel's core part: the median over the blocks. `None` where the sentinel was not read.
    pub fn core(&self) -> Option<Nanos> {
        let core = self.blocks.iter().map(|block| block.sentinel.core).collect();
        Samples::new(core).ok().map(|core| core.median())
    }
}
