//! Why a graph of layers is no network.
//!
//! **Invariant:** every variant names the node or the size that is at fault.

use thiserror::Error;

use super::{ImageShape, Network, Shape};
use crate::shape::ShapeError;

#[derive(Clone, Debug, PartialEq, Error)]
pub enum NetworkError {
    #[error(
        "input of {input}: channels, height and width have to be 1 to {}",
        ImageShape::MAX_SIDE
    )]
    Input { input: ImageShape },
    #[error("{classes} classes: a network tells 1 to {} classes apart", Network::MAX_CLASSES)]
    Classes { classes: usize },
    #[error("node '{node}': {source}")]
    Shape { node: String, source: ShapeError },
    #[error("node '{node}': reads a node that was not built before it")]
    Unbuilt { node: String },
    #[error("node '{node}': another node has this name")]
    Duplicate { node: String },
    #[error("node '{node}': the name is reserved for a tensor")]
    Reserved { node: String },
    #[error(
        "node '{node}': a batch norm has to stand directly behind a convolution that nothing else reads"
    )]
    BatchNorm { node: String },
    #[error("node '{node}': nothing reads it")]
    Unread { node: String },
    #[error("node '{node}': yields {found} where {classes} logits are due")]
    Output { node: String, found: Shape, classes: usize },
}
