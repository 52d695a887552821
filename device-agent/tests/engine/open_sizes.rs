//! Sizes that a file leaves open: given, taken as 1, or named with the option that gives them.

use std::collections::BTreeMap;

use crate::onnx::{Dim, input, integers, model, node, noted, output};
use crate::rig::{Agent, Models, launch};
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, InputReport, ModelFile, Sizes};
use pearl_agent::protocol::wire::{Failure, FailureKind};

const FOUR: Dim = Dim::Fixed(4);
const BATCH: Dim = Dim::Named("batch");
const WIDTH: Dim = Dim::Named("width");

/// `x` and `y` added, with these shapes.
fn sum(x: &[Dim], y: &[Dim]) -> Vec<u8> {
    let add = node("Add", "sum", &["x", "y"], &["z"]);
    let relu = node("Relu", "", &["z"], &["out"]);
    // Neither the shape noted inside nor the one of the output holds for any sizes below.
    let stale = [Dim::Fixed(7), Dim::Fixed(7)];
    model(&[add, relu, input("x", x), input("y", y), noted("z", &stale), output("out", &stale)])
}

fn sizes(inputs: &[(&str, &[u64])], axes: &[(&str, u64)]) -> Sizes {
    let inputs = inputs.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
    let axes = axes.iter().map(|(name, size)| ((*name).to_owned(), *size));
    Sizes { inputs: inputs.collect(), axes: axes.collect::<BTreeMap<_, _>>() }
}

