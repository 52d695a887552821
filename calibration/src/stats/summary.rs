//! Descriptive statistics of the samples, without a confidence interval.
//!
//! **Invariant:** computed from every sample, outliers included.

use serde::{Deserialize, Serialize};

use crate::{Nanos, Samples};

/// Count, range, mean and standard deviation of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of samples.
    pub n: usize,
    /// The shortest sample.
    pub min: Nanos,
    /// The longest sample.
    pub max: Nanos,
    /// The arithmetic mean.
    pub mean: Nanos,
    /// Standard deviation with n − 1 in the denominator; zero for a single sample.
    pub stddev: Nanos,
}

impl Summary {
    /// Computes the statistics of all samples.
    pub fn of(samples: &Samples) -> Self {
        let all = samples.in_time_order();
        let n = all.len();
        let mean = all.iter().map(|sample| sample.0 as f64).sum::<f64>() / n as f64;
        let squares: f64 = all.iter().map(|sample| (sample.0 as f64 - mean).powi(2)).sum();
        let fold = |pick: fn(u64, u64) -> u64| {
            Nanos(all.iter().skip(1).fold(all[0].0, |best, sample| pick(best, sample.0)))
        };
        Self {
            n,
            min: fold(u64::min),
            max: fold(u64::max),
            mean: Nanos::from_f64(mean),
            stddev: Nanos::from_f64((squares / (n as f64 - 1.0).max(1.0)).sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_textbook_sample_is_summed_up() {
        let summary = Summary::of(&Samples::from_ns(&[2, 4, 4, 4, 5, 5, 7, 9]).unwrap());
        let expected =
            Summary { n: 8, min: Nanos(2), max: Nanos(9), mean: Nanos(5), stddev: Nanos(2) };
        assert_eq!(summary, expected);
    }

    #[test]
    fn a_single_sample_does_not_spread() {
        let summary = Summary::of(&Samples::from_ns(&[5]).unwrap());
        assert_eq!((summary.stddev, summary.mean), (Nanos(0), Nanos(5)));
    }
}
