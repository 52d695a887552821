//! Multipliers of channels.
//!
//! **Invariant:** a width is within its bounds, so scaled channels neither vanish nor overflow.

use super::ReferenceError;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Width(f64);

impl Width {
    pub(crate) const ONE: Width = Width(1.0);
    pub(crate) const MIN: f64 = 0.05;
    pub(crate) const MAX: f64 = 16.0;

    pub(crate) fn new(width: f64) -> Option<Width> {
        (Width::MIN..=Width::MAX).contains(&width).then_some(Width(width))
    }

    pub(crate) fn parse(name: &str, width: &str) -> Result<Width, ReferenceError> {
        width
            .parse()
            .ok()
            .and_then(Width::new)
            .ok_or_else(|| ReferenceError::Width { name: name.to_owned(), width: width.to_owned() })
    }

    pub(crate) fn is_below(self, width: f64) -> bool {
        self.0 < width
    }

    /// Scaled channels to the nearest multiple of 8, at least 8 and at least 90 % of what was asked
    /// for: the rule of the MobileNet papers' code.
    pub(crate) fn channels(self, channels: usize) -> usize {
        round_channels(channels as f64 * self.0)
    }

    /// As [`Width::channels`], but never below the unscaled number.
    pub(crate) fn widened(self, channels: usize) -> usize {
        channels.max(self.channels(channels))
    }
}

/// Rounds to the nearest multiple of 8 (half up), at least 8 and at least 90 % of `channels`.
pub(crate) fn round_channels(channels: f64) -> usize {
    let rounded = 8 * ((channels + 4.0) / 8.0) as usize;
    let rounded = rounded.max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}
