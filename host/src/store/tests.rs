use super::*;
use crate::output::error_class::{Classify, ErrorClass, class_of};

pub(super) fn candidate(index: usize) -> Candidate {
    Candidate {
        index,
        arch_id: "0123456789abcdef".to_owned(),
        choices: vec![3, 0, 2],
        repeats: None,
        log_prob: -12.5,
        params: 65_000,
        macs: 4_000_000,
        status: Status::Sampled,
        reason: None,
        accuracy: None,
        latency: None,
        reward: None,
        time: CandidateTime::default(),
        segment: 0,
    }
}

const UPDATE: PolicyUpdate =
    PolicyUpdate { loss: 0.1 + 0.2, entropy: 35.5, baseline: 0.8, grad_norm: 1.25 };

pub(super) fn done(index: usize) -> Candidate {
    Candidate {
        status: Status::Done,
        accuracy: Some(0.875),
        latency: Some(Latency { median_ns: 1_500_000, lo_ns: 1_490_000, hi_ns: 1_510_000 }),
        reward: Some(0.86),
        ..candidate(index)
    }
}

pub(super) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pearl.db");
    (folder, file)
}

#[test]
fn what_was_written_is_read_back_after_opening_again() {
    let (_folder, file) = folder();
    let mut store = Store::open(&file).unwrap();
    store.settle(&[("space".to_owned(), "mnas".to_owned())]).unwrap();
    store.begin(&candidate(0), b"first").unwrap();
    store.finish(&done(0), b"second", Some(&UPDATE)).unwrap();
    store.begin(&candidate(1), b"third").unwrap();
    store.keep_measurement(Some(0), "stable", "{}").unwrap();
    drop(store);

    let store = Store::open(&file).unwrap();
    assert_eq!(store.candidates().unwrap(), [done(0), candidate(1)]);
    assert_eq!(store.policy().unwrap().as_deref(), Some(b"third".as_slice()));
    assert_eq!(store.policy_updates().unwrap(), [(0, UPDATE)]);
    assert_eq!(store.settings().unwrap(), [("space".to_owned(), "mnas".to_owned())]);
    let reader = Store::find(&file).unwrap().unwrap();
    assert_eq!(reader.candidates().unwrap().len(), 2);
}

#[test]
fn a_reader_finds_no_run_where_there_is_no_file_or_an_empty_one() {
    let (_folder, file) = folder();
    assert!(Store::find(&file).unwrap().is_none());
    std::fs::write(&file, "").unwrap();
    assert!(Store::find(&file).unwrap().is_none());
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}

#[test]
fn a_reward_is_given_once_and_the_policy_stays_with_it() {
    let (_folder, file) = folder();
    let mut store = Store::open(&file).unwrap();
    store.begin(&candidate(0), b"sampled").unwrap();
    store.finish(&done(0), b"rewarded", None).unwrap();
    assert!(store.finish(&done(0), b"again", None).is_err());
    assert!(store.begin(&candidate(0), b"again").is_err());
    assert_eq!(store.policy().unwrap().as_deref(), Some(b"rewarded".as_slice()));
}

#[test]
fn another_configuration_is_refused_and_nothing_is_overwritten() {
    let (_folder, file) = folder();
    let mut store = Store::open(&file).unwrap();
    let setting = |value: &str| [("budget".to_owned(), value.to_owned())];
    store.settle(&setting("15ms")).unwrap();
    store.settle(&setting("15ms")).unwrap();
    let error = store.settle(&setting("25ms")).unwrap_err().to_string();
    assert!(["budget", "15ms", "25ms"].iter().all(|word| error.contains(word)), "{error}");
    assert_eq!(store.settings().unwrap(), setting("15ms"));
}

#[test]
fn a_setting_that_an_older_version_did_not_know_has_the_only_value_of_its_time() {
    let (_folder, file) = folder();
    let mut store = Store::open(&file).unwrap();
    let setting = |value: &str| [("input of networks".to_owned(), value.to_owned())];
    // A run that did not start has none.
    store.compare(&setting("0..255")).unwrap();
    store.set_fact("started", "then").unwrap();
    let error = store.settle(&setting("0..255")).unwrap_err().to_string();
    assert!(error.contains("(input of networks: normalised, now 0..255)"), "{error}");
    store.settle(&setting("normalised")).unwrap();
    assert_eq!(store.settings().unwrap(), setting("normalised"));
}

