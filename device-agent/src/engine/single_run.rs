//! Runs a model once on given inputs, for parity tests.
//!
//! **Invariant:** the model is loaded and optimised exactly as for a launch on one thread.

use super::{Engine, EngineError, model_file};
use crate::timing::launch::has_precision;
use pearl_agent::protocol::messages::{RunReport, RunRequest};

/// # Errors
/// Where the model cannot be loaded or run, the inputs do not fit, or the device lacks the precision.
pub(crate) fn run(engine: &impl Engine, request: &RunRequest) -> Result<RunReport, EngineError> {
    has_precision(engine, request.precision)?;
    let bytes = model_file::read_model(&request.model, request.limits.model_bytes)?;
    let loaded = engine.load(&request.model, bytes, &request.sizes)?;
    let mut model = engine.optimise(loaded, request.precision)?;
    model.set_inputs(&request.inputs)?;
    Ok(RunReport { outputs: model.outputs()? })
}
