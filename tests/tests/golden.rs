//! Databases of every format that was ever written are read by the program of today; a damaged row is told by
//! its number.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::path::{Path, PathBuf};

use pearl_tests::pearl::Pearl;
use pearl_tests::programs::checkout;
use rusqlite::Connection;

/// Makes the database of a golden file, and changes it.
fn make(path: &Path, golden: &str, change: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let golden = fs::read_to_string(checkout().join("tests/golden").join(golden)).unwrap();
    let db = Connection::open(path).unwrap();
    db.execute_batch(&golden).unwrap();
    db.execute_batch(change).unwrap();
    db.close().unwrap();
}

fn run(pearl: &Pearl, golden: &str, change: &str) -> PathBuf {
    let run = pearl.path(format!("run of {golden}"));
    make(&run.join("pearl.db"), golden, change);
    run
}

#[test]
fn a_run_of_every_format_is_reported() {
    for (golden, expected) in [
        ("run-1.sql", &["<dt><bdi>agent sha256</bdi></dt>"][..]),
        ("run-2.sql", &["<dt><bdi>agent sha256</bdi></dt>", "<td class=\"n\">35.50</td>"]),
        ("run-3.sql", &["<h2>Segments</h2>", "training threads: 2, now 1"]),
    ] {
        let pearl = Pearl::new();
        let run = run(&pearl, golden, "");
        let bytes = fs::read(run.join("pearl.db")).unwrap();
        let said = pearl.run(["report", run.to_str().unwrap()]).ok().stderr;
        assert!(said.contains("the run is finished"), "{golden}: {said}");
        let page = fs::read_to_string(run.join("report.html")).unwrap();
        for words in ["8930f1d698f060e2", "tract 0.23.9", "1.048"].iter().chain(expected) {
            assert!(page.contains(*words), "{golden}: {words}");
        }
        assert_eq!(fs::read(run.join("pearl.db")).unwrap(), bytes, "{golden}");
    }
}

#[test]
fn a_history_of_every_format_is_listed_and_shown_and_goes_on() {
    for (golden, median, compensated) in [
        ("history-1.sql", 125_978, None),
        ("history-2.sql", 125_978, Some(110_027)),
        ("history-3.sql", 1_048_303, Some(1_048_303)),
    ] {
        let pearl = Pearl::new();
        make(&pearl.home().join("history.db"), golden, "");
        let list = pearl.line("history list --json").ok().json();
        let kept = &list["measurements"][0];
        assert_eq!(kept["latency_ns"]["median"], median, "{golden}");
        assert_eq!(kept["compensated_ns"].as_u64(), compensated, "{golden}");
        assert_eq!(kept["engine"]["version"], "0.23.9", "{golden}");
        let shown = pearl.line("history show 1 --json").ok().json();
        let result = &shown["result"];
        assert_eq!(result["latency_ns"]["median"], median, "{golden}");
        assert_eq!(result["device"]["fingerprint"], "71a6186fb611f754", "{golden}");
        assert_eq!(result["compensated"]["latency_ns"]["point"].as_u64(), compensated, "{golden}");
        assert_eq!(shown["launches"].as_array().unwrap().len(), 6, "{golden}");
        let text = pearl.line("history show 1").ok().stdout;
        assert!(text.contains("model.onnx on local with tract 0.23.9"), "{golden}: {text}");
    }
}

#[test]
fn a_damaged_measurement_is_told_by_its_number_and_hides_no_other() {
    let second =
        "INSERT INTO measurement SELECT 2, at, model, sha256, device, fingerprint, verdict,
        median_ns, lo_ns, hi_ns, document, compensated_ns, inputs FROM measurement;";
    for damage in [
        "UPDATE measurement SET document = substr(document, 1, 1000) WHERE id = 2",
        "UPDATE measurement SET document = 'nothing' WHERE id = 2",
        "UPDATE measurement SET document = json_set(document, '$.contended', json('[]')) WHERE id = 2",
        "UPDATE measurement SET document = json_set(document, '$.launches', json('[]')) WHERE id = 2",
        "UPDATE measurement SET document = json_set(document, '$.format', 'pearl.measurement/9')
         WHERE id = 2",
        "UPDATE measurement SET median_ns = -1 WHERE id = 2",
    ] {
        let pearl = Pearl::new();
        make(&pearl.home().join("history.db"), "history-3.sql", &format!("{second}{damage}"));
        let shown = pearl.line("history show 2");
        assert_eq!(shown.faults_of_refusal(3, &["measurement #2"]), [""; 0], "{damage}");
        let compared = pearl.line("compare #1 #2");
        assert_eq!(compared.faults_of_refusal(3, &["measurement #2"]), [""; 0], "{damage}");
        pearl.line("history show 1").ok();
    }
}

#[test]
fn a_damaged_run_is_told_by_what_is_damaged() {
    for (damage, said) in [
        ("UPDATE candidate SET status = 'splendid'", "candidate 0 is damaged"),
        ("UPDATE candidate SET macs = -1", "candidate 0 is damaged"),
        ("UPDATE fact SET value = 'nothing' WHERE key = 'agent'", "'agent' is damaged"),
        ("UPDATE fact SET value = '{}' WHERE key = 'budget_ns'", "'budget_ns' is damaged"),
    ] {
        let pearl = Pearl::new();
        let run = run(&pearl, "run-3.sql", damage);
        let report = pearl.run(["--quiet", "report", run.to_str().unwrap()]);
        assert_eq!(report.faults_of_refusal(3, &[said, "pearl.db"]), [""; 0], "{damage}");
        assert!(!run.join("report.html").exists(), "{damage}");
    }
}
