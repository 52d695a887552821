//! The layout that the blocks' decisions are relative to: strides, widths and layers.
//!
//! **Invariant:** at every width the three filter choices give three different numbers of channels.

use crate::shape::ImageShape;

pub(crate) const BLOCKS: usize = 7;

/// MobileNetV2's layers of each block.
pub(crate) const LAYERS: [usize; BLOCKS] = [1, 2, 3, 4, 3, 3, 1];

/// From this height and width on, the layout is MobileNetV2's.
const LARGE: usize = 96;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Channels of the 3×3 convolution at the input; its stride is 2.
    pub(crate) stem: usize,
    pub(crate) blocks: [Block; BLOCKS],
    /// Channels of the pointwise convolution at the end.
    pub(crate) head: usize,
    /// Dropout before the classifier, in percent.
    pub(crate) dropout: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) width: usize,
    /// Stride of the first layer.
    pub(crate) stride: usize,
}

const fn block(width: usize, stride: usize) -> Block {
    Block { width, stride }
}

/// MobileNetV2: 224 → 112 → 56 → 28 → 14 → 7.
const MOBILE: Layout = Layout {
    stem: 32,
    blocks: [
        block(16, 1),
        block(24, 2),
        block(32, 2),
        block(64, 2),
        block(96, 1),
        block(160, 2),
        block(320, 1),
    ],
    head: 1280,
    dropout: Some(20),
};

/// For small images, 28 → 14 → 7 → 4: three halvings, and a quarter of MobileNetV2's stem and head. The
/// blocks have about a quarter of MobileNetV2's widths, kept between 12 and 48. Below 12, multiples of 4
/// do not distinguish the filter choices; above 48, the last block would hold most of the weights. There is
/// no dropout: such a network is trained for a few epochs and does not overfit in them.
const SMALL: Layout = Layout {
    stem: 8,
    blocks: [
        block(12, 1),
        block(12, 2),
        block(16, 1),
        block(24, 2),
        block(32, 1),
        block(40, 1),
        block(48, 1),
    ],
    head: 320,
    dropout: None,
};

impl Layout {
    pub(crate) fn at(input: ImageShape) -> &'static Layout {
        if input.height.min(input.width) >= LARGE { &MOBILE } else { &SMALL }
    }
}

impl Block {
    /// Channels at a filter choice, given in quarters of the width: the nearest multiple of 4.
    pub(crate) fn channels(self, quarters: usize) -> usize {
        (self.width * quarters + 8) / 16 * 4
    }
}
