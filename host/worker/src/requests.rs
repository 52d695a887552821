//! What the worker answers, and what it keeps between requests.
//!
//! **Invariant:** what is kept is a copy of what a file or a computation would give again: it changes
//! how long an answer takes, never the answer.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use pearl_agent::protocol::wire::{Failure, PROTOCOL};

use crate::checks::{check, fits, network};
use crate::dataset::{Dataset, Part, Stamp};
use crate::error::{WorkerError, without_panics};
use crate::policy;
use crate::progress::Report;
use crate::teachers::logits::{self, TeacherLogits};
use crate::teachers::teacher_module;
use crate::teachers::teacher_remarks::remarks;
use crate::torch_device::TorchDevice;
use crate::torch_network::forward::forward;
use crate::torch_network::module::Module;
use crate::training::loss::SoftTargets;
use crate::training::training_loop::{Job, Trained, judge, train};
use pearl::train::weights_file;
use pearl::train::worker_protocol::{
    Accuracy, DataSource, Loss, Split, TeachReport, TeachRequest, TeacherSource, TrainReport,
    TrainRequest, TrainTime, WorkerDone, WorkerHello, WorkerRequest,
};

/// Number of teachers whose logits are kept in memory: steps of a route, or a few to compare.
const TEACHERS_KEPT: usize = 4;

#[derive(Default)]
pub struct Worker {
    device: Option<TorchDevice>,
    data: Option<(DataSource, Stamp, Rc<Dataset>)>,
    hashes: Vec<(TeacherSource, FileStamp, String)>,
    logits: Vec<Rc<TeacherLogits>>,
}

type FileStamp = (u64, Option<SystemTime>);

impl Worker {
    /// # Errors
    /// As [`WorkerError`] says.
    pub fn handle(
        &mut self,
        request: WorkerRequest,
        report: Report<'_>,
    ) -> Result<WorkerDone, Failure> {
        without_panics(|| self.answer(request, report)).map_err(Failure::from)
    }

    fn answer(
        &mut self,
        request: WorkerRequest,
        report: Report<'_>,
    ) -> Result<WorkerDone, WorkerError> {
        if let WorkerRequest::Hello { protocol, torch_device } = request {
            return self.hello(protocol, &torch_device).map(WorkerDone::Hello);
        }
        let device = self.device.ok_or(WorkerError::NoHello)?;
        match request {
            WorkerRequest::Hello { .. } => Err(WorkerError::NoHello),
            WorkerRequest::Data(source) => {
                Ok(WorkerDone::Data(self.data(&source, device)?.report()))
            }
            WorkerRequest::Teach(request) => {
                self.teach(&request, device, report).map(WorkerDone::Teach)
            }
            WorkerRequest::Train(request) => {
                self.train(*request, device, report).map(WorkerDone::Train)
            }
            WorkerRequest::Forward(request) => forward(&request, device).map(WorkerDone::Forward),
            WorkerRequest::Policy(request) => {
                Ok(WorkerDone::Policy(device.with_one_thread(|| policy::answer(request))?))
            }
        }
    }

