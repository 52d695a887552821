//! What the verdict needs to know of one launch.
//!
//! **Invariant:** plain numbers as they were taken; nothing here is judged yet.

use crate::{Nanos, Samples};

/// One launch of a model: a fresh process that warmed up and took samples.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchView {
    pub samples: Samples,
    /// CPU time that the sampling thread was given during each of them; empty where that is not known.
    pub sample_cpu: Vec<Nanos>,
    /// CPU time that the sampling thread was given while it took the samples.
    pub cpu: Nanos,
    /// Wall-clock time of the sampling loop.
    pub wall: Nanos,
    /// Threads that computed.
    pub threads: usize,
    pub involuntary_switches: u64,
    /// Median time of the fixed workload just before and just after the samples.
    pub sentinel_before: Nanos,
    pub sentinel_after: Nanos,
    pub clock_resolution: Nanos,
    /// What one reading of the clock costs.
    pub clock_overhead: Nanos,
    /// Whether the warm-up ended because the model was steady.
    pub steady: bool,
    /// Per processor in use, in kHz; empty where the device does not tell.
    pub frequency_before_khz: Vec<u64>,
    pub frequency_after_khz: Vec<u64>,
}

impl LaunchView {
    /// The share of the wall-clock time that the sampling thread was running.
    pub fn cpu_share(&self) -> f64 {
        if self.wall.0 == 0 { 1.0 } else { self.cpu.0 as f64 / self.wall.0 as f64 }
    }

    /// The mean of the sentinel before and after.
    pub fn sentinel(&self) -> Nanos {
        Nanos(self.sentinel_before.0.midpoint(self.sentinel_after.0))
    }

    /// How many sentinels the median inference takes.
    pub fn in_sentinels(&self) -> f64 {
        self.samples.median().0 as f64 / self.sentinel().0.max(1) as f64
    }
}
