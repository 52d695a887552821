use tract_onnx::pb::{AttributeProto, TensorProto, ValueInfoProto};

use super::*;

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: operator.into(),
        name: format!("the {operator}"),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

/// A node with attributes.
trait Plus: Sized {
    fn plus(self, attribute: AttributeProto) -> Self;

    fn ints(self, name: &str, ints: &[i64]) -> Self {
        self.plus(AttributeProto { name: name.into(), ints: ints.to_vec(), ..Default::default() })
    }

    fn int(self, name: &str, i: i64) -> Self {
        self.plus(AttributeProto { name: name.into(), i, ..Default::default() })
    }

    fn float(self, name: &str, f: f32) -> Self {
        self.plus(AttributeProto { name: name.into(), f, ..Default::default() })
    }

    fn word(self, name: &str, word: &str) -> Self {
        self.plus(AttributeProto { name: name.into(), s: word.into(), ..Default::default() })
    }

    fn words(self, name: &str, words: &[&str]) -> Self {
        let strings = words.iter().map(|word| (*word).into()).collect();
        self.plus(AttributeProto { name: name.into(), strings, ..Default::default() })
    }
}

impl Plus for NodeProto {
    fn plus(mut self, attribute: AttributeProto) -> Self {
        self.attribute.push(attribute);
        self
    }
}

fn constant(name: &str, of_type: DataType, dims: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type: of_type as i32,
        dims: dims.to_vec(),
        ..TensorProto::default()
    }
}

fn numbers(name: &str, values: &[i64]) -> TensorProto {
    let of = constant(name, DataType::Int64, &[values.len() as i64]);
    TensorProto { int64_data: values.to_vec(), ..of }
}

/// Of the last node's output; `w` are weights of a 3×3 convolution, `p` of a 1×1 one, `d` of a depthwise one.
fn graph(nodes: Vec<NodeProto>, more: Vec<TensorProto>) -> GraphProto {
    let output = nodes.last().unwrap().output[0].clone();
    let weights = [
        constant("w", DataType::Float, &[2, 1, 3, 3]),
        constant("p", DataType::Float, &[2, 1, 1, 1]),
        constant("d", DataType::Float, &[2, 1, 3, 3]),
        constant("each", DataType::Float, &[1, 2, 1, 1]),
        constant("one", DataType::Float, &[]),
        constant("half", DataType::Float16, &[4, 4]),
    ];
    GraphProto {
        node: nodes,
        initializer: weights.into_iter().chain(more).collect(),
        output: vec![ValueInfoProto { name: output, ..ValueInfoProto::default() }],
        ..GraphProto::default()
    }
}

/// A Slice of `axis` from `start` in steps.
fn sliced(from: &str, start: i64, step: i64, axis: i64) -> (NodeProto, Vec<TensorProto>) {
    let values = [("start", start), ("end", 1000), ("axis", axis), ("step", step)];
    let constants = values.iter().map(|(name, value)| numbers(name, &[*value])).collect();
    (node("Slice", &[from, "start", "end", "axis", "step"], "y"), constants)
}

fn after(first: Vec<NodeProto>, (last, constants): (NodeProto, Vec<TensorProto>)) -> GraphProto {
    graph(first.into_iter().chain([last]).collect(), constants)
}

fn told(graph: &GraphProto) -> String {
    check("m", graph, "tract 1").err().map_or(String::new(), |error| error.to_string())
}

