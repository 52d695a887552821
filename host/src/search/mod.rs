//! The search: sample, train, export, measure, reward, and again; then train the winner.
//!
//! Every step is stored before the next begins, so that a run that was killed goes on exactly where
//! it was. Whoever wants to watch listens to [`Event`]s.
//!
//! **Invariant:** a reward follows from a training and a measurement that are both in the store; no
//! training step overlaps a timed inference on the same machine, for one thread does both in turn.

mod budget;
mod candidate;
mod config;
mod event;
mod facts;
mod run;
mod winner;

pub use budget::Budget;
pub use config::{FinalTraining, SearchConfig};
pub use event::{Event, Observer};
pub use run::{Outcome, search};
