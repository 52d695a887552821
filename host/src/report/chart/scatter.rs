//! Accuracy against latency: every measured candidate, the front, the budget and the chosen one.
//!
//! **Invariant:** a candidate is drawn only if both numbers were measured; a candidate beyond the axes
//! is a triangle at their edge; the front is that of all measured candidates.

use std::collections::HashSet;

use plotters::style::Color;

use super::axis::{Axis, including, usual_range};
use super::guides::{draw_budget, draw_teacher};
use super::label::{Labels, along};
use super::legend::{Key, hollow, legend, ring};
use super::palette::{BUDGET, CHOSEN, INK, SURFACE, TEACHER, TIME, Tone};
use super::plot::{Margins, Plot, beyond, dashed, dot, line};
use super::{Frame, Picture, ReportError};
use crate::report::front::{Point, front};
use crate::report::numbers::{ms, percent, short_ms, to_ms};
use crate::report::view::{LatencyView, RunView};

const SIZE: (u32, u32) = (1920, 1080);
const MARGINS: Margins = Margins { top: 130, right: 170, bottom: 104, left: 130 };
const RADIUS: i32 = 9;
/// More candidates than this are drawn as small dots, without intervals.
pub(in crate::report) const CROWD: usize = 1000;

/// The picture as a file of its own, on white.
///
/// # Errors
/// If the backend refuses to draw.
pub fn scatter_svg(view: &RunView) -> Result<String, ReportError> {
    scatter(view, Frame::Standalone)
}

pub(in crate::report) fn scatter(view: &RunView, frame: Frame) -> Result<String, ReportError> {
    let marks = marks(view);
    let picture = Picture {
        id: "scatter",
        title: "Accuracy against latency",
        description: description(view, marks.len()),
        size: SIZE,
    };
    picture.draw(frame, |area| {
        legend(area, (MARGINS.left, 36), &keys(view))?;
        let (x, y) = axes(view, &marks);
        let x_name = format!(
            "latency in ms: median and interval, {} {} on {}",
            view.engine.name, view.engine.version, view.device
        );
        let x_name = super::one_line(&x_name, 110);
        let plot = Plot::draw(area, MARGINS, (x, &x_name), (y, "held-out accuracy in %"))?;
        let mut taken = draw_budget(&plot, view)?;
        taken.extend(draw_teacher(&plot, view)?);
        if marks.is_empty() {
            plot.notice("no candidate has been measured")?;
        }
        // Under single dots the front is a background; a crowd of them would hide it.
        if view.candidates.len() > CROWD {
            taken.extend(draw_crowd(&plot, &marks)?);
            taken.extend(draw_front(&plot, &marks)?);
        } else {
            taken.extend(draw_front(&plot, &marks)?);
            taken.extend(draw_candidates(&plot, &marks)?);
        }
        draw_chosen(&plot, view, taken)
    })
}

/// A measured candidate in the units of the axes.
struct Mark {
    latency: LatencyView,
    accuracy: f64,
    tone: Tone,
}

impl Mark {
    fn x(&self) -> f64 {
        to_ms(self.latency.point_ns)
    }
}

fn marks(view: &RunView) -> Vec<Mark> {
    let all = view.candidates.len().max(1);
    let measured = view.candidates.iter().enumerate().filter_map(|(position, candidate)| {
        let (latency, accuracy) = candidate.measured()?;
        let tone = TIME[position * TIME.len() / all];
        Some(Mark { latency, accuracy: 100.0 * accuracy, tone })
    });
    measured.collect()
}

fn description(view: &RunView, measured: usize) -> String {
    let chosen = view.chosen().and_then(|chosen| chosen.measured()).map_or_else(
        || "No candidate is chosen yet.".to_owned(),
        |(latency, accuracy)| {
            format!(
                "The chosen candidate reaches {} at {} ms.",
                percent(accuracy),
                ms(latency.point_ns)
            )
        },
    );
    format!(
        "{measured} of {} candidates were measured; the budget is {} ms. {chosen}",
        view.candidates.len(),
        short_ms(view.budget_ns)
    )
}

fn keys(view: &RunView) -> Vec<(Key, &'static str)> {
    let mut keys = vec![
        (Key::Time, "first to last sampled"),
        (Key::Line(INK), "Pareto front"),
        (Key::Line(BUDGET), "budget"),
    ];
    if view.teacher.as_ref().is_some_and(|teacher| teacher.holdout_accuracy.is_some()) {
        keys.push((Key::Dashed(TEACHER), "teacher"));
    }
    if view.chosen().is_some() {
        keys.push((Key::Ring(CHOSEN), "chosen"));
    }
    if trained_point(view).is_some() {
        keys.push((Key::Hollow(CHOSEN), "after full training"));
    }
    keys
}

/// Latency and held-out accuracy of the chosen student after its full training.
fn trained_point(view: &RunView) -> Option<(LatencyView, f64)> {
    let trained = view.trained()?;
    let accuracy = trained.holdout_accuracy.filter(|accuracy| (0.0..=1.0).contains(accuracy));
    trained.latency.zip(accuracy)
}

