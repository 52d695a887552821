//! Why a graph of layers is not a network.
//!
//! **Invariant:** every variant names the node or the size that is wrong.

use thiserror::Error;

use crate::infer::ShapeError;
use crate::network::Network;
use crate::shape::{ImageShape, Shape};

/// Why a graph of layers is refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NetworkError {
    /// A side of the image is out of range.
    #[error(
        "input of {input}: channels, height and width have to be 1 to {}",
        ImageShape::MAX_SIDE
    )]
    Input {
        /// Shape of the image.
        input: ImageShape,
    },
    /// The number of classes is out of range.
    #[error("{classes} classes: a network has 1 to {} classes", Network::MAX_CLASSES)]
    Classes {
        /// The number given.
        classes: usize,
    },
    /// A node cannot read its inputs.
    #[error("node '{node}': {source}")]
    Shape {
        /// Name of the node.
        node: String,
        /// What does not fit.
        source: ShapeError,
    },
    /// A node reads one that does not exist yet.
    #[error("node '{node}': reads a node that was not built before it")]
    Unbuilt {
        /// Name of the reader.
        node: String,
    },
    /// Two nodes have the same name.
    #[error("node '{node}': another node has this name")]
    Duplicate {
        /// The name that appears twice.
        node: String,
    },
    /// The name is empty, the output's, or one that a tensor may have.
    #[error("node '{node}': the name is reserved for a tensor")]
    Reserved {
        /// The reserved name.
        node: String,
    },
    /// The batch norm cannot be folded into a convolution.
    #[error(
        "node '{node}': a batch norm has to follow directly after a convolution that no other node reads"
    )]
    BatchNorm {
        /// Name of the batch norm.
        node: String,
    },
    /// A node other than the last one has no reader.
    #[error("node '{node}': no node reads it")]
    Unread {
        /// Name of the node.
        node: String,
    },
    /// The last node does not yield the logits.
    #[error("node '{node}': yields {found}, expected {classes} logits")]
    Output {
        /// Name of the node.
        node: String,
        /// Shape of the output.
        found: Shape,
        /// Number of logits expected.
        classes: usize,
    },
}
