//! What a file is that people take for a TorchScript module, and the lines that make one of it.
//!
//! **Invariant:** nothing of the file is run or unpickled; at most its first megabytes are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zip::ZipArchive;

/// Of a pickle, keys and classes are looked for in this many bytes.
const MOST_BYTES: u64 = 16 << 20;
/// `torch.save` of before 1.6 begins with this number, pickled.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// Under which names checkpoints keep weights.
const WEIGHTS: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "model",
    "model_ema",
    "net",
    "network",
    "ema_state_dict",
    "ema",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Empty,
    /// What git leaves without Git LFS.
    Pointer,
    WebPage,
    StateDict,
    /// Weights under this key, among other things.
    Checkpoint(&'static str),
    /// A whole module, pickled by torch.
    Module,
    /// Pickled by torch, and none of the above.
    Saved,
    /// Pickled by Python.
    Pickle,
    Exported,
    /// Compiled by AOTInductor.
    Compiled,
    Safetensors,
    Onnx,
    TfLite,
    Hdf5,
}

impl FileKind {
    /// The kind, if it is none that libtorch loads and the file can be read.
    pub fn of(path: &Path) -> Option<FileKind> {
        let head = read(&mut File::open(path).ok()?).ok()?;
        let begins = |start: &[u8]| head.starts_with(start);
        let text = head.trim_ascii_start();
        let kind = if head.is_empty() {
            FileKind::Empty
        } else if begins(b"version https://git-lfs") {
            FileKind::Pointer
        } else if text.starts_with(b"<!DOCTYPE") || text.starts_with(b"<html") {
            FileKind::WebPage
        } else if begins(b"PK") {
            return of_archive(File::open(path).ok()?);
        } else if begins(LEGACY) {
            of_torch(&head)
        } else if head[0] == 0x80 && matches!(head.get(1), Some(2..=5)) {
            FileKind::Pickle
        } else if head.get(8..10) == Some(&b"{\""[..]) {
            FileKind::Safetensors
        } else if begins(b"\x89HDF") {
            FileKind::Hdf5
        } else if head.get(4..8) == Some(&b"TFL3"[..]) {
            FileKind::TfLite
        } else if path.extension().is_some_and(|extension| extension == "onnx") {
            FileKind::Onnx
        } else {
            return None;
        };
        Some(kind)
    }

    /// What it is, and how a TorchScript module is made of the file at `path`, for batches such as
    /// `2, 1, 28, 28`.
    pub fn advice(self, path: &Path, example: &str) -> String {
        let quoted = |text: String| format!("{text:?}");
        let file = quoted(path.display().to_string());
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let out = quoted(format!("{}.torchscript.pt", stem.as_deref().unwrap_or("teacher")));
        let trace = format!("torch.jit.trace(network.eval(), torch.zeros({example})).save({out})");
        let load = format!("torch.load({file}, map_location=\"cpu\"");
        // The lines come last, so that they can be copied.
        let weights = |what: &str, import: &str, load: &str| {
            format!(
                "{what} without their network; in Python, with the class that they belong to for Network: \
                 import {import}; network = Network(); network.load_state_dict({load}); {trace}"
            )
        };
        let program =
            "its classes have to be there, and loading it runs it as a program; in Python";
        match self {
            FileKind::Empty => "an empty file".to_owned(),
            FileKind::Pointer => {
                "a pointer of Git LFS; get the file itself with `git lfs pull`".to_owned()
            }
            FileKind::WebPage => "a web page; the download went wrong".to_owned(),
            FileKind::StateDict => weights("weights (a state_dict)", "torch", &format!("{load})")),
            FileKind::Checkpoint(key) => {
                let what = format!("a checkpoint with weights (a state_dict) under '{key}',");
                weights(&what, "torch", &format!("{load})[\"{key}\"]"))
            }
            FileKind::Module => format!(
                "a module that torch has pickled; {program}: import torch; network = {load}, \
                 weights_only=False); {trace}"
            ),
            FileKind::Saved => format!(
                "something that torch has pickled; see in Python what it holds: import torch; \
                 print({load}))"
            ),
            FileKind::Pickle => format!(
                "a pickle; {program}: import pickle, torch; network = pickle.load(open({file}, \"rb\")); \
                 {trace}"
            ),
            FileKind::Exported => format!(
                "a program of torch.export (.pt2); where it was exported in evaluation mode and with a \
                 dynamic batch, in Python: import torch; torch.jit.trace(torch.export.load({file}).module(), \
                 torch.zeros({example})).save({out})"
            ),
            FileKind::Compiled => {
                "a package of AOTInductor, compiled for one machine; trace the network it is made from"
                    .to_owned()
            }
            FileKind::Safetensors => weights(
                "weights (safetensors)",
                "torch; from safetensors.torch import load_file",
                &format!("load_file({file})"),
            ),
            FileKind::Onnx => {
                "an ONNX file; trace the network that it was exported from".to_owned()
            }
            FileKind::TfLite => "a TFLite file, and no network of PyTorch".to_owned(),
            FileKind::Hdf5 => {
                "an HDF5 file, such as Keras writes, and no network of PyTorch".to_owned()
            }
        }
    }
}

