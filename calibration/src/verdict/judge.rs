//! The rules of the verdict, in order of precedence.
//!
//! A measurement that breaks several rules gets the verdict of the first one. For example, a contended
//! measurement drifts and does not converge because it is contended, and the user can end the contention.
//! Contention is a property of a launch: where enough launches are not contended, only those are judged,
//! and the contended ones become a remark.
//!
//! The compensated latency is judged where the reference workload (sentinel) was read and its usual speed
//! is known, else the raw latency.
//!
//! **Invariant:** a verdict depends on the launches, the usual speed and the thresholds alone.

use crate::verdict::cause::cause;
use crate::verdict::compensation::UNDISTURBED;
use crate::verdict::contention::{clean, contended, counted};
use crate::verdict::measurement;
use crate::verdict::pooled_latency::{LEAST_LAUNCHES, medians, pooled};
use crate::{
    Compensated, Estimate, Judgement, LaunchView, Nanos, Samples, Sentinel, StatisticError,
    Thresholds, Verdict, compensated,
};

/// The input of the rules.
struct Seen<'a> {
    /// The launches that count.
    launches: &'a [LaunchView],
    compensated: Option<Compensated>,
    thresholds: &'a Thresholds,
}

type Rule = fn(&Seen<'_>) -> Option<String>;

const RULES: [(Verdict, Rule); 5] = [
    (Verdict::TooShort, too_short),
    (Verdict::Throttled, throttled),
    (Verdict::Contended, never_undisturbed),
    (Verdict::Drifting, drifting),
    (Verdict::Unconverged, unconverged),
];

/// Confidence of the interval that is judged.
const CONFIDENCE: f64 = 0.95;

/// # Errors
/// Where there are no launches.
pub fn judge(
    launches: &[LaunchView],
    usual: Option<Sentinel>,
    thresholds: &Thresholds,
) -> Result<Judgement, StatisticError> {
    pooled(launches)?;
    let counted = counted(launches, thresholds);
    let compensated = usual.and_then(|usual| compensated(&counted, usual, CONFIDENCE).ok());
    let seen = Seen { launches: &counted, compensated, thresholds };
    let mut broken: Vec<(Verdict, String)> =
        RULES.iter().filter_map(|(verdict, rule)| Some((*verdict, rule(&seen)?))).collect();
    let mut remarks = Vec::new();
    match contention(launches, thresholds) {
        None => {}
        Some(shared) if clean(launches, thresholds).len() >= LEAST_LAUNCHES => {
            remarks.push(format!("{shared}; {}", what_counts(launches, &counted, thresholds)));
        }
        Some(shared) => {
            // Only a clock that is too coarse comes before contention: it is so on an idle device too.
            let place = usize::from(broken.first().is_some_and(|(v, _)| *v == Verdict::TooShort));
            let evidence = format!("{shared}; stop what else runs there, or pin to other cores");
            broken.insert(place, (Verdict::Contended, evidence));
        }
    }
    remarks.extend(seen.compensated.as_ref().and_then(what_was_compensated));
    if let Some(cause) = cause(launches) {
        match broken.first_mut() {
            Some((_, evidence)) => *evidence = format!("{evidence}; {cause}"),
            None => remarks.push(cause),
        }
    }
    let verdict = broken.first().map_or(Verdict::Stable, |(verdict, _)| *verdict);
    let evidence = broken.into_iter().map(|(_, evidence)| evidence).collect();
    Ok(Judgement { verdict, evidence, remarks })
}

/// The launches and samples that count, where some launches were contended.
fn what_counts(launches: &[LaunchView], counted: &[LaunchView], thresholds: &Thresholds) -> String {
    let whole = contended(launches, thresholds).iter().filter(|shared| !**shared).count();
    match counted.len() - whole {
        0 => format!("they are left out, and the latency is that of the {whole} others"),
        parts => format!(
            "the latency is that of the undisturbed samples of {parts} of them and of {whole} other \
             launches"
        ),
    }
}

/// Another process used the processor: the sampling thread got less processor time than passed.
fn contention(launches: &[LaunchView], thresholds: &Thresholds) -> Option<String> {
    let labels = contended(launches, thresholds);
    let shared: Vec<_> = launches
        .iter()
        .zip(labels)
        .filter_map(|(launch, shared)| shared.then_some(launch))
        .collect();
    let worst = shared.iter().map(|launch| launch.cpu_share()).min_by(f64::total_cmp)?;
    let switches: u64 =
        shared.iter().fold(0, |sum, launch| sum.saturating_add(launch.involuntary_switches));
    Some(format!(
        "{} of {} launches had to share the processor: the worst ran for {:.1} % of the time (at least \
         {:.1} % wanted), with {switches} involuntary context switches in all",
        shared.len(),
        launches.len(),
        100.0 * worst,
        100.0 * thresholds.least_cpu_share
    ))
}

/// The part of the sentinel that explains most of the slowdown, and the likely cause.
fn slow_part(compensated: &Compensated) -> String {
    let Compensated { core_slowdown, network_slowdown, memory_slowdown, elasticity, .. } =
        *compensated;
    let [by_network, by_memory] =
        [elasticity[0] * network_slowdown, elasticity[1] * memory_slowdown];
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    if by_memory > by_network {
        let told = percent(memory_slowdown);
        format!(
            "the memory part of the reference workload (sentinel) was slower by {told}: other processes \
             use the shared caches or the memory"
        )
    } else if core_slowdown >= 0.75 * network_slowdown {
        let told = percent(core_slowdown);
        format!(
            "the core part of the reference workload (sentinel) was slower by {told}: the clock rate fell, or \
             others had the core in between"
        )
    } else {
        let told = percent(network_slowdown);
        format!(
            "the network part of the reference workload (sentinel) was slower by {told}: other processes \
             use the core or its other hardware thread"
        )
    }
}

/// A larger slowdown is not taken out whole: several processes then take turns on the core.
const MOST_REMOVABLE: f64 = 0.5;
const REMOVED_IN_PART: &str = " (of more than 50 % a part stays in the number)";

/// A remark on the compensation, where it is large enough to matter.
fn what_was_compensated(compensated: &Compensated) -> Option<String> {
    (compensated.slowdown >= UNDISTURBED).then(|| {
        format!(
            "the device slowed the model by {:.1} % in the median; the compensated latency leaves out \
             what the reference workload (sentinel) felt of it{}; {}",
            100.0 * compensated.slowdown,
            if compensated.slowdown > MOST_REMOVABLE { REMOVED_IN_PART } else { "" },
            slow_part(compensated)
        )
    })
}

/// In at least nine of ten blocks the device slowed the model by more than the threshold: other processes use
/// the core's other hardware thread, the shared caches or the memory, or the clock rate is low.
fn never_undisturbed(seen: &Seen<'_>) -> Option<String> {
    let compensated = seen.compensated.as_ref()?;
    let (least, most) = (compensated.least_slowdown, seen.thresholds.most_sentinel_slowdown);
    (least > most).then(|| {
        format!(
            "the device never ran at its usual speed, and slowed the model by at least {:.0} % \
             (at most {:.0} % wanted); {}; stop what else runs there, or pin to other cores",
            100.0 * least,
            100.0 * most,
            slow_part(compensated)
        )
    })
}

/// The median is so short that the steps of the clock show in it. The launches have one clock: what a launch
/// found worse than another one was lost to another process meanwhile.
fn too_short(seen: &Seen<'_>) -> Option<String> {
    let Seen { launches, thresholds, .. } = *seen;
    let median = pooled(launches).ok()?.median();
    let step =
        |launch: &LaunchView| launch.clock_resolution.0.saturating_add(launch.clock_overhead.0);
    let step = launches.iter().map(step).min()?;
    let least = step.saturating_mul(thresholds.least_clock_steps);
    (median.0 < least).then(|| {
        format!(
            "the median of {} ns is under {} steps of {step} ns of the clock; measure a larger model, or \
             several inferences at once",
            median.0, thresholds.least_clock_steps
        )
    })
}

/// The device itself became slower: the sentinel slowed together with the model, or the clock rate fell.
///
/// The first and the last third of the launches are compared, so that no single reading decides.
fn throttled(seen: &Seen<'_>) -> Option<String> {
    let Seen { launches, thresholds, .. } = *seen;
    let third = launches.len().div_ceil(3);
    let (first, last) = (&launches[..third], &launches[launches.len() - third..]);
    let middle = |launches: &[LaunchView], of: fn(&LaunchView) -> Option<Nanos>| {
        Samples::new(launches.iter().filter_map(of).collect()).map(|all| all.median())
    };
    let grown = |of| Some(growth(middle(first, of).ok()?, middle(last, of).ok()?));
    let (sentinel, model) = (grown(LaunchView::core), grown(|l| Some(l.samples.median()))?);
    let limit = thresholds.most_sentinel_slowdown;
    let advice = "let the device cool down, or measure fewer models in a row";
    if let Some(sentinel) = sentinel.filter(|slower| *slower > limit && model > limit / 2.0) {
        return Some(format!(
            "from the first to the last third of the launches the reference workload (sentinel) slowed by \
             {:.1} % (at most {:.1} % wanted) and the model by {:.1} %; {advice}",
            100.0 * sentinel,
            100.0 * limit,
            100.0 * model
        ));
    }
    let (before, after) = (launches.first()?, launches.last()?);
    let drop = frequency_drop(&before.frequency_before_khz, &after.frequency_after_khz)?;
    (drop > thresholds.most_frequency_drop && model > limit / 2.0).then(|| {
        format!(
            "the clock rate fell by {:.1} % (at most {:.1} % wanted) and the model slowed by {:.1} %; \
             {advice}",
            100.0 * drop,
            100.0 * thresholds.most_frequency_drop,
            100.0 * model
        )
    })
}

/// The later launches have another latency than the earlier ones: the medians of the two halves differ by
/// more than the threshold, and nearly every later launch lies on the same side of nearly every earlier
/// one. Launches that merely scatter do not drift: the interval covers their scatter, or is too wide.
fn drifting(seen: &Seen<'_>) -> Option<String> {
    let levels = seen.levels();
    let (earlier, later) = levels.split_at(levels.len() / 2);
    let (from, to) = (middle(earlier)?, middle(later)?);
    let drift = growth(from, to);
    let apart = separation(earlier, later);
    let thresholds = seen.thresholds;
    (drift.abs() > thresholds.most_drift && apart > thresholds.least_separation).then(|| {
        format!(
            "the latency went from {from} in the first half of the launches to {to} in the second half, by \
             {:+.1} % (at most {:.1} % wanted); measure again, or pin to named cores",
            100.0 * drift,
            100.0 * thresholds.most_drift
        )
    })
}

fn middle(levels: &[f64]) -> Option<Nanos> {
    let levels = levels.iter().map(|level| Nanos::from_f64(*level)).collect();
    Samples::new(levels).ok().map(|levels| levels.median())
}

/// The share of pairs of an earlier and a later launch in which the later one is slower, or 1 less that
/// share where this is larger: from 0.5 where the halves are mixed to 1 where they are apart.
fn separation(earlier: &[f64], later: &[f64]) -> f64 {
    let slower: usize =
        later.iter().map(|later| earlier.iter().filter(|earlier| later > earlier).count()).sum();
    let share = slower as f64 / (earlier.len() * later.len()).max(1) as f64;
    share.max(1.0 - share)
}

impl Seen<'_> {
    /// The launches' levels: compensated, or their medians.
    fn levels(&self) -> Vec<f64> {
        let compensated = self.compensated.as_ref();
        compensated.map_or_else(|| medians(self.launches), |found| found.levels.clone())
    }

    fn latency(&self) -> Result<Estimate, StatisticError> {
        let compensated = self.compensated.as_ref();
        compensated
            .map_or_else(|| measurement(self.launches, CONFIDENCE), |found| Ok(found.latency))
    }
}

