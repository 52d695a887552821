//! What a search maximises, and which candidate it chooses at the end.
//!
//! The reward trades accuracy against the latency measured on the device:
//!
//! | objective | reward | source |
//! |---|---|---|
//! | `soft` | `accuracy · (latency / budget)^w` on both sides of the budget, w = −0.07 | MnasNet (arXiv 1807.11626), eq. 2, α = β |
//! | `hard` | the same with w = 0 within the budget and w = −1 beyond it | MnasNet, eq. 2, α = 0, β = −1 |
//! | `absolute` | `accuracy + b · \|latency / budget − 1\|`, b = −0.10 | TuNAS (arXiv 2008.06120), absolute reward |
//!
//! `absolute` pulls towards the budget from both sides: a student that is faster than the budget loses
//! reward.
//!
//! **Invariant:** a reward is finite, or it is an error; of two candidates alike in latency the more
//! accurate one never has the lower reward.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

const SOFT_W: f64 = -0.07;
const ABSOLUTE_B: f64 = -0.10;
const HARD_W: f64 = -1.0;
/// The steepest weight. Steeper trade-offs make no further difference, and could overflow.
const STEEPEST: f64 = -10.0;

/// Written as people type it: `soft`, `soft:-0.07`, `hard`, `absolute`, `absolute:-0.1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Objective {
    /// `w` between −10 and 0.
    Soft {
        w: f64,
    },
    Hard,
    /// `b` between −10 and 0.
    Absolute {
        b: f64,
    },
}

#[derive(Clone, Debug, PartialEq, Error)]
pub enum ObjectiveError {
    #[error(
        "objective '{0}': there is no such objective; there are soft, soft:W, hard, absolute and absolute:B \
         (W and B between {STEEPEST} and 0, such as soft:{SOFT_W} and absolute:{ABSOLUTE_B})"
    )]
    Unknown(String),
    #[error("objective '{0}': '{1}' is not a number between {STEEPEST} and 0")]
    Weight(String, String),
    #[error(
        "no reward for accuracy {accuracy}, latency {latency_ns} ns and budget {budget_ns} ns: {expected}"
    )]
    Input { accuracy: f64, latency_ns: u64, budget_ns: u64, expected: &'static str },
}

impl Default for Objective {
    fn default() -> Self {
        Self::Soft { w: SOFT_W }
    }
}

impl Objective {
    /// `accuracy` is a share (0 to 1), `latency_ns` the measured median.
    ///
    /// # Errors
    /// An accuracy that is no share, or a latency or budget of zero.
    pub fn reward(
        self,
        accuracy: f64,
        latency_ns: u64,
        budget_ns: u64,
    ) -> Result<f64, ObjectiveError> {
        let refuse = |expected| ObjectiveError::Input { accuracy, latency_ns, budget_ns, expected };
        if !(0.0..=1.0).contains(&accuracy) {
            return Err(refuse("an accuracy is between 0 and 1"));
        }
        if latency_ns == 0 || budget_ns == 0 {
            return Err(refuse("latency and budget are above zero"));
        }
        let ratio = latency_ns as f64 / budget_ns as f64;
        let reward = match self {
            Self::Soft { w } => accuracy * ratio.powf(w),
            Self::Hard if latency_ns <= budget_ns => accuracy,
            Self::Hard => accuracy * ratio.powf(HARD_W),
            Self::Absolute { b } => accuracy + b * (ratio - 1.0).abs(),
        };
        if reward.is_finite() {
            Ok(reward)
        } else {
            Err(refuse("the objective's weight is out of range"))
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Soft { w } => write!(f, "soft:{w}"),
            Self::Hard => f.write_str("hard"),
            Self::Absolute { b } => write!(f, "absolute:{b}"),
        }
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let weight = |number: &str| {
            number
                .parse::<f64>()
                .ok()
                .filter(|weight| (STEEPEST..=0.0).contains(weight))
                .ok_or_else(|| ObjectiveError::Weight(text.to_owned(), number.to_owned()))
        };
        match text.split_once(':') {
            None if text == "soft" => Ok(Self::Soft { w: SOFT_W }),
            None if text == "hard" => Ok(Self::Hard),
            None if text == "absolute" => Ok(Self::Absolute { b: ABSOLUTE_B }),
            Some(("soft", number)) => Ok(Self::Soft { w: weight(number)? }),
            Some(("absolute", number)) => Ok(Self::Absolute { b: weight(number)? }),
            _ => Err(ObjectiveError::Unknown(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Objective {
    type Error = ObjectiveError;

    fn try_from(text: String) -> Result<Self, ObjectiveError> {
        text.parse()
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        objective.to_string()
    }
}

/// A measured candidate that may be chosen. `lo_ns` to `hi_ns` is the confidence interval of the
/// median latency `latency_ns`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contender {
    pub index: usize,
    pub accuracy: f64,
    pub latency_ns: u64,
    pub lo_ns: u64,
    pub hi_ns: u64,
}

impl Contender {
    /// Whether the whole interval lies within the budget, or with a window within `budget ± window`.
    pub fn is_within(&self, budget_ns: u64, window_ns: Option<u64>) -> bool {
        match window_ns {
            None => self.hi_ns <= budget_ns,
            Some(window) => {
                self.lo_ns >= budget_ns.saturating_sub(window)
                    && self.hi_ns <= budget_ns.saturating_add(window)
            }
        }
    }
}

/// The most accurate contender whose latency interval is admitted; of equals the faster one, then
/// the one of lower index. `None` if no interval is admitted.
pub fn best(
    contenders: impl IntoIterator<Item = Contender>,
    budget_ns: u64,
    window_ns: Option<u64>,
) -> Option<Contender> {
    contenders
        .into_iter()
        .filter(|contender| {
            contender.accuracy.is_finite() && contender.is_within(budget_ns, window_ns)
        })
        .min_by(|a, b| {
            b.accuracy
                .total_cmp(&a.accuracy)
                .then(a.latency_ns.cmp(&b.latency_ns))
                .then(a.index.cmp(&b.index))
        })
}

#[cfg(test)]
mod tests;
