//! Writes into the graph what follows from its fixed inputs, where the engine wants it written: which branch
//! an `If` takes, which axes a `Squeeze` without axes removes, and the last axis of an `STFT`'s signal.
//!
//! Exporters leave these to the runtime, although they hang on shapes alone.
//!
//! **Invariant:** outputs stay what they were for inputs of these shapes. What cannot be known is left as it
//! is.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

use super::NodeLabel;
use super::functions::{standard_version, subgraphs};
use super::wiring::{Wiring, attribute, is};

/// Most nodes that are looked at: each costs loading what comes before it.
const MOST: usize = 64;
/// Since this version the axes of a `Squeeze` are an input.
const AXES_ARE_AN_INPUT: i64 = 13;

/// What the engine finds out about a value.
pub(crate) struct Known {
    pub(crate) dims: Vec<usize>,
    /// A constant of one value: whether it is not zero.
    pub(crate) flag: Option<bool>,
}

/// `known` tells about the only output of a model, if that can be known.
pub(super) fn write(proto: &mut ModelProto, known: impl Fn(&ModelProto) -> Option<Known>) {
    let version = standard_version(&proto.opset_import).unwrap_or_default();
    let mut seen = HashSet::new();
    for _ in 0..MOST {
        let next = proto.graph.as_ref().and_then(|graph| {
            let wiring = Wiring::of(graph);
            let open = |node: &NodeProto| {
                let first =
                    node.input.first().is_some_and(|input| wiring.constant(input).is_none());
                let is_open = is(node, "If") || is(node, "STFT") || without_axes(node);
                first && is_open && node.output.first().is_some_and(|name| !seen.contains(name))
            };
            graph.node.iter().position(open)
        });
        let Some(at) = next else { return };
        let node = proto.graph.as_ref().expect("it has the node").node[at].clone();
        seen.insert(node.output[0].clone());
        let value = node.input[0].as_str();
        let found = of_input(proto, value).or_else(|| known(&upstream(proto, value)));
        let Some(found) = found else { continue };
        let Some(graph) = &mut proto.graph else { return };
        match node.op_type.as_str() {
            "If" => {
                if let Some(flag) = found.flag {
                    take_branch(graph, at, flag);
                }
            }
            "Squeeze" => squeeze(graph, at, &found.dims, version),
            _ if found.dims.len() == 2 => deepen(graph, at),
            _ => {}
        }
    }
}

fn without_axes(node: &NodeProto) -> bool {
    let given = node.input.get(1).is_some_and(|axes| !axes.is_empty());
    is(node, "Squeeze") && !given && attribute(node, "axes").is_none()
}

