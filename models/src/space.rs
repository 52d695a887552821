//! Search spaces: an ordered list of categorical decisions, and how to decode them.
//!
//! Some decisions have no effect for certain choices of other decisions (the skip of a block that has no
//! layer to skip). The canonical form of an architecture sets such a decision to one fixed choice (such as
//! `none`). [`Space::architecture`], [`Space::sample`] and [`Space::encode`] return canonical forms only. A
//! policy therefore keeps the choices that it made itself: the architecture's choices may differ from them
//! where they have no effect.
//!
//! **Invariant:** for canonical architectures `encode(decode(a)) == a`. Different canonical architectures
//! are different networks, so one [`ArchId`](crate::architecture::ArchId) stands for one network.

mod architecture_document;
mod conv20;
mod error;
mod mnas;

use rand::{Rng, RngExt};

pub use architecture_document::ArchitectureError;
pub use error::SpaceError;

use crate::architecture::Architecture;
use crate::network::Network;
use crate::shape::ImageShape;

const NAMES: [&str; 2] = [conv20::NAME, mnas::NAME];

/// One categorical decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Such as `b1.op`.
    pub name: String,
    /// Labels, such as `mbconv6`; an architecture holds indices into them.
    pub choices: Vec<String>,
}

/// A search space at one input size and number of classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    kind: Kind,
    input: ImageShape,
    classes: usize,
    decisions: Vec<Decision>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Conv20,
    Mnas,
}

impl Space {
    /// The names of all spaces.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The space of this name, for images of shape `input` and `classes` logits.
    pub fn new(name: &str, input: ImageShape, classes: usize) -> Result<Space, SpaceError> {
        let (kind, decisions) = match name {
            conv20::NAME => (Kind::Conv20, conv20::decisions()),
            mnas::NAME => (Kind::Mnas, mnas::decisions()),
            _ => {
                return Err(SpaceError::Unknown { space: name.to_owned() });
            }
        };
        Network::check_input(input)?;
        Network::check_classes(classes)?;
        Ok(Space { kind, input, classes, decisions })
    }

    /// Such as `mnas`.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Conv20 => conv20::NAME,
            Kind::Mnas => mnas::NAME,
        }
    }

    /// Shape of one input image, `[channels, height, width]`.
    pub fn input(&self) -> ImageShape {
        self.input
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The decisions, in the order in which architectures hold their choices.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Draws every choice of a decision with equal probability; returns the canonical form.
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> Architecture {
        let choices =
            self.decisions.iter().map(|decision| rng.random_range(0..decision.choices.len()));
        self.canonical(choices.collect())
    }

    /// The architecture, in canonical form, of one choice for each decision.
    pub fn architecture(&self, choices: Vec<usize>) -> Result<Architecture, SpaceError> {
        self.check(&choices)?;
        Ok(self.canonical(choices))
    }

    /// The network of an architecture of this space, named `<space>-<id>`.
    pub fn decode(&self, architecture: &Architecture) -> Result<Network, SpaceError> {
        let Architecture { space, input, classes, choices } = architecture;
        if (space.as_str(), *input, *classes) != (self.name(), self.input, self.classes) {
            return Err(SpaceError::Foreign {
                space: self.name(),
                input: self.input,
                classes: self.classes,
            });
        }
        let canonical = self.architecture(choices.clone())?;
        let name = format!("{}-{}", self.name(), canonical.id());
        let network = match self.kind {
            Kind::Conv20 => conv20::decode(&name, self, &canonical.choices),
            Kind::Mnas => mnas::decode(&name, self, &canonical.choices),
        };
        Ok(network?)
    }

    /// The architecture that decodes to `network`, whatever the network is called.
    pub fn encode(&self, network: &Network) -> Result<Architecture, SpaceError> {
        let outside = || SpaceError::Outside {
            network: network.name.clone(),
            space: self.name(),
            input: self.input,
            classes: self.classes,
        };
        let read = match self.kind {
            Kind::Conv20 => conv20::encode(network),
            Kind::Mnas => mnas::encode(network),
        };
        let architecture = self.architecture(read.ok_or_else(outside)?)?;
        // These choices are hints: only decoding them shows that nothing was overlooked.
        let decoded = self.decode(&architecture)?;
        if decoded.input == network.input && decoded.nodes() == network.nodes() {
            Ok(architecture)
        } else {
            Err(outside())
        }
    }

    pub(crate) fn check(&self, choices: &[usize]) -> Result<(), SpaceError> {
        if choices.len() != self.decisions.len() {
            return Err(SpaceError::Length {
                space: self.name(),
                found: choices.len(),
                expected: self.decisions.len(),
            });
        }
        let bad =
            self.decisions.iter().zip(choices).find(|(d, choice)| **choice >= d.choices.len());
        match bad {
            None => Ok(()),
            Some((decision, &choice)) => {
                Err(SpaceError::Choice { decision: decision.name.clone(), choice })
            }
        }
    }

    /// `choices` have to be valid in this space.
    fn canonical(&self, mut choices: Vec<usize>) -> Architecture {
        match self.kind {
            // Every decision always has an effect.
            Kind::Conv20 => {}
            Kind::Mnas => mnas::canonicalise(self.input, &mut choices),
        }
        let (space, input, classes) = (self.name().to_owned(), self.input, self.classes);
        Architecture { space, input, classes, choices }
    }
}

fn decision(name: String, choices: impl IntoIterator<Item = impl ToString>) -> Decision {
    Decision { name, choices: choices.into_iter().map(|choice| choice.to_string()).collect() }
}

#[cfg(test)]
mod tests;
