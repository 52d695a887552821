//! Why a model could not be loaded, optimised or run.
//!
//! **Invariant:** every message begins with the object that it is about and takes one line.

use pearl_agent::protocol::wire::{Failure, FailureKind};

/// Why a model could not be loaded, optimised or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file, or the graph as a whole.
    #[error("{model}: {reason}")]
    Model {
        /// Path of the model.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// One node; `index` counts from 0 in the file's order.
    #[error("{model}: node {index} '{operator}'{name}: {reason}")]
    Node {
        /// Path of the model.
        model: String,
        /// Position of the node in the file, from 0.
        index: usize,
        /// Operator of the node, such as `Resize`.
        operator: String,
        /// Name of the node in the file; may be empty.
        name: NodeName,
        /// What is wrong.
        reason: String,
    },
    /// An input of the model, or the tensor given for it.
    #[error("{model}: input '{input}' {reason}")]
    Input {
        /// Path of the model.
        model: String,
        /// Name of the input.
        input: String,
        /// What is wrong.
        reason: String,
    },
    /// An output of the model.
    #[error("{model}: output '{output}' {reason}")]
    Output {
        /// Path of the model.
        model: String,
        /// Name of the output.
        output: String,
        /// What is wrong.
        reason: String,
    },
    /// A failure that values of ours may have caused.
    #[error(
        "{source}; {inputs} got values that nobody gave, and these may be the cause: give others with --input-value"
    )]
    Fed {
        /// What failed.
        source: Box<EngineError>,
        /// The inputs and their values.
        inputs: String,
    },
    /// The file is larger than the limit.
    #[error("{model}: {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Path of the model.
        model: String,
        /// Size of the file, in bytes.
        bytes: u64,
        /// Most bytes that are read.
        limit: u64,
    },
    /// The request is invalid on this device.
    #[error("{0}")]
    Request(String),
    /// The device lacks what was requested.
    #[error("{0}")]
    Device(String),
    /// The operating system refuses what the agent needs.
    #[error("{what}: {source}")]
    System {
        /// What was attempted, such as `pinning`.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
}

impl EngineError {
    /// This error of a node, with another one of the same model.
    pub(crate) fn and(self, other: &Self) -> Self {
        match self {
            Self::Node { model, index, operator, name, reason } => {
                let other = other.to_string();
                let other = other.strip_prefix(&format!("{model}: ")).unwrap_or(&other);
                let reason = format!("{reason}; {other}");
                Self::Node { model, index, operator, name, reason }
            }
            error => error,
        }
    }
}

/// Printed in brackets after the operator, where the file gives the node one.
#[derive(Debug)]
pub struct NodeName(pub String);

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", one_line(&self.0)) }
    }
}

/// Longest foreign text in a message, in characters.
const LONGEST: usize = 300;

/// Sanitises foreign text for a message: no line breaks or control characters, not too long.
pub(crate) fn one_line(text: &str) -> String {
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
            | EngineError::Output { .. }
            | EngineError::Fed { .. } => FailureKind::BadInput,
            EngineError::TooLarge { .. } => FailureKind::Limit,
            EngineError::Request(_) => FailureKind::BadRequest,
            EngineError::Device(_) => FailureKind::Device,
            EngineError::System { .. } => FailureKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
