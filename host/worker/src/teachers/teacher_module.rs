//! Teachers: reference networks with our weights, and TorchScript modules.
//!
//! **Invariant:** a teacher that was loaded has answered images with finite logits of the data's classes,
//! each image alone as in a batch; the hash of its file and of its options identifies it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use pearl_models::reference::{self, ReferenceError};
use pearl_models::tensors::Role;
use sha2::{Digest, Sha256};
use tch::{CModule, IValue, Kind, TchError, Tensor};

use crate::dataset::Dataset;
use crate::teachers::feed::Feed;
use crate::teachers::file_kind::FileKind;
use crate::teachers::module_answer::{self, are_probabilities};
use crate::torch_device::TorchDevice;
use crate::torch_error::reason;
use crate::torch_network::module::{Module, Phase};
use crate::training::evaluate::{BATCH, all_finite};
use pearl::train::teacher_options::{Answer, TeacherOptions};
use pearl::train::weights_file::{WeightsError, WeightsFile};
use pearl::train::worker_protocol::TeacherSource;
use pearl_agent::protocol::content_hash::sha256_after;

/// Images that a teacher answers before it is believed, together and each of the first ones alone.
const PROBED: usize = 8;
const ALONE: i64 = 3;

pub struct Teacher {
    path: PathBuf,
    model: Model,
    classes: usize,
    device: TorchDevice,
}

enum Model {
    Native(Box<Module>),
    TorchScript(Box<Script>),
}

struct Script {
    module: CModule,
    feed: Feed,
    options: TeacherOptions,
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
    #[error("teacher {}: no TorchScript module, but {advice}", path.display())]
    OtherFile { path: PathBuf, advice: String },
    #[error(
        "teacher {}: fails on images {images:?}: {message}; if it takes another size, number of channels \
         or type, import it with --input or --type",
        path.display()
    )]
    Forward { path: PathBuf, images: Vec<i64>, message: String },
    #[error("teacher {}: torch: {message}", path.display())]
    Torch { path: PathBuf, message: String },
    #[error("teacher {}: answers {found:?} to {images} images, not [{images}, {classes}]", path.display())]
    Shape { path: PathBuf, found: Vec<i64>, images: i64, classes: usize },
    #[error("teacher {}: its logits are not finite", path.display())]
    NotFinite { path: PathBuf },
    /// The options do not fit the module, or the module needs some.
    #[error("teacher {}: {problem}", path.display())]
    Options { path: PathBuf, problem: String },
    #[error(
        "teacher {}: {problem}: it was traced in training mode, or for one size of batch, and eval() \
         changes nothing afterwards; in Python: torch.jit.trace(network.eval(), \
         torch.zeros({example})).save(\"teacher.pt\")",
        path.display()
    )]
    Traced { path: PathBuf, problem: String, example: String },
}

