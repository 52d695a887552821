//! ResNets for small images, as teachers.
//!
//! `resnet-<6n+2>` is He et al. (CVPR 2016, section 4.2): a 3×3 convolution, then three stages of n
//! basic blocks with 16, 32 and 64 channels, all multiplied by the width. `wide-resnet-<6n+4>-<k>`
//! is Zagoruyko & Komodakis (BMVC 2016): k times those channels after a stem of 16.
//!
//! Two choices are ours. Where a block changes shape, its shortcut is a 1×1 convolution with batch
//! norm (He et al.'s option B; their option A pads with zero channels). Wide ResNets keep the order
//! convolution, batch norm, ReLU instead of the paper's pre-activation, because a batch norm that
//! directly follows its convolution can be folded into it.
//!
//! **Invariant:** the depth counts the stem, both convolutions of each block, and the classifier. In a
//! wide ResNet it counts the shortcuts of the three stages instead of the classifier.

use super::ReferenceError;
use super::width::Width;
use crate::builder::{Builder, Conv};
use crate::network::{Network, NetworkError, NodeId};
use crate::op::Activation;
use crate::shape::ImageShape;

/// Most blocks per stage. 33 are 200 layers; deeper networks are not used as teachers for small images.
const MAX_BLOCKS: usize = 33;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ResNet {
    /// Basic blocks of each stage.
    blocks: usize,
    /// The factor k of a wide ResNet, 1 for a plain one. It does not multiply the stem's channels.
    widening: Width,
}

impl ResNet {
    pub(crate) fn parse(family: &str) -> Result<ResNet, ReferenceError> {
        let name = || family.to_owned();
        if let Some(rest) = family.strip_prefix("wide-resnet-") {
            let Some((depth, factor)) = rest.split_once('-') else {
                return Err(ReferenceError::Unknown { name: name() });
            };
            let blocks = parse_depth(family, depth, "6n+4", 4)?;
            Ok(ResNet { blocks, widening: Width::parse(family, factor)? })
        } else if let Some(depth) = family.strip_prefix("resnet-") {
            let blocks = parse_depth(family, depth, "6n+2", 2)?;
            Ok(ResNet { blocks, widening: Width::ONE })
        } else {
            Err(ReferenceError::Unknown { name: name() })
        }
    }

    pub(crate) fn build(
        self,
        name: &str,
        image: ImageShape,
        classes: usize,
        width: Width,
    ) -> Result<Network, NetworkError> {
        let mut net = Builder::new(name, image);
        let stem = Conv::new(width.channels(16), 3);
        let mut x = net.conv_bn_act("stem", net.input(), stem, Activation::Relu);
        for (stage, channels) in (1..).zip([16, 32, 64]) {
            let channels = width.channels(self.widening.channels(channels));
            for block in 1..=self.blocks {
                let stride = if stage > 1 && block == 1 { 2 } else { 1 };
                let unit = format!("s{stage}.b{block:02}");
                x = basic_block(&mut net, &unit, x, channels, stride);
            }
        }
        net.classify(x, classes, None);
        net.finish(classes)
    }
}

fn parse_depth(
    family: &str,
    depth: &str,
    formula: &'static str,
    rest: usize,
) -> Result<usize, ReferenceError> {
    let blocks = depth.parse::<usize>().ok().and_then(|layers| {
        let convolutions = layers.checked_sub(rest)?;
        let blocks = convolutions / 6;
        (convolutions % 6 == 0 && (1..=MAX_BLOCKS).contains(&blocks)).then_some(blocks)
    });
    blocks.ok_or_else(|| ReferenceError::Depth {
        name: family.to_owned(),
        depth: depth.to_owned(),
        formula,
        most: MAX_BLOCKS,
    })
}

fn basic_block(
    net: &mut Builder,
    unit: &str,
    input: NodeId,
    channels: usize,
    stride: usize,
) -> NodeId {
    let first = Conv::new(channels, 3).stride(stride);
    let x = net.conv_bn_act(&format!("{unit}.first"), input, first, Activation::Relu);
    let x = net.conv_bn(&format!("{unit}.second"), x, Conv::new(channels, 3));
    let shortcut = if stride == 1 && net.channels(input) == channels {
        input
    } else {
        let project = Conv::pointwise(channels).stride(stride);
        net.conv_bn(&format!("{unit}.shortcut"), input, project)
    };
    let sum = net.add(format!("{unit}.add"), shortcut, x);
    net.activation(format!("{unit}.act"), sum, Activation::Relu)
}
