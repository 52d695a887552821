//! A search from its first check to its winner.
//!
//! **Invariant:** the results of a phase are in the store before the next phase begins.

use std::time::Instant;

use anyhow::Context;
use fs_err as fs;
use pearl_agent::protocol::messages::Engine;
use pearl_models::space::Space;

use super::event::Observer;
use super::policy_client::Policy;
use super::run::{Run, RunState};
use super::run_facts::{self, now};
use super::{Event, SearchConfig, winner};
use crate::data::class_names::class_names;
use crate::device::agent_client::Agent;
use crate::measure::Fingerprint;
use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass, class_of};
use crate::process::interrupt;
use crate::search::choice::choose_untrained;
use crate::store::{Best, Candidate, CandidateTime, Segment, Status, Store, StoreError};
use crate::train::worker_client::Worker;
use crate::train::worker_protocol::{DataReport, Loss, TeachRequest};

/// The result of a search.
#[derive(Debug)]
pub struct Outcome {
    pub budget_ns: u64,
    pub engine: Engine,
    pub wall_ns: u64,
    pub candidates: Vec<Candidate>,
    /// The winner, or the candidate that would be trained at length.
    pub chosen: Option<usize>,
    /// The winner trained at length. If no candidate keeps the budget, the last one that was tried.
    pub best: Option<Best>,
    /// The stretches of the run, each with the conditions of its numbers.
    pub segments: Vec<Segment>,
}

/// What is known before a run directory is touched.
pub struct Prepared {
    space: Space,
    settings: Vec<(String, String)>,
    fingerprint: Fingerprint,
    conditions: Vec<(String, String)>,
    since: Instant,
}

/// Reports which other processes use the device, and checks the data and the teacher. A search that could
/// not start leaves nothing behind that would stop its corrected command.
///
/// # Errors
/// What is wrong with the data, the teacher or the device; data or conditions that differ from those of the
/// run, which is then left as it is.
pub fn prepare(
    config: &SearchConfig,
    agent: &mut Agent,
    start_worker: impl FnOnce() -> anyhow::Result<Worker>,
    since: Instant,
    observer: &mut Observer<'_>,
) -> anyhow::Result<(Prepared, Worker)> {
    let fingerprint = run_facts::watch(config, agent, observer)?;
    let mut worker = start_worker()?;
    let conditions = config.conditions(&fingerprint, worker.hello());
    // Before the teacher's logits are computed, which takes long, and before a run of an older format is
    // upgraded.
    let run = Store::find(&Store::path(&config.out)).or_class(ErrorClass::Usage)?;
    if let Some(run) = &run {
        run.compare_conditions(&conditions, config.other_conditions).or_class(ErrorClass::Usage)?;
    }
    let data = worker.data(config.data.clone())?;
    let mut settings = config.settings();
    settings.push(("data sha256".to_owned(), data.sha256.clone()));
    if let Some(run) = &run {
        run.compare(&settings).or_class(ErrorClass::Usage)?;
    }
    let space = check(config, &data, &mut worker, observer)?;
    Ok((Prepared { space, settings, fingerprint, conditions, since }, worker))
}

/// Starts a search in `store`, or resumes the one that `store` holds. The caller holds the lock of the run
/// directory.
///
/// # Errors
/// A run of other settings or conditions; an interrupt or a failure, after all finished work was stored.
pub fn search(
    config: &SearchConfig,
    prepared: Prepared,
    store: &mut Store,
    worker: &mut Worker,
    agent: &mut Agent,
    observer: &mut Observer<'_>,
) -> anyhow::Result<Outcome> {
    let Prepared { space, settings, fingerprint, conditions, since } = prepared;
    store.settle(&settings).or_class(ErrorClass::Usage)?;
    let entered = store.enter_segment(&conditions, &now(), config.other_conditions);
    let entered = entered.or_class(ErrorClass::Usage)?;
    store.clear_fact("ended").or_class(ErrorClass::Usage)?;
    observer(Event::Segment { entered: &entered });
    fs::create_dir_all(config.out.join("models")).or_unwritable()?;
    let policy = Policy::restore(config, &space, store, worker)?;
    let candidates = store.candidates().map_err(StoreError::classified)?;
    let state = RunState { budget_ns: 0, policy, candidates, segment: entered.segment };
    let measuring = config.measuring.clone();
    let mut run = Run { config, store, worker, agent, space, measuring, state, since };
    run.note_versions()?;
    run.find_usual_speed(&fingerprint, observer)?;
    run.state.budget_ns = run.find_budget(observer)?;
    if run.store.fact("marginals").or_class(ErrorClass::Usage)?.is_none() {
        run.keep_marginals()?;
    }
    observer(Event::Budget { budget_ns: run.state.budget_ns });
    observer(Event::Started { total: config.candidates, known: &run.state.candidates });

    let result = run.all(observer);
    run.keep_wall_time()?;
    result.map_err(|error| {
        let candidates = &run.state.candidates;
        let finished = candidates.iter().filter(|candidate| candidate.status.is_final());
        let done = format!(
            "{}: {} of {} candidates are done; the same command resumes",
            config.out.display(),
            finished.count(),
            config.candidates
        );
        match class_of(&error) {
            ErrorClass::Interrupted => {
                Classified::new(ErrorClass::Interrupted, format_args!("interrupted: {done}")).into()
            }
            _ => error.context(done),
        }
    })?;
    let best = winner::make(&mut run, observer);
    run.keep_wall_time()?;
    // A winner that was interrupted is still to be made.
    if best.is_ok() || !interrupt::requested() {
        run.store.set_fact("ended", &now()).or_class(ErrorClass::Usage)?;
    }
    let best = best.with_context(|| format!("{}: the winner", config.out.display()))?;
    let (engine, wall_ns) = (run.agent.hello().engine.clone(), run.wall_time()?);
    let segments = run.store.segments().or_class(ErrorClass::Usage)?;
    let RunState { budget_ns, candidates, segment, .. } = run.state;
    Ok(Outcome {
        budget_ns,
        engine,
        wall_ns,
        chosen: best
            .as_ref()
            .map(|best| best.index)
            .or_else(|| choose_untrained(&candidates, segment, budget_ns, config.window_ns)),
        candidates,
        best,
        segments,
    })
}

