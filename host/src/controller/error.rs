//! What can go wrong with a policy.
//!
//! **Invariant:** a call that returned an error has changed nothing.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ControllerError {
    #[error("controller: {name} is {value}, expected {lo} to {hi}")]
    Config { name: &'static str, value: f64, lo: f64, hi: f64 },
    #[error("controller: cannot decide over {0}")]
    Shape(String),
    #[error("controller: {given} choices given for {expected} decisions")]
    Decisions { given: usize, expected: usize },
    #[error("controller: decision {decision} has no choice {choice}, only {count} choices")]
    Choice { decision: usize, choice: usize, count: usize },
    #[error("controller: {what} is {value}, not a finite number")]
    NotFinite { what: &'static str, value: f64 },
    #[error("controller state: {0}")]
    State(String),
    #[error(
        "controller state: format '{found}' is not '{known}' of this version of pearl; \
         continue this run with the version that wrote it"
    )]
    Format { found: String, known: &'static str },
    #[error("controller: torch: {0}")]
    Torch(#[from] tch::TchError),
}
