//! Why a name is no reference network.
//!
//! **Invariant:** every message names the network that was asked for.

use thiserror::Error;

use super::{names, width::Width};
use crate::network::{ImageShape, NetworkError};

#[derive(Clone, Debug, PartialEq, Error)]
pub enum ReferenceError {
    #[error(
        "reference network '{name}': unknown; there are {}, and resnet-<6n+2> and \
         wide-resnet-<6n+4>-<k> of other depths",
        names().join(", ")
    )]
    Unknown { name: String },
    #[error("reference network '{name}': depth {depth} is not {formula} with n of 1 to {most}")]
    Depth { name: String, depth: String, formula: &'static str, most: usize },
    #[error(
        "reference network '{name}': width '{width}' is not a number from {} to {}",
        Width::MIN,
        Width::MAX
    )]
    Width { name: String, width: String },
    #[error(
        "reference network '{name}': resolution '{resolution}' is not a number from 1 to {}",
        ImageShape::MAX_SIDE
    )]
    BadResolution { name: String, resolution: String },
    #[error(
        "reference network '{name}': the resolution in its name is not that of the input of {given}"
    )]
    Resolution { name: String, given: ImageShape },
    #[error("reference network '{name}': {source}")]
    Network { name: String, source: NetworkError },
}
