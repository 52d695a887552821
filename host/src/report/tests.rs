//! The page as a whole, read as a browser would read it.

use proptest::prelude::*;

use super::sample::{Stream, conv20, empty, finished};
use super::view::*;
use super::{ReportError, render, scatter_svg};

const HOSTILE: &str = "</td><script>alert(\"1\")</script> 'x' &amp;\n\u{202e}gnp.exe\0 שלום";

/// Elements that have no end tag in HTML; SVG ends its own with `/>`.
const VOID: [&str; 1] = ["meta"];

/// The names of the elements, each once per occurrence; fails if a tag, an attribute or a comment is
/// malformed or tags do not nest.
fn elements(markup: &str) -> Result<Vec<String>, String> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut rest = markup;
    while let Some(start) = rest.find('<') {
        if rest[..start].contains('>') && open.last().is_none_or(|name| name != "style") {
            return Err(format!("a stray > before {:?}", &rest[start..rest.len().min(start + 40)]));
        }
        let end = tag_end(&rest[start..]).ok_or("a tag that does not end")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> ends {last:?}"));
            }
        } else if !tag.starts_with("!DOCTYPE") {
            let name = tag.split([' ', '\n', '/']).next().unwrap_or_default().to_owned();
            if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                return Err(format!("<{tag}>"));
            }
            all.push(name.clone());
            if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
                open.push(name);
            }
        }
    }
    if open.is_empty() { Ok(all) } else { Err(format!("never ended: {open:?}")) }
}

/// The place where the tag at the start ends, past quoted attributes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (letter == '>' && !quoted).then_some(at)
    })
}

