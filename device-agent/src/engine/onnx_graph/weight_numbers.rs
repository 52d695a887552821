//! Checks the weights of a graph: that they fit their shapes, and that they are numbers.
//!
//! The engine turns what is not a number into an ordinary number in many operators (`Relu`, `Clip`,
//! `Sigmoid`, …), so that its outputs tell nothing of it.
//!
//! **Invariant:** in a graph that passes no initialiser and no constant is NaN, and no initialiser or constant
//! that a layer takes as its weights itself is infinite.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, TensorProto};

use super::operators::standard;
use crate::engine::EngineError;
use crate::engine::error::one_line;

/// Operators that multiply what comes in with their second input.
const MULTIPLIED: [&str; 5] = ["BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"];
/// An attribute of a node `Constant`.
const VALUE: &str = "value_float";
/// Bytes that are looked through at a time.
const PIECE: usize = 1 << 14;

/// # Errors
/// By the name of the tensor.
pub(super) fn check(model: &str, graph: &GraphProto) -> Result<(), EngineError> {
    let multiplied: HashSet<&str> = graph
        .node
        .iter()
        .filter(|node| standard(&node.domain) && MULTIPLIED.contains(&node.op_type.as_str()))
        .filter_map(|node| node.input.get(1).map(String::as_str))
        .collect();
    for tensor in &graph.initializer {
        let fail = |reason| failed(model, &tensor.name, reason);
        fits(tensor).map_err(fail)?;
        numbers(tensor, multiplied.contains(tensor.name.as_str())).map_err(fail)?;
    }
    for node in &graph.node {
        let held = node.output.first().map_or("", String::as_str);
        for attribute in &node.attribute {
            for tensor in attribute.t.iter().chain(&attribute.tensors) {
                let fail = |reason| failed(model, held, reason);
                numbers(tensor, multiplied.contains(held)).map_err(fail)?;
            }
            let written = attribute.name.starts_with(VALUE)
                && (attribute.f.is_nan() || attribute.floats.iter().any(|value| value.is_nan()));
            if written {
                return Err(failed(model, held, NOT_A_NUMBER.into()));
            }
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                check(model, inner)?;
            }
        }
    }
    Ok(())
}

fn failed(model: &str, name: &str, reason: String) -> EngineError {
    EngineError::Model {
        model: model.into(),
        reason: format!("weights '{}' {reason}", one_line(name)),
    }
}

fn fits(tensor: &TensorProto) -> Result<(), String> {
    let of_type = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Undefined) | Err(_) => {
            return Err(format!("are of unknown type {}", tensor.data_type));
        }
        Ok(of_type) => of_type,
    };
    let held = tensor.raw_data.len() as u64;
    let Some(size) = bytes_of(of_type).filter(|_| held > 0) else {
        return Ok(());
    };
    let multiply = |bytes: u64, dim: &i64| bytes.checked_mul(u64::try_from(*dim).ok()?);
    if tensor.dims.iter().try_fold(size, multiply) != Some(held) {
        let shape = &tensor.dims;
        return Err(format!("of shape {shape:?} do not fit their {held} bytes"));
    }
    Ok(())
}

/// Size of one value, for the common types; `None` leaves the check to the engine.
fn bytes_of(of_type: DataType) -> Option<u64> {
    match of_type {
        DataType::Double | DataType::Int64 | DataType::Uint64 => Some(8),
        DataType::Float | DataType::Int32 | DataType::Uint32 => Some(4),
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => Some(2),
        DataType::Uint8 | DataType::Int8 | DataType::Bool => Some(1),
        _ => None,
    }
}

fn numbers(tensor: &TensorProto, multiplied: bool) -> Result<(), String> {
    let raw = &tensor.raw_data[..];
    // The bits of half precision, where they are not raw.
    let bits = |tensor: &TensorProto| -> Vec<u8> {
        tensor.int32_data.iter().flat_map(|bits| (*bits as u16).to_le_bytes()).collect()
    };
    let kinds = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) if raw.is_empty() => {
            of_all(tensor.float_data.iter().copied().map(of_single))
        }
        Ok(DataType::Float) => of_raw::<4>(raw, |bytes| of_single(f32::from_le_bytes(bytes))),
        Ok(DataType::Double) if raw.is_empty() => {
            of_all(tensor.double_data.iter().copied().map(of_double))
        }
        Ok(DataType::Double) => of_raw::<8>(raw, |bytes| of_double(f64::from_le_bytes(bytes))),
        Ok(DataType::Float16) if raw.is_empty() => of_raw::<2>(&bits(tensor), of_half),
        Ok(DataType::Float16) => of_raw::<2>(raw, of_half),
        Ok(DataType::Bfloat16) if raw.is_empty() => of_raw::<2>(&bits(tensor), of_brain),
        Ok(DataType::Bfloat16) => of_raw::<2>(raw, of_brain),
        _ => return Ok(()),
    };
    if kinds & NAN != 0 {
        return Err(NOT_A_NUMBER.into());
    }
    if multiplied && kinds & INFINITE != 0 {
        return Err("hold infinity, and a layer multiplies with it".into());
    }
    Ok(())
}

