//! What inputs are fed: given values, or values that suit them, and both are told.

use crate::onnx::{Dim, input, model, node, output, whole_input, with_whole};
use crate::rig::{Agent, Models, launch};
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, InputReport, InputValues};
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// One of the ten values of `x`: the one at the place that the input of this name gives.
fn one_of_ten(name: &str) -> Vec<u8> {
    model(&[
        with_whole("axis", 1, &node("Gather", "pick", &["x", name], &["out"])),
        input("x", &[Dim::Fixed(1), Dim::Fixed(10)]),
        whole_input(name, &[Dim::Fixed(1)]),
        output("out", &[]),
    ])
}

fn ask(name: &str, values: &[(&str, InputValues)]) -> Result<Vec<InputReport>, Failure> {
    let models = Models::new();
    let mut request = launch(models.add("pick.onnx", &one_of_ten(name)));
    let values = values.iter().map(|(name, values)| ((*name).to_owned(), values.clone()));
    request.values = values.collect();
    match Agent::leased().ask(AgentRequest::Launch(request))? {
        AgentDone::Launch(report) => Ok(report.inputs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_given_value_is_fed_and_one_that_nobody_gave_is_told_as_ours() {
    let own = ask("place", &[]).unwrap();
    assert_eq!((own[1].values.as_str(), own[1].chosen), ("0", true));
    assert_eq!((own[0].values.as_str(), own[0].chosen), ("uniform from -1 to 1", false));
    let given = ask("place", &[("place", InputValues::Constant(4.0))]).unwrap();
    assert_eq!((given[1].values.as_str(), given[1].chosen), ("4", false));
}

#[test]
fn a_failure_that_a_value_of_ours_may_have_caused_names_the_value() {
    // A length is that of the longest axis, and there is no eleventh value.
    let failure = ask("len", &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput, "{}", failure.message);
    let told = "'len' (10) got values that nobody gave, and these may be the cause";
    assert!(failure.message.contains(told), "{}", failure.message);
    let failure = ask("len", &[("len", InputValues::Constant(10.0))]).unwrap_err();
    assert!(!failure.message.contains("nobody gave"), "{}", failure.message);
}

#[test]
fn values_for_an_input_that_is_not_there_are_refused() {
    let failure = ask("len", &[("length", InputValues::Constant(4.0))]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(failure.message.contains("no input 'length' for a value; its inputs are 'x', 'len'"));
}
