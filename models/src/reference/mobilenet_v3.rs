//! MobileNetV3-Large and Small (Howard et al., ICCV 2019, tables 1 and 2).
//!
//! The last convolution follows after the pooling and has a bias but no batch norm.
//!
//! **Invariant:** at width 1 and 1000 classes they have 5,483,032 and 2,542,856 parameters.

use super::rows::{Row, rows};
use super::width::Width;
use crate::builder::{Builder, Conv};
use crate::network::{Network, NetworkError};
use crate::op::Activation;
use crate::shape::ImageShape;

#[derive(Debug)]
pub(crate) struct MobileNetV3 {
    rows: &'static [Row],
    /// Channels of the last convolution before the pooling.
    last: usize,
    /// Channels of the convolution after the pooling; the same at every width.
    head: usize,
}

/// Below this width the stem keeps its 16 channels.
const NARROW: f64 = 0.75;
const STEM: usize = 16;

pub(crate) static LARGE: MobileNetV3 = MobileNetV3 {
    rows: &[
        Row::new(1, 3, 1, 1.0, 16),
        Row::new(1, 3, 2, 4.0, 24),
        Row::new(1, 3, 1, 3.0, 24),
        Row::new(3, 5, 2, 3.0, 40).squeeze_expanded(),
        swish(1, 3, 2, 6.0, 80),
        swish(1, 3, 1, 2.5, 80),
        swish(2, 3, 1, 2.3, 80),
        swish(2, 3, 1, 6.0, 112).squeeze_expanded(),
        swish(3, 5, 2, 6.0, 160).squeeze_expanded(),
    ],
    last: 960,
    head: 1280,
};

pub(crate) static SMALL: MobileNetV3 = MobileNetV3 {
    rows: &[
        Row::new(1, 3, 2, 1.0, 16).squeeze_expanded(),
        Row::new(1, 3, 2, 4.5, 24),
        Row::new(1, 3, 1, 3.67, 24),
        swish(1, 5, 2, 4.0, 40).squeeze_expanded(),
        swish(2, 5, 1, 6.0, 40).squeeze_expanded(),
        swish(2, 5, 1, 3.0, 48).squeeze_expanded(),
        swish(3, 5, 2, 6.0, 96).squeeze_expanded(),
    ],
    last: 576,
    head: 1024,
};

const fn swish(
    layers: usize,
    kernel: usize,
    stride: usize,
    expansion: f64,
    channels: usize,
) -> Row {
    Row::new(layers, kernel, stride, expansion, channels).activation(Activation::HSwish)
}

impl MobileNetV3 {
    pub(crate) fn build(
        &self,
        name: &str,
        image: ImageShape,
        classes: usize,
        width: Width,
    ) -> Result<Network, NetworkError> {
        let mut net = Builder::new(name, image);
        let stem = if width.is_below(NARROW) { STEM } else { width.channels(STEM) };
        let stem = Conv::new(stem, 3).stride(2);
        let x = net.conv_bn_act("stem", net.input(), stem, Activation::HSwish);
        let x = rows(&mut net, x, self.rows, width);
        let last = Conv::pointwise(width.channels(self.last));
        let x = net.conv_bn_act("last", x, last, Activation::HSwish);
        let x = net.global_avg_pool("head.pool", x);
        let x = net.conv("head.conv", x, Conv::pointwise(self.head).with_bias());
        let x = net.activation("head.act", x, Activation::HSwish);
        let x = net.flatten("head.flatten", x);
        let x = net.dropout("head.dropout", x, 0.2);
        net.linear("classifier", x, classes);
        net.finish(classes)
    }
}
