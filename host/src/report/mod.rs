//! The report of a search: one HTML file that needs nothing else.
//!
//! [`render`] turns a [`RunView`] into the page, [`scatter_svg`] draws its main picture as a file of its
//! own. Both are pure functions of the view.
//!
//! **Invariant:** `stored_run` alone reads and writes files; what renders knows no clock, no files, no
//! database and no network. The page holds no script and refers to nothing outside itself; every text
//! from outside is escaped where it is written, by the template, not before.

mod candidate_table;
mod cards;
mod chart;
mod front;
mod numbers;
mod page;
mod sanitised_text;
mod settings_table;
pub mod stored_run;
pub mod view;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use chart::scatter::scatter_svg;
pub use front::{Point, front};
pub use view::RunView;

/// Why a report cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(
        "report: the best candidate #{index} is not among the {candidates} candidates of the run"
    )]
    UnknownBest { index: u64, candidates: usize },
    #[error("report: a picture cannot be drawn: {0}")]
    Draw(String),
}

/// The whole page.
///
/// # Errors
/// If the view contradicts itself, or a picture cannot be drawn.
pub fn render(view: &RunView) -> Result<String, ReportError> {
    if let (Some(best), None) = (&view.best, view.chosen()) {
        let candidates = view.candidates.len();
        return Err(ReportError::UnknownBest { index: best.candidate, candidates });
    }
    page::page(view)
}
