//! Several launches pooled into one median, and the rule that ends a measurement.
//!
//! Samples of one launch share its memory layout, its page placement and the machine's mood of
//! that minute, so they are not independent: the order-statistic interval of the pooled samples
//! shrinks with every sample while the launches' levels still differ. The interval is therefore one of
//! the centre of the launches' medians, by signed ranks, which a single odd launch among a dozen does not widen.
//! The point is the median of all samples; where it lies beside that interval, it is taken in.
//!
//! Stopping on the width that is reported favours sessions whose launches agree by chance, whose
//! intervals are too narrow. So the rule looks at the width now and then only, and at a confidence
//! a little higher than the one that is reported; the simulation below shows what is left.
//!
//! **Invariant:** fewer than six launches tell no interval of their spread at 95 %, and never
//! converge.

use crate::signed_rank::signed_rank;
use crate::{Estimate, LaunchView, Nanos, Samples, StatisticError, median_estimate};

/// With fewer no interval at 95 % is distribution-free.
pub const LEAST_LAUNCHES: usize = 6;
/// Of the interval that has to be narrow enough; six launches reach it.
const STOPPING_CONFIDENCE: f64 = 0.968;

/// The pooled median of the launches with its interval at `confidence`.
///
/// # Errors
/// Where there are no launches, or too few samples for an interval at that confidence.
pub fn measurement(launches: &[LaunchView], confidence: f64) -> Result<Estimate, StatisticError> {
    let medians: Vec<_> = launches.iter().map(|launch| launch.samples.median()).collect();
    let pool = pooled(launches)?;
    let of_launches = medians.iter().map(|median| median.0 as f64).collect::<Vec<_>>();
    let (lo, hi) = match signed_rank(&of_launches, confidence) {
        Ok(centre) => (Nanos::from_f64(centre.lo), Nanos::from_f64(centre.hi)),
        Err(StatisticError::TooFew { .. }) => {
            let order = median_estimate(&pool, confidence)?;
            let all = medians.iter().copied().chain([order.lo, order.hi]);
            all.fold((order.lo, order.hi), |(lo, hi), median| (lo.min(median), hi.max(median)))
        }
        Err(error) => return Err(error),
    };
    let point = pool.median();
    Ok(Estimate { point, lo: lo.min(point), hi: hi.max(point), n: pool.n() })
}

/// Whether a measurement may stop: at least `min_launches` (and never fewer than six), a number of
/// launches at which the rule looks, and each half of the interval at most `target` of the median,
/// such as 0.01.
pub fn converged(launches: &[LaunchView], min_launches: usize, target: f64) -> bool {
    let least = min_launches.max(LEAST_LAUNCHES);
    // The launches' medians say quickly where there is no need to pool.
    let near = || half_width_of_launches(launches).is_some_and(|width| width <= target);
    is_look(launches.len(), least)
        && near()
        && measurement(launches, STOPPING_CONFIDENCE)
            .is_ok_and(|estimate| estimate.relative_half_width() <= target)
}

/// The half width of the launches' interval as a share of its centre; none of too few launches.
pub(crate) fn half_width_of_launches(launches: &[LaunchView]) -> Option<f64> {
    let medians: Vec<_> = launches.iter().map(|launch| launch.samples.median().0 as f64).collect();
    let centre = signed_rank(&medians, STOPPING_CONFIDENCE).ok()?;
    (centre.point > 0.0).then(|| (centre.hi - centre.lo) / 2.0 / centre.point)
}

/// From `least` on, each look a quarter later than the one before.
fn is_look(launches: usize, least: usize) -> bool {
    let mut look = least;
    while look < launches {
        look += (look / 4).max(1);
    }
    look == launches
}

