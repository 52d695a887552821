//! The time of each operator, within whole inferences.
//!
//! Inferences with a clock around every operator alternate with plain ones, so that what the clock
//! costs can be seen, and a change of the device hits both.
//!
//! **Invariant:** operators are timed in their network, in its order, never alone.

use std::time::Instant;

use super::clock::nanos;
use super::launch::{self, Prepared};
use super::sampler::median;
use crate::engine::{Engine, EngineError, Runnable};
use crate::platform::pinning;
use crate::timing::warm_up;
use pearl_agent::protocol::messages::{LaunchRequest, OpProfile, ProfileReport, ProfileRequest};

/// Most inferences that are profiled: of each, the times of all operators are kept.
const MOST_INFERENCES: usize = 1000;

/// # Errors
/// As [`launch::launch`].
pub(crate) fn profile(
    engine: &(impl Engine + Sync),
    request: &ProfileRequest,
) -> Result<ProfileReport, EngineError> {
    let request = &request.launch;
    launch::check(engine, request)?;
    pinning::pin(&request.cpus)?;
    engine.on_threads(request.threads, || {
        let Prepared { mut model, .. } = launch::prepare(engine, request)?;
        warm_up::warm_up(&mut *model, request.warm_up)?;
        alternate(&mut *model, request)
    })
}

fn alternate(
    model: &mut dyn Runnable,
    request: &LaunchRequest,
) -> Result<ProfileReport, EngineError> {
    let nodes = model.nodes();
    let rule = request.sampling;
    let most = rule.max_samples.min(MOST_INFERENCES);
    let least = rule.min_samples.min(most);
    let mut times_ns: Vec<Vec<u64>> = vec![Vec::with_capacity(most); nodes.len()];
    let (mut plain_ns, mut profiled_ns) = (Vec::new(), Vec::new());
    let mut of_one = vec![0; nodes.len()];
    let start = Instant::now();
    while profiled_ns.len() < most {
        let begun = Instant::now();
        model.infer()?;
        plain_ns.push(nanos(begun.elapsed()));
        of_one.fill(0);
        let begun = Instant::now();
        model.infer_timed(&mut of_one)?;
        profiled_ns.push(nanos(begun.elapsed()));
        for (times, time) in times_ns.iter_mut().zip(&of_one) {
            times.push(*time);
        }
        if profiled_ns.len() >= least && nanos(start.elapsed()) >= rule.slice_ns {
            break;
        }
    }
    let ops = nodes.into_iter().zip(&times_ns).map(|(node, times)| OpProfile {
        name: node.name,
        operator: node.operator,
        inputs: node.inputs,
        output: node.output,
        attributes: node.attributes,
        median_ns: median(times),
    });
    Ok(ProfileReport {
        ops: ops.collect(),
        inferences: profiled_ns.len(),
        profiled_ns: median(&profiled_ns),
        plain_ns: median(&plain_ns),
    })
}
