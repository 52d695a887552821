//! The verdict's rules, from the most to the least telling.
//!
//! A measurement that breaks several rules is named after the first: a contended one drifts and does
//! not converge because it is contended, and that is what there is something to be done about.
//!
//! **Invariant:** a verdict depends on the launches and the thresholds alone, and never on which
//! sample of a launch came first.

use crate::measurement::pooled;
use crate::{Judgement, LaunchView, Nanos, StatisticError, Thresholds, Verdict, measurement};

type Rule = fn(&[LaunchView], &Thresholds) -> Option<String>;

const RULES: [(Verdict, Rule); 5] = [
    (Verdict::TooShort, too_short),
    (Verdict::Contended, contended),
    (Verdict::Throttled, throttled),
    (Verdict::Drifting, drifting),
    (Verdict::Unconverged, unconverged),
];

/// # Errors
/// Where there are no launches.
pub fn judge(
    launches: &[LaunchView],
    thresholds: &Thresholds,
) -> Result<Judgement, StatisticError> {
    pooled(launches)?;
    let broken: Vec<(Verdict, String)> = RULES
        .iter()
        .filter_map(|(verdict, rule)| Some((*verdict, rule(launches, thresholds)?)))
        .collect();
    let verdict = broken.first().map_or(Verdict::Stable, |(verdict, _)| *verdict);
    Ok(Judgement { verdict, evidence: broken.into_iter().map(|(_, evidence)| evidence).collect() })
}

/// The clock's own steps would show in the median.
fn too_short(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let median = pooled(launches).ok()?.median();
    let step =
        |launch: &LaunchView| launch.clock_resolution.0.saturating_add(launch.clock_overhead.0);
    let step = launches.iter().map(step).max()?;
    let least = step.saturating_mul(thresholds.least_clock_steps);
    (median.0 < least).then(|| {
        format!(
            "the median of {} ns is under {} steps of {step} ns of the clock; measure a larger model or several inferences at once",
            median.0, thresholds.least_clock_steps
        )
    })
}

/// Somebody else had the processor: the thread did not get the time that passed.
///
/// The share is of all launches together, so that one interruption among seconds of samples, which
/// the median does not see, spoils nothing.
fn contended(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let sum = |of: fn(&LaunchView) -> Nanos| launches.iter().map(|l| of(l).0 as f64).sum::<f64>();
    let share = sum(|launch| launch.cpu) / sum(|launch| launch.wall);
    let switches: u64 = launches.iter().map(|launch| launch.involuntary_switches).sum();
    (share < thresholds.least_cpu_share).then(|| {
        format!(
            "the model had the processor for {:.1} % of the time (at least {:.1} % wanted) and was made to yield it {switches} times; stop what else runs there, or pin to other cores",
            100.0 * share,
            100.0 * thresholds.least_cpu_share
        )
    })
}

/// The device itself became slower: the fixed workload together with the model, or its clock.
fn throttled(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let (first, last) = (launches.first()?, launches.last()?);
    let sentinel = growth(first.sentinel_before, last.sentinel_after);
    let model = growth(first.samples.median(), last.samples.median());
    let limit = thresholds.most_sentinel_slowdown;
    let advice = "let the device cool down, or measure fewer models in a row";
    if sentinel > limit && model > limit / 2.0 {
        return Some(format!(
            "from the first launch to the last the sentinel slowed by {:.1} % (at most {:.1} % wanted) and the model by {:.1} %; {advice}",
            100.0 * sentinel,
            100.0 * limit,
            100.0 * model
        ));
    }
    let drop = frequency_drop(&first.frequency_before_khz, &last.frequency_after_khz)?;
    (drop > thresholds.most_frequency_drop && model > limit / 2.0).then(|| {
        format!(
            "the clock rate fell by {:.1} % (at most {:.1} % wanted) and the model slowed by {:.1} %; {advice}",
            100.0 * drop,
            100.0 * thresholds.most_frequency_drop,
            100.0 * model
        )
    })
}

