//! A search from its command to its student.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::path::Path;

use pearl_tests::pearl::Pearl;
use pearl_tests::python;
use pearl_tests::run_database::RunDatabase;
use pearl_tests::small_search::SmallSearch;
use serde_json::Value;

const BUDGET_NS: f64 = 50e6;

/// What must hold of every document of a search.
fn check_document(document: &Value, run: &Path, candidates: usize) {
    assert_eq!(document["format"], "pearl.search/1");
    assert_eq!(document["run"], run.to_str().unwrap());
    assert_eq!(document["engine"]["name"], "tract");
    let listed = document["candidates"].as_array().unwrap();
    assert_eq!(listed.len(), candidates);
    for (index, candidate) in listed.iter().enumerate() {
        assert_eq!(candidate["index"], index, "{candidate}");
        assert_eq!(candidate["arch_id"].as_str().unwrap().len(), 16, "{candidate}");
        let accuracy = candidate["accuracy"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy), "{candidate}");
        match candidate["status"].as_str().unwrap() {
            "done" => {
                let latency = candidate["latency_ns"].as_u64().unwrap() as f64;
                let expected = accuracy * (latency / BUDGET_NS).powf(-0.07);
                let reward = candidate["reward"].as_f64().unwrap();
                assert!((reward - expected).abs() < 1e-12, "{expected}: {candidate}");
            }
            "unmeasured" => {
                assert!(candidate["reward"].is_null() && candidate["latency_ns"].is_null());
                assert!(!candidate["reason"].as_str().unwrap().is_empty(), "{candidate}");
            }
            _ => panic!("{candidate}"),
        }
    }
    assert_eq!(RunDatabase::of(run).faults(), [""; 0]);
}

fn check_student(pearl: &Pearl, document: &Value, run: &Path) {
    let best = &document["best"];
    assert_eq!(best["index"], document["chosen"]);
    let index = best["index"].as_u64().unwrap() as usize;
    assert_eq!(best["arch_id"], document["candidates"][index]["arch_id"]);
    assert_eq!(best["onnx"], run.join("best.onnx").to_str().unwrap());
    assert!((0.0..=1.0).contains(&best["accuracy"].as_f64().unwrap()), "{best}");
    let within = best["latency_ns"].as_u64().unwrap() as f64 <= BUDGET_NS;
    assert!(within, "{best}");
    // The parts belong together: exporting the weights again gives the student.
    let path = |name: &str| run.join(name).to_str().unwrap().to_owned();
    let again = pearl.path("again.onnx");
    let export = ["export", &path("best.json"), "--weights", &path("best.safetensors"), "-o"];
    pearl.run(export.map(str::to_owned).into_iter().chain([again.display().to_string()])).ok();
    // What was measured is the beginning of what ships.
    let (measured, student) = (fs::read(again).unwrap(), fs::read(path("best.onnx")).unwrap());
    assert!(student.starts_with(&measured) && student.len() > measured.len());
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains(best["arch_id"].as_str().unwrap()) && report.contains("<svg"));
    assert!(report.contains("pearl --quiet search"), "the command that repeats the run is missing");
}

#[test]
fn a_search_yields_rewarded_candidates_and_a_trained_student() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search = SmallSearch { candidates: 5, final_epochs: 1, ..SmallSearch::new(&pearl) };
    let first = pearl.run(search.args(&run)).ok().json();
    check_document(&first, &run, 5);
    check_student(&pearl, &first, &run);
    let done = first["candidates"].as_array().unwrap();
    assert!(done.iter().all(|candidate| candidate["status"] == "done"), "{first}");

    // Again: nothing new.
    let student = fs::metadata(run.join("best.onnx")).unwrap().modified().unwrap();
    let again = pearl.run(search.args(&run)).ok().json();
    assert_eq!(again["candidates"], first["candidates"]);
    assert_eq!(again["best"], first["best"]);
    assert_eq!(fs::metadata(run.join("best.onnx")).unwrap().modified().unwrap(), student);

    // More: the old ones stand.
    let more = SmallSearch { candidates: 7, ..search };
    let more = pearl.run(more.args(&run)).ok().json();
    check_document(&more, &run, 7);
    assert_eq!(more["candidates"].as_array().unwrap()[..5], done[..]);
}

#[test]
fn one_seed_gives_one_search_and_another_seed_another() {
    let pearl = Pearl::new();
    let ids = |name: &str, more: &str| -> Vec<String> {
        let search = SmallSearch::new(&pearl).with(more);
        let document = pearl.run(search.args(&pearl.path(name))).ok().json();
        let candidates = document["candidates"].as_array().unwrap();
        candidates.iter().map(|one| format!("{} {}", one["arch_id"], one["reward"])).collect()
    };
    let first = ids("first", "--seed 3");
    assert_eq!(ids("second", "--seed 3"), first);
    assert_ne!(ids("third", "--seed 4"), first);
}