/// Everything that holds of every page.
fn check(view: &RunView) -> String {
    let page = render(view).unwrap();
    let found = elements(&page).unwrap();
    for forbidden in ["script", "link", "img", "image", "iframe", "object", "a", "base", "use"] {
        assert!(!found.iter().any(|name| name == forbidden), "{forbidden}");
    }
    for foreign in ["http:", "https:", "src=", "href=", "url(", "@import", "javascript:"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for broken in [">NaN", "\"NaN", ",NaN", ">inf\u{202f}", "\"inf\"", "\"-inf\"", "inf,"] {
        assert!(!page.contains(broken), "{broken}");
    }
    let allowed = |letter: char| matches!(letter, '\n' | '\t') || !letter.is_control();
    assert!(page.chars().all(allowed));
    let svg = scatter_svg(view).unwrap();
    assert_eq!(elements(&svg).unwrap()[0], "svg");
    page
}

#[test]
fn a_finished_run_shows_its_figures_and_pictures() {
    let view = finished(24);
    let page = check(&view);
    for expect in [
        "finished</span>",
        "90.92\u{202f}%",
        "tract 0.23.9",
        "verdict <bdi>stable</bdi>",
        "0.82 points below",
        "runs/first/best.onnx",
        "id=\"scatter-title\"",
        "id=\"rewards-title\"",
        "id=\"marginals-title\"",
        "How to read this",
        "<dt><bdi>policy</bdi></dt><dd><bdi>3</bdi></dd>",
    ] {
        assert!(page.contains(expect), "{expect}");
    }
    assert_eq!(page.matches("<tr class=\"best\">").count(), 1);
    assert_eq!(page.matches("<svg ").count(), 3);
    assert!(page.contains(&view.command));
}

#[test]
fn the_same_view_gives_the_same_page() {
    assert_eq!(render(&finished(40)).unwrap(), render(&finished(40)).unwrap());
}

#[test]
fn candidates_are_sorted_by_reward_and_the_rest_follows() {
    let page = check(&finished(60));
    let table = page.split("<table class=\"candidates\">").nth(1).unwrap();
    let rewards: Vec<Option<f64>> = table
        .split("<tr")
        .skip(2)
        .filter_map(|row| row.split("<td class=\"n\">").nth(2))
        .map(|cell| cell.split('<').next().unwrap().parse().ok())
        .collect();
    assert_eq!(rewards.len(), 60);
    assert!(rewards.iter().any(Option::is_none) && rewards[0].is_some());
    for pair in rewards.windows(2) {
        // `None` is the least of all options.
        assert!(pair[0] >= pair[1], "{pair:?}");
    }
}

#[test]
fn text_from_outside_stays_text() {
    let mut view = finished(12);
    for text in [
        &mut view.title,
        &mut view.directory,
        &mut view.command,
        &mut view.started,
        &mut view.device,
        &mut view.engine.name,
        &mut view.engine.version,
    ] {
        *text = HOSTILE.to_owned();
    }
    view.ended = Some(HOSTILE.to_owned());
    view.settings = vec![SettingsView {
        title: HOSTILE.to_owned(),
        entries: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
    }];
    view.remarks = vec![HOSTILE.to_owned()];
    for candidate in &mut view.candidates {
        candidate.arch_id = HOSTILE.to_owned();
        candidate.reason = Some(HOSTILE.to_owned());
    }
    if let Some(teacher) = &mut view.teacher {
        teacher.name = HOSTILE.to_owned();
    }
    if let Some(trained) = view.best.as_mut().and_then(|best| best.trained.as_mut()) {
        trained.verdict = HOSTILE.to_owned();
        trained.onnx = HOSTILE.to_owned();
    }
    for decision in &mut view.decisions {
        decision.group = HOSTILE.to_owned();
        decision.name = HOSTILE.to_owned();
        decision.choices[0].label = HOSTILE.to_owned();
    }
    let page = check(&view);
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; 'x' &amp;amp;\n"));
    assert!(page.contains("שלום"));
}

#[test]
fn a_run_with_little_in_it_still_has_its_page() {
    let one = |status| {
        let mut view = finished(1);
        view.candidates[0].status = status;
        view.best = None;
        view
    };
    let cases = [
        (empty(), "No candidate has been sampled yet"),
        (RunView { decisions: Vec::new(), teacher: None, ..empty() }, "trained by hard labels"),
        (RunView { budget_ns: 0, window_ns: Some(0), ..empty() }, "no candidate has been measured"),
        (RunView { wall: WallTime::default(), settings: Vec::new(), ..empty() }, "0.0\u{202f}%"),
        (one(CandidateStatus::Done), "of 1 sampled"),
        (one(CandidateStatus::InFlight), "1 in flight"),
        (one(CandidateStatus::Failed), "no candidate has a reward"),
        (one(CandidateStatus::Unmeasured), "no candidate has been measured"),
    ];
    for (view, expect) in cases {
        assert!(check(&view).contains(expect), "{expect}");
    }
}

#[test]
fn a_run_of_failures_shows_each_reason() {
    let mut view = RunView { best: None, ..finished(30) };
    for (position, candidate) in view.candidates.iter_mut().enumerate() {
        candidate.status = CandidateStatus::Failed;
        candidate.reason = Some(format!("reason {position}."));
    }
    let page = check(&view);
    assert!((0..30).all(|position| page.contains(&format!("reason {position}."))));
}

#[test]
fn a_run_that_went_on_under_other_conditions_shows_its_segments() {
    let mut view = finished(12);
    assert!(!check(&view).contains("<h2>Segments</h2>"));
    view.candidates[9].segment = 1;
    let differences = vec!["torch: 2.13.0, now 2.14.0".to_owned(), HOSTILE.to_owned()];
    view.segments.push(SegmentView {
        index: 1,
        candidates: 3,
        differences,
        ..view.segments[0].clone()
    });
    let page = check(&view);
    for expect in [
        "<h2>Segments</h2>",
        "torch: 2.13.0, now 2.14.0; ",
        "<th class=\"n\" scope=\"col\">segment</th>",
    ] {
        assert!(page.contains(expect), "{expect}");
    }
    let table = page.split("<table class=\"candidates\">").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    let of = |segment: u64| table.matches(&format!("<td class=\"n\">{segment}</td></tr>")).count();
    assert_eq!((of(0), of(1)), (11, 1));
}

#[test]
fn equal_latencies_and_accuracies_are_drawn() {
    let mut view = finished(20);
    for candidate in &mut view.candidates {
        candidate.latency = Some(LatencyView { point_ns: 5, lo_ns: 5, hi_ns: 5 });
        candidate.accuracy = Some(0.9);
    }
    check(&view);
}

#[test]
fn an_interrupted_run_says_how_far_it_came() {
    let state = RunState::Interrupted { done: 13, total: 24 };
    let page = check(&RunView { state, ended: None, ..finished(13) });
    assert!(page.contains("interrupted after 13 of 24 candidates"));
    assert!(page.contains("since 2026-03-01"));
    let state = RunState::Interrupted { done: 24, total: 24 };
    let page = check(&RunView { state, ended: None, ..finished(24) });
    assert!(page.contains("interrupted before the winner of 24 candidates was ready"));
}

#[test]
fn a_budget_beyond_the_axes_is_still_named() {
    for (budget_ns, expect) in [(2_000_000_000, "budget 2000 ms →"), (2_000, "← budget 0.002 ms")]
    {
        let mut view = RunView { budget_ns, ..finished(24) };
        for latency in view.candidates.iter_mut().filter_map(|candidate| candidate.latency.as_mut())
        {
            // Latencies close to each other and far from both budgets.
            latency.point_ns = 10_000_000 + latency.point_ns / 10;
        }
        let svg = scatter_svg(&view).unwrap();
        assert!(svg.contains(expect), "{expect}");
    }
    let svg = scatter_svg(&RunView { window_ns: Some(100_000), ..finished(24) }).unwrap();
    assert!(svg.contains("budget 2 ± 0.1 ms"));
}

#[test]
fn ten_thousand_candidates_make_a_page_below_five_megabytes() {
    let mut view = finished(10_000);
    let worst = view.candidates.iter().filter(|candidate| candidate.rewarded().is_some());
    let worst = worst.min_by(|a, b| a.reward.partial_cmp(&b.reward).unwrap()).unwrap().index;
    view.best = Some(BestView { candidate: worst, trained: None });
    let page = check(&view);
    assert!(page.len() < 5_000_000, "{}", page.len());
    assert!(page.contains("The 500 of 10000 candidates"));
    assert_eq!(page.matches("<tr class=\"best\">").count(), 1);
}

#[test]
fn more_decisions_than_can_be_drawn_are_counted() {
    let decisions: Vec<DecisionView> = (0..10).flat_map(|_| conv20()).collect();
    assert!(
        check(&RunView { decisions, ..finished(8) }).contains("The first 240 of 600 decisions")
    );
}

#[test]
fn a_best_candidate_that_is_not_there_is_refused() {
    let best = Some(BestView { candidate: 99, trained: None });
    let error = render(&RunView { best, ..finished(8) }).unwrap_err();
    assert!(matches!(error, ReportError::UnknownBest { index: 99, candidates: 8 }), "{error}");
}

#[test]
fn the_picture_alone_has_a_background_a_size_and_a_name() {
    let svg = scatter_svg(&finished(24)).unwrap();
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"540\"")
    );
    assert!(svg.contains("<title id=\"scatter-title\">Accuracy against latency</title>"));
    assert!(svg.contains("fill=\"#FFFFFE\""));
    elements(&svg).unwrap();
}

