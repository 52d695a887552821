//! Statistics of latency samples, and the verdict on whether a measurement may be believed.
//!
//! A measurement is several launches (fresh processes) of many samples each, in short blocks between
//! readings of the sentinel, a fixed reference workload. [`measurement`] turns them into an interval of
//! the median that also covers what differs from launch to launch, [`compensated`] takes out what
//! slowed the device, [`judge`] says whether to believe it, [`Pace`] when it has enough launches,
//! [`compare_pairs`] which of two is slower, [`sustained`] what is left of a device that got hot,
//! [`reproducibility`] where another session is to be expected; [`percentile`], [`Summary`] and
//! [`stability_score`] describe the samples.
//!
//! **Invariant:** pure functions, no clock and no files. A median or a ratio that is claimed is never a
//! bare number: it comes with its interval and count. What too few samples cannot tell is refused. No
//! sample is ever dropped, and no function reorders its input.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clean;
mod comparison;
mod compensation;
mod estimate;
mod judge;
mod launch;
mod measurement;
mod median;
mod nanos;
mod outliers;
mod pace;
mod percentile;
mod reproducibility;
mod samples;
mod signed_rank;
#[cfg(test)]
mod simulation;
mod stability;
mod summary;
mod sustained;
mod thresholds;
mod verdict;

pub use clean::{clean, contended, counted};
pub use comparison::{
    CONFIDENCE as COMPARISON_CONFIDENCE, Comparison, LOOKS, Outcome, Ratio, compare_apart,
    compare_pairs, decided,
};
pub use compensation::{Compensated, calm_speed, compensated, launch_level, speed_of, usual_speed};
pub use estimate::Estimate;
pub use judge::judge;
pub use launch::{Block, LaunchView, Sentinel};
pub use measurement::{LEAST_LAUNCHES, converged, latency, measurement};
pub use median::{interval_ranks, median_estimate};
pub use nanos::Nanos;
pub use outliers::{Outliers, outliers};
pub use pace::{Next, Pace};
pub use percentile::{Percentile, percentile};
pub use reproducibility::{Reproducibility, reproducibility};
pub use samples::Samples;
pub use stability::stability_score;
pub use summary::Summary;
pub use sustained::{CurvePoint, Sustained, Window, sustained};
pub use thresholds::Thresholds;
pub use verdict::{Judgement, Verdict};

/// Why a statistic is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatisticError {
    #[error("no samples")]
    Empty,
    #[error("{name} needs at least {needed} samples, there are {n}")]
    TooFew { name: String, needed: usize, n: usize },
    #[error("a confidence of {0} does not lie between 0 and 1")]
    Confidence(f64),
}
