//! The moving baseline, and the advantages that it makes of rewards.
//!
//! Rewards of good students differ in the third decimal, so an advantage is the distance to the
//! baseline in units of a moving standard deviation (ours: the paper leaves it open). A candidate
//! that diverged has reward 0, fifty deviations off: distances are cut at three, or one such
//! candidate would set the scale for the rest of the search.
//!
//! **Invariant:** advantages of finite rewards are finite.

/// Distances are cut at this many standard deviations.
const CUT: f64 = 3.0;
/// Rewards that differ by less than this do not differ.
const RESOLUTION: f64 = 1e-6;
/// Turns a median of absolute distances into the standard deviation of a normal distribution.
const NORMAL: f64 = 1.4826;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Baseline {
    /// Exponential moving average of the rewards.
    pub mean: f64,
    /// Exponential moving average of the rewards' squared distances to the average before them.
    pub variance: f64,
    /// Batches that it has seen; before the first, `mean` and `variance` say nothing.
    pub batches: u64,
}

impl Baseline {
    /// The advantages of a batch, against the baseline of the batches before it; moves the baseline.
    ///
    /// The first batch is judged against its own median.
    pub fn advantages(&mut self, rewards: &[f64], decay: f64) -> Vec<f64> {
        let (mean, deviation) = if self.batches == 0 {
            let center = median(rewards);
            let distances: Vec<f64> =
                rewards.iter().map(|reward| (reward - center).abs()).collect();
            (center, NORMAL * median(&distances))
        } else {
            (self.mean, self.variance.sqrt())
        };
        // With no spread known yet, nothing can be cut.
        let limit = if deviation > 0.0 { CUT * deviation } else { f64::MAX };
        let distances: Vec<f64> =
            rewards.iter().map(|reward| (reward - mean).clamp(-limit, limit)).collect();
        let average =
            |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / rewards.len() as f64;
        let square = average(&mut distances.iter().map(|distance| distance * distance));
        self.variance =
            if self.batches == 0 { square } else { decay * self.variance + (1.0 - decay) * square };
        self.mean = mean + (1.0 - decay) * average(&mut distances.iter().copied());
        self.batches += 1;
        let scale = self.variance.sqrt() + RESOLUTION;
        distances.iter().map(|distance| distance / scale).collect()
    }
}

/// The median of at least one value.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn baseline_and_advantages_equal_hand_computed_ones() {
        let mut baseline = Baseline::default();
        // Median 0.82, distances −0.02, 0, 0.01; mean distance −1/300, mean square 5e-4 / 3.
        let first = baseline.advantages(&[0.80, 0.82, 0.83], 0.7);
        let scale = (5e-4f64 / 3.0).sqrt() + 1e-6;
        assert!(
            near(first[0], -0.02 / scale) && near(first[1], 0.0) && near(first[2], 0.01 / scale),
            "{first:?}"
        );
        assert!(
            near(baseline.mean, 0.82 - 0.001) && near(baseline.variance, 5e-4 / 3.0),
            "{baseline:?}"
        );
        // Distances 0.011 and −0.009: mean 0.001, mean square 1.01e-4.
        let second = baseline.advantages(&[0.83, 0.81], 0.7);
        let variance: f64 = 0.7 * 5e-4 / 3.0 + 0.3 * 1.01e-4;
        let scale = variance.sqrt() + 1e-6;
        assert!(near(second[0], 0.011 / scale) && near(second[1], -0.009 / scale), "{second:?}");
        assert!(
            near(baseline.mean, 0.819 + 0.3 * 0.001) && near(baseline.variance, variance),
            "{baseline:?}"
        );
        assert_eq!(baseline.batches, 2);
    }

    #[test]
    fn equal_rewards_have_no_advantage() {
        for rewards in [&[0.8][..], &[0.8, 0.8, 0.8]] {
            let mut baseline = Baseline::default();
            assert!(baseline.advantages(rewards, 0.9).iter().all(|&advantage| advantage == 0.0));
            assert_eq!((baseline.mean, baseline.variance), (0.8, 0.0));
            assert!(baseline.advantages(&[0.9], 0.9)[0] > 1.0, "the next reward is judged");
        }
    }

    #[test]
    fn a_candidate_that_diverged_does_not_set_the_scale() {
        for at in 0..3 {
            let mut batches = [[0.84, 0.85, 0.86], [0.85, 0.83, 0.86], [0.84, 0.87, 0.85]];
            batches[at][1] = 0.0;
            let mut baseline = Baseline::default();
            for rewards in batches {
                let advantages = baseline.advantages(&rewards, 0.7);
                assert!(advantages.iter().all(|advantage| advantage.abs() < 4.0), "{advantages:?}");
            }
            assert!((0.80..0.87).contains(&baseline.mean), "{baseline:?}");
            assert!(baseline.variance.sqrt() < 0.04, "{baseline:?}");
            assert!(baseline.advantages(&[0.88], 0.7)[0] > 0.5);
        }
    }
}
