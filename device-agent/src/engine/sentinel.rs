//! A fixed, tiny workload that tells the device's mood apart from the model's cost.
//!
//! Chains of dependent integer and float arithmetic over a table that fits the smallest first-level
//! cache: its time follows the core's clock rate and whoever shares the core, and nothing else.
//!
//! **Invariant:** the same work on every device and in every version that reports it under the same
//! engine build; about half a millisecond on a core of 3 GHz.

use std::hint::black_box;
use std::time::Instant;

use super::clock::nanos;

const ROUNDS: usize = 130_000;
const REPEATS: usize = 9;
const TABLE: usize = 1024;

/// The median of several repeats, in nanoseconds.
pub fn median_ns() -> u64 {
    let table: [u64; TABLE] = std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9e37_79b9));
    let table = black_box(table);
    let mut times = [0; REPEATS];
    for time in &mut times {
        let start = Instant::now();
        black_box(chain(black_box(&table)));
        *time = nanos(start.elapsed());
    }
    times.sort_unstable();
    times[REPEATS / 2]
}

fn chain(table: &[u64; TABLE]) -> (u64, f64) {
    let (mut whole, mut float) = (1u64, 1.0f64);
    for _ in 0..ROUNDS {
        let entry = table[whole as usize % TABLE];
        whole = (whole ^ entry).wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(17);
        float = float * 0.999_999 + entry as f64 * 1e-12;
    }
    (whole, float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_done_and_not_folded_away() {
        let table = std::array::from_fn(|i| i as u64);
        let (whole, float) = chain(&table);
        assert_eq!((whole, float), chain(&table));
        assert_ne!((whole, float), chain(&[3; TABLE]));
        assert!(median_ns() > 0);
    }
}
