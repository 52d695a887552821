//! Torch, tract and onnxruntime compute the same logits from one network and one set of weights.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::path::{Path, PathBuf};
use std::process::Command;

use pearl_agent::protocol::messages::{AgentDone, AgentRequest, ModelFile, Precision, TensorData};
use pearl_agent::protocol::wire::PROTOCOL;
use pearl_models::architecture::Architecture;
use pearl_models::network::Network;
use pearl_models::shape::ImageShape;
use pearl_models::weights::{RandomWeights, Weights};
use pearl_models::{onnx, reference};
use pearl_tests::data::Noise;
use pearl_tests::link::Link;
use pearl_tests::pearl::Pearl;
use pearl_tests::talk::run_request;
use pearl_tests::{programs, python};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

/// Of the largest absolute logit.
const TOLERANCE: f32 = 1e-3;
/// A network, how the worker is told of it, and its files.
struct Subject {
    name: String,
    source: Value,
    network: Network,
    folder: PathBuf,
}

#[test]
fn torch_tract_and_onnxruntime_agree_on_every_network() {
    let pearl = Pearl::new();
    let mut subjects = Vec::new();
    for (space, count, seed, input) in [
        ("mnas", 24, 1, "1x28x28"),
        ("mnas", 6, 2, "3x32x32"),
        ("conv20", 7, 3, "1x28x28"),
        ("conv20", 3, 4, "3x32x32"),
    ] {
        subjects.extend(sampled(&pearl, space, count, seed, input));
    }
    assert_eq!(subjects.len(), 40);
    for name in reference::names() {
        let small = name.contains("resnet");
        let (side, channels, classes) = if small { (28, 1, 10) } else { (224, 3, 1000) };
        let input = ImageShape { channels, height: side, width: side };
        let network = reference::network(name, Some(input), classes).unwrap();
        let source = json!({ "reference": { "name": name, "input": input, "classes": classes } });
        subjects.push(subject(&pearl, name, source, network));
    }

    let inputs: Vec<_> = subjects.iter().map(write_files).collect();
    let list: Vec<_> = subjects
        .iter()
        .map(|subject| {
            json!({
                "model": subject.folder.join("model.onnx"),
                "input": subject.folder.join("input.f32"),
            })
        })
        .collect();
    let list = pearl.write("models.json", json!(list).to_string());
    let answers = python::run("onnx_logits.py", [list]).json();
    let answers: Vec<Vec<f32>> = serde_json::from_value(answers).unwrap();
    assert_eq!(answers.len(), subjects.len());

    let mut worker = worker(&pearl);
    let mut agent = agent(&pearl);
    let mut faults = Vec::new();
    for ((subject, input), onnxruntime) in subjects.iter().zip(&inputs).zip(&answers) {
        let torch = forward(&mut worker, subject, input);
        let tract = run(&mut agent, &subject.folder.join("model.onnx"), input);
        if let Err(fault) = agree(&torch, &tract, onnxruntime, subject.network.classes) {
            faults.push(format!("{}: {fault}", subject.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn other_weights_give_other_logits() {
    let pearl = Pearl::new();
    let one = sampled(&pearl, "mnas", 1, 9, "1x28x28").pop().unwrap();
    let input = write_files(&one);
    let mut agent = agent(&pearl);
    let model = one.folder.join("model.onnx");
    let first = run(&mut agent, &model, &input).unwrap();
    let bytes = onnx::export(&one.network, &RandomWeights { seed: 12 }).unwrap();
    std::fs::write(&model, bytes).unwrap();
    let second = run(&mut agent, &model, &input).unwrap();
    assert!(distance(&first, &second) > TOLERANCE * largest(&first), "{first:?} and {second:?}");
}

fn sampled(pearl: &Pearl, space: &str, count: usize, seed: u64, input: &str) -> Vec<Subject> {
    let line = format!(
        "arch sample --space {space} -n {count} --seed {seed} --input {input} --classes 10 \
         -o sampled --json"
    );
    let document = pearl.line(&line).ok().json();
    let architectures = document["architectures"].as_array().unwrap();
    architectures
        .iter()
        .map(|architecture| {
            let path = pearl.path(architecture["path"].as_str().unwrap());
            let architecture =
                Architecture::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
            let network = architecture.network().unwrap();
            let name = format!("{} at {input}", network.name);
            subject(pearl, &name, json!({ "architecture": architecture }), network)
        })
        .collect()
}

fn subject(pearl: &Pearl, name: &str, source: Value, network: Network) -> Subject {
    let folder = pearl.path(name.replace(' ', "-"));
    std::fs::create_dir_all(&folder).unwrap();
    Subject { name: name.to_owned(), source, network, folder }
}

/// Writes `weights.safetensors`, `model.onnx` and `input.f32`; the input comes back.
fn write_files(subject: &Subject) -> TensorData {
    let Subject { network, folder, name, .. } = subject;
    let weights = RandomWeights { seed: 11 };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = network
        .tensors()
        .iter()
        .map(|spec| (spec.name.clone(), spec.dims.clone(), bytes(&weights.tensor(spec).unwrap())))
        .collect();
    let views = tensors.iter().map(|(name, dims, bytes)| {
        (name, TensorView::new(Dtype::F32, dims.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, &folder.join("weights.safetensors")).unwrap();
    std::fs::write(folder.join("model.onnx"), onnx::export(network, &weights).unwrap()).unwrap();

    let ImageShape { channels, height, width } = network.input;
    let mut noise = Noise(name.bytes().map(u64::from).sum());
    let values: Vec<f32> = (0..channels * height * width).map(|_| noise.float()).collect();
    std::fs::write(folder.join("input.f32"), bytes(&values)).unwrap();
    TensorData { dims: vec![1, channels, height, width], values }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn worker(pearl: &Pearl) -> Link {
    let mut worker = Link::start(pearl.prepare(&mut Command::new(programs::worker())));
    let hello = json!({ "hello": { "protocol": PROTOCOL, "torch_device": "cpu" } });
    worker.ask::<Value>(hello).unwrap();
    worker
}

fn agent(pearl: &Pearl) -> Link {
    let mut agent = Link::start(pearl.prepare(&mut Command::new(programs::agent())));
    agent.ask::<AgentDone>(AgentRequest::Hello { protocol: PROTOCOL }).unwrap();
    agent
}

fn forward(worker: &mut Link, subject: &Subject, input: &TensorData) -> Result<Vec<f32>, String> {
    let weights = subject.folder.join("weights.safetensors");
    let body = json!({ "network": subject.source, "weights": weights, "input": input });
    let done: Value = worker.ask(json!({ "forward": body }))?;
    let logits: TensorData =
        serde_json::from_value(done["forward"]["logits"].clone()).map_err(|e| e.to_string())?;
    Ok(logits.values)
}

fn run(agent: &mut Link, path: &Path, input: &TensorData) -> Result<Vec<f32>, String> {
    let model = ModelFile {
        path: path.to_str().unwrap().to_owned(),
        sha256: sha256(path),
        ..ModelFile::default()
    };
    let request = run_request(model, input.clone(), Precision::F32);
    match agent.ask(AgentRequest::Run(request))? {
        AgentDone::Run(mut report) if report.outputs.len() == 1 => {
            Ok(report.outputs.remove(0).values)
        }
        other => Err(format!("{other:?}").chars().take(200).collect()),
    }
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.split_whitespace().next().unwrap().to_owned()
}

fn agree(
    torch: &Result<Vec<f32>, String>,
    tract: &Result<Vec<f32>, String>,
    onnxruntime: &[f32],
    classes: usize,
) -> Result<(), String> {
    let torch = torch.as_ref().map_err(|error| format!("torch: {error}"))?;
    let tract = tract.as_ref().map_err(|error| format!("tract: {error}"))?;
    let top = largest(torch);
    // Logits that are all alike, or nothing at all, would agree whatever the engines did.
    if !(top.is_finite() && top > 1e-3 && distance(torch, &torch[1..]) > TOLERANCE * top) {
        return Err(format!("the logits say nothing: {torch:?}"));
    }
    for (engine, logits) in [("tract", tract.as_slice()), ("onnxruntime", onnxruntime)] {
        if logits.len() != classes || torch.len() != classes {
            let (found, expected) = (logits.len(), torch.len());
            return Err(format!("{engine}: {found} logits, torch {expected}, classes {classes}"));
        }
        let far = distance(torch, logits);
        if far.is_nan() || far > TOLERANCE * top {
            return Err(format!("{engine}: {far} away from torch, whose largest logit is {top}"));
        }
    }
    Ok(())
}

fn largest(logits: &[f32]) -> f32 {
    logits.iter().fold(0.0, |top, logit| top.max(logit.abs()))
}

/// NaN where one of them has a NaN.
fn distance(one: &[f32], other: &[f32]) -> f32 {
    let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, |far, next| if next.is_nan() || next > far { next } else { far })
}
