//! Weights of a file that keeps its structure alone: what nodes take and nothing defines, or what is an input
//! of the graph and a layer's weights.
//!
//! The shape of such weights is the one that the file notes for them. Else it follows from their operator and
//! from the shapes that the file notes for what goes in and comes out there. The shapes are those of the file,
//! not those that a request gives: these are other shapes only along axes that weights do not have.
//!
//! **Invariant:** no size is guessed; where one does not follow, the weights are named with what is missing.

use std::collections::{BTreeMap, HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto};

use super::NodeLabel;
use super::random_weights::{self, Uses};
use super::wiring::{Wiring, is, list, whole, word};
use crate::engine::EngineError;
use crate::engine::error::one_line;

/// The inputs of operators that are weights wherever a graph is trained: the operator, and the input's place.
const WEIGHTS: [(&str, usize); 10] = [
    ("BatchNormalization", 1),
    ("BatchNormalization", 2),
    ("BatchNormalization", 3),
    ("BatchNormalization", 4),
    ("Conv", 1),
    ("Conv", 2),
    ("ConvTranspose", 1),
    ("ConvTranspose", 2),
    ("Gemm", 1),
    ("Gemm", 2),
];
/// Operators whose first output has the shape of their first input.
const SAME_SHAPE: [&str; 18] = [
    "BatchNormalization",
    "Clip",
    "Dropout",
    "Elu",
    "Erf",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Mish",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softmax",
    "Tanh",
];
/// Operators whose first output has the batch and the channels of their first input.
const SAME_CHANNELS: [&str; 4] = ["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"];
/// Most values that are looked at in either direction for one size.
const MOST_STEPS: usize = 64;
/// Most weights that a message names.
const MOST_NAMED: usize = 8;

/// Gives the graph these weights, with random numbers. Returns how many.
///
/// # Errors
/// Where the shape of some does not follow from the file: all of them, by name.
pub(super) fn add(model: &str, graph: &mut GraphProto) -> Result<usize, EngineError> {
    let uses = Uses::of(graph);
    let inputs = weights_among_inputs(graph, &uses);
    let mut tensors = shaped(model, graph, &inputs)?;
    for tensor in &mut tensors {
        let name = tensor.name.clone();
        random_weights::fill(tensor, &name, &uses).map_err(|reason| EngineError::Model {
            model: model.into(),
            reason: format!("weights '{}' {reason}", one_line(&name)),
        })?;
    }
    let count = tensors.len();
    graph.input.retain(|input| !inputs.contains(&input.name));
    graph.initializer.extend(tensors);
    Ok(count)
}

/// The weights that are nowhere or are `inputs`, with their shapes and types, without values.
fn shaped(
    model: &str,
    graph: &GraphProto,
    inputs: &HashSet<String>,
) -> Result<Vec<TensorProto>, EngineError> {
    let mut shapes = Shapes::of(graph);
    let mut unknown = Vec::new();
    for (index, node) in graph.node.iter().enumerate() {
        for (place, value) in node.input.iter().enumerate() {
            if !shapes.is_lacking(value, inputs) {
                continue;
            }
            match shapes.of_weights(node, place) {
                Ok(dims) => {
                    let data_type = shapes.type_of_weights(node, value);
                    let name = value.clone();
                    let tensor = TensorProto { name, dims, data_type, ..TensorProto::default() };
                    shapes.found.insert(value.clone(), tensor);
                }
                Err(missing) => {
                    shapes.given_up.insert(value.as_str());
                    unknown.push((index, node, value, missing));
                }
            }
        }
    }
    match refusal(model, &unknown) {
        Some(error) => Err(error),
        None => Ok(shapes.found.into_values().collect()),
    }
}

/// Inputs of the graph of which layers make weights, and nothing else does anything.
fn weights_among_inputs(graph: &GraphProto, uses: &Uses) -> HashSet<String> {
    let held: HashSet<&str> = graph.initializer.iter().map(|one| one.name.as_str()).collect();
    let names = graph.input.iter().map(|input| input.name.as_str());
    names
        .filter(|name| !held.contains(name) && uses.are_all(name, &WEIGHTS))
        .map(str::to_owned)
        .collect()
}

/// The first with its node and what is missing, the others by name; none where none is unknown.
fn refusal(model: &str, unknown: &[(usize, &NodeProto, &String, String)]) -> Option<EngineError> {
    let ((index, node, value, missing), others) = unknown.split_first()?;
    let mut reason = format!(
        "its weights '{}' are not in the file, and their shape does not follow from it: {missing}; note the \
         shape in the file (value_info)",
        one_line(value)
    );
    if !others.is_empty() {
        let named = others.iter().take(MOST_NAMED).map(|(_, _, value, _)| one_line(value));
        let named: Vec<_> = named.map(|name| format!("'{name}'")).collect();
        let more = others.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        reason = format!("{reason}; the same holds for {}{more}", named.join(", "));
    }
    Some(NodeLabel::of(node).error(model, *index, reason))
}

