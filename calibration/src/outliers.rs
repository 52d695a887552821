//! Outliers, labelled by Tukey's fences.
//!
//! **Invariant:** outliers are counted and shown, never dropped.

use serde::{Deserialize, Serialize};

use crate::{Nanos, Samples};

/// How many samples lie beyond the fences at 1.5 (mild) and 3 (severe) interquartile ranges from the
/// quartiles (Tukey, *Exploratory Data Analysis*, 1977); a severe one is not counted as mild too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outliers {
    pub severe_low: usize,
    pub mild_low: usize,
    pub mild_high: usize,
    pub severe_high: usize,
}

impl Outliers {
    pub fn mild(&self) -> usize {
        self.mild_low + self.mild_high
    }

    pub fn severe(&self) -> usize {
        self.severe_low + self.severe_high
    }
}

pub fn outliers(samples: &Samples) -> Outliers {
    let sorted = samples.sorted();
    let (q1, q3) = (quartile(&sorted, 0.25), quartile(&sorted, 0.75));
    let range = q3 - q1;
    let mut counts = Outliers::default();
    for sample in sorted.iter().map(|sample| sample.0 as f64) {
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

/// Linear between the two nearest ranks (type 7 of Hyndman and Fan, 1996).
fn quartile(sorted: &[Nanos], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let (lo, hi) = (sorted[below].0 as f64, sorted[above].0 as f64);
    lo + (hi - lo) * (position - below as f64)
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
        assert_eq!((found.mild(), found.severe()), (found.mild_low + found.mild_high, 4));
        assert_eq!((found.severe_low, found.severe_high), (2, 2));
    }

    #[test]
    fn equal_samples_hold_no_outliers() {
        assert_eq!(outliers(&Samples::from_ns(&[7; 30]).unwrap()), Outliers::default());
    }
}
