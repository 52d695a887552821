//! Random numbers for weights that a file has no values of.
//!
//! How long a layer takes does not depend on the numbers of its weights, unless these are denormals, or make
//! what goes through the layers such numbers, or infinite. So each number of a matrix or a kernel is about
//! `1/√fan-in` in magnitude, of either sign: what goes through keeps its magnitude. A matrix does not say which
//! of its axes is the fan-in; the geometric mean of both is right on average over the layers of a network. A
//! vector is a bias, a scale or a variance, and numbers near 1 suit all of them. Scales of quantised numbers are
//! small, as those of real networks are.
//!
//! **Invariant:** the same name, type and shape give the same numbers everywhere; none of them is zero but in
//! vectors of whole numbers, and none is denormal or infinite. Whole numbers that say what a graph does are never
//! made up.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::f16;

use crate::engine::input::uniform;
use pearl_agent::protocol::content_hash::sha256;

/// The inputs of operators that are scales of quantised numbers: the operator, and the input's place.
const SCALES: [(&str, usize); 9] = [
    ("DequantizeLinear", 1),
    ("MatMulNBits", 2),
    ("QLinearConv", 1),
    ("QLinearConv", 4),
    ("QLinearConv", 6),
    ("QLinearMatMul", 1),
    ("QLinearMatMul", 4),
    ("QLinearMatMul", 6),
    ("QuantizeLinear", 1),
];
/// The inputs of operators that are biases in whole numbers of 32 bits.
const WHOLE_BIASES: [(&str, usize); 2] = [("DequantizeLinear", 0), ("QLinearConv", 8)];
/// More of the widest type are beyond every memory.
const MOST_VALUES: usize = isize::MAX as usize / size_of::<f64>();

/// Which operators take a value, and as which of their inputs.
#[derive(Default)]
pub(super) struct Uses(HashMap<String, Vec<(String, usize)>>);

impl Uses {
    /// Those in the graph and in the branches of its nodes.
    pub(super) fn of(graph: &GraphProto) -> Self {
        let mut uses = Self::default();
        uses.add(graph);
        uses
    }

    fn add(&mut self, graph: &GraphProto) {
        for node in &graph.node {
            for (place, value) in node.input.iter().enumerate() {
                self.0.entry(value.clone()).or_default().push((node.op_type.clone(), place));
            }
            for attribute in &node.attribute {
                attribute.g.iter().chain(&attribute.graphs).for_each(|inner| self.add(inner));
            }
        }
    }

    /// Whether the value is used, and only as these inputs.
    pub(super) fn are_all(&self, value: &str, places: &[(&str, usize)]) -> bool {
        self.0.get(value).is_some_and(|uses| {
            uses.iter().all(|(operator, place)| places.contains(&(operator.as_str(), *place)))
        })
    }
}

/// Whether the tensor has a shape, and nothing to fill it with.
pub(super) fn lacks_values(tensor: &TensorProto) -> bool {
    tensor.dims.iter().all(|size| *size > 0)
        && tensor.raw_data.is_empty()
        && tensor.float_data.is_empty()
        && tensor.int32_data.is_empty()
        && tensor.int64_data.is_empty()
        && tensor.double_data.is_empty()
        && tensor.uint64_data.is_empty()
        && tensor.string_data.is_empty()
}

