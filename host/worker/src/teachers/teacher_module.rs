//! Teachers: reference networks with our weights, and TorchScript modules.
//!
//! **Invariant:** a teacher that was loaded has answered two images with finite logits of the data's
//! classes; the hash of its file identifies it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use pearl_models::reference::{self, ReferenceError};
use pearl_models::tensors::Role;
use sha2::{Digest, Sha256};
use tch::{CModule, Kind, TchError, Tensor};

use crate::dataset::Dataset;
use crate::torch_device::TorchDevice;
use crate::torch_error::first_line;
use crate::torch_network::module::{Module, Phase};
use crate::training::evaluate::all_finite;
use pearl::train::weights_file::{WeightsError, WeightsFile};
use pearl::train::worker_protocol::TeacherSource;
use pearl_agent::protocol::content_hash::sha256_after;

pub struct Teacher {
    path: PathBuf,
    model: Model,
    classes: usize,
}

enum Model {
    Native(Box<Module>),
    TorchScript(CModule),
}

#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    #[error("teacher {}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("teacher {}: not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("teacher: {0}")]
    Network(#[from] ReferenceError),
    #[error("teacher {0}")]
    Weights(#[from] WeightsError),
    #[error("teacher {}: has {found} classes, the data has {expected}", path.display())]
    Classes { path: PathBuf, found: usize, expected: usize },
    #[error("teacher {}: no TorchScript module, or a damaged one: {message}", path.display())]
    TorchScript { path: PathBuf, message: String },
    #[error("teacher {}: fails on images {images:?}: {message}", path.display())]
    Forward { path: PathBuf, images: Vec<i64>, message: String },
    #[error("teacher {}: answers {found:?} to {images} images, not [{images}, {classes}]", path.display())]
    Shape { path: PathBuf, found: Vec<i64>, images: i64, classes: usize },
    #[error("teacher {}: its logits are not finite", path.display())]
    NotFinite { path: PathBuf },
}

/// SHA-256 of what the teacher is: its network's name if it is native, and its file.
pub fn hash(teacher: &TeacherSource) -> Result<String, TeacherError> {
    let path = teacher.file();
    let read = |source| TeacherError::Read { path: path.to_owned(), source };
    if !path.metadata().map_err(read)?.is_file() {
        return Err(TeacherError::NotAFile { path: path.to_owned() });
    }
    let mut hash = Sha256::new();
    match teacher {
        TeacherSource::Native { network, .. } => hash.update(format!("native {network}\n")),
        TeacherSource::TorchScript { .. } => hash.update("torchscript\n"),
    }
    let mut file = File::open(path).map_err(read)?;
    sha256_after(hash, &mut file).map_err(read)
}

impl Teacher {
    /// # Errors
    /// If the file is absent, damaged, or no teacher for this data.
    pub fn load(
        source: &TeacherSource,
        data: &Dataset,
        device: TorchDevice,
    ) -> Result<Teacher, TeacherError> {
        let path = source.file().to_owned();
        let model = match source {
            TeacherSource::Native { network, weights } => {
                Model::Native(Box::new(native(network, weights, data, device)?))
            }
            TeacherSource::TorchScript { file } => Model::TorchScript(torch_script(file, device)?),
        };
        let teacher = Teacher { path, model, classes: data.classes };
        let probe = data.train.slice(0, data.train.count.min(2));
        let probe = probe.map_err(|error| teacher.refusal(&error, vec![]))?;
        let _ = teacher.logits(&probe.images)?;
        Ok(teacher)
    }

    /// Logits `[n, classes]`, f32, all finite.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor, TeacherError> {
        let _guard = tch::no_grad_guard();
        let answer = match &self.model {
            Model::Native(module) => module.forward(images, Phase::Evaluation),
            Model::TorchScript(module) => module.forward_ts(&[images]),
        };
        let refused = |error| self.refusal(&error, images.size());
        let logits = answer.and_then(|logits| logits.f_to_kind(Kind::Float)).map_err(refused)?;
        let (found, n) = (logits.size(), images.size().first().copied().unwrap_or(0));
        match found[..] {
            [rows, classes] if rows == n && classes == self.classes as i64 => {}
            [rows, classes] if rows == n => {
                let (path, found) = (self.path.clone(), classes as usize);
                return Err(TeacherError::Classes { path, found, expected: self.classes });
            }
            _ => {
                let (path, classes) = (self.path.clone(), self.classes);
                return Err(TeacherError::Shape { path, found, images: n, classes });
            }
        }
        if all_finite(&logits).map_err(refused)? {
            Ok(logits)
        } else {
            Err(TeacherError::NotFinite { path: self.path.clone() })
        }
    }

    fn refusal(&self, error: &TchError, images: Vec<i64>) -> TeacherError {
        TeacherError::Forward { path: self.path.clone(), images, message: first_line(error) }
    }
}

fn native(
    name: &str,
    weights: &Path,
    data: &Dataset,
    device: TorchDevice,
) -> Result<Module, TeacherError> {
    let network = reference::network(name, Some(data.input), data.classes)?;
    let file = WeightsFile::read(weights)?;
    // Report a wrong number of classes as such, not as the shape of some tensor.
    let classifier = network.tensors().into_iter().rfind(|spec| spec.role == Role::LinearWeight);
    let stored = classifier.and_then(|spec| file.tensors.get(&spec.name));
    match stored.and_then(|stored| stored.dims.first()) {
        Some(&found) if found != data.classes => {
            let (path, expected) = (weights.to_owned(), data.classes);
            return Err(TeacherError::Classes { path, found, expected });
        }
        _ => {}
    }
    let values = file.of_network(&network)?;
    let filled = Module::new(network, device).and_then(|mut module| {
        module.parameters_mut().fill(&values)?;
        Ok(module)
    });
    filled.map_err(|error| TeacherError::Forward {
        path: weights.to_owned(),
        images: vec![],
        message: first_line(&error),
    })
}

fn torch_script(path: &Path, device: TorchDevice) -> Result<CModule, TeacherError> {
    let loaded = CModule::load_on_device(path, device.device()).and_then(|mut module| {
        module.f_set_eval()?;
        Ok(module)
    });
    loaded.map_err(|error| TeacherError::TorchScript {
        path: path.to_owned(),
        message: first_line(&error),
    })
}

#[cfg(test)]
mod tests;