/// Checks the data and the teacher, and prepares the teacher's logits before anything trains.
fn check(
    config: &SearchConfig,
    data: &DataReport,
    worker: &mut Worker,
    observer: &mut Observer<'_>,
) -> anyhow::Result<Space> {
    let space = Space::new(&config.space, data.input, data.classes).or_class(ErrorClass::Usage)?;
    // The winner's file names the classes. That a list of names is wrong is told before anything trains.
    class_names(&config.data, data.classes).or_class(ErrorClass::Input)?;
    let (images, holdout) = (config.split.images, config.split.holdout);
    let of_the_winner = config.final_training.map(|training| ("--final-images", training.images));
    for (option, images) in std::iter::once(("--images", images)).chain(of_the_winner) {
        if images.saturating_add(holdout) > data.train_images {
            let (name, all) = (&config.data.name, data.train_images);
            let most = all.saturating_sub(holdout);
            let or = if option == "--images" { "" } else { ", or --final-epochs 0" };
            return Err(Classified::input(format_args!(
                "{option} {images}: with {holdout} held out, more than the {all} training images of \
                 data set {name}; take at most {most}{or}"
            ))
            .into());
        }
    }
    if let Loss::Distillation { teacher, cache, .. } = &config.loss {
        let report = worker.teach(TeachRequest {
            teacher: teacher.clone(),
            data: config.data.clone(),
            split: config.split,
            cache: cache.clone(),
        })?;
        report.remarks.iter().for_each(|remark| observer(Event::TeacherRemark { remark }));
    }
    Ok(space)
}

impl Run<'_> {
    fn all(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        loop {
            let index = match self.state.open() {
                Some(index) => index,
                None if self.state.candidates.len() >= self.config.candidates => return Ok(()),
                None => {
                    interrupt::check()?;
                    self.begin()?
                }
            };
            self.pursue(index, observer)?;
        }
    }

    /// Samples a candidate.
    fn begin(&mut self) -> anyhow::Result<usize> {
        let sample = self.state.policy.sample(self.worker)?;
        // The canonical architecture may differ from the policy's choices, from which the policy learns.
        let architecture = self.space.architecture(sample.choices.clone())?;
        let costs = self.space.decode(&architecture)?.costs();
        let index = self.state.candidates.len();
        let candidate = Candidate {
            index,
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
            segment: self.state.segment,
        };
        self.store.begin(&candidate, self.state.policy.bytes()).or_class(ErrorClass::Usage)?;
        self.state.candidates.push(candidate);
        Ok(index)
    }

    /// Brings an open candidate to its end.
    fn pursue(&mut self, index: usize, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        let mut candidate = self.state.candidates[index].clone();
        if let Some(duplicate) = self.duplicate_of(&candidate) {
            candidate.repeats = Some(duplicate.repeats.unwrap_or(duplicate.index));
            candidate.accuracy = duplicate.accuracy;
            candidate.latency = duplicate.latency;
        } else {
            let diverged = candidate.reason.is_some();
            let lost = !diverged && !self.weights_path(&candidate).is_file();
            if candidate.status == Status::Sampled || lost {
                self.train(&mut candidate, observer)?;
            }
            if candidate.status == Status::Trained && candidate.latency.is_none() {
                self.measure(&mut candidate, observer)?;
            }
        }
        self.reward(&mut candidate)?;
        self.keep_wall_time()?;
        observer(Event::Finished { candidate: &candidate });
        if !candidate.status.is_final() {
            let file = Store::path(&self.config.out);
            let message =
                format!("{}: candidate {index} is damaged; use another --out", file.display());
            return Err(Classified::input(message).into());
        }
        self.state.candidates[index] = candidate;
        Ok(())
    }

    /// A candidate of the same architecture that is done, under the same conditions.
    fn duplicate_of(&self, candidate: &Candidate) -> Option<&Candidate> {
        let same = |other: &&Candidate| {
            other.arch_id == candidate.arch_id
                && other.segment == candidate.segment
                && other.status == Status::Done
        };
        self.state.candidates.iter().find(same)
    }

    fn reward(&mut self, candidate: &mut Candidate) -> anyhow::Result<()> {
        let (Some(accuracy), Some(latency)) = (candidate.accuracy, candidate.latency) else {
            return Ok(());
        };
        let Candidate { choices, log_prob, .. } = &*candidate;
        let RunState { policy, budget_ns, .. } = &mut self.state;
        let reward = self.config.objective.reward(accuracy, latency.median_ns, *budget_ns)?;
        let update = policy.observe(self.worker, choices, *log_prob, reward)?;
        candidate.reward = Some(reward);
        candidate.status = Status::Done;
        let stored = self.store.finish(candidate, policy.bytes(), update.as_ref());
        stored.or_class(ErrorClass::Usage)?;
        if update.is_some() { self.keep_marginals() } else { Ok(()) }
    }
}
