//! The search: sample, train, export, measure, reward, and again; then train the winner.
//!
//! Every step is stored before the next begins, so that a killed run resumes exactly where it was.
//! Observers get [`Event`]s.
//!
//! **Invariant:** a reward follows from a training and a measurement that are both in the store; no
//! training step overlaps a timed inference on the same machine, for one thread does both in turn.

mod budget;
pub mod choice;
mod config;
mod event;
pub mod objective;
mod policy_client;
mod procedure;
mod run;
mod run_facts;
pub mod seeds;
mod steps;
mod winner;

pub use budget::Budget;
pub use config::{FinalTraining, SearchConfig};
pub use event::{Event, Observer};
pub use procedure::{Outcome, Prepared, prepare, search};