/// The interval is still wider than asked for.
fn unconverged(seen: &Seen<'_>) -> Option<String> {
    let Seen { launches, thresholds, .. } = *seen;
    let advice = "allow more launches or a longer sustained run, or a wider target";
    if launches.len() < LEAST_LAUNCHES {
        let launches = match launches.len() {
            1 => "1 launch does".to_owned(),
            count => format!("{count} launches do"),
        };
        return Some(format!(
            "{launches} not tell how launches differ (at least {LEAST_LAUNCHES} wanted); {advice}"
        ));
    }
    match seen.latency() {
        Err(error) => Some(format!("{error}; {advice}")),
        Ok(estimate) => {
            let width = estimate.relative_half_width();
            (width > thresholds.target).then(|| {
                format!(
                    "the interval is ±{:.2} % wide (at most ±{:.2} % wanted) after {} launches; {advice}",
                    100.0 * width,
                    100.0 * thresholds.target,
                    launches.len()
                )
            })
        }
    }
}

/// By how much `to` is longer than `from`, as a share; negative where `to` is shorter.
fn growth(from: Nanos, to: Nanos) -> f64 {
    if from.0 == 0 { 0.0 } else { to.0 as f64 / from.0 as f64 - 1.0 }
}

/// The largest drop of a processor's clock rate, as a share.
fn frequency_drop(before: &[u64], after: &[u64]) -> Option<f64> {
    let drops = before.iter().zip(after).filter(|(before, _)| **before > 0);
    drops.map(|(before, after)| 1.0 - *after as f64 / *before as f64).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests;
