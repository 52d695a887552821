use std::fs;

use pearl_models::shape::ImageShape;
use tch::Device;

use super::*;
use crate::toy::{CLASSES, INPUT, Toy};
use pearl::train::teacher_options::PixelNormalisation;
use pearl::train::weights_file;

const NATIVE: &str = "resnet-8:0.25";

/// Weights of a native teacher with that many classes.
fn native_file(folder: &Path, classes: usize) -> PathBuf {
    let network = reference::network(NATIVE, Some(INPUT), classes).unwrap();
    let module = Module::initialised(network, TorchDevice::CPU, 1).unwrap();
    let values = module.parameters().values().unwrap();
    let path = folder.join("teacher.safetensors");
    let tensors = values.iter().map(|(spec, values)| (&spec.name[..], &spec.dims[..], &values[..]));
    weights_file::write(&path, tensors, String::new()).unwrap();
    path
}

/// A TorchScript module traced from `body`, for images of `input`.
fn script_file(folder: &Path, input: ImageShape, body: fn(&Tensor) -> Tensor) -> PathBuf {
    let dims = [2, input.channels as i64, input.height as i64, input.width as i64];
    let example = Tensor::ones(dims, (Kind::Float, Device::Cpu));
    let mut closure = |inputs: &[Tensor]| vec![body(&inputs[0])];
    let module =
        CModule::create_by_tracing("Teacher", "forward", &[example], &mut closure).unwrap();
    let path = folder.join("teacher.pt");
    module.save(&path).unwrap();
    path
}

/// A module that is used as it is.
fn as_is(file: PathBuf) -> TeacherSource {
    TeacherSource::TorchScript { file, options: Box::default() }
}

/// The mean over a batch, as a normalisation in training mode takes it.
fn mean_image(images: &Tensor) -> Tensor {
    images.mean_dim([0i64].as_slice(), true, Kind::Float)
}

/// Means of the first rows of an image, one a class.
fn rows(images: &Tensor, classes: i64) -> Tensor {
    images.mean_dim([1i64, 3].as_slice(), false, Kind::Float).narrow(1, 0, classes)
}

#[test]
fn a_native_teacher_gives_finite_logits() {
    let toy = Toy::new(9, 3);
    let weights = native_file(toy.folder.path(), CLASSES);
    let source = TeacherSource::Native { network: NATIVE.into(), weights };
    let teacher = Teacher::load(&source, &toy.read(), TorchDevice::CPU).unwrap();
    assert_eq!(teacher.logits(&toy.read().train.images).unwrap().size(), [9, 3]);
}

#[test]
fn a_torch_script_teacher_gives_what_its_module_says() {
    let toy = Toy::new(9, 3);
    let file = script_file(toy.folder.path(), INPUT, |images| rows(images, 3));
    let data = toy.read();
    let teacher = Teacher::load(&as_is(file), &data, TorchDevice::CPU).unwrap();
    let (found, expected) =
        (teacher.logits(&data.train.images).unwrap(), rows(&data.train.images, 3));
    assert_eq!(found, expected);
}

