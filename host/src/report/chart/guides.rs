//! The lines that candidates are compared with: the budget and the teacher.
//!
//! **Invariant:** a line that lies beyond the axes is named at the edge it lies beyond. The functions
//! return the points that labels should avoid.

use plotters::style::Color;

use super::label::along;
use super::palette::{BUDGET, TEACHER};
use super::plot::{Bounds, Plot, dashed, line};
use super::{Anchor, ReportError, SMALL, Weight, fill, style, width, write};
use crate::report::numbers::{percent, short_ms, to_ms};
use crate::report::view::RunView;

pub(super) fn draw_budget(plot: &Plot, view: &RunView) -> Result<Vec<(i32, i32)>, ReportError> {
    let Bounds { left, right, top, bottom } = plot.bounds();
    let budget = to_ms(view.budget_ns);
    let figure = short_ms(view.budget_ns);
    let text = match view.window_ns {
        Some(window) => format!("budget {figure} ± {} ms", short_ms(window)),
        None => format!("budget {figure} ms"),
    };
    let name = |text: &str, x: i32, anchor: Anchor| {
        write(plot.area, text, 60, (x, top - 24), anchor, style(SMALL, Weight::Bold, BUDGET))
    };
    if budget > plot.x().hi {
        name(&format!("{text} →"), right, Anchor::Right)?;
        return Ok(Vec::new());
    }
    if budget < plot.x().lo {
        name(&format!("← {text}"), left, Anchor::Left)?;
        return Ok(Vec::new());
    }
    if let Some(window) = view.window_ns.map(to_ms) {
        let (from, _) = plot.at(budget - window, plot.y().lo);
        let (to, _) = plot.at(budget + window, plot.y().lo);
        fill(plot.area, (from, top), (to, bottom), BUDGET, 0.12)?;
    }
    let (x, _) = plot.at(budget, plot.y().lo);
    line(plot.area, [(x, top - 8), (x, bottom)], BUDGET.light.stroke_width(4))?;
    // The words stay within the picture wherever the line is.
    let half = width(&text, SMALL) / 2;
    name(&text, x.min(right - half).max(left + half), Anchor::Middle)?;
    Ok(along((x, top), (x, bottom)).collect())
}

pub(super) fn draw_teacher(plot: &Plot, view: &RunView) -> Result<Vec<(i32, i32)>, ReportError> {
    let accuracy = view.teacher.as_ref().and_then(|teacher| teacher.holdout_accuracy);
    let Some(accuracy) = accuracy.filter(|accuracy| (0.0..=1.0).contains(accuracy)) else {
        return Ok(Vec::new());
    };
    let Bounds { left, right, top, bottom } = plot.bounds();
    let (_, y) = plot.at(plot.x().lo, 100.0 * accuracy);
    let (text, taken) = if plot.y().holds(100.0 * accuracy) {
        dashed(plot.area, (left, y), (right, y), TEACHER.light.stroke_width(3))?;
        ("teacher", along((left, y), (right, y)).collect())
    } else if 100.0 * accuracy > plot.y().hi {
        ("teacher ↑", Vec::new())
    } else {
        ("teacher ↓", Vec::new())
    };
    let place = y.min(bottom - 32).max(top + 16);
    let bold = style(SMALL, Weight::Bold, TEACHER);
    write(plot.area, text, 20, (right + 14, place - 14), Anchor::Left, bold.clone())?;
    write(plot.area, &percent(accuracy), 20, (right + 14, place + 16), Anchor::Left, bold)?;
    Ok(taken)
}
