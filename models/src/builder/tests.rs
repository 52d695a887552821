use super::{Builder, Conv, SqueezeExcite};
use crate::costs::Costs;
use crate::network::{Network, NetworkError, NodeId};
use crate::op::Activation;
use crate::shape::{ImageShape, Shape};
use crate::tensors::Role;

const IMAGE: ImageShape = ImageShape { channels: 3, height: 8, width: 6 };

/// The result of `finish` for a network with 5 classes that `describe` builds.
fn build(describe: impl FnOnce(&mut Builder)) -> Result<Network, NetworkError> {
    let mut net = Builder::new("test", IMAGE);
    describe(&mut net);
    net.finish(5)
}

fn classify(net: &mut Builder, x: NodeId) {
    net.classify(x, 5, None);
}

#[test]
fn what_does_not_fit_is_refused_by_the_name_of_its_node() {
    type Describe = fn(&mut Builder);
    let cases: [(Describe, &str); 15] = [
        (
            |net| {
                let x = net.conv("a", net.input(), Conv::new(4, 3).groups(2));
                classify(net, x);
            },
            "node 'a': 2 groups do not divide 3 input and 4 output channels evenly",
        ),
        (
            |net| {
                let x = net.conv("a", net.input(), Conv::new(4, 3).stride(0));
                classify(net, x);
            },
            "node 'a': the stride is zero",
        ),
        (
            |net| {
                let x = net.max_pool("a", net.input(), 9, 1, 1);
                classify(net, x);
            },
            "node 'a': window of 9 with padding 1 does not fit a map of 3×8×6",
        ),
        (
            |net| {
                let x = net.avg_pool("a", net.input(), 3, 1, 2);
                classify(net, x);
            },
            "node 'a': padding 2 exceeds half of the pooling window of 3",
        ),
        (
            |net| {
                let x = net.conv("a", net.input(), Conv::new(4, 3));
                let x = net.add("b", x, net.input());
                classify(net, x);
            },
            "node 'b': reads 4×8×6 and 3×8×6, which do not match",
        ),
        (
            |net| {
                let gate = net.max_pool("a", net.input(), 2, 2, 0);
                let x = net.mul("b", net.input(), gate);
                classify(net, x);
            },
            "node 'b': reads 3×8×6 and 3×4×3, which do not match",
        ),
        (
            |net| {
                let half = net.max_pool("a", net.input(), 2, 2, 0);
                let x = net.concat("b", &[net.input(), half]);
                classify(net, x);
            },
            "node 'b': reads 3×8×6 and 3×4×3, which do not match",
        ),
        (
            |net| {
                net.linear("a", net.input(), 5);
            },
            "node 'a': reads a map of 3×8×6, expected a vector",
        ),
        (
            |net| {
                let x = net.dropout("a", net.input(), 1.0);
                classify(net, x);
            },
            "node 'a': dropout rate 1 is not within [0, 1)",
        ),
        (
            |net| {
                let x = net.batch_norm("a", net.input());
                classify(net, x);
            },
            "node 'a': a batch norm has to follow directly after a convolution that no other node reads",
        ),
        (
            |net| {
                let conv = net.conv("a", net.input(), Conv::new(3, 3));
                let x = net.batch_norm("b", conv);
                let x = net.add("c", conv, x);
                classify(net, x);
            },
            "node 'b': a batch norm has to follow directly after a convolution that no other node reads",
        ),
        (
            |net| {
                net.conv("a", net.input(), Conv::new(3, 3));
                classify(net, net.input());
            },
            "node 'a': no node reads it",
        ),
        (
            |net| {
                let x = net.conv("a", net.input(), Conv::new(3, 3));
                let x = net.conv("a", x, Conv::new(3, 3));
                classify(net, x);
            },
            "node 'a': another node has this name",
        ),
        (
            |net| {
                let x = net.conv("a.weight", net.input(), Conv::new(3, 3));
                classify(net, x);
            },
            "node 'a.weight': the name is reserved for a tensor",
        ),
        (
            |net| {
                net.classify(net.input(), 6, None);
            },
            "node 'classifier': yields 6, expected 5 logits",
        ),
    ];
    for (describe, expected) in cases {
        assert_eq!(build(describe).unwrap_err().to_string(), expected);
    }
}

#[test]
fn the_first_of_several_errors_is_reported() {
    let error = build(|net| {
        let x = net.linear("first", net.input(), 5);
        net.conv("second", x, Conv::new(0, 0));
    });
    assert!(error.unwrap_err().to_string().contains("'first'"));
}

