//! The figures at the top of the page.
//!
//! **Invariant:** every latency names its engine and its device; words say what is not known yet.

use super::numbers::{NONE, duration, fine_percent, ms, percent, short_ms};
use super::text::Escaped;
use super::view::{CandidateStatus, LatencyView, RunView, WallTime};

pub(super) fn cards(view: &RunView) -> String {
    let cards = [accuracy(view), latency(view), teacher(view), candidates(view), wall(view)];
    format!("<section class=\"cards\" aria-label=\"Summary\">\n{}</section>\n", cards.concat())
}

/// `value` and `notes` are already escaped.
fn card(title: &str, value: &str, notes: &[String]) -> String {
    let notes: String = notes.iter().map(|note| format!("<p>{note}</p>")).collect();
    format!("<div class=\"card\"><h3>{title}</h3><p class=\"value\">{value}</p>{notes}</div>\n")
}

fn accuracy(view: &RunView) -> String {
    let title = "Best student";
    let Some(chosen) = view.chosen() else {
        return card(title, NONE, &["no candidate is chosen yet".to_owned()]);
    };
    let held_out = chosen.accuracy.map_or_else(|| NONE.to_owned(), percent);
    match view.trained() {
        Some(trained) => card(
            title,
            &fine_percent(trained.test_accuracy),
            &[
                format!("test accuracy after {} epochs", trained.epochs),
                match trained.holdout_accuracy {
                    Some(accuracy) => {
                        format!("held-out: {held_out} in the search, then {}", percent(accuracy))
                    }
                    None => format!("held-out: {held_out} in the search"),
                },
                format!(
                    "candidate #{} · <bdi class=\"path\">{}</bdi>",
                    chosen.index,
                    Escaped(&trained.onnx)
                ),
            ],
        ),
        None => card(
            title,
            &held_out,
            &[
                "held-out accuracy after the search's short training".to_owned(),
                format!("candidate #{}, not yet trained in full", chosen.index),
            ],
        ),
    }
}

fn latency(view: &RunView) -> String {
    let budget = match view.window_ns {
        Some(window) => format!("{} ± {} ms", short_ms(view.budget_ns), short_ms(window)),
        None => format!("{} ms", short_ms(view.budget_ns)),
    };
    let engine = format!(
        "<bdi>{} {}</bdi> on <bdi>{}</bdi>",
        Escaped(&view.engine.name),
        Escaped(&view.engine.version),
        Escaped(&view.device)
    );
    let trained = view.trained();
    let of_trained = trained.and_then(|trained| trained.latency);
    let of_chosen = view.chosen().and_then(|chosen| chosen.latency);
    let verdict = trained.filter(|_| of_trained.is_some()).map(|trained| trained.verdict.as_str());
    let (value, first) = match of_trained.or(of_chosen) {
        Some(latency) => (
            format!("{}\u{202f}ms", ms(latency.point_ns)),
            format!(
                "{} to {} ms; {}",
                ms(latency.lo_ns),
                ms(latency.hi_ns),
                verdict.map_or_else(
                    || "as measured in the search".to_owned(),
                    |verdict| format!("verdict <bdi>{}</bdi>", Escaped(verdict))
                )
            ),
        ),
        None => (NONE.to_owned(), "not measured".to_owned()),
    };
    let against = match of_trained.or(of_chosen) {
        Some(latency) => format!("{} the budget of {budget}", standing(view, latency)),
        None => format!("the budget is {budget}"),
    };
    card("Latency of the student", &value, &[first, against, engine])
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

fn teacher(view: &RunView) -> String {
    let Some(teacher) = &view.teacher else {
        return card("Teacher", NONE, &["none: trained by hard labels".to_owned()]);
    };
    let student = view.trained().map(|trained| trained.test_accuracy);
    let (value, kind) = match (teacher.test_accuracy, teacher.holdout_accuracy) {
        (Some(accuracy), _) => (fine_percent(accuracy), "test accuracy"),
        (None, Some(accuracy)) => (percent(accuracy), "held-out accuracy"),
        (None, None) => (NONE.to_owned(), "accuracy not known"),
    };
    let mut notes = vec![format!("{kind} of <bdi>{}</bdi>", Escaped(&teacher.name))];
    if let (Some(teacher), Some(student)) = (teacher.test_accuracy, student) {
        let gap = 100.0 * (student - teacher);
        if gap.is_finite() {
            let side = if gap < 0.0 { "below" } else { "above" };
            notes.push(format!("the student is {:.2} points {side}", gap.abs()));
        }
    }
    card("Teacher", &value, &notes)
}

fn candidates(view: &RunView) -> String {
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
    let mut notes = vec![format!("of {} sampled", view.candidates.len())];
    if !others.is_empty() {
        notes.push(others.join(", "));
    }
    card("Candidates done", &count(CandidateStatus::Done).to_string(), &notes)
}

fn wall(view: &RunView) -> String {
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
    let bars: String = parts
        .iter()
        .map(|(class, _, part)| {
            format!("<span class=\"{class}\" style=\"width:{:.2}%\"></span>", share(*part))
        })
        .collect();
    let rows: String = parts
        .iter()
        .map(|(class, name, part)| {
            format!(
                "<li><span class=\"key {class}\"></span>{name} <strong>{:.1}\u{202f}%</strong></li>",
                share(*part)
            )
        })
        .collect();
    format!(
        "<div class=\"card wide\"><h3>Wall time</h3><p class=\"value\">{}</p>\
         <div class=\"bar\" aria-hidden=\"true\">{bars}</div><ul class=\"keys\">{rows}</ul></div>\n",
        duration(total)
    )
}
