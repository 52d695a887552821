//! Gives a size to every axis of the inputs that the file leaves open.
//!
//! An axis is open where the file has a name for it (`N`), or nothing, or a size below 1. The sizes come
//! from the request; without one, the first axis of an input (its batch) is 1. A size given to a name holds
//! for all axes of that name, unless an axis has a size of its own.
//!
//! **Invariant:** after it every input has a whole, fixed shape, and no size was chosen unseen: those that
//! nobody gave are returned.

use std::collections::{BTreeMap, BTreeSet};

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, TensorShapeProto, ValueInfoProto};

use super::super::EngineError;
use super::super::error::one_line;
use pearl_agent::protocol::messages::Sizes;

/// The size of a batch that nobody gave.
const BATCH: i64 = 1;
/// Example sizes in the advice of a message: of an image's height and width, of its channels, of any other
/// axis.
const EXAMPLE: (i64, i64, i64) = (224, 3, 16);

/// Returns the names of the inputs whose batch was taken as 1.
///
/// # Errors
/// Where sizes stay open, or those given contradict each other or the graph.
pub(crate) fn settle(
    model: &str,
    graph: &mut GraphProto,
    sizes: &Sizes,
) -> Result<BTreeSet<String>, EngineError> {
    let weights: BTreeSet<&str> = graph.initializer.iter().map(|one| one.name.as_str()).collect();
    let is_input = |input: &ValueInfoProto| !weights.contains(input.name.as_str());
    let places: Vec<usize> =
        (0..graph.input.len()).filter(|&at| is_input(&graph.input[at])).collect();
    let inputs: Vec<OpenInput> = places
        .iter()
        .map(|&at| OpenInput::of(model, &graph.input[at]))
        .collect::<Result<_, _>>()?;
    let fail = |reason: String| EngineError::Request(format!("{model}: {reason}"));
    let known = Given::of(&inputs, sizes).map_err(fail)?;
    let (mut assumed, mut open) = (BTreeSet::new(), Vec::new());
    let mut settled = Vec::new();
    for input in &inputs {
        let Some(axes) = known.axes_of(input) else {
            open.push((input, Vec::new()));
            continue;
        };
        let mut shape = Vec::new();
        let mut missing = Vec::new();
        for (at, axis) in axes.iter().enumerate() {
            match known.size(input, at, axis) {
                Some(size) => shape.push(size),
                None if at == 0 => {
                    assumed.insert(input.name.clone());
                    shape.push(BATCH);
                }
                None => missing.push(at),
            }
        }
        if missing.is_empty() {
            settled.push(shape);
        } else {
            open.push((input, missing));
        }
    }
    if !open.is_empty() {
        return Err(EngineError::Model { model: model.into(), reason: advice(&open) });
    }
    for (at, shape) in places.into_iter().zip(settled) {
        fix(&mut graph.input[at], &shape);
    }
    Ok(assumed)
}

/// An axis as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Axis {
    Fixed(i64),
    Named(String),
    Open,
}

struct OpenInput {
    name: String,
    /// `None` where the file does not say how many axes there are.
    axes: Option<Vec<Axis>>,
}

impl OpenInput {
    fn of(model: &str, input: &ValueInfoProto) -> Result<Self, EngineError> {
        let Some(Type::TensorType(tensor)) =
            input.r#type.as_ref().and_then(|of_type| of_type.value.as_ref())
        else {
            return Err(EngineError::Input {
                model: model.into(),
                input: one_line(&input.name),
                reason: "is not a tensor".into(),
            });
        };
        let axis = |dim: &Dimension| match &dim.value {
            Some(Dim::DimValue(size)) if *size > 0 => Axis::Fixed(*size),
            Some(Dim::DimParam(name)) if !name.is_empty() => Axis::Named(name.clone()),
            _ => Axis::Open,
        };
        let axes = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(axis).collect());
        Ok(Self { name: input.name.clone(), axes })
    }
}

/// The sizes of a request, held against the inputs.
struct Given<'a> {
    shapes: BTreeMap<&'a str, &'a [u64]>,
    /// By name of an axis.
    names: BTreeMap<&'a str, i64>,
    /// By input and axis.
    places: BTreeMap<(&'a str, usize), i64>,
}

