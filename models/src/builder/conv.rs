//! How a convolution is described to the builder.
//!
//! **Invariant:** unless told otherwise, stride and groups are one, there is no bias (a batch norm
//! follows) and the padding is half the kernel, so that a stride of one keeps the size.

use crate::op::Op;

/// A convolution with a square kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    out_channels: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    bias: bool,
}

impl Conv {
    /// `out_channels` filters of `kernel` × `kernel` pixels over all input channels.
    pub fn new(out_channels: usize, kernel: usize) -> Conv {
        Conv { out_channels, kernel, stride: 1, groups: 1, bias: false }
    }

    /// `out_channels` filters of 1×1.
    pub fn pointwise(out_channels: usize) -> Conv {
        Conv::new(out_channels, 1)
    }

    /// One filter for each of `channels`.
    pub fn depthwise(channels: usize, kernel: usize) -> Conv {
        Conv { groups: channels, ..Conv::new(channels, kernel) }
    }

    /// The same with this stride along both sides, in pixels.
    pub fn stride(self, stride: usize) -> Conv {
        Conv { stride, ..self }
    }

    /// The same with so many groups of channels.
    pub fn groups(self, groups: usize) -> Conv {
        Conv { groups, ..self }
    }

    /// The same with one bias for each output channel.
    pub fn with_bias(self) -> Conv {
        Conv { bias: true, ..self }
    }

    pub(super) fn op(self) -> Op {
        let Conv { out_channels, kernel, stride, groups, bias } = self;
        Op::Conv { out_channels, kernel, stride, padding: kernel / 2, groups, bias }
    }
}