/// What is known of the shapes in a graph.
struct Shapes<'a> {
    wiring: Wiring<'a>,
    /// What the file notes of values; `None` where it leaves a size open.
    noted: HashMap<&'a str, Vec<Option<i64>>>,
    /// The types that it notes.
    types: HashMap<&'a str, i32>,
    /// All values that something defines.
    defined: HashSet<&'a str>,
    /// The weights whose shape was found, by name.
    found: BTreeMap<String, TensorProto>,
    /// Those whose shape was not.
    given_up: HashSet<&'a str>,
}

impl<'a> Shapes<'a> {
    fn of(graph: &'a GraphProto) -> Self {
        let (mut noted, mut types) = (HashMap::new(), HashMap::new());
        // The last counts: what the graph takes is surer than what is noted inside.
        let infos = graph.value_info.iter().chain(&graph.output).chain(&graph.input);
        for info in infos {
            let Some(Type::TensorType(tensor)) =
                info.r#type.as_ref().and_then(|of| of.value.as_ref())
            else {
                continue;
            };
            types.insert(info.name.as_str(), tensor.elem_type);
            if let Some(shape) = &tensor.shape {
                noted.insert(info.name.as_str(), shape.dim.iter().map(size).collect());
            }
        }
        let held = graph.initializer.iter().map(|tensor| tensor.name.as_str());
        let taken = graph.input.iter().map(|input: &ValueInfoProto| input.name.as_str());
        let made = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
        Self {
            wiring: Wiring::of(graph),
            noted,
            types,
            defined: held.chain(taken).chain(made).collect(),
            found: BTreeMap::new(),
            given_up: HashSet::new(),
        }
    }

    /// Whether the value is weights that are nowhere and were not met before.
    fn is_lacking(&self, value: &str, inputs: &HashSet<String>) -> bool {
        let is_nowhere = !value.is_empty() && !self.defined.contains(value);
        (is_nowhere || inputs.contains(value))
            && !self.found.contains_key(value)
            && !self.given_up.contains(value)
    }

    /// The shape of the input `place` of a node, or what is missing to know it.
    fn of_weights(&self, node: &NodeProto, place: usize) -> Result<Vec<i64>, String> {
        let whole_shape =
            |noted: &Vec<Option<i64>>| noted.iter().copied().collect::<Option<Vec<_>>>();
        if let Some(dims) = self.noted.get(node.input[place].as_str()).and_then(whole_shape) {
            return Ok(dims);
        }
        let unruled = || "the operator leaves it open".to_owned();
        if !super::operators::standard(&node.domain) {
            return Err(unruled());
        }
        let (Some(from), Some(to)) = (node.input.first(), node.output.first()) else {
            return Err(unruled());
        };
        let channels = |value: &String| {
            let missing = || format!("the channels of '{}' are not noted", one_line(value));
            self.channels(value).ok_or_else(missing)
        };
        let group = whole(node, "group").unwrap_or(1);
        let by_group = |channels: i64| {
            let divides = channels.checked_rem(group) == Some(0);
            let share = channels.checked_div(group).filter(|share| divides && *share > 0);
            share.ok_or_else(|| format!("{channels} channels are not {group} groups"))
        };
        let weights = || node.input.get(1).and_then(|value| self.weights(value));
        let size = |value: &String, axis: Axis| {
            let missing = || format!("the shape of '{}' is not noted", one_line(value));
            self.size(value, axis).ok_or_else(missing)
        };
        match (node.op_type.as_str(), place) {
            ("Conv", 1) => {
                let bias = node.input.get(2).and_then(|value| self.weights(value));
                let out = match bias.and_then(|dims| dims.first()) {
                    Some(channels) => *channels,
                    None => channels(to)?,
                };
                let mut dims = vec![out, by_group(channels(from)?)?];
                dims.extend(self.kernel(node, from, to)?);
                Ok(dims)
            }
            ("ConvTranspose", 1) => {
                let mut dims = vec![channels(from)?, by_group(channels(to)?)?];
                dims.extend(self.kernel(node, from, to)?);
                Ok(dims)
            }
            ("Conv", 2) => match weights().and_then(|dims| dims.first()) {
                Some(channels) => Ok(vec![*channels]),
                None => Ok(vec![channels(to)?]),
            },
            ("ConvTranspose", 2) => Ok(vec![channels(to)?]),
            ("BatchNormalization", 1..=4) | ("InstanceNormalization", 1 | 2) => {
                Ok(vec![channels(from)?])
            }
            ("LayerNormalization", 1 | 2) if whole(node, "axis").unwrap_or(-1) == -1 => {
                Ok(vec![size(from, Axis::Last)?])
            }
            ("Gemm", 1) => {
                let transposed = |name: &str| whole(node, name).unwrap_or(0) != 0;
                let along = if transposed("transA") { Axis::At(0) } else { Axis::Last };
                let (rows, columns) = (size(from, along)?, size(to, Axis::Last)?);
                Ok(if transposed("transB") { vec![columns, rows] } else { vec![rows, columns] })
            }
            ("Gemm", 2) => Ok(vec![size(to, Axis::Last)?]),
            ("MatMul", 1) => Ok(vec![size(from, Axis::Last)?, size(to, Axis::Last)?]),
            _ => Err(unruled()),
        }
    }

