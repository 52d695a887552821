//! Probes the device without a model: its current speed and state, and the other processes on it.
//!
//! **Invariant:** a probe runs in a process of its own, as a launch does, so that both see the same device.

use std::thread;
use std::time::{Duration, Instant};

use super::clock::{self, nanos};
use super::sentinel::Sentinel;
use crate::engine::{Engine, EngineError};
use crate::platform::others::Counted;
use crate::platform::procfs::Tree;
use crate::platform::{device_state, pinning};
use crate::timing::launch;
use pearl_agent::protocol::messages::{LONGEST_PROBE_NS, ProbeReport, ProbeRequest, Reading};

const LEAST_READINGS: usize = 9;
/// On a device where a reading takes long, as on an emulated one, a probe is not to take minutes.
const LEAST_SLOW_READINGS: usize = 3;
/// A reading that takes longer is a slow one.
const SLOW: Duration = Duration::from_millis(250);
/// Pause between readings: they are as far apart as in a launch, and the device stays cool.
const PAUSE: Duration = Duration::from_millis(20);

/// # Errors
/// Where the process may not use the requested processors, or the probe would take too long.
pub(crate) fn probe(
    engine: &(impl Engine + Sync),
    request: &ProbeRequest,
) -> Result<ProbeReport, EngineError> {
    if request.probe_ns > LONGEST_PROBE_NS {
        let message =
            format!("a probe of {} ns, the limit is {LONGEST_PROBE_NS}", request.probe_ns);
        return Err(EngineError::Request(message));
    }
    launch::has_threads(&request.cpus, request.threads)?;
    pinning::pin(&request.cpus)?;
    engine.on_threads(request.threads, || probe_here(engine, request))
}

fn probe_here(engine: &impl Engine, request: &ProbeRequest) -> Result<ProbeReport, EngineError> {
    let (clock, tree) = (clock::measure(), Tree::of_the_device());
    let mut sentinel = Sentinel::new(engine)?;
    let (before, begun) = (Counted::now(&tree), Instant::now());
    let mut readings: Vec<Reading> = Vec::new();
    let slow =
        |readings: &[Reading]| readings.last().is_some_and(|reading| reading.wall_ns > nanos(SLOW));
    while readings.len() < if slow(&readings) { LEAST_SLOW_READINGS } else { LEAST_READINGS }
        || nanos(begun.elapsed()) < request.probe_ns
    {
        thread::sleep(PAUSE);
        // The first reading after a pause is dropped: an idle core runs slowly at first. In a slow
        // reading the core has time enough to wake up.
        if !slow(&readings) {
            sentinel.read()?;
        }
        readings.push(sentinel.read()?);
    }
    let others = before.until(&Counted::now(&tree), nanos(begun.elapsed()));
    let state = device_state::state(&tree, &request.cpus);
    Ok(ProbeReport { state, clock, readings, others })
}
