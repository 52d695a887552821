//! Sources of a network's weights.
//!
//! **Invariant:** a tensor is requested by its specification and comes in torch's layout. The caller gets
//! as many numbers as its dimensions give, or an error.

mod random;

use std::borrow::Cow;

use thiserror::Error;

pub use random::RandomWeights;

use crate::tensors::TensorSpec;

/// A source of tensors: the worker's trained ones, or [`RandomWeights`].
pub trait Weights {
    /// The numbers of one tensor, row-major in the layout of [`TensorSpec::dims`].
    fn tensor(&self, spec: &TensorSpec) -> Result<Cow<'_, [f32]>, WeightsError>;
}

/// Why a tensor is not provided.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WeightsError {
    /// The source has no such tensor.
    #[error("tensor '{name}': missing")]
    Missing {
        /// Name of the tensor.
        name: String,
    },
    /// The source has the tensor in another shape.
    #[error("tensor '{name}': has shape {found:?} where the network needs {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// The shape that the network needs.
        expected: Vec<usize>,
        /// The shape in the source.
        found: Vec<usize>,
    },
}
