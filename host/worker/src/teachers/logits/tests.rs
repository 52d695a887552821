use std::fs;

use pearl_models::reference;

use super::*;
use crate::teachers::teacher_module::hash;
use crate::torch_network::module::Module;
use crate::toy::{CLASSES, INPUT, Toy};

const SPLIT: Split = Split { images: 20, holdout: 6 };

struct Case {
    toy: Toy,
    data: Dataset,
    source: TeacherSource,
    cache: PathBuf,
}

impl Case {
    fn new() -> Case {
        let toy = Toy::new(30, 3);
        let network = reference::network("resnet-8:0.25", Some(INPUT), CLASSES).unwrap();
        let module = Module::initialised(network, TorchDevice::CPU, 1).unwrap();
        let values = module.parameters().values().unwrap();
        let weights = toy.folder.path().join("teacher.safetensors");
        let tensors = values.iter().map(|(spec, v)| (&spec.name[..], &spec.dims[..], &v[..]));
        weights_file::write(&weights, tensors, String::new()).unwrap();
        let source = TeacherSource::Native { network: "resnet-8:0.25".into(), weights };
        let cache = toy.folder.path().join("cache");
        Case { data: toy.read(), toy, source, cache }
    }

    fn key(&self) -> String {
        key(&hash(&self.source).unwrap(), &self.data, SPLIT, TorchDevice::CPU)
    }

    fn ensure(&self) -> (TeacherLogits, Origin) {
        let Case { data, source, cache, .. } = self;
        ensure(self.key(), source, data, SPLIT, cache, TorchDevice::CPU, &mut |_| Ok(())).unwrap()
    }

    fn file(&self) -> PathBuf {
        path(&self.cache, &self.key())
    }
}

#[test]
fn logits_are_computed_once_and_are_those_of_the_teacher() {
    let case = Case::new();
    let (first, origin) = case.ensure();
    assert_eq!((origin, first.logits.size()), (Origin::Computed, vec![2, 20, 3]));
    assert_eq!(first.accuracy.total, 6);
    let (second, origin) = case.ensure();
    assert_eq!(origin, Origin::Disk);
    assert_eq!((&first.logits, first.accuracy), (&second.logits, second.accuracy));

    let teacher = Teacher::load(&case.source, &case.data, TorchDevice::CPU).unwrap();
    let images = case.data.train.images.narrow(0, 0, 20);
    for (view, images) in [images.copy(), images.flip([3])].iter().enumerate() {
        let expected = teacher.logits(images).unwrap();
        let found = first.logits.get(view as i64);
        assert!(f64::try_from((found - expected).abs().max()).unwrap() < 1e-5);
    }
}

#[test]
fn a_file_that_is_not_believed_is_computed_again() {
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes[40] ^= 0x55,
        |bytes| bytes.extend([0; 4]),
    ];
    let case = Case::new();
    let (first, _) = case.ensure();
    let whole = fs::read(case.file()).unwrap();
    for damage in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(case.file(), bytes).unwrap();
        let (again, origin) = case.ensure();
        assert_eq!(origin, Origin::Computed);
        assert_eq!(again.logits, first.logits);
        assert_eq!(fs::read(case.file()).unwrap(), whole, "and is put in its place");
    }
}

#[test]
fn the_logits_of_another_key_are_not_believed() {
    let case = Case::new();
    case.ensure();
    let stolen = fs::read(case.file()).unwrap();
    let mut other = Case::new();
    let weights = other.source.file().to_owned();
    other.source = TeacherSource::Native { network: "resnet-8:0.250".into(), weights };
    assert_ne!(other.key(), case.key());
    fs::create_dir_all(&other.cache).unwrap();
    fs::write(other.file(), stolen).unwrap();
    assert_eq!(other.ensure().1, Origin::Computed);
}

#[test]
fn the_key_follows_teacher_data_and_split() {
    let case = Case::new();
    let first = case.key();
    let hash = hash(&case.source).unwrap();
    let key = |hash: &str, data: &Dataset, split| key(hash, data, split, TorchDevice::CPU);
    assert_ne!(first, key("another", &case.data, SPLIT));
    assert_ne!(first, key(&hash, &case.data, Split { images: 19, ..SPLIT }));
    assert_ne!(first, key(&hash, &case.data, Split { holdout: 7, ..SPLIT }));
    assert_ne!(first, key(&hash, &Toy::new(30, 6).read(), SPLIT));
    assert_eq!(first, key(&hash, &case.toy.read(), SPLIT));
}

#[test]
fn a_cache_that_cannot_be_written_is_refused_with_its_path() {
    let mut case = Case::new();
    case.cache = case.source.file().join("cache");
    let Case { data, source, cache, .. } = &case;
    let ensured = ensure(case.key(), source, data, SPLIT, cache, TorchDevice::CPU, &mut |_| Ok(()));
    let message = ensured.unwrap_err().to_string();
    assert!(message.contains("teacher.safetensors/cache/"), "{message}");
    assert!(message.contains("cannot be written"), "{message}");
}
