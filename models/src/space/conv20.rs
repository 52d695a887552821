//! The toy space: 20 convolutions, each with its own filters, kernel and stride.
//!
//! A layer is a convolution, a batch norm and a ReLU; after the last one follow global average pooling
//! and a linear classifier. The padding is half the kernel, so a stride of 2 halves a side, rounded
//! up, and leaves a side of 1 as it is: any sequence of strides decodes at any input size, 28×28 as
//! well as 224×224. (The layers after the convolutions, the padding and the order are our choice: the
//! paper names only the three decisions.)
//!
//! **Invariant:** each decision is an attribute of one convolution, so every decision has an effect.

use super::{Decision, Space, decision};
use crate::builder::{Builder, Conv};
use crate::network::{Network, NetworkError};
use crate::op::{Activation, Op};

pub(crate) const NAME: &str = "conv20";

const LAYERS: usize = 20;
const FILTERS: [usize; 4] = [24, 36, 48, 64];
const KERNELS: [usize; 3] = [3, 5, 7];
const STRIDES: [usize; 2] = [1, 2];
const DECISIONS_A_LAYER: usize = 3;

pub(crate) fn decisions() -> Vec<Decision> {
    let layer = |layer: usize| {
        [
            decision(format!("l{layer:02}.filters"), FILTERS),
            decision(format!("l{layer:02}.kernel"), KERNELS),
            decision(format!("l{layer:02}.stride"), STRIDES),
        ]
    };
    (1..=LAYERS).flat_map(layer).collect()
}

pub(crate) fn decode(
    name: &str,
    space: &Space,
    choices: &[usize],
) -> Result<Network, NetworkError> {
    let mut net = Builder::new(name, space.input());
    let mut x = net.input();
    for (layer, taken) in (1..).zip(choices.chunks_exact(DECISIONS_A_LAYER)) {
        let conv = Conv::new(FILTERS[taken[0]], KERNELS[taken[1]]).stride(STRIDES[taken[2]]);
        x = net.conv_bn_act(&format!("l{layer:02}"), x, conv, Activation::Relu);
    }
    net.classify(x, space.classes(), None);
    net.finish(space.classes())
}

/// The choices of each convolution in turn.
pub(crate) fn encode(network: &Network) -> Option<Vec<usize>> {
    let mut choices = Vec::with_capacity(LAYERS * DECISIONS_A_LAYER);
    for node in network.nodes() {
        if let Op::Conv { out_channels, kernel, stride, .. } = node.op {
            choices.push(FILTERS.iter().position(|&filters| filters == out_channels)?);
            choices.push(KERNELS.iter().position(|&size| size == kernel)?);
            choices.push(STRIDES.iter().position(|&step| step == stride)?);
        }
    }
    (choices.len() == LAYERS * DECISIONS_A_LAYER).then_some(choices)
}
