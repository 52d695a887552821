//! Percentiles, claimed only with enough samples.
//!
//! The minimum counts are those of MLPerf LoadGen's early stopping at 99 % confidence. With fewer
//! samples, even a run in which no sample exceeds the percentile does not show that it holds.
//!
//! **Invariant:** too few samples give an error, never a number.

use crate::{Nanos, Samples, StatisticError};

/// The percentiles that can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// The median.
    P50,
    /// The sample that at least 90 % of the samples do not exceed.
    P90,
    /// The sample that at least 95 % of the samples do not exceed.
    P95,
    /// The sample that at least 99 % of the samples do not exceed.
    P99,
}

impl Percentile {
    /// Such as 99.
    pub fn percent(self) -> u8 {
        match self {
            Self::P50 => 50,
            Self::P90 => 90,
            Self::P95 => 95,
            Self::P99 => 99,
        }
    }

    /// Least number of samples at which the percentile is claimed.
    pub fn minimum_count(self) -> usize {
        match self {
            Self::P50 => 11,
            Self::P90 => 64,
            Self::P95 => 130,
            Self::P99 => 662,
        }
    }
}

/// The smallest sample that at least that share of the samples does not exceed (nearest rank).
///
/// # Errors
/// Where the samples are fewer than the percentile's minimum count.
pub fn percentile(samples: &Samples, percentile: Percentile) -> Result<Nanos, StatisticError> {
    let (n, needed) = (samples.n(), percentile.minimum_count());
    if n < needed {
        let name = format!("p{}", percentile.percent());
        return Err(StatisticError::TooFew { name, needed, n });
    }
    let rank = (n * usize::from(percentile.percent())).div_ceil(100);
    Ok(samples.sorted()[rank - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Percentile; 4] =
        [Percentile::P50, Percentile::P90, Percentile::P95, Percentile::P99];

    fn count_up_to(n: usize) -> Samples {
        Samples::from_ns(&(1..=n as u64).rev().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn one_sample_too_few_is_refused_by_name() {
        for p in ALL {
            assert!(percentile(&count_up_to(p.minimum_count()), p).is_ok());
            let error = percentile(&count_up_to(p.minimum_count() - 1), p).unwrap_err();
            assert!(error.to_string().starts_with(&format!("p{} needs", p.percent())), "{error}");
        }
    }

    #[test]
    fn of_a_thousand_counted_samples_each_percentile_is_its_own_rank() {
        for p in ALL {
            let expected = Nanos(u64::from(p.percent()) * 10);
            assert_eq!(percentile(&count_up_to(1000), p), Ok(expected));
        }
    }
}
