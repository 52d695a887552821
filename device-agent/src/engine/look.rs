//! A look at the device without a model: what it is like just now, and who else uses it.
//!
//! **Invariant:** in a process of its own, as a launch is, so that both see the same device.

use std::thread;
use std::time::{Duration, Instant};

use super::clock::{self, nanos};
use super::others::Counted;
use super::procfs::Tree;
use super::sentinel::Sentinel;
use super::{Engine, EngineError, launch, pinning, state};
use crate::agent::{LONGEST_LOOK_NS, LookReport, LookRequest};

const LEAST_READINGS: usize = 9;
/// Between readings: as far apart as in a launch, and the device stays cool.
const PAUSE: Duration = Duration::from_millis(20);

/// # Errors
/// Where the processors asked for are not ours to use, or the look would take too long.
pub fn look(
    engine: &(impl Engine + Sync),
    request: &LookRequest,
) -> Result<LookReport, EngineError> {
    if request.look_ns > LONGEST_LOOK_NS {
        let message = format!("a look of {} ns, the limit is {LONGEST_LOOK_NS}", request.look_ns);
        return Err(EngineError::Request(message));
    }
    launch::has_threads(&request.cpus, request.threads)?;
    pinning::pin(&request.cpus)?;
    engine.on_threads(request.threads, || look_around(engine, request))
}

fn look_around(engine: &impl Engine, request: &LookRequest) -> Result<LookReport, EngineError> {
    let (clock, tree) = (clock::measure(), Tree::of_the_device());
    let mut sentinel = Sentinel::new(engine)?;
    let (before, begun) = (Counted::now(&tree), Instant::now());
    let mut readings = Vec::new();
    while readings.len() < LEAST_READINGS || nanos(begun.elapsed()) < request.look_ns {
        thread::sleep(PAUSE);
        // A core that had nothing to do runs slowly at first.
        sentinel.read()?;
        readings.push(sentinel.read()?);
    }
    let others = before.until(&Counted::now(&tree), nanos(begun.elapsed()));
    let state = state::state(&tree, &request.cpus);
    Ok(LookReport { state, clock, readings, others })
}
