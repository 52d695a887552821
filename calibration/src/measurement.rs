//! Several launches pooled into one median, and the rule that ends a measurement.
//!
//! Samples of one launch share its memory layout, its page placement and the machine's mood of
//! that minute, so they are not independent: the order-statistic interval of the pooled samples
//! shrinks with every sample while the launches' levels still differ. The interval is therefore
//! the hull of two,
//!
//! 1. the order-statistic interval of all samples, and
//! 2. the pooled median ± t(k−1) · s / √k, with s the standard deviation of the k launches' medians
//!    and t the quantile of Student's distribution: the interval of a mean of k cluster medians.
//!
//! **Invariant:** the interval is never narrower than either. Two launches are the least that say
//! anything of the second, so one launch never converges.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{Estimate, LaunchView, Nanos, Samples, StatisticError, median_estimate};

/// The pooled median of all launches with its interval at `confidence`.
///
/// # Errors
/// Where there are no launches, or too few samples for an interval at that confidence.
pub fn measurement(launches: &[LaunchView], confidence: f64) -> Result<Estimate, StatisticError> {
    let estimate = median_estimate(&pooled(launches)?, confidence)?;
    let half = launch_half_width(launches, confidence);
    Ok(Estimate {
        lo: estimate.lo.min(Nanos(estimate.point.0.saturating_sub(half.0))),
        hi: estimate.hi.max(Nanos(estimate.point.0.saturating_add(half.0))),
        ..estimate
    })
}

/// Whether a measurement may stop: at least `min_launches` (and never fewer than two), and each half
/// of the interval at 95 % at most `target` of the median, such as 0.01.
///
/// Stopping on the width that is reported makes the interval a little too narrow; the launches'
/// minimum count keeps that small.
pub fn converged(launches: &[LaunchView], min_launches: usize, target: f64) -> bool {
    launches.len() >= min_launches.max(2)
        && measurement(launches, 0.95)
            .is_ok_and(|estimate| estimate.relative_half_width() <= target)
}

/// All samples, launch by launch.
pub(crate) fn pooled(launches: &[LaunchView]) -> Result<Samples, StatisticError> {
    let all = launches.iter().flat_map(|launch| launch.samples.in_time_order());
    Samples::new(all.copied().collect())
}

fn launch_half_width(launches: &[LaunchView], confidence: f64) -> Nanos {
    let k = launches.len() as f64;
    let Ok(student) = StudentsT::new(0.0, 1.0, k - 1.0) else {
        return Nanos(0);
    };
    let medians: Vec<f64> =
        launches.iter().map(|launch| launch.samples.median().0 as f64).collect();
    let mean = medians.iter().sum::<f64>() / k;
    let variance = medians.iter().map(|median| (median - mean).powi(2)).sum::<f64>() / (k - 1.0);
    Nanos::from_f64(student.inverse_cdf((1.0 + confidence) / 2.0) * (variance / k).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Stream;

    fn launch(samples: &[u64]) -> LaunchView {
        LaunchView {
            samples: Samples::from_ns(samples).unwrap(),
            cpu: Nanos(1),
            wall: Nanos(1),
            involuntary_switches: 0,
            sentinel_before: Nanos(1),
            sentinel_after: Nanos(1),
            clock_resolution: Nanos(1),
            clock_overhead: Nanos(1),
            steady: true,
            frequency_before_khz: vec![],
            frequency_after_khz: vec![],
        }
    }

    /// Launches whose levels spread by `between` and whose samples by `within`, as shares.
    fn clusters(
        stream: &mut Stream,
        k: usize,
        n: usize,
        between: f64,
        within: f64,
    ) -> Vec<LaunchView> {
        let level = |stream: &mut Stream| 1e6 * (1.0 + between * stream.normal());
        (0..k)
            .map(|_| {
                let level = level(stream);
                let samples: Vec<u64> =
                    (0..n).map(|_| (level * (1.0 + within * stream.normal())) as u64).collect();
                launch(&samples)
            })
            .collect()
    }

    #[test]
    fn the_interval_is_as_wide_as_the_formula_says() {
        // Medians 100, 110 and 120: s = 10, t(2) at 97.5 % = 4.3027, so 24.84 on each side of 110.
        let three = [100, 110, 120].map(|level| launch(&[level; 50]));
        let estimate = measurement(&three, 0.95).unwrap();
        let expected = Estimate { point: Nanos(110), lo: Nanos(85), hi: Nanos(135), n: 150 };
        assert_eq!(estimate, expected);
    }

    #[test]
    fn launches_that_agree_leave_the_order_statistics_interval() {
        let samples: Vec<u64> = (1000..1100).collect();
        let equal = [launch(&samples), launch(&samples)];
        let pool = median_estimate(&pooled(&equal).unwrap(), 0.95).unwrap();
        assert_eq!(measurement(&equal, 0.95), Ok(pool));
    }

    #[test]
    fn the_interval_covers_the_level_although_launches_differ() {
        let mut stream = Stream::new(11);
        let trials = 1000;
        let (mut pool_covers, mut hull_covers) = (0, 0);
        for _ in 0..trials {
            let launches = clusters(&mut stream, 5, 200, 0.01, 0.01);
            let covers = |estimate: Estimate| {
                usize::from(estimate.lo.0 <= 1_000_000 && 1_000_000 <= estimate.hi.0)
            };
            pool_covers += covers(median_estimate(&pooled(&launches).unwrap(), 0.95).unwrap());
            hull_covers += covers(measurement(&launches, 0.95).unwrap());
        }
        let share = |covers: usize| covers as f64 / f64::from(trials);
        assert!(share(hull_covers) > 0.93, "{}", share(hull_covers));
        // What the second interval is there for.
        assert!(share(pool_covers) < 0.5, "{}", share(pool_covers));
    }

    #[test]
    fn a_measurement_stops_once_it_is_narrow_and_has_its_launches() {
        let narrow = clusters(&mut Stream::new(5), 5, 300, 0.001, 0.005);
        let wide = clusters(&mut Stream::new(5), 5, 300, 0.03, 0.005);
        assert!(converged(&narrow, 5, 0.01));
        assert!(!converged(&narrow, 6, 0.01));
        assert!(!converged(&narrow, 5, 0.000_1));
        assert!(!converged(&wide, 3, 0.01));
        assert!(!converged(&narrow[..1], 1, 1.0));
        assert!(!converged(&[], 0, 1.0));
    }
}
