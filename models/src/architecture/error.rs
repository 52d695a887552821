//! Why a document is no architecture.
//!
//! **Invariant:** what is unknown is reported next to what exists.

use thiserror::Error;

use super::document::{FORMAT, VERSION};
use crate::space::SpaceError;

#[derive(Debug, Error)]
pub enum ArchitectureError {
    #[error("architecture: document of {bytes} bytes, which is more than any architecture has")]
    TooLong { bytes: usize },
    #[error("architecture: {0}")]
    Json(#[from] serde_json::Error),
    #[error("architecture: format '{found}' is not {FORMAT}/{VERSION}")]
    Format { found: String },
    #[error(
        "architecture: format {FORMAT}/{found} is newer than {FORMAT}/{VERSION}, the newest that \
         this pearl reads; update pearl, or write the file again with this version"
    )]
    Newer { found: String },
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error("architecture: space '{space}' has no decision '{decision}'; it has {known}")]
    UnknownDecision { space: String, decision: String, known: String },
    #[error("architecture: decision '{decision}' is taken twice")]
    Repeated { decision: String },
    #[error("architecture: decision '{decision}' is missing; its choices are {choices}")]
    Missing { decision: String, choices: String },
    #[error("architecture: decision '{decision}' has no choice '{choice}'; there are {known}")]
    UnknownChoice { decision: String, choice: String, known: String },
}
