//! The loop.

use std::time::Instant;

use anyhow::Context;
use fs_err as fs;
use pearl_agent::agent::Engine;
use pearl_models::architecture::Architecture;
use pearl_models::space::Space;

use super::event::Observer;
use super::facts::{self, now};
use super::{Event, SearchConfig, winner};
use crate::agent::Agent;
use crate::choice::choose;
use crate::controller::{self, Controller, ControllerState};
use crate::exit::{Classify, Fault, Kind};
use crate::interrupt;
use crate::measure::Settings;
use crate::store::{Best, Candidate, CandidateTime, RunLock, Status, Store};
use crate::worker::client::Worker;
use crate::worker::protocol::{DataReport, Loss, TeachRequest};

/// What a search has come to.
#[derive(Debug)]
pub struct Outcome {
    pub budget_ns: u64,
    pub engine: Engine,
    pub wall_ns: u64,
    pub candidates: Vec<Candidate>,
    /// The winner by the search's own numbers.
    pub chosen: Option<usize>,
    /// The winner trained at length.
    pub best: Option<Best>,
}

/// Everything that the loop holds on to.
pub(super) struct Run<'a> {
    pub config: &'a SearchConfig,
    pub store: Store,
    pub space: Space,
    pub worker: Worker,
    pub agent: Agent,
    /// The configuration's, with what is known of the device.
    pub measuring: Settings,
    pub budget_ns: u64,
    pub controller: Controller,
    candidates: Vec<Candidate>,
    /// Since when wall time has not been kept in the store.
    pub since: Instant,
}

/// Runs or resumes a search in `config.out`.
///
/// # Errors
/// What is wrong with the run directory, the data, the teacher or the device, before anything
/// trains; an interrupt, after what is done was stored.
pub fn search(config: &SearchConfig, observer: &mut Observer<'_>) -> anyhow::Result<Outcome> {
    let since = Instant::now();
    let _lock = RunLock::take(&config.out).or_fault(Kind::Usage)?;
    let file = Store::path(&config.out);
    if file.is_file() {
        // What an old run has against this one is said before anything takes time.
        let store = Store::open(&file).or_fault(Kind::Usage)?;
        store.compare(&config.settings()).or_fault(Kind::Usage)?;
    }
    let mut agent = Agent::connect(&config.device)?;
    let fingerprint = facts::watch(config, &mut agent, observer)?;
    let mut worker = Worker::start(&config.torch_device)?;
    let (space, data) = prepare(config, &mut worker)?;
    let mut settings = config.settings();
    settings.push(("data sha256".to_owned(), data.sha256));
    // A search that could not start leaves nothing that its corrected command would meet.
    let mut store = Store::open(&file).or_fault(Kind::Usage)?;
    store.settle(&settings).or_fault(Kind::Usage)?;
    fs::create_dir_all(config.out.join("models")).or_fault(Kind::Usage)?;
    controller::use_one_thread();
    let controller = restore(config, &space, &store)?;
    let candidates = store.candidates().or_fault(Kind::Usage)?;
    let measuring = config.measuring.clone();
    let mut run = Run {
        config,
        store,
        space,
        worker,
        agent,
        measuring,
        budget_ns: 0,
        controller,
        candidates,
        since,
    };
    run.note_versions()?;
    run.find_usual_speed(&fingerprint, observer)?;
    run.budget_ns = run.find_budget(observer)?;
    observer(Event::Budget { budget_ns: run.budget_ns });
    observer(Event::Started { total: config.candidates, finished: &run.candidates });

    let result = run.all(observer);
    run.keep_wall_time()?;
    run.keep_marginals()?;
    result.with_context(|| {
        let finished = run.candidates.iter().filter(|candidate| candidate.status.is_final());
        format!(
            "{}: {} of {} candidates are done; the same command resumes",
            config.out.display(),
            finished.count(),
            config.candidates
        )
    })?;
    let best = winner::make(&mut run, observer);
    run.keep_wall_time()?;
    run.store.set_fact("ended", &now()).or_fault(Kind::Usage)?;
    let best = best.with_context(|| format!("{}: the winner", config.out.display()))?;
    Ok(Outcome {
        budget_ns: run.budget_ns,
        engine: run.agent.hello().engine.clone(),
        wall_ns: run.wall_time()?,
        chosen: choose(&run.candidates, run.budget_ns, config.window_ns),
        candidates: run.candidates,
        best,
    })
}

