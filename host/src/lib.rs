//! Everything that a person runs.
//!
//! **Invariant:** tch appears in the worker and the controller alone, rusqlite in the store alone.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod child;
pub mod data;
pub mod device;
pub mod exit;
pub mod interrupt;
pub mod store;
pub mod weights;
pub mod worker;
