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
pub fn measurement(
    launches: &[LaunchView],
    confidence: f64,
) -> Result<Estimate, StatisticError> {
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
    let Ok(student) = StudentsT::new(0.0, 1.0, k - 1.0) else { return Nanos(0) };
    let medians: Vec<f64> =
        launches.iter().map(|launch| launch.samples.median().0 as f64).collect();
    let mean = medians.iter().sum::<f64>() / k;
    let variance = medians.iter().map(|median| (median - mean).powi(2)).sum::<f64>() / (k - 1.0);
    Nanos::from_f64(student.inverse_cdf((1.0 + confidence) / 2.0) * (variance / k).sqrt())
}
