//! What the final policy prefers, decision by decision, against the uniform policy.
//!
//! Each row is a group of decisions (a block of the network), each panel a decision, each bar a choice.
//! A space of many narrow groups is laid out in two banks side by side.
//!
//! **Invariant:** every decision up to [`MOST`] is drawn, whatever the number of its choices.

use plotters::style::Color;

use super::legend::{Key, legend};
use super::palette::{AXIS, BELOW, GRID, INK, MUTED, TREND};
use super::plot::line;
use super::{
    Anchor, Area, BODY, Frame, Picture, ReportError, SMALL, Weight, fill, style, width, write,
};
use crate::report::view::{ChoiceView, DecisionView, RunView};

/// Most decisions that are drawn.
pub(in crate::report) const MOST: usize = 240;

const WIDTH: i32 = 1920;
const TOP: i32 = 130;
const BAR_HEIGHT: i32 = 64;
const ROW_HEIGHT: i32 = 114;
const GAP: i32 = 22;
const MOST_COLUMNS: usize = 8;

pub(in crate::report) fn marginals(view: &RunView, frame: Frame) -> Result<String, ReportError> {
    let layout = Layout::of(&view.decisions[..view.decisions.len().min(MOST)]);
    let picture = Picture {
        id: "marginals",
        title: "What the policy prefers",
        description: format!(
            "The final policy's probabilities of the choices of {} decisions, against uniform ones. The table below holds the numbers.",
            view.decisions.len()
        ),
        size: (WIDTH as u32, layout.height() as u32),
    };
    picture.draw(frame, |area| {
        let keys = [
            (Key::Bar(TREND), "more likely than uniform"),
            (Key::Bar(BELOW), "less likely"),
            (Key::Line(MUTED), "uniform; a full bar is certainty"),
        ];
        legend(area, (16, 36), &keys)?;
        layout.draw(area)
    })
}

struct Layout<'a> {
    rows: Vec<Row<'a>>,
    /// What each column asks for: room for the labels of its choices, and for its title.
    columns: Vec<i32>,
    banks: usize,
    /// The names of the columns, if all rows share them.
    names: Option<Vec<&'a str>>,
    label_width: i32,
}

struct Row<'a> {
    group: &'a str,
    decisions: &'a [DecisionView],
}

impl<'a> Layout<'a> {
    fn of(decisions: &'a [DecisionView]) -> Self {
        let rows: Vec<Row> = decisions
            .chunk_by(|a, b| a.group == b.group)
            .flat_map(|group| group.chunks(MOST_COLUMNS))
            .map(|decisions| Row { group: &decisions[0].group, decisions })
            .collect();
        let count = rows.iter().map(|row| row.decisions.len()).max().unwrap_or(1);
        let columns = (0..count)
            .map(|at| rows.iter().filter_map(|row| row.decisions.get(at)).map(demand).max())
            .map(|demand| demand.unwrap_or(1))
            .collect();
        let names = rows.first().map(Row::names);
        let names = names.filter(|names| rows.iter().all(|row| row.names() == *names));
        let banks = if rows.len() > 10 && count <= 3 { 2 } else { 1 };
        let longest = rows.iter().map(|row| width(row.group, BODY)).max().unwrap_or(0);
        Self { rows, columns, banks, names, label_width: longest.clamp(80, 240) + 20 }
    }

    fn rows_of_a_bank(&self) -> usize {
        self.rows.len().div_ceil(self.banks)
    }

    fn row_height(&self) -> i32 {
        // Without shared names each panel has its own title.
        if self.names.is_some() { ROW_HEIGHT } else { ROW_HEIGHT + 30 }
    }

    fn height(&self) -> i32 {
        TOP + self.row_height() * self.rows_of_a_bank().max(1) as i32
    }

    /// Where the columns begin, and where the last one ends, in a bank of that width.
    fn edges(&self, width: i32) -> Vec<i32> {
        let all: i32 = self.columns.iter().sum();
        let mut asked = 0;
        let ends = self.columns.iter().map(|column| {
            asked += column;
            (i64::from(width) * i64::from(asked) / i64::from(all.max(1))) as i32
        });
        std::iter::once(0).chain(ends).collect()
    }

    fn draw(&self, area: &Area) -> Result<(), ReportError> {
        let bank_width = (WIDTH - 16) / self.banks as i32;
        let edges = self.edges(bank_width - self.label_width);
        if self.rows.is_empty() {
            let muted = style(BODY, Weight::Normal, MUTED);
            return write(
                area,
                "no decisions are known",
                60,
                (WIDTH / 2, TOP),
                Anchor::Middle,
                muted,
            );
        }
        for (number, row) in self.rows.iter().enumerate() {
            let (bank, level) = (number / self.rows_of_a_bank(), number % self.rows_of_a_bank());
            let left = 16 + bank as i32 * bank_width;
            let foot = TOP + (level as i32 + 1) * self.row_height() - 40;
            let room = (f64::from(self.label_width) / (0.6 * BODY)) as usize;
            let ink = style(BODY, Weight::Normal, INK);
            write(area, row.group, room, (left, foot - BAR_HEIGHT / 2), Anchor::Left, ink)?;
            for (column, decision) in row.decisions.iter().enumerate() {
                let from = left + self.label_width;
                let room = (from + edges[column], from + edges[column + 1] - GAP);
                match &self.names {
                    Some(_) if level == 0 => title(area, &decision.name, room, TOP - 36)?,
                    Some(_) => {}
                    None => title(area, &decision.name, room, foot - BAR_HEIGHT - 18)?,
                }
                panel(area, decision, room, foot)?;
            }
        }
        Ok(())
    }
}

