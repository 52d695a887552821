//! Why a statistic is refused.

/// Why a statistic is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatisticError {
    /// There are no samples.
    #[error("no samples")]
    Empty,
    /// There are fewer samples than the statistic needs.
    #[error("{name} needs at least {needed} samples, there are {n}")]
    TooFew {
        /// Name of the statistic, such as `p99`.
        name: String,
        /// Least number of samples.
        needed: usize,
        /// Number of samples given.
        n: usize,
    },
    /// The confidence is not between 0 and 1.
    #[error("a confidence of {0} does not lie between 0 and 1")]
    Confidence(f64),
}
