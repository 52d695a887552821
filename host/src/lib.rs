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
pub mod data;
pub mod device;
pub mod doctor;
pub mod duration;
pub mod exit;
pub mod harmless;
pub mod history;
pub mod home;
pub mod interrupt;
pub mod measure;
pub mod objective;
pub mod report;
#[cfg(feature = "torch")]
pub mod search;
pub mod seeds;
pub mod store;
pub mod stored_run;
pub mod streams;
pub mod teacher;
pub mod transport;
pub mod weights;
pub mod worker;