#[test]
fn a_search_measures_with_the_agent_of_this_machine() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search = SmallSearch { device: "local", candidates: 2, ..SmallSearch::new(&pearl) };
    let ended = pearl.run(search.args(&run));
    let document = ended.json();
    check_document(&document, &run, 2);
    // All of it was done, whatever comes out: of each candidate there is a measurement of as many launches as
    // the least, by the agent's own clock.
    let db = RunDatabase::of(&run).open().unwrap();
    let sql = "SELECT count(*) FROM (SELECT DISTINCT candidate, document FROM measurement
        WHERE json_array_length(document, '$.launches') >= 6
        AND json_array_length(document, '$.launches[0].samples_ns') >= 11) GROUP BY candidate";
    let mut statement = db.prepare(sql).unwrap();
    let measured = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    let measured: Vec<i64> = measured.collect::<Result<_, _>>().unwrap();
    assert!(measured.len() == 2 && measured.iter().all(|times| (1..=3).contains(times)));
    // How quiet this machine is decides whether its latencies are believed.
    let all = document["candidates"].as_array().unwrap();
    let rewarded = all.iter().any(|candidate| !candidate["reward"].is_null());
    assert_eq!(ended.code(), Some(if rewarded { 0 } else { 5 }), "{ended:#?}");
}

#[test]
fn a_search_distils_from_a_teacher_whose_logits_are_kept() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search = SmallSearch { candidates: 2, final_epochs: 1, ..SmallSearch::new(&pearl) };
    let train = "teacher train --network resnet-8 --data data --name tutor --images 200 \
                 --holdout 100 --epochs 2 --batch 32 --json";
    let teacher = pearl.line(train).ok().json();
    assert_eq!(teacher["teacher"]["name"], "tutor");
    let search = search.with("--teacher tutor");
    let document = pearl.run(search.args(&run)).ok().json();
    check_document(&document, &run, 2);
    check_student(&pearl, &document, &run);
    let logits = pearl.home().join("logits");
    let kept = || {
        let files = fs::read_dir(&logits).unwrap().map(|entry| entry.unwrap());
        files
            .map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap()))
            .collect::<Vec<_>>()
    };
    let before = kept();
    assert!(!before.is_empty());
    let more = SmallSearch { candidates: 3, ..search };
    check_document(&pearl.run(more.args(&run)).ok().json(), &run, 3);
    let after = kept();
    assert!(before.iter().all(|file| after.contains(file)), "{before:?} {after:?}");
}

#[test]
fn a_loss_that_is_not_a_number_gives_accuracy_0_with_the_reason_and_the_search_goes_on() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search = SmallSearch { candidates: 2, ..SmallSearch::new(&pearl) };
    let search = search.with("--learning-rate 1e9");
    let document = pearl.run(search.args(&run)).ok().json();
    check_document(&document, &run, 2);
    for candidate in document["candidates"].as_array().unwrap() {
        assert_eq!(candidate["accuracy"], 0.0, "{candidate}");
        let reason = candidate["reason"].as_str().unwrap();
        assert!(reason.contains("loss"), "{candidate}");
        assert_eq!(candidate["reward"], 0.0, "{candidate}");
    }
}

#[test]
fn a_winner_whose_final_training_diverges_is_an_error_that_keeps_the_candidates() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search = SmallSearch { candidates: 1, final_epochs: 1, ..SmallSearch::new(&pearl) };
    let search = search.with("--learning-rate 1e9");
    let refused = pearl.run(search.args(&run));
    let named = ["candidate 0", "diverged", "pearl report", "models/", "--learning-rate"];
    assert_eq!(refused.faults_of_refusal(3, &named), [""; 0]);
    assert!(!run.join("best.json").exists() && !run.join("best.onnx").exists());
}

#[test]
fn a_diverged_candidate_that_cannot_be_measured_keeps_both_reasons() {
    let pearl = Pearl::new();
    pearl.write("rough.toml", python::steady_device("rough", &["--rough"]));
    let search = SmallSearch { candidates: 1, device: "rough", ..SmallSearch::new(&pearl) };
    let search = search.with("--learning-rate 1e9 --devices rough.toml");
    let ended = pearl.run(search.args(&pearl.path("run")));
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    assert!(ended.stderr.contains("not one of 1 candidates"), "{ended:#?}");
    let document = ended.json();
    let candidate = &document["candidates"][0];
    assert_eq!((&candidate["status"], &candidate["reward"]), (&"unmeasured".into(), &Value::Null));
    let reason = candidate["reason"].as_str().unwrap();
    assert!(reason.contains("loss") && reason.contains("processor"), "{candidate}");
}

