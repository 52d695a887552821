//! A network named on the command line: an architecture's file, or a reference network.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use pearl_models::architecture::Architecture;
use pearl_models::network::Network;
use pearl_models::reference::{self, ReferenceError};
use pearl_models::shape::ImageShape;

use crate::output::error_class::{Classified, Classify, ErrorClass};

/// An architecture file is at most a few kilobytes.
const MOST_BYTES: u64 = 1 << 20;
/// The number of classes of ImageNet.
const CLASSES: usize = 1000;

#[derive(Args)]
pub struct NetworkArgs {
    /// An architecture's JSON file, or a reference network such as mobilenet-v2:1.0@224; `pearl arch
    /// list` has their names
    #[arg(value_name = "ARCH")]
    pub arch: String,
    /// Input of a reference network, as channels x height x width
    #[arg(long, value_name = "CxHxW", value_parser = parse_input)]
    pub input: Option<ImageShape>,
    #[arg(long, value_name = "N", help = format!("Classes of a reference network [default: {CLASSES}]"))]
    pub classes: Option<usize>,
}

/// The kind of network that the argument names.
pub enum Named {
    Architecture(Architecture),
    Reference,
}

impl NetworkArgs {
    pub fn resolve(&self) -> anyhow::Result<(Named, Network)> {
        let path = Path::new(&self.arch);
        let looks_like_a_file = self.arch.ends_with(".json") || path.is_file();
        if looks_like_a_file {
            if self.input.is_some() || self.classes.is_some() {
                return Err(Classified::usage(format_args!(
                    "{}: an architecture has its input and classes in its file; --input and \
                     --classes are for reference networks",
                    self.arch
                ))
                .into());
            }
            let architecture = read_architecture(path)?;
            let network = architecture
                .network()
                .or_class(ErrorClass::Input)
                .with_context(|| self.arch.clone())?;
            return Ok((Named::Architecture(architecture), network));
        }
        let network = reference::network(&self.arch, self.input, self.classes.unwrap_or(CLASSES));
        let network = network.map_err(|error| match error {
            ReferenceError::Unknown { .. } => Classified::input(format_args!(
                "{error}; or the path of an architecture's JSON file"
            )),
            error => Classified::input(error),
        })?;
        Ok((Named::Reference, network))
    }
}

pub fn read_architecture(path: &Path) -> anyhow::Result<Architecture> {
    let name = || path.display().to_string();
    let unreadable = |error: io::Error| Classified::unreadable(ErrorClass::Input, path, &error);
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(
            Classified::input(format_args!("{}: too large for an architecture", name())).into()
        );
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Classified::input(format_args!("{}: not the JSON of an architecture", name()))
    })?;
    Architecture::from_json(&text).or_class(ErrorClass::Input).with_context(name)
}

/// Parses an input shape such as `1x28x28`.
pub fn parse_input(text: &str) -> Result<ImageShape, String> {
    let numbers: Vec<usize> = text.split('x').filter_map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [channels, height, width]
            if [channels, height, width].iter().all(|&n| (1..=4096).contains(&n)) =>
        {
            Ok(ImageShape { channels, height, width })
        }
        _ => Err(format!("'{text}' is not channels x height x width such as 3x224x224")),
    }
}
