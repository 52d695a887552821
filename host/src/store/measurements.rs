//! The history: every measurement that was taken outside of a search, whole.
//!
//! One SQLite file in the user's home. Several commands may write it at once.
//!
//! **Invariant:** a measurement is written once and never changed; a history of a newer format is not
//! touched, one of an older format is brought up to date as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pearl_agent::protocol::messages::Engine;
use pearl_calibration::{Nanos, Sentinel};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::schema::{self, Schema, SchemaError};
use super::{failed, is_full};
use crate::output::error_class::Classified;

/// Version of the history.
///
/// Changelog: 1, the first. 2: compensated latencies, and the sentinel's speed of each session. 3: the
/// inputs that were fed.
pub const HISTORY_FORMAT: i64 = 3;

/// The schema of the history, marked `PrlH` in ASCII.
const SCHEMA: Schema = Schema {
    application: 0x5072_6c48,
    format: HISTORY_FORMAT,
    tables: TABLES,
    upgrades: &[TO_FORMAT_2, TO_FORMAT_3],
};

const TO_FORMAT_2: &str = "
ALTER TABLE measurement ADD COLUMN compensated_ns INTEGER;
CREATE INDEX measurement_session ON measurement (fingerprint, verdict, sha256, compensated_ns);
CREATE TABLE speed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    core_ns INTEGER NOT NULL,
    network_ns INTEGER NOT NULL,
    memory_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX speed_fingerprint ON speed (fingerprint);
";

const TO_FORMAT_3: &str = "
ALTER TABLE measurement ADD COLUMN inputs TEXT NOT NULL DEFAULT '';
";

/// Number of recent sessions of a fingerprint that its usual speed is taken from: devices age, and so do
/// systems.
const RECENT: usize = 200;

const TABLES: &str = "
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    model TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    device TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    verdict TEXT NOT NULL,
    median_ns INTEGER NOT NULL,
    lo_ns INTEGER NOT NULL,
    hi_ns INTEGER NOT NULL,
    document TEXT NOT NULL,
    compensated_ns INTEGER,
    inputs TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX measurement_model ON measurement (sha256, fingerprint);
CREATE INDEX measurement_session ON measurement (fingerprint, verdict, sha256, compensated_ns);
CREATE TABLE speed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    core_ns INTEGER NOT NULL,
    network_ns INTEGER NOT NULL,
    memory_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX speed_fingerprint ON speed (fingerprint);
";

/// How long to wait while another command writes.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(
        "{file}: history format {found} is newer than this program's {HISTORY_FORMAT}; use the \
         pearl that wrote it, or another PEARL_HOME"
    )]
    Newer { file: String, found: i64 },
    #[error("{file}: not a history of measurements; move it away, or use another PEARL_HOME")]
    Foreign { file: String },
    #[error("{file}: the disk is full; free some space, or measure with --no-history")]
    Full { file: String, source: Classified },
    #[error("{file}: measurement #{id} is damaged: {why}")]
    Damaged { file: String, id: i64, why: String },
    #[error("{file}: there is no measurement #{id}; see `pearl history list`")]
    Absent { file: String, id: i64 },
    #[error("{file}: {source}")]
    Sql { file: String, source: Classified },
    #[error("{0}")]
    Io(#[source] Classified),
}

impl From<std::io::Error> for HistoryError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(Classified::unwritable(error))
    }
}

/// A measurement on its way into the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the measurement was taken, as text.
    pub at: String,
    pub model: String,
    pub sha256: String,
    pub device: String,
    pub fingerprint: String,
    pub verdict: String,
    pub median_ns: u64,
    pub lo_ns: u64,
    pub hi_ns: u64,
    pub compensated_ns: Option<u64>,
    /// The inputs with their shapes, as text; empty where they were not told.
    pub inputs: String,
}

/// What the history knows of a measurement without its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: i64,
    pub entry: Entry,
    /// The engine that ran the model, if the document names it.
    pub engine: Option<Engine>,
    pub threads: Option<u32>,
    pub precision: Option<String>,
    pub sustained: bool,
    pub random_weights: bool,
}