#[test]
fn other_objectives_policies_and_spaces_reward_as_they_say() {
    let pearl = Pearl::new();
    for (name, more) in [
        ("hard", "--objective hard --policy ppo"),
        ("absolute", "--objective absolute:-0.2 --window 1ms"),
    ] {
        let run = pearl.path(name);
        let search = SmallSearch { candidates: 2, ..SmallSearch::new(&pearl) }.with(more);
        // Far faster than the budget: within it, and outside its window, where no student is chosen.
        let outside = name == "absolute";
        let ended = pearl.run(search.args(&run));
        assert_eq!(ended.code(), Some(if outside { 5 } else { 0 }), "{ended:#?}");
        let document = ended.json();
        for candidate in document["candidates"].as_array().unwrap() {
            let accuracy = candidate["accuracy"].as_f64().unwrap();
            let ratio = candidate["latency_ns"].as_u64().unwrap() as f64 / BUDGET_NS;
            let expected = match name {
                "hard" => accuracy,
                _ => accuracy - 0.2 * (ratio - 1.0).abs(),
            };
            let reward = candidate["reward"].as_f64().unwrap();
            assert!((reward - expected).abs() < 1e-12, "{expected}: {candidate}");
        }
        assert_eq!(document["chosen"].is_null(), outside, "{document}");
    }
}

#[test]
fn a_winner_that_misses_the_budget_when_it_is_measured_again_gives_way_to_the_next() {
    let pearl = Pearl::new();
    pearl.write("devices.toml", python::steady_device("steady", &["--slow-best"]));
    let run = pearl.path("run");
    let search = SmallSearch { final_epochs: 1, ..SmallSearch::new(&pearl) };
    let ended = pearl.run(search.args(&run));
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    assert!(ended.stderr.contains("not within the budget of 50"), "{ended:#?}");
    let document = ended.json();
    let best = &document["best"];
    assert_eq!((&best["within_budget"], &best["index"]), (&false.into(), &document["chosen"]));
    // Each distinct student was tried once, the most accurate first.
    let candidates = document["candidates"].as_array().unwrap();
    let accuracy =
        |index: &Value| candidates[index.as_u64().unwrap() as usize]["accuracy"].as_f64().unwrap();
    let missed = best["missed"].as_array().unwrap();
    let tried: Vec<_> = missed.iter().chain([best]).map(|miss| accuracy(&miss["index"])).collect();
    assert!(tried.len() >= 2 && tried.is_sorted_by(|a, b| a >= b), "{tried:?}: {document}");
    assert!(missed.iter().all(|miss| miss["latency_ns"].as_u64().unwrap() > 60_000_000));
    // Again: nothing is trained again.
    let student = fs::metadata(run.join("best.onnx")).unwrap().modified().unwrap();
    let again = pearl.run(search.args(&run));
    assert_eq!((again.code(), &again.json()["best"]), (Some(5), best));
    assert_eq!(fs::metadata(run.join("best.onnx")).unwrap().modified().unwrap(), student);
}

#[test]
fn a_budget_that_no_candidate_keeps_is_said_and_the_search_can_go_on() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search = SmallSearch {
        candidates: 2,
        budget: "1ms".to_owned(),
        final_epochs: 1,
        ..SmallSearch::new(&pearl)
    };
    let ended = pearl.run(search.args(&run));
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    assert!(ended.stderr.contains("no candidate lies within the budget of 1"), "{ended:#?}");
    let document = ended.json();
    assert!(document["best"].is_null() && document["chosen"].is_null(), "{document}");
    assert!(document["candidates"][1]["reward"].as_f64().unwrap() > 0.0, "{document}");
}

/// The index of the most accurate candidate whose interval is admitted; of equals the faster one.
fn most_accurate(candidates: &[Value], admits: impl Fn(u64, u64) -> bool) -> Option<u64> {
    let interval = |one: &Value| [0, 1].map(|at| one["ci95"][at].as_u64().unwrap());
    let admitted = candidates.iter().filter(|one| {
        let [lo, hi] = interval(one);
        admits(lo, hi)
    });
    let accuracy = |one: &Value| one["accuracy"].as_f64().unwrap();
    let latency = |one: &Value| one["latency_ns"].as_u64().unwrap();
    let best = admitted
        .min_by(|a, b| accuracy(b).total_cmp(&accuracy(a)).then(latency(a).cmp(&latency(b))));
    best.map(|one| one["index"].as_u64().unwrap())
}

