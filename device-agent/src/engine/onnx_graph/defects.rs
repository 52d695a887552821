//! Nodes that tract takes and computes otherwise than their operators' texts say, or refuses in words that
//! help nobody.
//!
//! Such a node is another network under the name of this one, so that its time would be the time of something
//! else. Each was found by comparing tract's outputs with onnxruntime's; `docs/engine-surprises.md` has them
//! with the programs that show them. Those whose answers hang on the numbers that come in cannot be told here.
//!
//! **Invariant:** a graph that passes holds none of these; a new version of the engine needs a new list.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto};

use super::NodeLabel;
use super::functions::subgraphs;
use super::operators::standard;
use super::wiring::{Wiring, attribute, is, list, whole, word};
use crate::engine::EngineError;

/// Most nodes that a message names.
const MOST_NAMED: usize = 8;

/// Drops what counts for nothing by the standard and would be heeded by the engine.
pub(super) fn mend(graph: &mut GraphProto) {
    for node in &mut graph.node {
        // The number to pad with is for the mode `constant` alone; tract pads with it in every mode.
        let mirrored = matches!(word(node, "mode"), Some("reflect" | "edge"));
        if is(node, "Pad")
            && mirrored
            && let Some(number) = node.input.get_mut(2)
        {
            number.clear();
            while node.input.last().is_some_and(String::is_empty) {
                node.input.pop();
            }
        }
        node.attribute.iter_mut().flat_map(subgraphs).for_each(mend);
    }
}

/// # Errors
/// Where there are such nodes: all of them, with what helps.
pub(super) fn check(model: &str, graph: &GraphProto, engine: &str) -> Result<(), EngineError> {
    let mut found = Vec::new();
    collect(graph, &mut found);
    let mut found = found.into_iter();
    let Some((index, node, what)) = found.next() else { return Ok(()) };
    let said = |index, node: &NodeProto, what: Defect| {
        NodeLabel::of(node).error(model, index, what.told(engine))
    };
    let more: Vec<String> = found
        .map(|(index, node, what)| {
            let told = said(index, node, what).to_string();
            told.strip_prefix(&format!("{model}: ")).unwrap_or(&told).to_owned()
        })
        .collect();
    let left = more.len().saturating_sub(MOST_NAMED);
    let mut reason = what.told(engine);
    for other in more.iter().take(MOST_NAMED) {
        reason = format!("{reason}; {other}");
    }
    if left > 0 {
        reason = format!("{reason}; and {left} more nodes");
    }
    Err(NodeLabel::of(node).error(model, index, reason))
}

/// What is wrong with a node in this engine, and what to write in its place.
#[derive(Clone, Copy)]
enum Defect {
    /// The engine's answers are others than the operator's text says.
    Differs { what: &'static str, instead: &'static str },
    /// The engine would refuse it, and say something else.
    Refused { what: &'static str, instead: &'static str },
}

impl Defect {
    fn told(self, engine: &str) -> String {
        match self {
            Self::Differs { what, instead } => format!(
                "{engine} computes it otherwise than ONNX says ({what}), so that its time would be that of \
                 another network; {instead}"
            ),
            Self::Refused { what, instead } => format!("{engine} refuses {what}; {instead}"),
        }
    }
}

/// Each with the position of its top-level node.
fn collect<'a>(graph: &'a GraphProto, found: &mut Vec<(usize, &'a NodeProto, Defect)>) {
    let wiring = Wiring::of(graph);
    for (index, node) in graph.node.iter().enumerate() {
        found.extend(defect(node, &wiring).map(|what| (index, node, what)));
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                let mut within = Vec::new();
                collect(inner, &mut within);
                found.extend(within.into_iter().map(|(_, node, what)| (index, node, what)));
            }
        }
    }
}

fn defect(node: &NodeProto, wiring: &Wiring<'_>) -> Option<Defect> {
    if !standard(&node.domain) {
        return None;
    }
    let differs = |what, instead| Some(Defect::Differs { what, instead });
    match node.op_type.as_str() {
        "ConvTranspose" if !list(node, "output_shape").is_empty() => {
            differs("with output_shape it is shifted", "write pads and output_padding")
        }
        "GlobalLpPool" => differs("it divides by the count", "write ReduceL2"),
        "NonMaxSuppression" if node.input.get(2).is_none_or(String::is_empty) => differs(
            "without max_output_boxes_per_class it keeps all boxes, not none",
            "give that number",
        ),
        "Celu" | "Swish" if attribute(node, "alpha").is_some_and(|alpha| alpha.f != 1.0) => {
            differs("only an alpha of 1 is right", "write the formula out")
        }
        "RNN" | "GRU" | "LSTM" => recurrent(node),
        "Softmax" | "LogSoftmax" if between_quantisers(node, wiring) => differs(
            "between quantisers it is the same number for every class",
            "leave it in float, outside the quantised part",
        ),
        "Slice" => strided_slice(node, wiring),
        "Conv" => strided_convolution(node, wiring),
        "Sub" | "Div" if from_constant(node, wiring) => differs(
            "the constant and the convolution before it change places",
            "write Neg and Add, or Reciprocal and Mul",
        ),
        "Gemm" if half_with_bias(node, wiring) => Some(Defect::Refused {
            what: "a Gemm in half precision with a bias",
            instead: "write MatMul and Add, or leave it in single precision",
        }),
        _ => None,
    }
}

