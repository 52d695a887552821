//! What the host asks of the agent, and what the agent answers.
//!
//! The agent is told to do one *launch* at a time: a fresh process that loads the model, warms up
//! until steady and takes timed samples for a while. The host pools launches and decides when the
//! interval of the median is narrow enough, so that a statistic has one definition and a lost link
//! costs one launch.
//!
//! Within a launch, short *blocks* of samples alternate with readings of the reference workload
//! (*sentinel*), a fixed computation. Disturbances of a device come and go in fractions of a second, and
//! they slow a reading as well as the samples next to it.
//!
//! **Invariant:** samples and readings are raw and in time order; only operators are reported by their
//! medians.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::device_facts::{Android, Battery, Cgroup, Cluster, Platform, State, Thermal};
pub use super::fed_model::{
    GraphFacts, InputReport, InputValues, ModelFile, Sizes, TensorData, WeightType, WeightsFile,
};

/// What the host asks of the agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentRequest {
    /// The first request; anything else before it is refused.
    Hello {
        /// The host's [`PROTOCOL`](crate::protocol::wire::PROTOCOL).
        protocol: u32,
    },
    /// Nothing is measured without a lease of the whole device.
    Lease(LeaseRequest),
    /// Gives the lease back and restores what was changed; without a lease it does nothing.
    Release,
    /// A piece of a model file.
    Put(PutRequest),
    /// Probes the device without a model.
    Probe(ProbeRequest),
    /// Runs one launch of a model.
    Launch(LaunchRequest),
    /// Times the operators of a model.
    Profile(ProfileRequest),
    /// Runs a model once on given inputs.
    Run(RunRequest),
}

/// The answer to each [`AgentRequest`] that succeeds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentDone {
    /// What the agent and the device are.
    Hello(AgentHello),
    /// The agent holds the lease.
    Leased,
    /// The agent holds no lease.
    Released,
    /// The piece is stored.
    Put(PutReport),
    /// What the probe found.
    Probe(ProbeReport),
    /// What the launch measured.
    Launch(Box<LaunchReport>),
    /// The times of the operators.
    Profile(ProfileReport),
    /// The outputs of the model.
    Run(RunReport),
}

/// The agent reports no progress: a launch is short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NoProgress {}

/// What the agent and the device are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentHello {
    /// The agent's [`PROTOCOL`](crate::protocol::wire::PROTOCOL).
    pub protocol: u32,
    /// Version of the agent, such as `0.1.0`.
    pub version: String,
    /// SHA-256 of the agent's own executable.
    pub build: String,
    /// What runs the models.
    pub engine: Engine,
    /// The device.
    pub platform: Platform,
}

/// What runs the models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Such as `tract`.
    pub name: String,
    /// Such as `0.23.9`.
    pub version: String,
}

/// A host keeps its lease for as long as its agent runs and gets requests: every request renews the lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The lease owner, shown to other hosts that wait: such as `anna@lab`, 200 characters at most.
    pub owner: String,
    /// Random, of one host process. A host that lost its link takes over its own lease with it.
    pub session: String,
    /// Idle timeout: how long the lease holds after the last request and its work; an hour at most. An
    /// agent that gets no request for so long gives the lease back and ends.
    pub idle_ns: u64,
    /// What to do with clock rates.
    pub frequency: Frequency,
    /// The processors that `frequency` applies to; empty means all.
    pub cpus: Vec<usize>,
}

/// What to do with clock rates while the lease lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// Leaves clock rates as they are.
    #[default]
    Keep,
    /// Sets the governor `performance`, or without root Android's fixed-performance mode, and restores what
    /// was there at the lease's end; refused where neither is possible.
    Fix,
}

/// A piece of a model file, named by its content. The first piece begins the file anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutRequest {
    /// SHA-256 of the whole file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the whole file.
    pub bytes: u64,
    /// Where this piece begins; the end of the piece before.
    pub offset: u64,
    /// Base64 with padding, at most [`PUT_BYTES`] decoded. An empty piece at offset 0 only asks
    /// whether the file is there.
    pub data: String,
}

/// Longest decoded piece of a [`PutRequest`].
pub const PUT_BYTES: usize = 4 << 20;

/// What became of a [`PutRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutReport {
    /// The file, once it is whole and its hash is the one given.
    pub model: Option<ModelFile>,
}

/// A probe of the device without a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Processors to pin to; empty leaves the choice to the scheduler.
    pub cpus: Vec<usize>,
    /// Threads of the engine, as in a launch.
    pub threads: usize,
    /// For how long the sentinel is read and other processes are watched; at most [`LONGEST_PROBE_NS`].
    pub probe_ns: u64,
    /// Wall clock, from start to exit.
    pub time_ns: u64,
}