const NOT_A_NUMBER: &str = "hold values that are no numbers (NaN)";

const NAN: u8 = 1;
const INFINITE: u8 = 2;

fn of_single(value: f32) -> u8 {
    u8::from(value.is_nan()) * NAN + u8::from(value.is_infinite()) * INFINITE
}

fn of_double(value: f64) -> u8 {
    u8::from(value.is_nan()) * NAN + u8::from(value.is_infinite()) * INFINITE
}

fn of_half(bytes: [u8; 2]) -> u8 {
    of_bits(u16::from_le_bytes(bytes), 0x7c00)
}

/// A bfloat16 is the upper half of a float.
fn of_brain(bytes: [u8; 2]) -> u8 {
    of_bits(u16::from_le_bytes(bytes), 0x7f80)
}

/// `exponent` holds the bits that are all set in what is not finite.
fn of_bits(bits: u16, exponent: u16) -> u8 {
    let magnitude = bits & 0x7fff;
    u8::from(magnitude > exponent) * NAN + u8::from(magnitude == exponent) * INFINITE
}

fn of_all(kinds: impl Iterator<Item = u8>) -> u8 {
    kinds.fold(0, |all, kind| all | kind)
}

/// In pieces, each without a branch: weights may be gigabytes.
fn of_raw<const N: usize>(raw: &[u8], kind: impl Fn([u8; N]) -> u8) -> u8 {
    let kinds = raw
        .chunks(PIECE)
        .map(|piece| piece.as_chunks::<N>().0.iter().fold(0, |all, bytes| all | kind(*bytes)));
    of_all(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(of_type: DataType, raw_data: Vec<u8>) -> TensorProto {
        TensorProto { data_type: of_type as i32, raw_data, ..TensorProto::default() }
    }

    /// Far into the tensor, in the last of several pieces.
    fn with_last(of_type: DataType, ordinary: &[u8], last: &[u8]) -> TensorProto {
        tensor(of_type, [ordinary.repeat(40_000), last.to_vec()].concat())
    }

    #[test]
    fn a_value_that_is_no_number_is_found_in_every_type_of_float() {
        for (of_type, ordinary, nan, infinity) in [
            (
                DataType::Float,
                1f32.to_le_bytes().to_vec(),
                f32::NAN.to_le_bytes().to_vec(),
                f32::NEG_INFINITY.to_le_bytes().to_vec(),
            ),
            (
                DataType::Double,
                f64::MAX.to_le_bytes().to_vec(),
                f64::NAN.to_le_bytes().to_vec(),
                f64::INFINITY.to_le_bytes().to_vec(),
            ),
            // 65504, the largest; a NaN; minus infinity.
            (DataType::Float16, vec![0xff, 0x7b], vec![0x01, 0xfe], vec![0x00, 0xfc]),
            (DataType::Bfloat16, vec![0x7f, 0x7f], vec![0xc0, 0x7f], vec![0x80, 0x7f]),
        ] {
            assert_eq!(numbers(&with_last(of_type, &ordinary, &ordinary), true), Ok(()));
            for multiplied in [false, true] {
                let told = numbers(&with_last(of_type, &ordinary, &nan), multiplied).unwrap_err();
                assert!(told.contains("no numbers"), "{of_type:?}: {told}");
                let told = numbers(&with_last(of_type, &ordinary, &infinity), multiplied);
                assert_eq!(told.is_err(), multiplied, "{of_type:?}: {told:?}");
            }
        }
    }

    #[test]
    fn values_that_are_not_raw_are_looked_through_too() {
        let of =
            |of_type: DataType| TensorProto { data_type: of_type as i32, ..TensorProto::default() };
        for held in [
            TensorProto { float_data: vec![0.0, f32::NAN], ..of(DataType::Float) },
            TensorProto { double_data: vec![f64::NAN], ..of(DataType::Double) },
            TensorProto { int32_data: vec![0x7e00], ..of(DataType::Float16) },
            TensorProto { int32_data: vec![0x7fc0], ..of(DataType::Bfloat16) },
        ] {
            assert!(numbers(&held, false).is_err(), "{held:?}");
        }
        assert_eq!(numbers(&tensor(DataType::Int8, vec![0xff; 8]), true), Ok(()));
    }
}
