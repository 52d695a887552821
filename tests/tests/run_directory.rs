//! A run directory that cannot be used is refused with the reason, and nothing in it is overwritten.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use pearl_tests::finished::Finished;
use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::programs;
use pearl_tests::run_database::RunDatabase;
use pearl_tests::running::Running;
use pearl_tests::small_search::SmallSearch;
use rusqlite::Connection;
use serde_json::Value;

/// A finished search of one candidate, made once.
struct Made {
    pearl: Pearl,
    search: SmallSearch,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let pearl = Pearl::new();
        let mut search = SmallSearch::new(&pearl);
        search.candidates = 1;
        pearl.run(search.args(&pearl.path("made"))).ok();
        Made { pearl, search }
    })
}

impl Made {
    /// A copy of the run for one test.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.pearl.path(name);
        let copied = Command::new("cp").arg("-r").arg(self.pearl.path("made")).arg(&copy).status();
        assert!(copied.unwrap().success());
        copy
    }

    /// What is wrong with how `search` was refused in `run`, changes of its files included.
    fn refused(&self, search: &SmallSearch, run: &Path, words: &[&str]) -> Vec<String> {
        let before = contents(run);
        let words = [words, &[run.to_str().unwrap()]].concat();
        let mut faults = self.pearl.run(search.args(run)).faults_of_refusal(2, &words);
        let after = contents(run);
        let names: Vec<_> = before.keys().chain(after.keys()).collect();
        let changed = names.iter().filter(|name| before.get(**name) != after.get(**name));
        faults.extend(changed.map(|name| format!("{} was changed", name.display())));
        faults
    }
}

/// Of all files that hold something; SQLite's index of its log is none of ours.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut open = vec![folder.to_owned()];
    let mut files = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() && !path.to_str().unwrap().ends_with("-shm") {
            let bytes = fs::read(&path).unwrap();
            if !bytes.is_empty() {
                files.insert(path, bytes);
            }
        }
    }
    files
}

#[test]
fn a_run_of_another_configuration_is_not_continued() {
    let made = made();
    for (name, option, words) in [
        ("decay", "--weight-decay 0.5", &["weight decay", "0.5"][..]),
        ("window", "--window 1ms", &["window", "none", "1.000 ms"]),
        ("seed", "--seed 1", &["seed"]),
        ("input", "--raw-input", &["input of networks", "normalised", "0..255"]),
        ("policy", "--policy ppo", &["controller"]),
        ("objective", "--objective hard", &["objective", "soft", "hard"]),
    ] {
        let run = made.copy(&format!("other-{name}"));
        let search = made.search.clone().with(option);
        assert_eq!(made.refused(&search, &run, words), [""; 0], "{option}");
    }
    let run = made.copy("other-device");
    let search = SmallSearch { device: "local", ..made.search.clone() };
    assert_eq!(made.refused(&search, &run, &["device", "steady", "local"]), [""; 0]);
}

#[test]
fn other_data_under_the_same_name_or_another_input_is_another_configuration_in_older_runs_too() {
    let made = made();
    let data = pearl_tests::data::DataSet { classes: 3, ..Default::default() };
    let search =
        SmallSearch { data: data.write(&made.pearl.path("elsewhere/data")), ..made.search.clone() };
    let run = made.copy("other-data");
    assert_eq!(made.refused(&search, &run, &["data"]), [""; 0]);
    let older = made.copy("other-data-older");
    let db = Connection::open(RunDatabase::of(&older).path()).unwrap();
    to_the_first_format(&db);
    db.close().unwrap();
    assert_eq!(made.refused(&search, &older, &["data sha256"]), [""; 0]);
    // The older format did not keep what it knew one value of.
    let raw = made.search.clone().with("--raw-input");
    let words = ["input of networks", "normalised", "0..255"];
    assert_eq!(made.refused(&raw, &older, &words), [""; 0]);
}

#[test]
fn a_run_of_a_newer_format_is_not_touched() {
    let made = made();
    let run = made.copy("newer");
    let db = Connection::open(RunDatabase::of(&run).path()).unwrap();
    db.pragma_update(None, "user_version", 4).unwrap();
    db.close().unwrap();
    assert_eq!(made.refused(&made.search, &run, &["format 4", "newer"]), [""; 0]);
    let report = made.pearl.run(["--quiet", "report", run.to_str().unwrap()]);
    assert_eq!(report.faults_of_refusal(2, &["format 4", "newer"]), [""; 0]);
}

