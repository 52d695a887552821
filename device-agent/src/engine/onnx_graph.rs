//! Prepares an ONNX graph for the engine: inlines the file's own functions, takes in weights that lie beside
//! the file, gives open axes a size, and checks the rest, so that messages about common mistakes use the names of the file.
//!
//! **Invariant:** in a graph that passes, the engine knows every operator in its domain and is not known to
//! compute one otherwise, all inputs have fixed shapes, and all weights are numbers, in the graph, and come
//! from files that were hashed; random ones are there only where the request allows them, and are counted.

mod consequences;
mod defects;
mod functions;
mod graph_facts;
mod lacking_weights;
mod node_attributes;
mod open_sizes;
mod operators;
mod random_weights;
mod weight_numbers;
mod weights_beside;
mod wiring;

use std::collections::{BTreeSet, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

pub(crate) use consequences::Known;
pub(crate) use operators::lift;

use super::EngineError;
use super::error::{NodeName, one_line};
use pearl_agent::protocol::messages::{GraphFacts, ModelFile, Sizes};

/// `bytes` are those that `proto` was read from, `engine` is its name in errors, and `knows` tells whether
/// it has an operator; `known` tells what it finds out about the output of a model. Returns what the graph tells, and the inputs whose batch was taken as 1.
///
/// # Errors
/// What the engine could not run, by name.
pub(crate) fn prepare(
    file: &ModelFile,
    proto: &mut ModelProto,
    bytes: &[u8],
    sizes: &Sizes,
    (engine, knows): (&str, impl Fn(&str) -> bool),
    known: impl Fn(&ModelProto) -> Option<Known>,
) -> Result<(GraphFacts, BTreeSet<String>), EngineError> {
    let model = file.path.as_str();
    let lift = lift(&proto.opset_import);
    functions::inline(model, proto, bytes)?;
    let Some(graph) = &mut proto.graph else {
        let reason = "not an ONNX file, or truncated (it holds no graph)".into();
        return Err(EngineError::Model { model: model.into(), reason });
    };
    let mut random_weights = weights_beside::take_in(file, graph)?;
    if file.random_weights {
        random_weights += lacking_weights::add(model, graph)?;
    }
    defects::mend(graph);
    let lacking = operators::check(model, graph, (engine, &lift), knows);
    let wrong = defects::check(model, graph, engine);
    match (lacking, wrong) {
        (Err(lacking), Err(wrong)) => return Err(lacking.and(&wrong)),
        (lacking, wrong) => lacking.and(wrong)?,
    }
    weight_numbers::check(model, graph)?;
    check(model, graph)?;
    let assumed = open_sizes::settle(model, graph, sizes)?;
    consequences::write(proto, known);
    let told = proto.graph.as_ref().map(graph_facts::of).unwrap_or_default();
    Ok((GraphFacts { random_weights, ..told }, assumed))
}

fn check(model: &str, graph: &GraphProto) -> Result<(), EngineError> {
    let fail = |reason: &str| EngineError::Model { model: model.into(), reason: reason.into() };
    if graph.output.is_empty() {
        return Err(fail("the graph has no output"));
    }
    let mut known: HashSet<_> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    known.extend(graph.input.iter().map(|input| input.name.as_str()));
    known.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    for (index, node) in graph.node.iter().enumerate() {
        if let Some(missing) =
            node.input.iter().find(|input| !input.is_empty() && !known.contains(input.as_str()))
        {
            let reason = format!(
                "its input '{}' is not defined in the graph; where its weights were left out, \
                 --random-weights measures the structure alone",
                one_line(missing)
            );
            return Err(NodeLabel::of(node).error(model, index, reason));
        }
    }
    match graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        None => Ok(()),
        Some(output) => Err(EngineError::Output {
            model: model.into(),
            output: one_line(&output.name),
            reason: "is not defined in the graph".into(),
        }),
    }
}

/// The names of a node in the file and in the engine.
pub(crate) struct NodeLabel {
    pub(crate) operator: String,
    pub(crate) name: String,
    /// The engine's name for it: its own, or that of its first output.
    pub(crate) engine_name: String,
    /// As people read them, such as `kernel_shape=3,3 strides=2,2`.
    pub(crate) attributes: String,
}

/// The labels of all nodes, in the file's order.
pub(crate) fn labels(graph: &GraphProto) -> Vec<NodeLabel> {
    graph.node.iter().map(NodeLabel::of).collect()
}

impl NodeLabel {
    fn of(node: &NodeProto) -> Self {
        let output = node.output.first().cloned().unwrap_or_default();
        let engine_name = if node.name.is_empty() { output } else { node.name.clone() };
        let (operator, name) = (node.op_type.clone(), node.name.clone());
        Self { operator, name, engine_name, attributes: node_attributes::text(node) }
    }

    /// Whether the engine's node of this name comes from this one. The engine replaces a node by several, and
    /// names them after it, such as `conv1.im2col`.
    pub(crate) fn is_origin_of(&self, engine_name: &str) -> bool {
        let rest = engine_name.strip_prefix(self.engine_name.as_str());
        !self.engine_name.is_empty()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
    }

    pub(crate) fn error(&self, model: &str, index: usize, reason: String) -> EngineError {
        EngineError::Node {
            model: model.into(),
            index,
            operator: one_line(&self.operator),
            name: NodeName(self.name.clone()),
            reason,
        }
    }
}
