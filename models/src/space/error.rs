//! Why a space, or an architecture or network of it, is refused.
//!
//! **Invariant:** what is unknown is reported next to what exists.

use thiserror::Error;

use super::Space;
use crate::network::{ImageShape, NetworkError};

#[derive(Clone, Debug, PartialEq, Error)]
pub enum SpaceError {
    #[error("space '{space}': unknown; there are {}", Space::names().join(", "))]
    Unknown { space: String },
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("architecture: {found} choices, where space '{space}' takes {expected} decisions")]
    Length { space: &'static str, found: usize, expected: usize },
    #[error("architecture: decision '{decision}' has no choice of index {choice}")]
    Choice { decision: String, choice: usize },
    #[error("architecture: not of space '{space}' with input of {input} and {classes} classes")]
    Foreign { space: &'static str, input: ImageShape, classes: usize },
    #[error(
        "network '{network}': no architecture of space '{space}' with input of {input} and \
         {classes} classes decodes to it"
    )]
    Outside { network: String, space: &'static str, input: ImageShape, classes: usize },
}
