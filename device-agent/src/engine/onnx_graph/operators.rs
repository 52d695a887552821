//! Which operators the engine has, by domain.
//!
//! The engine knows operators by their names alone. A vendor's `Relu` may compute something else, so that a
//! name counts in the domains below only.
//!
//! **Invariant:** a node that passes is computed as what its domain says.

use tract_onnx::pb::{GraphProto, NodeProto, OperatorSetIdProto};

use super::NodeLabel;
use crate::engine::EngineError;
use crate::engine::error::one_line;

/// Operators of onnxruntime that the engine computes alike.
const MICROSOFT: [&str; 11] = [
    "BiasGelu",
    "FastGelu",
    "GatherBlockQuantized",
    "Gelu",
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "QuickGelu",
    "RotaryEmbedding",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
];
/// The first version of the standard's operators whose axes, sizes and paddings are inputs.
const MODERN: i64 = 13;
/// Most unsupported operators that a message names.
const MOST_NAMED: usize = 8;

/// Whether it is the domain of the standard's neural-network operators.
pub(super) fn standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// `knows` tells whether the engine has an operator of that name; `lift` is advice for old files.
///
/// # Errors
/// Where the engine lacks operators: the first node, and the other operators by name.
pub(super) fn check(
    model: &str,
    graph: &GraphProto,
    (engine, lift): (&str, &str),
    knows: impl Fn(&str) -> bool,
) -> Result<(), EngineError> {
    let has = |node: &NodeProto| {
        let of_domain = standard(&node.domain)
            || node.domain == "ai.onnx.ml"
            || (node.domain == "com.microsoft" && MICROSOFT.contains(&node.op_type.as_str()));
        of_domain && knows(&node.op_type)
    };
    let mut lacking = Vec::new();
    collect(graph, &has, &mut lacking);
    let Some(&(index, first)) = lacking.first() else { return Ok(()) };
    let mut others: Vec<String> = Vec::new();
    for name in lacking.iter().map(|(_, node)| told(node)) {
        if name != told(first) && !others.contains(&name) {
            others.push(name);
        }
    }
    let mut reason = format!("operator not supported by {engine}");
    if !standard(&first.domain) {
        reason =
            format!("operator of domain '{}' not supported by {engine}", one_line(&first.domain));
    }
    if !others.is_empty() {
        let more = others.len().saturating_sub(MOST_NAMED);
        others.truncate(MOST_NAMED);
        let listed = others.join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        reason = format!("{reason}; nor are {listed}{more}");
    }
    // A newer file may hold another operator for it, such as Resize for Upsample.
    if lacking.iter().any(|(_, node)| standard(&node.domain)) {
        reason += lift;
    }
    Err(NodeLabel::of(first).error(model, index, reason))
}

/// Advice for a file of an old version of the standard's operators; empty for others.
pub(crate) fn lift(imports: &[OperatorSetIdProto]) -> String {
    match imports.iter().find(|import| standard(&import.domain)).map(|import| import.version) {
        Some(version) if version < MODERN => format!(
            "; the file is of operator set {version}: the onnx package's version converter may lift it to 17 \
             (compare the answers, for it changes those of a few operators)"
        ),
        _ => String::new(),
    }
}

/// The nodes that `has` does not hold for, each with the position of its top-level node.
fn collect<'a>(
    graph: &'a GraphProto,
    has: &impl Fn(&NodeProto) -> bool,
    lacking: &mut Vec<(usize, &'a NodeProto)>,
) {
    for (index, node) in graph.node.iter().enumerate() {
        if !has(node) {
            lacking.push((index, node));
        }
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                let mut within = Vec::new();
                collect(inner, has, &mut within);
                lacking.extend(within.into_iter().map(|(_, node)| (index, node)));
            }
        }
    }
}

fn told(node: &NodeProto) -> String {
    let operator = one_line(&node.op_type);
    if standard(&node.domain) {
        format!("'{operator}'")
    } else {
        format!("'{operator}' of '{}'", one_line(&node.domain))
    }
}
