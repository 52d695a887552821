//! What a network reads and what its nodes yield, for one image.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// Channels, height and width of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// Number of channels.
    pub channels: usize,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

/// What a node yields for one image; the batch dimension is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `[channels, height, width]`
    Map(ImageShape),
    /// `[features]`
    Vector(usize),
}

impl ImageShape {
    /// The largest number of channels, of rows and of columns.
    pub const MAX_SIDE: usize = 4096;

    /// A shape of these sides, which are not checked.
    pub fn new(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape { channels, height, width }
    }

    /// Numbers in one image.
    pub fn elements(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether every side has a size that an image can have.
    pub fn is_valid(self) -> bool {
        let sides = [self.channels, self.height, self.width];
        sides.iter().all(|side| (1..=ImageShape::MAX_SIDE).contains(side))
    }
}

/// As `channels×height×width`.
impl Display for ImageShape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

impl Shape {
    /// Numbers that a node yields for one image.
    pub fn elements(self) -> usize {
        match self {
            Shape::Map(map) => map.elements(),
            Shape::Vector(features) => features,
        }
    }

    /// Channels of a map, features of a vector.
    pub fn channels(self) -> usize {
        match self {
            Shape::Map(map) => map.channels,
            Shape::Vector(features) => features,
        }
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map(map) => map.fmt(f),
            Shape::Vector(features) => write!(f, "{features}"),
        }
    }
}
