//! The winner: chosen, trained at length, exported and measured again.

use anyhow::Context;
use fs_err as fs;
use pearl_calibration::Verdict;

use super::event::Observer;
use super::run::Run;
use super::{Event, FinalTraining};
use crate::data::class_names::class_names;
use crate::measure::{Measurement, Session, Settings, Step, model_file};
use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass};
use crate::search::choice::choose;
use crate::search::objective::Contender;
use crate::search::steps::latency;
use crate::store::{Best, Miss};
use crate::student::{self, Student};
use crate::train::weights_file::{WeightsFile, replace_file};
use crate::train::worker_client;
use crate::train::worker_protocol::{
    Accuracy, Loss, NetworkSource, Recipe, Split, TrainReport, TrainRequest,
};

/// Trains, exports and measures the winner, unless that has been done. If it misses the budget then, the next
/// one is taken; where none is left, the last one is returned, with what it missed by.
pub(super) fn make(run: &mut Run<'_>, observer: &mut Observer<'_>) -> anyhow::Result<Option<Best>> {
    let Some(training) = run.config.final_training else { return Ok(None) };
    let stored = run.store.fact("best").or_class(ErrorClass::Usage)?;
    let last = stored.map(|text| serde_json::from_str(&text)).transpose();
    let last: Option<Best> = last.or_class(ErrorClass::Input).context("the stored winner")?;
    // What an earlier segment found holds under its conditions alone.
    let mut last = last.filter(|best| best.segment == run.state.segment);
    loop {
        let missed = last.as_ref().map(Best::all_missed).unwrap_or_default();
        let (candidates, budget_ns) = (&run.state.candidates, run.state.budget_ns);
        let Some(index) = choose(candidates, budget_ns, run.config.window_ns, &missed) else {
            return Ok(last.filter(|best| !best.within_budget));
        };
        let FinalTraining { epochs, images } = training;
        let same = |best: &Best| {
            (best.index, best.epochs, best.images) == (index, epochs, images)
                && run.config.out.join("best.onnx").is_file()
        };
        if let Some(best) = last.as_ref().filter(|best| same(best)) {
            return Ok(Some(best.clone()));
        }
        let best = train(run, index, training, missed, observer)?;
        let text = serde_json::to_string(&best).context("own result")?;
        run.store.set_fact("best", &text).or_class(ErrorClass::Usage)?;
        if !best.within_budget {
            observer(Event::Missed { best: &best });
        }
        last = Some(best);
    }
}

/// Trains, exports and measures a candidate at length.
fn train(
    run: &mut Run<'_>,
    index: usize,
    training: FinalTraining,
    missed: Vec<Miss>,
    observer: &mut Observer<'_>,
) -> anyhow::Result<Best> {
    let out = &run.config.out;
    let onnx_path = out.join("best.onnx");
    let candidate = run.state.candidates[index].clone();
    let architecture = run.architecture(&candidate)?;
    let weights_path = out.join("best.safetensors");
    let request = TrainRequest {
        network: NetworkSource::Architecture(architecture.clone()),
        data: run.config.data.clone(),
        split: Split { images: training.images, ..run.config.split },
        recipe: Recipe { epochs: training.epochs, ..run.config.recipe },
        loss: run.config.loss.clone(),
        seeds: run.config.seeds.of_candidate(index),
        weights_out: Some(weights_path.clone()),
        test: true,
    };
    let report = run
        .worker
        .train(&request, |progress| {
            observer(Event::Winner { index, step: progress.step, steps: progress.steps });
        })
        .map_err(|error| worker_client::classified(&error))?;

    if let Some(reason) = &report.diverged {
        return Err(Classified::input(format_args!(
            "candidate {index}: its final training diverged: {reason}; see all candidates with `pearl \
             report {}`, and train {}/models/{}.json with `pearl train` and a lower --learning-rate",
            out.display(),
            out.display(),
            candidate.arch_id
        ))
        .into());
    }
    let network = architecture.network().context("own architecture")?;
    let weights = WeightsFile::read(&weights_path)?;
    let onnx = student::trained(&network, &weights, run.config.input_form)?;
    replace_file(&onnx_path, &onnx).or_unwritable()?;
    replace_file(&out.join("best.json"), architecture.to_json().as_bytes()).or_unwritable()?;

    let settings =
        Settings { stopping_rule: Settings::bench().stopping_rule, ..run.measuring.clone() };
    let model = model_file(&onnx_path, settings.limits.model_bytes)?;
    let seed = run.config.seeds.measurement;
    let mut session = Session::new(run.agent, &settings, seed);
    let mut measured = session.measure(vec![model], |step| match step {
        Step::Waiting { who } => observer(Event::Waiting { who }),
        Step::Launched { launches, .. } => {
            observer(Event::Measuring { index, launches: *launches });
        }
        _ => {}
    })?;
    let measurement = measured.pop().expect("one model gives one result")?;
    run.keep(None, &measurement)?;
    let latency = latency(&measurement);
    let final_one = Contender {
        index,
        accuracy: report.holdout.share(),
        latency_ns: latency.median_ns,
        lo_ns: latency.lo_ns,
        hi_ns: latency.hi_ns,
    };
    // A number that the device's disturbances made uncertain is held against the budget by its centre.
    let is_stable = measurement.judgement.verdict == Verdict::Stable;
    let final_one = if is_stable {
        final_one
    } else {
        Contender { lo_ns: latency.median_ns, hi_ns: latency.median_ns, ..final_one }
    };
    fs::metadata(&onnx_path).or_unwritable()?;
    let onnx = complete(run, onnx, &candidate.arch_id, &report, &measurement)?;
    replace_file(&onnx_path, &onnx).or_unwritable()?;
    Ok(Best {
        index,
        arch_id: candidate.arch_id,
        epochs: training.epochs,
        images: training.images,
        holdout_accuracy: report.holdout.share(),
        test_accuracy: report.test.context("the worker did not evaluate the test images")?.share(),
        latency_ns: latency.median_ns,
        lo_ns: latency.lo_ns,
        hi_ns: latency.hi_ns,
        verdict: measurement.judgement.verdict.to_string(),
        within_budget: final_one.is_within(run.state.budget_ns, run.config.window_ns),
        missed,
        segment: run.state.segment,
    })
}

/// The file that was measured, with what is known of the student appended.
fn complete(
    run: &Run<'_>,
    onnx: Vec<u8>,
    arch_id: &str,
    report: &TrainReport,
    measurement: &Measurement,
) -> anyhow::Result<Vec<u8>> {
    let config = run.config;
    let folder = fs::canonicalize(&config.out).or_class(ErrorClass::Usage)?;
    let started = run.store.fact("started").or_class(ErrorClass::Usage)?;
    let classes = class_names(&config.data, run.space.classes()).or_class(ErrorClass::Input)?;
    let student = Student {
        run: folder.file_name().and_then(|name| name.to_str()),
        started: started.as_deref(),
        arch_id: Some(arch_id),
        classes: &classes,
        teacher: config.teacher.as_ref().filter(|_| config.loss != Loss::Hard),
        test_accuracy: report.test.map_or(0.0, Accuracy::share),
        holdout_accuracy: report.holdout.share(),
        measured: Some(measurement),
    };
    Ok(student.complete(onnx))
}
