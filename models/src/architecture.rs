//! One assignment of a space's decisions, as plain data.
//!
//! The space gives the choices their meaning: see [`crate::space`].
//!
//! **Invariant:** an architecture does not depend on any space.

mod id;

use serde::{Deserialize, Serialize};

pub use id::{ArchId, ArchIdError};

use crate::shape::ImageShape;

/// What [`Space::decode`](crate::space::Space::decode) turns into a network. The serde form is for messages
/// between our own processes; files hold [`Architecture::to_json`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Name of the space.
    pub space: String,
    /// Shape of one input image, `[channels, height, width]`.
    pub input: ImageShape,
    /// Number of classes.
    pub classes: usize,
    /// An index into the choices of each decision.
    pub choices: Vec<usize>,
}
