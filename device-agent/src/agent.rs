//! What the host asks of the agent, and what it answers.
//!
//! The agent is told to do one *launch* at a time: a fresh process that loads the model, warms up
//! until steady and takes timed samples for a while. The host pools launches and decides when the
//! interval of the median is narrow enough, so that a statistic has one definition and a lost link
//! costs one launch.
//!
//! Within a launch, short *blocks* of samples alternate with readings of the *sentinel*, a fixed
//! reference workload: what disturbs a device comes and goes in fractions of a second, and what is
//! timed next to it feels it too.
//!
//! **Invariant:** samples and readings are raw and in time order; operators alone are told by their
//! medians.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRequest {
    /// The first request; anything else before it is refused.
    Hello {
        protocol: u32,
    },
    /// Nothing is measured without a lease of the whole device.
    Lease(LeaseRequest),
    /// Gives the lease back and restores what was changed; without a lease it does nothing.
    Release,
    /// A piece of a model file.
    Put(PutRequest),
    Look(LookRequest),
    Launch(LaunchRequest),
    Profile(ProfileRequest),
    Run(RunRequest),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentDone {
    Hello(AgentHello),
    Leased,
    Released,
    Put(PutReport),
    Look(LookReport),
    Launch(LaunchReport),
    Profile(ProfileReport),
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
    /// The processors that the agent may run on, ascending.
    pub cpus: Vec<usize>,
    /// Those processors by kind, from the least capable to the most; a single one where all are alike
    /// or the device does not tell.
    pub clusters: Vec<Cluster>,
    pub memory_bytes: Option<u64>,
    /// The limits of the control group that the agent runs in.
    pub cgroup: Cgroup,
    pub android: Option<Android>,
    /// Whether the processors compute in half precision themselves.
    pub half_precision: bool,
    /// Whether the agent may change clock rates.
    pub root: bool,
    /// Changes with every start of the device.
    pub boot_id: Option<String>,
    /// The agent's private folder, where model files are put; empty where it can have none, and what
    /// is put is then refused with the reason.
    pub folder: String,
}

/// Processors of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Ascending.
    pub cpus: Vec<usize>,
    /// The kernel's `cpu_capacity`: 1024 is the most capable core of the device.
    pub capacity: Option<u32>,
    pub max_khz: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    pub memory_bytes: Option<u64>,
    /// Processor time in thousandths of one processor.
    pub cpu_milli: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Android {
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub soc: Option<String>,
    pub release: Option<String>,
    pub build: Option<String>,
}

/// A lease is the host's for as long as its agent lives and hears of it: every request renews it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Who measures, for whoever has to wait: such as `anna@desk`, 200 characters at most.
    pub owner: String,
    /// Random, of one host process. A host that lost its link takes over its own lease with it.
    pub session: String,
    /// How long the lease holds without any request beyond what the agent is doing; an hour at most.
    /// An agent that hears nothing for so long gives the lease back and ends.
    pub idle_ns: u64,
    pub frequency: Frequency,
    /// The processors whose clock rate is meant; empty means all.
    pub cpus: Vec<usize>,
}

/// What to do with clock rates while the lease lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    #[default]
    Keep,
    /// The governor `performance`, put back at the lease's end; refused without root.
    Fix,
}

/// A piece of a model file, named by its content. The first piece begins the file anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutRequest {
    /// Of the whole file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Of the whole file.
    pub bytes: u64,
    /// Where this piece begins; the end of the piece before.
    pub offset: u64,
    /// Base64 with padding, at most [`PUT_BYTES`] decoded. An empty piece at offset 0 only asks
    /// whether the file is there.
    pub data: String,
}

/// Longest decoded piece of a [`PutRequest`].
pub const PUT_BYTES: usize = 4 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutReport {
    /// The file, once it is whole and its hash is the one given.
    pub model: Option<ModelFile>,
}

/// A look at the device without a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookRequest {
    /// Processors to pin to; empty leaves the choice to the scheduler.
    pub cpus: Vec<usize>,
    /// Of the engine, as in a launch.
    pub threads: usize,
    /// For how long the sentinel is read and others are watched; at most [`LONGEST_LOOK_NS`].
    pub look_ns: u64,
    /// Wall clock, from start to exit.
    pub time_ns: u64,
}

/// Longest that one look may take.
pub const LONGEST_LOOK_NS: u64 = 30_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookReport {
    pub state: State,
    pub clock: Clock,
    /// At least one, with pauses in between.
    pub readings: Vec<Reading>,
    /// Meanwhile.
    pub others: Others,
}

