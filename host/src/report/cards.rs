//! The figures at the top of the page.
//!
//! **Invariant:** every latency names its engine and its device; words say what is not known yet.

use maud::{Markup, html};

use super::numbers::{NONE, duration, fine_percent, ms, percent, short_ms};
use super::view::{CandidateStatus, CandidateView, LatencyView, RunView, TrainedView, WallTime};

pub(super) fn cards(view: &RunView) -> Markup {
    html! {
        section.cards aria-label="Summary" {
            (accuracy(view))
            (latency(view))
            (teacher(view))
            (candidates(view))
            (wall(view))
        }
    }
}

fn card(title: &str, value: &str, notes: &[Markup]) -> Markup {
    html! {
        div.card {
            h3 { (title) }
            p.value { (value) }
            @for note in notes {
                p { (note) }
            }
        }
    }
}

fn accuracy(view: &RunView) -> Markup {
    let title = "Best student";
    let Some(chosen) = view.chosen() else {
        return card(title, NONE, &[html! { "no candidate is chosen yet" }]);
    };
    let held_out = chosen.accuracy.map_or_else(|| NONE.to_owned(), percent);
    match view.trained() {
        Some(trained) => card(
            title,
            &fine_percent(trained.test_accuracy),
            &notes_on_trained(chosen, trained, &held_out),
        ),
        None => card(
            title,
            &held_out,
            &[
                html! { "held-out accuracy after the search's short training" },
                html! { "candidate #" (chosen.index) ", not yet trained in full" },
            ],
        ),
    }
}

fn notes_on_trained(chosen: &CandidateView, trained: &TrainedView, held_out: &str) -> [Markup; 3] {
    [
        html! { "test accuracy after " (trained.epochs) (if trained.epochs == 1 { " epoch" } else { " epochs" }) },
        html! {
            "held-out: " (held_out) " in the search"
            @if let Some(accuracy) = trained.holdout_accuracy {
                ", then " (percent(accuracy))
            }
        },
        html! { "candidate #" (chosen.index) " · " bdi.path { (trained.onnx) } },
    ]
}

fn latency(view: &RunView) -> Markup {
    let budget = match view.window_ns {
        Some(window) => format!("{} ± {} ms", short_ms(view.budget_ns), short_ms(window)),
        None => format!("{} ms", short_ms(view.budget_ns)),
    };
    let of_trained = view.trained().and_then(|trained| Some((trained, trained.latency?)));
    let of_chosen = view.chosen().and_then(|chosen| chosen.latency);
    let verdict = of_trained.map(|(trained, _)| trained.verdict.as_str());
    let engine = html! {
        bdi { (view.engine.name) " " (view.engine.version) } " on " bdi { (view.device) }
    };
    let title = "Latency of the student";
    match of_trained.map(|(_, latency)| latency).or(of_chosen) {
        Some(latency) => card(
            title,
            &format!("{}\u{202f}ms", ms(latency.point_ns)),
            &[
                interval(latency, verdict),
                html! { (standing(view, latency)) " the budget of " (budget) },
                engine,
            ],
        ),
        None => card(
            title,
            NONE,
            &[html! { "not measured" }, html! { "the budget is " (budget) }, engine],
        ),
    }
}

/// A verdict is passed only on the final measurement, after the full training.
fn interval(latency: LatencyView, verdict: Option<&str>) -> Markup {
    html! {
        (ms(latency.lo_ns)) " to " (ms(latency.hi_ns)) " ms; "
        @match verdict {
            Some(verdict) => { "verdict " bdi { (verdict) } }
            None => "as measured in the search",
        }
    }
}

/// Where the whole latency interval lies, relative to the budget.
fn standing(view: &RunView, latency: LatencyView) -> &'static str {
    let window = view.window_ns.unwrap_or(0);
    let most = view.budget_ns.saturating_add(window);
    let least = view.window_ns.map_or(0, |window| view.budget_ns.saturating_sub(window));
    if latency.lo_ns > most {
        "above"
    } else if latency.hi_ns < least {
        "below"
    } else if latency.hi_ns <= most && latency.lo_ns >= least {
        "within"
    } else {
        "at the edge of"
    }
}

fn teacher(view: &RunView) -> Markup {
    let Some(teacher) = &view.teacher else {
        return card("Teacher", NONE, &[html! { "none: trained by hard labels" }]);
    };
    let student = view.trained().map(|trained| trained.test_accuracy);
    let (value, kind) = match (teacher.test_accuracy, teacher.holdout_accuracy) {
        (Some(accuracy), _) => (fine_percent(accuracy), "test accuracy"),
        (None, Some(accuracy)) => (percent(accuracy), "held-out accuracy"),
        (None, None) => (NONE.to_owned(), "accuracy not known"),
    };
    let mut notes = vec![html! { (kind) " of " bdi { (teacher.name) } }];
    if let (Some(teacher), Some(student)) = (teacher.test_accuracy, student) {
        let gap = 100.0 * (student - teacher);
        if gap.is_finite() {
            let side = if gap < 0.0 { "below" } else { "above" };
            notes.push(html! { "the student is " (format!("{:.2}", gap.abs())) " points " (side) });
        }
    }
    card("Teacher", &value, &notes)
}

fn candidates(view: &RunView) -> Markup {
    let count =
        |status| view.candidates.iter().filter(|candidate| candidate.status == status).count();
    let others = [
        CandidateStatus::Repeated,
        CandidateStatus::Unmeasured,
        CandidateStatus::Failed,
        CandidateStatus::InFlight,
    ];
    let others: Vec<String> = others
        .into_iter()
        .map(|status| (count(status), status.words()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let mut notes = vec![html! { "of " (view.candidates.len()) " sampled" }];
    if !others.is_empty() {
        notes.push(html! { (others.join(", ")) });
    }
    card("Candidates done", &count(CandidateStatus::Done).to_string(), &notes)
}

fn wall(view: &RunView) -> Markup {
    let total = view.wall.total_ns();
    let share = |part: u64| {
        if total == 0 { 0.0 } else { 100.0 * part as f64 / total as f64 }
    };
    let WallTime { training_ns, inference_ns, launches_ns, other_ns } = view.wall;
    let parts = [
        ("training", "training steps", training_ns),
        ("inference", "timed inference", inference_ns),
        ("launches", "warm-up and launches", launches_ns),
        ("other", "budget, winner and the rest", other_ns),
    ];
    html! {
        div.card.wide {
            h3 { "Wall time" }
            p.value { (duration(total)) }
            div.bar aria-hidden="true" {
                @for (class, _, part) in parts {
                    span.(class) style={ "width:" (format!("{:.2}", share(part))) "%" } {}
                }
            }
            ul.keys {
                @for (class, name, part) in parts {
                    li {
                        span.key.(class) {} (name) " "
                        strong { (format!("{:.1}\u{202f}%", share(part))) }
                    }
                }
            }
        }
    }
}
