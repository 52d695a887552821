//! From nodes to ONNX operators.
//!
//! The operators are the simplest that engines fuse well: hard swish and hard sigmoid are the operators of
//! that name, ReLU6 is `Clip`, a linear layer is `Gemm` of the flattened map.
//!
//! **Invariant:** every value except the logits is named after the node that yields it; every
//! initializer is read.

use onnx_protobuf::{AttributeProto, GraphProto, NodeProto};

use super::fold::{Parameters, Tensor, parameters};
use super::{ExportError, Normalisation, proto};
use crate::builder::{INPUT, OUTPUT};
use crate::network::{Network, Node, NodeId};
use crate::op::{Activation, Op};
use crate::weights::Weights;

/// Bounds of ReLU6. No node's name contains a colon, so these names and the next two are unique.
const SIX: [(&str, f32); 2] = [("relu6:min", 0.0), ("relu6:max", 6.0)];
/// The image while it is normalised, and after it.
const SCALED: &str = "input:scaled";
const NORMALISED: &str = "input:normalised";

/// With a normalisation the graph's input is pixels from 0 to 255, else an image that is normalised.
pub(crate) fn graph(
    network: &Network,
    weights: &dyn Weights,
    normalisation: Option<&Normalisation>,
) -> Result<GraphProto, ExportError> {
    let image = network.input;
    let mut graph = GraphProto {
        name: network.name.clone(),
        input: vec![proto::value(INPUT, &[1, image.channels, image.height, image.width])],
        output: vec![proto::value(OUTPUT, &[1, network.classes])],
        ..Default::default()
    };
    if let Some(normalisation) = normalisation {
        normalise(&mut graph, network, normalisation)?;
    }
    let values = Values::of(network, if normalisation.is_some() { NORMALISED } else { INPUT });
    for (id, node) in network.ids() {
        let Some((op_type, attribute)) = operator(node) else {
            continue;
        };
        let mut input: Vec<String> = node.inputs.iter().map(|&id| values.name(id)).collect();
        if matches!(node.op, Op::Conv { .. } | Op::Linear { .. }) {
            let Parameters { weight, bias } =
                parameters(network, id, values.batch_norm[id.index()], weights)?;
            for tensor in std::iter::once(weight).chain(bias) {
                input.push(tensor.name.clone());
                graph.initializer.push(proto::tensor(&tensor));
            }
        } else if node.op == Op::Activation(Activation::Relu6) {
            input.extend(SIX.map(|(name, _)| name.to_owned()));
        }
        let output = values.name(id);
        graph.node.push(NodeProto { attribute, ..proto::node(&node.name, op_type, input, output) });
    }
    if network.nodes().iter().any(|node| node.op == Op::Activation(Activation::Relu6)) {
        for (name, bound) in SIX {
            let scalar = Tensor { name: name.to_owned(), dims: vec![], numbers: vec![bound] };
            graph.initializer.push(proto::tensor(&scalar));
        }
    }
    Ok(graph)
}

fn normalise(
    graph: &mut GraphProto,
    network: &Network,
    normalisation: &Normalisation,
) -> Result<(), ExportError> {
    let [scale, shift] = normalisation.factors(network)?;
    for (image, operator, name, numbers, output) in [
        (INPUT, "Mul", "input:scale", scale, SCALED),
        (SCALED, "Add", "input:shift", shift, NORMALISED),
    ] {
        let dims = vec![1, network.input.channels, 1, 1];
        graph.initializer.push(proto::tensor(&Tensor { name: name.to_owned(), dims, numbers }));
        let input = vec![image.to_owned(), name.to_owned()];
        graph.node.push(proto::node(output, operator, input, output.to_owned()));
    }
    Ok(())
}

/// The names of values after batch norms and dropouts are removed.
struct Values<'n> {
    network: &'n Network,
    /// The image that the network itself takes.
    image: &'static str,
    /// For each node, the node that yields its value in the file.
    source: Vec<NodeId>,
    /// For each convolution, the batch norm to fold into it.
    batch_norm: Vec<Option<NodeId>>,
}

impl Values<'_> {
    fn of<'a>(network: &'a Network, image: &'static str) -> Values<'a> {
        let mut source: Vec<NodeId> = network.ids().map(|(id, _)| id).collect();
        let mut batch_norm = vec![None; source.len()];
        for (id, node) in network.ids() {
            if let Op::BatchNorm { .. } | Op::Dropout { .. } = node.op {
                source[id.index()] = source[node.inputs[0].index()];
            }
            if let Op::BatchNorm { .. } = node.op {
                batch_norm[node.inputs[0].index()] = Some(id);
            }
        }
        Values { network, image, source, batch_norm }
    }

    fn name(&self, id: NodeId) -> String {
        let source = self.source[id.index()];
        if source == self.source[self.network.output().index()] {
            OUTPUT.to_owned()
        } else if self.network.node(source).op == Op::Input {
            self.image.to_owned()
        } else {
            self.network.node(source).name.clone()
        }
    }
}

type Operator = (&'static str, Vec<AttributeProto>);

/// `None` for a node that is not in the file.
fn operator(node: &Node) -> Option<Operator> {
    let operator = match node.op {
        Op::Input | Op::BatchNorm { .. } | Op::Dropout { .. } => return None,
        Op::Conv { kernel, stride, padding, groups, .. } => {
            let mut attributes = window(kernel, stride, padding);
            attributes.push(proto::int("group", groups));
            ("Conv", attributes)
        }
        Op::Activation(activation) => activation_operator(activation),
        Op::MaxPool { kernel, stride, padding } => ("MaxPool", window(kernel, stride, padding)),
        Op::AvgPool { kernel, stride, padding } => {
            let mut attributes = window(kernel, stride, padding);
            attributes.push(proto::int("count_include_pad", 0));
            ("AveragePool", attributes)
        }
        Op::GlobalAvgPool => ("GlobalAveragePool", vec![]),
        Op::Add => ("Add", vec![]),
        Op::Mul => ("Mul", vec![]),
        Op::Concat => ("Concat", vec![proto::int("axis", 1)]),
        Op::Flatten => ("Flatten", vec![proto::int("axis", 1)]),
        Op::Linear { .. } => ("Gemm", vec![proto::int("transB", 1)]),
    };
    Some(operator)
}

fn activation_operator(activation: Activation) -> Operator {
    match activation {
        Activation::Relu => ("Relu", vec![]),
        Activation::Relu6 => ("Clip", vec![]),
        Activation::HSwish => ("HardSwish", vec![]),
        Activation::HSigmoid => {
            ("HardSigmoid", vec![proto::float("alpha", 1.0 / 6.0), proto::float("beta", 0.5)])
        }
        Activation::Sigmoid => ("Sigmoid", vec![]),
    }
}

fn window(kernel: usize, stride: usize, padding: usize) -> Vec<AttributeProto> {
    vec![
        proto::ints("kernel_shape", &[kernel; 2]),
        proto::ints("strides", &[stride; 2]),
        proto::ints("pads", &[padding; 4]),
    ]
}
