//! Everything that a user runs.
//!
//! ```text
//! cli ─► search ─► train (worker) ─► measure ─► device (agent) ─► store ─► report
//! ```
//!
//! **Invariant:** nothing here links torch; only the store uses rusqlite, only the transports use ssh2
//! and adb.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cli;
pub mod data;
pub mod device;
pub mod measure;
pub mod output;
pub mod process;
pub mod report;
pub mod search;
pub mod store;
pub mod student;
pub mod teacher;
pub mod train;
