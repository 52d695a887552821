//! The layers that networks are made of, each a few nodes: `<unit>.conv`, `<unit>.bn`, `<unit>.act`.
//!
//! **Invariant:** nodes here are built by the builder's own methods only.

use super::{Builder, Conv};
use crate::network::NodeId;
use crate::op::Activation;

/// Squeeze-and-excite (Hu et al. 2018): pool, reduce, act, expand, gate, multiply. Both
/// convolutions are pointwise and have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqueezeExcite {
    /// Channels between the two convolutions.
    pub reduced: usize,
    /// The activation between the two convolutions.
    pub activation: Activation,
    /// The activation that bounds the factors, such as a sigmoid.
    pub gate: Activation,
}

/// An inverted residual without its skip (Sandler et al. 2018): expand, depthwise, project, the last
/// without activation. There is no expansion where `inner` is the input's number of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// Channels of the depthwise convolution.
    pub inner: usize,
    /// Side of the depthwise kernel, in pixels.
    pub kernel: usize,
    /// Stride of the depthwise convolution, in pixels.
    pub stride: usize,
    /// Output channels.
    pub channels: usize,
    /// The activation after the expansion and after the depthwise convolution.
    pub activation: Activation,
    /// After the depthwise convolution.
    pub squeeze: Option<SqueezeExcite>,
}

impl Builder {
    /// `<unit>.conv` and `<unit>.bn`: a convolution and its batch norm.
    pub fn conv_bn(&mut self, unit: &str, input: NodeId, conv: Conv) -> NodeId {
        let convolved = self.conv(format!("{unit}.conv"), input, conv);
        self.batch_norm(format!("{unit}.bn"), convolved)
    }

    /// As [`Builder::conv_bn`], then the activation `<unit>.act`.
    pub fn conv_bn_act(
        &mut self,
        unit: &str,
        input: NodeId,
        conv: Conv,
        activation: Activation,
    ) -> NodeId {
        let normed = self.conv_bn(unit, input, conv);
        self.activation(format!("{unit}.act"), normed, activation)
    }

    /// Squeeze-and-excite of a map; the shape stays. The last node is `<unit>.mul`.
    pub fn squeeze_excite(&mut self, unit: &str, input: NodeId, se: SqueezeExcite) -> NodeId {
        let channels = self.channels(input);
        let squeezed = self.global_avg_pool(format!("{unit}.pool"), input);
        let reduce = Conv::pointwise(se.reduced).with_bias();
        let reduced = self.conv(format!("{unit}.reduce"), squeezed, reduce);
        let activated = self.activation(format!("{unit}.act"), reduced, se.activation);
        let expand = Conv::pointwise(channels).with_bias();
        let expanded = self.conv(format!("{unit}.expand"), activated, expand);
        let gate = self.activation(format!("{unit}.gate"), expanded, se.gate);
        self.mul(format!("{unit}.mul"), input, gate)
    }

    /// A bottleneck, `[c, h, w]` to `[block.channels, h', w']`. The last node is `<unit>.project.bn`.
    pub fn bottleneck(&mut self, unit: &str, input: NodeId, block: Bottleneck) -> NodeId {
        let mut x = input;
        if block.inner != self.channels(input) {
            let expand = Conv::pointwise(block.inner);
            x = self.conv_bn_act(&format!("{unit}.expand"), x, expand, block.activation);
        }
        let depthwise = Conv::depthwise(block.inner, block.kernel).stride(block.stride);
        x = self.conv_bn_act(&format!("{unit}.depthwise"), x, depthwise, block.activation);
        if let Some(squeeze) = block.squeeze {
            x = self.squeeze_excite(&format!("{unit}.se"), x, squeeze);
        }
        self.conv_bn(&format!("{unit}.project"), x, Conv::pointwise(block.channels))
    }

    /// `head.pool`, `head.flatten`, dropout where there is any, and `classifier`.
    pub fn classify(&mut self, input: NodeId, classes: usize, dropout: Option<f64>) -> NodeId {
        let pooled = self.global_avg_pool("head.pool", input);
        let mut features = self.flatten("head.flatten", pooled);
        if let Some(rate) = dropout {
            features = self.dropout("head.dropout", features, rate);
        }
        self.linear("classifier", features, classes)
    }
}