#[test]
fn a_run_goes_on_under_other_conditions_only_in_a_new_segment_which_is_shown() {
    let made = made();
    for (name, words) in [
        ("agent build", "agent build: another, now"),
        ("engine version", "engine version: another, now 0."),
        ("torch", "torch: another, now"),
        ("training threads", "training threads: another, now"),
        ("teacher sha256", "teacher sha256: another, now none"),
    ] {
        let run = made.copy(&format!("another {name}"));
        let db = Connection::open(RunDatabase::of(&run).path()).unwrap();
        let altered = db.execute("UPDATE condition SET value = 'another' WHERE name = ?1", [name]);
        assert_eq!(altered.unwrap(), 1, "{name}");
        db.close().unwrap();
        assert_eq!(made.refused(&made.search, &run, &[words, "--new-segment"]), [""; 0], "{name}");
    }

    let run = made.pearl.path("another agent build");
    let more = SmallSearch { candidates: 3, ..made.search.clone() }.with("--new-segment");
    let document = made.pearl.run(more.args(&run)).ok().json();
    let segments = document["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 2, "{document}");
    let build = |segment: &Value| segment["conditions"]["agent build"].clone();
    assert_eq!(build(&segments[0]), "another");
    assert_eq!(build(&segments[1]).as_str().unwrap().len(), 64);
    let candidates = document["candidates"].as_array().unwrap();
    let of: Vec<_> = candidates.iter().map(|one| one["segment"].as_u64().unwrap()).collect();
    assert_eq!(of, [0, 1, 1]);
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("<h2>Segments</h2>") && report.contains("agent build: another, now"));
    // Nothing has changed since: no further segment, and no option is needed.
    for search in [more, SmallSearch { candidates: 3, ..made.search.clone() }] {
        let again = made.pearl.run(search.args(&run)).ok().json();
        assert_eq!(again["segments"], document["segments"]);
        assert_eq!(again["candidates"], document["candidates"]);
    }
}

#[test]
fn a_run_goes_on_under_another_build_of_the_agent_only_where_it_is_told_to() {
    let made = made();
    let run = made.copy("other-build");
    // The same program, and another file.
    let other = made.pearl.path("other-agent");
    let bytes = [fs::read(programs::agent()).unwrap(), vec![0]].concat();
    fs::write(&other, bytes).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    let under_other = |search: &SmallSearch| {
        let mut command = made.pearl.command(search.args(&run));
        Running::start(command.env("PEARL_AGENT", &other)).finish(DEADLINE)
    };
    let before = contents(&run);
    let refused = under_other(&made.search);
    assert_eq!(refused.faults_of_refusal(2, &["agent build: ", "--new-segment"]), [""; 0]);
    assert_eq!(contents(&run), before);

    let more = SmallSearch { candidates: 2, ..made.search.clone() }.with("--new-segment");
    let document = under_other(&more).ok().json();
    let candidates = document["candidates"].as_array().unwrap();
    let segments: Vec<_> = candidates.iter().map(|one| &one["segment"]).collect();
    assert_eq!(segments, [0, 1]);
    let build = |at: usize| document["segments"][at]["conditions"]["agent build"].as_str().unwrap();
    assert_ne!(build(0), build(1));
    // And back again.
    let refused = made.pearl.run(made.search.args(&run));
    assert_eq!(refused.faults_of_refusal(2, &["agent build: ", "--new-segment"]), [""; 0]);
}

/// Makes a run look as format 1 left it.
fn to_the_first_format(db: &Connection) {
    db.execute_batch(
        "DROP TABLE policy_update; DROP TABLE condition; DROP TABLE segment;
         ALTER TABLE candidate DROP COLUMN segment;
         INSERT INTO fact (key, value) VALUES ('setting.teacher sha256', 'none');
         DELETE FROM fact WHERE key = 'setting.input of networks';
         PRAGMA user_version = 1",
    )
    .unwrap();
}

#[test]
fn the_conditions_that_a_run_of_an_older_format_tells_are_compared_too() {
    let made = made();
    let run = made.copy("older-agent");
    let db = Connection::open(RunDatabase::of(&run).path()).unwrap();
    to_the_first_format(&db);
    let altered =
        "UPDATE fact SET value = json_set(value, '$.build', 'another') WHERE key = 'agent'";
    assert_eq!(db.execute(altered, []).unwrap(), 1);
    db.close().unwrap();
    let words = ["agent build: another, now", "--new-segment"];
    assert_eq!(made.refused(&made.search, &run, &words), [""; 0]);
    let search = made.search.clone().with("--new-segment");
    let ended = made.pearl.run(search.args(&run));
    let document = ended.json();
    assert_eq!(document["segments"].as_array().unwrap().len(), 2, "{document}");
    // Nothing was measured in the new segment, and without a final training nothing is.
    assert_eq!(ended.code(), Some(5), "{ended:#?}");
    assert!(ended.stderr.contains("no candidate of the last segment lies within"), "{ended:#?}");
    assert!(document["chosen"].is_null(), "{document}");
    let more = SmallSearch { candidates: 2, ..made.search.clone() };
    assert_eq!(made.pearl.run(more.args(&run)).ok().json()["chosen"], 1);
}

