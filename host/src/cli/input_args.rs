//! The options that say what a model is fed: sizes that its file leaves open, values, and weights that it lacks.
//!
//! **Invariant:** sizes are at least 1, and numbers are finite.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use pearl_agent::protocol::messages::{InputValues, Sizes, TensorData};

use crate::data::npy;
use crate::measure::AbsentWeights;
use crate::output::error_class::{Classify, ErrorClass};
use crate::train::weights_file::WeightsFile;

#[derive(Args)]
#[command(next_help_heading = "Inputs of the model")]
pub struct InputArgs {
    /// Shape of an input, such as images:1x3x224x224; again for other inputs. A first size that neither
    /// the file nor an option gives is 1
    #[arg(long = "input", value_name = "NAME:SHAPE", value_parser = shape)]
    inputs: Vec<(String, Vec<u64>)>,
    /// Size of an axis that the file leaves open, by its name there (N=4) or by input and place
    /// (images:2=320); again for other axes
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = axis)]
    dims: Vec<(String, u64)>,
    /// Values of an input: a number (len=50), random numbers between two (x=0..255), or a file (x=x.npy,
    /// x=x.safetensors) [default: floats from -1 to 1; of whole numbers what the name suggests]
    #[arg(long = "input-value", value_name = "NAME=VALUE", value_parser = value)]
    values: Vec<(String, Value)>,
    /// Fill weights that the file names and has no values of with random numbers: measure the structure of
    /// a network
    #[arg(long)]
    random_weights: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Plain(InputValues),
    File(PathBuf),
}

impl InputArgs {
    pub fn any(&self) -> bool {
        !self.inputs.is_empty()
            || !self.dims.is_empty()
            || !self.values.is_empty()
            || self.random_weights
    }

    pub fn absent_weights(&self) -> AbsentWeights {
        if self.random_weights { AbsentWeights::Random } else { AbsentWeights::Refuse }
    }

    /// Where a name is given twice, the last counts.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            inputs: self.inputs.iter().cloned().collect(),
            axes: self.dims.iter().cloned().collect(),
        }
    }

    /// The values, those of files read.
    pub fn values(&self) -> anyhow::Result<BTreeMap<String, InputValues>> {
        let read = |(name, value): &(String, Value)| {
            let values = match value {
                Value::Plain(values) => values.clone(),
                Value::File(path) => InputValues::Tensor(
                    tensor(path, name).with_context(|| format!("--input-value {name}"))?,
                ),
            };
            Ok((name.clone(), values))
        };
        self.values.iter().map(read).collect()
    }
}

/// The tensor of a file; of a safetensors file that of the input's name, or the only one.
fn tensor(path: &Path, name: &str) -> anyhow::Result<TensorData> {
    if path.extension().is_some_and(|extension| extension == "npy") {
        return npy::read(path).or_class(ErrorClass::Input);
    }
    let mut file = WeightsFile::read(path).or_class(ErrorClass::Input)?;
    let named = file.tensors.remove(name);
    let only = if file.tensors.len() == 1 { file.tensors.pop_first() } else { None };
    let found = named.or(only.map(|(_, tensor)| tensor));
    let found = found
        .with_context(|| format!("{}: it holds no tensor '{name}'", path.display()))
        .or_class(ErrorClass::Input)?;
    Ok(TensorData { dims: found.dims, values: found.values })
}

/// Parses `images:1x3x224x224`. The name itself may hold a colon, as TensorFlow's do.
fn shape(text: &str) -> Result<(String, Vec<u64>), String> {
    let expected = || format!("'{text}' is not NAME:SHAPE, such as images:1x3x224x224");
    let (name, shape) = text.rsplit_once(':').ok_or_else(expected)?;
    let sizes: Option<Vec<_>> = shape.split('x').map(size).collect();
    match sizes {
        Some(sizes) if !name.is_empty() => Ok((name.to_owned(), sizes)),
        _ => Err(expected()),
    }
}

/// Parses `height=320` or `images:2=320`.
fn axis(text: &str) -> Result<(String, u64), String> {
    let expected = || format!("'{text}' is not NAME=SIZE, such as height=320 or images:2=320");
    let (name, text) = text.rsplit_once('=').ok_or_else(expected)?;
    match size(text) {
        Some(size) if !name.is_empty() => Ok((name.to_owned(), size)),
        _ => Err(expected()),
    }
}

fn size(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size| *size > 0)
}

/// Parses `len=50`, `x=0..255` or `x=file.npy`.
fn value(text: &str) -> Result<(String, Value), String> {
    let expected = || {
        format!("'{text}' is not NAME=VALUE, such as len=50, x=0..255, x=x.npy or x=x.safetensors")
    };
    let (name, text) = text.split_once('=').ok_or_else(expected)?;
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    let range = text.split_once("..").and_then(|(lo, hi)| Some((number(lo)?, number(hi)?)));
    let is_file = [".npy", ".safetensors"].iter().any(|end| text.ends_with(end));
    let value = match (number(text), range) {
        (Some(value), _) => Value::Plain(InputValues::Constant(value)),
        (_, Some((lo, hi))) if lo < hi => Value::Plain(InputValues::Uniform(lo, hi)),
        _ if is_file => Value::File(text.into()),
        _ => return Err(expected()),
    };
    if name.is_empty() { Err(expected()) } else { Ok((name.to_owned(), value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_a_name_and_sizes_from_one() {
        assert_eq!(shape("x:1x3x32x32"), Ok(("x".into(), vec![1, 3, 32, 32])));
        assert_eq!(shape("images:0:7"), Ok(("images:0".into(), vec![7])));
        for wrong in ["", "x", "x:", ":1x3", "1x3x4", "x:1x", "x:0", "x:1,3", "x:-1", "x:a"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_axis_has_a_name_and_one_size() {
        assert_eq!(axis("N=4"), Ok(("N".into(), 4)));
        assert_eq!(axis("x:2=320"), Ok(("x:2".into(), 320)));
        assert_eq!(axis("2*w=8"), Ok(("2*w".into(), 8)));
        for wrong in ["", "N", "N=", "=4", "N=0", "N=x", "N=1x2"] {
            assert!(axis(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_is_a_number_a_range_or_a_file() {
        let plain = |name: &str, values| Ok((name.to_owned(), Value::Plain(values)));
        assert_eq!(value("len=50"), plain("len", InputValues::Constant(50.0)));
        assert_eq!(value("x=-1e-3"), plain("x", InputValues::Constant(-1e-3)));
        assert_eq!(value("x=0..255"), plain("x", InputValues::Uniform(0.0, 255.0)));
        assert_eq!(value("x=a=b.npy"), Ok(("x".into(), Value::File("a=b.npy".into()))));
        for wrong in ["", "x", "x=", "=1", "x=NaN", "x=inf", "x=2..1", "x=1..", "x=a.txt"] {
            assert!(value(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tensor_is_read_from_either_kind_of_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 1), }\n";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([7_i64, -2].iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(
            tensor(&path, "x").unwrap(),
            TensorData { dims: vec![2, 1], values: vec![7.0, -2.0] }
        );
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let error = tensor(&path, "x").unwrap_err().to_string();
        assert!(error.contains("x.npy"), "{error}");
        assert!(tensor(&folder.path().join("absent.safetensors"), "x").is_err());
    }
}
