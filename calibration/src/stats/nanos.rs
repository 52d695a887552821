//! A duration.
//!
//! **Invariant:** whole nanoseconds in every file and message; milliseconds only where a person
//! reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A duration in nanoseconds; printed in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The duration in milliseconds.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The nearest whole nanosecond; negative and unordered numbers become zero.
    pub fn from_f64(ns: f64) -> Self {
        Self(ns.round() as u64)
    }
}

impl fmt::Display for Nanos {
    /// In milliseconds with three decimals, or with as many as the format's precision asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*} ms", f.precision().unwrap_or(3), self.as_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_milliseconds_and_files_hold_nanoseconds() {
        assert_eq!(Nanos(4_632_100).to_string(), "4.632 ms");
        assert_eq!(format!("{:.1}", Nanos(4_632_100)), "4.6 ms");
        assert_eq!(Nanos::from_f64(-3.0), Nanos(0));
        assert_eq!(Nanos::from_f64(2.6), Nanos(3));
    }
}
