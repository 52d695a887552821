//! Why a name is not a reference network.
//!
//! **Invariant:** every message names the requested network.

use thiserror::Error;

use super::{names, width::Width};
use crate::network::NetworkError;
use crate::shape::ImageShape;

/// Why a name is not a reference network.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ReferenceError {
    /// No family has this name.
    #[error(
        "reference network '{name}': unknown; there are {}, and resnet-<6n+2> and \
         wide-resnet-<6n+4>-<k> of other depths",
        names().join(", ")
    )]
    Unknown {
        /// The name requested.
        name: String,
    },
    /// The family has no network of this depth.
    #[error("reference network '{name}': depth {depth} is not {formula} with n of 1 to {most}")]
    Depth {
        /// The name requested.
        name: String,
        /// The depth in that name.
        depth: String,
        /// The depths that exist, such as `6n+2`.
        formula: &'static str,
        /// Largest n.
        most: usize,
    },
    /// The width is not a number, or is out of range.
    #[error(
        "reference network '{name}': width '{width}' is not a number from {} to {}",
        Width::MIN,
        Width::MAX
    )]
    Width {
        /// The name requested.
        name: String,
        /// The width in that name.
        width: String,
    },
    /// The resolution is not a number, or is out of range.
    #[error(
        "reference network '{name}': resolution '{resolution}' is not a number from 1 to {}",
        ImageShape::MAX_SIDE
    )]
    BadResolution {
        /// The name requested.
        name: String,
        /// The resolution in that name.
        resolution: String,
    },
    /// The name and the given input have different resolutions.
    #[error(
        "reference network '{name}': the resolution in its name differs from the input of {given}"
    )]
    Resolution {
        /// The name requested.
        name: String,
        /// Shape of the given input.
        given: ImageShape,
    },
    /// The network does not exist at this input or number of classes.
    #[error("reference network '{name}': {source}")]
    Network {
        /// The name requested.
        name: String,
        /// Why the network does not exist.
        source: NetworkError,
    },
}
