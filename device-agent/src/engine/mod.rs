//! What the agent does with a model: load, optimise, time, run; and the processes around it.
//!
//! ```text
//! host ─ JSON Lines ─► service ─► isolation ─ one request ─► child process ─► launch | … ─► engine
//!                        └─► premises: private folder, lease, clock rates, model files
//! ```
//!
//! [`service`] lives as long as the host holds its stdin and is not silent for too long; what it
//! changed of the device and must put back is in `premises`. Everything that touches a model happens in
//! a fresh child process of the same executable ([`isolation`], [`child`]), so whatever a model does
//! to its process is the failure of one request.
//!
//! Linux and Android: pinning, limits and the child's tie to its parent are theirs.
//!
//! **Invariant:** only [`tract`], `onnx_graph` and `reference_network` name the engine's own types. The service stores
//! model files and never parses or runs one.

mod android;
mod boot;
mod cgroup;
pub mod child;
pub mod cli;
mod clock;
mod energy;
mod error;
mod folder;
mod frequency;
mod holder;
mod input;
pub mod isolation;
pub mod launch;
mod lease;
mod lock;
mod look;
pub mod memory;
mod model_file;
mod onnx_graph;
mod others;
mod panic_guard;
mod pinning;
mod pipes;
mod platform;
mod post_mortem;
mod premises;
mod procfs;
mod profile;
mod reference_network;
mod run;
mod sampler;
mod sentinel;
pub mod service;
mod silence;
mod state;
mod store;
mod threads;
mod topology;
pub mod tract;
mod usage;
mod warm_up;

pub use error::EngineError;

use crate::agent::{self, Precision};

/// Something that runs ONNX models.
pub trait Engine {
    type Loaded;

    fn identity(&self) -> agent::Engine;

    /// Parses the bytes of an ONNX file; `model` is its name in errors.
    ///
    /// # Errors
    /// Where it is no such file, or asks for what the engine does not have.
    fn load(&self, model: &str, bytes: Vec<u8>) -> Result<Self::Loaded, EngineError>;

    /// Everything that is done once before the first inference.
    ///
    /// # Errors
    /// Where the engine cannot make sense of the graph.
    fn optimise(
        &self,
        loaded: Self::Loaded,
        precision: Precision,
    ) -> Result<Box<dyn Runnable>, EngineError>;

    /// The small network that the sentinel times, ready to run.
    ///
    /// # Errors
    /// Where the engine cannot run its own.
    fn reference_network(&self) -> Result<Box<dyn Runnable>, EngineError>;

    /// Whether the processors that run this compute in half precision, as the engine sees it.
    fn half_precision(&self) -> bool;

    /// Does the work, and all inferences in it, on so many threads, of which the calling one may or
    /// may not be one. A single thread is the calling one.
    ///
    /// # Errors
    /// Those of the work, or where there can be no such threads.
    fn on_threads<T: Send>(
        &self,
        threads: usize,
        work: impl FnOnce() -> Result<T, EngineError> + Send,
    ) -> Result<T, EngineError>;
}

/// A model that is ready to run.
pub trait Runnable {
    fn inputs(&self) -> &[Input];

    /// The values for all later inferences, one tensor for each of [`Runnable::inputs`].
    ///
    /// # Errors
    /// Where a tensor does not fit its input.
    fn set_inputs(&mut self, tensors: &[agent::TensorData]) -> Result<(), EngineError>;

    /// One inference; the outputs are dropped.
    ///
    /// # Errors
    /// Where the engine fails in the middle.
    fn infer(&mut self) -> Result<(), EngineError>;

    /// What is executed, in this order.
    fn nodes(&self) -> Vec<Node>;

    /// One inference; adds to `times_ns`, of the length of [`Runnable::nodes`], what each took.
    ///
    /// # Errors
    /// Where the engine fails in the middle.
    fn infer_timed(&mut self, times_ns: &mut [u64]) -> Result<(), EngineError>;

    /// One inference whose outputs are kept, as 32-bit floats.
    ///
    /// # Errors
    /// Where the engine fails, or an output holds a number that is not finite.
    fn outputs(&mut self) -> Result<Vec<agent::TensorData>, EngineError>;
}

/// What a model wants to be fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub name: String,
    pub dims: Vec<usize>,
    pub kind: InputKind,
}

impl Input {
    /// How many values it takes; the engine has made sure that they can be counted.
    pub fn values(&self) -> usize {
        self.dims.iter().product()
    }
}

/// One step of an inference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub operator: String,
    /// Shape and type of the first output, such as `1,16,112,112,f32`.
    pub output: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    Float,
    /// Integers and booleans: indices and masks as often as not, so not any value will do.
    Whole,
}
