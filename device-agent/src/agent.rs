//! What the host asks of the agent, and what it answers.
//!
//! The agent is told to do one *launch* at a time: a fresh process that loads the model, warms up
//! until steady and takes timed samples for a while. The host pools launches and decides when the
//! interval of the median is narrow enough, so that a statistic has one definition and a lost link
//! costs one launch.
//!
//! **Invariant:** raw samples, in time order; nothing here is aggregated.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRequest {
    /// The first request; anything else before it is refused.
    Hello {
        protocol: u32,
    },
    Launch(LaunchRequest),
    Run(RunRequest),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentDone {
    Hello(AgentHello),
    Launch(LaunchReport),
    Run(RunReport),
}

/// The agent reports no progress: a launch is short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NoProgress {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHello {
    pub protocol: u32,
    /// Version of the agent, such as `0.1.0`.
    pub version: String,
    /// SHA-256 of the agent's own executable.
    pub build: String,
    pub engine: Engine,
    pub platform: Platform,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    pub name: String,
    pub version: String,
}

/// What does not change while the device is up. Absent where the device does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Such as `x86_64` or `aarch64`.
    pub arch: String,
    pub os: String,
    pub kernel: Option<String>,
    pub cpu_model: Option<String>,
    /// The processors that the agent may run on.
    pub cpus: Vec<usize>,
    pub memory_bytes: Option<u64>,
}

/// A model file on the device; refused where the content is not what the host meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    pub path: String,
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRequest {
    pub model: ModelFile,
    /// Seeds the random input: uniform in [-1, 1), no denormals.
    pub input_seed: u64,
    /// Processors to pin to; empty leaves the choice to the scheduler.
    pub cpus: Vec<usize>,
    pub warm_up: WarmUp,
    pub sampling: Sampling,
    pub limits: Limits,
}

/// Warm up until the median of the recent half of the warm-up's time lies within `tolerance_ppm` of
/// the half before, for at least `min_ns` and at most `max_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    pub min_ns: u64,
    pub max_ns: u64,
    pub tolerance_ppm: u32,
}

/// Sample until `min_samples` are taken and `slice_ns` are over, or `max_samples` are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    pub slice_ns: u64,
    pub min_samples: usize,
    pub max_samples: usize,
}

/// Hard limits on the process of one launch or run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub model_bytes: u64,
    pub memory_bytes: u64,
    /// Wall clock, from start to exit.
    pub time_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchReport {
    pub load_ns: u64,
    pub optimise_ns: u64,
    pub warm_up_ns: Vec<u64>,
    /// Whether the warm-up ended by its own rule, not by its time limit.
    pub steady: bool,
    pub samples_ns: Vec<u64>,
    /// CPU time that the sampling thread was given while it took the samples.
    pub cpu_ns: u64,
    /// Wall-clock time of the whole sampling loop.
    pub wall_ns: u64,
    pub involuntary_switches: u64,
    /// Resolution of the clock and what reading it costs, both measured.
    pub clock: Clock,
    /// Median time of the fixed sentinel workload just before and just after the samples.
    pub sentinel_before_ns: u64,
    pub sentinel_after_ns: u64,
    pub peak_memory_bytes: Option<u64>,
    pub state_before: State,
    pub state_after: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    pub resolution_ns: u64,
    pub overhead_ns: u64,
}

/// What changes while the device is up; absent where the device does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Per processor in use, in kHz.
    pub frequency_khz: Vec<u64>,
    pub governor: Option<String>,
    /// Thermal zones: name and thousandths of a degree Celsius.
    pub temperature_mc: Vec<(String, i64)>,
    /// Load average over a minute, in thousandths.
    pub load_milli: Option<u64>,
}

/// Run given inputs once, for parity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    pub model: ModelFile,
    pub inputs: Vec<TensorData>,
    pub limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    pub outputs: Vec<TensorData>,
}

/// A dense tensor in row-major order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorData {
    pub dims: Vec<usize>,
    pub values: Vec<f32>,
}
