//! MobileNetV2 (Sandler et al., CVPR 2018, table 2).
//!
//! **Invariant:** at width 1 and 1000 classes it has 3,504,872 parameters.

use super::rows::{Row, rows};
use super::width::Width;
use crate::builder::{Builder, Conv};
use crate::network::{Network, NetworkError};
use crate::op::Activation;
use crate::shape::ImageShape;

const ROWS: [Row; 7] = [
    row(1, 1, 1.0, 16),
    row(2, 2, 6.0, 24),
    row(3, 2, 6.0, 32),
    row(4, 2, 6.0, 64),
    row(3, 1, 6.0, 96),
    row(3, 2, 6.0, 160),
    row(1, 1, 6.0, 320),
];

const fn row(layers: usize, stride: usize, expansion: f64, channels: usize) -> Row {
    Row::new(layers, 3, stride, expansion, channels).activation(Activation::Relu6)
}

/// Widths below 1 leave the head at 1280 channels (section 5).
pub(crate) fn build(
    name: &str,
    image: ImageShape,
    classes: usize,
    width: Width,
) -> Result<Network, NetworkError> {
    let mut net = Builder::new(name, image);
    let stem = Conv::new(width.channels(32), 3).stride(2);
    let x = net.conv_bn_act("stem", net.input(), stem, Activation::Relu6);
    let x = rows(&mut net, x, &ROWS, width);
    let head = Conv::pointwise(width.widened(1280));
    let features = net.conv_bn_act("head", x, head, Activation::Relu6);
    net.classify(features, classes, Some(0.2));
    net.finish(classes)
}
