//! What can go wrong with a policy.
//!
//! **Invariant:** a call that returned an error has changed nothing.

use pearl::train::worker_protocol::PolicyConfigError;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum PolicyError {
    #[error(transparent)]
    Config(#[from] PolicyConfigError),
    #[error("policy: cannot decide over {0}")]
    Shape(String),
    #[error("policy: {given} choices given for {expected} decisions")]
    Decisions { given: usize, expected: usize },
    #[error("policy: decision {decision} has no choice {choice}, only {count} choices")]
    Choice { decision: usize, choice: usize, count: usize },
    #[error("policy: {what} is {value}, not a finite number")]
    NotFinite { what: &'static str, value: f64 },
    #[error("policy state: {0}")]
    State(String),
    #[error(
        "policy state: format '{found}' is not '{known}' of this version of pearl; \
         continue this run with the version that wrote it"
    )]
    Format { found: String, known: &'static str },
    #[error("policy: torch: {0}")]
    Torch(#[from] tch::TchError),
}
