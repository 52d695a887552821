use tract_onnx::pb::{AttributeProto, TensorShapeProto, TypeProto, type_proto};

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

fn with_ints(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    let ints = ints.to_vec();
    node.attribute.push(AttributeProto { name: name.into(), ints, ..Default::default() });
    node
}

fn with_int(mut node: NodeProto, name: &str, i: i64) -> NodeProto {
    node.attribute.push(AttributeProto { name: name.into(), i, ..Default::default() });
    node
}

/// A value with its shape, in which 0 is a size that is left open.
fn info(name: &str, of_type: DataType, dims: &[i64]) -> ValueInfoProto {
    let value = |size: i64| if size > 0 { Some(Dim::DimValue(size)) } else { None };
    let dim = dims.iter().map(|size| Dimension { value: value(*size), ..Default::default() });
    let tensor = type_proto::Tensor {
        elem_type: of_type as i32,
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    let of_type = TypeProto { value: Some(Type::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(of_type), ..Default::default() }
}

fn float(name: &str, dims: &[i64]) -> ValueInfoProto {
    info(name, DataType::Float, dims)
}

/// From `x` to `y`.
fn graph(nodes: Vec<NodeProto>, x: &[i64], y: &[i64], noted: &[ValueInfoProto]) -> GraphProto {
    GraphProto {
        node: nodes,
        input: vec![float("x", x)],
        output: vec![float("y", y)],
        value_info: noted.to_vec(),
        ..GraphProto::default()
    }
}

/// The names and shapes of the weights that were added.
fn added(mut graph: GraphProto) -> Result<Vec<(String, Vec<i64>)>, String> {
    let count = add("m", &mut graph).map_err(|error| error.to_string())?;
    let held = &graph.initializer;
    assert_eq!(count, held.len());
    assert!(held.iter().all(|tensor| !random_weights::lacks_values(tensor)));
    Ok(held.iter().map(|tensor| (tensor.name.clone(), tensor.dims.clone())).collect())
}

#[test]
fn shapes_follow_from_the_operator_and_from_what_goes_in_and_comes_out() {
    let image = &[1, 6, 32, 32][..];
    let conv = || node("Conv", &["x", "w"], "y");
    let padded = || with_ints(conv(), "pads", &[1, 1, 1, 1]);
    let gemm = || node("Gemm", &["x", "w", "b"], "y");
    let strided = || with_ints(padded(), "strides", &[2, 2]);
    for (nodes, x, y, expected) in [
        (vec![padded()], image, &[1, 16, 32, 32][..], &[("w", &[16, 6, 3, 3][..])][..]),
        // The batch is left open.
        (vec![padded()], &[0, 6, 32, 32], &[0, 16, 32, 32], &[("w", &[16, 6, 3, 3])]),
        (
            vec![with_ints(padded(), "dilations", &[2, 1])],
            image,
            &[1, 16, 30, 32],
            &[("w", &[16, 6, 3, 3])],
        ),
        (vec![with_int(padded(), "group", 6)], image, &[1, 12, 32, 32], &[("w", &[12, 1, 3, 3])]),
        (
            vec![with_ints(strided(), "kernel_shape", &[3, 5])],
            image,
            &[1, 16, 16, 15],
            &[("w", &[16, 6, 3, 5])],
        ),
        // Through what keeps the shape, and on from the weights that were just found.
        (
            vec![
                with_ints(node("Conv", &["x", "w", "b"], "c"), "pads", &[1, 1, 1, 1]),
                node("BatchNormalization", &["c", "s", "o", "m", "v"], "n"),
                node("Relu", &["n"], "y"),
            ],
            image,
            &[1, 16, 32, 32],
            &[
                ("b", &[16]),
                ("m", &[16]),
                ("o", &[16]),
                ("s", &[16]),
                ("v", &[16]),
                ("w", &[16, 6, 3, 3]),
            ],
        ),
        (
            vec![with_ints(node("ConvTranspose", &["x", "w"], "y"), "kernel_shape", &[2, 2])],
            image,
            &[1, 3, 33, 33],
            &[("w", &[6, 3, 2, 2])],
        ),
        (vec![gemm()], &[1, 6], &[1, 4], &[("b", &[4]), ("w", &[6, 4])]),
        (vec![with_int(gemm(), "transB", 1)], &[1, 6], &[1, 4], &[("b", &[4]), ("w", &[4, 6])]),
        (vec![node("MatMul", &["x", "w"], "y")], &[1, 5, 6], &[1, 5, 4], &[("w", &[6, 4])]),
        (
            vec![node("LayerNormalization", &["x", "s", "b"], "y")],
            &[1, 5, 6],
            &[1, 5, 6],
            &[("b", &[6]), ("s", &[6])],
        ),
        (vec![node("Relu", &["x"], "y")], image, image, &[]),
    ] {
        let expected: Vec<_> =
            expected.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
        assert_eq!(added(graph(nodes.clone(), x, y, &[])), Ok(expected), "{nodes:?}");
    }
}

#[test]
fn a_shape_that_the_file_notes_counts_and_so_does_its_type() {
    let nodes = vec![node("Mul", &["x", "w"], "h"), node("Conv", &["h", "k"], "y")];
    let noted = [info("w", DataType::Float16, &[6, 1, 1]), info("h", DataType::Float16, &[0, 6])];
    let mut graph = graph(nodes, &[1, 6, 8, 8], &[1, 2, 8, 8], &noted);
    graph.node[1] = with_ints(graph.node[1].clone(), "kernel_shape", &[1, 1]);
    add("m", &mut graph).unwrap();
    let held: Vec<_> = graph.initializer.iter().map(|one| (&one.dims[..], one.data_type)).collect();
    let half = DataType::Float16 as i32;
    assert_eq!(held, [(&[2, 6, 1, 1][..], half), (&[6, 1, 1], half)]);
}

#[test]
fn inputs_that_are_weights_of_layers_alone_become_weights() {
    let nodes = vec![
        node("Conv", &["x", "w"], "c"),
        node("Conv", &["c", "z"], "d"),
        node("Add", &["d", "z"], "y"),
    ];
    let mut graph = graph(nodes, &[1, 6, 8, 8], &[1, 2, 8, 8], &[]);
    graph.input.extend([float("w", &[2, 6, 1, 1]), float("z", &[2, 2, 1, 1])]);
    assert_eq!(add("m", &mut graph).unwrap(), 1);
    let inputs: Vec<_> = graph.input.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["x", "z"]);
    assert_eq!(graph.initializer[0].name, "w");
}

#[test]
fn weights_whose_shape_does_not_follow_are_named_with_what_is_missing() {
    let image = &[1, 6, 32, 32][..];
    let conv = |name: &str, value: i64| with_int(node("Conv", &["x", "w"], "y"), name, value);
    let strided = with_ints(node("Conv", &["x", "w"], "y"), "strides", &[2, 2]);
    for (nodes, y, told) in [
        (
            vec![node("Conv", &["x", "w"], "c"), node("Conv", &["c", "v"], "y")],
            image,
            "node 0 'Conv' (the Conv): its weights 'w' are not in the file, and their shape does not follow from \
             it: the channels of 'c' are not noted; note the shape in the file (value_info); the same holds for \
             'v'",
        ),
        (vec![strided], &[1, 16, 16, 16], "its kernel_shape is not given"),
        (vec![conv("group", 4)], &[1, 16, 32, 32], "6 channels are not 4 groups"),
        (vec![conv("group", 0)], &[1, 16, 32, 32], "6 channels are not 0 groups"),
        (vec![conv("group", i64::MIN)], &[1, 16, 32, 32], "channels are not"),
        (vec![node("Add", &["x", "w"], "y")], image, "the operator leaves it open"),
        (
            vec![NodeProto { domain: "own".into(), ..node("Conv", &["x", "w"], "y") }],
            image,
            "the operator leaves it open",
        ),
    ] {
        let error = added(graph(nodes, image, y, &[])).unwrap_err();
        assert!(error.starts_with("m: node 0 ") && error.contains(told), "{error}");
    }
    let many = (0..20).map(|at| node("Add", &["x", &format!("w{at}")], &format!("a{at}")));
    let error = added(graph(many.collect(), image, image, &[])).unwrap_err();
    assert!(error.ends_with("'w8' and 11 more"), "{error}");
    let graph =
        graph(vec![node("Add", &["x", "w"], "y")], &[4], &[4], &[info("w", DataType::Int64, &[4])]);
    let error = added(graph).unwrap_err();
    assert!(error.starts_with("m: weights 'w' are of type int64"), "{error}");
}
