//! The sentinel: a fixed reference workload that is timed next to a model, so that what slows the
//! device can be told apart from what the model costs.
//!
//! Its first part is arithmetic in the first-level cache: half of it one chain of dependent
//! operations, whose time follows the core's clock rate, half as many independent multiplications and
//! additions as the core can do at once. Its second part is a small network in the engine, which
//! feels neighbours as networks do (see [`super::reference_network`]).
//!
//! **Invariant:** the same work on every device and in every launch of one agent build; a reading takes
//! about a millisecond and a half on a fast core.

use std::hint::black_box;
use std::time::Instant;

use super::clock::nanos;
use super::usage::Usage;
use super::{Engine, EngineError, Runnable};
use crate::agent::Reading;

/// Of the first part. The median counts: the first repeat finds the core as the model left it, and an
/// interrupt may meet another.
const REPEATS: usize = 3;
/// The first finds the caches as the model left them, the second as it left them itself; both are
/// what networks meet.
const INFERENCES: usize = 2;
const CHAIN_ROUNDS: usize = 20_000;
const CHAIN_TABLE: usize = 1024;
/// Enough independent sums that the arithmetic units are busy all the time.
const LANES: usize = 48;
const LANE_TABLE: usize = 20 * LANES;
const LANE_ROUNDS: usize = 300;

pub struct Sentinel {
    chained: [u64; CHAIN_TABLE],
    spread: [f32; LANE_TABLE],
    network: Box<dyn Runnable>,
}

impl Sentinel {
    /// # Errors
    /// Where the engine cannot run its own network.
    pub fn new(engine: &impl Engine) -> Result<Self, EngineError> {
        let mut sentinel = Self {
            chained: std::array::from_fn(|i| (i as u64 + 1) * 0x9e37_79b9),
            spread: std::array::from_fn(|i| 1.0 + i as f32 / LANE_TABLE as f32),
            network: engine.reference_network()?,
        };
        // The first inference of a network allocates.
        sentinel.read()?;
        Ok(sentinel)
    }

    /// Times both parts once.
    ///
    /// # Errors
    /// Where the network fails.
    pub fn read(&mut self) -> Result<Reading, EngineError> {
        let (cpu, begun) = (Usage::start(), Instant::now());
        let core_ns = median_ns(|| {
            black_box(chain(black_box(&self.chained)));
            black_box(lanes(black_box(&self.spread)));
        });
        let start = Instant::now();
        for _ in 0..INFERENCES {
            self.network.infer()?;
        }
        let network_ns = nanos(start.elapsed());
        let (cpu_ns, wall_ns) = (cpu.elapsed_ns(), nanos(begun.elapsed()));
        Ok(Reading { core_ns, network_ns, cpu_ns, wall_ns })
    }
}

fn median_ns(mut work: impl FnMut()) -> u64 {
    let mut times: [u64; REPEATS] = std::array::from_fn(|_| {
        let start = Instant::now();
        work();
        nanos(start.elapsed())
    });
    times.sort_unstable();
    times[REPEATS / 2]
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
    }

    #[test]
    fn a_reading_times_both_parts_within_its_own_time() {
        let Reading { core_ns, network_ns, wall_ns, .. } =
            Sentinel::new(&Tract).unwrap().read().unwrap();
        assert!(core_ns > 0 && network_ns > 0 && core_ns + network_ns <= wall_ns);
    }
}
