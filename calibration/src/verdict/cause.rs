//! Why some launches were slower than others, by the cycles that their inferences took.
//!
//! Processor time is cycles over clock rate. Where it grew and the cycles did not, the clock rate fell. Where
//! the cycles grew as well, others cost them: through the caches, the memory, or the core's other hardware
//! thread. What other processes on the core itself take is no processor time of the launch.
//!
//! **Invariant:** nothing is told unless every launch tells its cycles.

use crate::LaunchView;
use crate::verdict::pooled_latency::LEAST_LAUNCHES;

/// Least growth of the processor time from the fastest to the slowest third of the launches.
const LEAST_GROWTH: f64 = 0.05;
/// A cause of at least this share of the growth is the only one that is named.
const NEARLY_ALL: f64 = 0.75;

/// One clause, or nothing where the launches were alike.
pub(crate) fn cause(launches: &[LaunchView]) -> Option<String> {
    let per_inference = |launch: &LaunchView| {
        let inferences = launch.samples.n() as f64;
        Some((launch.cpu.0 as f64 / inferences, launch.cycles? as f64 / inferences))
    };
    let mut each: Vec<(f64, f64)> = launches.iter().map(per_inference).collect::<Option<_>>()?;
    if each.len() < LEAST_LAUNCHES {
        return None;
    }
    each.sort_by(|one, other| one.0.total_cmp(&other.0));
    let third = each.len() / 3;
    let (fast, slow) = (&each[..third], &each[each.len() - third..]);
    let mean = |of: &[(f64, f64)], part: fn(&(f64, f64)) -> f64| {
        of.iter().map(part).sum::<f64>() / of.len() as f64
    };
    let growth = |part: fn(&(f64, f64)) -> f64| mean(slow, part) / mean(fast, part) - 1.0;
    let (time, cycles) = (growth(|each| each.0), growth(|each| each.1));
    if !time.is_finite() || !cycles.is_finite() || time < LEAST_GROWTH {
        return None;
    }
    let by_cycles = (1.0 + cycles).ln() / (1.0 + time).ln();
    let cause = if by_cycles < 1.0 - NEARLY_ALL {
        "the clock rate fell (or a hypervisor took the processor)"
    } else if by_cycles > NEARLY_ALL {
        "others cost them, through the caches, the memory or the core's other hardware thread"
    } else {
        "the clock rate fell, and others cost cycles"
    };
    Some(format!(
        "an inference of the slowest third of the launches took {:.1} % more processor time and {:+.1} % \
         cycles: {cause}",
        100.0 * time,
        100.0 * cycles
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Nanos;
    use crate::verdict::simulation::{Stream, quiet_launch};

    /// Launches that take so many times the usual processor time and cycles.
    fn launches(slower: &[(f64, f64)]) -> Vec<LaunchView> {
        let mut stream = Stream::new(5);
        let launch = |(time, cycles): &(f64, f64)| {
            let mut launch = quiet_launch(&mut stream, 5e6, 40);
            launch.cpu = Nanos::from_f64(2e8 * time);
            launch.cycles = Some((4e8 * cycles) as u64);
            launch
        };
        slower.iter().map(launch).collect()
    }

    #[test]
    fn cycles_tell_the_clock_from_others() {
        let usual = (1.0, 1.0);
        for (slow, told) in [
            (
                (1.3, 1.001),
                Some("30.0 % more processor time and +0.1 % cycles: the clock rate fell (or"),
            ),
            ((1.3, 1.3), Some("+30.0 % cycles: others cost them")),
            ((1.3, 1.13), Some("the clock rate fell, and others cost cycles")),
            // Waiting for a slower memory takes fewer of the cycles of a slower clock.
            ((1.3, 0.98), Some("-2.0 % cycles: the clock rate fell (or")),
            ((1.04, 1.04), None),
        ] {
            let cause = cause(&launches(&[usual, slow, usual, slow, usual, slow]));
            assert_eq!(cause.is_some(), told.is_some(), "{cause:?}");
            let cause = cause.unwrap_or_default();
            assert!(told.is_none_or(|told| cause.contains(told)), "'{told:?}' is not in: {cause}");
        }
    }

    #[test]
    fn without_the_cycles_of_every_launch_nothing_is_told() {
        let slow = [(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (2.0, 1.0), (2.0, 1.0), (2.0, 1.0)];
        let all = launches(&slow);
        assert!(cause(&all).is_some());
        assert!(cause(&all[1..]).is_none(), "five launches tell little");
        let mut all = all;
        all[2].cycles = None;
        assert!(cause(&all).is_none());
        all.iter_mut().for_each(|launch| (launch.cpu, launch.cycles) = (Nanos(0), Some(0)));
        assert!(cause(&all).is_none());
    }
}