fn inputs(agent: &mut Agent, model: ModelFile, sizes: Sizes) -> Result<Vec<InputReport>, Failure> {
    let mut request = launch(model);
    request.sizes = sizes;
    match agent.ask(AgentRequest::Launch(request))? {
        AgentDone::Launch(report) => Ok(report.inputs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_open_size_is_the_given_one_and_a_batch_that_nobody_gave_is_one() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let by_name = sum(&[BATCH, WIDTH], &[BATCH, WIDTH]);
    let without = sum(&[Dim::Open, Dim::Open], &[Dim::Open, FOUR]);
    let half = sum(&[BATCH, FOUR], &[Dim::Fixed(1), FOUR]);
    let cases = [
        (&by_name, sizes(&[], &[("width", 5)]), [(1, 5, true), (1, 5, true)]),
        (&by_name, sizes(&[], &[("width", 5), ("batch", 3)]), [(3, 5, false), (3, 5, false)]),
        (&by_name, sizes(&[("x", &[2, 6])], &[]), [(2, 6, false), (2, 6, false)]),
        (&by_name, sizes(&[("x", &[2, 6]), ("y", &[1, 6])], &[]), [(2, 6, false), (1, 6, false)]),
        (&by_name, sizes(&[("x", &[2, 6])], &[("y:0", 1)]), [(2, 6, false), (1, 6, false)]),
        (&without, sizes(&[], &[("x:1", 4)]), [(1, 4, true), (1, 4, true)]),
        (&without, sizes(&[("x", &[2, 4])], &[]), [(2, 4, false), (1, 4, true)]),
        (&half, Sizes::default(), [(1, 4, true), (1, 4, false)]),
        // A size that the file fixes gives way to one that is asked for.
        (&half, sizes(&[("y", &[3, 4])], &[("batch", 3)]), [(3, 4, false), (3, 4, false)]),
    ];
    for (bytes, given, expected) in cases {
        let found = inputs(&mut agent, models.add("sum.onnx", bytes), given.clone()).unwrap();
        let told: Vec<_> =
            found.iter().map(|input| (input.dims[0], input.dims[1], input.assumed_batch)).collect();
        assert_eq!(told, expected, "{given:?}");
        assert!(found.iter().all(|input| input.of_type == "f32"), "{found:?}");
    }
}

#[test]
fn sizes_that_stay_open_are_named_at_once_with_the_options_that_give_them() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let open = sum(&[BATCH, WIDTH], &[Dim::Fixed(1), Dim::Open]);
    let image = |name| input(name, &[BATCH, Dim::Open, Dim::Named("h"), Dim::Named("w")]);
    let picture =
        model(&[node("Relu", "", &["im:0"], &["out"]), image("im:0"), output("out", &[])]);
    let cases = [
        (
            &open,
            Sizes::default(),
            FailureKind::BadInput,
            "the file leaves sizes open: 'width' (axis 1 of input 'x'), axis 1 of input 'y'; give them, \
             such as --input x:1x16 --input y:1x16",
        ),
        (
            &picture,
            Sizes::default(),
            FailureKind::BadInput,
            "axis 1 of input 'im:0', 'h' (axis 2 of input 'im:0'), 'w' (axis 3 of input 'im:0'); give \
             them, such as --input im:0:1x3x224x224",
        ),
        (
            &open,
            sizes(&[("z", &[1])], &[]),
            FailureKind::BadRequest,
            "it has no input 'z'; its inputs are 'x', 'y'",
        ),
        (&open, sizes(&[("x", &[1])], &[]), FailureKind::BadRequest, "input 'x' has 2 axes, not 1"),
        (
            &open,
            sizes(&[], &[("w", 1)]),
            FailureKind::BadRequest,
            "no open size is called 'w': it names 'batch', 'width'",
        ),
        (&open, sizes(&[], &[("x:2", 1)]), FailureKind::BadRequest, "no open size is called 'x:2'"),
        (&open, sizes(&[], &[("width", 0)]), FailureKind::BadRequest, "sizes begin at 1"),
        (&open, sizes(&[("x", &[0, 1])], &[]), FailureKind::BadRequest, "sizes begin at 1"),
    ];
    for (bytes, given, kind, told) in cases {
        let failure = inputs(&mut agent, models.add("open.onnx", bytes), given).unwrap_err();
        assert!(failure.message.contains(told), "'{told}' is not in: {}", failure.message);
        assert_eq!(failure.kind, kind, "{}", failure.message);
    }
}

#[test]
fn a_name_with_two_sizes_is_refused_unless_every_input_has_its_own() {
    let models = Models::new();
    let mut agent = Agent::leased();
    let product = model(&[
        node("MatMul", "", &["x", "y"], &["out"]),
        input("x", &[Dim::Fixed(1), WIDTH]),
        input("y", &[WIDTH, WIDTH]),
        output("out", &[]),
    ]);
    let file = models.add("product.onnx", &product);
    let failure = inputs(&mut agent, file.clone(), sizes(&[("y", &[5, 6])], &[])).unwrap_err();
    assert!(failure.message.contains("size 'width' is 5 and, by the shape of input 'y', 6"));
    let given = sizes(&[("x", &[1, 5]), ("y", &[5, 6])], &[]);
    let found = inputs(&mut agent, file, given).unwrap();
    assert_eq!([&found[0].dims[..], &found[1].dims[..]], [&[1, 5][..], &[5, 6]]);
}

#[test]
fn sizes_that_leave_a_network_nothing_to_do_are_refused() {
    let models = Models::new();
    let cut = node("Slice", "cut", &["x", "three", "far", "one"], &["y"]);
    let numbers = [("three", 3), ("far", 1000), ("one", 1)];
    let numbers = numbers.map(|(name, value)| integers(name, &[1], &[value])).concat();
    let bytes = model(&[cut, numbers, input("x", &[BATCH, WIDTH]), output("y", &[BATCH, WIDTH])]);
    let mut agent = Agent::leased();
    let mut told =
        |width| inputs(&mut agent, models.add("cut.onnx", &bytes), sizes(&[], &[("width", width)]));
    assert!(told(4).is_ok());
    let failure = told(3).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput);
    assert!(failure.message.contains("output 'y' holds no value"), "{}", failure.message);
}
