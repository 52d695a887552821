//! Given inputs through a model once, for parity.
//!
//! **Invariant:** the model is loaded and optimised exactly as for a launch on one thread in full precision.

use super::{Engine, EngineError, model_file};
use crate::agent::{Precision, RunReport, RunRequest};

/// # Errors
/// Where the model cannot be loaded or run, or the inputs do not fit.
pub fn run(engine: &impl Engine, request: &RunRequest) -> Result<RunReport, EngineError> {
    let bytes = model_file::read_model(&request.model, request.limits.model_bytes)?;
    let mut model = engine.optimise(engine.load(&request.model.path, bytes)?, Precision::F32)?;
    model.set_inputs(&request.inputs)?;
    Ok(RunReport { outputs: model.outputs()? })
}
