//! A fixed, tiny workload that tells the device's mood apart from the model's cost.
//!
//! Half of it is one chain of dependent operations, whose time follows the core's clock rate; half
//! is as many independent multiplications and additions as the core can do at once, which a
//! neighbour on the same core's other hardware thread slows down. Both fit the smallest first-level
//! cache.
//!
//! **Invariant:** the same work on every device and in every launch of one agent build; about a
//! millisecond on a fast core.

use std::hint::black_box;
use std::time::Instant;

use super::clock::nanos;

const REPEATS: usize = 9;
const CHAIN_ROUNDS: usize = 65_000;
const CHAIN_TABLE: usize = 1024;
/// Enough independent sums that the arithmetic units are busy all the time.
const LANES: usize = 48;
const LANE_TABLE: usize = 20 * LANES;
const LANE_ROUNDS: usize = 3000;

/// The median of several repeats, in nanoseconds.
pub fn median_ns() -> u64 {
    let chained: [u64; CHAIN_TABLE] = std::array::from_fn(|i| (i as u64 + 1) * 0x9e37_79b9);
    let spread: [f32; LANE_TABLE] = std::array::from_fn(|i| 1.0 + i as f32 / LANE_TABLE as f32);
    let mut times = [0; REPEATS];
    for time in &mut times {
        let start = Instant::now();
        black_box(chain(black_box(&chained)));
        black_box(lanes(black_box(&spread)));
        *time = nanos(start.elapsed());
    }
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

    #[test]
    fn the_work_depends_on_its_tables_and_stays_finite() {
        assert_ne!(chain(&[1; CHAIN_TABLE]), chain(&[2; CHAIN_TABLE]));
        let sums = lanes(&[1.0; LANE_TABLE]);
        // The limit of s · 0.999 + 1.
        assert!(sums.iter().all(|sum| (sum - 1000.0).abs() < 1.0), "{sums:?}");
        assert!(median_ns() > 0);
    }
}
