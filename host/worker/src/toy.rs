//! Small data sets and networks for the worker's tests.
//!
//! **Invariant:** everything here follows from the seeds given.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pearl_models::builder::{Builder, Conv};
use pearl_models::network::Network;
use pearl_models::op::Activation;
use pearl_models::shape::ImageShape;
use rand::{Rng, RngExt};

use crate::dataset::Dataset;
use crate::torch_device::TorchDevice;
use crate::torch_network::init::stream;
use crate::training::training_loop::{Job, Trained, train};
use pearl::data::DataFile;
use pearl::train::worker_protocol::{DataSource, Recipe, Split, TrainSeeds};

pub const INPUT: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };
pub const CLASSES: usize = 3;

/// Torch's generator is the process's: tests that draw from it do so one after the other.
pub fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A data set in a folder of its own.
pub struct Toy {
    pub folder: tempfile::TempDir,
    pub source: DataSource,
}

impl Toy {
    /// The class of an image is the third of it that is bright; the rest is noise.
    pub fn new(train: usize, test: usize) -> Toy {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = stream(1, "toy");
        let parts = [
            (train, DataFile::TrainImages, DataFile::TrainLabels),
            (test, DataFile::TestImages, DataFile::TestLabels),
        ];
        for (count, images, labels) in parts {
            let classes: Vec<u8> = (0..count).map(|i| (i % CLASSES) as u8).collect();
            let pixels: Vec<u8> =
                classes.iter().flat_map(|&class| image(class, &mut rng)).collect();
            let side = INPUT.height as u32;
            write_idx(&folder.path().join(images.stem()), &[count as u32, side, side], &pixels);
            write_idx(&folder.path().join(labels.stem()), &[count as u32], &classes);
        }
        let source = DataSource { name: "toy".into(), folder: folder.path().to_owned() };
        Toy { folder, source }
    }

    pub fn path(&self, file: DataFile) -> PathBuf {
        self.folder.path().join(file.stem())
    }

    pub fn read(&self) -> Dataset {
        Dataset::read(&self.source, TorchDevice::CPU).unwrap()
    }
}

fn image(class: u8, rng: &mut impl Rng) -> Vec<u8> {
    let band = INPUT.height.div_ceil(CLASSES);
    let bright = |pixel: usize| pixel / INPUT.width / band == usize::from(class);
    (0..INPUT.elements())
        .map(|pixel| rng.random_range(0..120) + if bright(pixel) { 100 } else { 0 })
        .collect()
}

pub fn write_idx(path: &Path, dims: &[u32], values: &[u8]) {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(values);
    fs::write(path, bytes).unwrap();
}

pub fn recipe(epochs: usize) -> Recipe {
    Recipe { epochs, batch: 16, learning_rate: 0.1, momentum: 0.9, weight_decay: 1e-4, flip: true }
}

/// The network below, trained on the first 64 images.
pub fn trained(data: &Dataset, recipe: Recipe, seeds: TrainSeeds, device: TorchDevice) -> Trained {
    let split = Split { images: 64, holdout: 0 };
    let job = Job { network: network(), data, split, recipe, soft: None, seeds };
    train(job, device, &mut |_| Ok(())).unwrap()
}

/// A network with drop-out.
pub fn network() -> Network {
    let mut net = Builder::new("toy", INPUT);
    let input = net.input();
    let x = net.conv_bn_act("a", input, Conv::new(8, 3), Activation::Relu);
    let y = net.conv_bn_act("b", x, Conv::depthwise(8, 3), Activation::Relu);
    let sum = net.add("c.add", x, y);
    net.classify(sum, CLASSES, Some(0.1));
    net.finish(CLASSES).unwrap()
}