/// The later launches do not tell of the same latency as the earlier ones. A single odd launch is no
/// drift: the interval over launches has room for it, or is too wide.
fn drifting(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let (earlier, later) = launches.split_at(launches.len() / 2);
    let (from, to) = (pooled(earlier).ok()?.median(), pooled(later).ok()?.median());
    let drift = growth(from, to);
    (drift.abs() > thresholds.most_drift).then(|| {
        format!(
            "the latency went from {from} in the first half of the launches to {to} in the second, by {:+.1} % (at most {:.1} % wanted); repeat it, or pin to named cores",
            100.0 * drift,
            100.0 * thresholds.most_drift
        )
    })
}

/// The interval is still wider than asked for.
fn unconverged(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let advice = "allow more time or more launches";
    if launches.len() < 2 {
        return Some(format!("a single launch does not tell how launches differ; {advice}"));
    }
    match measurement(launches, 0.95) {
        Err(error) => Some(format!("{error}; {advice}")),
        Ok(estimate) => {
            let width = estimate.relative_half_width();
            (width > thresholds.target).then(|| {
                format!(
                    "the interval is ±{:.1} % wide (at most ±{:.1} % wanted) after {} launches; {advice}",
                    100.0 * width,
                    100.0 * thresholds.target,
                    launches.len()
                )
            })
        }
    }
}

/// By how much the second is longer than the first, as a share; negative where it is shorter.
fn growth(from: Nanos, to: Nanos) -> f64 {
    if from.0 == 0 { 0.0 } else { to.0 as f64 / from.0 as f64 - 1.0 }
}

