//! The loop.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use fs_err as fs;
use pearl_agent::agent::Engine;
use pearl_calibration::Verdict;
use pearl_models::architecture::Architecture;
use pearl_models::onnx;
use pearl_models::space::Space;
use pearl_models::weights::RandomWeights;

use super::event::Observer;
use super::{Budget, Event, SearchConfig, budget, winner};
use crate::agent::Agent;
use crate::child::ChildError;
use crate::choice::choose;
use crate::controller::{self, Controller, ControllerState};
use crate::exit::{Classify, Fault, Kind};
use crate::interrupt;
use crate::measure::{Measurement, Session, model_file};
use crate::store::{Best, Candidate, CandidateTime, Latency, RunLock, Status, Store};
use crate::weights::{WeightsFile, replace_file};
use crate::worker::client::{self, Worker};
use crate::worker::protocol::{
    DataReport, Loss, NetworkSource, TeachRequest, TrainReport, TrainRequest,
};

/// A measurement that cannot be believed is repeated so often.
const MEASUREMENTS: usize = 3;

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
    pub budget_ns: u64,
    controller: Controller,
    candidates: Vec<Candidate>,
    /// Since when wall time has not been kept in the store.
    since: Instant,
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
    let agent = Agent::connect(&config.device)?;
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
    let mut run =
        Run { config, store, space, worker, agent, budget_ns: 0, controller, candidates, since };
    run.note_versions()?;
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
    run.store.set_fact("ended", &jiff::Timestamp::now().to_string()).or_fault(Kind::Usage)?;
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

    fn train(
        &mut self,
        candidate: &mut Candidate,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let index = candidate.index;
        let request = TrainRequest {
            network: NetworkSource::Architecture(self.architecture(candidate)?),
            data: self.config.data.clone(),
            split: self.config.split,
            recipe: self.config.recipe,
            loss: self.config.loss.clone(),
            seeds: self.config.seeds.of_candidate(index),
            weights_out: Some(self.weights_path(candidate)),
            test: false,
        };
        let result = self.worker.train(&request, |progress| {
            observer(Event::Training { index, step: progress.step, steps: progress.steps });
        });
        match result {
            Ok(report) => {
                candidate.time = train_time(&report, start);
                candidate.accuracy = Some(report.holdout.share());
                candidate.reason = report.diverged;
                candidate.status = Status::Trained;
            }
            Err(ChildError::Interrupted) => return Err(interrupt::fault().into()),
            Err(ChildError::Failed(failure))
                if client::fault(&ChildError::Failed(failure.clone())).kind == Kind::Input =>
            {
                return Err(Fault::input(failure).into());
            }
            Err(error) => {
                candidate.status = Status::Failed;
                candidate.reason = Some(error.to_string());
            }
        }
        self.store.advance(candidate).or_fault(Kind::Usage)
    }

    /// A number that cannot be believed is measured again, then given up on.
    fn measure(
        &mut self,
        candidate: &mut Candidate,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let index = candidate.index;
        let model = model_file(&self.export(candidate)?, self.config.measuring.limits.model_bytes)?;
        let mut doubts = None;
        for attempt in 0..MEASUREMENTS {
            let seed =
                self.config.seeds.measurement.wrapping_add((index * MEASUREMENTS + attempt) as u64);
            let mut session = Session::new(&mut self.agent, &self.config.measuring, seed);
            let mut measured = session.measure(vec![model.clone()], |_, launches| {
                observer(Event::Measuring { index, launches });
            })?;
            match measured.pop().expect("one model gives one result") {
                Ok(measurement) => {
                    self.keep(Some(index), &measurement)?;
                    candidate.time.timed_inference_ns += measurement.timed_ns();
                    let judgement = &measurement.judgement;
                    if judgement.verdict == Verdict::Stable {
                        candidate.latency = Some(latency(&measurement));
                        break;
                    }
                    doubts = Some(judgement.evidence.join("; "));
                }
                Err(error) => {
                    candidate.status = Status::Failed;
                    candidate.reason = Some(format!("{error:#}"));
                    break;
                }
            }
        }
        if candidate.status == Status::Trained && candidate.latency.is_none() {
            candidate.status = Status::Unmeasured;
            candidate.reason = doubts;
        }
        let spent = start.elapsed().as_nanos() as u64;
        candidate.time.measure_other_ns = spent.saturating_sub(candidate.time.timed_inference_ns);
        self.store.advance(candidate).or_fault(Kind::Usage)
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

    /// Writes the ONNX file of a trained candidate, and its architecture beside it. What training
    /// left of a diverged one is not worth running: random weights have the same latency.
    fn export(&self, candidate: &Candidate) -> anyhow::Result<PathBuf> {
        let architecture = self.architecture(candidate)?;
        let network = self.space.decode(&architecture)?;
        let path = self.model_path(candidate, "onnx");
        let diverged = candidate.reason.is_some();
        let bytes = if diverged {
            onnx::export(&network, &RandomWeights { seed: self.config.seeds.weights })?
        } else {
            let weights = WeightsFile::read(&self.weights_path(candidate))?;
            onnx::export(&network, &weights)?
        };
        replace_file(&path, &bytes).or_fault(Kind::Usage)?;
        replace_file(&self.model_path(candidate, "json"), architecture.to_json().as_bytes())
            .or_fault(Kind::Usage)?;
        Ok(path)
    }

    pub fn architecture(&self, candidate: &Candidate) -> anyhow::Result<Architecture> {
        self.space.architecture(candidate.choices.clone()).or_fault(Kind::Usage)
    }

    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    fn weights_path(&self, candidate: &Candidate) -> PathBuf {
        self.model_path(candidate, "safetensors")
    }

    fn model_path(&self, candidate: &Candidate, extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", candidate.arch_id);
        self.config.out.join("models").join(name)
    }

    pub fn keep(
        &mut self,
        candidate: Option<usize>,
        measurement: &Measurement,
    ) -> anyhow::Result<()> {
        let document = serde_json::to_string(measurement).context("own measurement")?;
        let verdict = measurement.judgement.verdict.to_string();
        self.store.keep_measurement(candidate, &verdict, &document).or_fault(Kind::Usage)
    }

    fn find_budget(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<u64> {
        if let Some(stored) = self.store.fact("budget_ns").or_fault(Kind::Usage)? {
            return stored.parse().or_fault(Kind::Usage).context("the stored budget");
        }
        let budget_ns = match self.config.budget {
            Budget::Fixed(duration) => duration.as_nanos() as u64,
            Budget::Percentile(percent) => {
                let Self { config, space, agent, .. } = self;
                let (settings, seeds) = (&config.measuring, &config.seeds);
                let mut launches = 0;
                let count = |_, _| {
                    launches += 1;
                    observer(Event::FindingBudget { launches });
                };
                let (budget_ns, measured) =
                    budget::measure(percent, space, agent, settings, seeds, count)?;
                for measurement in &measured {
                    self.keep(None, measurement)?;
                }
                budget_ns
            }
        };
        self.store.set_fact("budget_ns", &budget_ns.to_string()).or_fault(Kind::Usage)?;
        Ok(budget_ns)
    }

    /// What a reader of the run needs to know besides the settings.
    fn note_versions(&mut self) -> anyhow::Result<()> {
        let config = self.config;
        let mut facts = vec![
            ("input", serde_json::to_string(&self.space.input())?),
            ("classes", self.space.classes().to_string()),
            ("command", config.command.clone()),
            ("agent", serde_json::to_string(self.agent.hello())?),
            ("worker", serde_json::to_string(self.worker.hello())?),
            ("total", config.candidates.to_string()),
            ("program", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if let Some(teacher) = &config.teacher {
            facts.push(("teacher", serde_json::to_string(teacher)?));
        }
        if self.store.fact("started").or_fault(Kind::Usage)?.is_none() {
            facts.push(("started", jiff::Timestamp::now().to_string()));
        }
        facts
            .iter()
            .try_for_each(|(key, value)| self.store.set_fact(key, value))
            .or_fault(Kind::Usage)
    }

    /// The policy in words that a reader without torch understands.
    fn keep_marginals(&mut self) -> anyhow::Result<()> {
        let marginals = serde_json::to_string(&self.controller.probabilities()?)?;
        self.store.set_fact("marginals", &marginals).or_fault(Kind::Usage)
    }

    pub fn policy(&self) -> Vec<u8> {
        self.controller.state().to_bytes()
    }

    fn wall_time(&self) -> anyhow::Result<u64> {
        let stored = self.store.fact("wall_ns").or_fault(Kind::Usage)?;
        Ok(stored.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Adds the wall time since the last call to the run's.
    fn keep_wall_time(&mut self) -> anyhow::Result<()> {
        let now = self.wall_time()? + self.since.elapsed().as_nanos() as u64;
        self.since = Instant::now();
        self.store.set_fact("wall_ns", &now.to_string()).or_fault(Kind::Usage)
    }
}

fn train_time(report: &TrainReport, start: Instant) -> CandidateTime {
    let spent = start.elapsed().as_nanos() as u64;
    let time = report.time;
    CandidateTime {
        train_steps_ns: time.steps_ns,
        teacher_ns: time.teacher_ns,
        train_other_ns: spent.saturating_sub(time.steps_ns + time.teacher_ns),
        ..CandidateTime::default()
    }
}

pub(super) fn latency(measurement: &Measurement) -> Latency {
    let estimate = measurement.latency;
    Latency { median_ns: estimate.point.0, lo_ns: estimate.lo.0, hi_ns: estimate.hi.0 }
}