#[test]
fn a_duration_of_another_configuration_is_told_in_milliseconds() {
    let (_folder, file) = folder();
    let mut store = Store::open(&file).unwrap();
    let setting = |value: &str| [("budget".to_owned(), value.to_owned())];
    store.settle(&setting("p50")).unwrap();
    let error = store.settle(&setting("2000000 ns")).unwrap_err().to_string();
    assert!(error.contains("(budget: p50, now 2.000 ms)"), "{error}");
}

#[test]
fn a_database_that_fails_is_a_failure_of_this_machine_whatever_it_is_called_later() {
    let (folder, _) = folder();
    let missing = Store::open(&folder.path().join("absent/pearl.db")).err().unwrap();
    let error = anyhow::Error::from(missing).context("the run");
    assert_eq!(class_of(&error), ErrorClass::Machine);
    assert!(error.chain().any(|layer| layer.is::<rusqlite::Error>()), "{error:?}");
    let later: anyhow::Result<()> = Err(error).or_class(ErrorClass::Usage);
    assert_eq!(class_of(&later.unwrap_err()), ErrorClass::Machine);
    let used = RunLock::take(folder.path()).unwrap();
    let in_use: anyhow::Result<RunLock> = RunLock::take(folder.path()).or_class(ErrorClass::Usage);
    assert_eq!(class_of(&in_use.unwrap_err()), ErrorClass::Usage);
    drop(used);
}

#[test]
fn a_newer_or_a_foreign_file_is_refused_untouched() {
    let (folder, file) = folder();
    drop(Store::open(&file).unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", FORMAT + 1).unwrap();
    assert!(
        matches!(Store::open(&file), Err(StoreError::Newer { found, .. }) if found == FORMAT + 1)
    );

    let text = folder.path().join("notes.db");
    std::fs::write(&text, "dear diary, ".repeat(100)).unwrap();
    assert!(matches!(Store::open(&text), Err(StoreError::Foreign { .. })));
    assert_eq!(std::fs::read(&text).unwrap(), "dear diary, ".repeat(100).as_bytes());

    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Store::open(&other), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_folder_is_used_by_one_at_a_time() {
    let (folder, _) = folder();
    let first = RunLock::take(folder.path()).unwrap();
    assert!(matches!(RunLock::take(folder.path()), Err(StoreError::InUse { .. })));
    drop(first);
    RunLock::take(folder.path()).unwrap();
}

#[test]
fn a_damaged_candidate_is_bad_input_and_named_by_its_number() {
    for (damage, said) in [
        ("UPDATE candidate SET status = 'splendid' WHERE idx = 1", "candidate 1"),
        ("UPDATE candidate SET choices = '1 two 3' WHERE idx = 2", "candidate 2"),
        ("UPDATE candidate SET params = -5 WHERE idx = 0", "params is -5"),
        ("UPDATE candidate SET latency_ns = -5 WHERE idx = 1", "latency_ns is -5"),
        ("UPDATE candidate SET latency_hi_ns = NULL WHERE idx = 2", "candidate 2"),
        ("UPDATE candidate SET repeats = -1 WHERE idx = 2", "repeats is -1"),
        ("DELETE FROM candidate WHERE idx = 1", "candidate 1 is damaged: its row is missing"),
    ] {
        let (_folder, file) = folder();
        let mut store = Store::open(&file).unwrap();
        (0..3).for_each(|index| store.begin(&done(index), b"state").unwrap());
        assert_eq!(store.db.execute(damage, []).unwrap(), 1, "{damage}");
        let error = store.candidates().unwrap_err();
        let told = error.to_string();
        assert!(told.contains(said) && told.contains("pearl.db"), "{damage}: {told}");
        assert_eq!(error.classified().class, ErrorClass::Input, "{damage}");
    }
}
