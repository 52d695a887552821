//! The table of candidates, the highest reward first.
//!
//! **Invariant:** the chosen candidate is always in the table; a note counts the candidates left out.

use std::cmp::Ordering;

use super::numbers::{NONE, count, ms, percent};
use super::text::{Escaped, one_line};
use super::view::{CandidateView, LatencyView, RunView};

/// Most rows that are shown.
pub(super) const MOST: usize = 500;
/// Longest reason that is shown, in characters.
const LONGEST_REASON: usize = 300;

pub(super) fn table(view: &RunView) -> String {
    if view.candidates.is_empty() {
        return "<section>\n<h2>Candidates</h2>\n\
                <p class=\"muted\">No candidate has been sampled yet.</p>\n</section>\n"
            .to_owned();
    }
    let chosen = view.best.as_ref().map(|best| best.candidate);
    let sorted = sorted(&view.candidates);
    let is_chosen = |candidate: &CandidateView| Some(candidate.index) == chosen;
    let (shown, left_out) = sorted.split_at(sorted.len().min(MOST));
    let straggler = left_out.iter().find(|candidate| is_chosen(candidate));
    let rows: String = shown
        .iter()
        .chain(straggler)
        .map(|candidate| row(candidate, view.budget_ns, is_chosen(candidate)))
        .collect();
    let note = if left_out.is_empty() {
        String::new()
    } else {
        format!(
            "<p class=\"muted\">The {MOST} of {} candidates with the highest reward, and the chosen one; the \
             run's database holds all.</p>\n",
            sorted.len()
        )
    };
    format!(
        "<section>\n<h2>Candidates</h2>\n{note}<div class=\"scroll\" role=\"region\" tabindex=\"0\" \
         aria-label=\"Candidates by reward\">\n<table class=\"candidates\">\n<thead><tr>\
         <th scope=\"col\" class=\"n\">#</th><th scope=\"col\">architecture</th><th scope=\"col\">status</th>\
         <th scope=\"col\" class=\"n\">reward</th><th scope=\"col\" class=\"n\">accuracy</th>\
         <th scope=\"col\" class=\"n\">latency, ms</th><th scope=\"col\" class=\"n\">interval, ms</th>\
         <th scope=\"col\" class=\"n\">of budget</th><th scope=\"col\" class=\"n\">parameters</th>\
         <th scope=\"col\" class=\"n\">MACs</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n\
         <p class=\"muted\">Latency as measured by <bdi>{} {}</bdi> on <bdi>{}</bdi>.</p>\n</section>\n",
        Escaped(&view.engine.name),
        Escaped(&view.engine.version),
        Escaped(&view.device),
    )
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

fn row(candidate: &CandidateView, budget_ns: u64, is_chosen: bool) -> String {
    let (class, tag) =
        if is_chosen { (" class=\"best\"", " <strong>chosen</strong>") } else { ("", "") };
    let reason = candidate.reason.as_ref().map_or_else(String::new, |reason| {
        format!(": <bdi>{}</bdi>", Escaped(&one_line(reason, LONGEST_REASON)))
    });
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let of_latency = |text: fn(LatencyView) -> String| or_none(candidate.latency.map(text));
    let of_budget =
        candidate.latency.map(|latency| percent(latency.point_ns as f64 / budget_ns as f64));
    format!(
        "<tr{class}><td class=\"n\">{}</td><td><code title=\"{}\">{}</code>{tag}</td><td>{}{reason}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        candidate.index,
        Escaped(&one_line(&candidate.arch_id, 80)),
        Escaped(&one_line(&candidate.arch_id, 13)),
        candidate.status.words(),
        or_none(candidate.rewarded().map(|reward| format!("{reward:.4}"))),
        or_none(candidate.accuracy.map(percent)),
        of_latency(|latency| ms(latency.point_ns)),
        of_latency(|latency| format!("{}–{}", ms(latency.lo_ns), ms(latency.hi_ns))),
        or_none(of_budget),
        or_none(candidate.params.map(count)),
        or_none(candidate.macs.map(count)),
    )
}
