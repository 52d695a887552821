//! From decisions to layers.
//!
//! **Invariant:** a layer depends on its block's plan, its place in the block and the channels that
//! it reads, on nothing else.

use super::choices::{BlockOp, BlockPlan, Skip, Squeeze, plans, skips};
use super::layout::Layout;
use crate::builder::{Bottleneck, Builder, Conv, SqueezeExcite};
use crate::network::{Network, NetworkError, NodeId};
use crate::op::Activation;
use crate::space::Space;

const RELU: Activation = Activation::Relu;
const SQUEEZE_RATIO: usize = 4;
const FEWEST_SQUEEZED: usize = 4;

pub(crate) fn decode(
    name: &str,
    space: &Space,
    choices: &[usize],
) -> Result<Network, NetworkError> {
    let layout = Layout::at(space.input());
    let mut net = Builder::new(name, space.input());
    let stem = Conv::new(layout.stem, 3).stride(2);
    let mut x = net.conv_bn_act("stem", net.input(), stem, RELU);
    for (block, plan) in (1..).zip(plans(layout, choices)) {
        for index in 1..=plan.layers {
            let unit = format!("b{block:02}.l{index:02}");
            x = layer(&mut net, &unit, x, &plan, plan.stride_of(index));
        }
    }
    let features = net.conv_bn_act("head", x, Conv::pointwise(layout.head), RELU);
    let dropout = layout.dropout.map(|percent| f64::from(percent) / 100.0);
    net.classify(features, space.classes(), dropout);
    net.finish(space.classes())
}

fn layer(net: &mut Builder, unit: &str, input: NodeId, plan: &BlockPlan, stride: usize) -> NodeId {
    let read = net.channels(input);
    let squeeze = squeeze(plan.squeeze, read);
    let separable = |inner: usize| Bottleneck {
        inner,
        kernel: plan.kernel,
        stride,
        channels: plan.channels,
        activation: RELU,
        squeeze,
    };
    let x = match plan.op {
        BlockOp::Conv => {
            let conv = Conv::new(plan.channels, plan.kernel).stride(stride);
            let x = net.conv_bn_act(&format!("{unit}.full"), input, conv, RELU);
            squeeze.map_or(x, |se| net.squeeze_excite(&format!("{unit}.se"), x, se))
        }
        BlockOp::SepConv => net.bottleneck(unit, input, separable(read)),
        BlockOp::MbConv(expansion) => net.bottleneck(unit, input, separable(read * expansion)),
    };
    if !skips(plan.skip, stride, read, plan.channels) {
        return x;
    }
    let skipped = match plan.skip {
        Skip::Pool => net.avg_pool(format!("{unit}.skip.pool"), input, 3, stride, 1),
        Skip::Identity | Skip::None => input,
    };
    net.add(format!("{unit}.skip.add"), skipped, x)
}

/// `read` are the layer's input channels, before any expansion.
fn squeeze(squeeze: Squeeze, read: usize) -> Option<SqueezeExcite> {
    match squeeze {
        Squeeze::None => None,
        Squeeze::Quarter => Some(SqueezeExcite {
            reduced: (read / SQUEEZE_RATIO).max(FEWEST_SQUEEZED),
            activation: RELU,
            gate: Activation::Sigmoid,
        }),
    }
}
