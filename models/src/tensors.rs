//! The tensors that a network's layers need.
//!
//! **Invariant:** the order is that of the nodes, and within a node weight, bias, running mean,
//! running variance; names are unique because the nodes' are.

use crate::network::{Network, Node, NodeId};
use crate::op::Op;

/// The role of a tensor in its layer. It decides the initialisation and whether weight decay applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Filters of a convolution.
    ConvWeight,
    /// Matrix of a linear layer.
    LinearWeight,
    /// Bias of a convolution or a linear layer.
    Bias,
    /// Factors of a batch norm, one for each channel.
    Scale,
    /// Summands of a batch norm, one for each channel.
    Shift,
    /// Running mean of a batch norm, one for each channel.
    RunningMean,
    /// Running variance of a batch norm, one for each channel.
    RunningVar,
}

/// A tensor that a network needs: `<node>.<weight|bias|running_mean|running_var>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Unique in its network, such as `stem.conv.weight`.
    pub name: String,
    /// Torch's layout: convolution `[out, in / groups, k, k]`, linear `[out, in]`, else `[n]`.
    pub dims: Vec<usize>,
    /// What the layer uses the tensor for.
    pub role: Role,
}

impl TensorSpec {
    /// Numbers in the tensor.
    pub fn elements(&self) -> usize {
        self.dims.iter().product()
    }
}

impl Role {
    /// Whether training changes it by gradients; running statistics are not counted as parameters.
    pub fn is_parameter(self) -> bool {
        !matches!(self, Role::RunningMean | Role::RunningVar)
    }
}

impl Network {
    /// All tensors, in node order.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        self.ids().flat_map(|(id, _)| self.node_tensors(id)).collect()
    }

    /// The tensors of one node; none for a layer without weights.
    pub fn node_tensors(&self, id: NodeId) -> Vec<TensorSpec> {
        let node = self.node(id);
        match node.op {
            Op::Conv { out_channels, kernel, groups, bias, .. } => {
                let dims = vec![out_channels, self.fan_in(node) / groups, kernel, kernel];
                weighted(node, dims, Role::ConvWeight, bias.then_some(out_channels))
            }
            Op::Linear { out_features, bias } => {
                let dims = vec![out_features, self.fan_in(node)];
                weighted(node, dims, Role::LinearWeight, bias.then_some(out_features))
            }
            Op::BatchNorm { .. } => {
                let parts = [
                    ("weight", Role::Scale),
                    ("bias", Role::Shift),
                    ("running_mean", Role::RunningMean),
                    ("running_var", Role::RunningVar),
                ];
                let dims = vec![node.shape.channels()];
                parts.map(|(part, role)| tensor(node, part, dims.clone(), role)).into()
            }
            _ => Vec::new(),
        }
    }

    /// Channels or features that the node's first input has.
    fn fan_in(&self, node: &Node) -> usize {
        self.node(node.inputs[0]).shape.channels()
    }
}

fn weighted(node: &Node, dims: Vec<usize>, role: Role, bias: Option<usize>) -> Vec<TensorSpec> {
    let weight = tensor(node, "weight", dims, role);
    let bias = bias.map(|n| tensor(node, "bias", vec![n], Role::Bias));
    std::iter::once(weight).chain(bias).collect()
}

fn tensor(node: &Node, part: &str, dims: Vec<usize>, role: Role) -> TensorSpec {
    TensorSpec { name: format!("{}.{part}", node.name), dims, role }
}
