//! The operators that a network is made of.

/// An element-wise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x · relu6(x + 3) / 6`
    HSwish,
    /// `relu6(x + 3) / 6`
    HSigmoid,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

/// What a node computes. A map is `[channels, height, width]`, a vector `[features]`; kernels, strides and
/// paddings are in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// The image: node 0 of a network.
    Input,
    /// Square kernel, symmetric padding. Depthwise where `groups` equals the input channels,
    /// pointwise where `kernel` is 1.
    Conv {
        /// Number of filters.
        out_channels: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Step of the kernel along both sides.
        stride: usize,
        /// Zeros added on each side.
        padding: usize,
        /// Number of groups that divide the channels.
        groups: usize,
        /// Whether there is one bias for each output channel.
        bias: bool,
    },
    /// Directly after a convolution that no other node reads, so that export can fold it.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
        /// Share of the new batch in the running statistics (torch's convention).
        momentum: f64,
    },
    /// An element-wise function; the shape stays.
    Activation(Activation),
    /// The maximum of each square window in each channel.
    MaxPool {
        /// Side of the window.
        kernel: usize,
        /// Step of the window along both sides.
        stride: usize,
        /// Padding on each side; it is never the maximum.
        padding: usize,
    },
    /// The mean of each square window in each channel. Padding does not count in the mean.
    AvgPool {
        /// Side of the window.
        kernel: usize,
        /// Step of the window along both sides.
        stride: usize,
        /// Padding on each side.
        padding: usize,
    },
    /// The mean of each channel, as a map of 1×1.
    GlobalAvgPool,
    /// The element-wise sum of two nodes of the same shape.
    Add,
    /// A map times a `[channels, 1, 1]` map (squeeze-and-excite) or a map of its own shape.
    Mul,
    /// Joins maps along the channels.
    Concat,
    /// A map as a vector, row-major.
    Flatten,
    /// A matrix product, `[in]` to `[out_features]`.
    Linear {
        /// Length of the output.
        out_features: usize,
        /// Whether there is one bias for each output feature.
        bias: bool,
    },
    /// Sets random numbers to zero in training; passes the input on in inference.
    Dropout {
        /// The share of numbers set to zero, in `[0, 1)`.
        rate: f64,
    },
}

impl Op {
    /// The operator's usual name; that of a convolution depends on its kernel and groups.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { kernel: 1, groups: 1, .. } => "pointwise conv",
            Self::Conv { groups: 1, .. } => "conv",
            Self::Conv { groups, out_channels, .. } if groups == out_channels => "depthwise conv",
            Self::Conv { .. } => "grouped conv",
            Self::BatchNorm { .. } => "batch norm",
            Self::Activation(Activation::Relu) => "relu",
            Self::Activation(Activation::Relu6) => "relu6",
            Self::Activation(Activation::HSwish) => "h-swish",
            Self::Activation(Activation::HSigmoid) => "h-sigmoid",
            Self::Activation(Activation::Sigmoid) => "sigmoid",
            Self::MaxPool { .. } => "max pool",
            Self::AvgPool { .. } => "average pool",
            Self::GlobalAvgPool => "global average pool",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Concat => "concat",
            Self::Flatten => "flatten",
            Self::Linear { .. } => "linear",
            Self::Dropout { .. } => "dropout",
        }
    }
}
