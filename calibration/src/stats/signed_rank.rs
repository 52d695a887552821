//! The centre of a symmetric distribution, by signed ranks.
//!
//! The point is the median of all pairwise means (Hodges and Lehmann, *Estimates of location based on
//! rank tests*, 1963). The interval is cut from the same means by the distribution of Wilcoxon's
//! signed-rank statistic, counted exactly (Hollander, Wolfe and Chicken, *Nonparametric Statistical
//! Methods*, 3rd ed., sections 3.2 and 3.4). One outlier among a dozen numbers moves neither of them by
//! much, but it moves the mean and Student's interval. Under a normal distribution the interval is only a
//! fortieth wider than Student's.
//!
//! **Invariant:** nothing is assumed of the distribution but its symmetry. Too few numbers for the
//! confidence are an error.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::StatisticError;

/// Above this many numbers the normal approximation is used. For 200 numbers and a tail of 0.00125 it
/// differs from the counted rank by 12 of 20100.
const MOST_COUNTED: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Centre {
    pub(crate) point: f64,
    pub(crate) lo: f64,
    pub(crate) hi: f64,
}

/// The centre of `values` with its interval at `confidence`, such as 0.95.
///
/// # Errors
/// Where there are too few for any interval at that confidence (under 6 for 0.95).
pub(crate) fn signed_rank(values: &[f64], confidence: f64) -> Result<Centre, StatisticError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatisticError::Confidence(confidence));
    }
    let n = values.len();
    let tail = (1.0 - confidence) / 2.0;
    let Some(rank) = rank(n, tail) else {
        let needed = (-tail.log2()).ceil() as usize;
        let name = format!("an interval of the centre at a confidence of {confidence}");
        return Err(StatisticError::TooFew { name, needed, n });
    };
    let mut means: Vec<f64> =
        (0..n).flat_map(|i| (i..n).map(move |j| f64::midpoint(values[i], values[j]))).collect();
    means.sort_unstable_by(f64::total_cmp);
    let (middle, last) = (means.len() / 2, means.len() - 1);
    let point = f64::midpoint(means[last / 2], means[middle]);
    Ok(Centre { point, lo: means[rank - 1], hi: means[means.len() - rank] })
}

/// The largest rank, counted from 1, below which the statistic lies with a probability of at most
/// `tail`; `None` where even the first rank is too likely.
fn rank(n: usize, tail: f64) -> Option<usize> {
    let rank = if n <= MOST_COUNTED { counted_rank(n, tail) } else { normal_rank(n, tail) };
    (rank > 0).then_some(rank)
}

fn counted_rank(n: usize, tail: f64) -> usize {
    // The probability of each sum of a random subset of the ranks 1 to n, up to the middle.
    let mut of_sum = vec![0.0; n * (n + 1) / 4 + 1];
    of_sum[0] = 1.0;
    for rank in 1..=n {
        for sum in (0..of_sum.len()).rev() {
            let with = if sum >= rank { of_sum[sum - rank] } else { 0.0 };
            of_sum[sum] = f64::midpoint(of_sum[sum], with);
        }
    }
    let mut below = 0.0;
    let rare = |probability: &&f64| {
        below += **probability;
        below <= tail
    };
    of_sum.iter().take_while(rare).count()
}

fn normal_rank(n: usize, tail: f64) -> usize {
    let n = n as f64;
    let mean = n * (n + 1.0) / 4.0;
    let deviation = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    let standard = Normal::standard();
    (mean + 0.5 + standard.inverse_cdf(tail) * deviation).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::simulation::Stream;

    #[test]
    fn published_ranks_are_met() {
        // Hollander, Wolfe and Chicken, table A.4: the upper points of 2.5 %.
        for (n, upper) in [(6, 21), (7, 26), (10, 47), (15, 95)] {
            let total = n * (n + 1) / 2;
            assert_eq!(rank(n, 0.025), Some(total + 1 - upper), "n = {n}");
        }
        assert_eq!(rank(5, 0.025), None);
        assert_eq!(rank(9, 0.00125), None);
        assert_eq!(rank(10, 0.00125), Some(1));
    }

    #[test]
    fn the_normal_approximation_continues_the_counted_ranks() {
        for tail in [0.025, 0.005, 0.00125] {
            let (counted, normal) = (counted_rank(200, tail), normal_rank(200, tail));
            assert!(counted.abs_diff(normal) <= 25, "{tail}: {counted} and {normal} of 20100");
        }
    }

    #[test]
    fn a_small_sample_is_worked_out_by_hand() {
        let centre = signed_rank(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 0.95).unwrap();
        // The 21 means, sorted: … 6, 8, 8.5, 9, 10 …; the eleventh is the point.
        assert_eq!(centre, Centre { point: 8.5, lo: 1.0, hi: 32.0 });
        let error = signed_rank(&[1.0; 5], 0.95).unwrap_err();
        assert!(error.to_string().contains("at least 6 samples, there are 5"), "{error}");
        assert!(signed_rank(&[1.0; 9], f64::NAN).is_err());
    }

    #[test]
    fn one_odd_number_moves_the_centre_by_little() {
        let mut values: Vec<f64> = (0..20).map(|at| 100.0 + f64::from(at) / 10.0).collect();
        let before = signed_rank(&values, 0.95).unwrap();
        values[7] = 1e9;
        let after = signed_rank(&values, 0.95).unwrap();
        assert!((after.point - before.point).abs() < 0.15, "{before:?} {after:?}");
        assert!(after.hi - after.lo < 1.5 * (before.hi - before.lo), "{before:?} {after:?}");
    }

    #[test]
    fn the_interval_covers_the_centre_as_often_as_it_says() {
        for (n, confidence) in [(6, 0.95), (12, 0.95), (30, 0.95), (12, 0.99), (250, 0.95)] {
            let mut stream = Stream::new(n as u64);
            let trials = 3000;
            let covered = (0..trials)
                .filter(|_| {
                    let values: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
                    let centre = signed_rank(&values, confidence).unwrap();
                    centre.lo <= 0.0 && 0.0 <= centre.hi
                })
                .count();
            let share = covered as f64 / f64::from(trials);
            assert!((confidence - 0.012..1.0).contains(&share), "n {n}, {confidence}: {share}");
        }
    }
}
