//! Several launches pooled into one latency, and whether its interval is narrow enough to stop.
//!
//! Samples of one launch share its memory layout, its page placement and the machine's state of
//! that minute, so they are not independent: the order-statistic interval of the pooled samples
//! shrinks with every sample while the launches' levels still differ. The estimate is therefore the
//! centre of the launches' medians with its interval, by signed ranks. A single outlier among a dozen
//! launches moves it by little.
//!
//! A rule that stops on the reported width favours sessions whose launches agree by chance: their
//! intervals are too narrow. So the rule checks the width at a few numbers of launches only (*looks*), and
//! at a confidence a little higher than the reported one. The simulation in the tests shows the error
//! that remains.
//!
//! **Invariant:** fewer than six launches give no 95 % interval of their spread, and never converge. The
//! point is the centre that the interval belongs to.

use crate::stats::signed_rank::signed_rank;
use crate::{
    Estimate, LaunchView, Nanos, Samples, Sentinel, StatisticError, compensated, median_estimate,
};

/// Least number of launches: with fewer, no 95 % interval is distribution-free.
pub const LEAST_LAUNCHES: usize = 6;
/// Confidence of the interval that has to be narrow enough; six launches reach it.
const STOPPING_CONFIDENCE: f64 = 0.968;

/// The raw latency: the centre of the launches' medians with its interval at `confidence`. Where the
/// launches are too few for that: the median of all samples and the range of the medians.
///
/// # Errors
/// Where there are no launches, or too few samples for an interval at that confidence.
pub fn measurement(launches: &[LaunchView], confidence: f64) -> Result<Estimate, StatisticError> {
    let pool = pooled(launches)?;
    let medians = medians(launches);
    let [lo, point, hi] = match signed_rank(&medians, confidence) {
        Ok(centre) => [centre.lo, centre.point, centre.hi].map(Nanos::from_f64),
        Err(StatisticError::TooFew { .. }) => {
            let order = median_estimate(&pool, confidence)?;
            let all = medians.iter().map(|median| Nanos::from_f64(*median));
            let all = all.chain([order.lo, order.hi]);
            let (lo, hi) =
                all.fold((order.lo, order.hi), |(lo, hi), median| (lo.min(median), hi.max(median)));
            [lo, pool.median(), hi]
        }
        Err(error) => return Err(error),
    };
    Ok(Estimate { point, lo, hi, n: pool.n() })
}

/// The compensated latency where the sentinel was read and its usual speed is known, else the raw one.
///
/// # Errors
/// As [`measurement`].
pub fn latency(
    launches: &[LaunchView],
    usual: Option<Sentinel>,
    confidence: f64,
) -> Result<Estimate, StatisticError> {
    let compensated = usual.and_then(|usual| compensated(launches, usual, confidence).ok());
    compensated.map_or_else(|| measurement(launches, confidence), |found| Ok(found.latency))
}

/// Whether a measurement may stop: at least `min_launches` (and never fewer than six), a number of
/// launches at which a look is due, and each half of the interval at most `target` of the latency,
/// such as 0.01.
pub fn converged(
    launches: &[LaunchView],
    usual: Option<Sentinel>,
    min_launches: usize,
    target: f64,
) -> bool {
    is_look(launches.len(), min_launches.max(LEAST_LAUNCHES))
        && half_width(launches, usual).is_some_and(|width| width <= target)
}

/// The half width of the interval as a share of its centre; `None` for too few launches.
pub(crate) fn half_width(launches: &[LaunchView], usual: Option<Sentinel>) -> Option<f64> {
    let told = launches.len() >= LEAST_LAUNCHES;
    let estimate = told.then(|| latency(launches, usual, STOPPING_CONFIDENCE).ok()).flatten()?;
    Some(estimate.relative_half_width())
}

/// Whether a look is due: the first one at `least` launches, each later one after a third more.
fn is_look(launches: usize, least: usize) -> bool {
    let mut look = least;
    while look < launches {
        look += (look / 3).max(1);
    }
    look == launches
}

/// The median of each launch, in nanoseconds.
pub(crate) fn medians(launches: &[LaunchView]) -> Vec<f64> {
    launches.iter().map(|launch| launch.samples.median().0 as f64).collect()
}

/// All samples, launch by launch.
pub(crate) fn pooled(launches: &[LaunchView]) -> Result<Samples, StatisticError> {
    let all = launches.iter().flat_map(|launch| launch.samples.in_time_order());
    Samples::new(all.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::simulation::{Stream, quiet_launch};

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
        // The 21 means of pairs, sorted; the eleventh is the point.
        let expected = Estimate { point: Nanos(108), lo: Nanos(100), hi: Nanos(132), n: 300 };
        assert_eq!(estimate, expected);
        // A single outlier among a dozen launches widens nothing.
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
        assert!(converged(&narrow, None, 1, 0.01));
        assert!(converged(&narrow[..6], None, 6, 0.01));
        assert!(!converged(&narrow[..5], None, 1, 0.01));
        assert!(!converged(&narrow, None, 9, 0.01));
        assert!(!converged(&narrow, None, 6, 0.000_1));
        assert!(!converged(&wide, None, 6, 0.01));
        assert!(!converged(&[], None, 0, 1.0));
        let looks: Vec<_> = (0..40).filter(|&at| is_look(at, 6)).collect();
        assert_eq!(looks, [6, 8, 10, 13, 17, 22, 29, 38]);
    }

    fn centre_of_many(stream: &mut Stream) -> Nanos {
        let levels = medians(&launches(stream, 4000, 0.0));
        Nanos::from_f64(levels.iter().sum::<f64>() / levels.len() as f64)
    }

    /// Sessions as they are run: launch after launch until the rule says stop, or 40.
    #[test]
    fn the_interval_of_a_session_that_stopped_by_itself_covers_the_long_run_median() {
        // What a launch's level is in the long run: quiet launches are skewed.
        let mut long = Stream::new(77);
        let truth = centre_of_many(&mut long);
        for (between, target) in [(0.003, 0.01), (0.01, 0.01), (0.02, 0.01), (0.02, 0.03)] {
            let mut stream = Stream::new(11);
            let sessions = 1500;
            let (mut covered, mut taken) = (0, 0);
            for _ in 0..sessions {
                let mut session = launches(&mut stream, LEAST_LAUNCHES, between);
                while session.len() < 40 && !converged(&session, None, 6, target) {
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
