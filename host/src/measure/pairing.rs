//! Two models in turns, until it is known which is slower.

use pearl_agent::agent::{LaunchReport, ModelFile};
use pearl_calibration::{
    Comparison, LOOKS, Nanos, Samples, Thresholds, Verdict, compare_pairs, contended, decided,
};
use rand::RngExt;

use super::measurement::views;
use super::session::no_samples;
use super::step::{Observer, Step};
use super::{Measurement, Session};
use crate::agent::fault;
use crate::exit::{Fault, Kind};

/// What two models in turns gave.
#[derive(Debug)]
pub struct Paired {
    pub comparison: Comparison,
    pub first: Measurement,
    pub second: Measurement,
    /// Pairs in which somebody else had the processor; they do not count.
    pub left_out: usize,
}

impl Paired {
    /// Why not to believe it; empty where there is nothing against it. A drift is nothing against it:
    /// both sides of a pair feel it alike.
    pub fn doubts(&self) -> Vec<String> {
        let serious = [Verdict::TooShort, Verdict::Contended, Verdict::Throttled];
        [&self.first, &self.second]
            .into_iter()
            .filter(|side| serious.contains(&side.judgement.verdict))
            .map(|side| {
                let evidence = side.judgement.evidence.first().map_or("", String::as_str);
                format!("{} is {}: {evidence}", side.model.path, side.judgement.verdict)
            })
            .collect()
    }
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
            placed.push(self.place(at, model, observer)?.map_err(|error| fault(&error))?);
        }
        let mut taken: [Vec<LaunchReport>; 2] = Default::default();
        let (clean, taken_pairs) = loop {
            let first = usize::from(self.rng.random_bool(0.5));
            for at in [first, 1 - first] {
                let report = self.launch(&mut placed[at])?.map_err(|error| fault(&error))?;
                if report.samples_ns.is_empty() {
                    return Err(no_samples(&models[at]));
                }
                self.calm.note(&report);
                taken[at].push(report);
            }
            let (clean, last_was_clean) = clean_pairs(&taken);
            let pairs = taken[0].len();
            let expected = LOOKS.iter().find(|look| **look >= clean.len()).unwrap_or(&pairs);
            observer(Step::Launched { at: 0, launches: pairs, expected: (*expected).max(pairs) });
            let left_out = pairs - clean.len();
            if decided(&clean, threshold) || (left_out >= LOOKS[0] && left_out > clean.len()) {
                break (clean, pairs);
            }
            if last_was_clean {
                self.cool_down(observer)?;
            } else {
                self.rest_until_quiet(observer)?;
            }
        };
        let comparison = compare_pairs(&clean, threshold).map_err(|_| {
            let name = &self.agent.device().name;
            Fault::new(
                Kind::Unstable,
                format_args!(
                    "device '{name}': somebody else had the processor in {} of {taken_pairs} pairs of \
                     launches; stop what else runs there, or pin to other cores",
                    taken_pairs - clean.len()
                ),
            )
        })?;
        let [first, second] = models;
        let [of_first, of_second] = taken;
        Ok(Paired {
            comparison,
            first: self.close(first, of_first)?,
            second: self.close(second, of_second)?,
            left_out: taken_pairs - clean.len(),
        })
    }
}

/// The medians of the pairs that were not disturbed, and whether the last is one of them.
fn clean_pairs(taken: &[Vec<LaunchReport>; 2]) -> (Vec<(Nanos, Nanos)>, bool) {
    let spoilt = |launches: &[LaunchReport]| {
        let views = views(launches).expect("launches without samples were refused");
        contended(&views, &Thresholds::default())
    };
    let labels = [spoilt(&taken[0]), spoilt(&taken[1])];
    let median = |launch: &LaunchReport| {
        Samples::from_ns(&launch.samples_ns).expect("it has samples").median()
    };
    let is_clean = |at: &usize| !labels[0][*at] && !labels[1][*at];
    let clean = (0..taken[0].len()).filter(is_clean);
    let pairs = clean.map(|at| (median(&taken[0][at]), median(&taken[1][at]))).collect();
    (pairs, taken[0].len().checked_sub(1).as_ref().is_some_and(is_clean))
}
