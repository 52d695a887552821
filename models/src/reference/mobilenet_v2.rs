//! MobileNetV2 (Sandler et al., CVPR 2018, table 2).
//!
//! **Invariant:** at width 1 and 1000 classes it has 3,504,872 parameters.

use super::width::Width;
use crate::builder::{Builder, Conv};
use crate::network::{Activation, ImageShape, Network, NetworkError, NodeId};

/// Expansion, channels, layers, stride of the first layer.
const BLOCKS: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

pub fn build(
    name: &str,
    image: ImageShape,
    classes: usize,
    width: Width,
) -> Result<Network, NetworkError> {
    let mut net = Builder::new(name, image);
    let stem = Conv::new(width.channels(32), 3).stride(2);
    let mut x = net.conv_bn_act("stem", net.input(), stem, Activation::Relu6);
    for (block, &(expansion, channels, layers, stride)) in (1..).zip(&BLOCKS) {
        for layer in 1..=layers {
            let unit = format!("b{block:02}.l{layer:02}");
            let stride = if layer == 1 { stride } else { 1 };
            x = bottleneck(
                &mut net,
                &unit,
                x,
                expansion,
                width.channels(channels),
                stride,
            );
        }
    }
    let head = Conv::pointwise(width.widened(1280));
    let features = net.conv_bn_act("head", x, head, Activation::Relu6);
    net.classify(features, classes, Some(0.2));
    net.finish(classes)
}

/// An inverted residual with a linear bottleneck.
fn bottleneck(
    net: &mut Builder,
    unit: &str,
    input: NodeId,
    expansion: usize,
    channels: usize,
    stride: usize,
) -> NodeId {
    let read = net.channels(input);
    let inner = read * expansion;
    let mut x = input;
    if expansion > 1 {
        let expand = Conv::pointwise(inner);
        x = net.conv_bn_act(&format!("{unit}.expand"), x, expand, Activation::Relu6);
    }
    let depthwise = Conv::depthwise(inner, 3).stride(stride);
    x = net.conv_bn_act(
        &format!("{unit}.depthwise"),
        x,
        depthwise,
        Activation::Relu6,
    );
    x = net.conv_bn(&format!("{unit}.project"), x, Conv::pointwise(channels));
    if stride == 1 && channels == read {
        x = net.add(format!("{unit}.skip"), input, x);
    }
    x
}