#[test]
fn a_node_of_a_larger_builder_is_refused() {
    let mut large = Builder::new("large", IMAGE);
    let pooled = large.global_avg_pool("pool", large.input());
    let foreign = large.flatten("flatten", pooled);
    let error = build(|net| {
        net.linear("a", foreign, 5);
    });
    assert_eq!(error.unwrap_err(), NetworkError::Unbuilt { node: "a".to_owned() });
}

#[test]
fn an_input_alone_is_no_network() {
    let error = build(|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "node 'input': yields 3×8×6, expected 5 logits");
}

#[test]
fn shapes_are_rounded_down_and_channels_joined() {
    let net = build(|net| {
        let x = net.conv_bn("a", net.input(), Conv::new(4, 5).stride(2));
        let pooled = net.max_pool("pool", net.input(), 3, 2, 1);
        let joined = net.concat("joined", &[x, pooled]);
        let se =
            SqueezeExcite { reduced: 2, activation: Activation::Relu, gate: Activation::HSigmoid };
        let x = net.squeeze_excite("se", joined, se);
        let x = net.avg_pool("shrink", x, 2, 2, 0);
        classify(net, x);
    })
    .unwrap();
    let shape = |name: &str| net.nodes().iter().find(|node| node.name == name).unwrap().shape;
    assert_eq!(shape("a.conv"), Shape::Map(ImageShape::new(4, 4, 3)));
    assert_eq!(shape("joined"), Shape::Map(ImageShape::new(7, 4, 3)));
    assert_eq!(shape("se.gate"), Shape::Map(ImageShape::new(7, 1, 1)));
    assert_eq!(shape("se.mul"), Shape::Map(ImageShape::new(7, 4, 3)));
    assert_eq!(shape("shrink"), Shape::Map(ImageShape::new(7, 2, 1)));
    assert_eq!(net.node(net.output()).shape, Shape::Vector(5));
}

#[test]
fn costs_are_those_counted_by_hand() {
    let net = build(|net| {
        let x = net.conv_bn_act("a", net.input(), Conv::new(4, 3).stride(2), Activation::Relu);
        let x = net.conv("b", x, Conv::depthwise(4, 5).with_bias());
        net.classify(x, 5, Some(0.1));
    })
    .unwrap();
    // Maps are 4×4×3 = 48 numbers.
    let per_layer = [
        ("input", 0, 0, 0),
        ("a.conv", 4 * 3 * 9, 48 * 3 * 9, 48 * 4),
        ("a.bn", 8, 0, 0),
        ("a.act", 0, 0, 48 * 4),
        ("b", 4 * 25 + 4, 48 * 25, 48 * 4),
        ("head.pool", 0, 0, 4 * 4),
        ("head.flatten", 0, 0, 0),
        ("head.dropout", 0, 0, 0),
        ("classifier", 4 * 5 + 5, 20, 5 * 4),
    ];
    let layers = net.layer_costs();
    assert_eq!(layers.len(), per_layer.len());
    for (layer, (name, params, macs, activation_bytes)) in layers.iter().zip(per_layer) {
        assert_eq!(net.node(layer.node).name, name);
        assert_eq!(layer.costs, Costs { params, macs, activation_bytes }, "{name}");
    }
    let total = Costs { params: 245, macs: 1296 + 1200 + 20, activation_bytes: 612 };
    assert_eq!(net.costs(), total);
}

#[test]
fn tensors_are_named_after_their_nodes_in_torchs_layout() {
    let net = build(|net| {
        let x = net.conv_bn("a", net.input(), Conv::new(6, 3).groups(3).with_bias());
        classify(net, x);
    })
    .unwrap();
    let expected: [(&str, &[usize], Role); 8] = [
        ("a.conv.weight", &[6, 1, 3, 3], Role::ConvWeight),
        ("a.conv.bias", &[6], Role::Bias),
        ("a.bn.weight", &[6], Role::Scale),
        ("a.bn.bias", &[6], Role::Shift),
        ("a.bn.running_mean", &[6], Role::RunningMean),
        ("a.bn.running_var", &[6], Role::RunningVar),
        ("classifier.weight", &[5, 6], Role::LinearWeight),
        ("classifier.bias", &[5], Role::Bias),
    ];
    let tensors = net.tensors();
    assert_eq!(tensors.len(), expected.len());
    for (tensor, (name, dims, role)) in tensors.iter().zip(expected) {
        assert_eq!((tensor.name.as_str(), tensor.dims.as_slice(), tensor.role), (name, dims, role));
    }
}
