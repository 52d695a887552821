//! The JSON document of an architecture.
//!
//! ```json
//! {"format":"pearl.architecture/1","space":"mnas","input":{"channels":1,"height":28,"width":28},
//!  "classes":10,"decisions":{"b1.op":"mbconv6","b1.kernel":"3"}}
//! ```
//!
//! **Invariant:** decisions are written in the space's order and read in any order. The reader ignores
//! nothing and fills in nothing. Networks of equal structure have equal ids, because an id is that of the
//! canonical form. A document names its choices, so it stays valid when its space grows.

mod error;

use std::fmt::{self, Formatter};

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use error::ArchitectureError;

use super::{Space, SpaceError};
use crate::architecture::{ArchId, Architecture};
use crate::network::Network;
use crate::shape::ImageShape;

pub(crate) const FORMAT: &str = "pearl.architecture";
/// Changelog: 1, the first.
pub(crate) const VERSION: u32 = 1;

/// Longest document that is read: many times the longest one of any space.
const MAX_BYTES: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    space: String,
    input: ImageShape,
    classes: usize,
    decisions: Labels,
}

/// Read first, because another version may have other fields.
#[derive(Deserialize)]
struct Header {
    format: String,
}

/// Pairs of decision and choice, in the order of the text.
struct Labels(Vec<(String, String)>);

impl Architecture {
    /// The space that the choices refer to.
    pub fn space(&self) -> Result<Space, SpaceError> {
        Space::new(&self.space, self.input, self.classes)
    }

    /// The network that the choices describe.
    pub fn network(&self) -> Result<Network, SpaceError> {
        self.space()?.decode(self)
    }

    /// The id of the canonical form.
    pub fn id(&self) -> ArchId {
        let canonical = self.space().and_then(|space| space.architecture(self.choices.clone()));
        ArchId::of(&compact(canonical.as_ref().unwrap_or(self)))
    }

    /// The versioned document, for people and files. A choice that the space does not have is
    /// written as `#index`, which every reader refuses.
    pub fn to_json(&self) -> String {
        pretty(self)
    }

    /// Reads what [`Architecture::to_json`] writes, into canonical form.
    pub fn from_json(json: &str) -> Result<Architecture, ArchitectureError> {
        read(json)
    }
}

fn compact(architecture: &Architecture) -> String {
    serde_json::to_string(&document(architecture)).expect("strings and numbers are JSON")
}

fn pretty(architecture: &Architecture) -> String {
    serde_json::to_string_pretty(&document(architecture)).expect("strings and numbers are JSON")
}

fn document(architecture: &Architecture) -> Document {
    let space = architecture.space().ok();
    let label = |(index, &choice): (usize, &usize)| {
        let decision = space.as_ref().and_then(|space| space.decisions().get(index));
        let name = decision.map_or_else(|| format!("#{index}"), |known| known.name.clone());
        let label = decision.and_then(|known| known.choices.get(choice).cloned());
        (name, label.unwrap_or_else(|| format!("#{choice}")))
    };
    Document {
        format: format!("{FORMAT}/{VERSION}"),
        space: architecture.space.clone(),
        input: architecture.input,
        classes: architecture.classes,
        decisions: Labels(architecture.choices.iter().enumerate().map(label).collect()),
    }
}

fn read(json: &str) -> Result<Architecture, ArchitectureError> {
    if json.len() > MAX_BYTES {
        return Err(ArchitectureError::TooLong { bytes: json.len() });
    }
    let Header { format } = serde_json::from_str(json)?;
    check_format(&format)?;
    let document: Document = serde_json::from_str(json)?;
    let space = Space::new(&document.space, document.input, document.classes)?;
    Ok(space.architecture(choices(&space, document.decisions)?)?)
}

fn check_format(format: &str) -> Result<(), ArchitectureError> {
    let version = format.strip_prefix(FORMAT).and_then(|rest| rest.strip_prefix('/'));
    let number = version.and_then(|version| version.parse::<u32>().ok());
    match number {
        Some(VERSION) => Ok(()),
        Some(newer) if newer > VERSION => {
            Err(ArchitectureError::Newer { found: newer.to_string() })
        }
        _ => Err(ArchitectureError::Format { found: format.to_owned() }),
    }
}

fn choices(space: &Space, labels: Labels) -> Result<Vec<usize>, ArchitectureError> {
    let decisions = space.decisions();
    let mut taken = vec![None; decisions.len()];
    for (name, label) in labels.0 {
        let Some(index) = decisions.iter().position(|decision| decision.name == name) else {
            let known: Vec<&str> = decisions.iter().map(|known| known.name.as_str()).collect();
            return Err(ArchitectureError::UnknownDecision {
                space: space.name().to_owned(),
                decision: name,
                known: known.join(", "),
            });
        };
        let Some(choice) = decisions[index].choices.iter().position(|known| *known == label) else {
            return Err(ArchitectureError::UnknownChoice {
                decision: name,
                choice: label,
                known: decisions[index].choices.join(", "),
            });
        };
        if taken[index].replace(choice).is_some() {
            return Err(ArchitectureError::Repeated { decision: name });
        }
    }
    let missing = |index: usize| ArchitectureError::Missing {
        decision: decisions[index].name.clone(),
        choices: decisions[index].choices.join(", "),
    };
    taken.into_iter().enumerate().map(|(i, choice)| choice.ok_or_else(|| missing(i))).collect()
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (decision, choice) in &self.0 {
            map.serialize_entry(decision, choice)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Labels;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("an object of decisions")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Labels, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Labels(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests;
