//! Whatever is killed, and whenever: the run is whole, nobody is left behind, and the same command
//! goes on.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use pearl_tests::data::Noise;
use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::processes::{Process, descendants};
use pearl_tests::run_database::{Row, RunDatabase};
use pearl_tests::running::Running;
use pearl_tests::small_search::SmallSearch;
use rustix::process::Signal;
use serde_json::Value;

/// How long the children of a killed host may live on.
const FAREWELL: Duration = Duration::from_secs(5);
const SHORT_LIVES: u64 = 14;
/// From the last reward on; a part of what the training of a winner takes.
const BEGINNING: Duration = Duration::from_millis(100);

fn rows(run: &Path) -> Vec<Row> {
    RunDatabase::of(run).rows().unwrap_or_default()
}

/// Those that still live once they had time to end.
fn survivors(mut family: Vec<Process>) -> Vec<Process> {
    let start = Instant::now();
    loop {
        family.retain(Process::lives);
        if family.is_empty() || start.elapsed() > FAREWELL {
            return family;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the host has a child with such a word in its command line.
fn child(host: &mut Running, word: &str) -> Process {
    let id = host.id();
    let found = host.until(DEADLINE, || descendants(id).into_iter().find(|one| one.has_word(word)));
    found.unwrap_or_else(|| panic!("the host ended before a child '{word}' was seen"))
}

struct Hunt {
    pearl: Pearl,
    run: PathBuf,
    search: SmallSearch,
}

impl Hunt {
    fn new(candidates: usize) -> Hunt {
        let pearl = Pearl::new();
        let search = SmallSearch { candidates, ..SmallSearch::new(&pearl) };
        let run = pearl.path("run");
        Hunt { pearl, run, search }
    }

    fn start(&self) -> Running {
        self.pearl.start(self.search.args(&self.run))
    }

    /// Lets the host reach the moment in which it trains candidate `index`.
    fn in_training(&self, host: &mut Running, index: i64) {
        let at = || {
            rows(&self.run).iter().any(|row| row.index == index && !row.is_final()).then_some(())
        };
        host.until(DEADLINE, at).expect("the search comes to this candidate");
    }
}

#[test]
fn a_host_killed_at_random_moments_loses_and_repeats_nothing() {
    let hunt = Hunt::new(6);
    let reference = hunt.pearl.path("reference");
    let begun = Instant::now();
    hunt.pearl.run(hunt.search.args(&reference)).ok();
    // How far a life gets depends on the machine.
    let whole = begun.elapsed().as_millis() as u64;
    let expected = rows(&reference);

    let database = RunDatabase::of(&hunt.run);
    let mut noise = Noise(2020);
    let mut rewards = database.rewards();
    let mut kills = 0;
    for life in 0.. {
        let mut host = hunt.start();
        // Short lives at first, from the middle of its start on; then ones in which it gets further.
        let most = if life < SHORT_LIVES { whole / 6 } else { whole / 2 };
        let moment = Duration::from_millis(50 + noise.below(most));
        let born = Instant::now();
        if host.until(DEADLINE, || (born.elapsed() >= moment).then_some(())).is_none() {
            host.finish(DEADLINE).ok();
            break;
        }
        let family = descendants(host.id());
        host.signal(Signal::KILL);
        let killed = host.finish(DEADLINE);
        assert_eq!(killed.code(), None, "{killed:#?}");
        kills += 1;

        assert_eq!(survivors(family), [], "after kill {kills} at {moment:?}");
        assert_eq!(database.faults(), [""; 0], "after kill {kills} at {moment:?}");
        let now = database.rewards();
        let changed = rewards.iter().find(|(index, reward)| now.get(index) != Some(reward));
        assert_eq!(changed, None, "a reward changed: {now:?}");
        rewards = now;
        assert!(kills < 100, "the search does not get on: {:?}", rows(&hunt.run));
    }
    assert!(kills >= 8, "only {kills} kills");
    assert!(rows(&hunt.run).iter().all(Row::is_final));
    // Not only whole: the very same search as the one that nobody disturbed.
    assert_eq!(rows(&hunt.run), expected, "{kills} kills");
}

#[test]
fn a_host_killed_while_its_winner_trains_or_is_measured_ends_with_the_same_winner() {
    let mut hunt = Hunt::new(2);
    hunt.search.final_epochs = 8;
    let best = |run: &Path| -> Value {
        let mut best = hunt.pearl.run(hunt.search.args(run)).ok().json()["best"].clone();
        // It names the run's folder.
        best.as_object_mut().unwrap().remove("onnx").unwrap();
        best
    };
    let expected = best(&hunt.pearl.path("reference"));

    let database = RunDatabase::of(&hunt.run);
    let is_kept = || -> bool {
        let sql = "SELECT count(*) FROM fact WHERE key = 'best'";
        database.open().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let is_chosen = || {
        let rows = rows(&hunt.run);
        rows.len() == 2 && rows.iter().all(Row::is_final)
    };
    // Nothing tells from outside that the training has begun.
    let since = Cell::new(None);
    let trains = || {
        let begun = since.get().or_else(|| is_chosen().then(Instant::now));
        since.set(begun);
        begun.is_some_and(|begun| begun.elapsed() >= BEGINNING)
    };
    // The file is written between both: the second life trains again, and gets further.
    let has_file = || hunt.run.join("best.onnx").is_file();
    let moments: [(&str, &dyn Fn() -> bool); 2] = [("trains", &trains), ("is measured", &has_file)];
    for (at, (moment, is_there)) in moments.into_iter().enumerate() {
        let mut host = hunt.start();
        host.until(DEADLINE, || is_there().then_some(())).expect(moment);
        let family = descendants(host.id());
        host.signal(Signal::KILL);
        let killed = host.finish(DEADLINE);
        assert_eq!(killed.code(), None, "{moment}: {killed:#?}");
        assert_eq!(survivors(family), [], "{moment}");
        assert_eq!(database.faults(), [""; 0], "{moment}");
        assert_eq!((has_file(), is_kept()), (at == 1, false), "{moment}");
    }
    assert_eq!(best(&hunt.run), expected);
    assert!(is_kept() && has_file());
}

#[test]
fn a_worker_that_dies_once_is_replaced_and_its_candidate_repeated() {
    let hunt = Hunt::new(3);
    let mut host = hunt.start();
    hunt.in_training(&mut host, 1);
    child(&mut host, "worker").kill();
    host.finish(DEADLINE).ok();
    let rows = rows(&hunt.run);
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.status == "done"), "{rows:?}");
}

#[test]
fn a_worker_that_dies_twice_fails_its_candidate_alone() {
    let hunt = Hunt::new(3);
    let mut host = hunt.start();
    hunt.in_training(&mut host, 1);
    let first = child(&mut host, "worker");
    first.kill();
    let id = host.id();
    let other = |one: &Process| one.has_word("worker") && *one != first;
    let second = host.until(DEADLINE, || descendants(id).into_iter().find(other)).unwrap();
    second.kill();
    host.finish(DEADLINE).ok();
    let rows = rows(&hunt.run);
    let statuses: Vec<_> = rows.iter().map(|row| row.status.as_str()).collect();
    assert_eq!(statuses, ["done", "failed", "done"], "{rows:?}");
    assert!(rows[1].reason.as_ref().unwrap().contains("worker"), "{rows:?}");
    assert_eq!((rows[1].reward, rows[1].accuracy), (None, None));
}

#[test]
fn an_agent_that_dies_in_a_measurement_is_replaced() {
    for program in ["steady_agent.py", "pearl-agent"] {
        let hunt = Hunt::new(2);
        let mut host = hunt.start();
        let trained = || rows(&hunt.run).iter().any(|row| row.status == "trained").then_some(());
        host.until(DEADLINE, trained).expect("a candidate is measured after it was trained");
        child(&mut host, program).kill();
        host.finish(DEADLINE).ok();
        let rows = rows(&hunt.run);
        assert!(rows.len() == 2 && rows.iter().all(|row| row.status == "done"), "{rows:?}");
    }
}

#[test]
fn a_report_says_whether_the_run_is_running_interrupted_or_finished() {
    let hunt = Hunt::new(2);
    let state = |expected: &str| {
        let said = hunt.pearl.run(["report", hunt.run.to_str().unwrap()]).ok().stderr;
        assert!(said.contains(&format!("the run is {expected}")), "{said}");
        let page = std::fs::read_to_string(hunt.run.join("report.html")).unwrap();
        let (_, rest) = page.split_once("<span class=\"state ").unwrap();
        assert!(rest.contains(&format!("{expected}</span>")), "{expected}");
        // Only a finished run tells when it ended.
        rest.split_once("<p class=\"muted\">").unwrap().1.contains(" UTC to ")
    };
    let mut host = hunt.start();
    hunt.in_training(&mut host, 1);
    assert!(!state("running: 1 of 2 candidates"));
    host.signal(Signal::KILL);
    host.finish(DEADLINE);
    assert!(!state("interrupted after 1 of 2 candidates"));
    hunt.pearl.run(hunt.search.args(&hunt.run)).ok();
    assert!(state("finished"));

    // The end of before is none once the run goes on.
    let more = SmallSearch { candidates: 3, ..hunt.search.clone() };
    let mut host = hunt.pearl.start(more.args(&hunt.run));
    hunt.in_training(&mut host, 2);
    assert!(!state("running: 2 of 3 candidates"));
    host.signal(Signal::KILL);
    host.finish(DEADLINE);
    assert!(!state("interrupted after 2 of 3 candidates"));

    // A run whose winner was interrupted has not ended either.
    let at_length = SmallSearch { final_epochs: 2_000, ..more };
    let mut host = hunt.pearl.start(at_length.args(&hunt.run));
    let all_done = || {
        let rows = rows(&hunt.run);
        (rows.len() == 3 && rows.iter().all(Row::is_final)).then_some(())
    };
    host.until(DEADLINE, all_done).expect("the winner is trained after its candidates");
    host.signal(Signal::INT);
    let stopped = host.finish(DEADLINE);
    assert_eq!(stopped.code(), Some(130), "{stopped:#?}");
    assert!(!state("interrupted before the winner of 3 candidates was ready"));
    let in_short = SmallSearch { final_epochs: 1, ..at_length };
    hunt.pearl.run(in_short.args(&hunt.run)).ok();
    assert!(state("finished"));
}

#[test]
fn a_killed_search_goes_on_under_another_agent_in_a_new_segment_alone() {
    let hunt = Hunt::new(3);
    let mut host = hunt.start();
    hunt.in_training(&mut host, 1);
    let family = descendants(host.id());
    host.signal(Signal::KILL);
    host.finish(DEADLINE);
    assert_eq!(survivors(family), []);
    let open = || RunDatabase::of(&hunt.run).open().unwrap();
    let altered = "UPDATE condition SET value = 'another' WHERE name = 'agent build'";
    assert_eq!(open().execute(altered, []).unwrap(), 1);

    let before = rows(&hunt.run);
    let refused = hunt.pearl.run(hunt.search.args(&hunt.run));
    let words = ["agent build: another, now", "--new-segment"];
    assert_eq!(refused.faults_of_refusal(2, &words), [""; 0]);
    assert_eq!(rows(&hunt.run), before);

    hunt.pearl.run(hunt.search.clone().with("--new-segment").args(&hunt.run)).ok();
    let after = rows(&hunt.run);
    assert!(after.len() == 3 && after.iter().all(|row| row.status == "done"), "{after:?}");
    assert_eq!(after[0], before[0]);
    // All numbers of the candidate that was open are of the new segment.
    let segment = |index: usize| -> i64 {
        let sql = "SELECT segment FROM candidate WHERE idx = ?1";
        open().query_row(sql, [index as i64], |row| row.get(0)).unwrap()
    };
    assert_eq!([0, 1, 2].map(segment), [0, 1, 1]);
    assert_eq!(RunDatabase::of(&hunt.run).faults(), [""; 0]);
}

#[test]
fn an_interrupted_search_says_how_to_go_on_and_does() {
    for signal in [Signal::INT, Signal::TERM] {
        let hunt = Hunt::new(3);
        let mut host = hunt.start();
        hunt.in_training(&mut host, 1);
        let family = descendants(host.id());
        host.signal(signal);
        let stopped = host.finish(DEADLINE);
        assert_eq!(stopped.code(), Some(130), "{stopped:#?}");
        assert_eq!(stopped.stderr.lines().count(), 1, "{stopped:#?}");
        for words in ["of 3 candidates are done", "the same command resumes"] {
            assert!(stopped.stderr.contains(words), "{stopped:#?}");
        }
        assert_eq!(survivors(family), []);
        assert_eq!(RunDatabase::of(&hunt.run).faults(), [""; 0]);
        hunt.pearl.run(hunt.search.args(&hunt.run)).ok();
        assert!(rows(&hunt.run).iter().all(|row| row.status == "done"));
    }
}
