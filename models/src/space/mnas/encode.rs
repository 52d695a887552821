//! From layers back to decisions.
//!
//! A node's name gives its block and layer; the choices are read from the operators.
//!
//! **Invariant:** the result is checked by decoding it again ([`Space::encode`]), so this module reads
//! only what distinguishes one choice from another.
//!
//! [`Space::encode`]: crate::space::Space::encode

use super::choices::{
    BlockOp, FILTERS, KERNELS, OPS, SKIPS, SQUEEZES, Skip, Squeeze, fewest_layers,
};
use super::layout::{BLOCKS, Layout};
use crate::network::{Network, Node};
use crate::op::Op;

/// `None` where some block does not belong to the space.
pub(crate) fn encode(network: &Network) -> Option<Vec<usize>> {
    let layout = Layout::at(network.input);
    let mut choices = Vec::new();
    for index in 0..BLOCKS {
        let prefix = format!("b{:02}.", index + 1);
        let nodes: Vec<&Node> =
            network.nodes().iter().filter(|node| node.name.starts_with(&prefix)).collect();
        let last = nodes.last()?;
        let channels = last.shape.channels();
        // `b03.l02.project.bn`: the second layer is the last one.
        let layers: usize = last.name.get(5..7)?.parse().ok()?;
        let (op, kernel) = operation(network, &nodes)?;
        choices.extend([
            OPS.iter().position(|choice| choice.0 == op)?,
            KERNELS.iter().position(|choice| *choice == kernel)?,
            SQUEEZES.iter().position(|choice| choice.0 == squeeze(&nodes))?,
            SKIPS.iter().position(|choice| choice.0 == skip(&nodes))?,
            FILTERS.iter().position(|f| layout.blocks[index].channels(f.0) == channels)?,
            layers.checked_sub(fewest_layers(index))?,
        ]);
    }
    Some(choices)
}

/// Recognised by the block's first convolutions: a pointwise one expands, a depthwise one separates.
fn operation(network: &Network, nodes: &[&Node]) -> Option<(BlockOp, usize)> {
    let mut convs = nodes.iter().filter_map(|node| match node.op {
        Op::Conv { kernel, groups, out_channels, .. } => Some((node, kernel, groups, out_channels)),
        _ => None,
    });
    let (first, kernel, groups, out_channels) = convs.next()?;
    let read = network.node(first.inputs[0]).shape.channels();
    if kernel == 1 {
        let (_, kernel, ..) = convs.next()?;
        Some((BlockOp::MbConv(out_channels / read), kernel))
    } else if groups > 1 {
        Some((BlockOp::SepConv, kernel))
    } else {
        Some((BlockOp::Conv, kernel))
    }
}

fn squeeze(nodes: &[&Node]) -> Squeeze {
    let gated = nodes.iter().any(|node| node.op == Op::Mul);
    if gated { Squeeze::Quarter } else { Squeeze::None }
}

fn skip(nodes: &[&Node]) -> Skip {
    let has = |wanted: fn(&Op) -> bool| nodes.iter().any(|node| wanted(&node.op));
    if has(|op| matches!(op, Op::AvgPool { .. })) {
        Skip::Pool
    } else if has(|op| *op == Op::Add) {
        Skip::Identity
    } else {
        Skip::None
    }
}