/// All samples, launch by launch.
pub(crate) fn pooled(launches: &[LaunchView]) -> Result<Samples, StatisticError> {
    let all = launches.iter().flat_map(|launch| launch.samples.in_time_order());
    Samples::new(all.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Stream, quiet_launch};

    fn launches(stream: &mut Stream, count: usize, between: f64) -> Vec<LaunchView> {
        (0..count).map(|_| launch(stream, between)).collect()
    }

    /// Around 5 ms, with levels that spread by `between`, as a share.
    fn launch(stream: &mut Stream, between: f64) -> LaunchView {
        let level = 5e6 * (1.0 + between * stream.normal());
        quiet_launch(stream, level, 21)
    }

    fn exactly(levels: &[u64]) -> Vec<LaunchView> {
        let mut launches = launches(&mut Stream::new(1), levels.len(), 0.0);
        for (launch, level) in launches.iter_mut().zip(levels) {
            launch.samples = Samples::from_ns(&[*level; 50]).unwrap();
        }
        launches
    }

    #[test]
    fn the_interval_is_that_of_the_launches_medians() {
        let six = exactly(&[100, 102, 104, 108, 116, 132]);
        let estimate = measurement(&six, 0.95).unwrap();
        let expected = Estimate { point: Nanos(106), lo: Nanos(100), hi: Nanos(132), n: 300 };
        assert_eq!(estimate, expected);
        // A single odd launch among a dozen widens nothing.
        let dozen = exactly(&[100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 900]);
        let estimate = measurement(&dozen, 0.95).unwrap();
        assert!(estimate.lo >= Nanos(101) && estimate.hi <= Nanos(110), "{estimate}");
    }

    #[test]
    fn few_launches_give_their_range_and_no_launch_an_error() {
        let three = exactly(&[100, 110, 120]);
        let expected = Estimate { point: Nanos(110), lo: Nanos(100), hi: Nanos(120), n: 150 };
        assert_eq!(measurement(&three, 0.95), Ok(expected));
        assert_eq!(measurement(&[], 0.95), Err(StatisticError::Empty));
        assert!(measurement(&three, 1.5).is_err());
    }

    #[test]
    fn a_measurement_stops_once_it_is_narrow_and_has_its_launches() {
        let narrow = launches(&mut Stream::new(5), 8, 0.001);
        let wide = launches(&mut Stream::new(5), 8, 0.03);
        assert!(converged(&narrow, 1, 0.01));
        assert!(converged(&narrow[..6], 6, 0.01));
        assert!(!converged(&narrow[..5], 1, 0.01));
        assert!(!converged(&narrow, 9, 0.01));
        assert!(!converged(&narrow, 6, 0.000_1));
        assert!(!converged(&wide, 6, 0.01));
        assert!(!converged(&[], 0, 1.0));
        let looks: Vec<_> = (0..40).filter(|&at| is_look(at, 6)).collect();
        assert_eq!(looks, [6, 7, 8, 10, 12, 15, 18, 22, 27, 33]);
    }

    /// Sessions as they are run: launch after launch until the rule says stop, or 40.
    #[test]
    fn the_interval_of_a_session_that_stopped_by_itself_covers_the_long_run_median() {
        // What a launch's level is in the long run: quiet launches are skewed.
        let mut long = Stream::new(77);
        let truth = pooled(&launches(&mut long, 4000, 0.0)).unwrap().median();
        for (between, target) in [(0.003, 0.01), (0.01, 0.01), (0.02, 0.01), (0.02, 0.03)] {
            let mut stream = Stream::new(11);
            let sessions = 1500;
            let (mut covered, mut taken) = (0, 0);
            for _ in 0..sessions {
                let mut session = launches(&mut stream, LEAST_LAUNCHES, between);
                while session.len() < 40 && !converged(&session, 6, target) {
                    session.push(launch(&mut stream, between));
                }
                let estimate = measurement(&session, 0.95).unwrap();
                covered += usize::from(estimate.lo <= truth && truth <= estimate.hi);
                taken += session.len();
            }
            let share = covered as f64 / f64::from(sessions);
            let mean = taken as f64 / f64::from(sessions);
            assert!(
                (0.93..=0.97).contains(&share),
                "spread {between}, target {target}: covers {share} after {mean} launches"
            );
        }
    }
}
