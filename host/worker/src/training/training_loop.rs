//! Training one network.
//!
//! **Invariant:** on a CPU, equal requests give equal weights to the last bit: every random choice has
//! its seed, and no choice is made by the clock.

use std::time::{Duration, Instant};

use pearl_models::network::Network;
use tch::{Kind, TchError, Tensor};

use crate::dataset::{Dataset, Part};
use crate::error::WorkerError;
use crate::torch_device::TorchDevice;
use crate::torch_network::module::{Module, Phase};
use crate::training::evaluate::{BATCH, accuracy};
use crate::training::loss::{SoftTargets, loss};
use crate::training::optimizer::Sgd;
use crate::training::order::{Batches, Epoch};
use crate::training::schedule::OneCycle;
use pearl::train::worker_protocol::{Accuracy, Recipe, Split, TrainProgress, TrainSeeds};

/// Least time between two lines of progress.
pub const PROGRESS: Duration = Duration::from_millis(250);
/// Steps between two readings of the loss: reading waits for a CUDA device. A CPU is never ahead, so its
/// loss is read at every step.
const CUDA_STEPS_BETWEEN_READS: usize = 25;
/// Keeps the gradients of half precision away from zero; only on CUDA devices.
const CUDA_LOSS_SCALE: f64 = 256.0;

pub struct Job<'a> {
    pub network: Network,
    pub data: &'a Dataset,
    pub split: Split,
    pub recipe: Recipe,
    pub soft: Option<SoftTargets>,
    pub seeds: TrainSeeds,
}

pub struct Trained {
    pub module: Module,
    pub diverged: Option<String>,
    /// Mean loss of each finished epoch.
    pub epoch_loss: Vec<f32>,
    /// Images that went through training steps.
    pub images: u64,
}

/// # Errors
/// If torch or `progress` fails; a loss that is not finite is no error.
pub fn train(
    job: Job<'_>,
    device: TorchDevice,
    progress: &mut dyn FnMut(TrainProgress) -> Result<(), WorkerError>,
) -> Result<Trained, WorkerError> {
    let Job { network, data, split, recipe, soft, seeds } = job;
    // Only drop-out draws from torch's own generator.
    tch::manual_seed(seeds.order as i64);
    let module = Module::initialised(network, device, seeds.weights)?;
    let batches = Batches::of(split.images, &recipe);
    let mut run = Run {
        optimizer: Sgd::new(module.parameters(), &recipe)?,
        cycle: OneCycle::new(recipe.learning_rate, recipe.epochs * batches.count),
        steps: recipe.epochs * batches.count,
        part: data.train.slice(0, split.images)?,
        module,
        soft,
        device,
    };
    let mut done = Done { step: 0, epoch_loss: Vec::new(), reported: Instant::now() };
    let mut diverged = None;
    for epoch in 0..recipe.epochs {
        let order = Epoch::new(split.images, &recipe, seeds.order, epoch);
        diverged = run.epoch(&order, batches, &mut done, progress)?;
        if diverged.is_some() {
            break;
        }
    }
    let images = (done.step * batches.size) as u64;
    Ok(Trained { module: run.module, diverged, epoch_loss: done.epoch_loss, images })
}

/// Accuracy of the module as it is; `None` if its logits are not finite.
pub fn judge(module: &Module, part: &Part) -> Result<Option<Accuracy>, TchError> {
    accuracy(part, BATCH, |images| module.forward(images, Phase::Evaluation))
}

struct Run {
    module: Module,
    optimizer: Sgd,
    cycle: OneCycle,
    steps: usize,
    part: Part,
    soft: Option<SoftTargets>,
    device: TorchDevice,
}

struct Done {
    step: usize,
    epoch_loss: Vec<f32>,
    reported: Instant,
}

/// Losses since the last reading, still on the device.
#[derive(Default)]
struct Pending {
    losses: Vec<Tensor>,
}

impl Run {
    /// Trains one epoch; returns why training has to stop, if it has to.
    fn epoch(
        &mut self,
        order: &Epoch,
        batches: Batches,
        done: &mut Done,
        progress: &mut dyn FnMut(TrainProgress) -> Result<(), WorkerError>,
    ) -> Result<Option<String>, WorkerError> {
        let images = Tensor::f_from_slice(&order.images)?.f_to_device(self.device.device())?;
        let views = Tensor::f_from_slice(&order.views)?.f_to_device(self.device.device())?;
        let flips = order.views.contains(&1);
        let mut pending = Pending::default();
        let (mut epoch_sum, mut since_report, mut since_steps) = (0.0, 0.0, 0usize);
        for batch in 0..batches.count {
            let (first, size) = ((batch * batches.size) as i64, batches.size as i64);
            let images = images.f_narrow(0, first, size)?;
            let views = views.f_narrow(0, first, size)?;
            pending.losses.push(self.step(&images, &views, flips, done.step)?);
            done.step += 1;
            let last = batch + 1 == batches.count;
            let wait = if self.device.is_cuda() { CUDA_STEPS_BETWEEN_READS } else { 1 };
            if !last && pending.losses.len() < wait {
                continue;
            }
            let read = pending.losses.len();
            let sum = pending.take()?;
            if !sum.is_finite() {
                let name = if sum.is_nan() { "not a number" } else { "infinite" };
                return Ok(Some(format!(
                    "the loss was {name} by step {} of {}",
                    done.step, self.steps
                )));
            }
            epoch_sum += sum;
            since_report += sum;
            since_steps += read;
            if done.reported.elapsed() >= PROGRESS {
                let loss = Some((since_report / since_steps as f64) as f32);
                progress(TrainProgress { step: done.step, steps: self.steps, loss })?;
                (since_report, since_steps, done.reported) = (0.0, 0, Instant::now());
            }
        }
        done.epoch_loss.push((epoch_sum / batches.count as f64) as f32);
        Ok(None)
    }

    /// Makes one step; returns its loss.
    fn step(
        &mut self,
        images: &Tensor,
        views: &Tensor,
        flips: bool,
        step: usize,
    ) -> Result<Tensor, TchError> {
        let mut batch = self.part.images.f_index_select(0, images)?;
        if flips {
            let mask = views.f_to_kind(Kind::Bool)?.f_reshape([-1, 1, 1, 1])?;
            batch = batch.f_flip([-1])?.f_where_self(&mask, &batch)?;
        }
        let labels = self.part.labels.f_index_select(0, images)?;
        let rows = views.f_mul_scalar(self.part.count as i64)?.f_add(images)?;
        let logits = self.module.forward(&batch, Phase::Training)?;
        let loss = loss(&logits, &labels, self.soft.as_ref(), &rows)?;
        let gradient = gradient(&self.module, &loss, self.device)?;
        self.optimizer.step(self.module.parameters_mut(), gradient, self.cycle.rate(step))?;
        loss.f_detach()
    }
}

/// The gradient of a loss with respect to the flat buffer.
pub fn gradient(module: &Module, loss: &Tensor, device: TorchDevice) -> Result<Tensor, TchError> {
    if !device.is_cuda() {
        return module.parameters().gradient(loss);
    }
    let scaled = loss.f_mul_scalar(CUDA_LOSS_SCALE)?;
    module.parameters().gradient(&scaled)?.f_mul_scalar(1.0 / CUDA_LOSS_SCALE)
}

impl Pending {
    /// Sum of the losses, which are then forgotten.
    fn take(&mut self) -> Result<f64, TchError> {
        let losses = std::mem::take(&mut self.losses);
        Tensor::f_stack(&losses, 0)?.f_sum(Kind::Double)?.f_double_value(&[])
    }
}

#[cfg(test)]
mod tests;
