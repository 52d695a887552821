use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use onnx_protobuf::{GraphProto, Message, ModelProto};
use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::{ExportError, Form, Normalisation, append_metadata, export, export_as};
use crate::builder::{Builder, Conv};
use crate::network::Network;
use crate::op::Activation;
use crate::reference;
use crate::shape::ImageShape;
use crate::space::Space;
use crate::tensors::TensorSpec;
use crate::weights::{RandomWeights, Weights, WeightsError};

/// Weights by name, each in full.
struct Given(BTreeMap<&'static str, Vec<f32>>);

impl Weights for Given {
    fn tensor(&self, spec: &TensorSpec) -> Result<Cow<'_, [f32]>, WeightsError> {
        let numbers = self.0.get(spec.name.as_str()).map(|numbers| Cow::from(numbers.as_slice()));
        numbers.ok_or_else(|| WeightsError::Missing { name: spec.name.clone() })
    }
}

fn parse(bytes: &[u8]) -> ModelProto {
    ModelProto::parse_from_bytes(bytes).unwrap()
}

fn numbers(graph: &GraphProto, name: &str) -> Vec<f32> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).unwrap();
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
    tensor.raw_data.chunks_exact(4).map(number).collect()
}

/// Two pointwise filters with bias over one channel, batch norm, ReLU6, a linear layer.
fn small() -> Network {
    let mut net = Builder::new("small", ImageShape::new(1, 2, 2));
    let conv = Conv::pointwise(2).with_bias();
    let x = net.conv_bn_act("stem", net.input(), conv, Activation::Relu6);
    net.classify(x, 3, Some(0.5));
    net.finish(3).unwrap()
}

fn small_weights() -> Given {
    Given(BTreeMap::from([
        ("stem.conv.weight", vec![2.0, -3.0]),
        ("stem.conv.bias", vec![1.0, 0.5]),
        ("stem.bn.weight", vec![0.5, 4.0]),
        ("stem.bn.bias", vec![0.25, -1.0]),
        ("stem.bn.running_mean", vec![3.0, 0.5]),
        ("stem.bn.running_var", vec![4.0 - 1e-5, 1.0 - 1e-5]),
        ("classifier.weight", vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("classifier.bias", vec![0.1, 0.2, 0.3]),
    ]))
}

#[test]
fn a_batch_norm_is_folded_into_weight_and_bias() {
    let model = parse(&export(&small(), &small_weights()).unwrap());
    let graph = &model.graph;
    // Deviations 2 and 1, factors 0.25 and 4: w · s, then shift + (b - mean) · s.
    assert_eq!(numbers(graph, "stem.conv.weight"), [0.5, -12.0]);
    assert_eq!(numbers(graph, "stem.conv.bias"), [-0.25, -1.0]);
    assert_eq!(numbers(graph, "classifier.weight"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(operators, ["Conv", "Clip", "GlobalAveragePool", "Flatten", "Gemm"]);
    assert_eq!(graph.node[1].input[0], "stem.conv");
    assert_eq!(graph.node[4].input[0], "head.flatten");
    assert_eq!(graph.node[4].output, ["logits"]);
}

#[test]
fn the_file_says_what_it_is() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let form = Form { metadata: &[pair("pearl.data", "7")], ..Form::default() };
    let measured = export_as(&small(), &small_weights(), &form).unwrap();
    let bytes = append_metadata(measured.clone(), &[pair("pearl.latency.ns", "5")]);
    assert!(bytes.starts_with(&measured), "what was measured is not what ships");
    let model = parse(&bytes);
    assert_eq!(model.graph, parse(&measured).graph);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    assert_eq!((model.producer_name.as_str(), model.graph.name.as_str()), ("pearl", "small"));
    let pairs = model.metadata_props.iter().map(|pair| (pair.key.as_str(), pair.value.as_str()));
    assert_eq!(
        pairs.collect::<Vec<_>>(),
        [("pearl.network", "small"), ("pearl.data", "7"), ("pearl.latency.ns", "5")]
    );
    let dims = |value: &onnx_protobuf::ValueInfoProto| -> Vec<i64> {
        value.type_.tensor_type().shape.dim.iter().map(|dim| dim.dim_value()).collect()
    };
    assert_eq!(
        (model.graph.input[0].name.as_str(), dims(&model.graph.input[0])),
        ("input", vec![1, 1, 2, 2])
    );
    assert_eq!(
        (model.graph.output[0].name.as_str(), dims(&model.graph.output[0])),
        ("logits", vec![1, 3])
    );
}

/// Every value is written once, before it is read, and every initializer is read.
fn check_wiring(name: &str, graph: &GraphProto) {
    let mut known: BTreeSet<&str> = BTreeSet::from(["input"]);
    for tensor in &graph.initializer {
        assert!(known.insert(&tensor.name), "{name}: {}", tensor.name);
        let elements = tensor.dims.iter().product::<i64>() as usize;
        assert_eq!(tensor.raw_data.len(), 4 * elements, "{name}: {}", tensor.name);
    }
    let mut read = BTreeSet::new();
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{name}: {} reads {input}", node.name);
            read.insert(input.as_str());
        }
        assert!(known.insert(&node.output[0]), "{name}: {}", node.output[0]);
    }
    read.insert("logits");
    assert_eq!(read, known, "{name}");
}

