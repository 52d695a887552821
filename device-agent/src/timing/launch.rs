//! One launch: load, optimise, warm up, sample; in a process that does nothing else.
//!
//! **Invariant:** everything that is reported was measured in this process and in this order.

use std::collections::BTreeSet;
use std::time::Instant;

use super::clock::{self, nanos};
use super::sampler::{self, MOST_SAMPLES, median};
use super::sentinel::Sentinel;
use crate::engine::error::one_line;
use crate::engine::{Engine, EngineError, Runnable, input, model_file};
use crate::platform::cycles::Cycles;
use crate::platform::energy::Meter;
use crate::platform::procfs::Tree;
use crate::platform::threads::Times;
use crate::platform::{device_state, pinning, usage};
use crate::timing::{other_inputs, warm_up};
use pearl_agent::protocol::messages::{InputReport, LaunchReport, LaunchRequest, Precision};

/// # Errors
/// Where the request is invalid here, or the model cannot be loaded or run.
pub(crate) fn launch(
    engine: &(impl Engine + Sync),
    request: &LaunchRequest,
) -> Result<LaunchReport, EngineError> {
    check(engine, request)?;
    pinning::pin(&request.cpus)?;
    engine.on_threads(request.threads, || measure(engine, request))
}

/// A model with its inputs, and the times to load and to optimise it.
pub(crate) struct Prepared {
    pub(crate) model: Box<dyn Runnable>,
    pub(crate) inputs: Vec<InputReport>,
    pub(crate) load_ns: u64,
    pub(crate) optimise_ns: u64,
}

/// # Errors
/// Where the model cannot be loaded or optimised.
pub(crate) fn prepare(
    engine: &impl Engine,
    request: &LaunchRequest,
) -> Result<Prepared, EngineError> {
    let bytes = model_file::read_model(&request.model, request.limits.model_bytes)?;
    let begun = Instant::now();
    let loaded = engine.load(&request.model, bytes, &request.sizes)?;
    let load_ns = nanos(begun.elapsed());
    let begun = Instant::now();
    let mut model = engine.optimise(loaded, request.precision)?;
    let optimise_ns = nanos(begun.elapsed());
    let fed =
        input::feed(&request.model.path, model.inputs(), &request.values, request.input_seed)?;
    let (tensors, inputs): (Vec<_>, Vec<_>) =
        fed.into_iter().map(|fed| (fed.tensor, fed.report)).unzip();
    model.set_inputs(&tensors)?;
    Ok(Prepared { model, inputs, load_ns, optimise_ns })
}

/// A failure of an inference, with the values that the agent chose for inputs.
pub(crate) fn blame_values(error: EngineError, inputs: &[InputReport]) -> EngineError {
    let chosen = inputs.iter().filter(|input| input.chosen);
    let told: Vec<_> =
        chosen.map(|input| format!("'{}' ({})", one_line(&input.name), input.values)).collect();
    match told.is_empty() {
        true => error,
        false => EngineError::Fed { source: Box::new(error), inputs: told.join(", ") },
    }
}

fn measure(engine: &impl Engine, request: &LaunchRequest) -> Result<LaunchReport, EngineError> {
    let Prepared { mut model, inputs, load_ns, optimise_ns } = prepare(engine, request)?;
    let tree = Tree::of_the_device();

    let clock = clock::measure();
    let threads_before = Times::now();
    let warmed_up = warm_up::warm_up(&mut *model, request.warm_up)
        .map_err(|error| blame_values(error, &inputs))?;
    // Counted before the sentinel's network computes on the same threads.
    let threads = threads_before.busy_until(&Times::now());
    // Read before the reference workload (sentinel) allocates memory.
    let peak_memory_bytes = usage::peak_memory_bytes();
    let mut sentinel = Sentinel::new(engine)?;
    let typical_ns = median(&warmed_up.samples_ns);
    let state_before = device_state::state(&tree, &request.cpus);
    // With several threads this one does only a part of the work.
    let mut cycles = match request.threads {
        1 => Cycles::of_this_thread(&request.cpus),
        _ => Cycles::default(),
    };
    let (energy_before, begun) = (Meter::read(&tree), Instant::now());
    let sampled =
        sampler::sample(&mut *model, request.sampling, typical_ns, &mut sentinel, &mut cycles)?;
    // The readings' share of the energy is taken out by their share of the time.
    let share = sampled.wall_ns as f64 / nanos(begun.elapsed()).max(1) as f64;
    let energy_uj = energy_before.used_uj(&Meter::read(&tree)).map(|uj| (uj as f64 * share) as u64);
    let state_after = device_state::state(&tree, &request.cpus);
    // Last, because it changes what is fed.
    let by_seed_ns = other_inputs::times(&mut *model, request, typical_ns);

    Ok(LaunchReport {
        inputs,
        graph: model.graph().clone(),
        by_seed_ns,
        load_ns,
        optimise_ns,
        warm_up_ns: warmed_up.samples_ns,
        steady: warmed_up.steady,
        samples_ns: sampled.samples_ns,
        blocks: sampled.blocks,
        readings: sampled.readings,
        cpu_ns: sampled.cpu_ns,
        wall_ns: sampled.wall_ns,
        samples_cpu_ns: sampled.samples_cpu_ns,
        involuntary_switches: sampled.involuntary_switches,
        clock,
        threads,
        peak_memory_bytes,
        energy_uj,
        cycles: cycles.counted().map(|[cycles, _]| cycles),
        instructions: cycles.counted().map(|[_, instructions]| instructions),
        state_before,
        state_after,
    })
}

/// # Errors
/// Where the request is invalid, or asks for something that the device lacks.
pub(crate) fn check(engine: &impl Engine, request: &LaunchRequest) -> Result<(), EngineError> {
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
        has_threads(&request.cpus, request.threads)?;
        return has_precision(engine, request.precision);
    };
    Err(EngineError::Request(wrong))
}

/// # Errors
/// Where `threads` is zero, or so many cannot run at once on `cpus` (all where `cpus` is empty).
pub(crate) fn has_threads(cpus: &[usize], threads: usize) -> Result<(), EngineError> {
    if threads == 0 {
        return Err(EngineError::Request("no threads asked for".into()));
    }
    let processors = if cpus.is_empty() {
        pinning::allowed().len()
    } else {
        cpus.iter().collect::<BTreeSet<_>>().len()
    };
    if threads > processors.max(1) {
        let lacking = format!("{threads} threads cannot run at once on {processors} processors");
        return Err(EngineError::Device(lacking));
    }
    Ok(())
}

/// # Errors
/// Where these processors, or the engine for them, lack it.
pub(crate) fn has_precision(engine: &impl Engine, precision: Precision) -> Result<(), EngineError> {
    if precision == Precision::F16 && !engine.half_precision() {
        let arch = std::env::consts::ARCH;
        let lacking = if arch == "aarch64" {
            "these processors lack the instructions for it (asimdhp)".into()
        } else {
            format!("the engine has it for aarch64 processors only, not for {arch}")
        };
        return Err(EngineError::Device(format!("precision f16: {lacking}; use f32")));
    }
    Ok(())
}
