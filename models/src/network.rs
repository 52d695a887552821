//! The graph of layers: the single definition of a network.
//!
//! Torch's module, the ONNX file, the costs and the table keys are all derived from a [`Network`].
//!
//! **Invariant:** node 0 is the input, every node reads only earlier nodes, the last node yields
//! the logits, names are unique, and every shape is the one that inference gave.

mod error;

pub use error::NetworkError;

use crate::op::Op;
use crate::shape::{ImageShape, Shape};

/// Index of a node in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// Position in [`Network::nodes`], from 0.
    pub fn index(self) -> usize {
        self.0
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Such as `b03.l01.expand.conv`: fixed-width counters, so that no name is a prefix of another's.
    pub name: String,
    /// What the node computes.
    pub op: Op,
    /// The nodes that this node reads, all of them earlier ones.
    pub inputs: Vec<NodeId>,
    /// Shape of the output for one image.
    pub shape: Shape,
}

/// A graph of layers from one image to `[classes]` logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Such as `resnet-8:2`; exported files hold this name.
    pub name: String,
    /// Shape of one input image, `[channels, height, width]`.
    pub input: ImageShape,
    /// Number of logits.
    pub classes: usize,
    pub(crate) nodes: Vec<Node>,
}

impl Network {
    /// Most classes of a network.
    pub const MAX_CLASSES: usize = 1_000_000;

    /// All nodes, inputs before readers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node of this network; `id` has to be one of this network's ids.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The node that yields the logits.
    pub fn output(&self) -> NodeId {
        NodeId(self.nodes.len() - 1)
    }

    /// All nodes with their ids, inputs before readers.
    pub fn ids(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    pub(crate) fn check_input(input: ImageShape) -> Result<(), NetworkError> {
        if input.is_valid() { Ok(()) } else { Err(NetworkError::Input { input }) }
    }

    pub(crate) fn check_classes(classes: usize) -> Result<(), NetworkError> {
        if (1..=Network::MAX_CLASSES).contains(&classes) {
            Ok(())
        } else {
            Err(NetworkError::Classes { classes })
        }
    }
}