#[test]
fn unfit_teachers_are_refused_with_their_file() {
    type Make = fn(&Path) -> TeacherSource;
    fn native(network: &str, weights: PathBuf) -> TeacherSource {
        TeacherSource::Native { network: network.into(), weights }
    }
    let cases: [(Make, &str); 13] = [
        (|f| native(NATIVE, native_file(f, 5)), "has 5 classes, the data has 3"),
        (|f| as_is(script_file(f, INPUT, |x| rows(x, 4))), "has 4 classes, the data has 3"),
        (|f| as_is(script_file(f, INPUT, |x| rows(x, 3) / 0.0 * 0.0)), "its logits are not finite"),
        (|f| as_is(script_file(f, INPUT, |x| x * 2.0)), "answers [8, 1, 8, 8] to 8 images"),
        (
            |f| {
                let wide = ImageShape { channels: 3, height: 8, width: 8 };
                as_is(script_file(f, wide, |x| {
                    let weight = Tensor::ones([3, 3, 8, 8], (Kind::Float, Device::Cpu));
                    x.conv2d(&weight, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1).flatten(1, -1)
                }))
            },
            "fails on images [8, 1, 8, 8]",
        ),
        (
            |f| as_is(script_file(f, INPUT, |x| rows(&(x - mean_image(x)), 3))),
            "its logits of an image hang on the rest of the batch",
        ),
        (
            |f| as_is(script_file(f, INPUT, |x| rows(&x.dropout(0.5, true), 3))),
            "gives the same images other logits each time",
        ),
        (
            |f| {
                let file = script_file(f, INPUT, |x| rows(x, 3));
                let whole = fs::read(&file).unwrap();
                fs::write(&file, &whole[..whole.len() / 2]).unwrap();
                as_is(file)
            },
            "no TorchScript module, or a damaged one",
        ),
        (
            |f| {
                fs::write(f.join("teacher.pt"), b"not a module").unwrap();
                as_is(f.join("teacher.pt"))
            },
            "no TorchScript module, or a damaged one",
        ),
        (|f| as_is(f.join("teacher.pt")), "no TorchScript module, or a damaged one"),
        (
            |f| {
                fs::write(f.join("teacher.safetensors"), b"junk").unwrap();
                native(NATIVE, f.join("teacher.safetensors"))
            },
            "not a safetensors file",
        ),
        (|f| native("wide-resnet-10-2:0.25", native_file(f, 3)), "teacher.safetensors: tensor '"),
        (|f| native("no-such-net", native_file(f, 3)), "'no-such-net': unknown"),
    ];
    let toy = Toy::new(9, 3);
    let data = toy.read();
    for (make, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let source = make(folder.path());
        let message = Teacher::load(&source, &data, TorchDevice::CPU).err().unwrap().to_string();
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        assert!(message.starts_with("teacher"), "{message}");
        assert!(!message.contains('\n'), "{message}");
        if !expected.contains("unknown") {
            assert!(
                message.contains("teacher.pt") || message.contains("teacher.safetensors"),
                "{message}"
            );
        }
    }
}

#[test]
fn the_hash_is_that_of_content_and_network() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("w");
    let source =
        |network: &str| TeacherSource::Native { network: network.into(), weights: weights.clone() };
    assert!(hash(&source("a")).unwrap_err().to_string().contains("/w: cannot be read"));
    fs::write(&weights, b"one").unwrap();
    let first = hash(&source("a")).unwrap();
    assert_eq!(first, hash(&source("a")).unwrap());
    assert_ne!(first, hash(&source("b")).unwrap());
    assert_ne!(first, hash(&as_is(weights.clone())).unwrap());
    fs::write(&weights, b"two").unwrap();
    assert_ne!(first, hash(&source("a")).unwrap());
    let directory = as_is(folder.path().to_owned());
    assert!(hash(&directory).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn another_use_of_the_same_file_is_another_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("teacher.pt");
    fs::write(&file, b"module").unwrap();
    let normalised =
        |mean| Some(PixelNormalisation { mean: vec![mean], deviation: vec![0.25], scale: 1.0 });
    let mut hashes = vec![hash(&as_is(file.clone())).unwrap()];
    for options in [
        TeacherOptions { normalisation: normalised(0.5), ..Default::default() },
        TeacherOptions { normalisation: normalised(0.4), ..Default::default() },
        TeacherOptions { answer: Answer::Probabilities, ..Default::default() },
    ] {
        let source = TeacherSource::TorchScript { file: file.clone(), options: options.into() };
        hashes.push(hash(&source).unwrap());
    }
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}

