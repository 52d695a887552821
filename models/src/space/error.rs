//! Why a space, or an architecture or network of it, is refused.
//!
//! **Invariant:** a message about an unknown space lists the known ones.

use thiserror::Error;

use super::Space;
use crate::network::NetworkError;
use crate::shape::ImageShape;

/// Why a space, or an architecture or network of it, is refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SpaceError {
    /// No space has this name.
    #[error("space '{space}': unknown; there are {}", Space::names().join(", "))]
    Unknown {
        /// The name requested.
        space: String,
    },
    /// The space does not exist at this input or number of classes, or its network is invalid.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An architecture has too few or too many choices.
    #[error("architecture: {found} choices, but space '{space}' has {expected} decisions")]
    Length {
        /// Name of the space.
        space: &'static str,
        /// Number of choices.
        found: usize,
        /// Number of decisions.
        expected: usize,
    },
    /// A choice is out of range.
    #[error("architecture: decision '{decision}' has no choice of index {choice}")]
    Choice {
        /// Name of the decision, such as `b1.op`.
        decision: String,
        /// Index of the choice, from 0.
        choice: usize,
    },
    /// The architecture belongs to another space, input or number of classes.
    #[error("architecture: not of space '{space}' with input of {input} and {classes} classes")]
    Foreign {
        /// Name of this space.
        space: &'static str,
        /// Input of this space.
        input: ImageShape,
        /// Number of classes of this space.
        classes: usize,
    },
    /// No architecture of this space decodes to the network.
    #[error(
        "network '{network}': no architecture of space '{space}' with input of {input} and \
         {classes} classes decodes to it"
    )]
    Outside {
        /// Name of the network.
        network: String,
        /// Name of this space.
        space: &'static str,
        /// Input of this space.
        input: ImageShape,
        /// Number of classes of this space.
        classes: usize,
    },
}