pub struct History {
    db: Connection,
    file: String,
}

impl History {
    pub fn path(home: &Path) -> PathBuf {
        home.join("history.db")
    }

    /// Opens or creates the history in the user's home.
    pub fn open(home: &Path) -> Result<Self, HistoryError> {
        fs_err::create_dir_all(home)?;
        let path = Self::path(home);
        let file = path.display().to_string();
        let mut db = Connection::open(&path).map_err(|error| classify(&file, error))?;
        db.busy_timeout(LONGEST_WAIT).map_err(|error| classify(&file, error))?;
        schema::prepare(&mut db, &SCHEMA).map_err(|error| match error {
            SchemaError::Newer(found) => HistoryError::Newer { file: file.clone(), found },
            SchemaError::Foreign => HistoryError::Foreign { file: file.clone() },
            SchemaError::Sql(error) => classify(&file, error),
        })?;
        Ok(Self { db, file })
    }

    /// Keeps a measurement with its whole document, and returns its number.
    pub fn keep(&mut self, entry: &Entry, document: &str) -> Result<i64, HistoryError> {
        let sql = "INSERT INTO measurement
            (at, model, sha256, device, fingerprint, verdict, median_ns, lo_ns, hi_ns, document,
             compensated_ns, inputs)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.db
            .execute(
                sql,
                params![
                    entry.at,
                    entry.model,
                    entry.sha256,
                    entry.device,
                    entry.fingerprint,
                    entry.verdict,
                    entry.median_ns.cast_signed(),
                    entry.lo_ns.cast_signed(),
                    entry.hi_ns.cast_signed(),
                    document,
                    entry.compensated_ns.map(u64::cast_signed),
                    entry.inputs,
                ],
            )
            .map_err(|error| classify(&self.file, error))?;
        Ok(self.db.last_insert_rowid())
    }

