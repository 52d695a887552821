//! The reference workload (sentinel): a fixed computation that is timed next to a model, so that a slow
//! device can be distinguished from a slow model.
//!
//! The sentinel has three parts.
//!
//! - *Core* is arithmetic in the first-level cache. Half of it is one chain of dependent operations, whose
//!   time follows the core's clock rate. The other half is as many independent multiplications and
//!   additions as the core can do at once.
//! - *Network* is a small network in the engine. Another process on the core's other hardware thread slows
//!   it as it slows other networks (see [`crate::engine::reference_network`]).
//! - *Memory* reads 4 MiB in order, more than a core's own caches hold. Other processes that use the shared
//!   caches or the memory slow it.
//!
//! Each part is run once before it is timed. What a model leaves in the core, above all its code and its
//! branches, slows the first inference of the reference network by a fifth to a half. Without that run the
//! same device would look faster beside one model than beside another.
//!
//! **Invariant:** the same work on every device and in every launch of one agent build; a reading takes
//! about two milliseconds on a fast core.

use std::hint::black_box;
use std::time::Instant;

use super::clock::nanos;
use crate::engine::{Engine, EngineError, Runnable};
use crate::platform::usage::Usage;
use pearl_agent::protocol::messages::Reading;

/// Timed repeats of each part. Their median counts, because an interrupt may hit one of them.
const REPEATS: usize = 3;
const CHAIN_ROUNDS: usize = 20_000;
const CHAIN_TABLE: usize = 1024;
/// Enough independent sums that the arithmetic units are busy all the time.
const LANES: usize = 48;
const LANE_TABLE: usize = 20 * LANES;
const LANE_ROUNDS: usize = 300;
const MEMORY: usize = (4 << 20) / size_of::<u64>();
/// Independent sums of the memory part: a single sum would wait for its own additions.
const WAYS: usize = 16;

pub(crate) struct Sentinel {
    chained: [u64; CHAIN_TABLE],
    spread: [f32; LANE_TABLE],
    memory: Vec<u64>,
    network: Box<dyn Runnable>,
}

impl Sentinel {
    /// # Errors
    /// Where the engine cannot run its own network.
    pub(crate) fn new(engine: &impl Engine) -> Result<Self, EngineError> {
        let mut sentinel = Self {
            chained: std::array::from_fn(|i| (i as u64 + 1) * 0x9e37_79b9),
            spread: std::array::from_fn(|i| 1.0 + i as f32 / LANE_TABLE as f32),
            // Written to, so that every page is in memory.
            memory: (0..MEMORY as u64).collect(),
            network: engine.reference_network()?,
        };
        // The first inference of a network allocates.
        sentinel.read()?;
        Ok(sentinel)
    }

    /// Times all parts once.
    ///
    /// # Errors
    /// Where the network fails.
    pub(crate) fn read(&mut self) -> Result<Reading, EngineError> {
        let (cpu, begun) = (Usage::start(), Instant::now());
        let Self { chained, spread, memory, network } = self;
        let core_ns = median_ns(|| {
            black_box(chain(black_box(chained)));
            black_box(lanes(black_box(spread)));
            Ok(())
        })?;
        let network_ns = median_ns(|| network.infer())?;
        let memory_ns = median_ns(|| {
            black_box(sum(black_box(memory)));
            Ok(())
        })?;
        let (cpu_ns, wall_ns) = (cpu.elapsed_ns(), nanos(begun.elapsed()));
        Ok(Reading { core_ns, network_ns, memory_ns, cpu_ns, wall_ns })
    }
}

fn median_ns(mut work: impl FnMut() -> Result<(), EngineError>) -> Result<u64, EngineError> {
    work()?;
    let mut times = [0; REPEATS];
    for time in &mut times {
        let start = Instant::now();
        work()?;
        *time = nanos(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[REPEATS / 2])
}

fn sum(memory: &[u64]) -> u64 {
    let mut sums = [0_u64; WAYS];
    for row in memory.chunks_exact(WAYS) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(*value);
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

fn chain(table: &[u64; CHAIN_TABLE]) -> u64 {
    (0..CHAIN_ROUNDS).fold(1, |state: u64, _| {
        let entry = table[state as usize % CHAIN_TABLE];
        (state ^ entry).wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(17)
    })
}

fn lanes(table: &[f32; LANE_TABLE]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for _ in 0..LANE_ROUNDS {
        for row in table.chunks_exact(LANES) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum = *sum * 0.999 + value;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tract::Tract;

    #[test]
    fn the_work_depends_on_its_tables_and_stays_finite() {
        assert_ne!(chain(&[1; CHAIN_TABLE]), chain(&[2; CHAIN_TABLE]));
        let sums = lanes(&[1.0; LANE_TABLE]);
        // The limit of s · 0.999 + 1.
        assert!(sums.iter().all(|sum| (sum - 1000.0).abs() < 5.0), "{sums:?}");
        assert_eq!(sum(&[3; 2 * WAYS]), 6 * WAYS as u64);
    }

    #[test]
    fn a_reading_times_all_parts_within_its_own_time() {
        let Reading { core_ns, network_ns, memory_ns, wall_ns, .. } =
            Sentinel::new(&Tract).unwrap().read().unwrap();
        assert!([core_ns, network_ns, memory_ns].iter().all(|part| *part > 0));
        assert!(core_ns + network_ns + memory_ns <= wall_ns);
    }
}
