//! The latency of a model under sustained load.
//!
//! **Invariant:** for a device that never throttles the time to throttle is absent, not long.

use serde::{Deserialize, Serialize};

use crate::stats::signed_rank::signed_rank;
use crate::verdict::contention::counted;
use crate::{Estimate, LaunchView, Nanos, Samples, StatisticError, Thresholds};

/// A window that is slower than the start by more than this factor is throttled.
const SLOWDOWN: f64 = 1.10;
/// The start's level is the median of so many windows, because a single one may be an outlier.
const START: usize = 3;

/// One of many launches that run back to back.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Start of the launch, since the start of the first window.
    pub at: Nanos,
    /// What the launch measured.
    pub launch: LaunchView,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Start of the launch, since the start of the first window.
    #[serde(rename = "at_ns")]
    pub at: Nanos,
    /// The median sample of the launch.
    #[serde(rename = "median_ns")]
    pub median: Nanos,
    /// The core part of the reference workload (sentinel); zero where it was not read.
    #[serde(rename = "sentinel_ns")]
    pub sentinel: Nanos,
}

/// The latency of a model over a long run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sustained {
    /// One point for each window, in time order.
    pub curve: Vec<CurvePoint>,
    /// The latency of those windows of the last third that count, with its 95 % interval.
    pub steady: Estimate,
    /// When latency and sentinel became more than a tenth slower than at the start and stayed so.
    #[serde(rename = "time_to_throttle_ns")]
    pub time_to_throttle: Option<Nanos>,
}

/// # Errors
/// Where the last third holds too few windows for an interval: under 16 windows in all.
pub fn sustained(windows: &[Window], thresholds: &Thresholds) -> Result<Sustained, StatisticError> {
    let point = |window: &Window| CurvePoint {
        at: window.at,
        median: window.launch.samples.median(),
        sentinel: window.launch.core().unwrap_or_default(),
    };
    let curve: Vec<CurvePoint> = windows.iter().map(point).collect();
    let last = &windows[windows.len() - windows.len().div_ceil(3)..];
    let last: Vec<LaunchView> = last.iter().map(|window| window.launch.clone()).collect();
    let last = counted(&last, thresholds);
    let medians: Vec<f64> = last.iter().map(|launch| launch.samples.median().0 as f64).collect();
    let centre = signed_rank(&medians, 0.95)?;
    let n = last.iter().map(|launch| launch.samples.n()).sum();
    let [point, lo, hi] = [centre.point, centre.lo, centre.hi].map(Nanos::from_f64);
    let steady = Estimate { point, lo, hi, n };
    let time_to_throttle = time_to_throttle(&curve)?;
    Ok(Sustained { curve, steady, time_to_throttle })
}

fn time_to_throttle(curve: &[CurvePoint]) -> Result<Option<Nanos>, StatisticError> {
    let start = &curve[..curve.len().min(START)];
    let level = |of: fn(&CurvePoint) -> Nanos| Samples::new(start.iter().map(of).collect());
    let slow = |now: Nanos, then: Nanos| now.0 as f64 > SLOWDOWN * then.0 as f64;
    let (median, sentinel) = (level(|p| p.median)?.median(), level(|p| p.sentinel)?.median());
    let throttled = |p: &&CurvePoint| slow(p.median, median) && slow(p.sentinel, sentinel);
    // From the end: the windows that stay slow.
    Ok(curve.iter().rev().take_while(throttled).last().map(|point| point.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::simulation::{Stream, quiet_launch};

    /// Windows of half a second whose level and sentinel are each `level(at)` times the usual.
    fn windows(
        count: usize,
        model: impl Fn(usize) -> f64,
        sentinel: impl Fn(usize) -> f64,
    ) -> Vec<Window> {
        let mut stream = Stream::new(4);
        (0..count)
            .map(|at| {
                let mut launch = quiet_launch(&mut stream, 5e6 * model(at), 40);
                for block in &mut launch.blocks {
                    block.sentinel.core = Nanos::from_f64(5e5 * sentinel(at));
                }
                Window { at: Nanos(at as u64 * 500_000_000), launch }
            })
            .collect()
    }

    #[test]
    fn windows_that_had_to_share_are_left_out_of_the_number() {
        let same = |_| 1.0;
        let mut shared = windows(60, same, same);
        for window in shared.iter_mut().skip(50) {
            window.launch.cpu = Nanos(window.launch.wall.0 / 2);
            window.launch.samples = Samples::from_ns(&[10_000_000; 40]).unwrap();
        }
        let found = sustained(&shared, &Thresholds::default()).unwrap();
        assert_eq!(found.steady.n, 400);
        assert!(found.steady.hi < Nanos(6_000_000), "{found:?}");
        assert_eq!(found.curve.len(), 60);
    }

    #[test]
    fn a_device_that_throttles_tells_when_and_what_is_left() {
        let hot = |at: usize| if at < 40 { 1.0 } else { 1.5 };
        let found = sustained(&windows(120, hot, hot), &Thresholds::default()).unwrap();
        assert_eq!(found.time_to_throttle, Some(Nanos(20_000_000_000)));
        assert!((found.steady.point.as_ms() - 7.5).abs() < 0.1, "{}", found.steady);
        assert_eq!(found.curve.len(), 120);
    }

    #[test]
    fn a_device_that_stays_cool_has_no_time_to_throttle() {
        let never = |_| 1.0;
        assert_eq!(
            sustained(&windows(60, never, never), &Thresholds::default()).unwrap().time_to_throttle,
            None
        );
        // A burst passes. A model that slows beside a steady sentinel does not show the device's heat.
        let burst = |at: usize| if (20..25).contains(&at) { 2.0 } else { 1.0 };
        assert_eq!(
            sustained(&windows(60, burst, burst), &Thresholds::default()).unwrap().time_to_throttle,
            None
        );
        let slow = |at: usize| 1.0 + at as f64 / 100.0;
        assert_eq!(
            sustained(&windows(60, slow, never), &Thresholds::default()).unwrap().time_to_throttle,
            None
        );
    }

    #[test]
    fn too_short_a_run_has_no_steady_state() {
        let never = |_| 1.0;
        assert!(sustained(&windows(15, never, never), &Thresholds::default()).is_err());
        assert!(sustained(&windows(16, never, never), &Thresholds::default()).is_ok());
        assert!(sustained(&[], &Thresholds::default()).is_err());
    }
}
