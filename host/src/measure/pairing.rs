//! Measuring two models by turns, until it is known which one is slower.

use pearl_agent::protocol::messages::{LaunchReport, ModelFile};
use pearl_calibration::{
    Comparison, Estimate, LOOKS, LaunchView, Nanos, Sentinel, StatisticError, Thresholds, Verdict,
    compare_pairs, contended, decided, launch_level, levels_of_pairs,
};
use rand::RngExt;

use super::measurement::{known_or_own, views};
use super::measuring_session::no_samples;
use super::step::{Observer, Step};
use super::{Measurement, Session};
use crate::output::error_class::{Classify, ErrorClass};

/// The levels of one launch of each model.
type Pair = (Nanos, Nanos);

/// The result of measuring two models by turns.
#[derive(Debug)]
pub struct Paired {
    /// The comparison of the compensated levels; of the medians if the sentinel was not read.
    pub comparison: Comparison,
    /// The comparison of the medians of the same launches.
    pub as_timed: Comparison,
    /// What either side took in the pairs that were compared.
    pub in_pairs: [InPairs; 2],
    /// All launches of the first, also those that the comparison leaves out.
    pub first: Measurement,
    pub second: Measurement,
    /// Number of contended pairs; they do not count if there are enough clean pairs.
    pub left_out: usize,
    /// Why not to believe the comparison; empty if nothing speaks against it.
    pub doubts: Vec<String>,
}

/// What one model took in the pairs that were compared: the same launches as the ratio.
#[derive(Clone, Copy, Debug)]
pub struct InPairs {
    pub as_timed: Estimate,
    /// The same as timed if the sentinel was not read.
    pub compensated: Estimate,
}

