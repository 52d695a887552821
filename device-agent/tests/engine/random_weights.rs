//! Files that keep their structure alone: measured with random weights where that is asked for, else the weights
//! that are missing are named.

use crate::onnx::{Dim, external, floats, input, integers, model, node, noted, output};
use crate::rig::{Agent, Models, launch};
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, ModelFile, TensorData};
use pearl_agent::protocol::wire::FailureKind;

fn dims<const N: usize>(sizes: [u64; N]) -> [Dim; N] {
    sizes.map(Dim::Fixed)
}

/// `x` of shape [1, 4] to `y`, by a product with `w` of shape [4, 4], after these weights.
fn product(weights: &[Vec<u8>]) -> Vec<u8> {
    let ends = [input("x", &dims([1, 4])), output("y", &dims([1, 4]))];
    let product = node("MatMul", "product", &["x", "w"], &["y"]);
    model(&[weights, &[product], &ends].concat())
}

/// A convolution whose weights are nowhere, with a kernel that only the sizes around it tell.
fn convolution() -> Vec<u8> {
    model(&[
        node("Conv", "c", &["x", "cw"], &["y"]),
        input("x", &dims([1, 3, 8, 8])),
        output("y", &dims([1, 16, 6, 6])),
    ])
}

/// The same whose output is noted nowhere.
fn open() -> Vec<u8> {
    model(&[
        node("Conv", "c", &["x", "cw"], &["y"]),
        input("x", &dims([1, 3, 8, 8])),
        output("y", &[]),
    ])
}

fn random(models: &Models, bytes: &[u8]) -> ModelFile {
    ModelFile { random_weights: true, ..models.add("structure.onnx", bytes) }
}

/// How many weights became random.
fn count(agent: &mut Agent, file: ModelFile) -> Result<usize, (FailureKind, String)> {
    match agent.ask(AgentRequest::Launch(launch(file))) {
        Ok(AgentDone::Launch(report)) => Ok(report.graph.random_weights),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err((failure.kind, failure.message)),
    }
}

#[test]
fn weights_that_are_nowhere_are_random_where_that_is_asked_for_and_are_named_otherwise() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let whole = product(&[floats("w", &[4, 4], &[0.5; 16])]);
    let beside = product(&[external("w", &[4, 4], &[("location", "w.data")])]);
    let emptied = product(&[floats("w", &[4, 4], &[])]);
    let told = product(&[noted("w", &dims([4, 4]))]);
    for (bytes, named) in [
        (convolution(), "node 0 'Conv' (c): its input 'cw' is not defined in the graph"),
        (told, "node 0 'MatMul' (product): its input 'w' is not defined in the graph"),
        (beside, "weights 'w' lie in 'w.data', which was not sent"),
        (emptied, "weights 'w' of shape [4, 4] have no values; --random-weights"),
    ] {
        let plain = models.add("structure.onnx", &bytes);
        let (kind, message) = count(&mut agent, plain).unwrap_err();
        assert_eq!(kind, FailureKind::BadInput, "{message}");
        assert!(message.contains(named), "'{named}' is not in: {message}");
        assert_eq!(count(&mut agent, random(&models, &bytes)), Ok(1), "{named}");
    }
    // What is there is taken.
    assert_eq!(count(&mut agent, random(&models, &whole)), Ok(0));
    let x = vec![TensorData { dims: vec![1, 4], values: vec![1.0; 4] }];
    let outputs = agent.run(random(&models, &whole), x).unwrap().outputs;
    assert_eq!(outputs[0].values, [2.0; 4]);
}

#[test]
fn random_weights_are_the_same_every_time_and_give_ordinary_numbers() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let mut run = || {
        let x = vec![TensorData { dims: vec![1, 3, 8, 8], values: vec![1.0; 192] }];
        agent.run(random(&models, &convolution()), x).unwrap().outputs.remove(0)
    };
    let first = run();
    assert_eq!(first.dims, [1, 16, 6, 6]);
    assert!(first.values.iter().all(|value| value.is_normal() && value.abs() < 50.0), "{first:?}");
    assert_eq!(run(), first);
}

#[test]
fn what_cannot_be_made_up_is_named_with_the_reason() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let reshape = model(&[
        external("w", &[4, 4], &[("location", "w.data")]),
        node("MatMul", "product", &["x", "w"], &["p"]),
        node("Reshape", "flat", &["p", "size"], &["y"]),
        input("x", &dims([1, 4])),
        output("y", &[]),
    ]);
    let whole = product(&[integers("w", &[4, 4], &[])]);
    for (bytes, named) in [
        (
            open(),
            "node 0 'Conv' (c): its weights 'cw' are not in the file, and their shape does not follow from it: \
             the channels of 'y' are not noted",
        ),
        (reshape, "node 1 'Reshape' (flat): its weights 'size' are not in the file"),
        (whole, "weights 'w' are of type int64: their values say what the graph does"),
    ] {
        let (kind, message) = count(&mut agent, random(&models, &bytes)).unwrap_err();
        assert_eq!(kind, FailureKind::BadInput, "{message}");
        assert!(message.contains(named), "'{named}' is not in: {message}");
    }
}