    /// The type that the file notes for the weights, or for what their layer takes or makes.
    fn type_of_weights(&self, node: &NodeProto, weights: &str) -> i32 {
        let same = |node: &NodeProto| keeps(node, &SAME_SHAPE);
        let ends = node.input.first().into_iter().chain(node.output.first());
        let alike = ends.flat_map(|end| self.alike(end, same));
        let mut values = std::iter::once(weights).chain(alike);
        let noted = values.find_map(|value| self.types.get(value).copied());
        noted.unwrap_or(DataType::Float as i32)
    }

    /// The sizes of a convolution's kernel: those of its attribute, else, with a stride of 1, those by which its
    /// output is smaller than its input.
    fn kernel(&self, node: &NodeProto, from: &str, to: &str) -> Result<Vec<i64>, String> {
        let given = list(node, "kernel_shape");
        if !given.is_empty() {
            return Ok(given.to_vec());
        }
        let missing = || "its kernel_shape is not given".to_owned();
        let padded = match word(node, "auto_pad") {
            None | Some("" | "NOTSET") => true,
            Some("VALID") => false,
            Some(_) => return Err(missing()),
        };
        let dense = list(node, "strides").iter().all(|stride| *stride == 1);
        let axes = self.axes(from).filter(|axes| *axes > 2 && dense && is(node, "Conv"));
        let axes = axes.ok_or_else(missing)?;
        let (pads, dilations) = (list(node, "pads"), list(node, "dilations"));
        let one = |axis: usize| {
            let [before, after] = [axis, axis + axes - 2]
                .map(|at| pads.get(at).copied().filter(|_| padded).unwrap_or(0));
            let [from, to] = [from, to].map(|value| self.size(value, Axis::At(axis + 2)));
            let wider = from?.checked_add(before)?.checked_add(after)?.checked_sub(to?)?;
            let dilation = dilations.get(axis).copied().unwrap_or(1);
            let steps = wider.checked_div(dilation)?;
            (wider.checked_rem(dilation) == Some(0) && steps >= 0).then_some(steps.checked_add(1)?)
        };
        (0..axes - 2).map(one).collect::<Option<Vec<_>>>().ok_or_else(missing)
    }

    fn weights(&self, value: &str) -> Option<&[i64]> {
        let held = self.wiring.constant(value).map(|tensor| tensor.dims.as_slice());
        held.or_else(|| self.found.get(value).map(|tensor| tensor.dims.as_slice()))
    }

    /// The size of a value's second axis, by what the file notes or by the convolution that makes it.
    fn channels(&self, value: &str) -> Option<i64> {
        let made = |value: &str| {
            let maker = self.wiring.maker(value).filter(|maker| is(maker, "Conv"))?;
            self.weights(maker.input.get(1)?)?.first().copied()
        };
        let keeps = |node: &NodeProto| keeps(node, &SAME_SHAPE) || keeps(node, &SAME_CHANNELS);
        self.alike(value, keeps).into_iter().find_map(|value| {
            let noted = self.noted.get(value).and_then(|axes| axes.get(1).copied().flatten());
            noted.or_else(|| made(value))
        })
    }

    fn size(&self, value: &str, axis: Axis) -> Option<i64> {
        let same = |node: &NodeProto| keeps(node, &SAME_SHAPE);
        self.alike(value, same).into_iter().find_map(|value| {
            let axes = self.noted.get(value)?;
            match axis {
                Axis::At(at) => axes.get(at).copied().flatten(),
                Axis::Last => axes.last().copied().flatten(),
            }
        })
    }

    /// How many axes a value has.
    fn axes(&self, value: &str) -> Option<usize> {
        let same = |node: &NodeProto| keeps(node, &SAME_SHAPE);
        let found = self.alike(value, same).into_iter().find_map(|value| self.noted.get(value));
        found.map(Vec::len)
    }

    /// The value, and those before and after it as long as `keeps` holds for the nodes in between.
    fn alike<'v>(&'v self, value: &'v str, keeps: impl Fn(&NodeProto) -> bool) -> Vec<&'v str> {
        let mut found = vec![value];
        let mut last = value;
        while let Some(maker) = self.wiring.maker(last).filter(|maker| keeps(maker))
            && let Some(before) = maker.input.first()
            && found.len() < MOST_STEPS
        {
            last = before;
            found.push(last);
        }
        last = value;
        while let Some(taker) = self.wiring.only_taker(last).filter(|taker| keeps(taker))
            && taker.input.first().is_some_and(|first| first == last)
            && let Some(after) = taker.output.first()
            && found.len() < 2 * MOST_STEPS
        {
            last = after;
            found.push(last);
        }
        found
    }
}

#[derive(Clone, Copy)]
enum Axis {
    At(usize),
    Last,
}

fn size(dim: &Dimension) -> Option<i64> {
    match &dim.value {
        Some(Dim::DimValue(size)) if *size > 0 => Some(*size),
        _ => None,
    }
}

fn keeps(node: &NodeProto, operators: &[&str]) -> bool {
    super::operators::standard(&node.domain) && operators.contains(&node.op_type.as_str())
}

#[cfg(test)]
mod tests;
