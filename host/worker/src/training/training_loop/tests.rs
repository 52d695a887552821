use super::*;
use crate::torch_network::parameters::numbers;
use crate::toy::{self, Toy};

fn trained(data: &Dataset, recipe: Recipe, seeds: TrainSeeds) -> Trained {
    toy::trained(data, recipe, seeds, TorchDevice::CPU)
}

const SEEDS: TrainSeeds = TrainSeeds { weights: 1, order: 2 };

fn flat(trained: &Trained) -> Vec<u32> {
    let values = numbers(trained.module.parameters().flat()).unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

#[test]
fn a_toy_network_overfits_64_images() {
    let _alone = toy::alone();
    let data = Toy::new(64, 3).read();
    let recipe = Recipe { flip: false, ..toy::recipe(30) };
    let trained = trained(&data, recipe, SEEDS);
    assert_eq!(trained.diverged, None);
    assert_eq!((trained.epoch_loss.len(), trained.images), (30, 64 * 30));
    assert!(trained.epoch_loss[29] < trained.epoch_loss[0] / 4.0, "{:?}", trained.epoch_loss);
    let accuracy = judge(&trained.module, &data.train).unwrap();
    assert_eq!(accuracy, Some(Accuracy { correct: 64, total: 64 }));
}

#[test]
fn what_lies_between_tensors_stays_zero() {
    let _alone = toy::alone();
    let data = Toy::new(64, 3).read();
    let trained = trained(&data, Recipe { weight_decay: 0.1, ..toy::recipe(2) }, SEEDS);
    let parameters = trained.module.parameters();
    let mut between = numbers(parameters.flat()).unwrap();
    let start = parameters.flat().data_ptr().addr();
    let values = parameters.values().unwrap();
    for (index, (spec, _)) in values.iter().enumerate().filter(|(_, (s, _))| s.role.is_parameter())
    {
        let first = (parameters.tensor(index).data_ptr().addr() - start) / size_of::<f32>();
        between[first..first + spec.elements()].fill(f32::NAN);
    }
    between.retain(|value| !value.is_nan());
    assert!(!between.is_empty() && between.iter().all(|&value| value == 0.0), "{between:?}");
}

#[test]
fn equal_seeds_give_equal_weights_to_the_last_bit() {
    let _alone = toy::alone();
    let data = Toy::new(64, 3).read();
    let first = flat(&trained(&data, toy::recipe(2), SEEDS));
    assert_eq!(first, flat(&trained(&data, toy::recipe(2), SEEDS)));
    let other_order = TrainSeeds { order: 3, ..SEEDS };
    assert_ne!(first, flat(&trained(&data, toy::recipe(2), other_order)));
    let other_weights = TrainSeeds { weights: 3, ..SEEDS };
    assert_ne!(first, flat(&trained(&data, toy::recipe(2), other_weights)));
}

#[test]
fn flips_reach_the_network_as_mirrored_images_with_their_own_soft_targets() {
    let _alone = toy::alone();
    let data = Toy::new(64, 3).read();
    // A teacher that is sure of class 1 for plain images and of class 2 for flipped ones: were views
    // and targets mixed up, the loss could not fall where the network can tell them apart.
    let logits = Tensor::zeros([2, 64, 3], (Kind::Float, tch::Device::Cpu));
    let _ = logits.narrow(0, 0, 1).narrow(2, 1, 1).fill_(9.0);
    let _ = logits.narrow(0, 1, 1).narrow(2, 2, 1).fill_(9.0);
    let soft = SoftTargets::new(&logits, 1.0, 1.0).unwrap();
    // Left halves are dark: a flip shows.
    let mut images = data.train.images.narrow(3, 0, 4);
    let _ = images.fill_(-3.0);
    let split = Split { images: 64, holdout: 0 };
    let recipe = Recipe { learning_rate: 0.05, ..toy::recipe(40) };
    let job =
        Job { network: toy::network(), data: &data, split, recipe, soft: Some(soft), seeds: SEEDS };
    let trained = train(job, TorchDevice::CPU, &mut |_| Ok(())).unwrap();
    let answer = |images: &Tensor| {
        let logits = trained.module.forward(images, Phase::Evaluation).unwrap();
        let chosen =
            logits.log_softmax(-1, Kind::Float).mean_dim([0i64].as_slice(), false, Kind::Float);
        numbers(&chosen).unwrap()
    };
    let plain = answer(&data.train.images);
    let flipped = answer(&data.train.images.flip([3]));
    assert!(plain[1] > plain[2], "{plain:?}");
    assert!(flipped[2] > flipped[1], "{flipped:?}");
}

#[test]
fn a_loss_that_is_not_finite_ends_the_training_with_its_reason() {
    let _alone = toy::alone();
    let data = Toy::new(64, 3).read();
    let trained = trained(&data, Recipe { learning_rate: 1e30, ..toy::recipe(3) }, SEEDS);
    let reason = trained.diverged.unwrap();
    assert!(reason.starts_with("the loss was"), "{reason}");
    assert!(trained.images < 64 * 3);
}

#[test]
fn a_host_that_is_gone_ends_the_training() {
    let _alone = toy::alone();
    let data = Toy::new(64, 3).read();
    let split = Split { images: 64, holdout: 0 };
    let recipe = toy::recipe(100_000);
    let job = Job { network: toy::network(), data: &data, split, recipe, soft: None, seeds: SEEDS };
    let gone = || WorkerError::Gone(std::io::ErrorKind::BrokenPipe.into());
    assert!(matches!(
        train(job, TorchDevice::CPU, &mut |_| Err(gone())),
        Err(WorkerError::Gone(_))
    ));
}