fn of_archive(file: File) -> Option<FileKind> {
    let mut archive = ZipArchive::new(file).ok()?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let find = |end: &str| {
        names.iter().find(|name| {
            name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    };
    if find("constants.pkl").is_some() {
        return None;
    }
    if names.iter().any(|name| name.contains("data/aotinductor/")) {
        return Some(FileKind::Compiled);
    }
    if find("archive_format").is_some() || find("serialized_exported_program.json").is_some() {
        return Some(FileKind::Exported);
    }
    let pickle = find("data.pkl")?;
    let bytes = read(&mut archive.by_name(pickle).ok()?).ok()?;
    Some(of_torch(&bytes))
}

/// What torch has pickled, by the keys and classes in it.
fn of_torch(bytes: &[u8]) -> FileKind {
    let has = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    // As protocols 2 and 4 write a string.
    let key = |text: &str| {
        let length = text.len() as u8;
        has(&[&[b'X', length, 0, 0, 0][..], text.as_bytes()].concat())
            || has(&[&[0x8c, length][..], text.as_bytes()].concat())
    };
    let first = |names: &[&'static str]| names.iter().copied().find(|name| key(name));
    if let Some(name) = first(&WEIGHTS[..2]) {
        return FileKind::Checkpoint(name);
    }
    // What a module keeps of itself.
    if key("_modules") {
        return FileKind::Module;
    }
    if !has(b"_rebuild_tensor") && !has(b"_rebuild_parameter") {
        return FileKind::Saved;
    }
    first(&WEIGHTS).map_or(FileKind::StateDict, FileKind::Checkpoint)
}

fn read(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::FileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    /// A string as protocol 2 pickles it.
    fn key(text: &str) -> Vec<u8> {
        [&[b'X', text.len() as u8, 0, 0, 0][..], text.as_bytes()].concat()
    }

    fn pickle(keys: &[&str], tensors: bool) -> Vec<u8> {
        let mut bytes = b"\x80\x02}(".to_vec();
        keys.iter().for_each(|name| bytes.extend(key(name)));
        bytes.extend(if tensors { &b"ctorch._utils\n_rebuild_tensor_v2\n"[..] } else { b"" });
        bytes
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            let options = FileOptions::default().compression_method(CompressionMethod::Stored);
            out.start_file(*name, options).unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    fn saved(keys: &[&str], tensors: bool) -> Vec<u8> {
        archive(&[("x/data.pkl", &pickle(keys, tensors)), ("x/version", b"3")])
    }

    fn kind(name: &str, bytes: &[u8]) -> Option<FileKind> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        FileKind::of(&path)
    }

    #[test]
    fn files_are_told_apart_by_their_content() {
        let legacy = [LEGACY, &pickle(&["0.weight"], true)].concat();
        let short = archive(&[("x/data.pkl", b"\x80\x04\x8c\x08_modules"), ("x/version", b"3")]);
        let module =
            archive(&[("x/data.pkl", b""), ("x/constants.pkl", b""), ("x/code/a.py", b"")]);
        let compiled =
            archive(&[("m/data/aotinductor/model/a.so", b""), ("m/archive_format", b"pt2")]);
        for (name, bytes, expected) in [
            ("a.pt", vec![], Some(FileKind::Empty)),
            (
                "a.pt",
                b"version https://git-lfs.github.com/spec/v1".to_vec(),
                Some(FileKind::Pointer),
            ),
            ("a.pt", b"\n<!DOCTYPE html><html>".to_vec(), Some(FileKind::WebPage)),
            ("a.pt", saved(&["0.weight", "model.net.bias"], true), Some(FileKind::StateDict)),
            ("a.pt", saved(&["epoch", "model"], true), Some(FileKind::Checkpoint("model"))),
            (
                "a.pt",
                saved(&["state_dict", "_modules"], true),
                Some(FileKind::Checkpoint("state_dict")),
            ),
            ("a.pt", saved(&["_modules", "net"], true), Some(FileKind::Module)),
            ("a.pt", saved(&["words"], false), Some(FileKind::Saved)),
            ("a.pt", legacy, Some(FileKind::StateDict)),
            ("a.pkl", pickle(&["words"], false), Some(FileKind::Pickle)),
            ("a.pt", short, Some(FileKind::Module)),
            ("a.pt2", archive(&[("m/archive_format", b"pt2")]), Some(FileKind::Exported)),
            (
                "a.pt2",
                archive(&[("serialized_exported_program.json", b"")]),
                Some(FileKind::Exported),
            ),
            ("a.pt2", compiled, Some(FileKind::Compiled)),
            ("a.bin", b"\x10\0\0\0\0\0\0\0{\"w\":{}}      ".to_vec(), Some(FileKind::Safetensors)),
            ("a.onnx", b"\x08\x08\x12\x07pytorch".to_vec(), Some(FileKind::Onnx)),
            ("a.tflite", b"\x1c\0\0\0TFL3".to_vec(), Some(FileKind::TfLite)),
            ("a.h5", b"\x89HDF\r\n\x1a\n".to_vec(), Some(FileKind::Hdf5)),
            ("a.pt", module.clone(), None),
            ("a.pt", module[..module.len() / 2].to_vec(), None),
            ("a.pt", archive(&[("readme", b"")]), None),
            ("a.pt", b"text".to_vec(), None),
            ("a.pt", b"P".to_vec(), None),
            ("a.pt", vec![0x80], None),
        ] {
            assert_eq!(kind(name, &bytes), expected, "{name} {}", bytes.escape_ascii());
        }
        assert_eq!(FileKind::of(Path::new("/nowhere/a.pt")), None);
    }

    #[test]
    fn the_advice_is_one_line_that_names_the_file_and_the_shape() {
        let path = Path::new("/models/my \"best\".pth.tar");
        for kind in [
            FileKind::StateDict,
            FileKind::Checkpoint("model"),
            FileKind::Module,
            FileKind::Pickle,
            FileKind::Exported,
            FileKind::Safetensors,
        ] {
            let advice = kind.advice(path, "2, 3, 224, 224");
            for words in [
                r#""/models/my \"best\".pth.tar""#,
                "torch.zeros(2, 3, 224, 224)",
                r#".save("my \"best\".pth.torchscript.pt")"#,
            ] {
                assert!(advice.contains(words), "{advice:?} lacks {words:?}");
            }
            assert!(!advice.contains('\n'));
        }
        assert!(FileKind::Checkpoint("ema").advice(path, "2").contains("[\"ema\"]"));
    }
}
