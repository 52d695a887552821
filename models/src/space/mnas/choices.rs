//! The decisions of a block, as labels and as types.
//!
//! **Invariant:** labels have the order of the tables; stored files hold labels, so that a table may
//! grow.

use super::layout::{BLOCKS, Block, LAYERS, Layout};
use crate::shape::ImageShape;
use crate::space::{Decision, decision};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockOp {
    Conv,
    SepConv,
    /// With its expansion factor.
    MbConv(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    Pool,
    Identity,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Squeeze {
    None,
    /// To a quarter of the layer's input channels.
    Quarter,
}

pub(crate) const OPS: [(BlockOp, &str); 4] = [
    (BlockOp::Conv, "conv"),
    (BlockOp::SepConv, "sepconv"),
    (BlockOp::MbConv(3), "mbconv3"),
    (BlockOp::MbConv(6), "mbconv6"),
];
pub(crate) const KERNELS: [usize; 2] = [3, 5];
pub(crate) const SQUEEZES: [(Squeeze, &str); 2] =
    [(Squeeze::None, "0"), (Squeeze::Quarter, "0.25")];
pub(crate) const SKIPS: [(Skip, &str); 3] =
    [(Skip::Pool, "pool"), (Skip::Identity, "identity"), (Skip::None, "none")];
/// In quarters of the layout's width.
pub(crate) const FILTERS: [(usize, &str); 3] = [(3, "0.75"), (4, "1"), (5, "1.25")];

const DECISIONS_A_BLOCK: usize = 6;
const SKIP: usize = 3;
const FEWER: [&str; 3] = ["-1", "0", "+1"];
const NO_FEWER: [&str; 3] = ["0", "+1", "+2"];

/// One block with all its decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockPlan {
    pub(crate) op: BlockOp,
    pub(crate) kernel: usize,
    pub(crate) squeeze: Squeeze,
    pub(crate) skip: Skip,
    pub(crate) channels: usize,
    pub(crate) layers: usize,
    /// Stride of the first layer.
    pub(crate) stride: usize,
}

impl BlockPlan {
    pub(crate) fn stride_of(&self, layer: usize) -> usize {
        if layer == 1 { self.stride } else { 1 }
    }
}

pub(crate) fn decisions() -> Vec<Decision> {
    let block = |index: usize| {
        let name = |what: &str| format!("b{}.{what}", index + 1);
        let layers = if LAYERS[index] == 1 { NO_FEWER } else { FEWER };
        [
            decision(name("op"), OPS.map(|(_, label)| label)),
            decision(name("kernel"), KERNELS),
            decision(name("se"), SQUEEZES.map(|(_, label)| label)),
            decision(name("skip"), SKIPS.map(|(_, label)| label)),
            decision(name("filters"), FILTERS.map(|(_, label)| label)),
            decision(name("layers"), layers),
        ]
    };
    (0..BLOCKS).flat_map(block).collect()
}

/// The fewest layers that a block can have: its choice 0.
pub(crate) fn fewest_layers(index: usize) -> usize {
    (LAYERS[index] - 1).max(1)
}

pub(crate) fn plans(layout: &Layout, choices: &[usize]) -> Vec<BlockPlan> {
    let blocks = choices.chunks_exact(DECISIONS_A_BLOCK).zip(layout.blocks).enumerate();
    blocks.map(|(index, (taken, block))| plan(index, block, taken)).collect()
}

fn plan(index: usize, block: Block, taken: &[usize]) -> BlockPlan {
    BlockPlan {
        op: OPS[taken[0]].0,
        kernel: KERNELS[taken[1]],
        squeeze: SQUEEZES[taken[2]].0,
        skip: SKIPS[taken[SKIP]].0,
        channels: block.channels(FILTERS[taken[4]].0),
        layers: fewest_layers(index) + taken[5],
        stride: block.stride,
    }
}

/// Sets every skip that applies to no layer of its block to `none`.
pub(crate) fn canonicalise(input: ImageShape, choices: &mut [usize]) {
    let layout = Layout::at(input);
    let mut read = layout.stem;
    for (index, plan) in plans(layout, choices).into_iter().enumerate() {
        // After the first layer all have stride 1 and keep their channels.
        let applies = plan.layers > 1 || skips(plan.skip, plan.stride, read, plan.channels);
        if !applies {
            choices[index * DECISIONS_A_BLOCK + SKIP] = SKIPS.len() - 1;
        }
        read = plan.channels;
    }
}

/// Whether a layer with this stride, input and output channels gets the skip.
pub(crate) fn skips(skip: Skip, stride: usize, read: usize, channels: usize) -> bool {
    match skip {
        Skip::Pool => read == channels,
        Skip::Identity => read == channels && stride == 1,
        Skip::None => false,
    }
}
