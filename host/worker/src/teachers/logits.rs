//! The teacher's logits for both views of every image, computed once and kept on disk.
//!
//! **Invariant:** a file is named by a hash of all that its content follows from. A file is used only if
//! its key, its shape and its hash agree with its content; else the logits are computed again.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, TchError, Tensor};

use crate::dataset::Dataset;
use crate::error::WorkerError;
use crate::progress::Report;
use crate::teachers::teacher_module::{Teacher, TeacherError};
use crate::torch_device::TorchDevice;
use crate::torch_network::parameters::{numbers, signed};
use crate::training::evaluate::accuracy;
use crate::training::training_loop::PROGRESS;
use pearl::train::weights_file::{self, WeightsFile};
use pearl::train::worker_protocol::{Accuracy, Split, TeacherSource, TrainProgress};
use pearl_agent::protocol::content_hash::{self, hex};

/// Changes whenever the same key would mean other numbers. Changelog: 1, the first.
const FORMAT: &str = "pearl.logits/1";
const TENSOR: &str = "logits";
/// The image as it is, and flipped left to right.
pub const VIEWS: usize = 2;

#[derive(Debug)]
pub struct TeacherLogits {
    pub key: String,
    /// `[views, images, classes]` f32 on the torch device.
    pub logits: Tensor,
    /// The teacher's accuracy on the held-out images.
    pub accuracy: Accuracy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Disk,
    Computed,
}

/// What is known of a file of logits besides the numbers.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: String,
    key: String,
    /// SHA-256 of the numbers, as little-endian bytes.
    sha256: String,
    accuracy: Accuracy,
}

/// The key of the logits that a teacher with this hash gives to this split of this data.
pub fn key(teacher_hash: &str, data: &Dataset, split: Split, device: TorchDevice) -> String {
    let normalisation = &data.normalisation;
    let moments = normalisation.mean.iter().chain(&normalisation.deviation);
    let moments: Vec<String> = moments.map(|value| format!("{:016x}", value.to_bits())).collect();
    // Mixed precision gives other logits than f32.
    let precision = if device.is_cuda() { "mixed" } else { "f32" };
    let parts = [
        FORMAT.to_owned(),
        teacher_hash.to_owned(),
        data.sha256.clone(),
        format!("{} {} by class {VIEWS} {precision}", split.images, split.holdout),
        moments.join(" "),
    ];
    content_hash::sha256(parts.join("\n"))
}

pub fn path(cache: &Path, key: &str) -> PathBuf {
    cache.join(format!("{key}.safetensors"))
}

/// Logits from `cache`, or computed and put there.
///
/// # Errors
/// If the teacher does not fit the data, or the cache cannot be written.
pub fn ensure(
    key: String,
    source: &TeacherSource,
    data: &Dataset,
    split: Split,
    cache: &Path,
    device: TorchDevice,
    report: Report<'_>,
) -> Result<(TeacherLogits, Origin), WorkerError> {
    let path = path(cache, &key);
    let dims = [VIEWS, split.images, data.classes];
    if path.exists() {
        match read(&path, &key, &dims) {
            Ok((values, accuracy)) => {
                let logits = tensor(&values, &dims, device)?;
                return Ok((TeacherLogits { key, logits, accuracy }, Origin::Disk));
            }
            Err(why) => {
                // The host is gone where its stderr is: then the logits are of no use either.
                let _ =
                    writeln!(io::stderr(), "{}: {why}; computing the logits again", path.display());
            }
        }
    }
    let teacher = Teacher::load(source, data, device)?;
    let (holdout, batch) = (data.holdout(split)?, teacher.batch());
    let steps = VIEWS * split.images.div_ceil(batch) + holdout.count.div_ceil(batch);
    let mut asked = Asked { teacher: &teacher, step: 0, steps, reported: Instant::now(), report };
    let values = compute(&mut asked, data, split)?;
    let judged = accuracy(&holdout, batch, |images| asked.logits(images))?;
    let accuracy =
        judged.ok_or_else(|| TeacherError::NotFinite { path: source.file().to_owned() })?;
    let note = Note { format: FORMAT.into(), key: key.clone(), sha256: sha256(&values), accuracy };
    let note = serde_json::to_string(&note)
        .map_err(|error| WorkerError::Write { path: path.clone(), source: error.into() })?;
    weights_file::write(&path, [(TENSOR, &dims[..], &values[..])], note)?;
    let logits = tensor(&values, &dims, device)?;
    Ok((TeacherLogits { key, logits, accuracy }, Origin::Computed))
}

/// A teacher that reports how far it is, so that a worker with a large one is not taken for hung.
struct Asked<'a> {
    teacher: &'a Teacher,
    step: usize,
    steps: usize,
    reported: Instant,
    report: Report<'a>,
}

impl Asked<'_> {
    /// The logits of the next batch.
    fn logits(&mut self, images: &Tensor) -> Result<Tensor, WorkerError> {
        let logits = self.teacher.logits(images)?;
        self.step += 1;
        if self.reported.elapsed() >= PROGRESS {
            let at = TrainProgress { step: self.step, steps: self.steps, loss: None };
            (self.report)(at).map_err(WorkerError::Gone)?;
            self.reported = Instant::now();
        }
        Ok(logits)
    }
}

fn compute(asked: &mut Asked<'_>, data: &Dataset, split: Split) -> Result<Vec<f32>, WorkerError> {
    let batch = asked.teacher.batch();
    let mut values = Vec::with_capacity(VIEWS * split.images * data.classes);
    for view in 0..VIEWS {
        for first in (0..split.images).step_by(batch) {
            let images = data.train.slice(first, batch.min(split.images - first))?.images;
            let images = if view == 0 { images } else { images.f_flip([-1])? };
            values.extend(numbers(&asked.logits(&images)?)?);
        }
    }
    Ok(values)
}

fn tensor(values: &[f32], dims: &[usize], device: TorchDevice) -> Result<Tensor, TchError> {
    let dims = signed(dims);
    Tensor::f_from_slice(values)?
        .f_reshape(&dims[..])?
        .f_to_device(device.device())?
        .f_to_kind(Kind::Float)
}

/// The numbers of a file, or why they cannot be used.
fn read(path: &Path, key: &str, dims: &[usize]) -> Result<(Vec<f32>, Accuracy), String> {
    let mut file = WeightsFile::read(path).map_err(|error| error.problem.to_string())?;
    let note: Note = file
        .note
        .as_deref()
        .and_then(|note| serde_json::from_str(note).ok())
        .ok_or("does not say where it comes from")?;
    if note.format != FORMAT || note.key != key {
        return Err("is of another format or key".into());
    }
    let stored = file.tensors.remove(TENSOR).ok_or("holds no logits")?;
    if stored.dims != dims {
        return Err(format!("is {:?}, not {dims:?}", stored.dims));
    }
    if sha256(&stored.values) != note.sha256 {
        return Err("is damaged: its content does not have the hash that it claims".into());
    }
    Ok((stored.values, note.accuracy))
}

fn sha256(values: &[f32]) -> String {
    let mut hash = Sha256::new();
    for chunk in values.chunks(1 << 14) {
        hash.update(chunk.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests;