#[test]
fn a_teacher_that_ends_in_a_softmax_teaches_by_the_logarithm_where_asked() {
    let toy = Toy::new(9, 3);
    let data = toy.read();
    let file = script_file(toy.folder.path(), INPUT, |x| rows(x, 3).softmax(-1, Kind::Float));
    let asked = TeacherOptions { answer: Answer::Probabilities, ..Default::default() };
    let source = TeacherSource::TorchScript { file, options: asked.clone().into() };
    let teacher = Teacher::load(&source, &data, TorchDevice::CPU).unwrap();
    let found = teacher.logits(&data.train.images).unwrap();
    let expected = rows(&data.train.images, 3).log_softmax(-1, Kind::Float);
    assert!((found - expected).abs().max().double_value(&[]) < 1e-5);

    let certain =
        script_file(toy.folder.path(), INPUT, |x| (rows(x, 3) * 1e4).softmax(-1, Kind::Float));
    let source = TeacherSource::TorchScript { file: certain, options: asked.clone().into() };
    let teacher = Teacher::load(&source, &data, TorchDevice::CPU).unwrap();
    let least = teacher.logits(&data.train.images).unwrap().min().double_value(&[]);
    assert!((-100.0..-80.0).contains(&least), "a probability of 0 stays finite: {least}");

    let file = script_file(toy.folder.path(), INPUT, |x| rows(x, 3));
    let source = TeacherSource::TorchScript { file, options: asked.into() };
    let refused = Teacher::load(&source, &data, TorchDevice::CPU).err().unwrap().to_string();
    assert!(refused.contains("without --probabilities"), "{refused}");
}

#[test]
fn a_module_that_changes_what_it_is_given_leaves_the_data_alone() {
    let toy = Toy::new(9, 3);
    let data = toy.read();
    let file = script_file(toy.folder.path(), INPUT, |x| {
        let _ = x.shallow_clone().f_mul_scalar_(2.0).unwrap();
        rows(x, 3)
    });
    let before = data.train.images.copy();
    let teacher = Teacher::load(&as_is(file), &data, TorchDevice::CPU).unwrap();
    let expected = rows(&(&before * 2.0), 3);
    let found = teacher.logits(&data.train.images).unwrap();
    assert!((found - expected).abs().max().double_value(&[]) < 1e-5);
    assert_eq!(data.train.images, before);
}

#[test]
fn a_teacher_gets_the_images_that_it_takes() {
    let toy = Toy::new(9, 3);
    let data = toy.read();
    let colour = ImageShape { channels: 3, height: 16, width: 16 };
    let file = script_file(toy.folder.path(), colour, |x| {
        let weight = Tensor::ones([3, 3, 16, 16], (Kind::Float, Device::Cpu));
        x.conv2d(&weight, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1).flatten(1, -1)
    });
    let options = TeacherOptions { input: Some(colour), ..Default::default() };
    let source = TeacherSource::TorchScript { file: file.clone(), options: options.into() };
    let teacher = Teacher::load(&source, &data, TorchDevice::CPU).unwrap();
    assert_eq!(teacher.logits(&data.train.images).unwrap().size(), [9, 3]);

    let input = Some(ImageShape { channels: 2, ..colour });
    let options = TeacherOptions { input, ..Default::default() };
    let source = TeacherSource::TorchScript { file, options: options.into() };
    let refused = Teacher::load(&source, &data, TorchDevice::CPU).err().unwrap().to_string();
    for words in ["fails on images [8, 2, 16, 16]", "to have 3 channels", "--input"] {
        assert!(refused.contains(words), "{refused:?} lacks {words:?}");
    }
}

#[test]
fn a_file_that_is_no_module_is_answered_with_what_it_is() {
    let toy = Toy::new(9, 3);
    let file = toy.folder.path().join("teacher.pt");
    fs::write(&file, b"\x80\x04\x95a pickle").unwrap();
    let refused = Teacher::load(&as_is(file), &toy.read(), TorchDevice::CPU).err().unwrap();
    let refused = refused.to_string();
    for words in ["no TorchScript module, but a pickle", "torch.zeros(2, 1, 8, 8)"] {
        assert!(refused.contains(words), "{refused:?} lacks {words:?}");
    }
}
