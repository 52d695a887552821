//! The verdict's rules, from the most to the least telling.
//!
//! A measurement that breaks several rules is named after the first: a contended one drifts and does
//! not converge because it is contended, and that is what there is something to be done about.
//!
//! **Invariant:** a verdict depends on the launches and the thresholds alone, and never on which
//! sample of a launch came first.

use crate::measurement::pooled;
use crate::{
    Judgement, LaunchView, Nanos, StatisticError, Thresholds, Verdict, measurement,
    median_estimate,
};

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
    let step = |launch: &LaunchView| launch.clock_resolution.0 + launch.clock_overhead.0;
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

/// The launches do not tell of the same latency.
fn drifting(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let estimates: Vec<_> = launches
        .iter()
        .filter_map(|launch| median_estimate(&launch.samples, 0.95).ok())
        .collect();
    let fastest = estimates.iter().min_by_key(|estimate| estimate.hi)?;
    let slowest = estimates.iter().max_by_key(|estimate| estimate.lo)?;
    let apart = growth(fastest.hi, slowest.lo);
    (apart > thresholds.most_launch_spread).then(|| {
        format!(
            "launches differ: {} in one, {} in another, {:.1} % beyond their intervals (at most {:.1} % wanted); repeat it, or pin to named cores",
            fastest.point,
            slowest.point,
            100.0 * apart,
            100.0 * thresholds.most_launch_spread
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
