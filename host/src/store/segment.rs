//! The segments of a run: stretches whose numbers were made under the same conditions, such as one build of
//! the agent and one version of torch.
//!
//! **Invariant:** a condition of a segment is written once; all numbers of a candidate are of one segment.

use rusqlite::{Connection, Transaction, params};

use super::{Store, StoreError, candidate, classify, schema};

/// A stretch of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The segment's number, from 0.
    pub index: usize,
    /// When the segment started, as text.
    pub started: String,
    /// Names and values of what its numbers depend on, besides the settings. Older formats kept fewer.
    pub conditions: Vec<(String, String)>,
}

/// What to do where a run goes on under other conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherConditions {
    Refuse,
    NewSegment,
}

/// The segment that a run goes on in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    pub segment: usize,
    /// What differs from the segment before; empty unless this one is new.
    pub differences: Vec<String>,
    /// The conditions that an older version did not keep, and that are kept from now on.
    pub added: Vec<String>,
}

/// The conditions in which two segments differ, each as `name: earlier, now later`. What only one of them
/// tells is no difference.
pub fn differences(earlier: &[(String, String)], later: &[(String, String)]) -> Vec<String> {
    let differing = earlier.iter().filter_map(|(name, value)| {
        let (_, now) = later.iter().find(|(other, _)| other == name)?;
        (value != now).then(|| format!("{name}: {}, now {}", short(value), short(now)))
    });
    differing.collect()
}

/// A hash is told apart by its first digits.
fn short(value: &str) -> &str {
    let is_hash = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &value[..16] } else { value }
}

impl Store {
    /// The segments, in their order; none of a run that an older version made and a reader leaves as it is.
    pub fn segments(&self) -> Result<Vec<Segment>, StoreError> {
        all(&self.db).map_err(|error| classify(&self.file, error))
    }

    /// Compares `given` with the conditions of the last segment, and returns the differences. A run of an older
    /// format is compared by what its facts tell, and left as it is.
    ///
    /// # Errors
    /// The differences, if a new segment is not wanted.
    pub fn compare_conditions(
        &self,
        given: &[(String, String)],
        otherwise: OtherConditions,
    ) -> Result<Vec<String>, StoreError> {
        let last = last_conditions(&self.db).map_err(|error| classify(&self.file, error))?;
        let differences = differences(&last, given);
        match otherwise {
            OtherConditions::Refuse if !differences.is_empty() => {
                Err(StoreError::OtherConditions {
                    file: self.file.clone(),
                    differences: differences.join("; "),
                })
            }
            _ => Ok(differences),
        }
    }

    /// Goes on in the last segment, or in a new one if the conditions differ. Candidates that are not done
    /// begin anew in a new segment.
    ///
    /// # Errors
    /// As [`Store::compare_conditions`].
    pub fn enter_segment(
        &mut self,
        given: &[(String, String)],
        now: &str,
        otherwise: OtherConditions,
    ) -> Result<Entered, StoreError> {
        let differences = self.compare_conditions(given, otherwise)?;
        let last = self.segments()?.pop();
        let (segment, is_new) = match &last {
            None => (0, true),
            Some(last) if differences.is_empty() => (last.index, false),
            Some(last) => (last.index + 1, true),
        };
        let known = last.filter(|_| !is_new).map(|last| last.conditions);
        let added = known.map_or_else(Vec::new, |known| {
            let fresh = given.iter().filter(|(name, _)| !known.iter().any(|(one, _)| one == name));
            fresh.map(|(name, _)| name.clone()).collect()
        });
        let write = |db: &mut Connection| {
            let transaction = db.transaction()?;
            if is_new {
                add(&transaction, segment, now)?;
            }
            let sql = "INSERT OR IGNORE INTO condition (segment, name, value) VALUES (?1, ?2, ?3)";
            for (name, value) in given {
                transaction.execute(sql, params![segment as i64, name, value])?;
            }
            transaction.commit()
        };
        write(&mut self.db).map_err(|error| classify(&self.file, error))?;
        Ok(Entered { segment, differences, added })
    }
}

fn add(db: &Transaction<'_>, segment: usize, now: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO segment (idx, started) VALUES (?1, ?2)";
    db.execute(sql, params![segment as i64, now])?;
    candidate::begin_anew(db, segment)
}

/// A run of an earlier format, which a reader leaves as it is, has no such table.
fn has_segments(db: &Connection) -> rusqlite::Result<bool> {
    let tables = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'segment'";
    db.query_row(tables, [], |row| row.get(0))
}

