//! The clock that times inferences, and what using it costs.
//!
//! **Invariant:** both numbers are measured here, not taken from what the system claims.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::Clock;

const READS: u32 = 2000;

/// The smallest step seen between two readings, and the mean cost of one.
pub(crate) fn measure() -> Clock {
    let start = Instant::now();
    let mut last = start;
    let mut step = Duration::MAX;
    for _ in 0..READS {
        let now = Instant::now();
        if now > last {
            step = step.min(now - last);
        }
        last = now;
    }
    let begun = Instant::now();
    for _ in 0..READS {
        black_box(Instant::now());
    }
    let overhead = begun.elapsed() / READS;
    // A clock that never moved is coarser than all of the readings together.
    let resolution = if step == Duration::MAX { start.elapsed() } else { step };
    Clock { resolution_ns: nanos(resolution).max(1), overhead_ns: nanos(overhead) }
}

/// The nanoseconds of a duration: 584 years fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
