//! Selects the launches, and the samples of contended launches, that no other process disturbed.
//!
//! Another process on the core slows a launch only while it runs. Such a launch is labelled contended and
//! left out of the estimate, unless enough of its samples were undisturbed; then only those samples count.
//!
//! **Invariant:** a label depends on the share of processor time that a launch or a sample got, never on
//! its latency: leaving out slow launches would make every estimate too low.

use crate::verdict::pooled_latency::LEAST_LAUNCHES;
use crate::{Block, LaunchView, Nanos, Samples, Thresholds};

/// Least number of undisturbed samples. With fewer, the median depends on where in the launch they lie.
const LEAST_SAMPLES: usize = 20;

/// Whether each launch was contended, that is, shared the processor with another process.
///
/// With several threads the sampling thread also waits for the other threads. Its share of the time is
/// then compared with the best share of the same measurement instead of with 1.
pub fn contended(launches: &[LaunchView], thresholds: &Thresholds) -> Vec<bool> {
    let best = launches.iter().map(LaunchView::cpu_share).fold(0.0, f64::max);
    let wanted = |launch: &LaunchView| {
        let full = if launch.threads > 1 { best } else { 1.0 };
        thresholds.least_cpu_share * full
    };
    launches.iter().map(|launch| launch.cpu_share() < wanted(launch)).collect()
}

/// The launches that were not contended, and the undisturbed samples of those that were.
pub fn clean(launches: &[LaunchView], thresholds: &Thresholds) -> Vec<LaunchView> {
    let kept = |(launch, shared): (&LaunchView, bool)| {
        if shared { rescued(launch, thresholds) } else { Some(launch.clone()) }
    };
    launches.iter().zip(contended(launches, thresholds)).filter_map(kept).collect()
}

/// Whether the last launch was contended and has too few undisturbed samples to count.
pub(crate) fn last_is_lost(launches: &[LaunchView], thresholds: &Thresholds) -> bool {
    let shared = contended(launches, thresholds).last() == Some(&true);
    shared && launches.last().is_some_and(|launch| rescued(launch, thresholds).is_none())
}

/// A contended launch with its undisturbed samples only; `None` where they are too few.
///
/// With several threads the sampling thread waits for the other threads, in each sample for another time.
/// Disturbed samples cannot be recognised then.
fn rescued(launch: &LaunchView, thresholds: &Thresholds) -> Option<LaunchView> {
    let all = launch.samples.in_time_order();
    if launch.threads > 1 || launch.sample_cpu.len() != all.len() {
        return None;
    }
    let whole =
        |at: usize| launch.sample_cpu[at].0 as f64 >= thresholds.least_cpu_share * all[at].0 as f64;
    let samples: Vec<Nanos> = (0..all.len()).filter(|at| whole(*at)).map(|at| all[at]).collect();
    if samples.len() < LEAST_SAMPLES {
        return None;
    }
    let mut first = 0;
    let left = |block: &Block| {
        let of_block = first..(first + block.samples).min(all.len());
        first = of_block.end;
        Block { samples: of_block.filter(|at| whole(*at)).count(), ..*block }
    };
    let blocks = launch.blocks.iter().map(left).collect();
    let samples = Samples::new(samples).ok()?;
    Some(LaunchView { samples, sample_cpu: Vec::new(), blocks, ..launch.clone() })
}

/// The launches that the latency is estimated from: the clean ones, or all launches where the clean ones
/// are too few for an interval.
pub fn counted(launches: &[LaunchView], thresholds: &Thresholds) -> Vec<LaunchView> {
    let clean = clean(launches, thresholds);
    if clean.len() < LEAST_LAUNCHES { launches.to_vec() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nanos;
    use crate::verdict::simulation::{Stream, quiet_launch};

    fn launches(shares: &[f64], threads: usize) -> Vec<LaunchView> {
        let mut stream = Stream::new(1);
        let launch = |share: &f64| {
            let mut launch = quiet_launch(&mut stream, 5e6, 40);
            launch.cpu = Nanos::from_f64(launch.wall.0 as f64 * share);
            launch.threads = threads;
            launch
        };
        shares.iter().map(launch).collect()
    }

    #[test]
    fn a_launch_that_had_to_share_is_labelled_and_left_out() {
        let mixed = launches(&[0.99, 0.5, 0.99, 0.97, 0.94, 0.99, 1.0, 0.99], 1);
        let rule = Thresholds::default();
        let labels = [false, true, false, false, true, false, false, false];
        assert_eq!(contended(&mixed, &rule), labels);
        assert_eq!((clean(&mixed, &rule).len(), counted(&mixed, &rule).len()), (6, 6));
        assert_eq!(counted(&mixed[..7], &rule).len(), 7);
    }

    #[test]
    fn samples_that_had_the_processor_whole_speak_for_a_launch_that_had_not() {
        let rule = Thresholds::default();
        let mut shared = launches(&[0.7], 1);
        let taken = shared[0].samples.in_time_order().to_vec();
        let slow = |at: usize| if at.is_multiple_of(2) { 2 } else { 1 };
        let samples = taken.iter().enumerate().map(|(at, ns)| Nanos(ns.0 * slow(at))).collect();
        shared[0].samples = Samples::new(samples).unwrap();
        assert!(clean(&shared, &rule).is_empty(), "without their CPU times nothing is known");
        shared[0].sample_cpu = taken.clone();
        let rescued = clean(&shared, &rule);
        let odd: Vec<Nanos> = taken.iter().skip(1).step_by(2).copied().collect();
        assert_eq!(rescued[0].samples.in_time_order(), odd);
        assert_eq!(contended(&shared, &rule), [true]);
        assert!(!last_is_lost(&shared, &rule));
        shared[0].sample_cpu[1] = Nanos(0);
        assert!(last_is_lost(&shared, &rule));
        assert!(clean(&shared, &rule).is_empty(), "19 are too few");
    }

    #[test]
    fn a_thread_that_waits_for_others_is_held_against_its_own_best() {
        let pool = launches(&[0.40, 0.41, 0.40, 0.25], 4);
        let rule = Thresholds::default();
        assert_eq!(contended(&pool, &rule), [false, false, false, true]);
        assert!(contended(&[], &rule).is_empty());
    }
}
