//! Shape inference: the shape of an operator's output, from those of its inputs.
//!
//! **Invariant:** an inferred shape has no side of zero, and equals torch's and ONNX's (rounded down).

use thiserror::Error;

use crate::op::Op;
use crate::shape::{ImageShape, Shape};

/// Why an operator cannot read its inputs.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ShapeError {
    /// Wrong number of inputs.
    #[error("reads {found} nodes instead of {expected}")]
    Inputs {
        /// The number that the operator reads, in words, such as `two`.
        expected: &'static str,
        /// The number given.
        found: usize,
    },
    /// A vector where a map is needed; the vector's number of features.
    #[error("reads a vector of {0}, expected a map")]
    NotAMap(usize),
    /// A map where a vector is needed; the map's shape.
    #[error("reads a map of {0}, expected a vector")]
    NotAVector(ImageShape),
    /// The shapes of two inputs do not match.
    #[error("reads {left} and {right}, which do not match")]
    Mismatch {
        /// Shape of the first input.
        left: Shape,
        /// Shape of the other input.
        right: Shape,
    },
    /// A size is zero.
    #[error("{what} is zero")]
    Zero {
        /// The size, such as `the stride`.
        what: &'static str,
    },
    /// The groups of a convolution do not divide its channels.
    #[error("{groups} groups do not divide {inputs} input and {outputs} output channels evenly")]
    Groups {
        /// Number of groups.
        groups: usize,
        /// Number of input channels.
        inputs: usize,
        /// Number of output channels.
        outputs: usize,
    },
    /// The window is larger than the padded map.
    #[error("window of {kernel} with padding {padding} does not fit a map of {map}")]
    Window {
        /// Side of the window, in pixels.
        kernel: usize,
        /// Padding on each side, in pixels.
        padding: usize,
        /// Shape of the map.
        map: ImageShape,
    },
    /// A window of pooling could lie in the padding alone.
    #[error("padding {padding} exceeds half of the pooling window of {kernel}")]
    Padding {
        /// Side of the window, in pixels.
        kernel: usize,
        /// Padding on each side, in pixels.
        padding: usize,
    },
    /// The share of a dropout is out of range.
    #[error("dropout rate {0} is not within [0, 1)")]
    Rate(f64),
    /// A constant of a batch norm is out of range.
    #[error("eps {eps} or momentum {momentum} of a batch norm is out of range")]
    BatchNorm {
        /// Added to the variance; must be above zero.
        eps: f64,
        /// Share of the new batch; must lie within `[0, 1]`.
        momentum: f64,
    },
}

/// The shape that `op` yields for `inputs`.
pub(crate) fn infer(op: &Op, inputs: &[Shape]) -> Result<Shape, ShapeError> {
    match *op {
        Op::Input => Err(ShapeError::Inputs { expected: "no", found: inputs.len() }),
        Op::Conv { out_channels, kernel, stride, padding, groups, .. } => {
            let map = one_map(inputs)?;
            nonzero(out_channels, "the number of output channels")?;
            nonzero(groups, "the number of groups")?;
            if map.channels % groups != 0 || out_channels % groups != 0 {
                return Err(ShapeError::Groups {
                    groups,
                    inputs: map.channels,
                    outputs: out_channels,
                });
            }
            let slid = slide(map, kernel, stride, padding)?;
            Ok(Shape::Map(ImageShape { channels: out_channels, ..slid }))
        }
        Op::BatchNorm { eps, momentum } => {
            if !(eps > 0.0 && eps.is_finite() && (0.0..=1.0).contains(&momentum)) {
                return Err(ShapeError::BatchNorm { eps, momentum });
            }
            one_map(inputs).map(Shape::Map)
        }
        Op::Activation(_) => one(inputs),
        Op::MaxPool { kernel, stride, padding } | Op::AvgPool { kernel, stride, padding } => {
            if padding > kernel / 2 {
                return Err(ShapeError::Padding { kernel, padding });
            }
            slide(one_map(inputs)?, kernel, stride, padding).map(Shape::Map)
        }
        Op::GlobalAvgPool => {
            let map = one_map(inputs)?;
            Ok(Shape::Map(ImageShape { height: 1, width: 1, ..map }))
        }
        Op::Add => match *inputs {
            [left, right] if left == right => Ok(left),
            [left, right] => Err(ShapeError::Mismatch { left, right }),
            _ => Err(ShapeError::Inputs { expected: "two", found: inputs.len() }),
        },
        Op::Mul => multiply(inputs),
        Op::Concat => concatenate(inputs),
        Op::Flatten => Ok(Shape::Vector(one_map(inputs)?.elements())),
        Op::Linear { out_features, .. } => {
            nonzero(out_features, "the number of output features")?;
            match one(inputs)? {
                Shape::Vector(_) => Ok(Shape::Vector(out_features)),
                Shape::Map(map) => Err(ShapeError::NotAVector(map)),
            }
        }
        Op::Dropout { rate } => {
            if !(0.0..1.0).contains(&rate) {
                return Err(ShapeError::Rate(rate));
            }
            one(inputs)
        }
    }
}

fn one(inputs: &[Shape]) -> Result<Shape, ShapeError> {
    match *inputs {
        [shape] => Ok(shape),
        _ => Err(ShapeError::Inputs { expected: "one", found: inputs.len() }),
    }
}

fn one_map(inputs: &[Shape]) -> Result<ImageShape, ShapeError> {
    as_map(one(inputs)?)
}

fn as_map(shape: Shape) -> Result<ImageShape, ShapeError> {
    match shape {
        Shape::Map(map) => Ok(map),
        Shape::Vector(features) => Err(ShapeError::NotAMap(features)),
    }
}

fn nonzero(value: usize, what: &'static str) -> Result<(), ShapeError> {
    if value == 0 { Err(ShapeError::Zero { what }) } else { Ok(()) }
}

/// Slides a window over the map; the number of channels stays.
fn slide(
    map: ImageShape,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Result<ImageShape, ShapeError> {
    nonzero(kernel, "the kernel")?;
    nonzero(stride, "the stride")?;
    let steps = |side: usize| {
        let room = side.checked_add(padding.checked_mul(2)?)?.checked_sub(kernel)?;
        Some(room / stride + 1)
    };
    match (steps(map.height), steps(map.width)) {
        (Some(height), Some(width)) => Ok(ImageShape { height, width, ..map }),
        _ => Err(ShapeError::Window { kernel, padding, map }),
    }
}

fn multiply(inputs: &[Shape]) -> Result<Shape, ShapeError> {
    let &[left, right] = inputs else {
        return Err(ShapeError::Inputs { expected: "two", found: inputs.len() });
    };
    let gate = ImageShape { height: 1, width: 1, ..as_map(left)? };
    if right == left || right == Shape::Map(gate) {
        Ok(left)
    } else {
        Err(ShapeError::Mismatch { left, right })
    }
}

fn concatenate(inputs: &[Shape]) -> Result<Shape, ShapeError> {
    let Some((&first, rest)) = inputs.split_first() else {
        return Err(ShapeError::Inputs { expected: "at least one", found: 0 });
    };
    let mut joined = as_map(first)?;
    for &shape in rest {
        let map = as_map(shape)?;
        if (map.height, map.width) != (joined.height, joined.width) {
            return Err(ShapeError::Mismatch { left: first, right: shape });
        }
        joined.channels += map.channels;
    }
    Ok(Shape::Map(joined))
}

#[cfg(test)]
mod tests;