/// Checks data and teacher, and has the teacher's logits ready before anything trains.
fn prepare(config: &SearchConfig, worker: &mut Worker) -> anyhow::Result<(Space, DataReport)> {
    let data = worker.data(config.data.clone())?;
    let space = Space::new(&config.space, data.input, data.classes).or_fault(Kind::Usage)?;
    let (images, holdout) = (config.split.images, config.split.holdout);
    let of_the_winner = config.final_training.map(|training| ("--final-images", training.images));
    for (option, images) in std::iter::once(("--images", images)).chain(of_the_winner) {
        if images.saturating_add(holdout) > data.train_images {
            let (name, all) = (&config.data.name, data.train_images);
            let most = all.saturating_sub(holdout);
            let or = if option == "--images" { "" } else { ", or --final-epochs 0" };
            return Err(Fault::input(format_args!(
                "{option} {images}: with {holdout} held out, more than the {all} training images of \
                 data set {name}; take at most {most}{or}"
            ))
            .into());
        }
    }
    if let Loss::Distillation { teacher, cache, .. } = &config.loss {
        worker.teach(TeachRequest {
            teacher: teacher.clone(),
            data: config.data.clone(),
            split: config.split,
            cache: cache.clone(),
        })?;
    }
    Ok((space, data))
}

fn restore(config: &SearchConfig, space: &Space, store: &Store) -> anyhow::Result<Controller> {
    let choices: Vec<_> = space.decisions().iter().map(|decision| decision.choices.len()).collect();
    match store.policy().or_fault(Kind::Usage)? {
        None => Ok(Controller::new(&choices, config.controller, config.seeds.controller)?),
        Some(bytes) => {
            let file = Store::path(&config.out);
            let state = ControllerState::from_bytes(&bytes)
                .or_fault(Kind::Usage)
                .with_context(|| file.display().to_string())?;
            Ok(Controller::restore(&choices, config.controller, state)?)
        }
    }
}

impl Run<'_> {
    fn all(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        if let Some(last) = self.candidates.last()
            && !last.status.is_final()
        {
            let open = self.candidates.pop().expect("there is a last one");
            self.pursue(open, observer)?;
        }
        while self.candidates.len() < self.config.candidates {
            interrupt::check()?;
            let candidate = self.sample()?;
            self.pursue(candidate, observer)?;
        }
        Ok(())
    }

    fn sample(&mut self) -> anyhow::Result<Candidate> {
        let sample = self.controller.sample()?;
        // The canonical architecture may differ from what the policy said, which is what it learns from.
        let architecture = self.space.architecture(sample.choices.clone())?;
        let costs = self.space.decode(&architecture)?.costs();
        let candidate = Candidate {
            index: self.candidates.len(),
            arch_id: architecture.id().to_string(),
            choices: sample.choices,
            repeats: None,
            log_prob: sample.log_prob,
            params: costs.params,
            macs: costs.macs,
            status: Status::Sampled,
            reason: None,
            accuracy: None,
            latency: None,
            reward: None,
            time: CandidateTime::default(),
        };
        self.store.begin(&candidate, &self.policy()).or_fault(Kind::Usage)?;
        Ok(candidate)
    }

    /// Brings a candidate to its end.
    fn pursue(
        &mut self,
        mut candidate: Candidate,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<()> {
        let twin = self
            .candidates
            .iter()
            .find(|earlier| earlier.arch_id == candidate.arch_id && earlier.status == Status::Done);
        if let Some(twin) = twin {
            candidate.repeats = Some(twin.repeats.unwrap_or(twin.index));
            candidate.accuracy = twin.accuracy;
            candidate.latency = twin.latency;
        } else {
            let diverged = candidate.reason.is_some();
            let lost = !diverged && !self.weights_path(&candidate).is_file();
            if candidate.status == Status::Sampled || lost {
                self.train(&mut candidate, observer)?;
            }
            if candidate.status == Status::Trained {
                self.measure(&mut candidate, observer)?;
            }
        }
        self.reward(&mut candidate)?;
        self.keep_wall_time()?;
        observer(Event::Finished { candidate: &candidate });
        self.candidates.push(candidate);
        Ok(())
    }

    fn reward(&mut self, candidate: &mut Candidate) -> anyhow::Result<()> {
        let (Some(accuracy), Some(latency)) = (candidate.accuracy, candidate.latency) else {
            return Ok(());
        };
        let reward = self.config.objective.reward(accuracy, latency.median_ns, self.budget_ns)?;
        self.controller.observe(&candidate.choices, candidate.log_prob, reward)?;
        candidate.reward = Some(reward);
        candidate.status = Status::Done;
        self.store.finish(candidate, &self.policy()).or_fault(Kind::Usage)
    }

    pub fn architecture(&self, candidate: &Candidate) -> anyhow::Result<Architecture> {
        self.space.architecture(candidate.choices.clone()).or_fault(Kind::Usage)
    }

    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub fn policy(&self) -> Vec<u8> {
        self.controller.state().to_bytes()
    }
}
