//! Statistics of the samples of one latency.
//!
//! **Invariant:** a statistic for which there are too few samples is an error.

mod error;
mod estimate;
mod median;
mod nanos;
mod outliers;
mod percentile;
mod quantile;
pub(crate) mod samples;
pub(crate) mod signed_rank;
mod stability;
mod summary;

pub use error::StatisticError;
pub use estimate::Estimate;
pub use median::{interval_ranks, median_estimate};
pub use nanos::Nanos;
pub use outliers::{Outliers, outliers};
pub use percentile::{Percentile, percentile};
pub use quantile::quantile;
pub use samples::Samples;
pub use stability::stability_score;
pub use summary::Summary;
