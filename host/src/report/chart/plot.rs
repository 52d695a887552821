//! A pair of axes and what is drawn within them.
//!
//! **Invariant:** every mark lies within the plotting area: a value outside the axes is moved to their
//! edge, and the caller says so by another mark.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon};
use plotters::prelude::SVGBackend;
use plotters::style::{Color, ShapeStyle};

use super::axis::Axis;
use super::palette::{AXIS, GRID, INK, MUTED, SURFACE, Tone};
use super::{Anchor, Area, BODY, ReportError, Weight, fill, style, width, write};

pub(super) struct Plot<'p, 'a> {
    pub(super) area: &'p Area<'a>,
    chart: ChartContext<'p, SVGBackend<'a>, Cartesian2d<Axis, Axis>>,
}

/// Keeps the names of the axes off the edge of the picture.
const EDGE: i32 = 16;

/// The space around the plotting area.
#[derive(Clone, Copy, Debug)]
pub(super) struct Margins {
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
    pub(super) left: i32,
}

/// The plotting area in pixels of the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

impl<'p, 'a> Plot<'p, 'a> {
    /// Draws grid, axes and their names.
    pub(super) fn draw(
        area: &'p Area<'a>,
        margins: Margins,
        (x, x_name): (Axis, &str),
        (y, y_name): (Axis, &str),
    ) -> Result<Self, ReportError> {
        let mut chart = ChartBuilder::on(area)
            .margin_top(margins.top)
            .margin_right(margins.right)
            .margin_left(EDGE)
            .margin_bottom(4)
            .x_label_area_size(margins.bottom - 4)
            .y_label_area_size(margins.left - EDGE)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID.light.stroke_width(2))
            .axis_style(AXIS.light.stroke_width(2))
            .label_style(style(BODY, Weight::Normal, MUTED))
            .axis_desc_style(style(BODY, Weight::Normal, INK))
            .x_desc(x_name)
            .y_desc(y_name)
            .draw()?;
        Ok(Self { area, chart })
    }

    pub(super) fn bounds(&self) -> Bounds {
        let (x, y) = self.chart.plotting_area().get_pixel_range();
        Bounds { left: x.start, top: y.start, right: x.end, bottom: y.end }
    }

    pub(super) fn x(&self) -> &Axis {
        self.chart.as_coord_spec().x_spec()
    }

    pub(super) fn y(&self) -> &Axis {
        self.chart.as_coord_spec().y_spec()
    }

    /// Writes in the middle of the plot why the plot is empty.
    pub(super) fn notice(&self, text: &str) -> Result<(), ReportError> {
        let Bounds { left, top, right, bottom } = self.bounds();
        let (x, y) = ((left + right) / 2, (top + bottom) / 2);
        let half = width(text, BODY) / 2 + 16;
        fill(self.area, (x - half, y - 28), (x + half, y + 28), SURFACE, 1.0)?;
        write(self.area, text, 60, (x, y), Anchor::Middle, style(BODY, Weight::Normal, MUTED))
    }

    /// Where a value lies, or the nearest place within the axes.
    pub(super) fn at(&self, x: f64, y: f64) -> (i32, i32) {
        self.chart.backend_coord(&(self.x().clamp(x), self.y().clamp(y)))
    }

    pub(super) fn holds(&self, x: f64, y: f64) -> bool {
        self.x().holds(x) && self.y().holds(y)
    }
}

/// A line through pixels.
pub(super) fn line(
    area: &Area,
    points: impl Into<Vec<(i32, i32)>>,
    stroke: ShapeStyle,
) -> Result<(), ReportError> {
    Ok(area.draw(&PathElement::new(points, stroke))?)
}

pub(super) fn dashed(
    area: &Area,
    from: (i32, i32),
    to: (i32, i32),
    stroke: ShapeStyle,
) -> Result<(), ReportError> {
    Ok(area.draw(&DashedPathElement::new([from, to], 12, 9, stroke))?)
}

pub(super) fn dot(
    area: &Area,
    at: (i32, i32),
    radius: i32,
    shape: ShapeStyle,
) -> Result<(), ReportError> {
    Ok(area.draw(&Circle::new(at, radius, shape))?)
}

/// A triangle that points to where a value beyond the axes lies.
pub(super) fn beyond(
    area: &Area,
    (x, y): (i32, i32),
    towards: (i32, i32),
    tone: Tone,
) -> Result<(), ReportError> {
    let (dx, dy) = towards;
    let tip = (x + 4 * dx, y + 4 * dy);
    let side = |sign: i32| (x - 8 * dx + sign * 9 * dy, y - 8 * dy + sign * 9 * dx);
    Ok(area.draw(&Polygon::new([tip, side(1), side(-1)], tone.light.filled()))?)
}

/// Two strokes across a point.
pub(super) fn cross(area: &Area, (x, y): (i32, i32), tone: Tone) -> Result<(), ReportError> {
    let stroke = tone.light.stroke_width(3);
    line(area, [(x - 7, y - 7), (x + 7, y + 7)], stroke)?;
    line(area, [(x - 7, y + 7), (x + 7, y - 7)], stroke)
}
