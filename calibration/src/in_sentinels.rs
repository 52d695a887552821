//! The latency in units of the sentinel: what is left of it once the core's own speed is taken out.
//!
//! Where the clock rate wanders between measurements (boost, heat, a hypervisor that nobody asked), a
//! piece of work that fits the first-level cache takes longer in proportion, and so does a model that
//! waits for nothing but its core: the quotient of the two does not tell of the rate. It is a control
//! variate of the logarithm with a coefficient of one. What else slows a model (memory, a neighbour
//! on the core's other hardware thread) moves the sentinel less, more or not at all, and stays.
//!
//! **Invariant:** a launch is divided by its own sentinel. The number means something beside others of
//! the same fingerprint alone.

use crate::signed_rank::signed_rank;
use crate::{LaunchView, Ratio, StatisticError};

/// The launches' medians over their sentinels, with the centre's interval at `confidence`.
///
/// # Errors
/// Where the launches are too few for any interval at that confidence (under 6 for 0.95).
pub fn in_sentinels(launches: &[LaunchView], confidence: f64) -> Result<Ratio, StatisticError> {
    let quotients: Vec<f64> = launches.iter().map(LaunchView::in_sentinels).collect();
    let centre = signed_rank(&quotients, confidence)?;
    Ok(Ratio { point: centre.point, lo: centre.lo, hi: centre.hi, n: launches.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Stream, slowed_launches};

    #[test]
    fn a_slower_clock_changes_the_latency_and_not_its_quotient() {
        let mut stream = Stream::new(3);
        let usual = in_sentinels(&slowed_launches(&mut stream, 1.0), 0.95).unwrap();
        let slow = in_sentinels(&slowed_launches(&mut stream, 1.25), 0.95).unwrap();
        assert!((usual.point - 10.0).abs() < 0.2, "{usual:?}");
        assert!((slow.point / usual.point - 1.0).abs() < 0.02, "{usual:?}, {slow:?}");
        assert!(usual.lo <= usual.point && usual.point <= usual.hi && usual.n == 8);
    }

    #[test]
    fn too_few_launches_are_refused() {
        let few = &slowed_launches(&mut Stream::new(4), 1.0)[..5];
        assert!(in_sentinels(few, 0.95).is_err());
    }
}
