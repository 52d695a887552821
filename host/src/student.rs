//! The ONNX file of a student, which says what the student is.
//!
//! The file that is measured holds what the note of its weights tells: how images are normalised, and the data.
//! What training and measuring find is appended, so that the measured file is the beginning of the one that
//! ships, and both have one graph.
//!
//! **Invariant:** the keys are those of docs/formats.md; what is not known has no key.

use pearl_calibration::Estimate;
use pearl_models::network::Network;
use pearl_models::onnx::{self, ExportError, Form, Normalisation, PIXEL_SCALE};
use pearl_models::weights::RandomWeights;
use serde::Deserialize;
use serde_json::json;

use crate::measure::Measurement;
use crate::output::error_class::Classified;
use crate::teacher::Teacher;
use crate::train::weights_file::WeightsFile;

/// Version of the keys. Changelog: 1, the first.
const FORMAT: &str = "pearl.student/1";

/// What the input of a student's file takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputForm {
    /// An image that the caller has normalised.
    #[default]
    Normalised,
    /// Pixels from 0 to 255, which the graph normalises.
    Raw,
}

impl InputForm {
    /// The word for it in metadata and settings.
    pub fn range(self) -> &'static str {
        match self {
            Self::Normalised => "normalised",
            Self::Raw => "0..255",
        }
    }
}

/// The file of trained weights, with what their note tells.
///
/// # Errors
/// If the weights do not fit the network, or the graph is to normalise and the note does not tell how.
pub fn trained(
    network: &Network,
    weights: &WeightsFile,
    form: InputForm,
) -> anyhow::Result<Vec<u8>> {
    let note = Note::of(weights);
    let normalisation = match (form, &note.normalisation) {
        (InputForm::Normalised, _) => None,
        (InputForm::Raw, Some(normalisation)) => Some(normalisation),
        (InputForm::Raw, None) => {
            return Err(Classified::input(
                "the weights do not tell how images are normalised, so --raw-input has nothing to put into \
                 the model; leave it out, or take weights that `pearl` has trained",
            )
            .into());
        }
    };
    let metadata = note.metadata(form);
    Ok(onnx::export_as(network, weights, &Form { normalisation, metadata: &metadata })?)
}

/// The file of a network with random weights, which takes as long as that of a trained one.
pub fn untrained(network: &Network, seed: u64, form: InputForm) -> Result<Vec<u8>, ExportError> {
    let normalisation = Normalisation::placeholder(network.input.channels);
    let normalisation = (form == InputForm::Raw).then_some(&normalisation);
    onnx::export_as(network, &RandomWeights { seed }, &Form { normalisation, metadata: &[] })
}

/// What the note of weights tells, as far as it is one of ours.
#[derive(Debug, Default, Deserialize)]
struct Note {
    data: Option<NotedData>,
    normalisation: Option<Normalisation>,
}

#[derive(Debug, Deserialize)]
struct NotedData {
    name: String,
    sha256: String,
}

impl Note {
    fn of(weights: &WeightsFile) -> Self {
        let note = weights.note.as_deref().unwrap_or_default();
        serde_json::from_str(note).unwrap_or_default()
    }

    fn metadata(&self, form: InputForm) -> Metadata {
        let mut all = Metadata::new();
        if let Some(Normalisation { mean, deviation }) = &self.normalisation {
            add(&mut all, "format", FORMAT);
            add(&mut all, "input.layout", "NCHW");
            add(&mut all, "input.range", form.range());
            add(&mut all, "input.scale", PIXEL_SCALE);
            add(&mut all, "input.mean", json!(mean));
            add(&mut all, "input.deviation", json!(deviation));
        }
        if let Some(NotedData { name, sha256 }) = &self.data {
            add(&mut all, "data.name", name);
            add(&mut all, "data.sha256", sha256);
        }
        all
    }
}

type Metadata = Vec<(String, String)>;

fn add(all: &mut Metadata, key: &str, value: impl ToString) {
    all.push((format!("pearl.{key}"), value.to_string()));
}

/// What is known of a student after its training.
#[derive(Debug)]
pub struct Student<'a> {
    /// Name of the folder that it was made in.
    pub run: Option<&'a str>,
    /// When that run was started, if it is one of a search.
    pub started: Option<&'a str>,
    pub arch_id: Option<&'a str>,
    /// The names of the classes, in the order of the logits.
    pub classes: &'a [String],
    /// The teacher, if the student was distilled.
    pub teacher: Option<&'a Teacher>,
    /// On the test images.
    pub test_accuracy: f64,
    /// On the held-out images.
    pub holdout_accuracy: f64,
    /// The measurement of the file, if there was one.
    pub measured: Option<&'a Measurement>,
}

impl Student<'_> {
    /// The file with all of this in its metadata.
    pub fn complete(&self, file: Vec<u8>) -> Vec<u8> {
        let mut all = Metadata::new();
        add(&mut all, "classes", json!(self.classes));
        add(&mut all, "accuracy.test", self.test_accuracy);
        add(&mut all, "accuracy.holdout", self.holdout_accuracy);
        let known = [("run", self.run), ("run.started", self.started), ("arch_id", self.arch_id)];
        for (key, value) in known {
            if let Some(value) = value {
                add(&mut all, key, value);
            }
        }
        if let Some(teacher) = self.teacher {
            add(&mut all, "teacher.name", &teacher.name);
            add(&mut all, "teacher.sha256", &teacher.sha256);
        }
        if let Some(measurement) = self.measured {
            latency(&mut all, measurement);
        }
        onnx::append_metadata(file, &all)
    }
}

