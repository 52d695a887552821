//! A model file, named by its content, with the files that hold its weights.
//!
//! **Invariant:** a file that is no ONNX file and whose kind is known is refused by that kind; weights lie in
//! the model's folder or below it. Weights that are absent are refused unless random ones are asked for.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path};

use pearl_agent::protocol::content_hash::sha256_of;
use pearl_agent::protocol::messages::{ModelFile, WeightsFile};
use pearl_models::onnx::weights_beside;

use crate::output::error_class::{Classified, ErrorClass};

/// Enough of a file to know its kind.
const HEAD: usize = 64;
/// What files begin with that people take for ONNX files, and from which byte on; what they are, and what
/// helps.
const KINDS: [(usize, &[u8], &str); 4] = [
    (4, b"TFL3", "a TFLite model; export the network as ONNX"),
    (0, b"PK\x03\x04", "a zip archive, such as PyTorch writes; export the network as ONNX"),
    (0, b"\x80\x02", "a Python pickle; export the network as ONNX"),
    (0, b"\x89HDF", "an HDF5 file, such as Keras writes; export the network as ONNX"),
];
/// The same of what may also stand for a file of weights.
const LFS_POINTER: (usize, &[u8], &str) = (
    0,
    b"version https://git-lfs",
    "a Git LFS pointer, not the file itself; fetch it with `git lfs pull`",
);

/// What becomes of weights that a model has no values of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsentWeights {
    Refuse,
    /// They are random numbers: the model is measured for its structure.
    Random,
}

/// Hashes a model file and the weights beside it, refusing what no launch would accept.
pub fn model_file(path: &Path, most_bytes: u64) -> anyhow::Result<ModelFile> {
    model_file_with(path, most_bytes, AbsentWeights::Refuse)
}

/// As [`model_file`], for a model that may be its structure alone.
pub fn model_file_with(
    path: &Path,
    most_bytes: u64,
    absent: AbsentWeights,
) -> anyhow::Result<ModelFile> {
    let mut model = hashed_file(path, most_bytes)?;
    let unreadable = |error: io::Error| Classified::unreadable(ErrorClass::Input, path, &error);
    refuse(path, &[&[LFS_POINTER][..], &KINDS].concat())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for location in weights_beside(&fs::read(path).map_err(unreadable)?) {
        model.weights.extend(weights_file(&model.path, folder, location, absent)?);
    }
    model.random_weights = absent == AbsentWeights::Random;
    Ok(model)
}

/// Hashes a file of any kind.
pub fn hashed_file(path: &Path, most_bytes: u64) -> anyhow::Result<ModelFile> {
    let name = path.to_str().ok_or_else(|| {
        Classified::input(format_args!(
            "{}: the path is not valid UTF-8; rename the file",
            path.display()
        ))
    })?;
    let unreadable = |error: io::Error| Classified::unreadable(ErrorClass::Input, path, &error);
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Classified::input(format_args!("{name}: not a file")).into());
    }
    if metadata.len() > most_bytes {
        return Err(Classified::input(format_args!(
            "{name}: {} MiB is more than the {} MiB that a model may have",
            metadata.len() >> 20,
            most_bytes >> 20
        ))
        .into());
    }
    let mut file = fs::File::open(path).map_err(unreadable)?;
    let sha256 = sha256_of(&mut file).map_err(unreadable)?;
    Ok(ModelFile { path: name.to_owned(), sha256, ..ModelFile::default() })
}

/// Refuses a file of one of these kinds.
fn refuse(path: &Path, kinds: &[(usize, &[u8], &str)]) -> anyhow::Result<()> {
    let unreadable = |error: io::Error| Classified::unreadable(ErrorClass::Input, path, &error);
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;
    let is_of = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    match kinds.iter().find(|(at, mark, _)| is_of(*at, mark)) {
        Some((_, _, what)) => {
            Err(Classified::input(format_args!("{}: {what}", path.display())).into())
        }
        None => Ok(()),
    }
}

/// `None` where the file is absent and may be.
fn weights_file(
    model: &str,
    folder: &Path,
    location: String,
    absent: AbsentWeights,
) -> anyhow::Result<Option<WeightsFile>> {
    let parts = || Path::new(&location).components();
    if !parts().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        || parts().next().is_none()
    {
        return Err(Classified::input(format_args!(
            "{model}: its weights lie in '{location}', which is outside the model's folder"
        ))
        .into());
    }
    let path = folder.join(&location);
    if !path.is_file() {
        if absent == AbsentWeights::Random {
            return Ok(None);
        }
        return Err(Classified::input(format_args!(
            "{model}: its weights lie in '{location}', and {} is not there; put it beside the model, or \
             measure the structure alone with --random-weights (bench, compare)",
            path.display()
        ))
        .into());
    }
    refuse(&path, &[LFS_POINTER])?;
    let file = hashed_file(&path, u64::MAX)?;
    Ok(Some(WeightsFile { location, path: file.path, sha256: file.sha256 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_called_by_their_name() {
        let folder = tempfile::tempdir().unwrap();
        for (bytes, told) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"[..], "git lfs pull"),
            (b"\x1c\0\0\0TFL3\x14\0", "a TFLite model"),
            (b"PK\x03\x04\0\0", "a zip archive"),
            (b"\x80\x02ctorch", "a Python pickle"),
        ] {
            let path = folder.path().join("m.onnx");
            fs::write(&path, bytes).unwrap();
            let error = model_file(&path, 1 << 20).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("m.onnx: "), "{error}");
        }
    }

    #[test]
    fn weights_are_found_beside_the_model_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.data"), b"weights").unwrap();
        fs::write(folder.path().join("p.data"), b"version https://git-lfs.github.com/spec/v1\n")
            .unwrap();
        let find = |location: &str, absent| {
            weights_file("m.onnx", folder.path(), location.into(), absent)
                .map_err(|error| error.to_string())
        };
        let found = find("./w.data", AbsentWeights::Refuse).unwrap().unwrap();
        assert_eq!(found.location, "./w.data");
        assert_eq!(found.sha256, hashed_file(Path::new(&found.path), 100).unwrap().sha256);
        for (location, told) in [
            ("other.data", "is not there; put it beside the model"),
            ("p.data", "git lfs pull"),
            ("../w.data", "outside the model's folder"),
            ("/etc/hostname", "outside the model's folder"),
            ("", "outside the model's folder"),
        ] {
            let error = find(location, AbsentWeights::Refuse).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert_eq!(find("other.data", AbsentWeights::Random), Ok(None));
        assert_eq!(find("./w.data", AbsentWeights::Random), Ok(Some(found)));
        for location in ["../w.data", "p.data"] {
            assert!(find(location, AbsentWeights::Random).is_err(), "{location}");
        }
    }
}
