//! The page around the pictures and the tables.
//!
//! **Invariant:** the order of the sections is that of a reader's questions: what came out, how it
//! stands, how the search went, what was tried, how to do it again. Only the rules of [`style`] and the
//! pictures of [`figure`] are written unescaped.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ReportError;
use super::cards::cards;
use super::chart::Frame;
use super::chart::marginals::{MOST, marginals};
use super::chart::palette::dark_rules;
use super::chart::rewards::rewards;
use super::chart::scatter::{CROWD, scatter};
use super::numbers::percent;
use super::sanitised_text::{one_line, sanitised};
use super::view::{ChoiceView, DecisionView, PolicyUpdateView, RunState, RunView};
use crate::report::candidate_table::table;
use crate::report::settings_table::repeat;

const STYLE: &str = include_str!("report.css");
/// Longest name of a decision or of a choice that is shown, in characters.
const LONGEST_NAME: usize = 80;
/// Longest list of what changed between two segments, in characters.
const LONGEST_CHANGE: usize = 1000;

pub(super) fn page(view: &RunView) -> Result<String, ReportError> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(view))
            body {
                main {
                    (header(view))
                    (cards(view))
                    (accuracy_against_latency(view)?)
                    (reward_over_the_search(view)?)
                    (policy(view)?)
                    (table(view))
                    (segments(view))
                    (repeat(view))
                    (reading(view))
                }
            }
        }
    };
    Ok(sanitised(&page.into_string()))
}

fn head(view: &RunView) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (view.title) }
            style { (style()) }
        }
    }
}

/// Unescaped, because a style sheet knows no character references; nothing in it is from outside.
fn style() -> PreEscaped<String> {
    let dark = dark_rules();
    PreEscaped(format!("{STYLE}@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n"))
}

fn header(view: &RunView) -> Markup {
    let state = match view.state {
        RunState::Finished => "finished",
        RunState::Interrupted { .. } => "interrupted",
        RunState::Running { .. } => "running",
    };
    html! {
        header {
            h1 {
                bdi { (view.title) } " " span.state.(state) { (view.state) }
            }
            p.muted {
                bdi { (view.directory) } " · "
                @match &view.ended {
                    Some(ended) => { (view.started) " to " (ended) }
                    None => { "since " (view.started) }
                }
            }
        }
    }
}

/// `svg` is a picture of [`super::chart`], where every text is escaped as it is drawn; escaping it again
/// would show its source.
fn figure(title: &str, svg: String, caption: Markup) -> Markup {
    html! {
        section {
            h2 { (title) }
            figure {
                div.scroll { (PreEscaped(svg)) }
                figcaption { (caption) }
            }
        }
    }
}

fn accuracy_against_latency(view: &RunView) -> Result<Markup, ReportError> {
    let caption = html! {
        "Each dot is a candidate at its measured median. "
        @if view.candidates.len() > CROWD {
            "The candidates are too many to draw their intervals."
        } @else {
            "A bar is the interval of the median; it is drawn if it is wider than the dot."
        }
        " The line is the Pareto front: no candidate is both faster and more accurate than one on it. \
         Triangles at the edge are beyond the axes."
    };
    Ok(figure("Accuracy against latency", scatter(view, Frame::Inline)?, caption))
}

fn reward_over_the_search(view: &RunView) -> Result<Markup, ReportError> {
    let caption = html! {
        "The rewards from which the policy learns. A candidate whose measurement could not be believed is \
         never rewarded; it is marked at the foot."
    };
    Ok(figure("Reward over the search", rewards(view, Frame::Inline)?, caption))
}

/// The final policy in a picture and in numbers; empty if it is not known.
fn policy(view: &RunView) -> Result<Markup, ReportError> {
    let all = view.decisions.len();
    if all == 0 {
        return Ok(Markup::default());
    }
    let caption = html! {
        @if all > MOST {
            "The first " (MOST) " of " (all) " decisions are drawn. "
        }
        "Each bar is a choice; its height is its probability under the final policy. If a choice stays at \
         the uniform line, the policy has learnt nothing about it."
    };
    let figure = figure("What the policy prefers", marginals(view, Frame::Inline)?, caption);
    Ok(html! {
        (figure)
        (quarters(&view.decisions))
        @if !view.updates.is_empty() {
            (updates(view))
        }
    })
}

