//! The distribution-free interval of the median.
//!
//! The number of samples below the true median is binomial with n trials of probability 1/2,
//! whatever the samples' distribution, so two order statistics bound the median with a confidence
//! that is a sum of binomial terms (David and Nagaraja, *Order Statistics*, 3rd ed., section 7.1).
//!
//! **Invariant:** the samples are assumed to be independent; nothing else is assumed of them. Samples of
//! one launch are not independent: [`crate::verdict::pooled_latency`] deals with that.

use statrs::function::factorial::ln_binomial;

use crate::stats::samples::median_of_sorted;
use crate::{Estimate, Samples, StatisticError};

/// The median with its interval at `confidence`, such as 0.95.
///
/// # Errors
/// Where the samples are too few for any interval at that confidence (under 6 for 0.95).
pub fn median_estimate(samples: &Samples, confidence: f64) -> Result<Estimate, StatisticError> {
    let sorted = samples.sorted();
    let (lo, hi) = interval_ranks(sorted.len(), confidence)?;
    Ok(Estimate {
        point: median_of_sorted(&sorted),
        lo: sorted[lo - 1],
        hi: sorted[hi - 1],
        n: sorted.len(),
    })
}

/// The ranks, counted from 1, of the order statistics that bound the median of `n` samples: the
/// narrowest symmetric pair whose confidence is at least the one asked for.
///
/// # Errors
/// Where even the smallest and the largest sample do not reach that confidence.
pub fn interval_ranks(n: usize, confidence: f64) -> Result<(usize, usize), StatisticError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatisticError::Confidence(confidence));
    }
    let tail = (1.0 - confidence) / 2.0;
    // The pair (l, n + 1 - l) misses the median where fewer than l samples lie on one side of it.
    // Terms more than 20 standard deviations out are below 1e-80.
    let mut below = n / 2;
    below -= below.min((10.0 * (n as f64).sqrt()) as usize);
    let mut term = (ln_binomial(n as u64, below as u64) - n as f64 * std::f64::consts::LN_2).exp();
    let mut missed = term;
    let mut lo = 0;
    while missed <= tail && below < n {
        lo = below + 1;
        term *= (n - below) as f64 / (below + 1) as f64;
        below += 1;
        missed += term;
    }
    if lo == 0 {
        let needed = (-tail.log2()).ceil().max(2.0) as usize;
        let name = format!("an interval of the median at a confidence of {confidence}");
        return Err(StatisticError::TooFew { name, needed, n });
    }
    Ok((lo, n + 1 - lo))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nanos;
    use crate::verdict::simulation::{Distribution, Stream};

    /// The confidence of the pair by adding up whole numbers of subsets.
    fn brute_force_confidence(n: u32, lo: u32, hi: u32) -> f64 {
        let choose = |k: u32| (1..=k).fold(1u128, |c, i| c * u128::from(n - k + i) / u128::from(i));
        let inside: u128 = (lo..hi).map(choose).sum();
        inside as f64 / 2f64.powi(n as i32)
    }

    #[test]
    fn the_ranks_are_the_narrowest_that_reach_the_confidence() {
        for n in 1..=40u32 {
            for confidence in [0.5, 0.9, 0.95, 0.99] {
                let widest = brute_force_confidence(n, 1, n);
                match interval_ranks(n as usize, confidence) {
                    Err(StatisticError::TooFew { needed, .. }) => {
                        assert!(widest < confidence, "n {n}, confidence {confidence}");
                        let enough = needed as u32;
                        assert!(brute_force_confidence(enough, 1, enough) >= confidence);
                        assert!(brute_force_confidence(enough - 1, 1, enough - 1) < confidence);
                    }
                    Err(other) => panic!("{other}"),
                    Ok((lo, hi)) => {
                        let (lo, hi) = (lo as u32, hi as u32);
                        assert_eq!(lo + hi, n + 1);
                        assert!(brute_force_confidence(n, lo, hi) >= confidence - 1e-12);
                        if lo + 1 < hi - 1 {
                            let narrower = brute_force_confidence(n, lo + 1, hi - 1);
                            assert!(narrower < confidence, "n {n}, confidence {confidence}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn published_ranks_are_met() {
        // Conover, Practical Nonparametric Statistics, table A3.
        assert_eq!(interval_ranks(6, 0.95), Ok((1, 6)));
        assert_eq!(interval_ranks(20, 0.95), Ok((6, 15)));
        assert!(interval_ranks(5, 0.95).is_err());
    }

    #[test]
    fn a_million_samples_get_the_ranks_of_the_normal_approximation() {
        let (lo, hi) = interval_ranks(1_000_000, 0.95).unwrap();
        assert_eq!(lo + hi, 1_000_001);
        let expected = 500_000 - 980;
        assert!(lo.abs_diff(expected) <= 2, "{lo} instead of {expected}");
    }

    #[test]
    fn a_confidence_outside_of_zero_to_one_is_refused() {
        for confidence in [0.0, 1.0, -1.0, 2.0, f64::NAN] {
            assert!(matches!(interval_ranks(50, confidence), Err(StatisticError::Confidence(_))));
        }
    }

    #[test]
    fn the_interval_covers_the_true_median_as_often_as_it_says() {
        for distribution in
            [Distribution::Exponential, Distribution::LogNormal, Distribution::Pareto]
        {
            for n in [20, 51, 200] {
                let mut stream = Stream::new(7 + n as u64);
                let trials = 4000;
                let covered = (0..trials)
                    .filter(|_| {
                        let drawn = (0..n).map(|_| stream.draw(distribution)).collect();
                        let estimate =
                            median_estimate(&Samples::new(drawn).unwrap(), 0.95).unwrap();
                        let truth = Nanos::from_f64(distribution.median());
                        estimate.lo <= truth && truth <= estimate.hi
                    })
                    .count();
                let share = covered as f64 / f64::from(trials);
                assert!((0.93..0.98).contains(&share), "{distribution:?}, n {n}: {share}");
            }
        }
    }
}