#[test]
fn every_network_is_wired_soundly_and_in_equal_bytes() {
    let image = ImageShape::new(1, 28, 28);
    let mut networks: Vec<Network> = reference::names()
        .iter()
        .map(|name| reference::network(name, Some(image), 10).unwrap())
        .collect();
    let mut rng = Pcg64::seed_from_u64(6);
    for name in Space::names() {
        let space = Space::new(name, image, 10).unwrap();
        networks.extend((0..5).map(|_| space.decode(&space.sample(&mut rng)).unwrap()));
    }
    for network in networks {
        let weights = RandomWeights { seed: 1 };
        let bytes = export(&network, &weights).unwrap();
        assert!(bytes == export(&network, &weights).unwrap(), "{}", network.name);
        check_wiring(&network.name, &parse(&bytes).graph);
        let normalisation = Normalisation::placeholder(network.input.channels);
        let raw = Form { normalisation: Some(&normalisation), ..Form::default() };
        let raw = parse(&export_as(&network, &weights, &raw).unwrap()).graph;
        check_wiring(&network.name, &raw);
        assert_eq!(raw.node.len(), parse(&bytes).graph.node.len() + 2, "{}", network.name);
    }
}

#[test]
fn a_graph_that_normalises_takes_pixels() {
    let normalisation = Normalisation { mean: vec![0.5], deviation: vec![0.2] };
    let form = Form { normalisation: Some(&normalisation), ..Form::default() };
    let model = parse(&export_as(&small(), &small_weights(), &form).unwrap());
    let graph = &model.graph;
    let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(operators, ["Mul", "Add", "Conv", "Clip", "GlobalAveragePool", "Flatten", "Gemm"]);
    // A pixel of 255 is 1, and (1 - 0.5) / 0.2 is 2.5.
    assert_eq!(numbers(graph, "input:scale"), [1.0 / 51.0]);
    assert_eq!(numbers(graph, "input:shift"), [-2.5]);
    assert_eq!(
        (&graph.node[0].input[0], &graph.node[2].input[0]),
        (&"input".to_owned(), &graph.node[1].output[0])
    );
}

#[test]
fn a_normalisation_that_does_not_fit_is_refused() {
    for (mean, deviation, expected) in [
        (vec![0.5, 0.5], vec![0.2], "2 means and 1 deviations for the 1 channels"),
        (vec![0.5], vec![0.0], "mean [0.5] and deviation [0.0] are no normalisation"),
        (vec![f64::NAN], vec![0.2], "are no normalisation"),
    ] {
        let normalisation = Normalisation { mean, deviation };
        let form = Form { normalisation: Some(&normalisation), ..Form::default() };
        let error = export_as(&small(), &small_weights(), &form).unwrap_err().to_string();
        assert!(error.starts_with("network 'small'") && error.contains(expected), "{error}");
    }
}

#[test]
fn weights_that_make_no_network_are_refused_by_name() {
    let cases: [(&'static str, Option<Vec<f32>>, &str); 5] = [
        ("stem.bn.running_var", None, "tensor 'stem.bn.running_var': missing"),
        (
            "stem.conv.weight",
            Some(vec![1.0]),
            "tensor 'stem.conv.weight': 1 numbers where the network needs 2",
        ),
        (
            "classifier.bias",
            Some(vec![0.0, f32::NAN, 0.0]),
            "tensor 'classifier.bias': holds a number that is not finite",
        ),
        (
            "stem.bn.running_var",
            Some(vec![1.0, -1.0]),
            "tensor 'stem.conv.weight': holds a number that is not finite",
        ),
        (
            "stem.bn.bias",
            Some(vec![f32::INFINITY, 0.0]),
            "tensor 'stem.conv.bias': holds a number that is not finite",
        ),
    ];
    for (name, numbers, expected) in cases {
        let Given(mut tensors) = small_weights();
        match numbers {
            Some(numbers) => tensors.insert(name, numbers),
            None => tensors.remove(name),
        };
        let error = export(&small(), &Given(tensors)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_network_beyond_the_format_is_refused_before_it_is_written() {
    let network = reference::network("mobilenet-v2", None, 1_000_000).unwrap();
    let error = export(&network, &RandomWeights { seed: 0 }).unwrap_err();
    assert!(matches!(error, ExportError::TooLarge { .. }), "{error}");
}
