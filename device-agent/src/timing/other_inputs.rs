//! Times a network on other random inputs than those of its samples.
//!
//! **Invariant:** takes about a second at most, costs no launch its samples, and tells nothing rather than
//! something that one disturbance could have made.

use std::time::{Duration, Instant};

use super::clock::nanos;
use crate::engine::{EngineError, Runnable, input};
use pearl_agent::protocol::messages::LaunchRequest;

/// No round begins after this time.
const BUDGET: Duration = Duration::from_secs(1);
/// Timings for each seed whose shortest counts; an inference before each is not timed.
const ROUNDS: usize = 5;
/// A timing of fewer nanoseconds would show whatever came in between; it holds several inferences then.
const LEAST_TIMING_NS: u64 = 1_000_000;
/// Fewer could be a disturbance.
const LEAST_ROUNDS: usize = 3;

/// The shortest inference for the request's seed and each other one, in turns, so that a disturbance meets all
/// of them. Empty where nobody asks, no input is random, there is no time for it, or other inputs fail.
pub(super) fn times(
    model: &mut dyn Runnable,
    request: &LaunchRequest,
    typical_ns: u64,
) -> Vec<u64> {
    let seeds: Vec<u64> =
        [request.input_seed].into_iter().chain(request.other_seeds.iter().copied()).collect();
    let repeats = (LEAST_TIMING_NS / typical_ns.max(1)).clamp(1, 10_000);
    let round_ns = typical_ns.saturating_mul((1 + repeats) * seeds.len() as u64);
    let least_ns = round_ns.saturating_mul(LEAST_ROUNDS as u64);
    if seeds.len() < 2 || Duration::from_nanos(least_ns) > BUDGET {
        return Vec::new();
    }
    let begun = Instant::now();
    let mut shortest = vec![u64::MAX; seeds.len()];
    let mut rounds = 0;
    while rounds < ROUNDS && begun.elapsed() < BUDGET {
        for (seed, shortest) in seeds.iter().zip(&mut shortest) {
            match once(model, request, *seed, repeats) {
                Ok(Some(took)) => *shortest = took.min(*shortest),
                Ok(None) | Err(_) => return Vec::new(),
            }
        }
        rounds += 1;
    }
    if rounds < LEAST_ROUNDS { Vec::new() } else { shortest }
}

/// The mean of so many inferences after a first one; `None` where nothing that is fed is random.
fn once(
    model: &mut dyn Runnable,
    request: &LaunchRequest,
    seed: u64,
    repeats: u64,
) -> Result<Option<u64>, EngineError> {
    let fed = input::feed(&request.model.path, model.inputs(), &request.values, seed)?;
    if !fed.iter().any(|fed| fed.random) {
        return Ok(None);
    }
    let tensors: Vec<_> = fed.into_iter().map(|fed| fed.tensor).collect();
    model.set_inputs(&tensors)?;
    model.infer()?;
    let begun = Instant::now();
    for _ in 0..repeats {
        model.infer()?;
    }
    Ok(Some(nanos(begun.elapsed()) / repeats))
}