fn latency(all: &mut Metadata, measurement: &Measurement) {
    let Estimate { point, lo, hi, .. } = measurement.number();
    let fingerprint = &measurement.fingerprint;
    let engine = &fingerprint.engine;
    add(all, "latency.ns", point.0);
    add(all, "latency.lo_ns", lo.0);
    add(all, "latency.hi_ns", hi.0);
    add(all, "latency.verdict", measurement.judgement.verdict);
    add(all, "latency.device", &measurement.device);
    add(all, "latency.fingerprint", fingerprint.id());
    add(all, "latency.engine", format_args!("{} {}", engine.name, engine.version));
    add(all, "latency.threads", fingerprint.threads);
    add(all, "latency.arithmetic", &fingerprint.precision);
    // Of the file as it was measured: without what is appended here.
    add(all, "latency.model_sha256", &measurement.model.sha256);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use pearl_models::reference;
    use pearl_models::shape::ImageShape;
    use pearl_models::weights::Weights;

    use super::*;
    use crate::train::weights_file::Stored;

    const NOTE: &str = r#"{"format": "pearl.weights/1", "network": "resnet-8",
        "data": {"name": "bars", "sha256": "abc"},
        "normalisation": {"mean": [0.25], "deviation": [0.5]}}"#;

    fn weights(network: &Network, note: Option<&str>) -> WeightsFile {
        let random = RandomWeights { seed: 3 };
        let stored = |spec: &pearl_models::tensors::TensorSpec| {
            let values = random.tensor(spec).unwrap().into_owned();
            (spec.name.clone(), Stored { dims: spec.dims.clone(), values })
        };
        let tensors: BTreeMap<_, _> = network.tensors().iter().map(stored).collect();
        let path = Path::new("w.safetensors").to_owned();
        WeightsFile { path, tensors, note: note.map(str::to_owned) }
    }

    fn network() -> Network {
        let input = ImageShape { channels: 1, height: 28, width: 28 };
        reference::network("resnet-8", Some(input), 2).unwrap()
    }

    /// Strings stand in a protobuf file as they are, each after its length.
    fn holds(file: &[u8], key: &str, value: &str) -> bool {
        let mut entry = vec![0x0a, key.len() as u8];
        entry.extend(key.bytes());
        entry.extend([0x12, value.len() as u8]);
        entry.extend(value.bytes());
        file.windows(entry.len()).any(|window| window == entry)
    }

    #[test]
    fn the_file_tells_how_an_image_is_normalised_and_by_whom() {
        let network = network();
        let weights = weights(&network, Some(NOTE));
        for (form, range) in [(InputForm::Normalised, "normalised"), (InputForm::Raw, "0..255")] {
            let file = trained(&network, &weights, form).unwrap();
            for (key, value) in [
                ("pearl.format", "pearl.student/1"),
                ("pearl.input.layout", "NCHW"),
                ("pearl.input.range", range),
                ("pearl.input.scale", "0.00392156862745098"),
                ("pearl.input.mean", "[0.25]"),
                ("pearl.input.deviation", "[0.5]"),
                ("pearl.data.name", "bars"),
                ("pearl.data.sha256", "abc"),
            ] {
                assert!(holds(&file, key, value), "{key} is not {value}");
            }
        }
    }

    #[test]
    fn weights_without_a_note_claim_nothing_and_cannot_take_raw_images() {
        let network = network();
        for note in [None, Some("somebody's words"), Some("{}")] {
            let weights = weights(&network, note);
            let file = trained(&network, &weights, InputForm::Normalised).unwrap();
            assert!(!file.windows(11).any(|window| window == b"pearl.input"));
            let error = trained(&network, &weights, InputForm::Raw).unwrap_err().to_string();
            assert!(error.contains("normalised") && error.contains("--raw-input"), "{error}");
        }
    }

    #[test]
    fn what_training_found_is_appended_to_the_file_that_was_measured() {
        let network = network();
        let measured = trained(&network, &weights(&network, Some(NOTE)), InputForm::Raw).unwrap();
        let classes = ["cat".to_owned(), "dog".to_owned()];
        let student = Student {
            run: Some("first"),
            started: None,
            arch_id: Some("0123456789abcdef"),
            classes: &classes,
            teacher: None,
            test_accuracy: 0.875,
            holdout_accuracy: 0.5,
            measured: None,
        };
        let ships = student.complete(measured.clone());
        assert!(ships.starts_with(&measured) && ships.len() > measured.len());
        for (key, value) in [
            ("pearl.classes", r#"["cat","dog"]"#),
            ("pearl.accuracy.test", "0.875"),
            ("pearl.accuracy.holdout", "0.5"),
            ("pearl.run", "first"),
            ("pearl.arch_id", "0123456789abcdef"),
        ] {
            assert!(holds(&ships, key, value), "{key} is not {value}");
        }
        for unknown in [&b"pearl.latency"[..], b"pearl.teacher", b"pearl.run.started"] {
            assert!(!ships.windows(unknown.len()).any(|window| window == unknown));
        }
    }
}
