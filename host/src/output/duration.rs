//! Durations as people write them.

use std::time::Duration;

use pearl_calibration::Estimate;

const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];
/// The longest duration in seconds: a day.
const MOST: f64 = 86_400.0;

/// Parses `15ms`, `1.5s`, `250us`, `10m`, `2h`.
///
/// # Errors
/// If the unit is missing or unknown, or the number is not positive.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || format!("'{text}' is not a duration such as 15ms, 1.5s, 250us, 10m or 2h");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(expected)?;
    let (number, unit) = text.split_at(split);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(expected)?;
    let number: f64 = number.parse().map_err(|_| expected())?;
    let total = number * seconds;
    if !(1e-9..=MOST).contains(&total) {
        return Err(format!("'{text}' does not lie between 1ns and a day"));
    }
    Ok(Duration::from_secs_f64(total))
}

/// Milliseconds for people, to three or four digits.
pub fn ms(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    let decimals = match ms {
        100.0.. => 0,
        10.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        _ => 6,
    };
    format!("{ms:.decimals$} ms")
}

/// A latency with its interval: `6.812 ms (6.790 ms – 6.834 ms)`.
pub fn ms_with_interval(latency: &Estimate) -> String {
    let [point, lo, hi] = [latency.point, latency.lo, latency.hi].map(|ns| ms(ns.0));
    format!("{point} ({lo} – {hi})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_keep_their_digits() {
        for (ns, text) in [
            (551, "0.000551 ms"),
            (12_345, "0.0123 ms"),
            (292_000, "0.292 ms"),
            (15_678_900, "15.68 ms"),
        ] {
            assert_eq!(ms(ns), text);
        }
    }

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, ns) in [
            ("15ms", 15_000_000),
            ("1.5s", 1_500_000_000),
            ("250us", 250_000),
            ("250µs", 250_000),
            ("10m", 600_000_000_000),
            ("2h", 7_200_000_000_000),
            ("7ns", 7),
        ] {
            assert_eq!(parse(text).map(|duration| duration.as_nanos()), Ok(ns), "{text}");
        }
        for text in ["", "15", "ms", "0ms", "-1ms", "1e3ms", "15 parsecs", "99999999m", "1..5s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
