//! Reference networks by name: `mobilenet-v2`, `mobilenet-v2:1.0@224`, `resnet-8:2`, …
//!
//! A name is a family, then `:width` (a multiplier of the channels, 1 by default), then
//! `@resolution` (square, three channels). Without a resolution the input is the one given, else
//! the one that the family was published for: 224×224×3, and 32×32×3 for the ResNets.
//!
//! **Invariant:** there is one file per family; at 1000 classes the ImageNet families have exactly timm's
//! number of parameters.

mod error;
mod mnasnet;
mod mobilenet_v2;
mod mobilenet_v3;
mod resnet;
mod rows;
mod width;

use std::str::FromStr;

pub use error::ReferenceError;
use mnasnet::MnasNet;
use mobilenet_v3::MobileNetV3;
use resnet::ResNet;
use width::Width;

use crate::network::{Network, NetworkError};
use crate::shape::ImageShape;

/// Names that [`network`] knows. ResNets exist in many depths; only the common ones are listed.
const NAMES: [&str; 12] = [
    "mobilenet-v2",
    "mnasnet-a1",
    "mnasnet-b1",
    "mnasnet-small",
    "mobilenet-v3-large",
    "mobilenet-v3-small",
    "resnet-8",
    "resnet-14",
    "resnet-20",
    "resnet-56",
    "wide-resnet-10-2",
    "wide-resnet-16-4",
];

/// Names that [`network`] knows. Other depths exist too: `resnet-<6n+2>`, `wide-resnet-<6n+4>-<k>`.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// The network of that name, with `classes` logits.
pub fn network(
    name: &str,
    input: Option<ImageShape>,
    classes: usize,
) -> Result<Network, ReferenceError> {
    let (rest, resolution) = match name.split_once('@') {
        Some((rest, resolution)) => (rest, Some(parse_resolution(name, resolution)?)),
        None => (name, None),
    };
    let (family, width) = match rest.split_once(':') {
        Some((family, width)) => (family, Width::parse(name, width)?),
        None => (rest, Width::ONE),
    };
    let family: Family = family.parse()?;
    let named = resolution.map(|side| ImageShape::new(3, side, side));
    let image = match (named, input) {
        (Some(named), Some(given))
            if (named.height, named.width) != (given.height, given.width) =>
        {
            return Err(ReferenceError::Resolution { name: name.to_owned(), given });
        }
        // The name does not give the channels.
        (_, Some(given)) => given,
        (Some(named), None) => named,
        (None, None) => family.published_input(),
    };
    let network = family.build(name, image, classes, width);
    network.map_err(|source| ReferenceError::Network { name: name.to_owned(), source })
}

fn parse_resolution(name: &str, resolution: &str) -> Result<usize, ReferenceError> {
    let side = resolution.parse().ok().filter(|side| (1..=ImageShape::MAX_SIDE).contains(side));
    side.ok_or_else(|| ReferenceError::BadResolution {
        name: name.to_owned(),
        resolution: resolution.to_owned(),
    })
}

enum Family {
    MobileNetV2,
    MnasNet(&'static MnasNet),
    MobileNetV3(&'static MobileNetV3),
    ResNet(ResNet),
}

impl Family {
    fn published_input(&self) -> ImageShape {
        match self {
            Family::ResNet(_) => ImageShape::new(3, 32, 32),
            _ => ImageShape::new(3, 224, 224),
        }
    }

    fn build(
        &self,
        name: &str,
        image: ImageShape,
        classes: usize,
        width: Width,
    ) -> Result<Network, NetworkError> {
        match self {
            Family::MobileNetV2 => mobilenet_v2::build(name, image, classes, width),
            Family::MnasNet(family) => family.build(name, image, classes, width),
            Family::MobileNetV3(family) => family.build(name, image, classes, width),
            Family::ResNet(family) => family.build(name, image, classes, width),
        }
    }
}

impl FromStr for Family {
    type Err = ReferenceError;

    fn from_str(family: &str) -> Result<Family, ReferenceError> {
        match family {
            "mobilenet-v2" => Ok(Family::MobileNetV2),
            "mnasnet-a1" => Ok(Family::MnasNet(&mnasnet::A1)),
            "mnasnet-b1" => Ok(Family::MnasNet(&mnasnet::B1)),
            "mnasnet-small" => Ok(Family::MnasNet(&mnasnet::SMALL)),
            "mobilenet-v3-large" => Ok(Family::MobileNetV3(&mobilenet_v3::LARGE)),
            "mobilenet-v3-small" => Ok(Family::MobileNetV3(&mobilenet_v3::SMALL)),
            _ => ResNet::parse(family).map(Family::ResNet),
        }
    }
}

#[cfg(test)]
mod tests;
