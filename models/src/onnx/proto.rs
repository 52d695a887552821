//! The protobuf messages that an export needs.
//!
//! **Invariant:** numbers are stored as raw little-endian bytes, which every reader reads fastest.

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataType;
use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::{
    AttributeProto, NodeProto, StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

use super::fold::Tensor;

pub(crate) fn node(name: &str, op_type: &str, input: Vec<String>, output: String) -> NodeProto {
    NodeProto {
        name: name.to_owned(),
        op_type: op_type.to_owned(),
        input,
        output: vec![output],
        ..Default::default()
    }
}

pub(crate) fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        type_: AttributeType::INT.into(),
        i: value as i64,
        ..Default::default()
    }
}

pub(crate) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        type_: AttributeType::INTS.into(),
        ints: values.iter().map(|&value| value as i64).collect(),
        ..Default::default()
    }
}

pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        type_: AttributeType::FLOAT.into(),
        f: value,
        ..Default::default()
    }
}

pub(crate) fn tensor(tensor: &Tensor) -> TensorProto {
    TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.iter().map(|&dim| dim as i64).collect(),
        data_type: DataType::FLOAT as i32,
        raw_data: tensor.numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        ..Default::default()
    }
}

/// A value of f32 and fixed dimensions.
pub(crate) fn value(name: &str, dims: &[usize]) -> ValueInfoProto {
    let dim = |&dim: &usize| Dimension {
        value: Some(dimension::Value::DimValue(dim as i64)),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect(), ..Default::default() };
    let tensor = type_proto::Tensor {
        elem_type: DataType::FLOAT as i32,
        shape: Some(shape).into(),
        ..Default::default()
    };
    let type_ =
        TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.to_owned(), type_: Some(type_).into(), ..Default::default() }
}

pub(crate) fn pair(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: key.to_owned(), value: value.to_owned(), ..Default::default() }
}
