//! Compares two models: which one is slower, and by how much.
//!
//! Two models that are measured together take turns: a *pair* is one launch of each, one right after the
//! other, in random order. What slows both alike (clock rate, another process, drift) cancels in the ratio
//! of the pair's medians. If both models are the same, a ratio above one is as likely as its inverse,
//! whatever the distribution of the noise. The signed-rank test assumes only this symmetry, so that its
//! rate of false alarms is exact.
//!
//! The pairs are tested several times while their number grows, and each of these tests (*looks*) can
//! raise a false alarm. Each look therefore uses a higher confidence, so that all looks together reach
//! [`CONFIDENCE`]. The simulation in the tests checks that.
//!
//! **Invariant:** a difference is claimed only where the interval excludes a ratio of one. "No difference"
//! is claimed only where the whole interval lies within the threshold, and always names its bound.

use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::stats::signed_rank::signed_rank;
use crate::{Estimate, Nanos, StatisticError};

/// Confidence of a whole comparison, all looks together.
pub const CONFIDENCE: f64 = 0.99;
/// Confidence of one look, corrected for the other looks.
const EACH_LOOK: f64 = 0.9975;
/// Numbers of pairs at which a comparison may end; the last one is the most that are taken. With fewer
/// than ten pairs no interval reaches the confidence of a look.
pub const LOOKS: [usize; 7] = [10, 13, 17, 22, 29, 38, 50];

/// The ratio of two latencies, such as the second model's over the first model's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The estimate; above 1 where the second model is slower.
    pub point: f64,
    /// Lower end of the interval.
    pub lo: f64,
    /// Upper end of the interval.
    pub hi: f64,
    /// Number of pairs, or of launches of both models.
    pub n: usize,
}

/// The conclusion about the second model, relative to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The second model is slower.
    Slower,
    /// The second model is faster.
    Faster,
    /// No difference above the threshold.
    NoDifference,
    /// Neither a difference nor its absence was shown: the interval is too wide for both.
    Undecided,
}

/// What the measurements of two models show about their ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The second model's latency over the first model's, with its interval.
    pub ratio: Ratio,
    /// The conclusion at this threshold.
    pub outcome: Outcome,
    /// Where no difference is claimed, differences above this share are ruled out.
    pub above: f64,
    /// The smallest difference of interest, as a share.
    pub threshold: f64,
}

impl Comparison {
    /// Whether neither a difference nor its absence was shown.
    pub fn is_undecided(&self) -> bool {
        self.outcome == Outcome::Undecided
    }
}

/// Compares pairs of medians; the two of a pair are measured one right after the other. Differences below
/// `threshold`, such as 0.02, are of no interest.
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

/// Whether these pairs are enough: either they are the most that are taken; or a look is due, the half
/// width of the interval is at most the threshold, and the interval excludes a ratio of one or lies within
/// the threshold.
pub fn decided(pairs: &[(Nanos, Nanos)], threshold: f64) -> bool {
    let most = LOOKS[LOOKS.len() - 1];
    pairs.len() >= most
        || (LOOKS.contains(&pairs.len())
            && compare_pairs(pairs, threshold).is_ok_and(|found| {
                let width = (found.ratio.hi / found.ratio.lo).sqrt() - 1.0;
                width <= threshold && !found.is_undecided()
            }))
}

/// The centre of what each side took in these pairs, with its 95 % interval: of the very launches that
/// [`compare_pairs`] compares. The numbers behind them are counted in launches.
///
/// # Errors
/// Where there are fewer than six pairs.
pub fn levels_of_pairs(pairs: &[(Nanos, Nanos)]) -> Result<[Estimate; 2], StatisticError> {
    let centre = |of: fn(&(Nanos, Nanos)) -> Nanos| -> Result<Estimate, StatisticError> {
        let levels: Vec<f64> = pairs.iter().map(|pair| of(pair).0 as f64).collect();
        let centre = signed_rank(&levels, 0.95)?;
        let [point, lo, hi] = [centre.point, centre.lo, centre.hi].map(Nanos::from_f64);
        Ok(Estimate { point, lo, hi, n: levels.len() })
    };
    Ok([centre(|pair| pair.0)?, centre(|pair| pair.1)?])
}

/// Compares launches that were taken at different times, by Welch's interval of the logarithms of
/// their levels. A launch's level is its median, or its compensated latency
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
        let student = StudentsT::new(0.0, 1.0, freedom).expect("the freedom is above zero");
        student.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) * error.sqrt()
    } else {
        0.0
    };
    let point = b.mean - a.mean;
    Ok(conclude(point, point - half, point + half, first.len() + second.len(), threshold))
}

/// Compares two latencies of which only the intervals are known, each of 95 %, as documents hold them. The
/// logarithms of the two are taken to be independent and normal.
pub fn compare_intervals(first: Estimate, second: Estimate, threshold: f64) -> Comparison {
    let log_of = |nanos: Nanos| log(nanos.0 as f64);
    let half = |of: Estimate| (log_of(of.hi) - log_of(of.lo)) / 2.0;
    // From 95 % to the confidence of a comparison.
    let wider = normal_quantile(CONFIDENCE) / normal_quantile(0.95);
    let half = wider * half(first).hypot(half(second));
    let point = log_of(second.point) - log_of(first.point);
    conclude(point, point - half, point + half, first.n + second.n, threshold)
}

/// How many deviations to both sides hold this share of a normal distribution.
fn normal_quantile(share: f64) -> f64 {
    let normal = Normal::standard();
    normal.inverse_cdf(f64::midpoint(1.0, share))
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

/// Replaces a median of zero, which no real clock gives, so that the ratio stays finite.
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