#[test]
fn nodes_that_the_engine_computes_otherwise_are_refused_and_their_likes_are_not() {
    let conv = || node("Conv", &["x", "w"], "c");
    let relu = || node("Relu", &["c"], "r");
    let softmax = |axis| node("Softmax", &["x"], "r").int("axis", axis);
    let quantisers = |between: Vec<NodeProto>| {
        let last = between.last().unwrap().output[0].clone();
        let first = node("DequantizeLinear", &["x", "one"], "q");
        let end = node("QuantizeLinear", &[&last, "one"], "y");
        graph([first].into_iter().chain(between).chain([end]).collect(), vec![])
    };
    let alone = |node: NodeProto| graph(vec![node], vec![]);
    let lstm = || node("LSTM", &["x", "w", "p"], "y");
    let cases = [
        (alone(node("ConvTranspose", &["x", "w"], "y")), ""),
        (alone(node("ConvTranspose", &["x", "w"], "y").ints("output_shape", &[4, 4])), "shifted"),
        (alone(node("GlobalLpPool", &["x"], "y")), "ReduceL2"),
        (alone(node("NonMaxSuppression", &["b", "s"], "y")), "keeps all boxes"),
        (alone(node("NonMaxSuppression", &["b", "s", "n"], "y")), ""),
        (alone(node("Celu", &["x"], "y").float("alpha", 1.0)), ""),
        (alone(node("Celu", &["x"], "y").float("alpha", 2.0)), "only an alpha of 1"),
        (alone(lstm().word("direction", "bidirectional")), ""),
        (alone(lstm().word("direction", "reverse")), "from the beginning"),
        (alone(lstm().words("activations", &["sigmoid", "Tanh", "Tanh"].repeat(2))), ""),
        (alone(lstm().words("activations", &["Sigmoid", "Relu", "Tanh"])), "ignores activations"),
        (alone(lstm().int("input_forget", 1)), "ignores activations"),
        (alone(node("GRU", &["x", "w", "p"], "y").float("clip", 3.0)), "ignores activations"),
        (quantisers(vec![node("Softmax", &["q"], "s")]), "same number for every class"),
        (
            quantisers(vec![node("Relu", &["q"], "r"), node("LogSoftmax", &["r"], "s")]),
            "same number for every class",
        ),
        // Something else takes what the quantiser gives, so that the engine leaves them apart.
        (quantisers(vec![node("Softmax", &["q"], "s"), node("Mul", &["s", "q"], "m")]), ""),
        (quantisers(vec![node("Relu", &["q"], "s")]), ""),
        (after(vec![conv(), relu()], sliced("r", 1, 2, 3)), "its start is lost"),
        (after(vec![conv(), relu()], sliced("r", -3, 2, 3)), "its start is lost"),
        (after(vec![conv(), relu()], sliced("r", 2, 2, 3)), ""),
        (after(vec![conv(), relu()], sliced("r", 1, 1, 3)), ""),
        (after(vec![node("MaxPool", &["x"], "r")], sliced("r", 1, 2, 3)), ""),
        (after(vec![softmax(3)], sliced("r", 0, 2, 3)), "before the normalisation"),
        (after(vec![softmax(-1)], sliced("r", 0, 2, -1)), "before the normalisation"),
        (after(vec![softmax(1)], sliced("r", 0, 2, 3)), ""),
        (
            graph(
                vec![softmax(3), node("Conv", &["r", "p"], "y").ints("strides", &[1, 2])],
                vec![],
            ),
            "before the normalisation",
        ),
        (
            graph(
                vec![softmax(1), node("Conv", &["r", "p"], "y").ints("strides", &[1, 2])],
                vec![],
            ),
            "",
        ),
        (
            graph(
                vec![softmax(3), node("Conv", &["r", "w"], "y").ints("strides", &[2, 2])],
                vec![],
            ),
            "",
        ),
        (graph(vec![conv(), node("Sub", &["each", "c"], "y")], vec![]), "change places"),
        (graph(vec![conv(), node("Div", &["each", "c"], "y")], vec![]), "change places"),
        (graph(vec![conv(), node("Sub", &["c", "each"], "y")], vec![]), ""),
        (graph(vec![conv(), node("Sub", &["one", "c"], "y")], vec![]), ""),
        (graph(vec![node("Conv", &["x", "p"], "c"), node("Sub", &["each", "c"], "y")], vec![]), ""),
        (
            graph(
                vec![
                    node("Conv", &["x", "d"], "c").int("group", 2),
                    node("Sub", &["each", "c"], "y"),
                ],
                vec![],
            ),
            "",
        ),
        (alone(node("Gemm", &["x", "half", "half"], "y")), "leave it in single precision"),
        (alone(node("Gemm", &["x", "half"], "y")), ""),
        (alone(NodeProto { domain: "own".into(), ..node("GlobalLpPool", &["x"], "y") }), ""),
    ];
    for (at, (graph, said)) in cases.iter().enumerate() {
        let told = told(graph);
        assert_eq!(told.is_empty(), said.is_empty(), "{at}: {told}");
        assert!(told.contains(said), "{at}: '{said}' is not in: {told}");
    }
}

#[test]
fn all_such_nodes_are_named_at_once_those_of_branches_too() {
    let inner = graph(vec![node("Celu", &["x"], "z").float("alpha", 0.5)], vec![]);
    let branch =
        AttributeProto { name: "then_branch".into(), g: Some(inner), ..Default::default() };
    let nodes = vec![node("GlobalLpPool", &["x"], "a"), node("If", &["c"], "y").plus(branch)];
    let told = told(&graph(nodes, vec![]));
    assert!(told.starts_with("m: node 0 'GlobalLpPool' (the GlobalLpPool): tract 1 "), "{told}");
    assert!(told.contains("; node 1 'Celu' (the Celu): tract 1 computes"), "{told}");
    let many = (0..20).map(|at| node("GlobalLpPool", &["x"], &at.to_string())).collect();
    assert!(self::told(&graph(many, vec![])).ends_with("; and 11 more nodes"));
}

#[test]
fn the_number_of_a_padding_that_mirrors_is_dropped_and_its_axes_are_kept() {
    for (mode, inputs, kept) in [
        ("reflect", &["x", "pads", "one"][..], &["x", "pads"][..]),
        ("edge", &["x", "pads", "one", "axes"], &["x", "pads", "", "axes"]),
        ("constant", &["x", "pads", "one"], &["x", "pads", "one"]),
    ] {
        let mut graph = graph(vec![node("Pad", inputs, "y").word("mode", mode)], vec![]);
        mend(&mut graph);
        assert_eq!(graph.node[0].input, kept, "{mode}");
    }
}
