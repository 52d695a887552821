//! The warm-up, and the rule that ends it.
//!
//! **Invariant:** at least one inference is done, and none begins after the time limit.

use std::time::Instant;

use super::clock::nanos;
use super::sampler::{MOST_SAMPLES, median};
use crate::engine::{EngineError, Runnable};
use pearl_agent::protocol::messages::WarmUp;

/// Least inferences of a half: the median of fewer is not worth comparing.
const LEAST_IN_HALF: usize = 3;

pub(crate) struct WarmedUp {
    pub(crate) samples_ns: Vec<u64>,
    pub(crate) steady: bool,
}

/// Infers until the rule of [`WarmUp`] holds or its time is over.
///
/// # Errors
/// Where an inference fails.
pub(crate) fn warm_up(model: &mut dyn Runnable, rule: WarmUp) -> Result<WarmedUp, EngineError> {
    let start = Instant::now();
    let mut samples_ns = Vec::new();
    // The elapsed time at the end of each inference, of the same length.
    let mut ends_ns = Vec::new();
    let mut next_look = rule.min_ns;
    loop {
        let begun = Instant::now();
        model.infer()?;
        samples_ns.push(nanos(begun.elapsed()));
        let elapsed = nanos(start.elapsed());
        ends_ns.push(elapsed);
        if elapsed >= next_look {
            if is_steady(&samples_ns, &ends_ns, rule.tolerance_ppm) {
                return Ok(WarmedUp { samples_ns, steady: true });
            }
            // Sorting after every inference would displace the model's data from the caches.
            next_look = elapsed + elapsed / 8;
        }
        if elapsed >= rule.max_ns || samples_ns.len() >= MOST_SAMPLES {
            return Ok(WarmedUp { samples_ns, steady: false });
        }
    }
}

/// Whether the medians of the two halves of the time differ by at most the tolerance.
fn is_steady(samples_ns: &[u64], ends_ns: &[u64], tolerance_ppm: u32) -> bool {
    let half_time = ends_ns.last().map_or(0, |end| end / 2);
    let (before, recent) = samples_ns.split_at(ends_ns.partition_point(|&end| end <= half_time));
    if before.len() < LEAST_IN_HALF || recent.len() < LEAST_IN_HALF {
        return false;
    }
    let (before, recent) = (median(before), median(recent));
    let allowed = u128::from(before) * u128::from(tolerance_ppm) / 1_000_000;
    u128::from(before.abs_diff(recent)) <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady_at_five_percent(samples: &[u64]) -> bool {
        let mut elapsed = 0;
        let ends: Vec<u64> = samples
            .iter()
            .map(|ns| {
                elapsed += ns;
                elapsed
            })
            .collect();
        is_steady(samples, &ends, 50_000)
    }

    #[test]
    fn halves_are_halves_of_the_time_and_compared_by_their_medians() {
        assert!(steady_at_five_percent(&[100; 8]));
        assert!(steady_at_five_percent(&[
            900, 100, 104, 100, 100, 100, 100, 100, 100, 100, 100, 104, 100, 100
        ]));
        assert!(!steady_at_five_percent(&[200, 190, 180, 170, 160, 150, 140, 130]));
        assert!(!steady_at_five_percent(&[100, 100, 100, 100, 110, 110, 110, 110]));
    }

    #[test]
    fn too_few_inferences_are_never_steady() {
        for n in 0..6 {
            assert!(!steady_at_five_percent(&vec![100; n]), "{n}");
        }
    }
}