/// Numbers that a broken store could hold.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::MIN),
        Just(f64::MAX),
        Just(0.0),
        -2.0..2.0f64,
    ]
}

fn wild_ns() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), 0..10_000_000u64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_number_breaks_the_page(
        seed: u64,
        budget_ns in wild_ns(),
        window_ns in prop::option::of(wild_ns()),
        teacher in wild(),
        numbers in prop::collection::vec((wild(), wild_ns(), wild_ns(), wild(), wild()), 0..20),
        text in ".{0,40}",
    ) {
        let mut stream = Stream::new(seed);
        let mut view = finished(numbers.len());
        view.budget_ns = budget_ns;
        view.window_ns = window_ns;
        view.directory = text;
        view.teacher = Some(TeacherView {
            name: String::new(),
            holdout_accuracy: Some(teacher),
            test_accuracy: Some(teacher),
        });
        for (candidate, (accuracy, point_ns, other_ns, reward, _)) in
            view.candidates.iter_mut().zip(&numbers)
        {
            candidate.accuracy = Some(*accuracy);
            candidate.latency =
                Some(LatencyView { point_ns: *point_ns, lo_ns: *other_ns, hi_ns: *other_ns });
            candidate.reward = Some(*reward);
        }
        for (decision, (.., probability)) in view.decisions.iter_mut().zip(&numbers) {
            decision.choices[0].probability = *probability;
        }
        if let (Some(first), true) = (view.candidates.first(), stream.uniform() < 0.5) {
            view.best = Some(BestView { candidate: first.index, trained: None });
        }
        check(&view);
    }
}
