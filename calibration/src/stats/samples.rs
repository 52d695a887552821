//! The samples of one launch, or of several one after another.
//!
//! **Invariant:** never empty, and in the order in which they were taken.

use serde::{Deserialize, Serialize};

use crate::{Nanos, StatisticError};

/// Latencies in time order; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Nanos>", into = "Vec<Nanos>")]
pub struct Samples(Vec<Nanos>);

impl Samples {
    /// # Errors
    /// Where there are no samples.
    pub fn new(in_time_order: Vec<Nanos>) -> Result<Self, StatisticError> {
        if in_time_order.is_empty() { Err(StatisticError::Empty) } else { Ok(Self(in_time_order)) }
    }

    /// # Errors
    /// Where there are no samples.
    pub fn from_ns(in_time_order: &[u64]) -> Result<Self, StatisticError> {
        Self::new(in_time_order.iter().copied().map(Nanos).collect())
    }

    /// All samples, in the order in which they were taken.
    pub fn in_time_order(&self) -> &[Nanos] {
        &self.0
    }

    /// Number of samples.
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// A sorted copy.
    pub fn sorted(&self) -> Vec<Nanos> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }

    /// The middle sample; of an even count the mean of the two in the middle.
    pub fn median(&self) -> Nanos {
        let mut all = self.0.clone();
        let middle = all.len() / 2;
        let (below, upper, _) = all.select_nth_unstable(middle);
        let lower = below.iter().max().filter(|_| self.0.len().is_multiple_of(2)).unwrap_or(upper);
        Nanos(lower.0.midpoint(upper.0))
    }
}

pub(crate) fn median_of_sorted(sorted: &[Nanos]) -> Nanos {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        Nanos(sorted[middle - 1].0.midpoint(sorted[middle].0))
    }
}

impl TryFrom<Vec<Nanos>> for Samples {
    type Error = StatisticError;

    fn try_from(in_time_order: Vec<Nanos>) -> Result<Self, StatisticError> {
        Self::new(in_time_order)
    }
}

impl From<Samples> for Vec<Nanos> {
    fn from(samples: Samples) -> Self {
        samples.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_empty_samples() {
        assert_eq!(Samples::from_ns(&[]), Err(StatisticError::Empty));
    }

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(Samples::from_ns(&[4, 1, 100, 2]).unwrap().median(), Nanos(3));
        assert_eq!(Samples::from_ns(&[7, 1, 3]).unwrap().median(), Nanos(3));
        assert_eq!(Samples::from_ns(&[u64::MAX; 2]).unwrap().median(), Nanos(u64::MAX));
    }

    #[test]
    fn asking_for_order_leaves_the_time_order_alone() {
        let samples = Samples::from_ns(&[3, 1, 2]).unwrap();
        let _ = (samples.sorted(), samples.median());
        assert_eq!(samples.in_time_order(), [Nanos(3), Nanos(1), Nanos(2)]);
    }
}
