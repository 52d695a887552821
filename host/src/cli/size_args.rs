//! The options that give a size to what a model's file leaves open.

use clap::Args;
use pearl_agent::protocol::messages::Sizes;

#[derive(Args)]
#[command(next_help_heading = "Sizes that the file leaves open")]
pub struct SizeArgs {
    /// Shape of an input, such as images:1x3x224x224; again for other inputs. A first size that nobody
    /// gives is 1
    #[arg(long = "input", value_name = "NAME:SHAPE", value_parser = shape)]
    inputs: Vec<(String, Vec<u64>)>,
    /// Size of an axis, by its name in the file (N=4) or by input and place (images:2=320); again for
    /// other axes
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = axis)]
    dims: Vec<(String, u64)>,
}

impl SizeArgs {
    pub fn any(&self) -> bool {
        !self.inputs.is_empty() || !self.dims.is_empty()
    }

    /// Where a name is given twice, the last counts.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            inputs: self.inputs.iter().cloned().collect(),
            axes: self.dims.iter().cloned().collect(),
        }
    }
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
}
