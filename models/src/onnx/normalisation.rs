//! The normalisation of images, as a part of the graph.
//!
//! **Invariant:** the factors are finite, and there is one of each for every channel.

use serde::{Deserialize, Serialize};

use super::ExportError;
use crate::network::Network;

/// A pixel is a byte: it is multiplied by this to lie from 0 to 1.
pub const PIXEL_SCALE: f64 = 1.0 / 255.0;

/// Mean and deviation of every channel, for pixels from 0 to 1: a network is trained on
/// `(pixel · `[`PIXEL_SCALE`]` - mean) / deviation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// One for each channel.
    pub mean: Vec<f64>,
    /// One for each channel.
    pub deviation: Vec<f64>,
}

impl Normalisation {
    /// For networks that are only timed: it takes as long as that of any data. A mean of 0 would not, for an
    /// engine may leave out the addition of 0.
    pub fn placeholder(channels: usize) -> Self {
        Self { mean: vec![0.5; channels], deviation: vec![0.25; channels] }
    }

    /// What a pixel from 0 to 255 is multiplied by, and what is added then, for each channel. Training uses the
    /// same two numbers, so that a student sees what it was trained on, bit by bit.
    pub(crate) fn factors(&self, network: &Network) -> Result<[Vec<f32>; 2], ExportError> {
        let fail =
            |reason: String| ExportError::Normalisation { network: network.name.clone(), reason };
        let Self { mean, deviation } = self;
        let channels = network.input.channels;
        if (mean.len(), deviation.len()) != (channels, channels) {
            return Err(fail(format!(
                "{} means and {} deviations for the {channels} channels of its input",
                mean.len(),
                deviation.len()
            )));
        }
        let scale = deviation.iter().map(|deviation| (1.0 / (255.0 * deviation)) as f32);
        let shift = mean.iter().zip(deviation).map(|(mean, deviation)| (-mean / deviation) as f32);
        let factors: [Vec<f32>; 2] = [scale.collect(), shift.collect()];
        if !factors.iter().flatten().all(|factor| factor.is_finite()) {
            let reason = format!("mean {mean:?} and deviation {deviation:?} are no normalisation");
            return Err(fail(reason));
        }
        Ok(factors)
    }
}
