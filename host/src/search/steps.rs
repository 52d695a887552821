//! One candidate's way through training, export and measuring.
//!
//! **Invariant:** a result is stored before the next step begins; a candidate's failure does not end the
//! search. The data, the device, a worker that cannot be started, or the user may end it.

use std::path::PathBuf;
use std::time::Instant;

use pearl_agent::protocol::wire::FailureKind;

use super::Event;
use super::event::Observer;
use super::run::Run;
use crate::measure::{Measurement, Session, Step, model_file};
use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass, told};
use crate::process::child::ChildError;
use crate::process::interrupt;
use crate::store::{Candidate, CandidateTime, Latency, Status};
use crate::student;
use crate::train::weights_file::{WeightsFile, replace_file};
use crate::train::worker_client;
use crate::train::worker_protocol::{NetworkSource, TrainReport, TrainRequest};

/// How often a candidate is measured at most, until a measurement can be used.
const MEASUREMENTS: usize = 3;
/// The widest half interval, as a share of the latency, that is rewarded if all launches did not make it
/// narrower. With `w = -0.07` it moves the reward by 0.7 %, less than two trainings of one network differ.
const WIDEST: f64 = 0.10;

impl Run<'_> {
    pub fn train(
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
            Err(ChildError::Interrupted) => return Err(interrupt::classified().into()),
            Err(ChildError::Failed(failure)) if failure.kind == FailureKind::BadInput => {
                return Err(Classified::input(failure).into());
            }
            Err(error) if ends_the_search(&error) => {
                return Err(worker_client::classified(&error).into());
            }
            Err(error) => {
                candidate.status = Status::Failed;
                candidate.reason = Some(error.to_string());
            }
        }
        self.store.advance(candidate).or_class(ErrorClass::Usage)
    }

    /// Measures a candidate. A number that cannot be used is measured again, then given up.
    pub fn measure(
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
            let mut session = Session::new(self.agent, &self.measuring, seed);
            let mut measured = session.measure(vec![model.clone()], |step| match step {
                Step::Waiting { who } => observer(Event::Waiting { who }),
                Step::Launched { launches, .. } => {
                    observer(Event::Measuring { index, launches: *launches });
                }
                _ => {}
            })?;
            match measured.pop().expect("one model gives one result") {
                Ok(measurement) => {
                    self.keep(Some(index), &measurement)?;
                    candidate.time.timed_inference_ns += measurement.timed_ns();
                    let judgement = &measurement.judgement;
                    if measurement.is_usable(WIDEST) {
                        candidate.latency = Some(latency(&measurement));
                        break;
                    }
                    doubts = Some(judgement.evidence.join("; "));
                }
                Err(error) => {
                    candidate.status = Status::Failed;
                    add_reason(candidate, told(&error));
                    break;
                }
            }
        }
        if candidate.status == Status::Trained && candidate.latency.is_none() {
            candidate.status = Status::Unmeasured;
            add_reason(candidate, doubts.unwrap_or_default());
        }
        let spent = start.elapsed().as_nanos() as u64;
        candidate.time.measure_other_ns = spent.saturating_sub(candidate.time.timed_inference_ns);
        self.store.advance(candidate).or_class(ErrorClass::Usage)
    }

    /// Writes the ONNX file of a trained candidate, and its architecture beside it. A diverged
    /// candidate gets random weights, which have the same latency.
    fn export(&self, candidate: &Candidate) -> anyhow::Result<PathBuf> {
        let architecture = self.architecture(candidate)?;
        let network = self.space.decode(&architecture)?;
        let path = self.model_path(candidate, "onnx");
        let diverged = candidate.reason.is_some();
        let form = self.config.input_form;
        let bytes = if diverged {
            student::untrained(&network, self.config.seeds.weights, form)?
        } else {
            let weights = WeightsFile::read(&self.weights_path(candidate))?;
            student::trained(&network, &weights, form)?
        };
        replace_file(&path, &bytes).or_unwritable()?;
        replace_file(&self.model_path(candidate, "json"), architecture.to_json().as_bytes())
            .or_unwritable()?;
        Ok(path)
    }
}

/// Whether every other candidate would fail as well: there is no worker, or this machine's disk is full.
fn ends_the_search(error: &ChildError) -> bool {
    match error {
        ChildError::Start { .. } => true,
        ChildError::Failed(failure) => failure.kind == FailureKind::Device,
        _ => false,
    }
}

/// Adds to the reason that training has given already, such as a diverged loss.
fn add_reason(candidate: &mut Candidate, more: String) {
    let reasons: Vec<_> = candidate.reason.take().into_iter().chain([more]).collect();
    candidate.reason = Some(reasons.join("; "));
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
    let estimate = measurement.number();
    Latency { median_ns: estimate.point.0, lo_ns: estimate.lo.0, hi_ns: estimate.hi.0 }
}