/// The numbers behind the picture of the policy.
fn quarters(decisions: &[DecisionView]) -> Markup {
    html! {
        details {
            summary { "The policy in numbers" }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "decision" }
                            th scope="col" { "choice" }
                            th.n scope="col" { "policy" }
                            th.n scope="col" { "uniform" }
                            th.n scope="col" { "sampled in the first quarter" }
                            th.n scope="col" { "in the last" }
                        }
                    }
                    tbody {
                        @for decision in decisions.iter().take(MOST) {
                            @for choice in &decision.choices {
                                (choice_row(decision, choice))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn choice_row(decision: &DecisionView, choice: &ChoiceView) -> Markup {
    let name = |name: &str| one_line(name, LONGEST_NAME);
    html! {
        tr {
            td { bdi { (name(&decision.group)) " " (name(&decision.name)) } }
            td { bdi { (name(&choice.label)) } }
            td.n { (percent(choice.probability)) }
            td.n { (percent(1.0 / decision.choices.len() as f64)) }
            td.n { (choice.first_quarter) }
            td.n { (choice.last_quarter) }
        }
    }
}

/// What changed in the course of the run; empty if nothing did.
fn segments(view: &RunView) -> Markup {
    if !view.has_segments() {
        return Markup::default();
    }
    html! {
        section {
            h2 { "Segments" }
            p.muted {
                "The run went on under other conditions. Latencies and accuracies of different segments \
                 are not strictly comparable; the chosen student is trained and measured in the last one."
            }
            div.scroll {
                table {
                    thead {
                        tr {
                            th.n scope="col" { "segment" }
                            th scope="col" { "since" }
                            th.n scope="col" { "candidates" }
                            th scope="col" { "what changed" }
                        }
                    }
                    tbody {
                        @for segment in &view.segments {
                            tr {
                                td.n { (segment.index) }
                                td { bdi { (one_line(&segment.started, LONGEST_NAME)) } }
                                td.n { (segment.candidates) }
                                td { bdi { (one_line(&segment.differences.join("; "), LONGEST_CHANGE)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What each update of the policy did. With an entropy near zero, the policy proposes one student only.
fn updates(view: &RunView) -> Markup {
    let uniform: f64 =
        view.decisions.iter().map(|decision| (decision.choices.len().max(1) as f64).ln()).sum();
    html! {
        details {
            summary { "The policy's updates" }
            p.muted {
                "Entropy in nats; a uniform policy has " (format!("{uniform:.2}")) ", one that proposes the \
                 same student every time 0."
            }
            div.scroll {
                table {
                    thead {
                        tr {
                            th.n scope="col" { "after candidate" }
                            th.n scope="col" { "entropy" }
                            th.n scope="col" { "loss" }
                            th.n scope="col" { "baseline" }
                            th.n scope="col" { "gradient norm" }
                        }
                    }
                    tbody {
                        @for update in &view.updates {
                            (update_row(update))
                        }
                    }
                }
            }
        }
    }
}

fn update_row(update: &PolicyUpdateView) -> Markup {
    html! {
        tr {
            td.n { (update.candidate) }
            td.n { (format!("{:.2}", update.entropy)) }
            td.n { (format!("{:.3}", update.loss)) }
            td.n { (format!("{:.4}", update.baseline)) }
            td.n { (format!("{:.3}", update.grad_norm)) }
        }
    }
}

fn reading(view: &RunView) -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            ul {
                li {
                    strong { "Accuracy" }
                    " of a candidate is on held-out images after a short training. It ranks candidates \
                     imperfectly: the best one after a few epochs need not be the best after many. Only \
                     the chosen student is trained in full, and only its test accuracy was not used to \
                     choose."
                }
                li {
                    strong { "Latency" }
                    " is that of the undisturbed device, with its 95 % interval: the slowdown of the \
                     device during the measurement is removed. It was measured on "
                    bdi { (view.device) } " with " bdi { (view.engine.name) " " (view.engine.version) }
                    ". It is not comparable with another device, engine, engine version or number of \
                     threads."
                }
                li {
                    strong { "Reward" }
                    " is what the policy maximises; it weighs accuracy against latency as the objective \
                     below says. It is no quality of a student by itself."
                }
                li {
                    "A search is one random draw. Candidates close to each other may swap places with \
                     other seeds."
                }
                @for remark in &view.remarks {
                    li { (remark) }
                }
            }
        }
    }
}
