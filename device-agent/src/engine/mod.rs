//! What runs a network: the engine trait, its implementation for tract, and the reading of model files.
//!
//! **Invariant:** only [`tract`], `onnx_graph` and `reference_network` name the engine's own types.

pub(crate) mod error;
pub(crate) mod input;
pub(crate) mod model_file;
/// The encoder of the integration tests.
#[cfg(test)]
#[allow(dead_code)]
#[path = "../../tests/engine/onnx.rs"]
mod onnx;
mod onnx_graph;
pub(crate) mod reference_network;
pub(crate) mod single_run;
pub mod tract;

pub use error::EngineError;

use pearl_agent::protocol::messages::{self, Precision};

/// Something that runs ONNX models.
pub trait Engine {
    /// A parsed model, not yet optimised.
    type Loaded;

    /// Name and version of the engine.
    fn identity(&self) -> messages::Engine;

    /// Parses the bytes of an ONNX file. Its weights may lie in other files that `model` names; `sizes` are for
    /// axes that it leaves open.
    ///
    /// # Errors
    /// Where the bytes are not an ONNX file, need something that the engine lacks, or leave sizes open.
    fn load(
        &self,
        model: &messages::ModelFile,
        bytes: Vec<u8>,
        sizes: &messages::Sizes,
    ) -> Result<Self::Loaded, EngineError>;

    /// Everything that is done once before the first inference.
    ///
    /// # Errors
    /// Where the engine cannot process the graph.
    fn optimise(
        &self,
        loaded: Self::Loaded,
        precision: Precision,
    ) -> Result<Box<dyn Runnable>, EngineError>;

    /// The small network that the reference workload (sentinel) times, ready to run.
    ///
    /// # Errors
    /// Where the engine cannot load its own network.
    fn reference_network(&self) -> Result<Box<dyn Runnable>, EngineError>;

    /// Whether the processors of this device compute in half precision, according to the engine.
    fn half_precision(&self) -> bool;

    /// Does `work`, with all its inferences, on `threads` threads. The calling thread may or may not be
    /// one of them. A single thread is the calling one.
    ///
    /// # Errors
    /// Those of `work`, or where the threads cannot be started.
    fn on_threads<T: Send>(
        &self,
        threads: usize,
        work: impl FnOnce() -> Result<T, EngineError> + Send,
    ) -> Result<T, EngineError>;
}

/// A model that is ready to run.
pub trait Runnable {
    /// The inputs, in the order of the model.
    fn inputs(&self) -> &[Input];

    /// What the graph of the file tells.
    fn graph(&self) -> &messages::GraphFacts;

    /// The values for all later inferences, one tensor for each of [`Runnable::inputs`].
    ///
    /// # Errors
    /// Where a tensor does not fit its input.
    fn set_inputs(&mut self, tensors: &[messages::TensorData]) -> Result<(), EngineError>;

    /// One inference; the outputs are dropped.
    ///
    /// # Errors
    /// Where the engine fails during the inference.
    fn infer(&mut self) -> Result<(), EngineError>;

    /// The executed nodes, in the order of execution.
    fn nodes(&self) -> Vec<Node>;

    /// One inference; adds to `times_ns`, of the length of [`Runnable::nodes`], what each took.
    ///
    /// # Errors
    /// Where the engine fails during the inference.
    fn infer_timed(&mut self, times_ns: &mut [u64]) -> Result<(), EngineError>;

    /// One inference whose outputs are kept, as 32-bit floats.
    ///
    /// # Errors
    /// Where the engine fails, or an output holds a number that is not finite.
    fn outputs(&mut self) -> Result<Vec<messages::TensorData>, EngineError>;
}

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name in the model.
    pub name: String,
    /// The fixed shape, such as `[n, c, h, w]`.
    pub dims: Vec<usize>,
    /// Which values are valid.
    pub kind: InputKind,
    /// Type of a value, such as `f32`.
    pub of_type: String,
    /// Whether the first axis is 1 because neither the file nor the request gives it a size.
    pub assumed_batch: bool,
}

impl Input {
    /// Number of values; the engine has checked that it does not overflow.
    pub fn values(&self) -> usize {
        self.dims.iter().product()
    }
}

/// One step of an inference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The engine's name of the node.
    pub name: String,
    /// The engine's name of the operator.
    pub operator: String,
    /// Shape and type of each input, weights included, such as `1,16,112,112,f32`.
    pub inputs: Vec<String>,
    /// Shape and type of the first output.
    pub output: String,
    /// Attributes of the node of the file that it comes from, such as `kernel_shape=3,3`.
    pub attributes: String,
}

/// The type of an input's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Floating-point numbers.
    Float,
    /// Integers and booleans. They are often indices or masks, for which not every value is valid.
    Whole,
}
