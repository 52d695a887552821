//! Which other files an ONNX file keeps its weights in.

use std::collections::BTreeSet;

use onnx_protobuf::tensor_proto::DataLocation;
use onnx_protobuf::{GraphProto, Message, ModelProto, TensorProto};

/// Key of a tensor's entry that names the file.
const LOCATION: &str = "location";

/// The locations of weights outside the file, relative to its folder, as the file has them. None where the
/// bytes are no ONNX file.
pub fn weights_beside(bytes: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Reading a file of gigabytes takes seconds, and a file without the word has no such weights.
    if !contains(bytes, LOCATION.as_bytes()) {
        return found;
    }
    if let Ok(model) = ModelProto::parse_from_bytes(bytes) {
        of_graph(&model.graph, &mut found);
        for node in model.functions.iter().flat_map(|function| &function.node) {
            of_node(node, &mut found);
        }
    }
    found
}

fn of_graph(graph: &GraphProto, found: &mut BTreeSet<String>) {
    graph.initializer.iter().for_each(|tensor| of_tensor(tensor, found));
    graph.node.iter().for_each(|node| of_node(node, found));
}

fn of_node(node: &onnx_protobuf::NodeProto, found: &mut BTreeSet<String>) {
    for attribute in &node.attribute {
        attribute.t.iter().chain(&attribute.tensors).for_each(|tensor| of_tensor(tensor, found));
        attribute.g.iter().chain(&attribute.graphs).for_each(|graph| of_graph(graph, found));
    }
}

fn of_tensor(tensor: &TensorProto, found: &mut BTreeSet<String>) {
    if tensor.data_location.enum_value() == Ok(DataLocation::EXTERNAL) {
        let named = tensor.external_data.iter().find(|entry| entry.key == LOCATION);
        found.extend(named.map(|entry| entry.value.clone()));
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use onnx_protobuf::attribute_proto::AttributeType;
    use onnx_protobuf::{AttributeProto, NodeProto, StringStringEntryProto};

    use super::*;

    fn tensor(location: &str) -> TensorProto {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
            ..Default::default()
        };
        TensorProto {
            data_location: DataLocation::EXTERNAL.into(),
            external_data: vec![entry("offset", "0"), entry(LOCATION, location)],
            ..Default::default()
        }
    }

    #[test]
    fn weights_of_the_graph_of_constants_and_of_branches_are_found() {
        let constant = AttributeProto {
            type_: AttributeType::TENSOR.into(),
            t: Some(tensor("b")).into(),
            ..Default::default()
        };
        let inner =
            GraphProto { initializer: vec![tensor("c"), tensor("a")], ..Default::default() };
        let branch = AttributeProto {
            type_: AttributeType::GRAPH.into(),
            g: Some(inner).into(),
            ..Default::default()
        };
        let node = NodeProto { attribute: vec![constant, branch], ..Default::default() };
        let graph = GraphProto {
            initializer: vec![tensor("a"), TensorProto::default()],
            node: vec![node],
            ..Default::default()
        };
        let model = ModelProto { graph: Some(graph).into(), ..Default::default() };
        let found = weights_beside(&model.write_to_bytes().unwrap());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_no_model_names_no_file() {
        for bytes in [&b""[..], b"location", b"a location of some sort, in a text"] {
            assert!(weights_beside(bytes).is_empty());
        }
    }
}
