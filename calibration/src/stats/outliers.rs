//! Outliers, labelled by Tukey's fences.
//!
//! **Invariant:** outliers are counted and shown, never dropped.

use serde::{Deserialize, Serialize};

use crate::Samples;
use crate::stats::quantile;

/// How many samples lie beyond the fences at 1.5 (mild) and 3 (severe) interquartile ranges from the
/// quartiles (Tukey, *Exploratory Data Analysis*, 1977); a severe one is not counted as mild too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outliers {
    /// Samples more than 3 interquartile ranges below the first quartile.
    pub severe_low: usize,
    /// Samples 1.5 to 3 interquartile ranges below the first quartile.
    pub mild_low: usize,
    /// Samples 1.5 to 3 interquartile ranges above the third quartile.
    pub mild_high: usize,
    /// Samples more than 3 interquartile ranges above the third quartile.
    pub severe_high: usize,
}

/// Counts the samples beyond Tukey's fences.
pub fn outliers(samples: &Samples) -> Outliers {
    let sorted: Vec<f64> = samples.sorted().iter().map(|sample| sample.0 as f64).collect();
    let (q1, q3) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
    let range = q3 - q1;
    let mut counts = Outliers::default();
    for &sample in &sorted {
        if sample < q1 - 3.0 * range {
            counts.severe_low += 1;
        } else if sample < q1 - 1.5 * range {
            counts.mild_low += 1;
        } else if sample > q3 + 3.0 * range {
            counts.severe_high += 1;
        } else if sample > q3 + 1.5 * range {
            counts.mild_high += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_beyond_the_fences_are_counted_on_their_side() {
        let mut ns: Vec<u64> = (100..=120).collect();
        // Quartiles 105 and 115, so the fences lie at 90 and 130, 75 and 145.
        let check = |ns: &[u64], expected: Outliers| {
            assert_eq!(outliers(&Samples::from_ns(ns).unwrap()), expected, "{ns:?}");
        };
        check(&ns, Outliers::default());
        ns.extend([60, 85, 140, 200, 10, 300]);
        let found = outliers(&Samples::from_ns(&ns).unwrap());
        assert_eq!((found.mild_low, found.mild_high), (0, 1));
        assert_eq!((found.severe_low, found.severe_high), (2, 2));
    }

    #[test]
    fn equal_samples_hold_no_outliers() {
        assert_eq!(outliers(&Samples::from_ns(&[7; 30]).unwrap()), Outliers::default());
    }
}
