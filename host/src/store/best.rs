//! The winner of a search, trained at length.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The index of the candidate.
    pub index: usize,
    pub arch_id: String,
    pub epochs: usize,
    pub images: usize,
    pub holdout_accuracy: f64,
    pub test_accuracy: f64,
    /// Median and interval of the trained file, measured again at ±1 %.
    pub latency_ns: u64,
    pub lo_ns: u64,
    pub hi_ns: u64,
    pub verdict: String,
}
