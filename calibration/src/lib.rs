//! Statistics of latency samples, and the verdict on whether a measurement may be believed.
//!
//! A measurement is several launches (fresh processes) of many samples each. The samples come in short
//! blocks between readings of the reference workload (sentinel), a fixed small computation.
//!
//! - [`measurement`] estimates the median; its interval also covers the differences between launches.
//! - [`compensated`] removes the slowdown of the device.
//! - [`judge`] gives the verdict, and [`StoppingRule`] says when there are enough launches.
//! - [`compare_pairs`] says which of two models is slower.
//! - [`sustained`] gives the latency that remains on a hot device.
//! - [`reproducibility`] predicts the latency of another session.
//! - [`percentile`], [`Summary`] and [`stability_score`] describe the samples.
//!
//! **Invariant:** pure functions, no clock and no files. A median or a ratio that is claimed is never a
//! bare number: it comes with its interval and count. A statistic for which there are too few samples is
//! an error. No sample is ever dropped, and no function reorders its input.
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod comparison;
mod stats;
mod verdict;

pub use comparison::{
    CONFIDENCE as COMPARISON_CONFIDENCE, Comparison, LOOKS, Outcome, Ratio, compare_apart,
    compare_intervals, compare_pairs, decided, levels_of_pairs,
};
pub use stats::{
    Estimate, Nanos, Outliers, Percentile, Samples, StatisticError, Summary, interval_ranks,
    median_estimate, outliers, percentile, quantile, stability_score,
};
pub use verdict::{
    Block, Compensated, CurvePoint, Judgement, LEAST_LAUNCHES, LaunchView, Next, Reproducibility,
    Sentinel, StoppingRule, Sustained, Thresholds, Verdict, Window, clean, compensated, contended,
    converged, counted, judge, latency, launch_level, measurement, reproducibility, speed_of,
    sustained, undisturbed_speed, usual_speed,
};
