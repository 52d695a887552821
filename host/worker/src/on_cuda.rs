//! Tests that compare a CUDA device in mixed precision with this machine's processor in f32.
//!
//! Run `cargo test -p pearl-worker --lib -- --ignored on_cuda` on a machine that has one.
//!
//! **Invariant:** every test here is ignored unless it is asked for, so that no machine without a CUDA
//! device seems to pass it.

use pearl_models::network::Network;
use pearl_models::reference;
use pearl_models::shape::ImageShape;
use pearl_models::space::Space;
use tch::{Device, Kind, Tensor};

use crate::dataset::Dataset;
use crate::torch_device::TorchDevice;
use crate::torch_network::init::stream;
use crate::torch_network::module::{Module, Phase};
use crate::torch_network::parameters::numbers;
use crate::toy::{self, Toy};
use crate::training::loss::{SoftTargets, loss};
use crate::training::training_loop::{Trained, gradient, judge};
use pearl::train::worker_protocol::{Accuracy, Recipe, TrainSeeds};

const IMAGE: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

fn cuda() -> TorchDevice {
    TorchDevice::named("cuda:0").unwrap()
}

/// Logits `[64, classes]` of made-up images, and the gradient of their distillation loss in all
/// parameters.
fn step(network: &Network, device: TorchDevice) -> (Vec<f32>, Vec<f32>) {
    let module = Module::initialised(network.clone(), device, 1).unwrap();
    let wave = |dims: &[i64], pace: f64, height: f64| {
        let n = dims.iter().product::<i64>();
        let wave = (Tensor::arange(n, (Kind::Double, Device::Cpu)) * pace).sin() * height;
        wave.to_kind(Kind::Float).view(dims).to_device(device.device())
    };
    let ImageShape { channels, height, width } = network.input;
    let images = wave(&[64, channels as i64, height as i64, width as i64], 0.7, 2.0);
    let soft = SoftTargets::new(&wave(&[1, 64, network.classes as i64], 0.9, 4.0), 2.0, 1.0);
    let rows = Tensor::arange(64, (Kind::Int64, device.device()));
    let labels = rows.remainder(network.classes as i64);
    let logits = module.forward(&images, Phase::Training).unwrap();
    let loss = loss(&logits, &labels, Some(&soft.unwrap()), &rows).unwrap();
    let gradient = gradient(&module, &loss, device).unwrap();
    (numbers(&logits.detach()).unwrap(), numbers(&gradient).unwrap())
}

/// Largest distance, as a share of the largest expected number.
fn apart(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    let largest = expected.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn trained(toy: &Toy, recipe: Recipe) -> (Trained, Dataset) {
    let data = Dataset::read(&toy.source, cuda()).unwrap();
    let seeds = TrainSeeds { weights: 1, order: 2 };
    (toy::trained(&data, recipe, seeds, cuda()), data)
}

#[test]
#[ignore = "needs a CUDA device"]
fn a_residual_network_gives_the_processors_logits_and_gradients() {
    let network = reference::network("resnet-8:0.25", Some(IMAGE), 10).unwrap();
    let (logits, gradient) = step(&network, cuda());
    let (expected_logits, expected_gradient) = step(&network, TorchDevice::CPU);
    let (away, along) = (apart(&logits, &expected_logits), cosine(&gradient, &expected_gradient));
    assert!(away < 0.02 && along > 0.99, "{away} {along}");
}

/// Half precision alone moves these: in PyTorch on a processor, over eleven such students of 119 to 233
/// layers, logits by 1 to 12 % and gradients to cosines of 0.47 to 0.94. Gradients of other tensors
/// than those meant would have a cosine near 0.
#[test]
#[ignore = "needs a CUDA device"]
fn students_with_tensors_of_any_size_give_nearly_the_processors_logits_and_gradients() {
    let space = Space::new("mnas", IMAGE, 10).unwrap();
    let mut rng = stream(5, "students");
    for _ in 0..6 {
        let network = space.decode(&space.sample(&mut rng)).unwrap();
        let (logits, gradient) = step(&network, cuda());
        let (expected_logits, expected_gradient) = step(&network, TorchDevice::CPU);
        let away = apart(&logits, &expected_logits);
        let along = cosine(&gradient, &expected_gradient);
        println!("{}: logits {away}, gradient's cosine {along}", network.name);
        assert!(away < 0.3 && along > 0.3, "{}: {away} {along}", network.name);
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn a_toy_network_overfits_64_images() {
    let _alone = toy::alone();
    let toy = Toy::new(64, 3);
    let (trained, data) = trained(&toy, Recipe { flip: false, ..toy::recipe(30) });
    assert_eq!(trained.diverged, None);
    assert_eq!((trained.epoch_loss.len(), trained.images), (30, 64 * 30));
    let accuracy = judge(&trained.module, &data.train).unwrap();
    assert_eq!(accuracy, Some(Accuracy { correct: 64, total: 64 }));
}

#[test]
#[ignore = "needs a CUDA device"]
fn a_loss_that_is_not_finite_ends_the_training_with_its_reason() {
    let _alone = toy::alone();
    let toy = Toy::new(64, 3);
    let (trained, _) = trained(&toy, Recipe { learning_rate: 1e30, ..toy::recipe(30) });
    let reason = trained.diverged.unwrap();
    assert!(reason.starts_with("the loss was"), "{reason}");
    assert!(trained.images < 64 * 30);
}
