//! Everything that a person runs.
//!
//! **Invariant:** tch appears in the worker and the controller alone, rusqlite in the store alone.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod child;
pub mod choice;
pub mod cli;
#[cfg(feature = "torch")]
pub mod controller;
pub mod device;
pub mod duration;
pub mod exit;
pub mod home;
pub mod interrupt;
pub mod measure;
pub mod objective;
pub mod report;
pub mod store;
pub mod stored_run;

#[cfg(feature = "torch")]
pub mod data;
#[cfg(feature = "torch")]
pub mod search;
#[cfg(feature = "torch")]
pub mod teacher;
pub mod weights;
#[cfg(feature = "torch")]
pub mod worker;
