//! The layers that networks are made of, each a few nodes: `<unit>.conv`, `<unit>.bn`, `<unit>.act`.
//!
//! **Invariant:** nodes here are built by the builder's own methods only.

use super::{Builder, Conv};
use crate::network::{Activation, NodeId};

/// Squeeze-and-excite (Hu et al. 2018): pool, reduce, act, expand, gate, multiply. Both
/// convolutions are pointwise and have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqueezeExcite {
    /// Channels between the two convolutions.
    pub reduced: usize,
    pub activation: Activation,
    pub gate: Activation,
}

/// An inverted residual without its skip (Sandler et al. 2018): expand, depthwise, project, the last
/// without activation. Nothing expands where `inner` is the input's number of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// Channels of the depthwise convolution.
    pub inner: usize,
    pub kernel: usize,
    pub stride: usize,
    pub channels: usize,
    pub activation: Activation,
    /// Behind the depthwise convolution.
    pub squeeze: Option<SqueezeExcite>,
}

impl Builder {
    pub fn conv_bn(&mut self, unit: &str, input: NodeId, conv: Conv) -> NodeId {
        let convolved = self.conv(format!("{unit}.conv"), input, conv);
        self.batch_norm(format!("{unit}.bn"), convolved)
    }

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