fn recurrent(node: &NodeProto) -> Option<Defect> {
    let differs = |what, instead| Some(Defect::Differs { what, instead });
    if word(node, "direction").is_some_and(|way| way.eq_ignore_ascii_case("reverse")) {
        return differs(
            "it reads from the beginning, not from the end",
            "reverse the sequence before and after it, or write a bidirectional layer",
        );
    }
    // By operator, of each direction.
    let usual: &[&str] = match node.op_type.as_str() {
        "RNN" => &["Tanh"],
        "GRU" => &["Sigmoid", "Tanh"],
        _ => &["Sigmoid", "Tanh", "Tanh"],
    };
    let given = attribute(node, "activations").map_or(&[][..], |given| &given.strings);
    let mut pairs = given.iter().zip(usual.iter().cycle());
    let other = pairs.any(|(given, usual)| !given.eq_ignore_ascii_case(usual.as_bytes()));
    let clips = attribute(node, "clip").is_some_and(|clip| clip.f != 0.0);
    let tied = whole(node, "input_forget").is_some_and(|tied| tied != 0);
    if other || clips || tied {
        return differs(
            "it ignores activations, clip and input_forget",
            "write the layer out, or leave these attributes at their defaults",
        );
    }
    None
}

fn between_quantisers(node: &NodeProto, wiring: &Wiring<'_>) -> bool {
    let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
        return false;
    };
    wiring.source(input).is_some_and(|source| is(source, "DequantizeLinear"))
        && wiring.sink(output).is_some_and(|sink| is(sink, "QuantizeLinear"))
}

/// A step above 1 becomes the stride of what comes before.
fn strided_slice(node: &NodeProto, wiring: &Wiring<'_>) -> Option<Defect> {
    let constant = |at: usize| node.input.get(at).and_then(|input| wiring.numbers(input));
    let steps = constant(4)?;
    let starts = constant(1).unwrap_or_default();
    let axes = constant(3).unwrap_or_else(|| (0..steps.len() as i64).collect());
    let source = wiring.source(node.input.first()?)?;
    let strided = || (0..steps.len()).filter(|&at| steps[at] > 1);
    if is(source, "Conv") {
        // From the end: where it starts then hangs on the size.
        let off = |at: usize| {
            starts.get(at).is_none_or(|start| start.rem_euclid(steps[at]) != 0 || *start < 0)
        };
        return strided().any(off).then_some(Defect::Differs {
            what: "after a convolution its start is lost",
            instead: "take the indices with Gather",
        });
    }
    let crosses = |at: usize| axes.get(at).is_none_or(|axis| normalises_along(source, *axis));
    strided().any(crosses).then_some(MOVED)
}

/// A stride of a 1×1 convolution is taken before what comes before it.
fn strided_convolution(node: &NodeProto, wiring: &Wiring<'_>) -> Option<Defect> {
    let kernel = kernel_of(node, wiring)?;
    let strided = list(node, "strides").iter().any(|stride| *stride > 1);
    if !strided || kernel.iter().any(|size| *size != 1) {
        return None;
    }
    let source = wiring.source(node.input.first()?)?;
    let mut along = 2..2 + kernel.len() as i64;
    along.any(|axis| normalises_along(source, axis)).then_some(MOVED)
}

const MOVED: Defect = Defect::Differs {
    what: "its step is taken before the normalisation that comes before it",
    instead: "take the indices with Gather",
};

/// Whether all numbers along that axis enter each of them. An axis from the front and one from the end may be
/// the same.
fn normalises_along(node: &NodeProto, axis: i64) -> bool {
    let own = match node.op_type.as_str() {
        "Softmax" | "LogSoftmax" | "RMSNormalization" if standard(&node.domain) => {
            whole(node, "axis").unwrap_or(-1)
        }
        _ => return false,
    };
    own == axis || (own < 0) != (axis < 0)
}

/// A constant with several numbers, less or divided by what a convolution gives.
fn from_constant(node: &NodeProto, wiring: &Wiring<'_>) -> bool {
    let [constant, other] = &node.input[..] else { return false };
    let several =
        wiring.constant(constant).is_some_and(|tensor| tensor.dims.iter().any(|size| *size != 1));
    let Some(convolution) = wiring.maker(other).filter(|maker| is(maker, "Conv")) else {
        return false;
    };
    let depthwise = whole(convolution, "group").unwrap_or(1) > 1;
    let wide =
        kernel_of(convolution, wiring).is_none_or(|kernel| kernel.iter().any(|size| *size != 1));
    several && wide && !depthwise && wiring.only_taker(other).is_some()
}

fn kernel_of<'a>(convolution: &'a NodeProto, wiring: &Wiring<'a>) -> Option<&'a [i64]> {
    match list(convolution, "kernel_shape") {
        [] => wiring.constant(convolution.input.get(1)?)?.dims.get(2..),
        given => Some(given),
    }
}

fn half_with_bias(node: &NodeProto, wiring: &Wiring<'_>) -> bool {
    let half = |input: &String| {
        wiring.constant(input).is_some_and(|tensor| tensor.data_type == DataType::Float16 as i32)
    };
    node.input.get(2).is_some_and(|bias| !bias.is_empty()) && node.input.iter().skip(1).any(half)
}

#[cfg(test)]
mod tests;