/// Of the processor that lost most.
fn frequency_drop(before: &[u64], after: &[u64]) -> Option<f64> {
    let drops = before.iter().zip(after).filter(|(before, _)| **before > 0);
    drops.map(|(before, after)| 1.0 - *after as f64 / *before as f64).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Samples;
    use crate::simulation::Stream;

    const MS: u64 = 1_000_000;

    /// A launch of 300 samples around `level`, skewed as latencies are.
    fn launch(stream: &mut Stream, level: u64) -> LaunchView {
        let draw = |_| (level as f64 * (1.0 + 0.01 * stream.normal().abs())) as u64;
        let samples: Vec<u64> = (0..300).map(draw).collect();
        let wall = Nanos(samples.iter().sum::<u64>() + 1000);
        LaunchView {
            samples: Samples::from_ns(&samples).unwrap(),
            cpu: Nanos(wall.0 - 900),
            wall,
            involuntary_switches: 1,
            sentinel_before: Nanos(MS / 2),
            sentinel_after: Nanos(MS / 2),
            clock_resolution: Nanos(30),
            clock_overhead: Nanos(25),
            steady: true,
            frequency_before_khz: vec![2_000_000],
            frequency_after_khz: vec![2_000_000],
        }
    }

    fn launches(levels: &[u64]) -> Vec<LaunchView> {
        let mut stream = Stream::new(3);
        levels.iter().map(|level| launch(&mut stream, *level)).collect()
    }

    fn quiet() -> Vec<LaunchView> {
        launches(&[5 * MS; 5])
    }

    fn check(launches: &[LaunchView], verdict: Verdict, told: &str) {
        let judgement = judge(launches, &Thresholds::default()).unwrap();
        assert_eq!(judgement.verdict, verdict, "{:?}", judgement.evidence);
        match judgement.evidence.first() {
            None => assert_eq!(verdict, Verdict::Stable),
            Some(evidence) => assert!(evidence.contains(told), "'{told}' is not in: {evidence}"),
        }
    }

    #[test]
    fn a_quiet_measurement_is_stable() {
        check(&quiet(), Verdict::Stable, "");
        assert!(judge(&[], &Thresholds::default()).is_err());
    }

    #[test]
    fn a_median_of_few_clock_steps_is_too_short() {
        check(&launches(&[5400; 5]), Verdict::TooShort, "under 100 steps of 55 ns");
        check(&launches(&[5600; 5]), Verdict::Stable, "");
    }

    #[test]
    fn a_processor_that_was_shared_is_contended() {
        let mut shared = quiet();
        for launch in &mut shared {
            launch.cpu = Nanos(launch.wall.0 / 2);
            launch.involuntary_switches = 40;
        }
        check(&shared, Verdict::Contended, "50.0 % of the time");
        check(&shared, Verdict::Contended, "yield it 200 times");
        // Once for a moment is what every system does.
        let mut once = quiet();
        once[2].cpu = Nanos(once[2].wall.0 * 9 / 10);
        check(&once, Verdict::Stable, "");
    }

    #[test]
    fn a_device_that_slows_as_a_whole_is_throttled() {
        let mut hot = launches(&[5 * MS, 5 * MS, 6 * MS, 6 * MS, 7 * MS]);
        check(&hot, Verdict::Drifting, "by +20");
        hot[4].sentinel_after = Nanos(MS * 7 / 10);
        check(&hot, Verdict::Throttled, "the sentinel slowed by 40.0 %");
        hot[4].sentinel_after = Nanos(MS / 2);
        hot[4].frequency_after_khz = vec![1_400_000];
        check(&hot, Verdict::Throttled, "the clock rate fell by 30.0 %");
    }

    #[test]
    fn a_sentinel_alone_slower_throttles_nothing() {
        let mut odd = quiet();
        odd[4].sentinel_after = Nanos(MS);
        check(&odd, Verdict::Stable, "");
    }

    #[test]
    fn launches_that_move_away_drift_and_a_single_odd_one_does_not() {
        check(&launches(&[5 * MS, 5 * MS, 5 * MS, 6 * MS, 6 * MS, 6 * MS]), Verdict::Drifting, "+");
        check(
            &launches(&[6 * MS, 6 * MS, 6 * MS, 5 * MS, 5 * MS, 5 * MS]),
            Verdict::Drifting,
            "by -",
        );
        let odd = [5 * MS, 5 * MS, 6 * MS, 5 * MS, 5 * MS];
        check(&launches(&odd), Verdict::Unconverged, "after 5 launches");
    }

    #[test]
    fn an_interval_that_is_too_wide_is_not_converged() {
        let spread = launches(&[500 * MS / 100, 515 * MS / 100, 500 * MS / 100]);
        check(&spread, Verdict::Unconverged, "after 3 launches");
        check(&quiet()[..1], Verdict::Unconverged, "a single launch");
        let mut few = quiet();
        few.truncate(2);
        for launch in &mut few {
            launch.samples = Samples::from_ns(&[5 * MS]).unwrap();
        }
        check(&few, Verdict::Unconverged, "needs at least 6 samples, there are 2");
    }

    #[test]
    fn evidence_is_kept_for_every_rule_that_was_broken() {
        let mut all = launches(&[5 * MS, 7 * MS]);
        all[0].cpu = Nanos(0);
        let judgement = judge(&all, &Thresholds::default()).unwrap();
        assert_eq!((judgement.verdict, judgement.evidence.len()), (Verdict::Contended, 3));
    }

    proptest! {
        #[test]
        fn any_numbers_are_judged(
            numbers in prop::collection::vec(
                (prop::collection::vec(any::<u64>(), 1..20), any::<[u64; 7]>(), any::<Vec<u64>>()), 1..6),
        ) {
            let launches: Vec<LaunchView> = numbers.into_iter().map(|(samples, n, khz)| LaunchView {
                samples: Samples::from_ns(&samples).unwrap(),
                cpu: Nanos(n[0]), wall: Nanos(n[1]), involuntary_switches: n[2],
                sentinel_before: Nanos(n[3]), sentinel_after: Nanos(n[4]),
                clock_resolution: Nanos(n[5]), clock_overhead: Nanos(n[6]), steady: false,
                frequency_before_khz: khz.clone(), frequency_after_khz: khz,
            }).collect();
            let judgement = judge(&launches, &Thresholds::default()).unwrap();
            prop_assert_eq!(judgement.verdict == Verdict::Stable, judgement.evidence.is_empty());
        }

        #[test]
        fn the_order_of_the_samples_within_a_launch_changes_nothing(seed: u64) {
            let mut shuffled = launches(&[5 * MS, 6 * MS, 5 * MS]);
            let expected = judge(&shuffled, &Thresholds::default());
            let estimate = measurement(&shuffled, 0.95);
            let mut stream = Stream::new(seed);
            for launch in &mut shuffled {
                let mut samples: Vec<Nanos> = launch.samples.clone().into();
                for i in (1..samples.len()).rev() {
                    samples.swap(i, (stream.next() % (i as u64 + 1)) as usize);
                }
                launch.samples = Samples::new(samples).unwrap();
            }
            prop_assert_eq!(judge(&shuffled, &Thresholds::default()), expected);
            prop_assert_eq!(measurement(&shuffled, 0.95), estimate);
        }
    }
}
