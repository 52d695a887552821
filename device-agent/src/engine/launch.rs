//! One launch: load, optimise, warm up, sample; in a process that does nothing else.
//!
//! **Invariant:** everything that is reported was measured in this process and in this order.

use std::time::Instant;

use super::clock::{self, nanos};
use super::sampler::{self, MOST_SAMPLES};
use super::{Engine, EngineError, input, model_file, pinning, sentinel, state, usage, warm_up};
use crate::agent::{LaunchReport, LaunchRequest};

/// # Errors
/// Where the request makes no sense here, or the model cannot be loaded or run.
pub fn launch(engine: &impl Engine, request: &LaunchRequest) -> Result<LaunchReport, EngineError> {
    check(request)?;
    pinning::pin(&request.cpus)?;
    let bytes = model_file::read_model(&request.model, request.limits.model_bytes)?;

    let begun = Instant::now();
    let loaded = engine.load(&request.model.path, bytes)?;
    let load_ns = nanos(begun.elapsed());
    let begun = Instant::now();
    let mut model = engine.optimise(loaded)?;
    let optimise_ns = nanos(begun.elapsed());

    let tensors = input::random(model.inputs(), request.input_seed);
    model.set_inputs(&tensors)?;
    drop(tensors);

    let clock = clock::measure();
    let warmed_up = warm_up::warm_up(&mut *model, request.warm_up)?;
    let state_before = state::state(&request.cpus);
    let sentinel_before_ns = sentinel::median_ns();
    // Brings back what reading the state and the sentinel pushed out of the caches.
    model.infer()?;
    let sampled = sampler::sample(&mut *model, request.sampling)?;
    let sentinel_after_ns = sentinel::median_ns();
    let state_after = state::state(&request.cpus);

    Ok(LaunchReport {
        load_ns,
        optimise_ns,
        warm_up_ns: warmed_up.samples_ns,
        steady: warmed_up.steady,
        samples_ns: sampled.samples_ns,
        cpu_ns: sampled.cpu_ns,
        wall_ns: sampled.wall_ns,
        involuntary_switches: sampled.involuntary_switches,
        clock,
        sentinel_before_ns,
        sentinel_after_ns,
        threads: 1,
        peak_memory_bytes: usage::peak_memory_bytes(),
        energy_uj: None,
        state_before,
        state_after,
    })
}

fn check(request: &LaunchRequest) -> Result<(), EngineError> {
    let (warm_up, sampling) = (request.warm_up, request.sampling);
    let wrong = if sampling.max_samples == 0 {
        "no samples asked for".into()
    } else if sampling.max_samples > MOST_SAMPLES {
        format!("{} samples asked for, the limit is {MOST_SAMPLES}", sampling.max_samples)
    } else if sampling.min_samples > sampling.max_samples {
        "the least number of samples exceeds the most".into()
    } else if warm_up.min_ns > warm_up.max_ns {
        "the shortest warm-up exceeds the longest".into()
    } else {
        return Ok(());
    };
    Err(EngineError::Request(wrong))
}