/// Fills a tensor that has a type and a shape; `name` is that of the value.
///
/// # Errors
/// Why it cannot be filled, to be put after the tensor's name.
pub(super) fn fill(tensor: &mut TensorProto, name: &str, uses: &Uses) -> Result<(), String> {
    let multiply = |count: usize, size: &i64| count.checked_mul(usize::try_from(*size).ok()?);
    let count = tensor.dims.iter().try_fold(1, multiply).filter(|count| *count <= MOST_VALUES);
    let Some(count) = count else {
        return Err(format!("of shape {:?} are more than memory could hold", tensor.dims));
    };
    let sizes: Vec<f32> =
        tensor.dims.iter().filter(|size| **size > 1).map(|size| *size as f32).collect();
    let is_vector = sizes.len() < 2;
    let mut state = seed(name);
    let magnitude = 1.0 / fan_in(&sizes).max(1.0).sqrt();
    let is_scale = uses.are_all(name, &SCALES);
    let mut float = move || {
        let share = uniform(&mut state);
        match (is_scale, is_vector) {
            (true, _) => 0.00075 + 0.00025 * share,
            (false, true) => 1.0 + 0.2 * share,
            // From half the magnitude to one and a half.
            (false, false) => share.signum() * (0.5 + share.abs()) * magnitude,
        }
    };
    let floats = std::iter::repeat_with(&mut float).take(count);
    let of_type = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
    tensor.raw_data = match of_type {
        DataType::Float => floats.flat_map(f32::to_le_bytes).collect(),
        DataType::Double => floats.flat_map(|value| f64::from(value).to_le_bytes()).collect(),
        DataType::Float16 => floats.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect(),
        // A bfloat16 is the upper half of a float.
        DataType::Bfloat16 => {
            floats.flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect()
        }
        // A vector of bytes holds zero points.
        DataType::Int8 | DataType::Uint8 if is_vector => vec![0; count],
        DataType::Int8 | DataType::Uint8 => {
            let mut state = seed(name);
            std::iter::repeat_with(|| (uniform(&mut state) * 127.0) as i8 as u8)
                .take(count)
                .collect()
        }
        DataType::Int32 if uses.are_all(name, &WHOLE_BIASES) => vec![0; 4 * count],
        of_type => {
            return Err(format!(
                "are of type {}: their values say what the graph does, and random ones would make another \
                 network of it",
                of_type.as_str_name().to_lowercase()
            ));
        }
    };
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

/// Of a kernel the sizes after the first, of a matrix the geometric mean of both. Axes of size 1 are left out.
fn fan_in(sizes: &[f32]) -> f32 {
    match sizes {
        [rows, columns] => (rows * columns).sqrt(),
        [_, rest @ ..] => rest.iter().product(),
        [] => 1.0,
    }
}

fn seed(name: &str) -> u64 {
    u64::from_str_radix(&sha256(name.as_bytes())[..16], 16).expect("a hash is hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::*;

    fn tensor(of_type: DataType, dims: &[i64]) -> TensorProto {
        TensorProto { data_type: of_type as i32, dims: dims.to_vec(), ..TensorProto::default() }
    }

    /// `scale` and `bias` are those of a quantised layer.
    fn uses() -> Uses {
        let node = |operator: &str, inputs: &[&str]| NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            ..NodeProto::default()
        };
        let node = vec![
            node("DequantizeLinear", &["w", "scale", "zero"]),
            node("DequantizeLinear", &["bias", "scale"]),
            node("Add", &["x", "size"]),
        ];
        Uses::of(&GraphProto { node, ..GraphProto::default() })
    }

    fn floats(name: &str, dims: &[i64]) -> Vec<f32> {
        let mut filled = tensor(DataType::Float, dims);
        fill(&mut filled, name, &uses()).unwrap();
        assert!(!lacks_values(&filled));
        filled.raw_data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn numbers_are_ordinary_and_keep_the_magnitude_of_what_goes_through_a_layer() {
        for (dims, magnitude) in [
            (&[64, 16, 3, 3][..], 1.0 / 12.0),
            (&[64, 1, 3, 3], 1.0 / 3.0),
            (&[64, 16, 1, 1], 1.0 / (64.0f32 * 16.0).sqrt().sqrt()),
            (&[64, 16], 1.0 / (64.0f32 * 16.0).sqrt().sqrt()),
        ] {
            let found = floats("w", dims);
            assert_eq!(found.len() as i64, dims.iter().product::<i64>());
            for value in &found {
                let share = value.abs() / magnitude;
                assert!((0.4999..1.5001).contains(&share), "{dims:?}: {value}");
            }
            let negative = found.iter().filter(|value| **value < 0.0).count();
            assert!((found.len() / 3..found.len() * 2 / 3).contains(&negative), "{dims:?}");
        }
        for dims in [&[64][..], &[1, 64, 1, 1], &[]] {
            assert!(floats("v", dims).iter().all(|value| (0.8..1.2).contains(value)), "{dims:?}");
        }
        assert!(floats("scale", &[64]).iter().all(|value| (0.0005..0.001).contains(value)));
        assert_eq!(floats("w", &[8, 8]), floats("w", &[8, 8]));
        assert_ne!(floats("w", &[8, 8]), floats("v", &[8, 8]));
    }

    #[test]
    fn every_type_of_weights_is_filled_and_what_says_what_a_graph_does_is_not() {
        let filled = |of_type, name: &str, dims: &[i64]| {
            let mut filled = tensor(of_type, dims);
            fill(&mut filled, name, &uses()).map(|()| filled.raw_data)
        };
        for (of_type, bytes) in [
            (DataType::Double, 8),
            (DataType::Float16, 2),
            (DataType::Bfloat16, 2),
            (DataType::Int8, 1),
            (DataType::Uint8, 1),
        ] {
            let raw = filled(of_type, "w", &[8, 4]).unwrap();
            assert_eq!(raw.len(), 32 * bytes, "{of_type:?}");
            assert_ne!(raw[..raw.len() / 2], raw[raw.len() / 2..], "{of_type:?}");
        }
        let half = filled(DataType::Float16, "w", &[1 << 10, 1 << 10]).unwrap();
        let mut exponents = half.as_chunks::<2>().0.iter().map(|bytes| bytes[1] & 0x7c);
        assert!(exponents.all(|exponent| exponent != 0 && exponent != 0x7c));
        assert_eq!(filled(DataType::Uint8, "zero", &[8]).unwrap(), [0; 8]);
        assert_eq!(filled(DataType::Int32, "bias", &[2]).unwrap(), [0; 8]);
        for (of_type, name) in
            [(DataType::Int64, "size"), (DataType::Int32, "size"), (DataType::Bool, "flag")]
        {
            let error = filled(of_type, name, &[2]).unwrap_err();
            assert!(error.contains("say what the graph does"), "{error}");
        }
        let endless = filled(DataType::Float, "w", &[i64::MAX, i64::MAX]).unwrap_err();
        assert!(endless.contains("more than memory could hold"), "{endless}");
    }
}
