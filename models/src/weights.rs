//! Where a network's numbers come from.
//!
//! **Invariant:** a tensor is asked for by its specification and comes in torch's layout; whoever
//! reads one gets as many numbers as its dimensions say, or an error.

mod random;

use std::borrow::Cow;

use thiserror::Error;

pub use random::RandomWeights;

use crate::network::TensorSpec;

/// A source of tensors: the worker's trained ones, or [`RandomWeights`].
pub trait Weights {
    /// The numbers of one tensor, row-major in the layout of [`TensorSpec::dims`].
    fn tensor(&self, spec: &TensorSpec) -> Result<Cow<'_, [f32]>, WeightsError>;
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WeightsError {
    #[error("tensor '{name}': missing")]
    Missing { name: String },
    #[error("tensor '{name}': has shape {found:?} where the network needs {expected:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("tensor '{name}': {reason}")]
    Unreadable { name: String, reason: String },
}
