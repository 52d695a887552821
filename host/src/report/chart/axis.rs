//! A linear axis with round ticks.
//!
//! **Invariant:** `lo < hi`, both finite; the ticks lie within and are written with equally many decimals.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

const MAX_DECIMALS: usize = 9;

#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) lo: f64,
    pub(super) hi: f64,
    ticks: Vec<f64>,
    decimals: usize,
}

impl Axis {
    /// Covers `lo..=hi` and a margin, with about `wanted` ticks.
    pub(super) fn covering(lo: f64, hi: f64, wanted: usize) -> Self {
        let (lo, hi) = if lo <= hi { (lo, hi) } else { (hi, lo) };
        let air = if hi - lo > lo.abs().max(hi.abs()) * 1e-9 {
            0.06 * (hi - lo)
        } else {
            (0.05 * lo.abs()).max(1e-3)
        };
        Self::exactly(lo - air, hi + air, wanted)
    }

    /// An axis for the numbers from 1 to `last`, with whole ticks.
    pub(super) fn counting(last: usize) -> Self {
        let last = last.max(1) as f64;
        Self::ticked(0.5, last + 0.5, round_step((last / 10.0).max(1.0), &[1.0, 2.0, 5.0]))
    }

    /// Covers exactly `lo..hi`; needs `lo < hi`.
    pub(super) fn exactly(lo: f64, hi: f64, wanted: usize) -> Self {
        let rough = (hi - lo) / wanted.max(1) as f64;
        Self::ticked(lo, hi, round_step(rough, &[1.0, 2.0, 2.5, 5.0]))
    }

    fn ticked(lo: f64, hi: f64, step: f64) -> Self {
        let first = (lo / step).ceil();
        let steps = ((hi / step).floor() - first).max(0.0) as usize;
        // Adding 0 turns -0 into 0, which would be written with its sign.
        let ticks = (0..=steps).map(|tick| (first + tick as f64) * step + 0.0).collect();
        let decimals = (0..MAX_DECIMALS)
            .find(|&decimals| {
                let scaled = step * 10f64.powi(decimals as i32);
                (scaled - scaled.round()).abs() < 1e-6 * scaled
            })
            .unwrap_or(MAX_DECIMALS);
        Self { lo, hi, ticks, decimals }
    }

    pub(super) fn clamp(&self, value: f64) -> f64 {
        value.clamp(self.lo, self.hi)
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.lo) / (self.hi - self.lo);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Lines between the ticks would only clutter.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.lo..self.hi
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, tick: &f64) -> String {
        format!("{tick:.*}", self.decimals)
    }
}

/// The smallest of `factors` times a power of ten that is not below `rough`.
fn round_step(rough: f64, factors: &[f64]) -> f64 {
    let magnitude = 10f64.powf(rough.log10().floor());
    let factor = factors.iter().find(|factor| *factor * magnitude >= rough * 0.999);
    factor.unwrap_or(&10.0) * magnitude
}

/// The range that shows almost everything: a value further than three interquartile ranges outside the
/// quartiles (a "far out" value of Tukey's) is left out. `None` if there are no values.
pub(super) fn usual_range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let quartile = |quarters: usize| sorted[(last * quarters + 2) / 4];
    let reach = 3.0 * (quartile(3) - quartile(1));
    let (fence_lo, fence_hi) = (quartile(1) - reach, quartile(3) + reach);
    let within = |value: &&f64| reach == 0.0 || (fence_lo..=fence_hi).contains(*value);
    Some((*sorted.iter().find(within)?, *sorted.iter().rev().find(within)?))
}

/// The range widened to hold `value`, unless that would shrink what is in it to less than `1 / 2.5`.
pub(super) fn including((lo, hi): (f64, f64), value: f64) -> (f64, f64) {
    let wider = (lo.min(value), hi.max(value));
    let span = (hi - lo).max(0.1 * hi.abs().max(lo.abs()));
    if wider.1 - wider.0 <= 2.5 * span { wider } else { (lo, hi) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_written_alike() {
        let labels = |lo, hi| {
            let axis = Axis::exactly(lo, hi, 5);
            axis.ticks.iter().map(|&tick| axis.format_ext(&tick)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(0.0, 10.0), "0 2 4 6 8 10");
        assert_eq!(labels(-0.5, 0.5), "-0.4 -0.2 0.0 0.2 0.4");
        assert_eq!(labels(1.83, 2.94), "2.00 2.25 2.50 2.75");
        assert_eq!(labels(88.12, 91.07), "89 90 91");
        assert_eq!(labels(0.0, 1e-4), "0.00000 0.00002 0.00004 0.00006 0.00008 0.00010");
    }

    #[test]
    fn candidates_are_counted_in_whole_ticks() {
        let ticks = |last| Axis::counting(last).ticks;
        assert_eq!(ticks(1), [1.0]);
        assert_eq!(ticks(3), [1.0, 2.0, 3.0]);
        assert_eq!(ticks(24), [5.0, 10.0, 15.0, 20.0]);
        assert_eq!(ticks(10_000).len(), 10);
    }

    #[test]
    fn equal_values_still_make_a_range() {
        for value in [0.0, 1.0, 90.0, 1e12] {
            let axis = Axis::covering(value, value, 5);
            assert!(axis.lo < value && value < axis.hi && !axis.ticks.is_empty());
        }
    }

    #[test]
    fn a_far_out_value_is_left_out_of_the_usual_range() {
        let values = [10.0, 88.0, 88.5, 89.0, 89.5, 90.0];
        assert_eq!(usual_range(values.into_iter()), Some((88.0, 90.0)));
        assert_eq!(usual_range([5.0].into_iter()), Some((5.0, 5.0)));
        assert_eq!(usual_range([1.0, 1.0, 1.0, 1.0, 2.0].into_iter()), Some((1.0, 2.0)));
        assert_eq!(usual_range([f64::NAN].into_iter()), None);
    }

    #[test]
    fn a_distant_value_does_not_squeeze_the_range() {
        assert_eq!(including((1.0, 3.0), 4.0), (1.0, 4.0));
        assert_eq!(including((1.0, 3.0), 40.0), (1.0, 3.0));
        assert_eq!(including((2.0, 2.0), 2.1), (2.0, 2.1));
    }
}