/// Longest that one probe may take.
pub const LONGEST_PROBE_NS: u64 = 30_000_000_000;

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The state after the readings.
    pub state: State,
    /// Resolution of the clock and what reading it costs, both measured.
    pub clock: Clock,
    /// Readings of the sentinel: at least one, with pauses in between.
    pub readings: Vec<Reading>,
    /// Other processes during the probe.
    pub others: Others,
}

/// One reading of the sentinel: its parts, one right after the other, each the median of some repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Arithmetic in the first-level cache: it slows with the core.
    pub core_ns: u64,
    /// A small network in the engine, whose weights fit most cores' own caches: it slows with the core, and
    /// when another process runs on the core's other hardware thread.
    pub network_ns: u64,
    /// Reading 4 MiB in order: it slows when other processes use the shared caches or the memory.
    pub memory_ns: u64,
    /// CPU time of the thread for the whole reading, repeats of the parts included. Where it is less than
    /// `wall_ns`, other processes took the difference.
    pub cpu_ns: u64,
    /// Wall-clock time of the whole reading, in nanoseconds.
    pub wall_ns: u64,
}

/// What other processes did with the device's processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// For how long the processes were watched.
    pub wall_ns: u64,
    /// The busiest first; an Android shell sees only its own processes.
    pub processes: Vec<Process>,
    /// Processor time of all processes and the kernel but the agent's own.
    pub busy_ns: Option<u64>,
    /// Processor time that a hypervisor gave to other machines.
    pub stolen_ns: Option<u64>,
}

/// A process that used the processors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// As the kernel has it: 15 bytes at most, chosen freely by the owner of the process.
    pub name: String,
    /// Processor time while the processes were watched, in nanoseconds.
    pub cpu_ns: u64,
}

/// One launch: load the model, warm up, take samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchRequest {
    /// The model to time.
    pub model: ModelFile,
    /// Sizes of the axes that the file leaves open.
    #[serde(default, skip_serializing_if = "Sizes::is_empty")]
    pub sizes: Sizes,
    /// Values of inputs, by name. The others get values that suit them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, InputValues>,
    /// Seeds the random values: no denormals.
    pub input_seed: u64,
    /// Other seeds to try, each for a few inferences after the samples: a network's time may hang on what
    /// it is fed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_seeds: Vec<u64>,
    /// Processors to pin to; empty leaves the choice to the scheduler.
    pub cpus: Vec<usize>,
    /// Threads of tract's matrix products; at least 1. Refused where so many cannot run at once.
    pub threads: usize,
    /// The arithmetic to use.
    pub precision: Precision,
    /// When the warm-up ends.
    pub warm_up: WarmUp,
    /// How many samples are taken.
    pub sampling: Sampling,
    /// Limits on the process of the launch.
    pub limits: Limits,
}

/// The arithmetic of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats; refused where the processors do not compute in them.
    F16,
}

/// Warm up until the median of the recent half of the warm-up's time lies within `tolerance_ppm` of
/// the half before, for at least `min_ns` and at most `max_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// Shortest warm-up, in nanoseconds.
    pub min_ns: u64,
    /// Longest warm-up, in nanoseconds.
    pub max_ns: u64,
    /// Most that the medians may differ, in parts per million.
    pub tolerance_ppm: u32,
}

/// Sample until `min_samples` are taken and `slice_ns` are over, or `max_samples` are taken. A block
/// ends with the first sample that ends `block_ns` after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Least time for the samples and readings, in nanoseconds.
    pub slice_ns: u64,
    /// Least time of a block, in nanoseconds.
    pub block_ns: u64,
    /// Least number of samples.
    pub min_samples: usize,
    /// Most samples; at least 1.
    pub max_samples: usize,
}

/// Hard limits on the process of one launch or run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest model file, in bytes.
    pub model_bytes: u64,
    /// Most memory of the process, in bytes.
    pub memory_bytes: u64,
    /// Wall clock, from start to exit.
    pub time_ns: u64,
}

/// The CPU times of single samples are not reported where the sampling thread had at least this share of
/// the blocks' time.
pub const NEARLY_ALL_PERCENT: u64 = 99;

