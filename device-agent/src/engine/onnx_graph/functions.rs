//! Replaces calls of functions that a file brings along by their bodies.
//!
//! The engine looks at an operator's name alone, so that a function called `Identity` would be measured as
//! the standard operator of that name.
//!
//! **Invariant:** after it no node calls a function of the file, and no two values have the same name that
//! had different names before.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};

use super::NodeLabel;
use super::operators::standard;
use crate::engine::EngineError;
use crate::engine::error::one_line;

/// Most nodes of a graph. Functions that call functions grow without bound.
const MOST_NODES: usize = 1 << 20;

/// What the engine's own description of the format leaves out of a function.
#[derive(Clone, PartialEq, prost::Message)]
struct WholeModel {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<RestOfFunction>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RestOfFunction {
    /// Attributes with their defaults.
    #[prost(message, repeated, tag = "11")]
    defaults: Vec<AttributeProto>,
    #[prost(string, tag = "13")]
    overload: String,
}

/// `bytes` are those that `proto` was read from.
///
/// # Errors
/// Where a function calls itself, relies on other versions of the standard operators than the model, or the
/// graph would become too large.
pub(crate) fn inline(model: &str, proto: &mut ModelProto, bytes: &[u8]) -> Result<(), EngineError> {
    if proto.functions.is_empty() {
        return Ok(());
    }
    let fail = |reason: String| EngineError::Model { model: model.into(), reason };
    let rest = WholeModel::decode(bytes)
        .map_err(|error| fail(format!("its functions cannot be read: {error}")))?;
    let version = standard_version(&proto.opset_import);
    let mut functions = HashMap::new();
    for (function, rest) in proto.functions.iter().zip(rest.functions) {
        let name = one_line(function.name());
        if !rest.overload.is_empty() {
            return Err(fail(format!("its function '{name}' is overloaded; inline it")));
        }
        let own = standard_version(&function.opset_import);
        if own.is_some() && own != version {
            let [own, version] = [own, version].map(|of| of.unwrap_or_default());
            return Err(fail(format!(
                "its function '{name}' is written for version {own} of the standard operators, the model \
                 for {version}; inline it"
            )));
        }
        let key = (function.domain().to_owned(), function.name().to_owned());
        functions.insert(key, Function { of: function.clone(), defaults: rest.defaults });
    }
    let Some(graph) = &mut proto.graph else { return Ok(()) };
    let mut names = HashSet::new();
    note_names(graph, &mut names);
    let mut inliner = Inliner { model, functions, names, nodes: 0, calls: Vec::new() };
    graph.node = inliner.expand(std::mem::take(&mut graph.node))?;
    Ok(())
}

struct Function {
    of: FunctionProto,
    defaults: Vec<AttributeProto>,
}

struct Inliner<'a> {
    model: &'a str,
    functions: HashMap<(String, String), Function>,
    /// All names of values so far.
    names: HashSet<String>,
    nodes: usize,
    /// The functions that are being expanded, the outermost first.
    calls: Vec<(String, String)>,
}

/// One call: what the names and attributes of a function's body stand for.
struct Call<'a> {
    prefix: String,
    values: HashMap<String, String>,
    attributes: HashMap<&'a str, &'a AttributeProto>,
}