impl Session<'_> {
    /// Measures two models by turns; differences below `threshold` are of no interest.
    ///
    /// # Errors
    /// What is wrong with a model or the device; a device so busy that too few pairs are left.
    pub fn compare(
        &mut self,
        models: [ModelFile; 2],
        threshold: f64,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<Paired> {
        self.hold(observer, |session, observer| session.pair_up(models, threshold, observer))
    }

    fn pair_up(
        &mut self,
        models: [ModelFile; 2],
        threshold: f64,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<Paired> {
        let mut placed = Vec::new();
        for (at, model) in models.iter().enumerate() {
            let there = self.place(at, model, observer)?;
            placed.push(there.map_err(|error| self.agent.classified(&error))?);
        }
        let before = self.losses;
        let mut taken: [Vec<LaunchReport>; 2] = Default::default();
        let labels = loop {
            let first = usize::from(self.rng.random_bool(0.5));
            for at in [first, 1 - first] {
                let report = self.launch(&mut placed[at])?;
                let report = report.map_err(|error| self.agent.classified(&error))?;
                if report.samples_ns.is_empty() {
                    return Err(no_samples(&models[at]));
                }
                self.cooldown.note(&report);
                taken[at].push(report);
            }
            let usual = self.usual(taken[0].first());
            let labels = clean_pairs(&taken);
            let clean = those(compensated_pairs(&taken, usual), &labels);
            let pairs = labels.len();
            let expected = LOOKS.iter().find(|look| **look >= clean.len()).unwrap_or(&pairs);
            observer(Step::Launched { at: 0, launches: pairs, expected: (*expected).max(pairs) });
            let left_out = pairs - clean.len();
            if decided(&clean, threshold) || (left_out >= LOOKS[0] && left_out > clean.len()) {
                break labels;
            }
            if labels.last() == Some(&true) {
                self.cool_down(observer)?;
            } else {
                self.wait_until_quiet(observer)?;
            }
        };
        let clean = labels.iter().filter(|clean| **clean).count();
        let left_out = labels.len() - clean;
        let mut doubts = Vec::new();
        // Too few clean pairs give no comparison. All pairs give one, together with a doubt.
        let labels = if clean < LOOKS[0] {
            doubts.push(format!(
                "device '{}': another process used the processor in {left_out} of {} pairs of \
                 launches; stop what else runs there, or pin to other cores",
                self.agent.device().name,
                labels.len()
            ));
            vec![true; labels.len()]
        } else {
            labels
        };
        let usual = self.usual(taken[0].first());
        let compensated = those(compensated_pairs(&taken, usual), &labels);
        let timed = those(timed_pairs(&taken), &labels);
        let compare = |pairs: &[Pair]| compare_pairs(pairs, threshold);
        let comparison = compare(&compensated).or_class(ErrorClass::Unstable)?;
        let as_timed = compare(&timed).or_class(ErrorClass::Unstable)?;
        let in_pairs = in_pairs(&timed, &compensated).or_class(ErrorClass::Unstable)?;
        let [first, second] = models;
        let [of_first, of_second] = taken;
        let first = self.close(first, of_first, before)?;
        let second = self.close(second, of_second, before)?;
        doubts.extend([&first, &second].into_iter().filter_map(doubt));
        Ok(Paired { comparison, as_timed, in_pairs, first, second, left_out, doubts })
    }
}

fn in_pairs(timed: &[Pair], compensated: &[Pair]) -> Result<[InPairs; 2], StatisticError> {
    let [timed, compensated] = [levels_of_pairs(timed)?, levels_of_pairs(compensated)?];
    let side = |at: usize| InPairs { as_timed: timed[at], compensated: compensated[at] };
    Ok([side(0), side(1)])
}

/// What speaks against one side. A drift does not: it affects both launches of a pair alike.
fn doubt(side: &Measurement) -> Option<String> {
    let verdict = side.judgement.verdict;
    let serious = [Verdict::TooShort, Verdict::Contended, Verdict::Throttled].contains(&verdict);
    let evidence = side.judgement.evidence.first().map_or("", String::as_str);
    serious.then(|| format!("{} is {verdict}: {evidence}", side.model.path))
}

/// For each pair, whether neither launch had to share the processor.
fn clean_pairs(taken: &[Vec<LaunchReport>; 2]) -> Vec<bool> {
    let shared = |launches: &[LaunchReport]| contended(&views_of(launches), &Thresholds::default());
    let [first, second] = [shared(&taken[0]), shared(&taken[1])];
    first.iter().zip(second).map(|(first, second)| !first && !second).collect()
}

/// The pairs whose label is true.
fn those(pairs: Vec<Pair>, labels: &[bool]) -> Vec<Pair> {
    pairs.into_iter().zip(labels).filter_map(|(pair, label)| label.then_some(pair)).collect()
}

/// The levels of all pairs. Both sides are compensated to one speed (the device's usual one, or that of
/// the fastest blocks of both sides together) and by one elasticity. So two equal models differ as often
/// one way as the other.
fn compensated_pairs(taken: &[Vec<LaunchReport>; 2], usual: Option<Sentinel>) -> Vec<Pair> {
    let [first, second] = [views_of(&taken[0]), views_of(&taken[1])];
    let (usual, _) = known_or_own(usual, &[&first[..], &second].concat());
    let level = |launch: &LaunchView| {
        let compensated = usual.and_then(|usual| launch_level(launch, usual));
        compensated.map_or_else(|| launch.samples.median(), Nanos::from_f64)
    };
    first.iter().zip(&second).map(|(first, second)| (level(first), level(second))).collect()
}

fn timed_pairs(taken: &[Vec<LaunchReport>; 2]) -> Vec<Pair> {
    let [first, second] = [views_of(&taken[0]), views_of(&taken[1])];
    let medians = |(first, second): (&LaunchView, &LaunchView)| {
        (first.samples.median(), second.samples.median())
    };
    first.iter().zip(&second).map(medians).collect()
}

fn views_of(launches: &[LaunchReport]) -> Vec<LaunchView> {
    views(launches).expect("launches without samples were refused")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_either_side_is_of_the_pairs_that_are_compared() {
        let pairs: Vec<Pair> = (0..12)
            .map(|at| {
                if at < 2 {
                    (Nanos(900), Nanos(100))
                } else {
                    (Nanos(100 + at), Nanos(200 + 2 * at))
                }
            })
            .collect();
        let labels: Vec<bool> = (0..12).map(|at| at >= 2).collect();
        let clean = those(pairs, &labels);
        let slower: Vec<Pair> =
            clean.iter().map(|pair| (Nanos(2 * pair.0.0), Nanos(2 * pair.1.0))).collect();
        let [first, second] = in_pairs(&slower, &clean).unwrap();
        assert_eq!((first.compensated.n, second.as_timed.n), (10, 10));
        assert_eq!((first.compensated.point, second.compensated.point), (Nanos(107), Nanos(213)));
        assert_eq!((first.as_timed.point, second.as_timed.point), (Nanos(213), Nanos(426)));
        let ratio = compare_pairs(&clean, 0.02).unwrap().ratio;
        assert!((ratio.point - 2.0).abs() < 0.01, "{ratio:?}");
        assert!(in_pairs(&slower[..3], &clean).is_err());
    }
}