impl<'a> Given<'a> {
    fn of(inputs: &'a [OpenInput], sizes: &'a Sizes) -> Result<Self, String> {
        let mut given =
            Self { shapes: BTreeMap::new(), names: BTreeMap::new(), places: BTreeMap::new() };
        for (name, shape) in &sizes.inputs {
            let Some(input) = inputs.iter().find(|input| input.name == *name) else {
                return Err(format!(
                    "it has no input '{}'; its inputs are {}",
                    one_line(name),
                    listed(inputs.iter().map(|input| input.name.as_str()))
                ));
            };
            if let Some(axes) = input.axes.as_ref().filter(|axes| axes.len() != shape.len()) {
                let (has, got) = (axes.len(), shape.len());
                return Err(format!("input '{}' has {has} axes, not {got}", one_line(name)));
            }
            given.shapes.insert(name, shape);
        }
        for (name, size) in &sizes.axes {
            let size = sized(name, *size)?;
            if let Some(place) = place(inputs, name) {
                given.places.insert(place, size);
            } else if axes(inputs).any(|(_, _, axis)| *axis == Axis::Named(name.clone())) {
                given.names.insert(name, size);
            } else {
                let names: BTreeSet<&str> =
                    axes(inputs).filter_map(|(_, _, axis)| named(axis)).collect();
                let known = if names.is_empty() {
                    "it names none".to_owned()
                } else {
                    format!("it names {}", listed(names.into_iter()))
                };
                return Err(format!(
                    "no open size is called '{}': {known}; an axis of an input is INPUT:AXIS, counted from 0",
                    one_line(name)
                ));
            }
        }
        // A shape that was given also gives its names a size.
        for (name, shape) in &sizes.inputs {
            for (of, at, axis) in axes(inputs).filter(|(of, _, _)| of == name) {
                let size = sized(of, shape[at])?;
                let Some(symbol) = named(axis) else { continue };
                let before = *given.names.entry(symbol).or_insert(size);
                let alone = given.places.contains_key(&(of, at));
                if before != size && !alone && !covered(inputs, symbol, sizes) {
                    return Err(format!(
                        "size '{}' is {before} and, by the shape of input '{}', {size}; give every input \
                         that has it a shape",
                        one_line(symbol),
                        one_line(of)
                    ));
                }
            }
        }
        Ok(given)
    }

    /// The axes of an input, those of its given shape where the file has none.
    fn axes_of(&self, input: &OpenInput) -> Option<Vec<Axis>> {
        let given = || Some(vec![Axis::Open; self.shapes.get(input.name.as_str())?.len()]);
        input.axes.clone().or_else(given)
    }

    fn size(&self, input: &OpenInput, at: usize, axis: &Axis) -> Option<i64> {
        let name = input.name.as_str();
        let by_shape = || self.shapes.get(name).map(|shape| shape[at].cast_signed());
        let by_name = || named(axis).and_then(|name| self.names.get(name).copied());
        let by_file = || if let Axis::Fixed(size) = axis { Some(*size) } else { None };
        let by_place = self.places.get(&(name, at)).copied();
        by_place.or_else(by_shape).or_else(by_name).or_else(by_file)
    }
}

fn named(axis: &Axis) -> Option<&str> {
    if let Axis::Named(name) = axis { Some(name) } else { None }
}

fn axes(inputs: &[OpenInput]) -> impl Iterator<Item = (&str, usize, &Axis)> {
    inputs.iter().flat_map(|input| {
        let axes = input.axes.iter().flatten().enumerate();
        axes.map(|(at, axis)| (input.name.as_str(), at, axis))
    })
}

/// Whether every input with this name among its axes was given a shape of its own.
fn covered(inputs: &[OpenInput], symbol: &str, sizes: &Sizes) -> bool {
    axes(inputs)
        .filter(|(_, _, axis)| named(axis) == Some(symbol))
        .all(|(of, _, _)| sizes.inputs.contains_key(of))
}

/// The axis that `input:2` means.
fn place<'a>(inputs: &'a [OpenInput], text: &str) -> Option<(&'a str, usize)> {
    let (name, at) = text.rsplit_once(':')?;
    let at: usize = at.parse().ok()?;
    let input = inputs.iter().find(|input| input.name == name)?;
    input.axes.as_ref().is_none_or(|axes| at < axes.len()).then_some((input.name.as_str(), at))
}

fn sized(name: &str, size: u64) -> Result<i64, String> {
    match i64::try_from(size) {
        Ok(size) if size > 0 => Ok(size),
        _ => Err(format!("a size of {size} for '{}' is none; sizes begin at 1", one_line(name))),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("'{}'", one_line(name))).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// All that is open, and the options that would give it.
fn advice(open: &[(&OpenInput, Vec<usize>)]) -> String {
    let (mut told, mut options) = (Vec::new(), Vec::new());
    for (input, missing) in open {
        let name = one_line(&input.name);
        let Some(axes) = &input.axes else {
            told.push(format!("the shape of input '{name}'"));
            options.push(format!("--input {name}:1x3x224x224"));
            continue;
        };
        for &at in missing {
            let axis = match named(&axes[at]) {
                Some(symbol) => format!("'{}' (axis {at} of input '{name}')", one_line(symbol)),
                None => format!("axis {at} of input '{name}'"),
            };
            told.push(axis);
        }
        let example = |(at, axis): (usize, &Axis)| match axis {
            Axis::Fixed(size) => *size,
            _ if at == 0 => BATCH,
            _ if axes.len() == 4 && at == 1 => EXAMPLE.1,
            _ if axes.len() == 4 => EXAMPLE.0,
            _ => EXAMPLE.2,
        };
        let shape: Vec<String> =
            axes.iter().enumerate().map(|of| example(of).to_string()).collect();
        options.push(format!("--input {name}:{}", shape.join("x")));
    }
    let (told, options) = (told.join(", "), options.join(" "));
    format!("the file leaves sizes open: {told}; give them, such as {options}")
}

fn fix(input: &mut ValueInfoProto, shape: &[i64]) {
    let of_type = input.r#type.as_mut().and_then(|of_type| of_type.value.as_mut());
    if let Some(Type::TensorType(tensor)) = of_type {
        let dim =
            |size: &i64| Dimension { value: Some(Dim::DimValue(*size)), ..Dimension::default() };
        tensor.shape = Some(TensorShapeProto { dim: shape.iter().map(dim).collect() });
    }
}
