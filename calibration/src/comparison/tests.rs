use super::*;
use crate::verdict::simulation::{Stream, Weather};

const THRESHOLD: f64 = 0.02;
const SESSIONS: u32 = 1000;

/// One session: pairs in random order until the rule says stop.
fn session(weather: &mut Weather, difference: f64) -> Comparison {
    let mut pairs = Vec::new();
    while !decided(&pairs, THRESHOLD) {
        let level =
            |weather: &mut Weather, level: f64| Nanos::from_f64(5e6 * level * weather.next());
        let (a, b) = if weather.stream.uniform() < 0.5 {
            let a = level(weather, 1.0);
            (a, level(weather, 1.0 + difference))
        } else {
            let b = level(weather, 1.0 + difference);
            (level(weather, 1.0), b)
        };
        pairs.push((a, b));
    }
    compare_pairs(&pairs, THRESHOLD).unwrap()
}

/// The share of sessions that come to one of `outcomes`, and the mean number of pairs.
fn share(outcomes: &[Outcome], difference: f64, spread: f64, bursts: f64) -> (f64, f64) {
    let (mut called, mut pairs) = (0, 0);
    for seed in 0..SESSIONS {
        let mut weather = Weather::new(u64::from(seed) + 1, spread, bursts);
        let found = session(&mut weather, difference);
        called += u32::from(outcomes.contains(&found.outcome));
        pairs += found.ratio.n;
    }
    (f64::from(called) / f64::from(SESSIONS), pairs as f64 / f64::from(SESSIONS))
}

#[test]
fn the_same_model_twice_is_hardly_ever_called_different() {
    for (spread, bursts) in [(0.005, 0.0), (0.01, 0.02), (0.02, 0.0), (0.02, 0.05), (0.05, 0.05)] {
        let different = [Outcome::Slower, Outcome::Faster];
        let (called, pairs) = share(&different, 0.0, spread, bursts);
        assert!(called <= 0.01, "spread {spread}, bursts {bursts}: {called} after {pairs} pairs");
    }
}

#[test]
fn three_per_cent_are_nearly_always_told() {
    for (spread, bursts) in [(0.005, 0.0), (0.01, 0.02), (0.02, 0.0), (0.02, 0.05)] {
        for (difference, outcome) in [(0.03, Outcome::Slower), (-0.03, Outcome::Faster)] {
            let (told, pairs) = share(&[outcome], difference, spread, bursts);
            assert!(told >= 0.95, "spread {spread}, bursts {bursts}: {told} after {pairs} pairs");
        }
    }
}

#[test]
fn the_interval_holds_the_ratio_in_all_looks_together() {
    let covered = (0..SESSIONS).filter(|&seed| {
        let mut weather = Weather::new(u64::from(seed) + 1, 0.02, 0.0);
        let Ratio { lo, hi, .. } = session(&mut weather, 0.01).ratio;
        lo <= 1.01 && 1.01 <= hi
    });
    assert!(covered.count() as f64 >= 0.985 * f64::from(SESSIONS));
}

#[test]
fn a_comparison_says_what_it_found_in_words() {
    let check = |difference: f64, wobble: u64, threshold: f64, expected: &str| {
        let pairs: Vec<_> = (0..10)
            .map(|at| {
                let a = 1_000_000 + wobble * (at % 2);
                let b = 1_000_000 + wobble * (at % 3 % 2);
                (Nanos(a), Nanos::from_f64(b as f64 * (1.0 + difference)))
            })
            .collect();
        let found = compare_pairs(&pairs, threshold).unwrap();
        assert_eq!(found.to_string(), expected);
        assert_eq!(found.is_undecided(), expected.starts_with("undecided"), "{found:?}");
    };
    check(0.0, 0, 0.02, "no difference above 2.00 %");
    check(0.05, 0, 0.02, "slower by 5.00 % (5.00 – 5.00 %)");
    check(-0.05, 0, 0.02, "faster by 5.00 % (5.00 – 5.00 %)");
    check(0.01, 0, 0.02, "no difference above 2.00 %");
    check(
        0.0,
        40_000,
        0.02,
        "undecided: any difference lies below 4.00 %, which is more than the threshold of 2.00 %",
    );
    check(0.0, 40_000, 0.05, "no difference above 5.00 %");
    assert!(compare_pairs(&[(Nanos(1), Nanos(1)); 9], 0.02).is_err());
}

#[test]
fn a_comparison_ends_at_a_look_and_at_the_latest_at_the_last() {
    let same = [(Nanos(1_000_000), Nanos(1_000_000)); 50];
    assert!(!decided(&same[..9], 0.02) && decided(&same[..10], 0.02));
    assert!(!decided(&same[..11], 0.02));
    let wild: Vec<_> =
        (0..50).map(|at| (Nanos(1_000_000), Nanos(1_000_000 + 200_000 * (at % 2)))).collect();
    assert!(!decided(&wild[..38], 0.02) && decided(&wild, 0.02));
}

#[test]
fn measurements_of_different_times_are_compared_by_their_launches() {
    let launches = |seed, level: f64, spread: f64| -> Vec<f64> {
        let mut stream = Stream::new(seed);
        (0..8).map(|_| level * (1.0 + spread * stream.normal())).collect()
    };
    let one = launches(1, 5e6, 0.005);
    let other = compare_apart(&one, &launches(2, 5.4e6, 0.005), 0.02).unwrap();
    assert_eq!((other.outcome, other.ratio.n), (Outcome::Slower, 16));
    assert!(other.ratio.lo < 1.08 && 1.08 < other.ratio.hi, "{other}");
    let same = compare_apart(&one, &one, 0.02).unwrap();
    assert_eq!(same.outcome, Outcome::NoDifference);
    assert!(compare_apart(&one, &one[..1], 0.02).is_err());
    let mut alarms = 0;
    for seed in 0..2000 {
        let (a, b) = (launches(2 * seed, 5e6, 0.02), launches(2 * seed + 1, 5e6, 0.02));
        let found = compare_apart(&a, &b, 0.0).unwrap();
        alarms += u32::from(matches!(found.outcome, Outcome::Slower | Outcome::Faster));
    }
    assert!(alarms <= 30, "{alarms} false alarms of 2000");
}

#[test]
fn intervals_of_documents_are_combined_and_widened_to_the_confidence_of_a_comparison() {
    let estimate = |point: u64, percent: f64| {
        let at = |share: f64| Nanos::from_f64(point as f64 * share);
        let (lo, hi) = (at(1.0 / (1.0 + percent / 100.0)), at(1.0 + percent / 100.0));
        Estimate { point: Nanos(point), lo, hi, n: 6 }
    };
    // Of ±1 % each: ±1.41 % at 95 %, ±1.86 % at 99 %.
    let alike = compare_intervals(estimate(10_000_000, 1.0), estimate(10_000_000, 1.0), 0.02);
    assert_eq!((alike.outcome, alike.ratio.n), (Outcome::NoDifference, 12));
    let half = 100.0 * (alike.ratio.hi - 1.0);
    assert!((half - 1.867).abs() < 0.01, "{half}");
    for (second, outcome) in [
        (10_300_000, Outcome::Slower),
        (9_700_000, Outcome::Faster),
        (10_100_000, Outcome::Undecided),
    ] {
        let found = compare_intervals(estimate(10_000_000, 1.0), estimate(second, 1.0), 0.02);
        assert_eq!(found.outcome, outcome, "{found}");
    }
}
