//! MnasNet-A1, B1 and small (Tan et al., CVPR 2019, and the TPU repository's models).
//!
//! **Invariant:** at width 1 and 1000 classes they have 3,887,038, 4,383,312 and 2,030,264
//! parameters.

use super::rows::{Row, rows};
use super::width::Width;
use crate::builder::{Builder, Conv};
use crate::network::{Network, NetworkError};
use crate::op::Activation;
use crate::shape::ImageShape;

#[derive(Debug)]
pub(crate) struct MnasNet {
    stem: usize,
    rows: [Row; 7],
}

pub(crate) static A1: MnasNet = MnasNet {
    stem: 32,
    rows: [
        Row::new(1, 3, 1, 1.0, 16).no_skip(),
        Row::new(2, 3, 2, 6.0, 24),
        Row::new(3, 5, 2, 3.0, 40).squeeze_input(),
        Row::new(4, 3, 2, 6.0, 80),
        Row::new(2, 3, 1, 6.0, 112).squeeze_input(),
        Row::new(3, 5, 2, 6.0, 160).squeeze_input(),
        Row::new(1, 3, 1, 6.0, 320),
    ],
};

pub(crate) static B1: MnasNet = MnasNet {
    stem: 32,
    rows: [
        Row::new(1, 3, 1, 1.0, 16).no_skip(),
        Row::new(3, 3, 2, 3.0, 24),
        Row::new(3, 5, 2, 3.0, 40),
        Row::new(3, 5, 2, 6.0, 80),
        Row::new(2, 3, 1, 6.0, 96),
        Row::new(4, 5, 2, 6.0, 192),
        Row::new(1, 3, 1, 6.0, 320).no_skip(),
    ],
};

pub(crate) static SMALL: MnasNet = MnasNet {
    stem: 8,
    rows: [
        Row::new(1, 3, 1, 1.0, 8),
        Row::new(1, 3, 2, 3.0, 16),
        Row::new(2, 3, 2, 6.0, 16),
        Row::new(4, 5, 2, 6.0, 32).squeeze_input(),
        Row::new(3, 3, 1, 6.0, 32).squeeze_input(),
        Row::new(3, 5, 2, 6.0, 88).squeeze_input(),
        Row::new(1, 3, 1, 6.0, 144),
    ],
};

impl MnasNet {
    /// The head has 1280 channels at every width.
    pub(crate) fn build(
        &self,
        name: &str,
        image: ImageShape,
        classes: usize,
        width: Width,
    ) -> Result<Network, NetworkError> {
        let mut net = Builder::new(name, image);
        let stem = Conv::new(width.channels(self.stem), 3).stride(2);
        let x = net.conv_bn_act("stem", net.input(), stem, Activation::Relu);
        let x = rows(&mut net, x, &self.rows, width);
        let features = net.conv_bn_act("head", x, Conv::pointwise(1280), Activation::Relu);
        net.classify(features, classes, Some(0.2));
        net.finish(classes)
    }
}