/// The conditions of the last segment; none where there is none yet.
fn last_conditions(db: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    if has_segments(db)? {
        return Ok(all(db)?.pop().map_or_else(Vec::new, |last| last.conditions));
    }
    let mut told = db.prepare(schema::TOLD_CONDITIONS)?;
    let rows = told.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn all(db: &Connection) -> rusqlite::Result<Vec<Segment>> {
    if !has_segments(db)? {
        return Ok(Vec::new());
    }
    let mut segments = db.prepare("SELECT idx, started FROM segment ORDER BY idx")?;
    let mut conditions =
        db.prepare("SELECT name, value FROM condition WHERE segment = ?1 ORDER BY rowid")?;
    let rows = segments.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (index, started) = row?;
        let of = conditions.query_map([index], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Segment {
            index: index.cast_unsigned() as usize,
            started,
            conditions: of.collect::<rusqlite::Result<_>>()?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, done, folder};
    use super::*;
    use crate::store::{Candidate, Status};

    fn conditions(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn other_conditions_are_refused_by_name_with_both_values_and_the_option() {
        let (_folder, file) = folder();
        let mut store = Store::open(&file).unwrap();
        let first = conditions(&[("engine version", "1"), ("training threads", "2"), ("os", "x")]);
        let entered = store.enter_segment(&first, "then", OtherConditions::Refuse).unwrap();
        assert_eq!(entered, Entered { segment: 0, differences: vec![], added: vec![] });
        assert_eq!(store.enter_segment(&first, "now", OtherConditions::Refuse).unwrap(), entered);
        let other = conditions(&[("engine version", "1"), ("training threads", "1"), ("os", "y")]);
        let error = store.enter_segment(&other, "now", OtherConditions::Refuse).unwrap_err();
        let error = error.to_string();
        for words in ["training threads: 2, now 1", "os: x, now y", "--new-segment", "--out"] {
            assert!(error.contains(words), "{error}");
        }
        assert!(!error.contains("engine"), "{error}");
        let kept = Segment { index: 0, started: "then".into(), conditions: first };
        assert_eq!(store.segments().unwrap(), [kept]);
    }

    #[test]
    fn a_new_segment_keeps_what_is_done_and_begins_what_is_not_anew() {
        let (_folder, file) = folder();
        let mut store = Store::open(&file).unwrap();
        let (one, two) = (conditions(&[("torch", "1")]), conditions(&[("torch", "2")]));
        store.enter_segment(&one, "then", OtherConditions::NewSegment).unwrap();
        store.begin(&done(0), b"state").unwrap();
        let open = Candidate { status: Status::Trained, accuracy: Some(0.5), ..candidate(1) };
        store.begin(&open, b"state").unwrap();
        let entered = store.enter_segment(&two, "now", OtherConditions::NewSegment).unwrap();
        assert_eq!(entered.segment, 1);
        assert_eq!(entered.differences, ["torch: 1, now 2"]);
        let anew = Candidate { segment: 1, ..candidate(1) };
        assert_eq!(store.candidates().unwrap(), [done(0), anew]);
        // Asking again under the same conditions starts no further one.
        let again = store.enter_segment(&two, "later", OtherConditions::NewSegment).unwrap();
        assert_eq!((again.segment, again.differences.len()), (1, 0));
        let started: Vec<_> =
            store.segments().unwrap().into_iter().map(|segment| segment.started).collect();
        assert_eq!(started, ["then", "now"]);
    }

    #[test]
    fn conditions_that_were_not_kept_so_far_are_kept_from_now_on() {
        let (_folder, file) = folder();
        let mut store = Store::open(&file).unwrap();
        let before = conditions(&[("torch", "1"), ("gone", "x")]);
        store.enter_segment(&before, "then", OtherConditions::Refuse).unwrap();
        let now = conditions(&[("torch", "1"), ("kernel", "6")]);
        let entered = store.enter_segment(&now, "now", OtherConditions::Refuse).unwrap();
        assert_eq!((entered.segment, entered.added), (0, vec!["kernel".to_owned()]));
        let other = conditions(&[("torch", "1"), ("kernel", "7")]);
        assert!(store.enter_segment(&other, "now", OtherConditions::Refuse).is_err());
    }

    #[test]
    fn an_older_run_is_compared_by_what_its_facts_tell_and_left_as_it_is() {
        let (_folder, file) = folder();
        let mut store = Store::open(&file).unwrap();
        for (key, value) in [
            ("agent", r#"{"build": "one", "platform": {"arch": "aarch64", "android": null}}"#),
            ("worker", r#"{"torch": "2", "threads": 2}"#),
            ("setting.teacher sha256", "none"),
            ("started", "then"),
        ] {
            store.set_fact(key, value).unwrap();
        }
        let older = "DROP TABLE condition; DROP TABLE segment;
            ALTER TABLE candidate DROP COLUMN segment; PRAGMA user_version = 2";
        store.db.execute_batch(older).unwrap();
        drop(store);
        let given = conditions(&[
            ("arch", "aarch64"),
            ("soc", "any"),
            ("agent build", "two"),
            ("torch", "2"),
            ("training threads", "1"),
            ("teacher sha256", "some"),
        ]);
        let expected = [
            "agent build: one, now two",
            "training threads: 2, now 1",
            "teacher sha256: none, now some",
        ];
        let told = |store: &Store| store.compare_conditions(&given, OtherConditions::NewSegment);
        let reader = Store::find(&file).unwrap().unwrap();
        assert_eq!(told(&reader).unwrap(), expected);
        assert!(reader.compare_conditions(&given, OtherConditions::Refuse).is_err());
        assert!(reader.segments().unwrap().is_empty());
        drop(reader);
        // The upgrade keeps the same.
        let store = Store::open(&file).unwrap();
        assert_eq!(store.segments().unwrap().len(), 1);
        assert_eq!(told(&store).unwrap(), expected);
    }

    #[test]
    fn hashes_are_told_by_their_first_digits_and_other_values_whole() {
        let (one, two) = ("ab".repeat(32), "cd".repeat(32));
        let name = "a processor with a name longer than sixteen letters";
        let earlier = conditions(&[("build", &one), ("cpu", name)]);
        let later = conditions(&[("build", &two), ("cpu", "other")]);
        let expected = [
            format!("build: {}, now {}", &one[..16], &two[..16]),
            format!("cpu: {name}, now other"),
        ];
        assert_eq!(differences(&earlier, &later), expected);
    }
}
