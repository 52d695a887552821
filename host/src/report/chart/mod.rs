//! The pictures of a report, drawn by plotters as SVG.
//!
//! Lengths are in half pixels of the picture's natural size, because the backend has whole coordinates
//! only.
//!
//! **Invariant:** all text of a picture was cut to one line and sanitised; a picture refers to nothing
//! outside itself.

mod axis;
mod guides;
mod label;
mod legend;
pub(super) mod marginals;
pub(super) mod palette;
mod plot;
pub(super) mod rewards;
pub(super) mod scatter;

use maud::Render;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, TextStyle};

use self::palette::{SURFACE, Tone};
use super::ReportError;
use super::sanitised_text::one_line;

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif";
/// The backend divides the size that it is given by this.
const FONT_SCALE: f64 = 1.24;
/// Font sizes.
const BODY: f64 = 26.0;
const SMALL: f64 = 22.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Where a picture is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Within the page, which gives background and colours.
    Inline,
    /// As a file of its own, on white.
    Standalone,
}

/// A picture's title, its description for screen readers, and its size. The texts are our own words and
/// numbers; what is from outside is drawn by [`write()`].
struct Picture<'a> {
    id: &'a str,
    title: &'a str,
    description: String,
    size: (u32, u32),
}

impl Picture<'_> {
    fn draw(
        &self,
        frame: Frame,
        paint: impl FnOnce(&Area) -> Result<(), ReportError>,
    ) -> Result<String, ReportError> {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, self.size).into_drawing_area();
        if frame == Frame::Standalone {
            area.fill(&SURFACE.light)?;
        }
        paint(&area)?;
        area.present()?;
        drop(area);
        // The backend's own first line lacks what a screen reader needs.
        let body = svg.split_once('\n').map_or("", |(_, body)| body);
        let (width, height) = self.size;
        let escaped = |text: &str| text.render().into_string();
        let (id, title, description) = (self.id, escaped(self.title), escaped(&self.description));
        let place = match frame {
            Frame::Inline => "class=\"chart\"".to_owned(),
            Frame::Standalone => format!(
                "xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\"",
                width / 2,
                height / 2
            ),
        };
        Ok(format!(
            "<svg {place} viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-description\">\n\
             <title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-description\">{description}</desc>\n{body}"
        ))
    }
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for ReportError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self::Draw(error.to_string())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Normal,
    Bold,
}

/// How a text is aligned to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    Left,
    Middle,
    Right,
}

fn font(size: f64, weight: Weight) -> FontDesc<'static> {
    let style = match weight {
        Weight::Normal => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    FontDesc::new(FontFamily::Name(FONT), size * FONT_SCALE, style)
}

fn style(size: f64, weight: Weight, tone: Tone) -> TextStyle<'static> {
    font(size, weight).color(&tone.light)
}

/// Writes `text` centred on the height of `at`, at most `longest` characters of it.
fn write(
    area: &Area,
    text: &str,
    longest: usize,
    at: (i32, i32),
    anchor: Anchor,
    style: TextStyle<'static>,
) -> Result<(), ReportError> {
    let horizontal = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let style = style.pos(Pos::new(horizontal, VPos::Center));
    Ok(area.draw(&Text::new(one_line(text, longest), at, style))?)
}

fn fill(
    area: &Area,
    from: (i32, i32),
    to: (i32, i32),
    tone: Tone,
    opacity: f64,
) -> Result<(), ReportError> {
    Ok(area.draw(&Rectangle::new([from, to], tone.light.mix(opacity).filled()))?)
}

/// About as wide as `text` becomes in a wide sans-serif font.
fn width(text: &str, size: f64) -> i32 {
    let ems = |character: char| match character {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | '\'' | '|' => 0.36,
        'm' | 'w' | 'M' | 'W' | '%' | '±' => 0.95,
        character if character.is_ascii() => 0.62,
        _ => 1.0,
    };
    (text.chars().map(ems).sum::<f64>() * size).ceil() as i32
}
