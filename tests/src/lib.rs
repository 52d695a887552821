//! Rigs of the end-to-end tests: the real programs, run with deadlines on small real data.
//!
//! The programs are spoken to from outside alone, as people and scripts do: by their command line,
//! their files and their protocol.
//!
//! **Invariant:** no torch and no engine is linked; no wait is without a deadline; only processes
//! that a rig started are ended; what a test needs and the machine lacks is a failure, never a skip.

pub mod board;
pub mod data;
pub mod finished;
pub mod lab;
pub mod link;
pub mod pearl;
pub mod processes;
pub mod programs;
pub mod python;
pub mod run_database;
pub mod running;
pub mod small_search;
pub mod talk;
