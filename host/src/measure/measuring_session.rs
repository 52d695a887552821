//! Measuring models on one device, which is leased while that lasts.
//!
//! **Invariant:** a failed model does not affect the others; a lost agent costs one launch, and is
//! replaced once per launch; the lease is released however a session ends.

use std::time::Instant;

use pearl_agent::protocol::messages::{LaunchReport, ModelFile, State};
use pearl_agent::protocol::wire::{Failure, FailureKind};
use pearl_calibration::{Next, Sentinel, Thresholds};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::launching::Placed;
use super::measurement::{known_or_own, views};
use super::remarks::{Asked, remarks};
use super::step::{Observer, Step};
use super::{Fingerprint, Ledger, Measurement, Settings};
use crate::device::agent_client::{Agent, classified};
use crate::measure::cooldown::Cooldown;
use crate::output::error_class::{Classify, ErrorClass};
use crate::process::child::ChildError;

pub struct Session<'a> {
    pub(super) agent: &'a mut Agent,
    pub(super) settings: &'a Settings,
    /// Decides the order and the inputs.
    pub(super) rng: Pcg64,
    pub(super) input_seed: u64,
    pub(super) ledger: Ledger,
    pub(super) cooldown: Cooldown,
    pub(super) losses: Losses,
    /// Whether the session has looked for other processes that use the device.
    watched: bool,
}

/// How many agents were lost and replaced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    pub agents: usize,
    /// Agents lost because the device was rebooted.
    pub boots: usize,
}

/// A model on its way to a measurement.
struct Pending {
    model: ModelFile,
    placed: Option<Placed>,
    launches: Vec<LaunchReport>,
    /// The session's losses before the first launch.
    losses: Losses,
    done: bool,
}

impl<'a> Session<'a> {
    pub fn new(agent: &'a mut Agent, settings: &'a Settings, seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let input_seed = rng.random();
        let cooldown = Cooldown::new(settings.longest_cooldown);
        let (ledger, losses) = (Ledger::default(), Losses::default());
        Self { agent, settings, rng, input_seed, ledger, cooldown, losses, watched: false }
    }