impl<'a> Row<'a> {
    fn names(&self) -> Vec<&'a str> {
        self.decisions.iter().map(|decision| decision.name.as_str()).collect()
    }
}

/// The width that a decision's labels want, and its title.
fn demand(decision: &DecisionView) -> i32 {
    let longest = decision.choices.iter().map(|choice| width(&choice.label, SMALL)).max();
    let labels = decision.choices.len() as i32 * (longest.unwrap_or(0) + 8);
    labels.max(width(&decision.name, SMALL) + 8).clamp(60, 600) + GAP
}

fn title(area: &Area, text: &str, (from, to): (i32, i32), y: i32) -> Result<(), ReportError> {
    let room = (f64::from(to - from) / (0.62 * SMALL)) as usize;
    write(area, text, room, ((from + to) / 2, y), Anchor::Middle, style(SMALL, Weight::Bold, INK))
}

fn panel(
    area: &Area,
    decision: &DecisionView,
    (from, to): (i32, i32),
    foot: i32,
) -> Result<(), ReportError> {
    let choices = decision.choices.len();
    if choices == 0 {
        return Ok(());
    }
    let place = |number: usize| from + ((to - from) as usize * number / choices) as i32;
    let uniform = 1.0 / choices as f64;
    let likeliest = decision.choices.iter().map(probability).fold(0.0, f64::max);
    fill(area, (from, foot - BAR_HEIGHT), (to, foot), GRID, 0.5)?;
    for (number, choice) in decision.choices.iter().enumerate() {
        let (left, right) = (place(number), place(number + 1));
        let inset = ((right - left) / 8).min(6);
        let probability = probability(choice);
        let height = (probability * f64::from(BAR_HEIGHT)).round() as i32;
        let tone = if probability > uniform * 1.02 { TREND } else { BELOW };
        fill(area, (left + inset, foot - height), (right - inset, foot), tone, 1.0)?;
        let room = (f64::from(right - left) / (0.5 * SMALL)) as usize;
        if room > 0 {
            let text =
                if choice.label.chars().count() > room && room < 3 { "·" } else { &choice.label };
            let preferred = probability == likeliest && probability > uniform * 1.02;
            let (weight, ink) =
                if preferred { (Weight::Bold, INK) } else { (Weight::Normal, MUTED) };
            let at = ((left + right) / 2, foot + 18);
            write(area, text, room, at, Anchor::Middle, style(SMALL, weight, ink))?;
        }
    }
    line(area, [(from, foot), (to, foot)], AXIS.light.stroke_width(2))?;
    let level = foot - (uniform * f64::from(BAR_HEIGHT)).round() as i32;
    line(area, [(from, level), (to, level)], MUTED.light.stroke_width(2))
}

fn probability(choice: &ChoiceView) -> f64 {
    if choice.probability.is_finite() { choice.probability.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decisions(groups: usize, names: &[&str]) -> Vec<DecisionView> {
        let decision = |group: usize, name: &str| DecisionView {
            group: format!("block {group}"),
            name: name.to_owned(),
            choices: Vec::new(),
        };
        (0..groups).flat_map(|group| names.iter().map(move |name| decision(group, name))).collect()
    }

    #[test]
    fn a_row_is_a_group_and_narrow_groups_stand_in_two_banks() {
        let shape = |groups, names: &[&str]| {
            let decisions = decisions(groups, names);
            let layout = Layout::of(&decisions);
            (layout.rows.len(), layout.columns.len(), layout.banks, layout.names.is_some())
        };
        assert_eq!(shape(7, &["op", "kernel", "se", "skip", "filters", "layers"]), (7, 6, 1, true));
        assert_eq!(shape(20, &["filters", "kernel", "stride"]), (20, 3, 2, true));
        assert_eq!(shape(1, &["a"; 20]), (3, 8, 1, false));
        assert_eq!(shape(0, &[]), (0, 1, 1, false));
    }

    #[test]
    fn a_column_is_as_wide_as_its_labels_ask_for() {
        let choice = |label: &str| ChoiceView {
            label: label.to_owned(),
            probability: 0.25,
            first_quarter: 0,
            last_quarter: 0,
        };
        let mut decisions = decisions(3, &["op", "kernel"]);
        for decision in decisions.iter_mut().step_by(2) {
            decision.choices = ["conv", "sepconv", "mbconv3", "mbconv6"].map(choice).to_vec();
        }
        let layout = Layout::of(&decisions);
        let edges = layout.edges(1000);
        assert_eq!((edges[0], edges[2]), (0, 1000));
        assert!(edges[1] > 600, "{edges:?}");
    }
}
