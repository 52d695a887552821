//! The clock that times inferences, and what using it costs.
//!
//! **Invariant:** both numbers are measured here, not taken from what the system claims.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::Clock;

/// Readings are timed in batches. Another process takes the processor during few of them.
const BATCHES: usize = 40;
const READS: u32 = 50;

/// The smallest step seen between two readings, and the cost of one where nothing disturbed it.
pub(crate) fn measure() -> Clock {
    measure_of(Instant::now)
}

fn measure_of(mut now: impl FnMut() -> Instant) -> Clock {
    let start = now();
    let mut last = start;
    let mut step = Duration::MAX;
    for _ in 0..BATCHES * READS as usize {
        let now = now();
        if now > last {
            step = step.min(now - last);
        }
        last = now;
    }
    // A mean over all readings would hold the time of the process that came in between: 4 ms of it make
    // each of 2000 readings dearer by 2 µs.
    let batch = |_| {
        let begun = now();
        let mut ended = begun;
        for _ in 0..READS {
            ended = black_box(now());
        }
        (ended - begun) / READS
    };
    let overhead = (0..BATCHES).map(batch).min().unwrap_or_default();
    // A clock that never moved is coarser than all of the readings together.
    let resolution = if step == Duration::MAX { now() - start } else { step };
    Clock { resolution_ns: nanos(resolution).max(1), overhead_ns: nanos(overhead) }
}

/// The nanoseconds of a duration: 584 years fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that costs 25 ns a reading, on a processor that is taken away for 4 ms at these readings.
    fn clock(preempted: &[usize]) -> Clock {
        let (mut at, mut reading) = (Instant::now(), 0);
        measure_of(|| {
            reading += 1;
            let lost = if preempted.contains(&reading) { 4_000_000 } else { 0 };
            at += Duration::from_nanos(25 + lost);
            at
        })
    }

    #[test]
    fn a_clock_costs_what_its_undisturbed_readings_cost() {
        let undisturbed = Clock { resolution_ns: 25, overhead_ns: 25 };
        assert_eq!(clock(&[]), undisturbed);
        // Once or often, while its steps are looked for or while its readings are timed.
        let often: Vec<usize> = (1..4000).step_by(90).collect();
        for preempted in [&[1][..], &[700], &[2500], &[3999], &often] {
            assert_eq!(clock(preempted), undisturbed, "{preempted:?}");
        }
    }
}
