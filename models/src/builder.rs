//! Builds a network layer by layer.
//!
//! Methods never fail: the first layer that does not fit is remembered, and [`Builder::finish`]
//! reports it by name. So the code that describes a family of networks reads like its paper's table.
//!
//! **Invariant:** [`Builder::finish`] returns a [`Network`] only if all its documented invariants hold.

mod composite;
mod conv;

use std::collections::HashSet;

pub use composite::{Bottleneck, SqueezeExcite};
pub use conv::Conv;

use crate::infer::infer;
use crate::network::{Network, NetworkError, Node, NodeId};
use crate::op::{Activation, Op};
use crate::shape::{ImageShape, Shape};

/// Added to the variance; torch's default.
pub const BATCH_NORM_EPS: f64 = 1e-5;
/// Share of the new batch in the running statistics; torch's default.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;
/// Name of node 0 and of the exported input.
pub const INPUT: &str = "input";
/// Name of the exported output.
pub const OUTPUT: &str = "logits";

/// Parts of a tensor's name that no node's name may end with.
const TENSOR_PARTS: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// A network under construction: its nodes so far, and the first error.
#[derive(Clone, Debug)]
pub struct Builder {
    name: String,
    image: ImageShape,
    nodes: Vec<Node>,
    names: HashSet<String>,
    error: Option<NetworkError>,
}

impl Builder {
    /// A network of this name whose node 0 is an image of shape `input`.
    pub fn new(name: impl Into<String>, input: ImageShape) -> Builder {
        let error = Network::check_input(input).err();
        // A placeholder for an input that `finish` will refuse: huge sides would overflow before that.
        let input = if error.is_some() { ImageShape::new(1, 1, 1) } else { input };
        let node = Node {
            name: INPUT.to_owned(),
            op: Op::Input,
            inputs: Vec::new(),
            shape: Shape::Map(input),
        };
        Builder {
            name: name.into(),
            image: input,
            names: HashSet::from([INPUT.to_owned()]),
            nodes: vec![node],
            error,
        }
    }