/// What one launch measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchReport {
    /// The inputs that were fed, in the order of the model.
    #[serde(default)]
    pub inputs: Vec<InputReport>,
    /// What the graph tells.
    #[serde(default)]
    pub graph: GraphFacts,
    /// The shortest of a few inferences for the request's seed and then each of `other_seeds`, taken in
    /// turns; empty where none were asked for, no input is random, or an inference takes too long for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_seed_ns: Vec<u64>,
    /// Time to parse the model, in nanoseconds.
    pub load_ns: u64,
    /// Time to optimise the model, in nanoseconds.
    pub optimise_ns: u64,
    /// Latency of each inference of the warm-up, in nanoseconds.
    pub warm_up_ns: Vec<u64>,
    /// Whether the warm-up ended by its own rule, not by its time limit.
    pub steady: bool,
    /// Latency of each timed inference, in nanoseconds.
    pub samples_ns: Vec<u64>,
    /// How many of the samples each block holds.
    #[serde(default)]
    pub blocks: Vec<usize>,
    /// One before each block, and one after the last.
    #[serde(default)]
    pub readings: Vec<Reading>,
    /// CPU time of the sampling thread while it took the samples. With one thread, the difference to
    /// `wall_ns` is what other processes took of its processor. With several threads the sampling thread
    /// also sleeps while it waits for the other threads, so that only the excess over the difference on a
    /// quiet device is contention.
    pub cpu_ns: u64,
    /// Wall-clock time of all blocks; readings of the sentinel are not in it.
    pub wall_ns: u64,
    /// CPU time of the sampling thread during each sample. Empty where the thread had
    /// [`NEARLY_ALL_PERCENT`] of the blocks' time, because then no sample lost much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples_cpu_ns: Vec<u64>,
    /// Involuntary context switches of the sampling thread while it took the samples.
    pub involuntary_switches: u64,
    /// Resolution of the clock and what reading it costs, both measured.
    pub clock: Clock,
    /// Threads of this process that computed during the warm-up, counted by their processor time: fewer
    /// than requested where the network has no work to split.
    pub threads: usize,
    /// Peak memory of the process up to the end of the warm-up, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Energy of the processor's packages, or of the battery where its counter is fine enough, while the
    /// samples were taken, in microjoules.
    pub energy_uj: Option<u64>,
    /// Cycles of the sampling thread outside of the kernel during the blocks. Absent with several threads, and
    /// where the thread may not count them or did not all of the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Instructions, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// The state before the samples.
    pub state_before: State,
    /// The state after the samples.
    pub state_after: State,
}

/// What was measured of the clock that times inferences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Smallest step between two readings, in nanoseconds.
    pub resolution_ns: u64,
    /// Cost of one reading, in nanoseconds: the mean of readings that nothing disturbed.
    pub overhead_ns: u64,
}

/// The time of each operator within whole inferences of a network. Its sampling counts the inferences
/// that are profiled; as many plain ones alternate with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileRequest {
    /// The model and how to run it.
    pub launch: LaunchRequest,
}

/// The times of the operators of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// The operators, in the order of execution, after the engine's optimisation.
    pub ops: Vec<OpProfile>,
    /// Inferences that were profiled.
    pub inferences: usize,
    /// Median of whole inferences while profiling.
    pub profiled_ns: u64,
    /// Median of whole inferences without profiling, in the same process.
    pub plain_ns: u64,
}

/// The time of one operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpProfile {
    /// The engine's name of the node.
    pub name: String,
    /// The engine's name of the operator.
    pub operator: String,
    /// Shape and type of each input, weights included, such as `1,16,112,112,f32`.
    pub inputs: Vec<String>,
    /// Shape and type of the first output, such as `1,16,112,112,f32`.
    pub output: String,
    /// Attributes of the node of the file that it comes from, such as `kernel_shape=3,3 strides=2,2`. Empty
    /// where there are none, and where the engine's name does not tell the node.
    pub attributes: String,
    /// Median over the profiled inferences, in nanoseconds.
    pub median_ns: u64,
}

/// Runs a model once and tells its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// The model to run.
    pub model: ModelFile,
    /// Sizes of the axes that the file leaves open.
    #[serde(default, skip_serializing_if = "Sizes::is_empty")]
    pub sizes: Sizes,
    /// One tensor for each input, in the order of the model. Where there is none, the inputs are fed as in a
    /// launch, by `values` and `input_seed`.
    pub inputs: Vec<TensorData>,
    /// As in a launch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, InputValues>,
    /// As in a launch.
    #[serde(default)]
    pub input_seed: u64,
    /// The arithmetic to use.
    pub precision: Precision,
    /// Limits on the process of the run.
    pub limits: Limits,
}

/// The outputs of a [`RunRequest`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// One tensor for each output, in the order of the model.
    pub outputs: Vec<TensorData>,
    /// The inputs, in the order of the model, where the request gave none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputReport>,
    /// What these inputs were fed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fed: Vec<TensorData>,
}
