//! Runs a model once and tells its outputs.
//!
//! **Invariant:** the model is loaded, optimised and fed exactly as for a launch on one thread.

use super::{Engine, EngineError, input, model_file};
use crate::timing::launch::{blame_values, has_precision};
use pearl_agent::protocol::messages::{RunReport, RunRequest};

/// # Errors
/// Where the model cannot be loaded or run, the inputs do not fit, or the device lacks the precision.
pub(crate) fn run(engine: &impl Engine, request: &RunRequest) -> Result<RunReport, EngineError> {
    has_precision(engine, request.precision)?;
    let bytes = model_file::read_model(&request.model, request.limits.model_bytes)?;
    let loaded = engine.load(&request.model, bytes, &request.sizes)?;
    let mut model = engine.optimise(loaded, request.precision)?;
    if !request.inputs.is_empty() {
        model.set_inputs(&request.inputs)?;
        return Ok(RunReport { outputs: model.outputs()?, inputs: Vec::new(), fed: Vec::new() });
    }
    let fed =
        input::feed(&request.model.path, model.inputs(), &request.values, request.input_seed)?;
    let (fed, inputs): (Vec<_>, Vec<_>) =
        fed.into_iter().map(|fed| (fed.tensor, fed.report)).unzip();
    model.set_inputs(&fed)?;
    let outputs = model.outputs().map_err(|error| blame_values(error, &inputs))?;
    Ok(RunReport { outputs, inputs, fed })
}
