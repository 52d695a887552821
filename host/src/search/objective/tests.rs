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
        ("none within the budget", &usual[3..], None, None),
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
