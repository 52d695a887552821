//! The tables of bottlenecks in which MobileNets and MnasNets are published.
//!
//! **Invariant:** only the first layer of a row has the row's stride. A layer has a skip connection where
//! its stride is 1 and it keeps its channels, unless the row forbids it.

use super::width::{Width, round_channels};
use crate::builder::{Bottleneck, Builder, SqueezeExcite};
use crate::network::NodeId;
use crate::op::Activation;

/// One row of such a table: identical layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    layers: usize,
    kernel: usize,
    stride: usize,
    /// 1 for a depthwise-separable convolution.
    expansion: f64,
    channels: usize,
    squeeze: Squeeze,
    skip: Skip,
    activation: Activation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Squeeze {
    None,
    /// To a quarter of the layer's input channels, gated by a sigmoid (MnasNet).
    QuarterOfInput,
    /// To a quarter of the expanded channels, in multiples of 8, gated by a hard sigmoid
    /// (MobileNetV3).
    QuarterOfExpanded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    WhereItFits,
    Never,
}

impl Row {
    pub(crate) const fn new(
        layers: usize,
        kernel: usize,
        stride: usize,
        expansion: f64,
        channels: usize,
    ) -> Row {
        Row {
            layers,
            kernel,
            stride,
            expansion,
            channels,
            squeeze: Squeeze::None,
            skip: Skip::WhereItFits,
            activation: Activation::Relu,
        }
    }

    pub(crate) const fn activation(self, activation: Activation) -> Row {
        Row { activation, ..self }
    }

    pub(crate) const fn squeeze_input(self) -> Row {
        Row { squeeze: Squeeze::QuarterOfInput, ..self }
    }

    pub(crate) const fn squeeze_expanded(self) -> Row {
        Row { squeeze: Squeeze::QuarterOfExpanded, ..self }
    }

    pub(crate) const fn no_skip(self) -> Row {
        Row { skip: Skip::Never, ..self }
    }
}

/// Appends all rows in turn, as blocks `b01`, `b02`, … of layers `l01`, `l02`, …
pub(crate) fn rows(net: &mut Builder, input: NodeId, rows: &[Row], width: Width) -> NodeId {
    let mut x = input;
    for (block, row) in (1..).zip(rows) {
        for index in 1..=row.layers {
            let unit = format!("b{block:02}.l{index:02}");
            let stride = if index == 1 { row.stride } else { 1 };
            x = layer(net, &unit, x, row, stride, width.channels(row.channels));
        }
    }
    x
}

fn layer(
    net: &mut Builder,
    unit: &str,
    input: NodeId,
    row: &Row,
    stride: usize,
    channels: usize,
) -> NodeId {
    let read = net.channels(input);
    let inner = round_channels(read as f64 * row.expansion);
    let squeeze = match row.squeeze {
        Squeeze::None => None,
        Squeeze::QuarterOfInput => Some(SqueezeExcite {
            reduced: read / 4,
            activation: row.activation,
            gate: Activation::Sigmoid,
        }),
        Squeeze::QuarterOfExpanded => Some(SqueezeExcite {
            reduced: round_channels(inner as f64 / 4.0),
            activation: Activation::Relu,
            gate: Activation::HSigmoid,
        }),
    };
    let Row { kernel, activation, .. } = *row;
    let block = Bottleneck { inner, kernel, stride, channels, activation, squeeze };
    let x = net.bottleneck(unit, input, block);
    if row.skip == Skip::WhereItFits && stride == 1 && channels == read {
        net.add(format!("{unit}.skip"), input, x)
    } else {
        x
    }
}