/// What is known of an input of the model; its shape is settled.
fn of_input(proto: &ModelProto, name: &str) -> Option<Known> {
    let input = proto.graph.as_ref()?.input.iter().find(|input| input.name == name)?;
    let Some(Type::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else { return None };
    let size = |dim: &Dimension| match dim.value {
        Some(Dim::DimValue(size)) => usize::try_from(size).ok(),
        _ => None,
    };
    let dims = tensor.shape.as_ref()?.dim.iter().map(size).collect::<Option<_>>()?;
    Some(Known { dims, flag: None })
}

/// A model of what a value is made from, with that value as its output.
fn upstream(proto: &ModelProto, value: &str) -> ModelProto {
    let graph = proto.graph.clone().unwrap_or_default();
    let mut wanted: HashSet<String> = HashSet::from([value.to_owned()]);
    // A file lists a node after those that it takes from.
    let mut nodes: Vec<NodeProto> = Vec::new();
    for node in graph.node.into_iter().rev() {
        if node.output.iter().any(|output| wanted.contains(output)) {
            wanted.extend(node.input.iter().cloned());
            node.attribute.iter().for_each(|attribute| note_taken(attribute, &mut wanted));
            nodes.push(node);
        }
    }
    nodes.reverse();
    let output = ValueInfoProto { name: value.to_owned(), ..ValueInfoProto::default() };
    let is_wanted = |name: &String| wanted.contains(name);
    let upstream = GraphProto {
        node: nodes,
        initializer: graph.initializer.into_iter().filter(|one| is_wanted(&one.name)).collect(),
        input: graph.input.into_iter().filter(|one| is_wanted(&one.name)).collect(),
        output: vec![output],
        name: graph.name,
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: proto.ir_version,
        opset_import: proto.opset_import.clone(),
        graph: Some(upstream),
        ..ModelProto::default()
    }
}

/// Notes what the graphs in an attribute take from outside, and more.
fn note_taken(attribute: &AttributeProto, taken: &mut HashSet<String>) {
    for graph in attribute.g.iter().chain(&attribute.graphs) {
        taken.extend(graph.output.iter().map(|output| output.name.clone()));
        for node in &graph.node {
            taken.extend(node.input.iter().cloned());
            node.attribute.iter().for_each(|attribute| note_taken(attribute, taken));
        }
    }
}

/// Replaces an `If` by the nodes of one branch.
fn take_branch(graph: &mut GraphProto, at: usize, flag: bool) {
    let name = if flag { "then_branch" } else { "else_branch" };
    let node = graph.node[at].clone();
    let Some(mut branch) = attribute(&node, name).and_then(|branch| branch.g.clone()) else {
        return;
    };
    let own: Vec<String> = branch
        .node
        .iter()
        .flat_map(|inner| &inner.output)
        .chain(branch.initializer.iter().map(|tensor| &tensor.name))
        .filter(|name| !name.is_empty())
        .cloned()
        .collect();
    let label = NodeLabel::of(&node).engine_name;
    let names: HashMap<String, String> =
        own.into_iter().map(|name| (name.clone(), format!("{label}/{name}"))).collect();
    rename(&mut branch, &names);
    let ends = node.output.iter().zip(&branch.output).filter(|(output, _)| !output.is_empty());
    let ends = ends.map(|(output, inner)| NodeProto {
        op_type: "Identity".into(),
        name: format!("{label}/{output}"),
        input: vec![inner.name.clone()],
        output: vec![output.clone()],
        ..NodeProto::default()
    });
    let inner: Vec<NodeProto> = branch.node.iter().cloned().chain(ends).collect();
    graph.node.splice(at..=at, inner);
    graph.initializer.extend(branch.initializer);
}

/// Gives values other names, in the graphs within as well: a name means the same everywhere below.
fn rename(graph: &mut GraphProto, names: &HashMap<String, String>) {
    let to = |name: &mut String| {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    };
    graph.initializer.iter_mut().for_each(|tensor| to(&mut tensor.name));
    graph.output.iter_mut().for_each(|output| to(&mut output.name));
    for node in &mut graph.node {
        node.input.iter_mut().chain(&mut node.output).for_each(to);
        for inner in node.attribute.iter_mut().flat_map(subgraphs) {
            rename(inner, names);
        }
    }
}

fn squeeze(graph: &mut GraphProto, at: usize, dims: &[usize], version: i64) {
    let axes: Vec<i64> =
        (0..).zip(dims).filter(|(_, size)| **size == 1).map(|(axis, _)| axis).collect();
    if version < AXES_ARE_AN_INPUT {
        let axes =
            AttributeProto { name: "axes".into(), ints: axes, r#type: 7, ..Default::default() };
        graph.node[at].attribute.push(axes);
        return;
    }
    let name = constant(graph, at, "axes", axes);
    graph.node[at].input.truncate(1);
    graph.node[at].input.push(name);
}

/// Gives the signal the last axis of one that the standard asks for.
fn deepen(graph: &mut GraphProto, at: usize) {
    let axes = constant(graph, at, "last", vec![-1]);
    let signal = graph.node[at].input[0].clone();
    let deeper = format!("{axes}/signal");
    let unsqueeze = NodeProto {
        op_type: "Unsqueeze".into(),
        name: deeper.clone(),
        input: vec![signal, axes],
        output: vec![deeper.clone()],
        ..NodeProto::default()
    };
    graph.node[at].input[0] = deeper;
    graph.node.insert(at, unsqueeze);
}

/// Adds whole numbers to the weights, and returns their name.
fn constant(graph: &mut GraphProto, at: usize, what: &str, values: Vec<i64>) -> String {
    let name = format!("{}/{what}", graph.node[at].output[0]);
    graph.initializer.push(TensorProto {
        name: name.clone(),
        data_type: DataType::Int64 as i32,
        dims: vec![values.len() as i64],
        int64_data: values,
        ..TensorProto::default()
    });
    name
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::OperatorSetIdProto;

    use super::*;

    fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        }
    }

    fn value(name: &str) -> ValueInfoProto {
        ValueInfoProto { name: name.into(), ..ValueInfoProto::default() }
    }

    fn model(nodes: Vec<NodeProto>, version: i64) -> ModelProto {
        let graph = GraphProto { node: nodes, output: vec![value("y")], ..GraphProto::default() };
        let opset = OperatorSetIdProto { version, ..OperatorSetIdProto::default() };
        ModelProto { graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() }
    }

    fn told(proto: &ModelProto) -> Vec<String> {
        let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
        let told = |node: &NodeProto| {
            format!("{} {} -> {}", node.op_type, node.input.join(","), node.output.join(","))
        };
        nodes.map(told).collect()
    }

    fn branch(name: &str, nodes: Vec<NodeProto>, output: &str) -> AttributeProto {
        let initializer = vec![TensorProto { name: "w".into(), ..TensorProto::default() }];
        let graph = GraphProto {
            node: nodes,
            initializer,
            output: vec![value(output)],
            ..GraphProto::default()
        };
        AttributeProto { name: name.into(), g: Some(graph), ..AttributeProto::default() }
    }

    /// An `If` on `c`, in whose first branch is another one.
    fn branching() -> ModelProto {
        let mut inner = node("If", &["c"], "t");
        inner.attribute.push(branch("then_branch", vec![node("Add", &["x", "w"], "a")], "a"));
        inner.attribute.push(branch("else_branch", vec![], "x"));
        let mut outer = node("If", &["c"], "y");
        outer.attribute.push(branch("then_branch", vec![inner, node("Neg", &["t"], "n")], "n"));
        outer.attribute.push(branch("else_branch", vec![], "x"));
        model(vec![node("IsInf", &["x"], "c"), outer], 17)
    }

    #[test]
    fn the_branch_that_shapes_decide_takes_the_place_of_the_node() {
        let flag = |flag| move |_: &ModelProto| Some(Known { dims: vec![], flag });
        let mut proto = branching();
        write(&mut proto, flag(Some(true)));
        assert_eq!(
            told(&proto),
            [
                "IsInf x -> c",
                "Add x,y/t/y/w -> y/t/a",
                "Identity y/t/a -> y/t",
                "Neg y/t -> y/n",
                "Identity y/n -> y",
            ]
        );
        let mut proto = branching();
        write(&mut proto, flag(Some(false)));
        assert_eq!(told(&proto), ["IsInf x -> c", "Identity x -> y"]);
        let mut proto = branching();
        write(&mut proto, flag(None));
        assert_eq!(proto, branching());
    }

    #[test]
    fn only_what_a_value_is_made_from_is_asked_about() {
        let mut proto = model(
            vec![
                node("Relu", &["x"], "a"),
                node("Neg", &["x"], "b"),
                node("Squeeze", &["a"], "s"),
                node("Add", &["s", "b"], "y"),
            ],
            11,
        );
        write(&mut proto, |upstream| {
            assert_eq!(told(upstream), ["Relu x -> a"]);
            Some(Known { dims: vec![1, 5, 1], flag: None })
        });
        let graph = proto.graph.unwrap();
        assert_eq!(graph.node[2].attribute[0].ints, [0, 2]);
    }

    #[test]
    fn axes_and_the_depth_of_a_signal_are_written_as_the_version_has_them() {
        let nodes = vec![node("Squeeze", &["x"], "s"), node("STFT", &["s", "step"], "y")];
        let mut proto = model(nodes, 17);
        write(&mut proto, |_| Some(Known { dims: vec![1, 400], flag: None }));
        assert_eq!(
            told(&proto),
            [
                "Squeeze x,s/axes -> s",
                "Unsqueeze s,y/last -> y/last/signal",
                "STFT y/last/signal,step -> y",
            ]
        );
        let held: Vec<_> =
            proto.graph.unwrap().initializer.into_iter().map(|one| one.int64_data).collect();
        assert_eq!(held, [vec![0], vec![-1]]);
    }
}
