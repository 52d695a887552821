//! What a search maximises, and which candidate it hands over at the end.
//!
//! The reward trades accuracy against the latency measured on the device:
//!
//! | objective | reward | source |
//! |---|---|---|
//! | `soft` | `accuracy · (latency / budget)^w` on both sides of the budget, w = −0.07 | MnasNet (arXiv 1807.11626), eq. 2, α = β |
//! | `hard` | the same with w = 0 within the budget and w = −1 beyond it | MnasNet, eq. 2, α = 0, β = −1 |
//! | `absolute` | `accuracy + b · \|latency / budget − 1\|`, b = −0.10 | TuNAS (arXiv 2008.06120), absolute reward |
//!
//! `absolute` pulls towards the budget from both sides: a student faster than asked loses by it.
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
/// Steeper trade-offs than this say nothing more, and could overflow.
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
    fn is_within(&self, budget_ns: u64, window_ns: Option<u64>) -> bool {
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
/// the one of lower index. None where no interval is admitted.
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOFT: Objective = Objective::Soft { w: SOFT_W };
    const ABSOLUTE: Objective = Objective::Absolute { b: ABSOLUTE_B };
    const MS: u64 = 1_000_000;

    #[test]
    fn rewards_equal_hand_computed_ones() {
        // 2^-0.07 = 0.952638, 2^0.07 = 1.049717 (MnasNet: twice the latency for 5 % of accuracy).
        for (objective, accuracy, latency, expected) in [
            (SOFT, 0.80, 15, 0.80),
            (SOFT, 0.80, 30, 0.762110),
            (SOFT, 0.88, 30, 0.838321),
            (Objective::Soft { w: 0.0 }, 0.80, 60, 0.80),
            (Objective::Soft { w: -1.0 }, 0.80, 60, 0.20),
            (Objective::Hard, 0.80, 15, 0.80),
            (Objective::Hard, 0.80, 1, 0.80),
            (Objective::Hard, 0.80, 30, 0.40),
            (ABSOLUTE, 0.80, 15, 0.80),
            (ABSOLUTE, 0.80, 30, 0.70),
            (ABSOLUTE, 0.80, 12, 0.78),
            (ABSOLUTE, 0.00, 45, -0.20),
        ] {
            let reward = objective.reward(accuracy, latency * MS, 15 * MS).unwrap();
            assert!(
                (reward - expected).abs() < 1e-6,
                "{objective} of {accuracy} at {latency} ms: {reward}"
            );
        }
        let half = SOFT.reward(0.80, 15 * MS, 30 * MS).unwrap();
        assert!((half - 0.839773).abs() < 1e-6, "{half}");
    }

    #[test]
    fn what_is_no_accuracy_or_latency_has_no_reward() {
        for (accuracy, latency, budget) in [
            (f64::NAN, 1, 1),
            (-0.1, 1, 1),
            (1.1, 1, 1),
            (f64::INFINITY, 1, 1),
            (0.5, 0, 1),
            (0.5, 1, 0),
        ] {
            for objective in [SOFT, Objective::Hard, ABSOLUTE] {
                assert!(
                    objective.reward(accuracy, latency, budget).is_err(),
                    "{accuracy} {latency} {budget}"
                );
            }
        }
    }

    #[test]
    fn an_objective_is_read_as_people_type_it() {
        for (text, expected) in [
            ("soft", SOFT),
            ("soft:-0.07", SOFT),
            ("soft:0", Objective::Soft { w: 0.0 }),
            ("hard", Objective::Hard),
            ("absolute", ABSOLUTE),
            ("absolute:-0.25", Objective::Absolute { b: -0.25 }),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_unknown_objective_is_refused_with_what_exists() {
        for (text, says) in [
            (
                "sofd",
                "'sofd': there is no such objective; there are soft, soft:W, hard, absolute and absolute:B",
            ),
            ("", "''"),
            ("hard:-1", "'hard:-1': there is no such objective"),
            ("Soft", "'Soft'"),
            ("soft:", "'' is not a number between -10 and 0"),
            ("soft:0.07", "'0.07' is not a number between -10 and 0"),
            ("soft:nan", "'nan'"),
            ("absolute:-inf", "'-inf'"),
            ("absolute:-0.1:2", "'-0.1:2'"),
        ] {
            let error = text.parse::<Objective>().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<Objective>(&json).is_err(), "{json}");
        }
    }

    fn contender((index, accuracy, lo, mid, hi): (usize, f64, u64, u64, u64)) -> Contender {
        Contender { index, accuracy, lo_ns: lo, latency_ns: mid, hi_ns: hi }
    }

    #[test]
    fn the_most_accurate_whose_interval_is_admitted_is_chosen() {
        let usual = [
            (0, 0.80, 90, 95, 100),
            (1, 0.85, 94, 97, 101), // its median is within the budget, its interval is not
            (2, 0.83, 50, 51, 52),
            (3, 0.90, 110, 111, 112),
        ];
        let tied = [
            (4, 0.83, 60, 70, 80),
            (7, 0.83, 50, 60, 70),
            (6, 0.83, 55, 60, 65),
            (5, f64::NAN, 1, 1, 1),
        ];
        for (name, candidates, window, expected) in [
            ("budget", &usual[..], None, Some(2)),
            ("window of 1: only a short interval fits", &usual, Some(1), None),
            ("window of 10: the fast one no longer counts", &usual, Some(10), Some(1)),
            ("window of 12", &usual, Some(12), Some(3)),
            ("window beyond any number", &usual, Some(u64::MAX), Some(3)),
            ("nobody", &usual[3..], None, None),
            ("no candidates", &[], None, None),
            ("ties", &tied, None, Some(6)),
        ] {
            let chosen = best(candidates.iter().copied().map(contender), 100, window);
            assert_eq!(chosen.map(|c| c.index), expected, "{name}");
            let reversed = best(candidates.iter().rev().copied().map(contender), 100, window);
            assert_eq!(reversed.map(|c| c.index), expected, "{name}, reversed");
        }
    }

    fn objectives() -> impl Strategy<Value = Objective> {
        prop_oneof![
            (STEEPEST..=0.0).prop_map(|w| Objective::Soft { w }),
            Just(Objective::Hard),
            (STEEPEST..=0.0).prop_map(|b| Objective::Absolute { b }),
        ]
    }

    proptest! {
        #[test]
        fn an_objective_survives_its_own_text(objective in objectives()) {
            prop_assert_eq!(objective.to_string().parse(), Ok(objective));
            let json = serde_json::to_string(&objective).unwrap();
            prop_assert_eq!(serde_json::from_str::<Objective>(&json).unwrap(), objective);
        }

        #[test]
        fn a_reward_is_finite_and_grows_with_accuracy(
            objective in objectives(), a in 0.0..=1.0, b in 0.0..=1.0,
            latency in 1..=u64::MAX, budget in 1..=u64::MAX,
        ) {
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            let low = objective.reward(low, latency, budget).unwrap();
            prop_assert!(low.is_finite() && low <= objective.reward(high, latency, budget).unwrap());
        }

        #[test]
        fn a_reward_falls_with_latency_beyond_the_budget(
            objective in objectives(), accuracy in 0.0..=1.0, budget in 1..1u64 << 40, a in 0..1u64 << 40, b in 0..1u64 << 40,
        ) {
            let reward = |over| objective.reward(accuracy, budget + over, budget).unwrap();
            prop_assert!(reward(a.max(b)) <= reward(a.min(b)));
        }

        #[test]
        fn within_the_budget_only_the_absolute_reward_falls_with_speed(
            objective in objectives(), accuracy in 0.0..=1.0, budget in 2..1u64 << 40, a in 0.0..1.0f64, b in 0.0..1.0f64,
        ) {
            let reward = |share: f64| {
                objective.reward(accuracy, ((share * budget as f64) as u64).clamp(1, budget), budget).unwrap()
            };
            let (fast, slow) = (reward(a.min(b)), reward(a.max(b)));
            match objective {
                Objective::Absolute { .. } => prop_assert!(fast <= slow),
                Objective::Soft { .. } => prop_assert!(fast >= slow),
                Objective::Hard => prop_assert_eq!(fast, slow),
            }
        }

        #[test]
        fn at_the_budget_the_reward_is_the_accuracy_and_does_not_jump(
            objective in objectives(), accuracy in 0.0..=1.0, budget in 1_000_000..1u64 << 40,
        ) {
            let at = objective.reward(accuracy, budget, budget).unwrap();
            prop_assert_eq!(at, accuracy);
            for near in [budget - 1, budget + 1] {
                let there = objective.reward(accuracy, near, budget).unwrap();
                prop_assert!((there - at).abs() < 2e-5, "{} at {}", there, near);
            }
        }
    }
}
