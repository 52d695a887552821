//! The winner: chosen, trained at length, exported and measured again.

use anyhow::Context;
use fs_err as fs;
use pearl_models::onnx;

use super::event::Observer;
use super::run::Run;
use super::{Event, FinalTraining};
use crate::measure::{Session, Settings, Step, model_file};
use crate::output::error_class::{Classified, Classify, ErrorClass};
use crate::search::choice::choose;
use crate::search::steps::latency;
use crate::store::Best;
use crate::train::weights_file::{WeightsFile, replace_file};
use crate::train::worker_client;
use crate::train::worker_protocol::{NetworkSource, Recipe, Split, TrainRequest};

/// Trains, exports and measures the winner, unless that has been done.
pub(super) fn make(run: &mut Run<'_>, observer: &mut Observer<'_>) -> anyhow::Result<Option<Best>> {
    let chosen = choose(&run.state.candidates, run.state.budget_ns, run.config.window_ns);
    let (Some(index), Some(training)) = (chosen, run.config.final_training) else {
        return Ok(None);
    };
    let out = &run.config.out;
    let onnx_path = out.join("best.onnx");
    if let Some(stored) = run.store.fact("best").or_class(ErrorClass::Usage)? {
        let stored: Best = serde_json::from_str(&stored).or_class(ErrorClass::Usage)?;
        let FinalTraining { epochs, images } = training;
        let same = (stored.index, stored.epochs, stored.images) == (index, epochs, images);
        if same && onnx_path.is_file() {
            return Ok(Some(stored));
        }
    }
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

    if let Some(reason) = report.diverged {
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
    replace_file(&onnx_path, &onnx::export(&network, &weights)?).or_class(ErrorClass::Usage)?;
    replace_file(&out.join("best.json"), architecture.to_json().as_bytes())
        .or_class(ErrorClass::Usage)?;

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
    let best = Best {
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
    };
    let text = serde_json::to_string(&best).context("own result")?;
    run.store.set_fact("best", &text).or_class(ErrorClass::Usage)?;
    fs::metadata(&onnx_path).or_class(ErrorClass::Usage)?;
    Ok(Some(best))
}