/// SHA-256 of what the teacher is: its network's name if it is native, the options of its use if there are
/// some, and its file.
pub fn hash(teacher: &TeacherSource) -> Result<String, TeacherError> {
    let path = teacher.file();
    let read = |source| TeacherError::Read { path: path.to_owned(), source };
    if !path.metadata().map_err(read)?.is_file() {
        return Err(TeacherError::NotAFile { path: path.to_owned() });
    }
    let mut hash = Sha256::new();
    match teacher {
        TeacherSource::Native { network, .. } => hash.update(format!("native {network}\n")),
        TeacherSource::TorchScript { options, .. } => {
            hash.update("torchscript\n");
            if let Some(identity) = options.identity() {
                hash.update(format!("{identity}\n"));
            }
        }
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
            TeacherSource::TorchScript { file, options } => {
                Model::TorchScript(Box::new(script(file, options, data, device)?))
            }
        };
        let teacher = Teacher { path, model, classes: data.classes, device };
        teacher.probe(data)?;
        Ok(teacher)
    }

    /// Logits `[n, classes]`, f32, all finite.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor, TeacherError> {
        let _guard = tch::no_grad_guard();
        self.logits_of(self.answer(images)?)
    }

    fn logits_of(&self, answer: Tensor) -> Result<Tensor, TeacherError> {
        let Model::TorchScript(script) = &self.model else { return Ok(answer) };
        if script.options.answer == Answer::Logits {
            return Ok(answer);
        }
        let torch = |error| self.torch(&error);
        if !are_probabilities(&answer).map_err(torch)? {
            let problem = "its rows do not sum to one, so that they are no probabilities; import it \
                           without --probabilities";
            return Err(TeacherError::Options { path: self.path.clone(), problem: problem.into() });
        }
        // A probability that is too small for f32 is 0; its logarithm has to be finite.
        let least = f64::from(f32::MIN_POSITIVE);
        answer.f_clamp_min(least).and_then(|answer| answer.f_log()).map_err(torch)
    }

    /// How many images it is given at a time.
    pub fn batch(&self) -> usize {
        match &self.model {
            Model::Native(_) => BATCH,
            Model::TorchScript(script) => script.feed.batch(),
        }
    }

    /// What the model answers, checked, `[n, classes]`, f32.
    fn answer(&self, images: &Tensor) -> Result<Tensor, TeacherError> {
        let torch = |error| self.torch(&error);
        let answer = match &self.model {
            Model::Native(module) => module.forward(images, Phase::Evaluation).map_err(torch)?,
            Model::TorchScript(script) => self.ask(script, images)?,
        };
        let answer = answer.f_to_kind(Kind::Float).map_err(torch)?;
        let (found, n) = (answer.size(), images.size().first().copied().unwrap_or(0));
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
        if all_finite(&answer).map_err(torch)? {
            Ok(answer)
        } else {
            Err(TeacherError::NotFinite { path: self.path.clone() })
        }
    }

    fn ask(&self, script: &Script, images: &Tensor) -> Result<Tensor, TeacherError> {
        let fed = script.feed.images(images).map_err(|error| self.torch(&error))?;
        let images = fed.size();
        let answer = script.module.forward_is(&[IValue::Tensor(fed)]).map_err(|error| {
            TeacherError::Forward { path: self.path.clone(), images, message: reason(&error) }
        })?;
        module_answer::tensor(answer, script.options.output.as_deref())
            .map_err(|problem| TeacherError::Options { path: self.path.clone(), problem })
    }

    /// Refuses a teacher that fails, and a module whose answer to an image hangs on the other images of its
    /// batch, or on chance.
    fn probe(&self, data: &Dataset) -> Result<(), TeacherError> {
        let _guard = tch::no_grad_guard();
        let torch = |error| self.torch(&error);
        let images = data.train.slice(0, data.train.count.min(PROBED)).map_err(torch)?.images;
        let together = self.answer(&images)?;
        let _ = self.logits_of(together.shallow_clone())?;
        let Model::TorchScript(script) = &self.model else { return Ok(()) };
        let traced = |problem: String| {
            let (path, example) = (self.path.clone(), script.feed.example());
            TeacherError::Traced { path, problem, example }
        };
        let differ = |one: &Tensor, other: &Tensor| -> Result<bool, TchError> {
            let apart = one.f_sub(other)?.f_abs()?.f_max()?.f_double_value(&[])?;
            let largest = together.f_abs()?.f_max()?.f_double_value(&[])?;
            Ok(apart > script.feed.tolerance(self.device) * largest)
        };
        if differ(&self.answer(&images)?, &together).map_err(torch)? {
            return Err(traced("gives the same images other logits each time".into()));
        }
        for at in 0..ALONE.min(images.size()[0]) {
            let image = images.f_narrow(0, at, 1).map_err(torch)?;
            let alone = match self.answer(&image) {
                Err(TeacherError::Forward { message, .. }) => {
                    return Err(traced(format!("fails on one image alone ({message})")));
                }
                answered => answered?,
            };
            let in_batch = together.f_narrow(0, at, 1).map_err(torch)?;
            if differ(&alone, &in_batch).map_err(torch)? {
                return Err(traced("its logits of an image hang on the rest of the batch".into()));
            }
        }
        Ok(())
    }

    fn torch(&self, error: &TchError) -> TeacherError {
        TeacherError::Torch { path: self.path.clone(), message: reason(error) }
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
    filled
        .map_err(|error| TeacherError::Torch { path: weights.to_owned(), message: reason(&error) })
}

fn script(
    path: &Path,
    options: &TeacherOptions,
    data: &Dataset,
    device: TorchDevice,
) -> Result<Script, TeacherError> {
    let unfit = |problem| TeacherError::Options { path: path.to_owned(), problem };
    options.check(data.input).map_err(unfit)?;
    let torch =
        |error: TchError| TeacherError::Torch { path: path.to_owned(), message: reason(&error) };
    let feed = Feed::new(options, data, device).map_err(torch)?;
    let loaded = CModule::load_on_device(path, device.device()).and_then(|mut module| {
        module.f_set_eval()?;
        Ok(module)
    });
    let module = loaded.map_err(|error| match FileKind::of(path) {
        Some(kind) => TeacherError::OtherFile {
            path: path.to_owned(),
            advice: kind.advice(path, &feed.example()),
        },
        None => TeacherError::TorchScript { path: path.to_owned(), message: reason(&error) },
    })?;
    Ok(Script { module, feed, options: options.clone() })
}

#[cfg(test)]
mod tests;
