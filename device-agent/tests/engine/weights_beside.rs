//! Weights that lie in files beside the model: read where the request names them and they are what it says.

use crate::onnx::{Dim, external, input, model, node, output};
use crate::rig::{Agent, Models};
use pearl_agent::protocol::messages::{ModelFile, TensorData, WeightsFile};
use pearl_agent::protocol::wire::FailureKind;

const ROW: [Dim; 2] = [Dim::Fixed(1), Dim::Fixed(2)];

/// `x` times 2, plus 10 and 20, whose weights lie in `a.data` and `b/c.data`.
fn affine() -> Vec<u8> {
    model(&[
        external("w", &[2, 2], &[("location", "a.data"), ("offset", "4"), ("length", "16")]),
        external("b", &[2], &[("location", "b/c.data")]),
        node("MatMul", "product", &["x", "w"], &["p"]),
        node("Add", "sum", &["p", "b"], &["y"]),
        input("x", &ROW),
        output("y", &ROW),
    ])
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The model with its weights, of which `change` makes something else.
fn ask(change: impl FnOnce(&mut ModelFile)) -> Result<Vec<f32>, (FailureKind, String)> {
    let models = Models::new();
    let mut file = models.add("affine.onnx", &affine());
    for (location, name, values) in
        [("a.data", "one", &[9.0, 2.0, 0.0, 0.0, 2.0][..]), ("b/c.data", "two", &[10.0, 20.0])]
    {
        let ModelFile { path, sha256, .. } = models.add(name, &floats(values));
        file.weights.push(WeightsFile { location: location.into(), path, sha256 });
    }
    change(&mut file);
    let inputs = vec![TensorData { dims: vec![1, 2], values: vec![1.0, -1.0] }];
    let ran = Agent::leased().run(file, inputs);
    ran.map(|report| report.outputs[0].values.clone())
        .map_err(|failure| (failure.kind, failure.message))
}

#[test]
fn weights_of_several_files_are_taken_from_where_they_lie() {
    assert_eq!(ask(|_| {}).unwrap(), [12.0, 18.0]);
}

type Change = fn(&mut ModelFile);

#[test]
fn weights_that_are_not_there_or_not_whole_are_refused_by_name() {
    let cases: [(Change, &str); 4] = [
        (|model| drop(model.weights.pop()), "weights 'b' lie in 'b/c.data', which was not sent"),
        (|model| model.weights[0].sha256 = "00".repeat(32), "one: its sha256 is "),
        (
            |model| model.weights[1].path = "/nowhere/at/all".into(),
            "/nowhere/at/all: cannot be opened",
        ),
        (
            |model| {
                let short = model.weights[1].clone();
                model.weights[0] =
                    WeightsFile { location: model.weights[0].location.clone(), ..short };
            },
            "weights 'w' are 16 bytes from 4 on of ",
        ),
    ];
    for (change, told) in cases {
        let (kind, message) = ask(change).unwrap_err();
        assert_eq!(kind, FailureKind::BadInput, "{message}");
        assert!(message.contains(told), "'{told}' is not in: {message}");
    }
}