    /// Node 0: the image.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// The shape of a node's output.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.0].shape
    }

    /// Channels of a map, features of a vector.
    pub fn channels(&self, id: NodeId) -> usize {
        self.shape(id).channels()
    }

    /// A convolution of a map, `[c, h, w]` to `[out_channels, h', w']`.
    pub fn conv(&mut self, name: impl Into<String>, input: NodeId, conv: Conv) -> NodeId {
        self.push(name, conv.op(), &[input])
    }

    /// A batch norm with torch's default constants; `input` has to be a convolution.
    pub fn batch_norm(&mut self, name: impl Into<String>, input: NodeId) -> NodeId {
        let op = Op::BatchNorm { eps: BATCH_NORM_EPS, momentum: BATCH_NORM_MOMENTUM };
        self.push(name, op, &[input])
    }

    /// An element-wise activation; the shape stays.
    pub fn activation(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        activation: Activation,
    ) -> NodeId {
        self.push(name, Op::Activation(activation), &[input])
    }

    /// The maximum of each square window in each channel; sizes are in pixels.
    pub fn max_pool(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> NodeId {
        self.push(name, Op::MaxPool { kernel, stride, padding }, &[input])
    }

    /// The mean of each square window in each channel, without the padding; sizes are in pixels.
    pub fn avg_pool(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> NodeId {
        self.push(name, Op::AvgPool { kernel, stride, padding }, &[input])
    }

    /// The mean of each channel, `[c, h, w]` to `[c, 1, 1]`.
    pub fn global_avg_pool(&mut self, name: impl Into<String>, input: NodeId) -> NodeId {
        self.push(name, Op::GlobalAvgPool, &[input])
    }

    /// The element-wise sum of two nodes of the same shape.
    pub fn add(&mut self, name: impl Into<String>, left: NodeId, right: NodeId) -> NodeId {
        self.push(name, Op::Add, &[left, right])
    }

    /// The element-wise product; `gate` has the map's shape or `[channels, 1, 1]`.
    pub fn mul(&mut self, name: impl Into<String>, map: NodeId, gate: NodeId) -> NodeId {
        self.push(name, Op::Mul, &[map, gate])
    }

    /// Joins maps of the same height and width along the channels.
    pub fn concat(&mut self, name: impl Into<String>, inputs: &[NodeId]) -> NodeId {
        self.push(name, Op::Concat, inputs)
    }

    /// A map as a vector, `[c, h, w]` to `[c · h · w]`.
    pub fn flatten(&mut self, name: impl Into<String>, input: NodeId) -> NodeId {
        self.push(name, Op::Flatten, &[input])
    }

    /// A linear layer with bias, `[in]` to `[out_features]`.
    pub fn linear(
        &mut self,
        name: impl Into<String>,
        input: NodeId,
        out_features: usize,
    ) -> NodeId {
        self.push(name, Op::Linear { out_features, bias: true }, &[input])
    }

    /// Dropout of a share `rate` in `[0, 1)`; the shape stays.
    pub fn dropout(&mut self, name: impl Into<String>, input: NodeId, rate: f64) -> NodeId {
        self.push(name, Op::Dropout { rate }, &[input])
    }

    /// The network whose logits the last node yields.
    pub fn finish(mut self, classes: usize) -> Result<Network, NetworkError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        Network::check_classes(classes)?;
        self.check_readers()?;
        let last = &self.nodes[self.nodes.len() - 1];
        if last.shape != Shape::Vector(classes) {
            let (node, found) = (last.name.clone(), last.shape);
            return Err(NetworkError::Output { node, found, classes });
        }
        Ok(Network { name: self.name, input: self.image, classes, nodes: self.nodes })
    }

    /// Appends any operator; the methods above call this one.
    fn push(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> NodeId {
        let name = name.into();
        let shape = self.check(&name, &op, inputs).unwrap_or_else(|error| {
            self.error.get_or_insert(error);
            // A placeholder until `finish` reports the error.
            Shape::Map(self.image)
        });
        self.names.insert(name.clone());
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), shape });
        NodeId(self.nodes.len() - 1)
    }

    fn check(&self, name: &str, op: &Op, inputs: &[NodeId]) -> Result<Shape, NetworkError> {
        let node = || name.to_owned();
        let last_part = name.rsplit('.').next().unwrap_or(name);
        if name.is_empty() || name == OUTPUT || TENSOR_PARTS.contains(&last_part) {
            return Err(NetworkError::Reserved { node: node() });
        }
        if self.names.contains(name) {
            return Err(NetworkError::Duplicate { node: node() });
        }
        let shapes: Option<Vec<Shape>> =
            inputs.iter().map(|id| self.nodes.get(id.0).map(|node| node.shape)).collect();
        let shapes = shapes.ok_or_else(|| NetworkError::Unbuilt { node: node() })?;
        infer(op, &shapes).map_err(|source| NetworkError::Shape { node: node(), source })
    }

    /// Checks that every node but the last is read, and that a batch norm alone reads its convolution.
    fn check_readers(&self) -> Result<(), NetworkError> {
        let mut readers = vec![0; self.nodes.len()];
        for input in self.nodes.iter().flat_map(|node| &node.inputs) {
            readers[input.0] += 1;
        }
        let unread = self.nodes.iter().zip(&readers).rev().skip(1).find(|(_, count)| **count == 0);
        if let Some((node, _)) = unread {
            return Err(NetworkError::Unread { node: node.name.clone() });
        }
        for node in self.nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm { .. })) {
            let source = node.inputs[0].0;
            if !matches!(self.nodes[source].op, Op::Conv { .. }) || readers[source] != 1 {
                return Err(NetworkError::BatchNorm { node: node.name.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