/// One reading of the sentinel: its parts, one right after the other, each the median of some repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Arithmetic in the first-level cache: what slows the core slows it.
    pub core_ns: u64,
    /// A small network in the engine, whose weights fit most cores' own caches: what slows the core or
    /// runs on its other hardware thread slows it.
    pub network_ns: u64,
    /// Reading 4 MiB in order: what uses the caches and the memory that the core shares slows it.
    pub memory_ns: u64,
    /// CPU time that the thread was given for the whole reading, repeats of the parts included. Less
    /// than `wall_ns` is what others took.
    pub cpu_ns: u64,
    pub wall_ns: u64,
}

/// What others did with the device's processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// For how long they were watched.
    pub wall_ns: u64,
    /// The busiest first; of an Android shell only those that are its own.
    pub processes: Vec<Process>,
    /// Processor time of all processes and the kernel but the agent's own.
    pub busy_ns: Option<u64>,
    /// Processor time that a hypervisor gave to other machines.
    pub stolen_ns: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    /// As the kernel has it: 15 bytes at most, and whatever its owner chose.
    pub name: String,
    pub cpu_ns: u64,
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
    /// Of tract's matrix products; at least 1. Refused where as many cannot run at once.
    pub threads: usize,
    pub precision: Precision,
    pub warm_up: WarmUp,
    pub sampling: Sampling,
    pub limits: Limits,
}

/// The arithmetic of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    #[default]
    F32,
    /// Refused where the processors do not have it.
    F16,
}

/// Warm up until the median of the recent half of the warm-up's time lies within `tolerance_ppm` of
/// the half before, for at least `min_ns` and at most `max_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    pub min_ns: u64,
    pub max_ns: u64,
    pub tolerance_ppm: u32,
}

/// Sample until `min_samples` are taken and `slice_ns` are over, or `max_samples` are taken. A block
/// ends with the first sample that ends `block_ns` after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    pub slice_ns: u64,
    pub block_ns: u64,
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

/// The share of the blocks' time from which on single samples are not told of.
pub const NEARLY_ALL_PERCENT: u64 = 99;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchReport {
    pub load_ns: u64,
    pub optimise_ns: u64,
    pub warm_up_ns: Vec<u64>,
    /// Whether the warm-up ended by its own rule, not by its time limit.
    pub steady: bool,
    pub samples_ns: Vec<u64>,
    /// How many of the samples each block holds.
    #[serde(default)]
    pub blocks: Vec<usize>,
    /// One before each block, and one after the last.
    #[serde(default)]
    pub readings: Vec<Reading>,
    /// CPU time that the sampling thread was given while it took the samples. With one thread, less
    /// than `wall_ns` is what others took of its processor. With several the sampling thread is one of
    /// them and also sleeps while it waits for the others, so that the difference is contention only
    /// beyond what it is on a quiet device.
    pub cpu_ns: u64,
    /// Wall-clock time of all blocks; readings of the sentinel are not in it.
    pub wall_ns: u64,
    /// CPU time that the sampling thread was given during each sample; empty where it had
    /// [`NEARLY_ALL_PERCENT`] of the blocks' time, for then no sample lost any to speak of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples_cpu_ns: Vec<u64>,
    pub involuntary_switches: u64,
    /// Resolution of the clock and what reading it costs, both measured.
    pub clock: Clock,
    /// Threads of this process that computed during the warm-up, by the processor time that they were
    /// given: fewer than asked for where the network has nothing to share out.
    pub threads: usize,
    pub peak_memory_bytes: Option<u64>,
    /// Of the processor's packages, or of the battery where its counter is fine enough, while the
    /// samples were taken, in microjoules.
    pub energy_uj: Option<u64>,
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
    pub memory_available_bytes: Option<u64>,
    pub battery: Option<Battery>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Battery {
    pub percent: Option<u64>,
    /// The kernel's word, such as `Charging`, `Discharging` or `Full`.
    pub status: Option<String>,
}

/// The time of each operator within whole inferences of a network. Its sampling counts the inferences
/// that are profiled; as many plain ones alternate with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRequest {
    pub launch: LaunchRequest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// In the order of execution, after the engine's optimisation.
    pub ops: Vec<OpProfile>,
    /// Inferences that were profiled.
    pub inferences: usize,
    /// Median of whole inferences while profiling.
    pub profiled_ns: u64,
    /// Median of whole inferences without, in the same process.
    pub plain_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpProfile {
    /// The engine's name of the node, and of its operator.
    pub name: String,
    pub operator: String,
    /// Of the first output, such as `1,16,112,112,f32`.
    pub output: String,
    pub median_ns: u64,
}

/// Run given inputs once, for parity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    pub model: ModelFile,
    pub inputs: Vec<TensorData>,
    pub precision: Precision,
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
