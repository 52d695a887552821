//! Why a model could not be loaded, optimised or run.
//!
//! **Invariant:** every message begins with the object that is at fault and takes one line.

use crate::wire::{Failure, FailureKind};

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file, or the graph as a whole.
    #[error("{model}: {reason}")]
    Model { model: String, reason: String },
    /// One node; `index` counts from 0 in the file's order.
    #[error("{model}: node {index} '{operator}'{name}: {reason}")]
    Node { model: String, index: usize, operator: String, name: NodeName, reason: String },
    #[error("{model}: input '{input}' {reason}")]
    Input { model: String, input: String, reason: String },
    #[error("{model}: output '{output}' {reason}")]
    Output { model: String, output: String, reason: String },
    #[error("{model}: {bytes} bytes, the limit is {limit}")]
    TooLarge { model: String, bytes: u64, limit: u64 },
    #[error("{0}")]
    Request(String),
    /// What the device does not have.
    #[error("{0}")]
    Device(String),
    #[error("{what}: {source}")]
    System { what: String, source: std::io::Error },
}

/// Printed in brackets after the operator, where the file gives the node one.
#[derive(Debug)]
pub struct NodeName(pub String);

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", one_line(&self.0)) }
    }
}

/// Longest text of someone else's that goes into a message, in characters.
const LONGEST: usize = 300;

/// Foreign text made fit for a message: no line breaks or control characters, not too long.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let kind = match error {
            EngineError::Model { .. }
            | EngineError::Node { .. }
            | EngineError::Input { .. }
            | EngineError::Output { .. } => FailureKind::BadInput,
            EngineError::TooLarge { .. } => FailureKind::Limit,
            EngineError::Request(_) => FailureKind::BadRequest,
            EngineError::Device(_) => FailureKind::Device,
            EngineError::System { .. } => FailureKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
