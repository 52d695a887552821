//! The table of candidates, the highest reward first.
//!
//! **Invariant:** the chosen candidate is always in the table; a note counts the candidates left out.

use std::cmp::Ordering;

use maud::{Markup, html};

use super::numbers::{NONE, count, ms, percent};
use super::sanitised_text::one_line;
use super::view::{CandidateView, LatencyView, RunView};

/// Most rows that are shown.
pub(super) const MOST: usize = 500;
/// Longest reason that is shown, in characters.
const LONGEST_REASON: usize = 300;

pub(super) fn table(view: &RunView) -> Markup {
    html! {
        section {
            h2 { "Candidates" }
            @if view.candidates.is_empty() {
                p.muted { "No candidate has been sampled yet." }
            } @else {
                (filled(view))
            }
        }
    }
}

fn filled(view: &RunView) -> Markup {
    let chosen = view.best.as_ref().map(|best| best.candidate);
    let sorted = sorted(&view.candidates);
    let is_chosen = |candidate: &CandidateView| Some(candidate.index) == chosen;
    let (shown, left_out) = sorted.split_at(sorted.len().min(MOST));
    let straggler = left_out.iter().find(|candidate| is_chosen(candidate));
    html! {
        @if !left_out.is_empty() {
            p.muted {
                "The " (MOST) " of " (sorted.len()) " candidates with the highest reward, and the chosen \
                 one; the run's database holds all."
            }
        }
        div.scroll role="region" tabindex="0" aria-label="Candidates by reward" {
            table.candidates {
                (heads(view))
                tbody {
                    @for candidate in shown.iter().chain(straggler) {
                        (row(candidate, view, is_chosen(candidate)))
                    }
                }
            }
        }
        p.muted {
            "Latency as measured by " bdi { (view.engine.name) " " (view.engine.version) } " on "
            bdi { (view.device) } "."
        }
    }
}

fn heads(view: &RunView) -> Markup {
    html! {
        thead {
            tr {
                th.n scope="col" { "#" }
                th scope="col" { "architecture" }
                th scope="col" { "status" }
                th.n scope="col" { "reward" }
                th.n scope="col" { "accuracy" }
                th.n scope="col" { "latency, ms" }
                th.n scope="col" { "interval, ms" }
                th.n scope="col" { "of budget" }
                th.n scope="col" { "parameters" }
                th.n scope="col" { "MACs" }
                @if view.has_segments() {
                    th.n scope="col" { "segment" }
                }
            }
        }
    }
}

/// Sorted by reward; candidates without a reward follow in the order sampled.
fn sorted(candidates: &[CandidateView]) -> Vec<&CandidateView> {
    let mut sorted: Vec<&CandidateView> = candidates.iter().collect();
    sorted.sort_by(|a, b| match (a.rewarded(), b.rewarded()) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    sorted
}

fn row(candidate: &CandidateView, view: &RunView, is_chosen: bool) -> Markup {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let of_latency = |text: fn(LatencyView) -> String| or_none(candidate.latency.map(text));
    let of_budget =
        candidate.latency.map(|latency| percent(latency.point_ns as f64 / view.budget_ns as f64));
    html! {
        tr class=[is_chosen.then_some("best")] {
            td.n { (candidate.index) }
            td {
                code title=(one_line(&candidate.arch_id, 80)) { (one_line(&candidate.arch_id, 13)) }
                @if is_chosen { " " strong { "chosen" } }
            }
            td {
                (candidate.status.words())
                @if let Some(reason) = &candidate.reason {
                    ": " bdi { (one_line(reason, LONGEST_REASON)) }
                }
            }
            td.n { (or_none(candidate.rewarded().map(|reward| format!("{reward:.4}")))) }
            td.n { (or_none(candidate.accuracy.map(percent))) }
            td.n { (of_latency(|latency| ms(latency.point_ns))) }
            td.n { (of_latency(|latency| format!("{}–{}", ms(latency.lo_ns), ms(latency.hi_ns)))) }
            td.n { (or_none(of_budget)) }
            td.n { (or_none(candidate.params.map(count))) }
            td.n { (or_none(candidate.macs.map(count))) }
            @if view.has_segments() {
                td.n { (candidate.segment) }
            }
        }
    }
}
