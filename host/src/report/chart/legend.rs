//! The line above a plot that says what its marks mean.
//!
//! **Invariant:** a mark in a legend is drawn by the same functions as in the plot.

use plotters::style::Color;

use super::palette::{INK, SURFACE, TIME, Tone};
use super::plot::{cross, dashed, dot, line};
use super::{Anchor, Area, BODY, ReportError, Weight, fill, style, width, write};

const GAP: i32 = 44;
const MARK: i32 = 44;

#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// The colours of [`TIME`].
    Time,
    Dot(Tone),
    Line(Tone),
    Dashed(Tone),
    Cross(Tone),
    Ring(Tone),
    /// A ring around nothing, filled with the background.
    Hollow(Tone),
    Bar(Tone),
}

/// Writes the keys from `left` on, centred on the height `y`.
pub(super) fn legend(
    area: &Area,
    (left, y): (i32, i32),
    keys: &[(Key, &str)],
) -> Result<(), ReportError> {
    let mut x = left;
    for (key, text) in keys {
        let end = draw_key(area, *key, (x, y))?;
        write(area, text, 60, (end + 12, y), Anchor::Left, style(BODY, Weight::Normal, INK))?;
        x = end + 12 + width(text, BODY) + GAP;
    }
    Ok(())
}

/// Draws a mark and returns where it ends.
fn draw_key(area: &Area, key: Key, (x, y): (i32, i32)) -> Result<i32, ReportError> {
    let end = x + MARK;
    let centre = (x + 16, y);
    match key {
        Key::Time => {
            for (index, tone) in TIME.iter().enumerate() {
                dot(area, (x + 12 + 24 * index as i32, y), 9, tone.light.filled())?;
            }
            return Ok(x + 24 * TIME.len() as i32);
        }
        Key::Line(tone) => line(area, [(x, y), (end, y)], tone.light.stroke_width(4))?,
        Key::Dashed(tone) => dashed(area, (x, y), (end, y), tone.light.stroke_width(4))?,
        Key::Dot(tone) => dot(area, centre, 9, tone.light.filled())?,
        Key::Cross(tone) => cross(area, centre, tone)?,
        Key::Ring(tone) => ring(area, centre, tone)?,
        Key::Hollow(tone) => hollow(area, centre, tone)?,
        Key::Bar(tone) => fill(area, (x + 8, y - 14), (x + 26, y + 14), tone, 1.0)?,
    }
    Ok(match key {
        Key::Line(_) | Key::Dashed(_) => end,
        Key::Ring(_) => x + 36,
        _ => x + 30,
    })
}

/// Marks the candidate that was chosen.
pub(super) fn ring(area: &Area, at: (i32, i32), tone: Tone) -> Result<(), ReportError> {
    dot(area, at, 17, tone.light.stroke_width(5))
}

/// Marks the chosen student after its full training.
pub(super) fn hollow(area: &Area, at: (i32, i32), tone: Tone) -> Result<(), ReportError> {
    dot(area, at, 12, SURFACE.light.filled())?;
    dot(area, at, 12, tone.light.stroke_width(5))
}
