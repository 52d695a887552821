//! The page around the pictures and the tables.
//!
//! **Invariant:** the order of the sections is that of a reader's questions: what came out, how it
//! stands, how the search went, what was tried, how to do it again.

use super::ReportError;
use super::cards::cards;
use super::chart::Frame;
use super::chart::marginals::{MOST, marginals};
use super::chart::palette::dark_rules;
use super::chart::rewards::rewards;
use super::chart::scatter::{CROWD, scatter};
use super::numbers::percent;
use super::text::{Escaped, one_line};
use super::view::{DecisionView, RunState, RunView};
use crate::report::candidate_table::table;
use crate::report::settings_table::repeat;

const STYLE: &str = include_str!("report.css");

pub(super) fn page(view: &RunView) -> Result<String, ReportError> {
    let title = Escaped(&view.title);
    let intervals = if view.candidates.len() > CROWD {
        "The candidates are too many to draw their intervals."
    } else {
        "A bar is the interval of the median; it is drawn if it is wider than the dot."
    };
    let caption = format!(
        "Each dot is a candidate at its measured median. {intervals} The line is the Pareto front: no \
         candidate is both faster and more accurate than one on it. Triangles at the edge are beyond the \
         axes."
    );
    let scatter = figure("Accuracy against latency", &scatter(view, Frame::Inline)?, &caption);
    let rewards = figure(
        "Reward over the search",
        &rewards(view, Frame::Inline)?,
        "The rewards from which the controller learns. A candidate whose measurement could not be \
         believed is never rewarded; it is marked at the foot.",
    );
    let policy = if view.decisions.is_empty() {
        String::new()
    } else {
        let drawn = match view.decisions.len() {
            all if all > MOST => format!("The first {MOST} of {all} decisions are drawn. "),
            _ => String::new(),
        };
        let caption = format!(
            "{drawn}Each bar is a choice; its height is its probability under the final policy. If a \
             choice stays at the uniform line, the policy has learnt nothing about it."
        );
        figure("What the policy prefers", &marginals(view, Frame::Inline)?, &caption)
            + &quarters(&view.decisions)
            + &updates(view)
    };
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n</style>\n</head>\n\
         <body>\n<main>\n{head}{cards}{scatter}{rewards}{policy}{table}{repeat}{reading}</main>\n</body>\n</html>\n",
        dark = dark_rules(),
        head = head(view),
        cards = cards(view),
        table = table(view),
        repeat = repeat(view),
        reading = reading(view),
    ))
}

fn head(view: &RunView) -> String {
    let (state, words) = match view.state {
        RunState::Finished => ("finished", "finished".to_owned()),
        RunState::Interrupted { done, total } => {
            ("interrupted", format!("interrupted after {done} of {total} candidates"))
        }
        RunState::Running { done, total } => {
            ("running", format!("running: {done} of {total} candidates"))
        }
    };
    let when = match &view.ended {
        Some(ended) => format!("{} to {}", Escaped(&view.started), Escaped(ended)),
        None => format!("since {}", Escaped(&view.started)),
    };
    format!(
        "<header>\n<h1><bdi>{}</bdi> <span class=\"state {state}\">{words}</span></h1>\n\
         <p class=\"muted\"><bdi>{}</bdi> · {when}</p>\n</header>\n",
        Escaped(&view.title),
        Escaped(&view.directory),
    )
}

/// `caption` is trusted text.
fn figure(title: &str, svg: &str, caption: &str) -> String {
    format!(
        "<section>\n<h2>{title}</h2>\n<figure>\n<div class=\"scroll\">\n{svg}</div>\n\
         <figcaption>{caption}</figcaption>\n</figure>\n</section>\n"
    )
}

/// The numbers behind the picture of the policy.
fn quarters(decisions: &[DecisionView]) -> String {
    let rows = decisions.iter().take(MOST).flat_map(|decision| {
        let uniform = 1.0 / decision.choices.len().max(1) as f64;
        decision.choices.iter().map(move |choice| {
            format!(
                "<tr><td><bdi>{} {}</bdi></td><td><bdi>{}</bdi></td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                Escaped(&one_line(&decision.group, 80)),
                Escaped(&one_line(&decision.name, 80)),
                Escaped(&one_line(&choice.label, 80)),
                percent(choice.probability),
                percent(uniform),
                choice.first_quarter,
                choice.last_quarter,
            )
        })
    });
    format!(
        "<details>\n<summary>The policy in numbers</summary>\n<div class=\"scroll\">\n<table>\n<thead><tr>\
         <th scope=\"col\">decision</th><th scope=\"col\">choice</th><th scope=\"col\" class=\"n\">policy</th>\
         <th scope=\"col\" class=\"n\">uniform</th><th scope=\"col\" class=\"n\">sampled in the first quarter</th>\
         <th scope=\"col\" class=\"n\">in the last</th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n</div>\n\
         </details>\n",
        rows.collect::<String>()
    )
}

/// What each update of the policy did. With an entropy near zero, the policy proposes one student only.
fn updates(view: &RunView) -> String {
    if view.updates.is_empty() {
        return String::new();
    }
    let uniform: f64 =
        view.decisions.iter().map(|decision| (decision.choices.len().max(1) as f64).ln()).sum();
    let rows = view.updates.iter().map(|update| {
        format!(
            "<tr><td class=\"n\">{}</td><td class=\"n\">{:.2}</td><td class=\"n\">{:.3}</td>\
             <td class=\"n\">{:.4}</td><td class=\"n\">{:.3}</td></tr>\n",
            update.candidate, update.entropy, update.loss, update.baseline, update.grad_norm,
        )
    });
    format!(
        "<details>\n<summary>The policy's updates</summary>\n<p class=\"muted\">Entropy in nats; a uniform \
         policy has {uniform:.2}, one that proposes the same student every time 0.</p>\n\
         <div class=\"scroll\">\n<table>\n<thead><tr>\
         <th scope=\"col\" class=\"n\">after candidate</th><th scope=\"col\" class=\"n\">entropy</th>\
         <th scope=\"col\" class=\"n\">loss</th><th scope=\"col\" class=\"n\">baseline</th>\
         <th scope=\"col\" class=\"n\">gradient norm</th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n\
         </div>\n</details>\n",
        rows.collect::<String>()
    )
}

fn reading(view: &RunView) -> String {
    let remarks = view.remarks.iter().map(|remark| format!("<li>{}</li>\n", Escaped(remark)));
    format!(
        "<section>\n<h2>How to read this</h2>\n<ul>\n\
         <li><strong>Accuracy</strong> of a candidate is on held-out images after a short training. It ranks \
         candidates imperfectly: the best one after a few epochs need not be the best after many. Only the \
         chosen student is trained in full, and only its test accuracy was not used to choose.</li>\n\
         <li><strong>Latency</strong> is that of the undisturbed device, with its 95 % interval: the \
         slowdown of the device during the measurement is removed. It was measured on <bdi>{}</bdi> with \
         <bdi>{} {}</bdi>. It is not comparable with another device, engine, engine version or number of \
         threads.</li>\n\
         <li><strong>Reward</strong> is what the controller maximises; it weighs accuracy against latency as the \
         objective below says. It is no quality of a student by itself.</li>\n\
         <li>A search is one random draw. Candidates close to each other may swap places with other seeds.</li>\n\
         {}</ul>\n</section>\n",
        Escaped(&view.device),
        Escaped(&view.engine.name),
        Escaped(&view.engine.version),
        remarks.collect::<String>(),
    )
}