impl Inliner<'_> {
    fn fail(&self, reason: String) -> EngineError {
        EngineError::Model { model: self.model.into(), reason }
    }

    fn expand(&mut self, nodes: Vec<NodeProto>) -> Result<Vec<NodeProto>, EngineError> {
        let mut expanded = Vec::with_capacity(nodes.len());
        for mut node in nodes {
            self.nodes += 1;
            if self.nodes > MOST_NODES {
                return Err(self.fail(format!("its functions make more than {MOST_NODES} nodes")));
            }
            for graph in node.attribute.iter_mut().flat_map(subgraphs) {
                graph.node = self.expand(std::mem::take(&mut graph.node))?;
            }
            let key = (node.domain.clone(), node.op_type.clone());
            if !self.functions.contains_key(&key) {
                expanded.push(node);
                continue;
            }
            if self.calls.contains(&key) {
                return Err(self.fail(format!("its function '{}' calls itself", one_line(&key.1))));
            }
            let body = self.body(&key, &node);
            self.calls.push(key);
            expanded.extend(self.expand(body)?);
            self.calls.pop();
        }
        Ok(expanded)
    }

    /// The body of a function, with the names and attributes of the call.
    fn body(&mut self, key: &(String, String), node: &NodeProto) -> Vec<NodeProto> {
        let function = &self.functions[key];
        let Some(label) = node.output.iter().find(|name| !name.is_empty()) else {
            return Vec::new();
        };
        let given = |formal: &[String], actual: &[String]| -> Vec<(String, String)> {
            let actual = actual.iter().cloned().chain(std::iter::repeat(String::new()));
            formal.iter().cloned().zip(actual).collect()
        };
        let mut values: HashMap<_, _> =
            given(&function.of.input, &node.input).into_iter().collect();
        let outputs = given(&function.of.output, &node.output);
        values.extend(outputs.into_iter().filter(|(_, actual)| !actual.is_empty()));
        let attributes = function.defaults.iter().chain(&node.attribute);
        let attributes = attributes.map(|one| (one.name.as_str(), one)).collect();
        let mut call = Call { prefix: format!("{label}/"), values, attributes };
        let mut body = function.of.node.clone();
        for inner in &mut body {
            call.rename(inner, &mut self.names);
        }
        body
    }
}

impl Call<'_> {
    fn rename(&mut self, node: &mut NodeProto, names: &mut HashSet<String>) {
        let label = NodeLabel::of(node).engine_name;
        node.name = format!("{}{label}", self.prefix);
        for value in node.input.iter_mut().chain(&mut node.output) {
            self.rename_value(value, names);
        }
        let attributes = std::mem::take(&mut node.attribute);
        node.attribute = attributes.into_iter().filter_map(|one| self.attribute(one)).collect();
        for graph in node.attribute.iter_mut().flat_map(subgraphs) {
            self.rename_graph(graph, names);
        }
    }

    /// An attribute of the body, with the value that the call gives it; `None` where it gives none.
    fn attribute(&self, attribute: AttributeProto) -> Option<AttributeProto> {
        if attribute.ref_attr_name.is_empty() {
            return Some(attribute);
        }
        let given = *self.attributes.get(attribute.ref_attr_name.as_str())?;
        Some(AttributeProto { name: attribute.name, ..given.clone() })
    }

    fn rename_graph(&mut self, graph: &mut GraphProto, names: &mut HashSet<String>) {
        let weights = graph.initializer.iter_mut().map(|one| &mut one.name);
        let facts = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
        for value in weights.chain(facts.map(|one| &mut one.name)) {
            self.rename_value(value, names);
        }
        for node in &mut graph.node {
            self.rename(node, names);
        }
    }

    fn rename_value(&mut self, value: &mut String, names: &mut HashSet<String>) {
        if value.is_empty() {
            return;
        }
        let fresh = self.values.entry(value.clone()).or_insert_with(|| {
            let mut fresh = format!("{}{value}", self.prefix);
            while !names.insert(fresh.clone()) {
                fresh.push('_');
            }
            fresh
        });
        value.clone_from(fresh);
    }
}

/// The graphs in an attribute, such as the branches of an `If`.
pub(super) fn subgraphs(attribute: &mut AttributeProto) -> impl Iterator<Item = &mut GraphProto> {
    attribute.g.iter_mut().chain(&mut attribute.graphs)
}

fn note_names(graph: &mut GraphProto, names: &mut HashSet<String>) {
    let facts = graph.input.iter().chain(&graph.output).map(|one| &one.name);
    names.extend(graph.initializer.iter().map(|one| &one.name).chain(facts).cloned());
    for node in &mut graph.node {
        names.extend(node.output.iter().cloned());
        for graph in node.attribute.iter_mut().flat_map(subgraphs) {
            note_names(graph, names);
        }
    }
}

pub(super) fn standard_version(imports: &[tract_onnx::pb::OperatorSetIdProto]) -> Option<i64> {
    imports.iter().find(|import| standard(&import.domain)).map(|import| import.version)
}
