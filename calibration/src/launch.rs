//! What the statistics need to know of one launch.
//!
//! **Invariant:** plain numbers as they were taken; nothing here is judged yet. The blocks hold all
//! samples, in order, or there are none.

use crate::{Nanos, Samples};

/// One launch of a model: a fresh process that warmed up and took samples.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchView {
    pub samples: Samples,
    /// CPU time that the sampling thread was given during each of them; empty where that is not known.
    pub sample_cpu: Vec<Nanos>,
    /// Where the sentinel was read between samples.
    pub blocks: Vec<Block>,
    /// CPU time that the sampling thread was given while it took the samples.
    pub cpu: Nanos,
    /// Wall-clock time of all blocks.
    pub wall: Nanos,
    /// Threads that computed.
    pub threads: usize,
    pub involuntary_switches: u64,
    pub clock_resolution: Nanos,
    /// What one reading of the clock costs.
    pub clock_overhead: Nanos,
    /// Whether the warm-up ended because the model was steady.
    pub steady: bool,
    /// Per processor in use, in kHz; empty where the device does not tell.
    pub frequency_before_khz: Vec<u64>,
    pub frequency_after_khz: Vec<u64>,
}

/// Samples one after another, with the sentinel as it was read just before and just after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// How many samples.
    pub samples: usize,
    pub sentinel: Sentinel,
}

/// What the parts of the sentinel, the fixed reference workload, take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sentinel {
    /// Arithmetic in the first-level cache.
    #[serde(rename = "core_ns")]
    pub core: Nanos,
    /// A small network in the engine, which feels a neighbour in the core as networks do.
    #[serde(rename = "network_ns")]
    pub network: Nanos,
    /// Reading more memory than a core's own caches hold.
    #[serde(rename = "memory_ns")]
    pub memory: Nanos,
}

impl Sentinel {
    /// Each part as the faster of both has it.
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
    /// The share of the wall-clock time that the sampling thread was running.
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

    /// The median over the blocks; none where the sentinel was not read.
    pub fn core(&self) -> Option<Nanos> {
        let core = self.blocks.iter().map(|block| block.sentinel.core).collect();
        Samples::new(core).ok().map(|core| core.median())
    }
}
