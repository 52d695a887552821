//! Times a network on other random inputs than those of its samples.
//!
//! **Invariant:** takes a second or two at most, and nothing at all where no input is random.

use std::time::Instant;

use super::clock::nanos;
use crate::engine::{EngineError, Runnable, input};
use pearl_agent::protocol::messages::{LaunchRequest, TensorData};

/// About how long all of it may take.
const BUDGET_NS: u64 = 1_000_000_000;
/// Inferences for each seed whose shortest counts; a second one before each is not timed.
const ROUNDS: u64 = 5;

/// The shortest inference for each seed, in turns, so that a disturbance meets all of them.
///
/// # Errors
/// Where the model cannot be fed or run.
pub(super) fn times(
    model: &mut dyn Runnable,
    request: &LaunchRequest,
    typical_ns: u64,
) -> Result<Vec<u64>, EngineError> {
    let seeds: Vec<u64> =
        [request.input_seed].into_iter().chain(request.other_seeds.iter().copied()).collect();
    let each_ns = typical_ns.max(1).saturating_mul(2 * seeds.len() as u64);
    let rounds = (BUDGET_NS / each_ns).min(ROUNDS);
    if seeds.len() < 2 || rounds == 0 {
        return Ok(Vec::new());
    }
    let inputs = model.inputs().to_vec();
    let fed = seeds.iter().map(|seed| {
        let fed = input::feed(&request.model.path, &inputs, &request.values, *seed)?;
        Ok(fed.into_iter().map(|fed| fed.tensor).collect())
    });
    let fed: Vec<Vec<TensorData>> = fed.collect::<Result<_, EngineError>>()?;
    if fed.iter().all(|tensors| *tensors == fed[0]) {
        return Ok(Vec::new());
    }
    let mut shortest = vec![u64::MAX; fed.len()];
    for _ in 0..rounds {
        for (tensors, shortest) in fed.iter().zip(&mut shortest) {
            model.set_inputs(tensors)?;
            model.infer()?;
            let begun = Instant::now();
            model.infer()?;
            *shortest = nanos(begun.elapsed()).min(*shortest);
        }
    }
    Ok(shortest)
}
