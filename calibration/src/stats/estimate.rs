//! A number with its confidence interval.
//!
//! **Invariant:** `lo <= point <= hi`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Nanos;

/// A point, the interval that holds the true value with the confidence asked for, and the number of
/// samples behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub point: Nanos,
    /// Lower end of the interval.
    pub lo: Nanos,
    /// Upper end of the interval.
    pub hi: Nanos,
    /// Number of samples.
    pub n: usize,
}

impl Estimate {
    /// The wider half of the interval as a share of the point; infinite where the point is zero.
    pub fn relative_half_width(&self) -> f64 {
        let half =
            (self.hi.0.saturating_sub(self.point.0)).max(self.point.0.saturating_sub(self.lo.0));
        if self.point.0 == 0 { f64::INFINITY } else { half as f64 / self.point.0 as f64 }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.relative_half_width();
        write!(f, "{} ± {percent:.1} % (n = {})", self.point, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wider_half_is_the_one_that_counts() {
        let estimate = Estimate { point: Nanos(100), lo: Nanos(98), hi: Nanos(107), n: 9 };
        assert!((estimate.relative_half_width() - 0.07).abs() < 1e-12);
        let zero = Estimate { point: Nanos(0), lo: Nanos(0), hi: Nanos(1), n: 9 };
        assert!(zero.relative_half_width().is_infinite());
    }
}
