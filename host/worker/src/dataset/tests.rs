use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::torch_network::parameters::numbers;
use crate::toy::{CLASSES, INPUT, Toy, write_idx};

#[test]
fn a_data_set_is_read_whole_and_normalised() {
    let toy = Toy::new(30, 6);
    let data = toy.read();
    let report = data.report();
    assert_eq!((report.input, report.classes), (INPUT, CLASSES));
    assert_eq!((report.train_images, report.test_images), (30, 6));
    let pixels = numbers(&data.train.images).unwrap();
    let n = pixels.len() as f64;
    let mean = pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / n;
    let variance = pixels.iter().map(|p| f64::from(*p).powi(2)).sum::<f64>() / n - mean * mean;
    assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    // The raw pixel comes back.
    let raw = fs::read(toy.path(DataFile::TrainImages)).unwrap()[16..].to_vec();
    let labels = fs::read(toy.path(DataFile::TrainLabels)).unwrap()[8..].to_vec();
    let images: Vec<&[u8]> = raw.chunks_exact(INPUT.elements()).collect();
    let order = split_order(&labels, CLASSES);
    let raw = order.iter().flat_map(|&at| images[at].iter().copied());
    let Normalisation { mean, deviation } = &data.normalisation;
    for (pixel, raw) in pixels.iter().zip(raw) {
        let back = (f64::from(*pixel) * deviation[0] + mean[0]) * 255.0;
        assert!((back - f64::from(raw)).abs() < 1e-3, "{back} {raw}");
    }
}

#[test]
fn a_gzipped_copy_is_the_same_data_and_a_changed_pixel_is_not() {
    let toy = Toy::new(9, 3);
    let first = toy.read().sha256;
    let path = toy.path(DataFile::TestImages);
    let mut bytes = fs::read(&path).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&bytes).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(path.with_extension("gz"), gzip.finish().unwrap()).unwrap();
    assert_eq!(toy.read().sha256, first);
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_ne!(toy.read().sha256, first);
}

#[test]
fn files_that_do_not_belong_together_are_refused_with_their_names() {
    type Damage = fn(&Toy);
    let cases: [(Damage, &str); 7] = [
        (
            |toy| write_idx(&toy.path(DataFile::TrainLabels), &[8], &[0, 1, 2, 0, 1, 2, 0, 1]),
            "train-labels-idx1-ubyte: 8 labels for the 9 images of",
        ),
        (
            |toy| write_idx(&toy.path(DataFile::TrainLabels), &[9], &[0, 1, 2, 0, 1, 2, 0, 1, 7]),
            "train-labels-idx1-ubyte: label 7 occurs but 3 does not",
        ),
        (
            |toy| write_idx(&toy.path(DataFile::TrainLabels), &[9], &[0; 9]),
            "train-labels-idx1-ubyte: a single class",
        ),
        (
            |toy| write_idx(&toy.path(DataFile::TestLabels), &[3], &[0, 3, 1]),
            "t10k-labels-idx1-ubyte: label 3 at position 1, but the training labels are 0 to 2",
        ),
        (
            |toy| write_idx(&toy.path(DataFile::TestImages), &[3, 8, 9], &[0; 216]),
            "t10k-images-idx3-ubyte: images of 1×8×9, the training images are of 1×8×8",
        ),
        (
            |toy| {
                fs::copy(toy.path(DataFile::TestLabels), toy.path(DataFile::TestImages)).unwrap();
            },
            "t10k-images-idx3-ubyte: 1 dimensions where 3 or 4 were expected: this is a file of labels",
        ),
        (
            |toy| fs::remove_file(toy.path(DataFile::TrainImages)).unwrap(),
            "has no train-images-idx3-ubyte",
        ),
    ];
    for (damage, expected) in cases {
        let toy = Toy::new(9, 3);
        damage(&toy);
        let message = Dataset::read(&toy.source, TorchDevice::CPU).err().unwrap().to_string();
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

#[test]
fn a_split_that_asks_for_too_many_images_is_refused() {
    let data = Toy::new(30, 3).read();
    for (images, holdout) in [(31, 0), (20, 11), (1, 0), (usize::MAX, 2)] {
        let message = data.check(Split { images, holdout }).unwrap_err().to_string();
        assert!(message.starts_with("data set toy: "), "{message}");
    }
    assert!(data.check(Split { images: 20, holdout: 10 }).is_ok());
    for (images, holdout, told) in [(2, 3, "2 images to train on"), (3, 2, "2 held-out images")] {
        let message = data.check(Split { images, holdout }).unwrap_err().to_string();
        assert!(message.contains(told) && message.contains("hold none of class"), "{message}");
    }
}

#[test]
fn the_last_images_are_held_out() {
    let data = Toy::new(30, 3).read();
    let holdout = data.holdout(Split { images: 20, holdout: 4 }).unwrap();
    assert_eq!(holdout.count, 4);
    let expected = data.train.images.narrow(0, 26, 4);
    assert_eq!(numbers(&holdout.images).unwrap(), numbers(&expected).unwrap());
}
