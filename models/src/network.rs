//! The graph of layers: the single definition of a network.
//!
//! Torch's module, the ONNX file, the costs and the table keys are all derived from a [`Network`].
//!
//! **Invariant:** node 0 is the input, every node reads only earlier nodes, the last node yields
//! the logits, names are unique, and every shape is the one that inference gave.

mod error;

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

pub use error::NetworkError;

/// Channels, height and width of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// What a node yields for one image; the batch dimension is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `[channels, height, width]`
    Map(ImageShape),
    /// `[features]`
    Vector(usize),
}

/// Index of a node in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    pub fn index(self) -> usize {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    Relu,
    Relu6,
    /// `x · relu6(x + 3) / 6`
    HSwish,
    /// `relu6(x + 3) / 6`
    HSigmoid,
    Sigmoid,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Input,
    /// Square kernel, symmetric padding. Depthwise where `groups` equals the input channels,
    /// pointwise where `kernel` is 1.
    Conv {
        out_channels: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        groups: usize,
        bias: bool,
    },
    /// Directly behind a convolution that nothing else reads, so that export can fold it.
    BatchNorm {
        eps: f64,
        /// Share of the new batch in the running statistics (torch's convention).
        momentum: f64,
    },
    Activation(Activation),
    MaxPool {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    /// Padding does not count in the mean.
    AvgPool {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    /// To 1×1.
    GlobalAvgPool,
    Add,
    /// Of a map by a `[channels, 1, 1]` map (squeeze-and-excite) or by one of its own shape.
    Mul,
    /// Along the channels.
    Concat,
    Flatten,
    Linear {
        out_features: usize,
        bias: bool,
    },
    Dropout {
        rate: f64,
    },
}

impl Op {
    /// What people call it; a convolution by its kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { kernel: 1, groups: 1, .. } => "pointwise conv",
            Self::Conv { groups: 1, .. } => "conv",
            Self::Conv { groups, out_channels, .. } if groups == out_channels => "depthwise conv",
            Self::Conv { .. } => "grouped conv",
            Self::BatchNorm { .. } => "batch norm",
            Self::Activation(Activation::Relu) => "relu",
            Self::Activation(Activation::Relu6) => "relu6",
            Self::Activation(Activation::HSwish) => "h-swish",
            Self::Activation(Activation::HSigmoid) => "h-sigmoid",
            Self::Activation(Activation::Sigmoid) => "sigmoid",
            Self::MaxPool { .. } => "max pool",
            Self::AvgPool { .. } => "average pool",
            Self::GlobalAvgPool => "global average pool",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Concat => "concat",
            Self::Flatten => "flatten",
            Self::Linear { .. } => "linear",
            Self::Dropout { .. } => "dropout",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Such as `b03.l01.expand.conv`: fixed-width counters, so that no name is a prefix of another's.
    pub name: String,
    pub op: Op,
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub name: String,
    pub input: ImageShape,
    pub classes: usize,
    pub(crate) nodes: Vec<Node>,
}

impl ImageShape {
    /// The largest number of channels, of rows and of columns.
    pub const MAX_SIDE: usize = 4096;

    pub fn new(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape { channels, height, width }
    }

    /// Numbers in one image.
    pub fn elements(self) -> usize {
        self.channels * self.height * self.width
    }

    pub(crate) fn check(self) -> Result<(), NetworkError> {
        let sides = [self.channels, self.height, self.width];
        if sides.iter().all(|side| (1..=ImageShape::MAX_SIDE).contains(side)) {
            Ok(())
        } else {
            Err(NetworkError::Input { input: self })
        }
    }
}

/// As `channels×height×width`.
impl Display for ImageShape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

impl Shape {
    /// Numbers that a node yields for one image.
    pub fn elements(self) -> usize {
        match self {
            Shape::Map(map) => map.elements(),
            Shape::Vector(features) => features,
        }
    }

    /// Channels of a map, features of a vector.
    pub fn channels(self) -> usize {
        match self {
            Shape::Map(map) => map.channels,
            Shape::Vector(features) => features,
        }
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map(map) => map.fmt(f),
            Shape::Vector(features) => write!(f, "{features}"),
        }
    }
}

impl Network {
    pub const MAX_CLASSES: usize = 1_000_000;

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node of this network; `id` has to stem from it.
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

    pub(crate) fn check_classes(classes: usize) -> Result<(), NetworkError> {
        if (1..=Network::MAX_CLASSES).contains(&classes) {
            Ok(())
        } else {
            Err(NetworkError::Classes { classes })
        }
    }
}

/// The part that a tensor plays in its layer; decides how it is initialised and whether it decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    ConvWeight,
    LinearWeight,
    Bias,
    Scale,
    Shift,
    RunningMean,
    RunningVar,
}

/// A tensor that a network needs: `<node>.<weight|bias|running_mean|running_var>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    pub name: String,
    /// Torch's layout: convolution `[out, in / groups, k, k]`, linear `[out, in]`, else `[n]`.
    pub dims: Vec<usize>,
    pub role: Role,
}