#[test]
fn a_run_of_the_first_format_is_reported_as_it_is_and_goes_on() {
    let made = made();
    let run = made.copy("older");
    let open = || Connection::open(RunDatabase::of(&run).path()).unwrap();
    let format =
        || -> i64 { open().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap() };
    to_the_first_format(&open());
    made.pearl.run(["--quiet", "report", run.to_str().unwrap()]).ok();
    assert_eq!(format(), 1);
    let document = made.pearl.run(made.search.args(&run)).ok().json();
    assert_eq!(format(), 3);
    // What the older format did not keep is kept from now on.
    let segments = document["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 1, "{document}");
    for name in ["agent build", "training threads", "governor"] {
        assert!(segments[0]["conditions"][name].is_string(), "{name}: {document}");
    }
}

#[test]
fn a_file_that_is_no_run_database_is_not_touched() {
    let made = made();
    let garbage = made.copy("garbage");
    fs::write(RunDatabase::of(&garbage).path(), "not a database, but somebody's notes").unwrap();
    let foreign = made.copy("foreign");
    fs::remove_file(RunDatabase::of(&foreign).path()).unwrap();
    let db = Connection::open(RunDatabase::of(&foreign).path()).unwrap();
    db.execute_batch("CREATE TABLE letters (text)").unwrap();
    db.close().unwrap();
    for run in [garbage, foreign] {
        assert_eq!(made.refused(&made.search, &run, &["not a run database", "--out"]), [""; 0]);
    }
}

#[test]
fn a_run_in_use_is_left_to_its_user() {
    let made = made();
    let run = made.copy("in-use");
    let lock = File::options().write(true).open(run.join(".lock")).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(made.refused(&made.search, &run, &["in use by another process"]), [""; 0]);
    drop(lock);
    made.pearl.run(made.search.args(&run)).ok();
}

#[test]
fn a_file_in_the_place_of_the_run_directory_is_kept() {
    let made = made();
    let file = made.pearl.write("a-file", "kept");
    assert_eq!(made.refused(&made.search, &file, &[]), [""; 0]);
    let below = file.join("run");
    let refused = made.pearl.run(made.search.args(&below)).faults_of_refusal(2, &["a-file"]);
    assert_eq!(refused, [""; 0]);
    assert_eq!(fs::read(file).unwrap(), b"kept");
}

/// Sizes at which the database, the first weights, or a later measurement does not fit.
#[test]
fn a_full_disk_is_said_and_more_space_lets_the_run_go_on() {
    let pearl = Pearl::new();
    let search = SmallSearch { candidates: 2, ..SmallSearch::new(&pearl) };
    let sizes = ["16k", "120k", "400k", "1m", "2m"];
    let faults: Vec<_> = sizes
        .iter()
        .flat_map(|size| {
            let faults = faults_of_full_disk(&pearl, &search, size);
            faults.into_iter().map(move |fault| format!("{size}: {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The file system is mounted in a name space of its own, which ends with the shell.
fn faults_of_full_disk(pearl: &Pearl, search: &SmallSearch, size: &str) -> Vec<String> {
    const SCRIPT: &str = r#"
        disk=$1 size=$2 out=$3; shift 3
        mount -t tmpfs -o size=$size none "$disk" || exit 99
        "$@" >"$out/stdout" 2>"$out/stderr"; echo $? >"$out/code"
        cp "$disk/run/pearl.db"* "$out/full" 2>/dev/null
        mount -o remount,size=256m "$disk" || exit 99
        "$@" || exit 98
        cp -r "$disk/run" "$out/run"
    "#;
    let (disk, out) = (pearl.path("disk"), pearl.path(format!("with-{size}")));
    fs::create_dir_all(&disk).unwrap();
    fs::create_dir_all(out.join("full")).unwrap();
    let mut command = Command::new("unshare");
    pearl.prepare(&mut command).args(["-m", "sh", "-c", SCRIPT, "sh"]);
    command.arg(&disk).arg(size).arg(&out).arg(programs::pearl());
    let ended = Running::start(command.args(search.args(&disk.join("run")))).finish(DEADLINE);
    assert_ne!(ended.code(), Some(99), "a file system cannot be mounted here: {ended:#?}");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let first = Finished {
        status: ExitStatus::from_raw(read("code").trim().parse::<i32>().unwrap() << 8),
        stdout: read("stdout"),
        stderr: read("stderr"),
        ..ended.clone()
    };
    let mut faults = first.faults_of_refusal(74, &[]);
    let said = first.stderr.to_lowercase();
    if !["disk is full", "no space left", "disk full"].iter().any(|words| said.contains(words)) {
        faults.push(format!("does not say that the disk is full: {said}"));
    }
    faults.extend(RunDatabase::of(&out.join("full")).faults());
    if ended.code() == Some(0) {
        let database = RunDatabase::of(&out.join("run"));
        faults.extend(database.faults());
        let done = database.rows().unwrap().into_iter().filter(|row| row.status == "done").count();
        if done != 2 {
            faults.push(format!("with more space: {:?}", database.rows()));
        }
    } else {
        faults.push(format!("with more space: {}", ended.stderr));
    }
    faults
}
