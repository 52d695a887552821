//! Separate seeds for everything that is random, all derived from one.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::train::worker_protocol::TrainSeeds;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// Initial weights of the students.
    pub weights: u64,
    /// Order of the training images.
    pub order: u64,
    /// The policy's initial weights and what it samples.
    pub controller: u64,
    /// Inputs and order of measurements, and the students that set a budget.
    pub measurement: u64,
}

impl Seeds {
    pub fn derive(seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        // SQLite's and JSON's integers are signed or floats in some readers: 53 bits pass all.
        let mut next = || rng.random::<u64>() >> 11;
        Self { weights: next(), order: next(), controller: next(), measurement: next() }
    }

    /// The seeds of one candidate: no two candidates start from the same weights.
    pub fn of_candidate(&self, index: usize) -> TrainSeeds {
        TrainSeeds {
            weights: self.weights.wrapping_add(index as u64),
            order: self.order.wrapping_add(index as u64),
        }
    }
}
