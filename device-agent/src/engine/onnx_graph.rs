//! Checks an ONNX graph before the engine loads it, so that messages about common mistakes use the names
//! of the file.
//!
//! **Invariant:** in a graph that passes, the engine knows the operator of every node, all inputs have
//! fixed shapes, and all weights are in the one file that was hashed.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto};

use super::EngineError;
use super::error::{NodeName, one_line};

/// # Errors
/// The first thing found that the engine could not run, by name.
pub(crate) fn check(
    model: &str,
    graph: &GraphProto,
    engine: &str,
    knows: impl Fn(&str) -> bool,
) -> Result<(), EngineError> {
    let fail = |reason: &str| EngineError::Model { model: model.into(), reason: reason.into() };
    if graph.output.is_empty() {
        return Err(fail("the graph has no output"));
    }
    let mut known = HashSet::new();
    for tensor in &graph.initializer {
        check_weights(model, tensor)?;
        known.insert(tensor.name.as_str());
    }
    for input in &graph.input {
        if known.insert(input.name.as_str()) {
            check_input(model, input)?;
        }
    }
    for (index, node) in graph.node.iter().enumerate() {
        if !knows(&node.op_type) {
            let reason = format!("operator not supported by {engine}");
            return Err(NodeLabel::of(node).error(model, index, reason));
        }
        known.extend(node.output.iter().map(String::as_str));
    }
    for (index, node) in graph.node.iter().enumerate() {
        if let Some(missing) =
            node.input.iter().find(|input| !input.is_empty() && !known.contains(input.as_str()))
        {
            let reason = format!("its input '{}' is not defined in the graph", one_line(missing));
            return Err(NodeLabel::of(node).error(model, index, reason));
        }
    }
    match graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        None => Ok(()),
        Some(output) => Err(EngineError::Output {
            model: model.into(),
            output: one_line(&output.name),
            reason: "is not defined in the graph".into(),
        }),
    }
}

/// The names of a node in the file and in the engine.
pub(crate) struct NodeLabel {
    pub(crate) operator: String,
    pub(crate) name: String,
    /// The engine's name for it: its own, or that of its first output.
    pub(crate) engine_name: String,
}

/// The labels of all nodes, in the file's order.
pub(crate) fn labels(graph: &GraphProto) -> Vec<NodeLabel> {
    graph.node.iter().map(NodeLabel::of).collect()
}

impl NodeLabel {
    fn of(node: &NodeProto) -> Self {
        let output = node.output.first().cloned().unwrap_or_default();
        let engine_name = if node.name.is_empty() { output } else { node.name.clone() };
        Self { operator: node.op_type.clone(), name: node.name.clone(), engine_name }
    }

    pub(crate) fn error(&self, model: &str, index: usize, reason: String) -> EngineError {
        EngineError::Node {
            model: model.into(),
            index,
            operator: one_line(&self.operator),
            name: NodeName(self.name.clone()),
            reason,
        }
    }
}

fn check_weights(model: &str, tensor: &TensorProto) -> Result<(), EngineError> {
    let fail = |reason: String| EngineError::Model {
        model: model.into(),
        reason: format!("weights '{}' {reason}", one_line(&tensor.name)),
    };
    if tensor.data_location == Some(DataLocation::External as i32) {
        return Err(fail("lie in another file; save the model as a single file".into()));
    }
    let of_type = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Undefined) | Err(_) => {
            return Err(fail(format!("are of unknown type {}", tensor.data_type)));
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
        return Err(fail(format!("of shape {shape:?} do not fit their {held} bytes")));
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

fn check_input(model: &str, input: &ValueInfoProto) -> Result<(), EngineError> {
    let fail = |reason: String| EngineError::Input {
        model: model.into(),
        input: one_line(&input.name),
        reason,
    };
    let tensor = match input.r#type.as_ref().and_then(|of_type| of_type.value.as_ref()) {
        Some(Type::TensorType(tensor)) => tensor,
        _ => return Err(fail("is not a tensor".into())),
    };
    let Some(shape) = &tensor.shape else {
        return Err(fail("has no shape; export the model with fixed shapes".into()));
    };
    for (axis, dim) in shape.dim.iter().enumerate() {
        let name = match &dim.value {
            Some(Dim::DimValue(size)) if *size > 0 => continue,
            Some(Dim::DimValue(0)) => return Err(fail(format!("has size 0 along axis {axis}"))),
            Some(Dim::DimParam(name)) if !name.is_empty() => one_line(name),
            _ => format!("axis {axis}"),
        };
        let advice = "export the model with fixed shapes";
        return Err(fail(format!("has dynamic dimension '{name}'; {advice}")));
    }
    Ok(())
}