    /// The latest measurements, newest last, at most `most`; of one model if its hash is given.
    pub fn latest(&self, most: usize, sha256: Option<&str>) -> Result<Vec<Kept>, HistoryError> {
        let sql = format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM measurement
             WHERE ?2 IS NULL OR sha256 = ?2 ORDER BY id DESC LIMIT ?1) ORDER BY id"
        );
        let rows = || {
            let mut statement = self.db.prepare(&sql)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let row = |row: &Row<'_>| Ok((row.get::<_, i64>("id")?, read(row)));
            statement.query_map(params![most, sha256], row)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = rows().map_err(|error| classify(&self.file, error))?;
        rows.into_iter().map(|(id, row)| row.map_err(|error| self.damaged(id, &error))).collect()
    }

    fn damaged(&self, id: i64, error: &rusqlite::Error) -> HistoryError {
        HistoryError::Damaged { file: self.file.clone(), id, why: error.to_string() }
    }

    /// Keeps the sentinel's times in the fastest blocks of a session.
    pub fn keep_speed(
        &mut self,
        at: &str,
        fingerprint: &str,
        speed: Sentinel,
    ) -> Result<(), HistoryError> {
        let sql = "INSERT INTO speed (at, fingerprint, core_ns, network_ns, memory_ns)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        let [core, network, memory] =
            [speed.core, speed.network, speed.memory].map(|part| part.0.cast_signed());
        let kept = self.db.execute(sql, params![at, fingerprint, core, network, memory]);
        kept.map(|_| ()).map_err(|error| classify(&self.file, error))
    }

    /// The sentinel's times in the recent sessions of each fingerprint.
    pub fn speeds(&self) -> Result<BTreeMap<String, Vec<Sentinel>>, HistoryError> {
        let sql = "SELECT fingerprint, core_ns, network_ns, memory_ns FROM speed ORDER BY id DESC";
        let rows = || {
            let mut statement = self.db.prepare(sql)?;
            let row = |row: &Row<'_>| {
                let part = |at| row.get::<_, i64>(at).map(|ns| Nanos(ns.cast_unsigned()));
                Ok((row.get(0)?, Sentinel { core: part(1)?, network: part(2)?, memory: part(3)? }))
            };
            let mut all = BTreeMap::<String, Vec<Sentinel>>::new();
            for found in statement.query_map([], row)? {
                let (fingerprint, speed) = found?;
                let sessions = all.entry(fingerprint).or_default();
                if sessions.len() < RECENT {
                    sessions.push(speed);
                }
            }
            Ok(all)
        };
        rows().map_err(|error| classify(&self.file, error))
    }

    /// The compensated latencies of a fingerprint's sessions, by the model's hash and its inputs. Disturbed sessions
    /// count, for the next one may be disturbed as well; sessions of a hot or changing device do not.
    pub fn sessions(
        &self,
        fingerprint: &str,
    ) -> Result<BTreeMap<(String, String), Vec<Nanos>>, HistoryError> {
        let sql = "SELECT sha256, inputs, compensated_ns FROM measurement
            WHERE fingerprint = ?1 AND compensated_ns IS NOT NULL
            AND verdict IN ('stable', 'unconverged', 'contended') ORDER BY id";
        let rows = || {
            let mut statement = self.db.prepare(sql)?;
            let row = |row: &Row<'_>| {
                let latency = Nanos(row.get::<_, i64>(2)?.cast_unsigned());
                Ok(((row.get(0)?, row.get(1)?), latency))
            };
            let mut all = BTreeMap::<(String, String), Vec<Nanos>>::new();
            for found in statement.query_map([fingerprint], row)? {
                let (model, latency) = found?;
                all.entry(model).or_default().push(latency);
            }
            Ok(all)
        };
        rows().map_err(|error| classify(&self.file, error))
    }

    /// A measurement by its number, with its document.
    pub fn get(&self, id: i64) -> Result<(Kept, String), HistoryError> {
        let sql = format!("SELECT {COLUMNS}, document FROM measurement WHERE id = ?1");
        let (kept, document) = self
            .db
            .query_row(&sql, [id], |row| Ok((read(row), row.get("document")?)))
            .optional()
            .map_err(|error| classify(&self.file, error))?
            .ok_or_else(|| HistoryError::Absent { file: self.file.clone(), id })?;
        Ok((kept.map_err(|error| self.damaged(id, &error))?, document))
    }
}

/// A document that is not JSON, or holds other things, does not hide the other columns.
const COLUMNS: &str =
    "id, at, model, sha256, device, fingerprint, verdict, median_ns, lo_ns, hi_ns, compensated_ns,
     inputs,
     CASE WHEN json_valid(document) THEN document ->> '$.fingerprint.engine.name' END AS engine,
     CASE WHEN json_valid(document) THEN document ->> '$.fingerprint.engine.version' END AS version,
     CASE WHEN json_valid(document) THEN document ->> '$.fingerprint.threads' END AS threads,
     CASE WHEN json_valid(document) THEN document ->> '$.fingerprint.precision' END AS precision,
     CASE WHEN json_valid(document) THEN document ->> '$.sustained' IS NOT NULL END AS sustained,
     CASE WHEN json_valid(document) THEN document ->> '$.model.random_weights' = 1 END AS random";

fn read(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let checked = |column: &str, ns: i64| {
        u64::try_from(ns).map_err(|_| {
            let what = format!("{column} is {ns}");
            rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, what.into())
        })
    };
    let ns = |column: &str| checked(column, row.get(column)?);
    let (name, version): (Option<String>, Option<String>) =
        (row.get("engine").unwrap_or_default(), row.get("version").unwrap_or_default());
    Ok(Kept {
        id: row.get("id")?,
        threads: row.get("threads").unwrap_or_default(),
        precision: row.get("precision").unwrap_or_default(),
        sustained: row.get::<_, Option<bool>>("sustained")?.unwrap_or(false),
        random_weights: row.get::<_, Option<bool>>("random")?.unwrap_or(false),
        engine: name.zip(version).map(|(name, version)| Engine { name, version }),
        entry: Entry {
            at: row.get("at")?,
            model: row.get("model")?,
            sha256: row.get("sha256")?,
            device: row.get("device")?,
            fingerprint: row.get("fingerprint")?,
            verdict: row.get("verdict")?,
            median_ns: ns("median_ns")?,
            lo_ns: ns("lo_ns")?,
            hi_ns: ns("hi_ns")?,
            compensated_ns: row
                .get::<_, Option<i64>>("compensated_ns")?
                .map(|ns| checked("compensated_ns", ns))
                .transpose()?,
            inputs: row.get("inputs")?,
        },
    })
}

