//! The one-cycle learning rate (Smith & Topin, 2019), in two cosine phases as torch's
//! `OneCycleLR` has it: from 1/25 of the peak up to it over the first 30 % of the steps, then down
//! to 1/250,000 of it. Momentum stays as it is.
//!
//! **Invariant:** never above the peak, always positive.

use std::f64::consts::PI;

const RISE: f64 = 0.3;
const START: f64 = 1.0 / 25.0;
const END: f64 = START / 1e4;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    peak: f64,
    steps: usize,
}

impl OneCycle {
    pub fn new(peak: f64, steps: usize) -> OneCycle {
        OneCycle { peak, steps }
    }

    /// Learning rate of a step, counted from 0.
    pub fn rate(self, step: usize) -> f64 {
        let last = self.steps.saturating_sub(1).max(1) as f64;
        let top = (RISE * self.steps as f64 - 1.0).clamp(0.0, last);
        let step = step as f64;
        let share = if step < top {
            cosine(START, 1.0, step / top)
        } else {
            cosine(1.0, END, ((step - top) / (last - top).max(1.0)).min(1.0))
        };
        self.peak * share
    }
}

/// From `from` to `to` along half a cosine as `part` goes from 0 to 1.
fn cosine(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * part).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_torchs_one_cycle() {
        // torch.optim.lr_scheduler.OneCycleLR(max_lr=0.4, total_steps=10)
        let expected = [
            0.016,
            0.208,
            0.4,
            0.380_193_9,
            0.324_698_3,
            0.244_504_8,
            0.155_496_8,
            0.075_303_3,
            0.019_807_7,
            0.000_001_6,
        ];
        let cycle = OneCycle::new(0.4, 10);
        for (step, expected) in expected.into_iter().enumerate() {
            let rate = cycle.rate(step);
            assert!((rate - expected).abs() < 2e-6, "step {step}: {rate} {expected}");
        }
    }

    #[test]
    fn it_is_positive_and_at_most_the_peak_for_any_number_of_steps() {
        for steps in 1..40 {
            let cycle = OneCycle::new(0.1, steps);
            for step in 0..steps {
                let rate = cycle.rate(step);
                assert!(rate > 0.0 && rate <= 0.1, "{steps} {step}: {rate}");
            }
        }
    }
}
