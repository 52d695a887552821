//! Operators are what their domain says: functions of a file are inlined, those of vendors refused.

use crate::onnx::{
    Dim, OWN, function, input, model, node, of_domain, output, with_default, with_float,
    with_reference,
};
use crate::rig::{Agent, Models};
use pearl_agent::protocol::messages::TensorData;
use pearl_agent::protocol::wire::FailureKind;

const ROW: [Dim; 2] = [Dim::Fixed(1), Dim::Fixed(2)];
const X: [f32; 2] = [1.0, -2.0];

/// `y` of `x` by these nodes.
fn graph(nodes: &[Vec<u8>]) -> Vec<u8> {
    let ends = [input("x", &ROW), output("y", &ROW)];
    model(&[nodes, &ends[..]].concat())
}

fn call(name: &str, label: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    of_domain(OWN, &node(name, label, inputs, outputs))
}

fn outputs(name: &str, bytes: &[u8]) -> Result<Vec<f32>, (FailureKind, String)> {
    let models = Models::new();
    let inputs = vec![TensorData { dims: vec![1, 2], values: X.to_vec() }];
    let ran = Agent::leased().run(models.add(name, bytes), inputs);
    ran.map(|report| report.outputs[0].values.clone())
        .map_err(|failure| (failure.kind, failure.message))
}

#[test]
fn a_function_of_the_file_is_computed_whatever_it_is_called() {
    let double = function(
        "Identity",
        17,
        (&["a"], &["b"]),
        &[],
        &[node("Add", "", &["a", "a"], &["t"]), node("Neg", "", &["t"], &["b"])],
    );
    let plain = graph(&[call("Identity", "call", &["x"], &["y"])]);
    assert_eq!(outputs("named", &[plain, double.clone()].concat()).unwrap(), [-2.0, 4.0]);

    // Called twice, from another function, with a value that bears the name of one inside.
    let twice = function(
        "Twice",
        17,
        (&["a"], &["b"]),
        &[],
        &[
            call("Identity", "", &["a"], &["t"]),
            call("Identity", "", &["t"], &["u"]),
            node("Add", "", &["t", "u"], &["b"]),
        ],
    );
    let nested = graph(&[
        node("Relu", "", &["x"], &["t"]),
        call("Twice", "", &["x"], &["u"]),
        node("Add", "", &["u", "t"], &["y"]),
    ]);
    // -2 x + 4 x + relu(x)
    assert_eq!(outputs("nested", &[nested, twice, double].concat()).unwrap(), [3.0, -4.0]);
}

#[test]
fn attributes_of_a_call_reach_the_body_and_those_left_out_take_the_operators_default() {
    let leaky = function(
        "Leak",
        17,
        (&["a"], &["b"]),
        &["slope"],
        &[with_reference("alpha", "slope", &node("LeakyRelu", "", &["a"], &["b"]))],
    );
    let call = call("Leak", "", &["x"], &["y"]);
    let given = graph(&[with_float("slope", 0.5, &call)]);
    assert_eq!(outputs("given", &[given, leaky.clone()].concat()).unwrap(), [1.0, -1.0]);
    let omitted = graph(&[call]);
    assert_eq!(outputs("omitted", &[omitted, leaky].concat()).unwrap(), [1.0, -0.02]);
}

#[test]
fn an_attribute_that_a_call_leaves_out_takes_the_default_of_its_own_function() {
    let body = with_reference("alpha", "slope", &node("LeakyRelu", "", &["a"], &["b"]));
    let leak = function("Leak", 17, (&["a"], &["b"]), &[], std::slice::from_ref(&body));
    let leak = with_default("slope", 0.25, &leak);
    // The same body without a default, before it in the file.
    let plain = function("Plain", 17, (&["a"], &["b"]), &["slope"], &[body]);
    let outer = function("Outer", 17, (&["a"], &["b"]), &[], &[call("Leak", "", &["a"], &["b"])]);
    let functions = [plain, leak, outer].concat();
    let called = |name| call(name, "", &["x"], &["y"]);
    for (call, expected) in [
        (called("Leak"), [1.0, -0.5]),
        (with_float("slope", 0.5, &called("Leak")), [1.0, -1.0]),
        (called("Outer"), [1.0, -0.5]),
        // Not that of the function next to it, but the operator's.
        (called("Plain"), [1.0, -0.02]),
    ] {
        let bytes = [graph(&[call]), functions.clone()].concat();
        assert_eq!(outputs("default", &bytes).unwrap(), expected);
    }
}

#[test]
fn what_is_no_operator_of_its_domain_is_refused_by_name() {
    let endless = function("F", 17, (&["a"], &["b"]), &[], &[call("F", "", &["a"], &["b"])]);
    let old = function("F", 12, (&["a"], &["b"]), &[], &[node("Relu", "", &["a"], &["b"])]);
    let called = || graph(&[call("F", "", &["x"], &["y"])]);
    let relu = |domain| of_domain(domain, &node("Relu", "act", &["x"], &["y"]));
    let many = [
        of_domain("org.example", &node("Relu", "act", &["x"], &["a"])),
        node("Frobnicate", "", &["a"], &["b"]),
        node("Frobnicate", "", &["b"], &["c"]),
        of_domain("com.microsoft", &node("Relu", "", &["c"], &["y"])),
    ];
    let cases = [
        (
            graph(&[relu("org.example")]),
            "node 0 'Relu' (act): operator of domain 'org.example' not supported by tract",
        ),
        (graph(&many), "; nor are 'Frobnicate', 'Relu' of 'com.microsoft'"),
        ([called(), endless].concat(), "its function 'F' calls itself"),
        (
            [called(), old].concat(),
            "its function 'F' is written for version 12 of the standard operators, the model for 17",
        ),
    ];
    for (bytes, told) in cases {
        let (kind, message) = outputs("refused", &bytes).unwrap_err();
        assert!(message.contains(told), "'{told}' is not in: {message}");
        assert_eq!(kind, FailureKind::BadInput, "{message}");
    }
    assert_eq!(outputs("standard", &graph(&[relu("ai.onnx")])).unwrap(), [1.0, 0.0]);
}
