//! Launches pooled into one latency, and whether to believe it.
//!
//! `clean` selects the launches that count. `cause` says what made some slower than others. `measurement` estimates the raw latency, `compensation` the
//! compensated one. `judge` gives the verdict. `stopping_rule` says when there are enough launches.
//! `sustained` is about one long run, `reproducibility` about other sessions.

mod cause;
mod compensation;
mod contention;
mod judge;
mod judgement;
mod launch_view;
mod pooled_latency;
mod reproducibility;
#[cfg(test)]
pub(crate) mod simulation;
mod stopping_rule;
mod sustained;
mod thresholds;

pub use compensation::{
    Compensated, compensated, launch_level, speed_of, undisturbed_speed, usual_speed,
};
pub use contention::{clean, contended, counted};
pub use judge::judge;
pub use judgement::{Judgement, Verdict};
pub use launch_view::{Block, LaunchView, Sentinel};
pub use pooled_latency::{LEAST_LAUNCHES, converged, latency, measurement};
pub use reproducibility::{Reproducibility, reproducibility};
pub use stopping_rule::{Next, StoppingRule};
pub use sustained::{CurvePoint, Sustained, Window, sustained};
pub use thresholds::Thresholds;