fn classify(file: &str, error: rusqlite::Error) -> HistoryError {
    use rusqlite::ErrorCode;
    let file = file.to_owned();
    let code = error.sqlite_error_code();
    let source = failed(error);
    match code {
        Some(ErrorCode::DiskFull) => HistoryError::Full { file, source },
        Some(ErrorCode::SystemIoFailure) if is_full(&file) => HistoryError::Full { file, source },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            HistoryError::Foreign { file }
        }
        _ => HistoryError::Sql { file, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(model: &str, median_ns: u64) -> Entry {
        Entry {
            at: "2026-01-01 00:00:00 UTC".into(),
            model: model.into(),
            sha256: format!("hash of {model}"),
            device: "local".into(),
            fingerprint: "0123456789abcdef".into(),
            verdict: "stable".into(),
            median_ns,
            lo_ns: median_ns - 1,
            hi_ns: median_ns + 1,
            compensated_ns: Some(median_ns - 2),
            inputs: "x:1x3".into(),
        }
    }

    #[test]
    fn what_is_kept_is_found_by_its_number_and_by_its_model() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        for (at, name) in ["a", "b", "a"].into_iter().enumerate() {
            let id = history.keep(&entry(name, 100 + at as u64), &format!("whole {at}")).unwrap();
            assert_eq!(id, at as i64 + 1);
        }
        drop(history);
        let history = History::open(home.path()).unwrap();
        let ids = |kept: Vec<Kept>| kept.iter().map(|kept| kept.id).collect::<Vec<_>>();
        assert_eq!(ids(history.latest(2, None).unwrap()), [2, 3]);
        assert_eq!(ids(history.latest(9, Some("hash of a")).unwrap()), [1, 3]);
        let (kept, document) = history.get(2).unwrap();
        assert_eq!((kept.entry, document.as_str()), (entry("b", 101), "whole 1"));
        assert_eq!(kept.engine, None);
        let error = history.get(7).unwrap_err().to_string();
        assert!(error.contains("#7"), "{error}");
    }

    #[test]
    fn a_measurement_is_listed_with_its_engine_and_whether_its_weights_were_random() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        let document =
            r#"{"fingerprint":{"engine":{"name":"tract","version":"0.23.9"}},"launches":[]}"#;
        history.keep(&entry("a", 100), document).unwrap();
        history.keep(&entry("a", 100), r#"{"model":{"random_weights":true}}"#).unwrap();
        let expected = Engine { name: "tract".into(), version: "0.23.9".into() };
        let kept = history.latest(2, None).unwrap();
        assert_eq!(kept[0].engine, Some(expected));
        assert_eq!([kept[0].random_weights, kept[1].random_weights], [false, true]);
    }

    #[test]
    fn a_damaged_measurement_is_named_by_its_number() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        history.keep(&entry("a", 100), "{}").unwrap();
        let odd = r#"{"fingerprint":{"engine":{"name":[1]},"threads":"many"},"sustained":1}"#;
        history.keep(&entry("b", 100), odd).unwrap();
        // What the document says instead of a number hides nothing.
        assert_eq!(history.latest(9, None).unwrap()[1].threads, None);
        for column in ["median_ns", "hi_ns", "compensated_ns"] {
            let sql = format!("UPDATE measurement SET {column} = -7 WHERE id = 2");
            history.db.execute(&sql, []).unwrap();
            for error in [history.latest(9, None).unwrap_err(), history.get(2).unwrap_err()] {
                let told = error.to_string();
                assert!(matches!(error, HistoryError::Damaged { id: 2, .. }), "{told}");
                assert!(told.contains("#2") && told.contains("is -7"), "{told}");
            }
            history.db.execute(&sql.replace("-7", "100"), []).unwrap();
        }
        assert_eq!(history.get(1).unwrap().0.entry, entry("a", 100));
    }

    #[test]
    fn sessions_and_speeds_are_found_by_their_fingerprint() {
        let home = tempfile::tempdir().unwrap();
        let mut history = History::open(home.path()).unwrap();
        for (model, median) in [("a", 100), ("b", 200), ("a", 102)] {
            history.keep(&entry(model, median), "{}").unwrap();
        }
        for (verdict, median) in [("drifting", 500), ("contended", 104)] {
            let kept = Entry { verdict: verdict.into(), ..entry("a", median) };
            history.keep(&kept, "{}").unwrap();
        }
        let larger = Entry { inputs: "x:1x6".into(), ..entry("a", 300) };
        history.keep(&larger, "{}").unwrap();
        let sessions = history.sessions("0123456789abcdef").unwrap();
        let of = |inputs: &str| &sessions[&("hash of a".to_owned(), inputs.to_owned())];
        assert_eq!(of("x:1x3"), &[Nanos(98), Nanos(100), Nanos(102)]);
        assert_eq!(of("x:1x6"), &[Nanos(298)]);
        assert_eq!((sessions.len(), history.sessions("other").unwrap().len()), (3, 0));
        let speed =
            |ns| Sentinel { core: Nanos(ns), network: Nanos(2 * ns), memory: Nanos(3 * ns) };
        for ns in 0..210 {
            history.keep_speed("now", "one", speed(ns)).unwrap();
        }
        let speeds = history.speeds().unwrap();
        assert_eq!((speeds["one"].len(), speeds["one"][0]), (RECENT, speed(209)));
    }

    #[test]
    fn a_history_of_the_first_format_is_brought_up_to_date() {
        let home = tempfile::tempdir().unwrap();
        let first = TABLES
            .replace(",\n    compensated_ns INTEGER,\n    inputs TEXT NOT NULL DEFAULT ''", "");
        let first = first.split("CREATE INDEX measurement_session").next().unwrap();
        let db = Connection::open(History::path(home.path())).unwrap();
        db.pragma_update(None, "application_id", SCHEMA.application).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        db.execute_batch(first).unwrap();
        db.execute_batch(
            "INSERT INTO measurement (at, model, sha256, device, fingerprint, verdict, median_ns,
             lo_ns, hi_ns, document) VALUES ('then', 'm', 'h', 'd', 'f', 'stable', 5, 4, 6, '{}')",
        )
        .unwrap();
        drop(db);
        let mut history = History::open(home.path()).unwrap();
        history.keep(&entry("a", 100), "{}").unwrap();
        let kept = history.latest(9, None).unwrap();
        let compensated: Vec<_> = kept.iter().map(|kept| kept.entry.compensated_ns).collect();
        assert_eq!(compensated, [None, Some(98)]);
        assert!(history.speeds().unwrap().is_empty());
    }

    #[test]
    fn a_newer_history_and_a_foreign_file_are_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        drop(History::open(home.path()).unwrap());
        let path = History::path(home.path());
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", HISTORY_FORMAT + 1).unwrap();
        drop(db);
        let error = History::open(home.path()).err().unwrap().to_string();
        assert!(error.contains("history format 4") && error.contains("history.db"), "{error}");
        let other = tempfile::tempdir().unwrap();
        fs_err::write(History::path(other.path()), [b'x'; 5000]).unwrap();
        let error = History::open(other.path()).err().unwrap().to_string();
        assert!(error.contains("not a history"), "{error}");
    }
}
