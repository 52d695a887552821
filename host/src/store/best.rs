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
    /// Whether the trained file keeps the budget.
    #[serde(default = "yes")]
    pub within_budget: bool,
    /// The candidates that were trained before it and then missed the budget.
    #[serde(default)]
    pub missed: Vec<Miss>,
    /// The segment of the run in which it was trained and measured.
    #[serde(default)]
    pub segment: usize,
}

/// A candidate that was chosen, trained at length, and missed the budget when it was measured again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    pub index: usize,
    pub latency_ns: u64,
    pub hi_ns: u64,
}

fn yes() -> bool {
    true
}

impl Best {
    /// The candidates that missed the budget, itself included if it did.
    pub fn all_missed(&self) -> Vec<Miss> {
        let Self { index, latency_ns, hi_ns, .. } = *self;
        let own = (!self.within_budget).then_some(Miss { index, latency_ns, hi_ns });
        self.missed.iter().cloned().chain(own).collect()
    }
}
