//! The loop over launches.
//!
//! **Invariant:** a model that fails fails alone; a lost agent costs one launch, and is replaced
//! once a launch.

use pearl_agent::agent::{LaunchReport, LaunchRequest, ModelFile, Precision};
use pearl_agent::wire::{Failure, FailureKind};
use pearl_calibration::converged;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::measurement::views;
use super::{Fingerprint, Measurement, Settings};
use crate::agent::{Agent, fault};
use crate::child::ChildError;
use crate::exit::{Classify, Kind};

/// Measures models on one device.
pub struct Session<'a> {
    agent: &'a mut Agent,
    settings: &'a Settings,
    /// Decides the order and the inputs.
    rng: Pcg64,
}

/// A model on its way to a measurement.
struct Pending {
    model: ModelFile,
    launches: Vec<LaunchReport>,
    error: Option<ChildError>,
}

impl<'a> Session<'a> {
    pub fn new(agent: &'a mut Agent, settings: &'a Settings, seed: u64) -> Self {
        Self { agent, settings, rng: Pcg64::seed_from_u64(seed) }
    }

    /// Measures all models, interleaved in random order; `on_launch` hears of every launch, by the
    /// model's index and its number of launches so far.
    ///
    /// # Errors
    /// Of all: an interrupt, a device that is lost for good. Of one model alone: what is wrong with
    /// that model.
    pub fn measure(
        &mut self,
        models: Vec<ModelFile>,
        mut on_launch: impl FnMut(usize, usize),
    ) -> anyhow::Result<Vec<anyhow::Result<Measurement>>> {
        let pending = |model| Pending { model, launches: Vec::new(), error: None };
        let mut all: Vec<_> = models.into_iter().map(pending).collect();
        let input_seed: u64 = self.rng.random();
        loop {
            let mut open: Vec<_> = (0..all.len()).filter(|&at| self.open(&all[at])).collect();
            if open.is_empty() {
                break;
            }
            open.shuffle(&mut self.rng);
            for at in open {
                let request = self.request(&all[at].model, input_seed);
                match self.launch(request)? {
                    Ok(report) => all[at].launches.push(report),
                    Err(error) => all[at].error = Some(error),
                }
                on_launch(at, all[at].launches.len());
            }
        }
        Ok(all.into_iter().map(|pending| self.close(pending)).collect())
    }

    fn open(&self, pending: &Pending) -> bool {
        let Settings { min_launches, max_launches, target, .. } = *self.settings;
        pending.error.is_none()
            && pending.launches.len() < max_launches
            && !views(&pending.launches)
                .is_ok_and(|launches| converged(&launches, min_launches, target))
    }

    fn request(&self, model: &ModelFile, input_seed: u64) -> LaunchRequest {
        LaunchRequest {
            model: model.clone(),
            input_seed,
            cpus: self.agent.cpus(),
            threads: self.agent.device().threads,
            precision: Precision::F32,
            warm_up: self.settings.warm_up,
            sampling: self.settings.sampling,
            limits: self.settings.limits,
        }
    }

    /// The outer error ends everything, the inner one this model.
    fn launch(
        &mut self,
        request: LaunchRequest,
    ) -> anyhow::Result<Result<LaunchReport, ChildError>> {
        match self.agent.launch(request.clone()) {
            Err(ChildError::Interrupted) => Err(fault(&ChildError::Interrupted).into()),
            Err(lost) if lost.lost() => {
                self.agent.replace()?;
                match self.agent.launch(request) {
                    Err(again) if again.lost() => Err(fault(&again).into()),
                    result => Ok(result),
                }
            }
            Err(ChildError::Failed(failure)) if failure.kind == FailureKind::Internal => {
                Err(fault(&ChildError::Failed(failure)).into())
            }
            result => Ok(result),
        }
    }

    fn close(&self, pending: Pending) -> anyhow::Result<Measurement> {
        if let Some(error) = pending.error {
            return Err(fault(&error).into());
        }
        if pending.launches.iter().all(|launch| launch.samples_ns.is_empty()) {
            let message = format!("{}: the agent sent no samples", pending.model.path);
            let failure = Failure::new(FailureKind::Internal, message);
            return Err(fault(&ChildError::Failed(failure)).into());
        }
        let governor =
            pending.launches.first().and_then(|launch| launch.state_before.governor.clone());
        let device = self.agent.device();
        Measurement::new(
            pending.model,
            device.name.clone(),
            Fingerprint::new(device, self.agent.hello(), governor),
            pending.launches,
            self.settings.target,
        )
        .or_fault(Kind::Unstable)
    }
}