    /// How the leased time was used.
    pub fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Measures all models, interleaved in random order, or one after another without a pause if
    /// the settings say sustained. Each result goes to the observer as soon as there is one.
    ///
    /// # Errors
    /// Errors that end all work: an interrupt, a device that is lost for good. Models without a result
    /// then stay without one.
    pub fn measure_each(
        &mut self,
        models: Vec<ModelFile>,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<()> {
        self.hold(observer, |session, observer| match session.settings.sustained {
            None => session.take_turns(models, observer),
            Some(length) => models.into_iter().enumerate().try_for_each(|(at, model)| {
                let result = session.sustain(at, model, length, observer)?;
                observer(Step::Finished { at, result: Box::new(result) });
                Ok(())
            }),
        })
    }

    /// Measures all models and returns when the last is done; `watch` sees every step on the way
    /// but the last of each model.
    ///
    /// # Errors
    /// As [`Session::measure_each`]. The inner errors say what is wrong with one model.
    pub fn measure(
        &mut self,
        models: Vec<ModelFile>,
        mut watch: impl FnMut(&Step),
    ) -> anyhow::Result<Vec<anyhow::Result<Measurement>>> {
        let mut results: Vec<_> = models.iter().map(|_| None).collect();
        self.measure_each(models, &mut |step| match step {
            Step::Finished { at, result } => results[at] = Some(*result),
            step => watch(&step),
        })?;
        Ok(results.into_iter().map(|result| result.expect("every model got a result")).collect())
    }

    /// Does `work` while the device is leased.
    pub(super) fn hold<T>(
        &mut self,
        observer: &mut Observer<'_>,
        work: impl FnOnce(&mut Self, &mut Observer<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let longest = self.settings.lease_wait;
        self.attempt(|agent| {
            agent.lease(longest, |who| observer(Step::Waiting { who: who.to_owned() }))
        })?
        .map_err(|error| self.agent.classified(&error))?;
        let since = Instant::now();
        let watched = if self.watched { Ok(()) } else { self.watch_others(observer) };
        self.watched = true;
        let result = watched.and_then(|()| work(self, observer));
        self.ledger.close(since.elapsed());
        // A lease cannot be released if its agent is gone; then it ends with the agent.
        let _ = self.agent.release();
        result
    }

    fn take_turns(
        &mut self,
        models: Vec<ModelFile>,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<()> {
        let losses = self.losses;
        let pending =
            |model| Pending { model, placed: None, launches: Vec::new(), losses, done: false };
        let mut all: Vec<_> = models.into_iter().map(pending).collect();
        loop {
            let mut open: Vec<_> = (0..all.len()).filter(|&at| !all[at].done).collect();
            if open.is_empty() {
                return Ok(());
            }
            open.shuffle(&mut self.rng);
            for at in open {
                if let Some(result) = self.turn(at, &mut all[at], observer)? {
                    all[at].done = true;
                    observer(Step::Finished { at, result: Box::new(result) });
                }
            }
        }
    }

    /// One launch of one model; a result if it was the last launch.
    fn turn(
        &mut self,
        at: usize,
        pending: &mut Pending,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<Option<anyhow::Result<Measurement>>> {
        if pending.placed.is_none() {
            match self.place(at, &pending.model, observer)? {
                Ok(placed) => pending.placed = Some(placed),
                Err(error) => return Ok(Some(Err(self.agent.classified(&error).into()))),
            }
        }
        let placed = pending.placed.as_mut().expect("it was placed just now");
        let report = match self.launch(placed)? {
            Ok(report) => report,
            Err(error) => return Ok(Some(Err(self.agent.classified(&error).into()))),
        };
        self.cooldown.note(&report);
        if pending.launches.is_empty() {
            pending.losses = self.losses;
        }
        pending.launches.push(report);
        let Ok(views) = views(&pending.launches) else {
            return Ok(Some(Err(no_samples(&pending.model))));
        };
        let launches = views.len();
        let (usual, _) = known_or_own(self.usual(pending.launches.first()), &views);
        let expected = self.settings.stopping_rule.expected(&views, usual);
        observer(Step::Launched { at, launches, expected });
        match self.settings.stopping_rule.next(&views, usual, &Thresholds::default()) {
            Next::Done => {
                let launches = std::mem::take(&mut pending.launches);
                return Ok(Some(self.close(pending.model.clone(), launches, pending.losses)));
            }
            Next::Rest => self.wait_until_quiet(observer)?,
            Next::Launch => self.cool_down(observer)?,
        }
        Ok(None)
    }

    /// The usual speed for this session's fingerprint, if it is known.
    pub(super) fn usual(&self, launch: Option<&LaunchReport>) -> Option<Sentinel> {
        self.settings.usual.get(&self.fingerprint(launch).id()).copied()
    }

    pub(super) fn close(
        &self,
        model: ModelFile,
        launches: Vec<LaunchReport>,
        before: Losses,
    ) -> anyhow::Result<Measurement> {
        let fingerprint = self.fingerprint(launches.first());
        let device = self.agent.device().name.clone();
        let target = self.settings.stopping_rule.target;
        let usual = self.usual(launches.first());
        let measurement = Measurement::new(model, device, fingerprint, launches, usual, target)
            .or_class(ErrorClass::Unstable)?;
        let mut measurement = self.completed(measurement);
        if self.losses.boots > before.boots {
            let device = &measurement.device;
            let restarted = format!("device '{device}' was rebooted between launches");
            measurement.judgement.remarks.push(restarted);
        }
        Ok(measurement)
    }

    /// Adds the platform, and the remarks that the samples alone do not give.
    pub(super) fn completed(&self, mut measurement: Measurement) -> Measurement {
        let platform = &self.agent.hello().platform;
        let engine = &measurement.fingerprint.engine;
        let engine = format!("{} {}", engine.name, engine.version);
        let asked = Asked {
            device: &self.agent.device().name,
            engine: &engine,
            clusters: &platform.clusters,
            cpus: &self.agent.cpus(),
            threads: self.threads(),
            half_precision: platform.half_precision,
        };
        let remarks = remarks(measurement.in_question().0, &asked);
        measurement.judgement.remarks.extend(remarks);
        measurement.platform = Some(platform.clone());
        measurement
    }

    /// The fingerprint of this session; the frequency policy is known only after the first launch.
    pub fn fingerprint(&self, launch: Option<&LaunchReport>) -> Fingerprint {
        self.fingerprint_with(launch.map(|launch| &launch.state_before))
    }

    pub(super) fn fingerprint_with(&self, state: Option<&State>) -> Fingerprint {
        let (device, hello) = (self.agent.device(), self.agent.hello());
        Fingerprint::new(device, hello, state, self.threads(), self.settings.precision)
    }

    pub(super) fn threads(&self) -> usize {
        self.settings.threads.unwrap_or(self.agent.device().threads)
    }
}

pub(super) fn no_samples(model: &ModelFile) -> anyhow::Error {
    let message = format!("{}: the agent sent no samples", model.path);
    classified(&ChildError::Failed(Failure::new(FailureKind::Internal, message))).into()
}
