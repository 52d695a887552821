//! Which launches had the processor to themselves.
//!
//! Somebody else on the same core takes time from a launch while he is there and no longer. So a
//! launch is the unit that is spoilt: it keeps its samples and its label, and others tell the number.
//!
//! **Invariant:** a label hangs on the share of time that a launch got, never on how fast it was:
//! leaving out what is slow would make every number too good.

use crate::measurement::LEAST_LAUNCHES;
use crate::{LaunchView, Thresholds};

/// Whether each launch had to share the processor.
///
/// Of several threads the one that samples also waits for the others; its share is held against the
/// best of the same measurement instead of against all of the time.
pub fn contended(launches: &[LaunchView], thresholds: &Thresholds) -> Vec<bool> {
    let best = launches.iter().map(LaunchView::cpu_share).fold(0.0, f64::max);
    let wanted = |launch: &LaunchView| {
        let full = if launch.threads > 1 { best } else { 1.0 };
        thresholds.least_cpu_share * full
    };
    launches.iter().map(|launch| launch.cpu_share() < wanted(launch)).collect()
}

/// The launches that were not contended.
pub fn clean(launches: &[LaunchView], thresholds: &Thresholds) -> Vec<LaunchView> {
    let spoilt = contended(launches, thresholds);
    let kept = launches.iter().zip(spoilt).filter(|(_, spoilt)| !spoilt);
    kept.map(|(launch, _)| launch.clone()).collect()
}

/// The launches that the number comes from: the clean ones, or all where the clean ones are too few
/// to tell an interval.
pub fn counted(launches: &[LaunchView], thresholds: &Thresholds) -> Vec<LaunchView> {
    let clean = clean(launches, thresholds);
    if clean.len() < LEAST_LAUNCHES { launches.to_vec() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nanos;
    use crate::simulation::{Stream, quiet_launch};

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
    fn a_thread_that_waits_for_others_is_held_against_its_own_best() {
        let pool = launches(&[0.40, 0.41, 0.40, 0.25], 4);
        let rule = Thresholds::default();
        assert_eq!(contended(&pool, &rule), [false, false, false, true]);
        assert!(contended(&[], &rule).is_empty());
    }
}