    fn hello(&mut self, protocol: u32, torch_device: &str) -> Result<WorkerHello, WorkerError> {
        if protocol != PROTOCOL {
            return Err(WorkerError::Protocol { found: protocol, expected: PROTOCOL });
        }
        let device = TorchDevice::named(torch_device)?;
        let threads = device.claim_threads();
        // Everything kept lies on the torch device that was chosen before.
        *self = Worker { device: Some(device), ..Worker::default() };
        Ok(WorkerHello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            torch: env!("PEARL_TORCH_VERSION").into(),
            torch_device: device.to_string(),
            threads,
        })
    }

    fn data(
        &mut self,
        source: &DataSource,
        device: TorchDevice,
    ) -> Result<Rc<Dataset>, WorkerError> {
        let stamp = Dataset::stamp(source)?;
        if let Some((known, at, data)) = &self.data
            && (known, at) == (source, &stamp)
        {
            return Ok(Rc::clone(data));
        }
        self.data = None;
        let data = Rc::new(Dataset::read(source, device)?);
        self.data = Some((source.clone(), stamp, Rc::clone(&data)));
        Ok(data)
    }

    fn teach(
        &mut self,
        request: &TeachRequest,
        device: TorchDevice,
        report: Report<'_>,
    ) -> Result<TeachReport, WorkerError> {
        let start = Instant::now();
        let TeachRequest { teacher, data, split, cache } = request;
        let data = self.data(data, device)?;
        data.check(*split)?;
        let taught = self.logits(teacher, &data, *split, cache.clone(), device, report)?;
        Ok(TeachReport {
            key: taught.logits.key.clone(),
            computed: taught.computed,
            accuracy: taught.logits.accuracy,
            remarks: remarks(teacher, &taught.logits)?,
            took_ns: nanoseconds(start),
        })
    }

    fn logits(
        &mut self,
        teacher: &TeacherSource,
        data: &Dataset,
        split: Split,
        cache: PathBuf,
        device: TorchDevice,
        report: Report<'_>,
    ) -> Result<Taught, WorkerError> {
        let key = logits::key(&self.hash(teacher)?, data, split, device);
        // A cache that was emptied is filled again.
        let on_disk = logits::path(&cache, &key).exists();
        if let Some(at) = self.logits.iter().position(|kept| on_disk && kept.key == key) {
            let logits = self.logits.remove(at);
            self.logits.push(Rc::clone(&logits));
            return Ok(Taught { logits, computed: false });
        }
        self.logits.retain(|kept| kept.key != key);
        let ensured = logits::ensure(key, teacher, data, split, &cache, device, report)?;
        if self.logits.len() >= TEACHERS_KEPT {
            self.logits.remove(0);
        }
        let (logits, origin) = ensured;
        let logits = Rc::new(logits);
        self.logits.push(Rc::clone(&logits));
        Ok(Taught { logits, computed: origin == logits::Origin::Computed })
    }

    /// The teacher's hash; a large file is not read again while its length and time are the same.
    fn hash(&mut self, teacher: &TeacherSource) -> Result<String, WorkerError> {
        let meta = teacher.file().metadata().ok();
        let stamp = meta.map_or((0, None), |meta| (meta.len(), meta.modified().ok()));
        let known = self.hashes.iter().find(|(source, at, _)| (source, at) == (teacher, &stamp));
        if let Some((_, _, hash)) = known {
            return Ok(hash.clone());
        }
        let hash = teacher_module::hash(teacher)?;
        self.hashes.retain(|(source, _, _)| source != teacher);
        self.hashes.push((teacher.clone(), stamp, hash.clone()));
        Ok(hash)
    }

    fn train(
        &mut self,
        request: TrainRequest,
        device: TorchDevice,
        report: Report<'_>,
    ) -> Result<TrainReport, WorkerError> {
        let mut time = TrainTime::default();
        let mut clock = Instant::now();
        let mut lap = move || {
            let lap = nanoseconds(clock);
            clock = Instant::now();
            lap
        };
        check(&request.recipe, &request.loss)?;
        let data = self.data(&request.data, device)?;
        let TrainRequest { split, recipe, seeds, .. } = request;
        data.check(split)?;
        let network = network(&request.network)?;
        fits(&network, &data)?;
        let holdout = data.holdout(split)?;
        time.prepare_ns = lap();
        let soft = match &request.loss {
            Loss::Hard => None,
            Loss::Distillation { teacher, cache, alpha, temperature } => {
                let cache = cache.clone();
                let taught = self.logits(teacher, &data, split, cache, device, report)?;
                Some(SoftTargets::new(&taught.logits.logits, *temperature, *alpha)?)
            }
        };
        time.teacher_ns = lap();
        let job = Job { network, data: &data, split, recipe, soft, seeds };
        let mut progress = |at| report(at).map_err(WorkerError::Gone);
        let Trained { module, mut diverged, epoch_loss, images } =
            train(job, device, &mut progress)?;
        time.steps_ns = lap();
        time.images = images;
        let mut judged = |part: &Part| -> Result<Accuracy, WorkerError> {
            let accuracy = if diverged.is_some() { None } else { judge(&module, part)? };
            if accuracy.is_none() && diverged.is_none() {
                diverged = Some("the logits were not finite after the last step".into());
            }
            Ok(accuracy.unwrap_or_else(|| part.none_of()))
        };
        let mut accuracy = judged(&holdout)?;
        let mut test = if request.test { Some(judged(&data.test)?) } else { None };
        time.evaluate_ns = lap();
        if diverged.is_some() {
            accuracy = holdout.none_of();
            test = request.test.then(|| data.test.none_of());
        } else if let Some(path) = &request.weights_out {
            save(&module, &data, path)?;
        }
        Ok(TrainReport { holdout: accuracy, test, diverged, epoch_loss, time })
    }
}

struct Taught {
    logits: Rc<TeacherLogits>,
    computed: bool,
}

/// Writes the weights, and in their note the normalisation of the images.
fn save(module: &Module, data: &Dataset, path: &std::path::Path) -> Result<(), WorkerError> {
    let tensors = module.parameters().values()?;
    let note = serde_json::json!({
        "format": "pearl.weights/1",
        "network": module.network().name,
        "data": { "name": data.name, "sha256": data.sha256 },
        "normalisation": {
            "mean": data.normalisation.mean,
            "deviation": data.normalisation.deviation,
        },
    });
    let tensors =
        tensors.iter().map(|(spec, values)| (&spec.name[..], &spec.dims[..], &values[..]));
    Ok(weights_file::write(path, tensors, note.to_string())?)
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
