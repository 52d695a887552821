//! A network's graph as JSON, from which other frameworks can rebuild the network.
//!
//! A node is `{"name", "op", "inputs": [index], …}`; the other fields are the operator's numbers, named
//! as in [`Op`].
//!
//! **Invariant:** the JSON holds the whole graph, but no weights.

use pearl_models::network::{Network, Node};
use pearl_models::op::{Activation, Op};
use serde_json::{Value, json};

/// The network's nodes, in order.
pub fn nodes(network: &Network) -> Vec<Value> {
    let document = |node: &Node| {
        let mut document = operator(&node.op);
        document["name"] = json!(node.name);
        document["inputs"] = json!(node.inputs.iter().map(|id| id.index()).collect::<Vec<_>>());
        document
    };
    network.nodes().iter().map(document).collect()
}

fn operator(op: &Op) -> Value {
    match *op {
        Op::Input => json!({ "op": "input" }),
        Op::Conv { out_channels, kernel, stride, padding, groups, bias } => json!({
            "op": "conv", "out_channels": out_channels, "kernel": kernel, "stride": stride,
            "padding": padding, "groups": groups, "bias": bias,
        }),
        Op::BatchNorm { eps, momentum } => {
            json!({ "op": "batch_norm", "eps": eps, "momentum": momentum })
        }
        Op::Activation(activation) => json!({ "op": match activation {
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
            Activation::HSwish => "h_swish",
            Activation::HSigmoid => "h_sigmoid",
            Activation::Sigmoid => "sigmoid",
        } }),
        Op::MaxPool { kernel, stride, padding } => {
            json!({ "op": "max_pool", "kernel": kernel, "stride": stride, "padding": padding })
        }
        Op::AvgPool { kernel, stride, padding } => {
            json!({ "op": "avg_pool", "kernel": kernel, "stride": stride, "padding": padding })
        }
        Op::GlobalAvgPool => json!({ "op": "global_avg_pool" }),
        Op::Add => json!({ "op": "add" }),
        Op::Mul => json!({ "op": "mul" }),
        Op::Concat => json!({ "op": "concat" }),
        Op::Flatten => json!({ "op": "flatten" }),
        Op::Linear { out_features, bias } => {
            json!({ "op": "linear", "out_features": out_features, "bias": bias })
        }
        Op::Dropout { rate } => json!({ "op": "dropout", "rate": rate }),
    }
}

#[cfg(test)]
mod tests {
    use pearl_models::reference;
    use pearl_models::shape::ImageShape;

    use super::*;

    #[test]
    fn every_node_is_there_with_its_inputs_and_numbers() {
        let input = ImageShape { channels: 1, height: 8, width: 8 };
        let network = reference::network("resnet-8:0.25", Some(input), 3).unwrap();
        let nodes = nodes(&network);
        assert_eq!(nodes.len(), network.nodes().len());
        let stem = &nodes[1];
        assert_eq!((&stem["op"], &stem["kernel"]), (&json!("conv"), &json!(3)));
        assert_eq!(stem["inputs"], json!([0]));
        assert_eq!(nodes[nodes.len() - 1]["op"], json!("linear"));
    }
}
