use pearl_models::reference;
use pearl_models::shape::ImageShape;

use super::*;

fn network() -> Network {
    let input = ImageShape { channels: 1, height: 8, width: 8 };
    reference::network("resnet-8:0.25", Some(input), 3).unwrap()
}

fn values(spec: &TensorSpec, shift: usize) -> Vec<f32> {
    (0..spec.elements()).map(|i| (i + shift) as f32 / 7.0 - 1.5).collect()
}

/// Writes the network's tensors but for what `change` does to them.
fn written(
    change: impl Fn(&mut Vec<(String, Vec<usize>, Vec<f32>)>),
) -> (tempfile::TempDir, PathBuf) {
    let specs = network().tensors();
    let mut tensors: Vec<_> = specs
        .iter()
        .enumerate()
        .map(|(i, spec)| (spec.name.clone(), spec.dims.clone(), values(spec, i)))
        .collect();
    change(&mut tensors);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.safetensors");
    write(&path, tensors.iter().map(|(n, d, v)| (&n[..], &d[..], &v[..])), "{}".into()).unwrap();
    (folder, path)
}

#[test]
fn what_was_written_is_read_in_the_networks_order() {
    let (_folder, path) = written(|_| ());
    let file = WeightsFile::read(&path).unwrap();
    assert_eq!(file.note.as_deref(), Some("{}"));
    let specs = network().tensors();
    let expected: Vec<_> = specs.iter().enumerate().map(|(i, spec)| values(spec, i)).collect();
    assert_eq!(file.of_network(&network()).unwrap(), expected);
    for (spec, expected) in specs.iter().zip(&expected) {
        assert_eq!(Weights::tensor(&file, spec).unwrap(), &expected[..]);
    }
    let absent = TensorSpec { name: "absent".into(), ..specs[0].clone() };
    assert!(matches!(Weights::tensor(&file, &absent), Err(LookupError::Missing { .. })));
    let reshaped = TensorSpec { dims: vec![1], ..specs[0].clone() };
    assert!(matches!(Weights::tensor(&file, &reshaped), Err(LookupError::Shape { .. })));
}

#[test]
fn equal_weights_are_equal_bytes() {
    let (first, second) = (written(|_| ()), written(|_| ()));
    assert_eq!(fs::read(first.1).unwrap(), fs::read(second.1).unwrap());
}

#[test]
fn weights_of_another_network_are_refused_with_file_and_tensor() {
    type Change = fn(&mut Vec<(String, Vec<usize>, Vec<f32>)>);
    let cases: [(Change, &str); 4] = [
        (|tensors| drop(tensors.remove(0)), "is missing"),
        (
            |tensors| tensors.push(("other.weight".into(), vec![1], vec![1.0])),
            "belongs to no layer",
        ),
        (|tensors| tensors[0].1.swap(0, 1), "needs"),
        (|tensors| tensors[2].2[0] = f32::NAN, "not finite"),
    ];
    for (change, expected) in cases {
        let (_folder, path) = written(change);
        let file = WeightsFile::read(&path).unwrap();
        let message = file.of_network(&network()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        assert!(message.contains("some.safetensors: tensor '"), "{message}");
    }
}

#[test]
fn files_that_are_no_weights_are_refused_with_their_name() {
    let (folder, path) = written(|_| ());
    let whole = fs::read(&path).unwrap();
    let mut huge_header = whole.clone();
    huge_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases =
        [vec![], b"PK\x03\x04 a zip".to_vec(), whole[..whole.len() - 1].to_vec(), huge_header];
    for bytes in cases {
        fs::write(&path, bytes).unwrap();
        let message = WeightsFile::read(&path).unwrap_err().to_string();
        assert!(message.contains("some.safetensors: not a safetensors file"), "{message}");
    }
    for absent in [folder.path().join("absent"), folder.path().to_owned()] {
        let message = WeightsFile::read(&absent).unwrap_err().to_string();
        assert!(message.starts_with(&absent.display().to_string()), "{message}");
    }
}

#[test]
fn a_write_that_fails_leaves_the_old_file() {
    let (folder, path) = written(|_| ());
    let before = fs::read(&path).unwrap();
    // A folder cannot be replaced by a file.
    let taken = folder.path().join("folder");
    fs::create_dir_all(taken.join("inside")).unwrap();
    let message = write(&taken, [], String::new()).unwrap_err().to_string();
    assert!(message.contains("cannot be written"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
