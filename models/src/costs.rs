//! The costs of a network: counted, not measured.
//!
//! Parameters are counted as timm does: weights, biases and a batch norm's scale and shift, without
//! its running statistics. One multiply-accumulate is one product of a convolution or a linear
//! layer, for one image; the other layers count none, as is usual (MobileNetV2, MnasNet).
//!
//! **Invariant:** a network's costs are the sum of its layers'.

use std::iter::Sum;
use std::ops::Add;

use crate::network::{Network, NodeId};
use crate::op::Op;

/// The costs of a network or of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Number of parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Bytes of f32 that layers write for one image. Layers that inference does not have (a batch
    /// norm is folded, a dropout dropped, a flatten only renames) write none.
    pub activation_bytes: u64,
}

/// The costs of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerCosts {
    /// The node in its network.
    pub node: NodeId,
    /// What this node alone costs.
    pub costs: Costs,
}

impl Network {
    /// The costs of the whole network.
    pub fn costs(&self) -> Costs {
        self.layer_costs().into_iter().map(|layer| layer.costs).sum()
    }

    /// One entry per node, in node order.
    pub fn layer_costs(&self) -> Vec<LayerCosts> {
        self.ids().map(|(node, _)| LayerCosts { node, costs: self.node_costs(node) }).collect()
    }

    fn node_costs(&self, id: NodeId) -> Costs {
        let node = self.node(id);
        let written = node.shape.elements() as u64;
        let read = || self.node(node.inputs[0]).shape.channels() as u64;
        let params = self
            .node_tensors(id)
            .iter()
            .filter(|tensor| tensor.role.is_parameter())
            .map(|tensor| tensor.elements() as u64)
            .sum();
        let macs = match node.op {
            Op::Conv { kernel, groups, .. } => {
                written * (kernel * kernel) as u64 * (read() / groups as u64)
            }
            Op::Linear { .. } => written * read(),
            _ => 0,
        };
        let activation_bytes = match node.op {
            Op::Input | Op::BatchNorm { .. } | Op::Dropout { .. } | Op::Flatten => 0,
            _ => written * size_of::<f32>() as u64,
        };
        Costs { params, macs, activation_bytes }
    }
}

impl Add for Costs {
    type Output = Costs;

    fn add(self, other: Costs) -> Costs {
        Costs {
            params: self.params + other.params,
            macs: self.macs + other.macs,
            activation_bytes: self.activation_bytes + other.activation_bytes,
        }
    }
}

impl Sum for Costs {
    fn sum<I: Iterator<Item = Costs>>(costs: I) -> Costs {
        costs.fold(Costs::default(), Add::add)
    }
}
