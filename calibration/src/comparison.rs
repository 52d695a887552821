//! Which of two is slower, and by how much.
//!
//! Two models that are measured together take turns: a *pair* is a launch of each, one right after the
//! other, in random order. What both feel alike (a clock rate, a neighbour, a drift) cancels in the
//! ratio of a pair's medians. Where the two are the same, a ratio above one is as likely as its
//! inverse, whatever the noise is like; that symmetry is all that signed ranks ask for, so that the
//! rate of false alarms is exact.
//!
//! The pairs are looked at now and then while they grow, and every look is a chance to be fooled. Each
//! therefore is held to a higher confidence, so that all together reach [`CONFIDENCE`]; the simulation
//! below counts it.
//!
//! **Invariant:** a difference is claimed only where the interval excludes none; "no difference" only
//! where any lies within the threshold, and always says above what.

use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::signed_rank::signed_rank;
use crate::{Nanos, StatisticError};

/// Of a comparison as a whole.
pub const CONFIDENCE: f64 = 0.99;
/// Of one look, the others accounted for.
const EACH_LOOK: f64 = 0.9975;
/// Numbers of pairs at which a comparison may end; the last is the most that are taken. With fewer
/// than ten no interval reaches the confidence of a look.
pub const LOOKS: [usize; 7] = [10, 13, 17, 22, 29, 38, 50];

/// One over another, such as the second over the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    pub point: f64,
    pub lo: f64,
    pub hi: f64,
    /// Pairs, or launches of both.
    pub n: usize,
}

/// What is said of the second, against the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Slower,
    Faster,
    /// None above the threshold.
    NoDifference,
    /// Neither a difference nor its absence was shown: the interval is too wide for both.
    Undecided,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub ratio: Ratio,
    pub outcome: Outcome,
    /// A difference beyond this share is ruled out where none is called.
    pub above: f64,
    /// How large a difference is of interest.
    pub threshold: f64,
}

impl Comparison {
    pub fn is_undecided(&self) -> bool {
        self.outcome == Outcome::Undecided
    }
}

/// Compares by pairs of medians, measured one right after the other. Differences below `threshold`,
/// such as 0.02, are of no interest.
///
/// # Errors
/// Where there are fewer pairs than at the first of [`LOOKS`].
pub fn compare_pairs(
    pairs: &[(Nanos, Nanos)],
    threshold: f64,
) -> Result<Comparison, StatisticError> {
    let logs: Vec<f64> = pairs.iter().map(|(a, b)| log(b.0 as f64) - log(a.0 as f64)).collect();
    let centre = signed_rank(&logs, EACH_LOOK)?;
    Ok(conclude(centre.point, centre.lo, centre.hi, pairs.len(), threshold))
}

/// Whether these pairs are enough: a look is due, the interval is as narrow as the threshold, and it
/// either excludes that there is no difference or lies within the threshold; or they are the most that
/// are taken.
pub fn decided(pairs: &[(Nanos, Nanos)], threshold: f64) -> bool {
    let most = LOOKS[LOOKS.len() - 1];
    pairs.len() >= most
        || (LOOKS.contains(&pairs.len())
            && compare_pairs(pairs, threshold).is_ok_and(|found| {
                let width = (found.ratio.hi / found.ratio.lo).sqrt() - 1.0;
                width <= threshold && !found.is_undecided()
            }))
}

/// Compares launches that were taken at different times, by Welch's interval of the logarithms of
/// their levels: their medians, or what is left of those where the device's slowness is taken out
/// ([`crate::Compensated::levels`]).
///
/// # Errors
/// Where there are fewer than two launches of either.
pub fn compare_apart(
    first: &[f64],
    second: &[f64],
    threshold: f64,
) -> Result<Comparison, StatisticError> {
    let (a, b) = (Moments::of(first)?, Moments::of(second)?);
    let (from_a, from_b) = (a.variance / a.n, b.variance / b.n);
    let error = from_a + from_b;
    let half = if error > 0.0 {
        let freedom = error.powi(2) / (from_a.powi(2) / (a.n - 1.0) + from_b.powi(2) / (b.n - 1.0));
        let student = StudentsT::new(0.0, 1.0, freedom).expect("two launches leave some freedom");
        student.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) * error.sqrt()
    } else {
        0.0
    };
    let point = b.mean - a.mean;
    Ok(conclude(point, point - half, point + half, first.len() + second.len(), threshold))
}

struct Moments {
    n: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(levels: &[f64]) -> Result<Self, StatisticError> {
        if levels.len() < 2 {
            let name = "a comparison of launches".to_owned();
            return Err(StatisticError::TooFew { name, needed: 2, n: levels.len() });
        }
        let n = levels.len() as f64;
        let logs: Vec<f64> = levels.iter().map(|level| log(*level)).collect();
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Ok(Self { n, mean, variance })
    }
}

/// So that a median of zero, which no real clock gives, leaves the ratio finite.
const LEAST: f64 = 1e-9;

fn log(value: f64) -> f64 {
    value.max(LEAST).ln()
}

fn conclude(point: f64, lo: f64, hi: f64, n: usize, threshold: f64) -> Comparison {
    let ratio = Ratio { point: point.exp(), lo: lo.exp(), hi: hi.exp(), n };
    let widest = (ratio.hi - 1.0).max(1.0 - ratio.lo);
    let outcome = if widest <= threshold {
        Outcome::NoDifference
    } else if lo > 0.0 {
        Outcome::Slower
    } else if hi < 0.0 {
        Outcome::Faster
    } else {
        Outcome::Undecided
    };
    Comparison { ratio, outcome, above: widest.max(threshold), threshold }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { point, lo, hi, .. } = self.ratio;
        let percent = |share: f64| 100.0 * share;
        match self.outcome {
            Outcome::Undecided => write!(
                f,
                "undecided: any difference lies below {:.2} %, which is more than the threshold of \
                 {:.2} %",
                percent(self.above),
                percent(self.threshold)
            ),
            Outcome::NoDifference => write!(f, "no difference above {:.2} %", percent(self.above)),
            Outcome::Slower => write!(
                f,
                "slower by {:.2} % ({:.2} – {:.2} %)",
                percent(point - 1.0),
                percent(lo - 1.0),
                percent(hi - 1.0)
            ),
            Outcome::Faster => write!(
                f,
                "faster by {:.2} % ({:.2} – {:.2} %)",
                percent(1.0 - point),
                percent(1.0 - hi),
                percent(1.0 - lo)
            ),
        }
    }
}

#[cfg(test)]
mod tests;
