//! What a graph tells about the types of its weights and about what its time hangs on.
//!
//! **Invariant:** read from the graph alone, before the engine changes it.

use std::collections::{BTreeMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::wiring::{Wiring, is};
use pearl_agent::protocol::messages::{GraphFacts, WeightType};

/// A type that holds a smaller share of the weights is not told: scales, biases, a table.
const LEAST_SHARE: f64 = 0.1;

pub(super) fn of(graph: &GraphProto) -> GraphFacts {
    let mut tally = Tally::default();
    tally.add(graph);
    let all: u64 = tally.values.values().sum();
    let mut weights: Vec<_> = tally
        .values
        .into_iter()
        .filter(|(_, count)| *count as f64 >= LEAST_SHARE * all as f64)
        .collect();
    // Of as many values, the wider type.
    weights.sort_by_key(|(of_type, count)| (std::cmp::Reverse(*count), *of_type));
    GraphFacts {
        weights: weights.into_iter().map(|(of_type, _)| of_type).collect(),
        whole_convolutions: tally.whole_convolutions,
        branches: tally.branches,
        random_weights: 0,
    }
}

#[derive(Default)]
struct Tally {
    /// How many values each type holds.
    values: BTreeMap<WeightType, u64>,
    whole_convolutions: usize,
    branches: usize,
}

impl Tally {
    fn add(&mut self, graph: &GraphProto) {
        let wiring = Wiring::of(graph);
        let first = |node: &'_ NodeProto| node.input.first().cloned();
        let quantised: HashSet<String> =
            graph.node.iter().filter(|node| is(node, "QuantizeLinear")).filter_map(first).collect();
        let packed: HashSet<String> = graph
            .node
            .iter()
            .filter(|node| node.op_type == "MatMulNBits")
            .filter_map(|node| node.input.get(1).cloned())
            .collect();
        for tensor in &graph.initializer {
            let of_type = if quantised.contains(&tensor.name) {
                Some((WeightType::Int8, 1))
            } else if packed.contains(&tensor.name) {
                Some((WeightType::Int4, 2))
            } else {
                type_of(tensor).map(|of_type| (of_type, 1))
            };
            if let Some((of_type, a_byte)) = of_type {
                *self.values.entry(of_type).or_default() += a_byte * count(tensor);
            }
        }
        for node in &graph.node {
            self.whole_convolutions += usize::from(is(node, "ConvInteger"));
            let free = |value: &String| wiring.constant(value).is_none();
            self.branches += usize::from(is(node, "If") && node.input.first().is_some_and(free));
            for attribute in &node.attribute {
                attribute.g.iter().chain(&attribute.graphs).for_each(|inner| self.add(inner));
                if let (true, Some(tensor)) = (is(node, "Constant"), &attribute.t)
                    && let Some(of_type) = type_of(tensor)
                {
                    *self.values.entry(of_type).or_default() += count(tensor);
                }
            }
        }
    }
}

/// Number of values; hostile shapes count for nothing.
fn count(tensor: &TensorProto) -> u64 {
    let multiply = |count: u64, size: &i64| count.checked_mul(u64::try_from(*size).ok()?);
    tensor.dims.iter().try_fold(1, multiply).filter(|count| *count < 1 << 40).unwrap_or(0)
}

/// `None` for what is no weight: indices, shapes, masks.
fn type_of(tensor: &TensorProto) -> Option<WeightType> {
    match DataType::try_from(tensor.data_type).ok()? {
        DataType::Double => Some(WeightType::F64),
        DataType::Float => Some(WeightType::F32),
        DataType::Float16 => Some(WeightType::F16),
        DataType::Bfloat16 => Some(WeightType::Bf16),
        DataType::Int8 | DataType::Uint8 => Some(WeightType::Int8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, of_type: DataType, dims: &[i64]) -> TensorProto {
        TensorProto {
            name: name.into(),
            data_type: of_type as i32,
            dims: dims.to_vec(),
            ..TensorProto::default()
        }
    }

    fn node(operator: &str, inputs: &[&str]) -> NodeProto {
        let input = inputs.iter().map(|input| (*input).to_owned()).collect();
        NodeProto { op_type: operator.into(), input, ..NodeProto::default() }
    }

    #[test]
    fn the_types_that_hold_the_weights_are_told_and_small_parts_are_not() {
        use WeightType::{F16, F32, Int4, Int8};
        let small = || tensor("scale", DataType::Float, &[10]);
        for (initializer, nodes, expected) in [
            (
                vec![tensor("w", DataType::Float, &[64, 3]), tensor("i", DataType::Int64, &[999])],
                vec![],
                &[F32][..],
            ),
            (vec![tensor("w", DataType::Float16, &[64, 3])], vec![], &[F16]),
            (vec![tensor("w", DataType::Int8, &[64, 30]), small()], vec![], &[Int8]),
            (
                vec![tensor("w", DataType::Uint8, &[64]), tensor("v", DataType::Float, &[32])],
                vec![],
                &[Int8, F32],
            ),
            // Floats that the graph quantises itself.
            (
                vec![tensor("w", DataType::Float, &[64, 3])],
                vec![node("QuantizeLinear", &["w", "scale"])],
                &[Int8],
            ),
            (
                vec![tensor("w", DataType::Uint8, &[64, 3])],
                vec![node("MatMulNBits", &["x", "w"])],
                &[Int4],
            ),
            (vec![tensor("w", DataType::Float, &[i64::MAX, i64::MAX])], vec![], &[F32]),
            (vec![], vec![], &[]),
        ] {
            let graph = GraphProto { initializer, node: nodes, ..GraphProto::default() };
            assert_eq!(of(&graph).weights, expected);
        }
    }

    #[test]
    fn branches_count_where_they_hang_on_what_is_fed() {
        let flag = tensor("flag", DataType::Bool, &[]);
        for (condition, branches) in [("flag", 0), ("x", 1)] {
            let node = vec![node("If", &[condition]), node("ConvInteger", &["x", "w"])];
            let graph =
                GraphProto { initializer: vec![flag.clone()], node, ..GraphProto::default() };
            let found = of(&graph);
            assert_eq!((found.branches, found.whole_convolutions), (branches, 1), "{condition}");
        }
    }
}
