//! One assignment of a space's decisions.
//!
//! **Invariant:** networks of equal structure have equal ids, because an id is that of the canonical
//! form; a document names its choices, so it survives a space that grows.

mod document;
mod error;
mod id;

use serde::{Deserialize, Serialize};

pub use error::ArchitectureError;
pub use id::{ArchId, ArchIdError};

use crate::network::{ImageShape, Network};
use crate::space::{Space, SpaceError};

/// What [`Space::decode`] turns into a network. The serde form is for messages between our own
/// processes; files hold [`Architecture::to_json`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Name of the space.
    pub space: String,
    pub input: ImageShape,
    pub classes: usize,
    /// An index into the choices of each decision.
    pub choices: Vec<usize>,
}

impl Architecture {
    pub fn space(&self) -> Result<Space, SpaceError> {
        Space::new(&self.space, self.input, self.classes)
    }

    pub fn network(&self) -> Result<Network, SpaceError> {
        self.space()?.decode(self)
    }

    /// Of the canonical form.
    pub fn id(&self) -> ArchId {
        let canonical = self.space().and_then(|space| space.architecture(self.choices.clone()));
        ArchId::of(&document::compact(canonical.as_ref().unwrap_or(self)))
    }

    /// The versioned document, for people and files. A choice that the space does not have is
    /// written as `#index`, which no reader takes.
    pub fn to_json(&self) -> String {
        document::pretty(self)
    }

    /// Reads what [`Architecture::to_json`] writes, into canonical form.
    pub fn from_json(json: &str) -> Result<Architecture, ArchitectureError> {
        document::read(json)
    }
}

#[cfg(test)]
mod tests;
