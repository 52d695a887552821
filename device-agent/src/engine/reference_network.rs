//! The reference network: the network part of the reference workload (sentinel).
//!
//! Another process on the core's other hardware thread, in the shared caches or in the memory hardly slows
//! plain arithmetic, but it slows a network by up to a half. So the sentinel runs a small network in the
//! engine itself: four inverted residuals without their shortcuts (1×1 expansion, 3×3 depthwise, 1×1
//! projection), as in networks for phones. It has 0.2 million parameters (0.8 MB) and 4 million
//! multiply-adds, and takes about half a millisecond on a fast core.
//!
//! **Invariant:** the same graph and the same weights on every device, without denormals.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto::AttributeType,
};

use super::input::uniform;

const OPSET: i64 = 17;
const SIDE: i64 = 16;
/// Channels in, and the stride of the depthwise convolution; each block doubles the channels.
const BLOCKS: [(i64, i64); 4] = [(16, 2), (32, 2), (64, 1), (128, 1)];
const EXPANSION: i64 = 4;

/// The reference network as an ONNX model with one input of 1×16×16×16.
pub(crate) fn model() -> ModelProto {
    let mut graph = Graph { proto: GraphProto::default(), seed: 0, last: "x".into() };
    for (channels, stride) in BLOCKS {
        let wide = channels * EXPANSION;
        graph.convolution(&[wide, channels, 1, 1], 1, 1);
        graph.relu();
        graph.convolution(&[wide, 1, 3, 3], stride, wide);
        graph.relu();
        graph.convolution(&[2 * channels, wide, 1, 1], 1, 1);
    }
    let Graph { proto, last, .. } = graph;
    let input = value("x", &[1, BLOCKS[0].0, SIDE, SIDE]);
    let output = ValueInfoProto { name: last, ..ValueInfoProto::default() };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        graph: Some(GraphProto {
            name: "reference".into(),
            input: vec![input],
            output: vec![output],
            ..proto
        }),
        ..ModelProto::default()
    }
}

struct Graph {
    proto: GraphProto,
    seed: u64,
    /// Name of the value that the next node reads.
    last: String,
}

impl Graph {
    /// `dims` are those of the weights: output channels, input channels of a group, height, width.
    fn convolution(&mut self, dims: &[i64], stride: i64, groups: i64) {
        let weights = format!("w{}", self.proto.initializer.len());
        let count = dims.iter().product::<i64>() as usize;
        // With this scale activations keep their magnitude from layer to layer.
        let scale = (6.0 / dims[1..].iter().product::<i64>() as f32).sqrt();
        let values = (0..count).map(|_| scale * uniform(&mut self.seed)).collect();
        self.proto.initializer.push(TensorProto {
            dims: dims.to_vec(),
            data_type: DataType::Float as i32,
            float_data: values,
            name: weights.clone(),
            ..TensorProto::default()
        });
        let pad = dims[2] / 2;
        let attributes =
            vec![ints("strides", &[stride; 2]), ints("pads", &[pad; 4]), int("group", groups)];
        self.node("Conv", vec![weights], attributes);
    }

    fn relu(&mut self) {
        self.node("Relu", Vec::new(), Vec::new());
    }

    fn node(&mut self, operator: &str, more: Vec<String>, attribute: Vec<AttributeProto>) {
        let output = format!("t{}", self.proto.node.len());
        let input = std::mem::replace(&mut self.last, output.clone());
        self.proto.node.push(NodeProto {
            input: std::iter::once(input).chain(more).collect(),
            name: output.clone(),
            output: vec![output],
            op_type: operator.into(),
            attribute,
            ..NodeProto::default()
        });
    }
}

fn int(name: &str, i: i64) -> AttributeProto {
    let r#type = AttributeType::Int as i32;
    AttributeProto { name: name.into(), r#type, i, ..AttributeProto::default() }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    let r#type = AttributeType::Ints as i32;
    AttributeProto { name: name.into(), r#type, ints: ints.to_vec(), ..AttributeProto::default() }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let size =
        |dim: &i64| Dimension { value: Some(DimValue::DimValue(*dim)), ..Dimension::default() };
    let shape = TensorShapeProto { dim: dims.iter().map(size).collect() };
    let tensor = Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    let r#type = TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..ValueInfoProto::default() }
}
