//! Numbers as people read them.
//!
//! **Invariant:** a number that is not finite, or is implausibly large, is shown as a dash.

/// Shown in place of a missing number.
pub(super) const NONE: &str = "–";

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: u64 = 1_000_000_000;

pub(super) fn to_ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS
}

/// Milliseconds with four significant digits at most and three decimals at most, without the unit.
pub(super) fn ms(ns: u64) -> String {
    let value = to_ms(ns);
    let decimals = match value {
        value if value < 10.0 => 3,
        value if value < 100.0 => 2,
        value if value < 1000.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Milliseconds that the user typed, such as a budget: the shortest exact form, without the unit.
pub(super) fn short_ms(ns: u64) -> String {
    let exact = format!("{:.6}", to_ms(ns));
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A fraction as a percentage with one decimal, with the unit.
pub(super) fn percent(fraction: f64) -> String {
    percent_with(fraction, 1)
}

/// A fraction as a percentage with two decimals, in which test accuracies differ.
pub(super) fn fine_percent(fraction: f64) -> String {
    percent_with(fraction, 2)
}

fn percent_with(fraction: f64, decimals: usize) -> String {
    let percent = 100.0 * fraction;
    if percent.abs() < 1e9 { format!("{percent:.decimals$}\u{202f}%") } else { NONE.to_owned() }
}

pub(super) fn count(value: u64) -> String {
    let scaled = |unit: f64, suffix: &str| {
        let value = value as f64 / unit;
        let decimals = if value < 10.0 { 2 } else { 1 };
        format!("{value:.decimals$}\u{202f}{suffix}")
    };
    match value {
        0..10_000 => value.to_string(),
        10_000..1_000_000 => scaled(1e3, "k"),
        1_000_000..1_000_000_000 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

pub(super) fn duration(ns: u64) -> String {
    let seconds = ns / NS_PER_S;
    match seconds {
        0..60 => format!("{:.1}\u{202f}s", ns as f64 / NS_PER_S as f64),
        60..3600 => format!("{}\u{202f}min {}\u{202f}s", seconds / 60, seconds % 60),
        _ => format!("{}\u{202f}h {}\u{202f}min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_counts_read_well_at_every_size() {
        assert_eq!([ms(0), ms(1_234_567), ms(15_000_000)], ["0.000", "1.235", "15.00"]);
        assert_eq!([ms(123_456_789), ms(u64::MAX)], ["123.5", "18446744073710"]);
        assert_eq!([short_ms(15_000_000), short_ms(350_000), short_ms(0)], ["15", "0.35", "0"]);
        assert_eq!([count(9_999), count(1_234_567)], ["9999", "1.23\u{202f}M"]);
        assert_eq!(duration(59_900_000_000), "59.9\u{202f}s");
        assert_eq!(duration(692_000_000_000), "11\u{202f}min 32\u{202f}s");
        assert_eq!(duration(7_260_000_000_000), "2\u{202f}h 1\u{202f}min");
    }

    #[test]
    fn what_is_not_finite_is_a_dash() {
        assert_eq!(percent(0.5), "50.0\u{202f}%");
        assert_eq!(percent(f64::NAN), NONE);
        assert_eq!(fine_percent(f64::INFINITY), NONE);
    }
}
