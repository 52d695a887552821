use std::fs;

use pearl_models::shape::ImageShape;
use tch::Device;

use super::*;
use crate::toy::{CLASSES, INPUT, Toy};
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
    let source = TeacherSource::TorchScript { file };
    let teacher = Teacher::load(&source, &data, TorchDevice::CPU).unwrap();
    let (found, expected) =
        (teacher.logits(&data.train.images).unwrap(), rows(&data.train.images, 3));
    assert_eq!(found, expected);
}

#[test]
fn unfit_teachers_are_refused_with_their_file() {
    type Make = fn(&Path) -> TeacherSource;
    fn script(file: PathBuf) -> TeacherSource {
        TeacherSource::TorchScript { file }
    }
    fn native(network: &str, weights: PathBuf) -> TeacherSource {
        TeacherSource::Native { network: network.into(), weights }
    }
    let cases: [(Make, &str); 11] = [
        (|f| native(NATIVE, native_file(f, 5)), "has 5 classes, the data has 3"),
        (|f| script(script_file(f, INPUT, |x| rows(x, 4))), "has 4 classes, the data has 3"),
        (
            |f| script(script_file(f, INPUT, |x| rows(x, 3) / 0.0 * 0.0)),
            "its logits are not finite",
        ),
        (|f| script(script_file(f, INPUT, |x| x * 2.0)), "answers [2, 1, 8, 8] to 2 images"),
        (
            |f| {
                let wide = ImageShape { channels: 3, height: 8, width: 8 };
                script(script_file(f, wide, |x| {
                    let weight = Tensor::ones([3, 3, 8, 8], (Kind::Float, Device::Cpu));
                    x.conv2d(&weight, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1).flatten(1, -1)
                }))
            },
            "fails on images [2, 1, 8, 8]",
        ),
        (
            |f| {
                let file = script_file(f, INPUT, |x| rows(x, 3));
                let whole = fs::read(&file).unwrap();
                fs::write(&file, &whole[..whole.len() / 2]).unwrap();
                script(file)
            },
            "no TorchScript module, or a damaged one",
        ),
        (
            |f| {
                fs::write(f.join("teacher.pt"), b"not a module").unwrap();
                script(f.join("teacher.pt"))
            },
            "no TorchScript module, or a damaged one",
        ),
        (|f| script(f.join("teacher.pt")), "no TorchScript module, or a damaged one"),
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
    assert_ne!(first, hash(&TeacherSource::TorchScript { file: weights.clone() }).unwrap());
    fs::write(&weights, b"two").unwrap();
    assert_ne!(first, hash(&source("a")).unwrap());
    let directory = TeacherSource::TorchScript { file: folder.path().to_owned() };
    assert!(hash(&directory).unwrap_err().to_string().contains("not a regular file"));
}