/// The first update of the policy comes after three rewards: up to there, the budget changes no candidate.
#[test]
fn a_budget_that_excludes_some_candidates_chooses_among_the_others() {
    let pearl = Pearl::new();
    let all = pearl.run(SmallSearch::new(&pearl).args(&pearl.path("all"))).ok().json();
    let candidates = all["candidates"].as_array().unwrap();
    let mut ends: Vec<_> = candidates.iter().map(|one| one["ci95"][1].as_u64().unwrap()).collect();
    ends.sort_unstable();
    let budget = u64::midpoint(ends[1], ends[2]);
    assert!(ends[1] < budget && budget < ends[2], "nothing is excluded: {all}");

    let run = pearl.path("some");
    let fixed =
        SmallSearch { budget: format!("{budget}ns"), final_epochs: 1, ..SmallSearch::new(&pearl) };
    let some = pearl.run(fixed.args(&run)).ok().json();
    let expected = most_accurate(candidates, |_, hi| hi <= budget).unwrap();
    assert_eq!((&some["budget_ns"], &some["chosen"]), (&budget.into(), &expected.into()));
    assert_eq!(
        (&some["best"]["index"], &some["best"]["within_budget"]),
        (&expected.into(), &true.into())
    );
    let listed = some["candidates"].as_array().unwrap();
    for (one, before) in listed.iter().zip(candidates) {
        assert_eq!((&one["arch_id"], &one["ci95"]), (&before["arch_id"], &before["ci95"]));
        // What is excluded from the choice is rewarded all the same.
        let ratio = one["latency_ns"].as_u64().unwrap() as f64 / budget as f64;
        let expected = one["accuracy"].as_f64().unwrap() * ratio.powf(-0.07);
        assert!((one["reward"].as_f64().unwrap() - expected).abs() < 1e-12, "{one}");
    }

    // A window around another candidate's latency excludes the most accurate one of all, be it fast or slow.
    let latency = |index: u64| candidates[index as usize]["latency_ns"].as_u64().unwrap();
    let first = most_accurate(candidates, |_, _| true).unwrap();
    let other = (0..3).find(|one| latency(*one) != latency(first)).unwrap();
    let (middle, wide) = (latency(other), latency(other).abs_diff(latency(first)) - 1);
    let window = SmallSearch { budget: format!("{middle}ns"), ..SmallSearch::new(&pearl) };
    let window = window.with(&format!("--window {wide}ns"));
    let around = pearl.run(window.args(&pearl.path("around"))).ok().json();
    let within = |lo: u64, hi: u64| lo >= middle - wide && hi <= middle + wide;
    let expected = most_accurate(candidates, within).unwrap();
    assert_eq!(around["chosen"], expected);
    assert_ne!(expected, first);
}

#[test]
fn a_budget_by_percentile_is_that_of_random_students_on_the_device_and_is_found_once() {
    let pearl = Pearl::new();
    let run = pearl.path("run");
    let search =
        SmallSearch { candidates: 1, budget: "p50".to_owned(), ..SmallSearch::new(&pearl) };
    let ended = pearl.run(search.args(&run));
    let first = ended.json();
    let random = || -> Vec<u64> {
        let db = RunDatabase::of(&run).open().unwrap();
        let sql = "SELECT coalesce(document ->> '$.compensated.latency.point', document ->> '$.latency.point')
            FROM measurement WHERE candidate IS NULL";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|ns| ns.unwrap().unsigned_abs()).collect()
    };
    let mut latencies = random();
    assert_eq!(latencies.len(), 16);
    latencies.sort_unstable();
    assert!(latencies[0] < latencies[15], "one student, 16 times: {latencies:?}");
    let median = (latencies[7] + latencies[8]).div_ceil(2);
    let budget = first["budget_ns"].as_u64().unwrap();
    assert_eq!(budget, median.div_ceil(1000) * 1000, "{latencies:?}");

    let candidate = &first["candidates"][0];
    let ratio = candidate["latency_ns"].as_u64().unwrap() as f64 / budget as f64;
    let expected = candidate["accuracy"].as_f64().unwrap() * ratio.powf(-0.07);
    assert!((candidate["reward"].as_f64().unwrap() - expected).abs() < 1e-12, "{first}");
    let is_within = candidate["ci95"][1].as_u64().unwrap() <= budget;
    assert_eq!(first["chosen"], if is_within { Value::from(0) } else { Value::Null });
    assert_eq!(ended.code(), Some(if is_within { 0 } else { 5 }), "{ended:#?}");

    // It goes on with the budget that was found.
    let again = pearl.run(SmallSearch { candidates: 2, ..search }.args(&run)).json();
    assert_eq!((&again["budget_ns"], random().len()), (&first["budget_ns"], 16));
    assert_eq!(again["candidates"][0], first["candidates"][0]);
}