fn axes(view: &RunView, marks: &[Mark]) -> (Axis, Axis) {
    let budget = to_ms(view.budget_ns);
    let mut x = usual_range(marks.iter().map(Mark::x)).unwrap_or((0.5 * budget, 1.5 * budget));
    let mut y = usual_range(marks.iter().map(|mark| mark.accuracy)).unwrap_or((0.0, 100.0));
    x = including(x, budget);
    // The picture has to show the chosen candidate, so it is never beyond the axes.
    if let Some((latency, accuracy)) = view.chosen().and_then(|chosen| chosen.measured()) {
        let (latency, accuracy) = (to_ms(latency.point_ns), 100.0 * accuracy);
        x = (x.0.min(latency), x.1.max(latency));
        y = (y.0.min(accuracy), y.1.max(accuracy));
    }
    if let Some((latency, accuracy)) = trained_point(view) {
        x = including(x, to_ms(latency.point_ns));
        y = including(y, 100.0 * accuracy);
    }
    if let Some(accuracy) = view.teacher.as_ref().and_then(|teacher| teacher.holdout_accuracy) {
        y = including(y, 100.0 * accuracy);
    }
    (Axis::covering(x.0, x.1, 8), Axis::covering(y.0, y.1, 6))
}

/// Draws the best accuracy within each latency; returns the points that labels should avoid.
fn draw_front(plot: &Plot, marks: &[Mark]) -> Result<Vec<(i32, i32)>, ReportError> {
    let points: Vec<Point> =
        marks.iter().map(|mark| Point { latency: mark.x(), accuracy: mark.accuracy }).collect();
    let front = front(&points);
    let (Some(&first), Some(&last)) = (front.first(), front.last()) else {
        return Ok(Vec::new());
    };
    let mut steps = vec![plot.at(points[first].latency, points[first].accuracy)];
    for pair in front.windows(2) {
        steps.push(plot.at(points[pair[1]].latency, points[pair[0]].accuracy));
        steps.push(plot.at(points[pair[1]].latency, points[pair[1]].accuracy));
    }
    steps.push(plot.at(plot.x().hi, points[last].accuracy));
    steps.dedup();
    line(plot.area, steps.clone(), INK.light.stroke_width(3))?;
    Ok(steps.windows(2).flat_map(|pair| along(pair[0], pair[1])).collect())
}

/// Draws each candidate with its interval; returns where the candidates were drawn.
fn draw_candidates(plot: &Plot, marks: &[Mark]) -> Result<Vec<(i32, i32)>, ReportError> {
    for mark in marks {
        let LatencyView { point_ns, lo_ns, hi_ns } = mark.latency;
        let (from, y) = plot.at(to_ms(lo_ns.min(point_ns)), mark.accuracy);
        let (to, _) = plot.at(to_ms(hi_ns.max(point_ns)), mark.accuracy);
        if to - from > 2 * RADIUS {
            let stroke = mark.tone.light.mix(0.7).stroke_width(3);
            line(plot.area, [(from, y), (to, y)], stroke)?;
        }
    }
    let mut taken = Vec::new();
    for mark in marks {
        let at = plot.at(mark.x(), mark.accuracy);
        if plot.holds(mark.x(), mark.accuracy) {
            dot(plot.area, at, RADIUS + 2, SURFACE.light.filled())?;
            dot(plot.area, at, RADIUS, mark.tone.light.filled())?;
        } else {
            draw_beyond(plot, mark, at)?;
        }
        taken.push(at);
    }
    Ok(taken)
}

/// Draws small dots. Of those on one pixel it draws only the last, which alone would be seen.
fn draw_crowd(plot: &Plot, marks: &[Mark]) -> Result<Vec<(i32, i32)>, ReportError> {
    let mut taken = HashSet::new();
    let located = marks.iter().rev().map(|mark| (mark, plot.at(mark.x(), mark.accuracy)));
    let mut seen: Vec<_> = located.filter(|(_, at)| taken.insert(*at)).collect();
    seen.reverse();
    for (mark, at) in seen {
        if plot.holds(mark.x(), mark.accuracy) {
            dot(plot.area, at, 5, mark.tone.light.filled())?;
        } else {
            draw_beyond(plot, mark, at)?;
        }
    }
    Ok(taken.into_iter().collect())
}

fn draw_beyond(plot: &Plot, mark: &Mark, at: (i32, i32)) -> Result<(), ReportError> {
    let (x, y) = (mark.x(), mark.accuracy);
    let across = i32::from(x > plot.x().hi) - i32::from(x < plot.x().lo);
    let down = i32::from(y < plot.y().lo) - i32::from(y > plot.y().hi);
    beyond(plot.area, at, if across == 0 { (0, down) } else { (across, 0) }, mark.tone)
}

fn draw_chosen(plot: &Plot, view: &RunView, mut taken: Vec<(i32, i32)>) -> Result<(), ReportError> {
    let Some((chosen, (latency, accuracy))) =
        view.chosen().and_then(|chosen| Some((chosen, chosen.measured()?)))
    else {
        return Ok(());
    };
    let at = plot.at(to_ms(latency.point_ns), 100.0 * accuracy);
    let trained = trained_point(view).map(|(latency, accuracy)| {
        (plot.at(to_ms(latency.point_ns), 100.0 * accuracy), latency, accuracy)
    });
    if let Some((to, ..)) = trained {
        dashed(plot.area, at, to, CHOSEN.light.stroke_width(3))?;
        taken.extend(along(at, to));
    }
    let mut labels = Labels::new(plot.bounds(), taken);
    ring(plot.area, at, CHOSEN)?;
    labels.keep_off(at);
    if let Some((to, ..)) = trained {
        hollow(plot.area, to, CHOSEN)?;
        labels.keep_off(to);
    }
    let words = |name: &str, latency: LatencyView, accuracy| {
        format!("{name}: {}, {} ms", percent(accuracy), ms(latency.point_ns))
    };
    let text = words(&format!("#{}", chosen.index), latency, accuracy);
    labels.draw(plot.area, &text, at, CHOSEN)?;
    match trained {
        Some((to, latency, accuracy)) => {
            labels.draw(plot.area, &words("trained", latency, accuracy), to, CHOSEN)
        }
        None => Ok(()),
    }
}
