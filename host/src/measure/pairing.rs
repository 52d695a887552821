//! Two models in turns, until it is known which is slower.

use pearl_agent::agent::{LaunchReport, ModelFile};
use pearl_calibration::{
    Comparison, LOOKS, LaunchView, Nanos, Sentinel, Thresholds, Verdict, compare_pairs, contended,
    decided, launch_level,
};
use rand::RngExt;

use super::measurement::{known_or_own, views};
use super::session::no_samples;
use super::step::{Observer, Step};
use super::{Measurement, Session};
use crate::exit::{Classify, Kind};

/// The levels of a launch of each.
type Pair = (Nanos, Nanos);

/// What two models in turns gave.
#[derive(Debug)]
pub struct Paired {
    /// Of the compensated levels; of the medians where the sentinel was not read.
    pub comparison: Comparison,
    /// Of the medians of the same launches.
    pub as_timed: Comparison,
    pub first: Measurement,
    pub second: Measurement,
    /// Pairs in which somebody else had the processor; they do not count where enough others do.
    pub left_out: usize,
    /// Why not to believe it; empty where there is nothing against it.
    pub doubts: Vec<String>,
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
            placed.push(there.map_err(|error| self.agent.fault(&error))?);
        }
        let before = self.losses;
        let mut taken: [Vec<LaunchReport>; 2] = Default::default();
        let labels = loop {
            let first = usize::from(self.rng.random_bool(0.5));
            for at in [first, 1 - first] {
                let report = self.launch(&mut placed[at])?;
                let report = report.map_err(|error| self.agent.fault(&error))?;
                if report.samples_ns.is_empty() {
                    return Err(no_samples(&models[at]));
                }
                self.calm.note(&report);
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
                self.rest_until_quiet(observer)?;
            }
        };
        let clean = labels.iter().filter(|clean| **clean).count();
        let left_out = labels.len() - clean;
        let mut doubts = Vec::new();
        // Of too few clean pairs nothing can be said; of all of them something, for what it is worth.
        let labels = if clean < LOOKS[0] {
            doubts.push(format!(
                "device '{}': somebody else had the processor in {left_out} of {} pairs of \
                 launches; stop what else runs there, or pin to other cores",
                self.agent.device().name,
                labels.len()
            ));
            vec![true; labels.len()]
        } else {
            labels
        };
        let usual = self.usual(taken[0].first());
        let compare = |pairs| compare_pairs(&those(pairs, &labels), threshold);
        let comparison = compare(compensated_pairs(&taken, usual)).or_fault(Kind::Unstable)?;
        let as_timed = compare(timed_pairs(&taken)).or_fault(Kind::Unstable)?;
        let [first, second] = models;
        let [of_first, of_second] = taken;
        let first = self.close(first, of_first, before)?;
        let second = self.close(second, of_second, before)?;
        doubts.extend([&first, &second].into_iter().filter_map(doubt));
        Ok(Paired { comparison, as_timed, first, second, left_out, doubts })
    }
}

/// A drift is nothing against a comparison: both sides of a pair feel it alike.
fn doubt(side: &Measurement) -> Option<String> {
    let verdict = side.judgement.verdict;
    let serious = [Verdict::TooShort, Verdict::Contended, Verdict::Throttled].contains(&verdict);
    let evidence = side.judgement.evidence.first().map_or("", String::as_str);
    serious.then(|| format!("{} is {verdict}: {evidence}", side.model.path))
}

/// Whether neither launch of a pair had to share the processor.
fn clean_pairs(taken: &[Vec<LaunchReport>; 2]) -> Vec<bool> {
    let spoilt = |launches: &[LaunchReport]| contended(&views_of(launches), &Thresholds::default());
    let [first, second] = [spoilt(&taken[0]), spoilt(&taken[1])];
    first.iter().zip(second).map(|(first, second)| !first && !second).collect()
}

/// Those with the label.
fn those(pairs: Vec<Pair>, labels: &[bool]) -> Vec<Pair> {
    pairs.into_iter().zip(labels).filter_map(|(pair, label)| label.then_some(pair)).collect()
}

/// Both sides are compensated alike, so that equals differ as often one way as the other: to one speed,
/// the device's usual one or that of the calmer moments of both together, and by one elasticity.
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
