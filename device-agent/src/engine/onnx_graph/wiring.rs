//! Which node of a graph makes a value, which take it, and which values are constants.
//!
//! **Invariant:** of one graph alone: what a branch takes from outside of it has no maker here.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::operators::standard;

/// The values of a graph, by name.
pub(super) struct Wiring<'a> {
    makers: HashMap<&'a str, &'a NodeProto>,
    takers: HashMap<&'a str, Vec<&'a NodeProto>>,
    constants: HashMap<&'a str, &'a TensorProto>,
    outputs: HashSet<&'a str>,
}

impl<'a> Wiring<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let mut constants: HashMap<_, _> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let (mut makers, mut takers) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        for node in &graph.node {
            for output in &node.output {
                makers.insert(output.as_str(), node);
            }
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                takers.entry(input.as_str()).or_default().push(node);
            }
            let held = attribute(node, "value").and_then(|value| value.t.as_ref());
            if let (true, Some(output), Some(tensor)) =
                (is(node, "Constant"), node.output.first(), held)
            {
                constants.insert(output.as_str(), tensor);
            }
        }
        let outputs = graph.output.iter().map(|output| output.name.as_str()).collect();
        Self { makers, takers, constants, outputs }
    }

    /// The tensor, where the value is a constant.
    pub(super) fn constant(&self, value: &str) -> Option<&'a TensorProto> {
        self.constants.get(value).copied()
    }

    /// The whole numbers of a constant.
    pub(super) fn numbers(&self, value: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(value)?;
        let raw = &tensor.raw_data;
        match DataType::try_from(tensor.data_type).ok()? {
            DataType::Int64 if !raw.is_empty() => Some(
                raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
            ),
            DataType::Int64 => Some(tensor.int64_data.clone()),
            DataType::Int32 if !raw.is_empty() => Some(
                raw.as_chunks::<4>()
                    .0
                    .iter()
                    .map(|bytes| i32::from_le_bytes(*bytes).into())
                    .collect(),
            ),
            DataType::Int32 => Some(tensor.int32_data.iter().map(|one| (*one).into()).collect()),
            _ => None,
        }
    }

    pub(super) fn maker(&self, value: &str) -> Option<&'a NodeProto> {
        self.makers.get(value).copied()
    }

    /// The node that takes a value, where nothing else does.
    pub(super) fn only_taker(&self, value: &str) -> Option<&'a NodeProto> {
        match self.takers.get(value).map(Vec::as_slice) {
            Some([only]) if !self.outputs.contains(value) => Some(only),
            _ => None,
        }
    }

    /// The nearest node before `value` that does not work number by number, where each value on the way is
    /// taken once.
    pub(super) fn source(&self, value: &str) -> Option<&'a NodeProto> {
        let mut value = value;
        // A graph that runs in a circle ends too.
        for _ in 0..=self.makers.len() {
            self.only_taker(value)?;
            let maker = self.maker(value)?;
            let mut taken = maker
                .input
                .iter()
                .filter(|input| !input.is_empty() && self.constant(input).is_none());
            match (pointwise(maker), taken.next(), taken.next()) {
                (true, Some(only), None) => value = only,
                _ => return Some(maker),
            }
        }
        None
    }

    /// The nearest node after `value` that does not work number by number, where each value on the way is
    /// taken once.
    pub(super) fn sink(&self, value: &str) -> Option<&'a NodeProto> {
        let mut value = value;
        for _ in 0..=self.makers.len() {
            let taker = self.only_taker(value)?;
            match taker.output.first() {
                Some(output) if pointwise(taker) => value = output,
                _ => return Some(taker),
            }
        }
        None
    }
}

/// Whether each number of the result hangs on the number in its place alone (and on constants).
fn pointwise(node: &NodeProto) -> bool {
    const OPERATORS: [&str; 36] = [
        "Abs",
        "Add",
        "BatchNormalization",
        "Cast",
        "Ceil",
        "Celu",
        "Clip",
        "Div",
        "Dropout",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Log",
        "Max",
        "Min",
        "Mish",
        "Mul",
        "Neg",
        "PRelu",
        "Pow",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Sub",
        "Swish",
        "Tanh",
    ];
    standard(&node.domain) && OPERATORS.contains(&node.op_type.as_str())
}

/// Whether it is that operator of the standard.
pub(super) fn is(node: &NodeProto, operator: &str) -> bool {
    standard(&node.domain) && node.op_type == operator
}

pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An attribute that is a word.
pub(super) fn word<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(|attribute| str::from_utf8(&attribute.s).ok())
}

/// An attribute that is a list of whole numbers; empty where there is none.
pub(super) fn list<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    attribute(node, name).map_or(&[], |attribute| &attribute.ints)
}

/// An attribute that is a whole number.
pub(super) fn whole(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i)
}
