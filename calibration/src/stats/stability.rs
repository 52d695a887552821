//! The stability score: one number from 0 to 100, as ExecuTorch reports it.
//!
//! **Invariant:** descriptive; no verdict depends on it.

use crate::stats::samples::median_of_sorted;
use crate::{Samples, Summary};

/// The stability score of ExecuTorch's benchmark infrastructure: `0.5 · max(0, 100 − 10 · CV %)`
/// `+ 0.25 · max(0, 100 − 50 · (max/min − 1)) + 0.25 · max(0, 100 − 100 · (p99/p50 − 1))`; there, 90 and
/// more is excellent, 80 and more is good. The p99 is the nearest rank even of few samples, so the score
/// of few samples says little.
pub fn stability_score(samples: &Samples) -> f64 {
    let sorted = samples.sorted();
    let summary = Summary::of(samples);
    // Times of zero would divide by zero; no clock is that fast.
    let at_least_one = |ns: u64| ns.max(1) as f64;
    let ratio = |upper: u64, lower: u64| at_least_one(upper) / at_least_one(lower) - 1.0;
    let p99 = sorted[(sorted.len() * 99).div_ceil(100) - 1];
    let cv_percent = 100.0 * summary.stddev.0 as f64 / at_least_one(summary.mean.0);
    0.5 * (100.0 - 10.0 * cv_percent).max(0.0)
        + 0.25 * (100.0 - 50.0 * ratio(summary.max.0, summary.min.0)).max(0.0)
        + 0.25 * (100.0 - 100.0 * ratio(p99.0, median_of_sorted(&sorted).0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_follows_its_formula() {
        let check = |ns: &[u64], expected: f64| {
            let score = stability_score(&Samples::from_ns(ns).unwrap());
            assert!((score - expected).abs() < 0.01, "{ns:?}: {score} instead of {expected}");
        };
        check(&[100; 50], 100.0);
        check(&[0; 5], 100.0);
        // Mean 105, deviation 5 in whole nanoseconds (CV 4.762 %), max/min 1.1, p50 105, p99 110.
        let alternating: Vec<u64> = (0..100).map(|at| 100 + 10 * (at % 2)).collect();
        check(&alternating, 0.5 * 52.381 + 0.25 * 95.0 + 0.25 * 95.238);
        check(&[1, 1_000_000], 0.0);
    }
}
