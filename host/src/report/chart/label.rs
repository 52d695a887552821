//! Labels that avoid what is drawn.
//!
//! **Invariant:** a label lies wholly within the bounds wherever it fits into them.

use plotters::style::Color;

use super::palette::{AXIS, SURFACE, Tone};
use super::plot::{Bounds, line};
use super::{Anchor, Area, BODY, ReportError, Weight, fill, style, width, write};

/// Longest label, in characters.
const LONGEST: usize = 60;
const HEIGHT: i32 = 38;
const PADDING: i32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patch {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Patch {
    fn holds(&self, (x, y): (i32, i32)) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    fn meets(&self, other: &Self) -> bool {
        self.left <= other.right
            && other.left <= self.right
            && self.top <= other.bottom
            && other.top <= self.bottom
    }
}

/// Finds places for labels one after another.
pub(super) struct Labels {
    bounds: Bounds,
    /// Marks that a label should not cover.
    marks: Vec<(i32, i32)>,
    placed: Vec<Patch>,
}

impl Labels {
    pub(super) fn new(bounds: Bounds, marks: Vec<(i32, i32)>) -> Self {
        Self { bounds, marks, placed: Vec::new() }
    }

    /// Keeps later labels off a mark more strictly than off the others.
    pub(super) fn keep_off(&mut self, (x, y): (i32, i32)) {
        self.placed.push(Patch { left: x - 16, top: y - 16, right: x + 16, bottom: y + 16 });
    }

    /// Writes `text` near `target`, with a leader line if the text is not beside the target.
    pub(super) fn draw(
        &mut self,
        area: &Area,
        text: &str,
        target: (i32, i32),
        tone: Tone,
    ) -> Result<(), ReportError> {
        let patch = self.place(width(text, BODY) + 2 * PADDING, target);
        let edge =
            (target.0.clamp(patch.left, patch.right), target.1.clamp(patch.top, patch.bottom));
        if (edge.0 - target.0).abs().max((edge.1 - target.1).abs()) > 40 {
            line(area, [target, edge], AXIS.light.stroke_width(2))?;
        }
        fill(area, (patch.left, patch.top), (patch.right, patch.bottom), SURFACE, 0.85)?;
        let middle = ((patch.left + patch.right) / 2, (patch.top + patch.bottom) / 2);
        write(area, text, LONGEST, middle, Anchor::Middle, style(BODY, Weight::Bold, tone))?;
        self.placed.push(patch);
        Ok(())
    }

    fn place(&self, width: i32, (x, y): (i32, i32)) -> Patch {
        let around = [27, 60, 110, 170, 240, 320].into_iter().flat_map(|away| {
            let (left, right) = (x - away - width, x + away);
            let (above, below) = (y - away - HEIGHT, y + away);
            let (centre, level) = (x - width / 2, y - HEIGHT / 2);
            [
                (right, level),
                (left, level),
                (centre, above),
                (centre, below),
                (right, above),
                (left, above),
                (right, below),
                (left, below),
            ]
            .map(move |corner| (away, corner))
        });
        let candidates = around.map(|(away, corner)| {
            let patch = self.within(corner, width);
            (self.cost(&patch, (x, y)) + i64::from(away), patch)
        });
        let best = candidates.min_by_key(|(cost, _)| *cost);
        best.map_or_else(|| self.within((x, y), width), |(_, patch)| patch)
    }

    fn within(&self, (left, top): (i32, i32), width: i32) -> Patch {
        // The lower bound wins if the label is wider than the picture.
        let left = left.min(self.bounds.right - width - 4).max(self.bounds.left + 4);
        let top = top.min(self.bounds.bottom - HEIGHT - 4).max(self.bounds.top + 4);
        Patch { left, top, right: left + width, bottom: top + HEIGHT }
    }

    fn cost(&self, patch: &Patch, target: (i32, i32)) -> i64 {
        let wide = Patch {
            left: patch.left - 8,
            top: patch.top - 8,
            right: patch.right + 8,
            bottom: patch.bottom + 8,
        };
        let marks = self.marks.iter().filter(|&&mark| wide.holds(mark)).count() as i64;
        let labels = self.placed.iter().filter(|placed| placed.meets(&wide)).count() as i64;
        let target = i64::from(wide.holds(target));
        60 * marks + 100_000 * labels + 10_000 * target
    }
}

/// Points of a line, close enough to each other that no label fits between them.
pub(super) fn along(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    let parts = ((to.0 - from.0).abs().max((to.1 - from.1).abs()) / HEIGHT).max(1);
    (0..=parts).map(move |part| {
        (from.0 + (to.0 - from.0) * part / parts, from.1 + (to.1 - from.1) * part / parts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { left: 0, top: 0, right: 1000, bottom: 500 };

    #[test]
    fn a_label_stays_within_the_picture_and_off_its_target() {
        for target in [(0, 0), (1000, 500), (500, 250), (990, 10)] {
            let patch = Labels::new(BOUNDS, Vec::new()).place(200, target);
            assert!(patch.left >= 0 && patch.right <= 1000, "{target:?}: {patch:?}");
            assert!(patch.top >= 0 && patch.bottom <= 500, "{target:?}: {patch:?}");
            assert!(!patch.holds(target), "{target:?}: {patch:?}");
        }
    }

    #[test]
    fn a_label_avoids_marks_and_earlier_labels() {
        let marks = (0..200).map(|x| (500 + x, 250)).collect();
        let mut labels = Labels::new(BOUNDS, marks);
        let first = labels.place(200, (500, 250));
        assert!(first.right < 500 || first.bottom < 250 || first.top > 250, "{first:?}");
        labels.placed.push(first);
        assert!(!labels.place(200, (500, 250)).meets(&first));
    }
}
