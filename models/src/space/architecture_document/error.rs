//! Why a document is not an architecture.
//!
//! **Invariant:** a message about an unknown name lists the known ones.

use thiserror::Error;

use crate::space::SpaceError;
use crate::space::architecture_document::{FORMAT, VERSION};

/// Why a document is not an architecture.
#[derive(Debug, Error)]
pub enum ArchitectureError {
    /// The document is longer than any architecture's.
    #[error("architecture: document of {bytes} bytes, which is more than any architecture has")]
    TooLong {
        /// Length of the document, in bytes.
        bytes: usize,
    },
    /// The document is not JSON, or has other fields.
    #[error("architecture: {0}")]
    Json(#[from] serde_json::Error),
    /// The document has another format, or an older version of it.
    #[error("architecture: format '{found}' is not {FORMAT}/{VERSION}")]
    Format {
        /// The format in the document.
        found: String,
    },
    /// The document has a newer version of the format.
    #[error(
        "architecture: format {FORMAT}/{found} is newer than {FORMAT}/{VERSION}, the newest that \
         this pearl reads; update pearl, or write the file again with this version"
    )]
    Newer {
        /// The version in the document.
        found: String,
    },
    /// The space is unknown, or refuses the choices.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The space has no decision of this name.
    #[error("architecture: space '{space}' has no decision '{decision}'; it has {known}")]
    UnknownDecision {
        /// Name of the space.
        space: String,
        /// The name in the document.
        decision: String,
        /// All decisions of the space, separated by commas.
        known: String,
    },
    /// A decision appears twice.
    #[error("architecture: decision '{decision}' appears twice")]
    Repeated {
        /// Name of the decision.
        decision: String,
    },
    /// A decision does not appear.
    #[error("architecture: decision '{decision}' is missing; its choices are {choices}")]
    Missing {
        /// Name of the decision.
        decision: String,
        /// All choices of the decision, separated by commas.
        choices: String,
    },
    /// A decision has no choice of this label.
    #[error("architecture: decision '{decision}' has no choice '{choice}'; there are {known}")]
    UnknownChoice {
        /// Name of the decision.
        decision: String,
        /// The label in the document.
        choice: String,
        /// All choices of the decision, separated by commas.
        known: String,
    },
}
