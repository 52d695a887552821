//! Files that are not models, or models that cannot be run: each is refused by name, and the agent keeps
//! serving.

use std::fs::File;

use crate::onnx::{Dim, external, floats, input, integers, model, node, output};
use crate::rig::{Agent, Models, launch, meant};
use pearl_agent::protocol::messages::{AgentRequest, ModelFile, TensorData};
use pearl_agent::protocol::wire::FailureKind::{self, BadInput, Limit, MemoryLimit, TimeLimit};
use proptest::prelude::*;

const ROW: [Dim; 2] = [Dim::Fixed(1), Dim::Fixed(4)];

fn good() -> Vec<u8> {
    model(&[
        floats("w", &[4, 4], &[0.5; 16]),
        node("MatMul", "product", &["x", "w"], &["p"]),
        node("Relu", "relu", &["p"], &["y"]),
        input("x", &ROW),
        output("y", &ROW),
    ])
}

/// One operator between `x` and `y`, after the weights.
fn single(weights: Vec<u8>, operator: &str, inputs: &[&str]) -> Vec<u8> {
    let node = node(operator, "it", inputs, &["y"]);
    model(&[weights, node, input("x", &ROW), output("y", &[])])
}

fn check(agent: &mut Agent, file: ModelFile, kind: FailureKind, told: &str) {
    let path = file.path.clone();
    let failure = agent.ask(AgentRequest::Launch(launch(file))).unwrap_err();
    let message = failure.message;
    assert_eq!(failure.kind, kind, "{message}");
    assert!(message.starts_with(&path), "{message}");
    assert!(message.contains(told), "'{told}' is not in: {message}");
    assert!(!message.contains('\n') && !message.contains("panicked"), "{message}");
}

fn still_serves(agent: &mut Agent, models: &Models) {
    let inputs = vec![TensorData { dims: vec![1, 4], values: vec![1.0; 4] }];
    let report = agent.run(models.add("good.onnx", &good()), inputs).unwrap();
    assert_eq!(report.outputs[0].values, [2.0; 4]);
}

#[test]
fn contents_that_cannot_be_run_are_refused_by_name() {
    let wide = || input("x", &[Dim::Fixed(1), Dim::Named("width")]);
    let relu = || node("Relu", "", &["x"], &["y"]);
    let cases = [
        ("empty", vec![], "the file is empty"),
        ("text", b"no model at all\n".to_vec(), "not an ONNX file"),
        ("truncated", good()[..good().len() / 2].to_vec(), "not an ONNX file"),
        ("zeros", vec![0; 500], "not an ONNX file"),
        (
            "dynamic",
            model(&[relu(), wide(), output("y", &ROW)]),
            "leaves sizes open: 'width' (axis 1 of input 'x'); give them, such as --input x:1x16",
        ),
        (
            "operator",
            single(vec![], "Frobnicate", &["x"]),
            "node 0 'Frobnicate' (it): operator not supported by tract 0.23.9",
        ),
        (
            "dangling",
            single(vec![], "Add", &["x", "ghost"]),
            "node 0 'Add' (it): its input 'ghost' is not defined in the graph",
        ),
        ("no-output", model(&[relu(), input("x", &ROW)]), "no output"),
        (
            "lost-output",
            model(&[relu(), input("x", &ROW), output("z", &ROW)]),
            "output 'z' is not defined in the graph",
        ),
        (
            "shapes",
            single(floats("w", &[5, 4], &[0.0; 20]), "MatMul", &["x", "w"]),
            "node 0 'MatMul' (it)",
        ),
        (
            "reshape",
            single(integers("w", &[2], &[3, 3]), "Reshape", &["x", "w"]),
            "node 0 'Reshape' (it)",
        ),
        (
            "weights",
            single(floats("w", &[4, 4], &[0.0; 3]), "MatMul", &["x", "w"]),
            "weights 'w' of shape [4, 4] do not fit their 12 bytes",
        ),
        (
            "external",
            single(external("w", &[4, 4], &[]), "MatMul", &["x", "w"]),
            "weights 'w' lie in a file without a name",
        ),
    ];
    let models = Models::new();
    let mut agent = Agent::leased();
    for (name, bytes, told) in cases {
        let file = models.add(&format!("{name}.onnx"), &bytes);
        check(&mut agent, file, BadInput, told);
        still_serves(&mut agent, &models);
    }
}

#[test]
fn paths_that_hold_no_model_are_refused_by_name() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let at = |name: &str| meant(&models.path(name), &[]);
    check(&mut agent, at("absent.onnx"), BadInput, "cannot be opened");
    std::fs::create_dir(models.path("folder.onnx")).unwrap();
    check(&mut agent, at("folder.onnx"), BadInput, "not a file");
    check(&mut agent, meant("/dev/zero".as_ref(), &[]), BadInput, "not a file");
    let pipe = models.path("pipe.onnx");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    check(&mut agent, meant(&pipe, &[]), BadInput, "not a file");
    File::create(models.path("huge.onnx")).unwrap().set_len(2 << 30).unwrap();
    check(&mut agent, at("huge.onnx"), Limit, "2147483648 bytes, the limit is 1048576");
    still_serves(&mut agent, &models);
}

#[test]
fn a_file_other_than_the_one_meant_is_refused_with_its_hash() {
    let models = Models::new();
    let mut file = models.add("good.onnx", &good());
    let found = std::mem::replace(&mut file.sha256, "00ff".into());
    check(&mut Agent::leased(), file, BadInput, &format!("its sha256 is {found}, expected 00ff"));
}

#[test]
fn an_output_that_json_cannot_hold_is_refused_by_name() {
    let models = Models::new();
    let file = models.add("log.onnx", &single(vec![], "Log", &["x"]));
    let inputs = vec![TensorData { dims: vec![1, 4], values: vec![-1.0; 4] }];
    let failure = Agent::leased().run(file, inputs).unwrap_err();
    assert_eq!(failure.kind, BadInput);
    assert!(
        failure.message.ends_with("output 'y' holds a number that is not finite"),
        "{}",
        failure.message
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_model_with_bytes_changed_is_run_or_refused(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let models = Models::new();
        let mut agent = Agent::leased();
        let mut bytes = good();
        for (at, byte) in flips {
            *at.get_mut(&mut bytes) = byte;
        }
        let mut request = launch(models.add("flipped.onnx", &bytes));
        request.limits.memory_bytes = 256 << 20;
        request.limits.time_ns = 20_000_000_000;
        if let Err(failure) = agent.ask(AgentRequest::Launch(request)) {
            prop_assert!(matches!(failure.kind, BadInput | Limit | MemoryLimit | TimeLimit), "{}: {:?}", failure.message, failure.kind);
        }
        still_serves(&mut agent, &models);
    }
}
