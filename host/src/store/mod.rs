//! What is kept in SQLite: the run database, with everything that a search has done and needs to resume,
//! and the history of all other measurements.
//!
//! One file per run. The policy's state is written in the transaction of the candidate that it
//! follows from, so that a killed run resumes exactly where it was.
//!
//! **Invariant:** only this module uses rusqlite; a candidate's index is written once and its reward
//! at most once; a database of a newer format, or of another configuration, is not touched.

mod best;
mod candidate;
pub mod home;
mod measurements;
mod policy_update;
mod programs;
mod run_lock;
mod schema;
mod segment;

pub use best::{Best, Miss};
pub use candidate::{Candidate, CandidateTime, Latency, Status};
pub use measurements::{Entry, HISTORY_FORMAT, History, HistoryError, Kept};
pub use programs::{RunAgent, RunWorker};
pub use run_lock::RunLock;
pub use segment::{Entered, OtherConditions, Segment, differences};

use std::path::{Path, PathBuf};

use schema::SchemaError;

use crate::output::duration::ms;
use crate::output::error_class::{Classified, ErrorClass};
use crate::train::worker_protocol::PolicyUpdate;

use rusqlite::{Connection, OptionalExtension, params};

/// Version of the database.
///
/// Changelog: 1, the first. 2: what each update of the policy did. 3: the conditions of each segment.
pub const FORMAT: i64 = 3;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "{file}: run format {found} is newer than this program's {FORMAT}; use the pearl that \
         wrote it, or another --out"
    )]
    Newer { file: String, found: i64 },
    #[error("{file}: not a run database; use another --out")]
    Foreign { file: String },
    #[error(
        "{file}: the run was made with other settings ({setting}: {}, now {}); repeat its command or use another --out",
        readable(stored),
        readable(given)
    )]
    OtherConfiguration { file: String, setting: String, stored: String, given: String },
    #[error("{path}: not a folder; use another --out")]
    NotAFolder { path: String },
    #[error("{folder}: neither empty nor a run directory, it holds '{entry}'; use another --out")]
    Occupied { folder: String, entry: String },
    #[error(
        "{file}: the run was made under other conditions ({differences}); restore them, go on in a new segment with --new-segment, or use another --out"
    )]
    OtherConditions { file: String, differences: String },
    #[error("{folder}: in use by another process; wait for it, or use another --out")]
    InUse { folder: String },
    #[error("{file}: the disk is full; free some space and repeat the command, which resumes")]
    Full { file: String, source: Classified },
    #[error("{file}: {source}")]
    Sql { file: String, source: Classified },
    #[error("{file}: {what} is damaged: {why}")]
    Damaged { file: String, what: String, why: String },
    #[error("{0}")]
    Io(#[source] Classified),
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(Classified::unwritable(error))
    }
}

impl StoreError {
    /// A damaged row is bad input. Where the database failed, that counts more.
    pub fn classified(self) -> Classified {
        let class = match self {
            Self::Damaged { .. } => ErrorClass::Input,
            _ => ErrorClass::Usage,
        };
        Classified::new(class, &self).because(self)
    }
}

pub struct Store {
    db: Connection,
    file: String,
}

impl Store {
    /// The database of a run directory.
    pub fn path(run: &Path) -> PathBuf {
        run.join("pearl.db")
    }

    /// Opens or creates the database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        let db = Connection::open(path).map_err(|error| classify(&file, error))?;
        let mut store = Self { db, file };
        schema::prepare(&mut store.db, &schema::RUN)
            .map_err(|error| refused(&store.file, error))?;
        Ok(store)
    }

    /// The run in `path`, which may be going on, for a reader who changes nothing; none where there is none yet.
    pub fn find(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.is_file() {
            return Ok(None);
        }
        let file = path.display().to_string();
        let db = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| classify(&file, error))?;
        // A disk that was full may have left an empty file.
        if schema::is_empty(&db).map_err(|error| classify(&file, error))? {
            return Ok(None);
        }
        schema::check_readable(&db, &schema::RUN).map_err(|error| refused(&file, error))?;
        Ok(Some(Self { db, file }))
    }

    /// A fact of the run, such as its configuration.
    pub fn fact(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.db
            .query_row("SELECT value FROM fact WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|error| self.sql(error))
    }

    pub fn set_fact(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.db
            .execute(
                "INSERT INTO fact (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [key, value],
            )
            .map_err(|error| self.sql(error))?;
        Ok(())
    }

    /// Takes a fact back.
    pub fn clear_fact(&mut self, key: &str) -> Result<(), StoreError> {
        let cleared = self.db.execute("DELETE FROM fact WHERE key = ?1", [key]);
        cleared.map(|_| ()).map_err(|error| self.sql(error))
    }

    /// Compares `settings` with those that the run was made with. What an older version did not keep is no
    /// difference, unless it knew one value alone.
    pub fn compare(&self, settings: &[(String, String)]) -> Result<(), StoreError> {
        let has_started = self.fact("started")?.is_some();
        for (setting, given) in settings {
            let kept = self.fact(&format!("setting.{setting}"))?;
            match kept.or_else(|| implied(setting).filter(|_| has_started)) {
                Some(stored) if &stored != given => {
                    return Err(StoreError::OtherConfiguration {
                        file: self.file.clone(),
                        setting: setting.clone(),
                        stored,
                        given: given.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps `settings` of a new run, or compares them with those of an old one.
    pub fn settle(&mut self, settings: &[(String, String)]) -> Result<(), StoreError> {
        self.compare(settings)?;
        let transaction = self.db.transaction().map_err(|error| classify(&self.file, error))?;
        for (setting, given) in settings {
            transaction
                .execute(
                    "INSERT OR IGNORE INTO fact (key, value) VALUES (?1, ?2)",
                    [&format!("setting.{setting}"), given],
                )
                .map_err(|error| classify(&self.file, error))?;
        }
        transaction.commit().map_err(|error| classify(&self.file, error))
    }

    /// The settings of the run, in the order in which they were kept.
    pub fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        let read = || {
            let mut statement = self.db.prepare(
                "SELECT substr(key, 9), value FROM fact WHERE key LIKE 'setting.%' ORDER BY rowid",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.sql(error))
    }

    /// The candidates, in the order of sampling.
    ///
    /// # Errors
    /// The first row that is damaged, by its number.
    pub fn candidates(&self) -> Result<Vec<Candidate>, StoreError> {
        let rows = candidate::all(&self.db).map_err(|error| self.sql(error))?;
        let damaged = |index: i64, why: String| StoreError::Damaged {
            file: self.file.clone(),
            what: format!("candidate {index}"),
            why,
        };
        let numbered = rows.into_iter().zip(0_i64..);
        let whole = numbered.map(|((index, row), expected)| match row {
            _ if index != expected => Err(damaged(expected, "its row is missing".to_owned())),
            Ok(candidate) => Ok(candidate),
            Err(error) => Err(damaged(index, error.to_string())),
        });
        whole.collect()
    }

    /// The policy's state as of the last transaction.
    pub fn policy(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .query_row("SELECT state FROM policy", [], |row| row.get(0))
            .optional()
            .map_err(|error| self.sql(error))
    }

    /// What each update of the policy did, by the candidate whose reward filled its batch.
    pub fn policy_updates(&self) -> Result<Vec<(usize, PolicyUpdate)>, StoreError> {
        policy_update::all(&self.db).map_err(|error| self.sql(error))
    }

    /// A candidate was sampled; `policy` is the state after that.
    pub fn begin(&mut self, candidate: &Candidate, policy: &[u8]) -> Result<(), StoreError> {
        self.write(candidate, Some(policy), None, candidate::insert)
    }

    /// A candidate got further: trained, measured, or given up on.
    pub fn advance(&mut self, candidate: &Candidate) -> Result<(), StoreError> {
        self.write(candidate, None, None, candidate::update)
    }

    /// A candidate was rewarded; `policy` is the state after that, `update` what the policy learnt.
    pub fn finish(
        &mut self,
        candidate: &Candidate,
        policy: &[u8],
        update: Option<&PolicyUpdate>,
    ) -> Result<(), StoreError> {
        self.write(candidate, Some(policy), update, candidate::update)
    }

    /// Keeps a measurement whole, raw samples included, believable or not. `candidate` is absent for
    /// measurements of the trained winner and for those that set the budget.
    pub fn keep_measurement(
        &mut self,
        candidate: Option<usize>,
        verdict: &str,
        document: &str,
    ) -> Result<(), StoreError> {
        self.db
            .execute(
                "INSERT INTO measurement (candidate, verdict, document) VALUES (?1, ?2, ?3)",
                params![candidate.map(|index| index as i64), verdict, document],
            )
            .map_err(|error| self.sql(error))?;
        Ok(())
    }

    fn write(
        &mut self,
        candidate: &Candidate,
        policy: Option<&[u8]>,
        update: Option<&PolicyUpdate>,
        row: fn(&Connection, &Candidate) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let write = |db: &mut Connection| {
            let transaction = db.transaction()?;
            row(&transaction, candidate)?;
            if let Some(policy) = policy {
                transaction.execute(
                    "INSERT INTO policy (id, state) VALUES (0, ?1)
                     ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                    [policy],
                )?;
            }
            if let Some(update) = update {
                policy_update::insert(&transaction, candidate.index, update)?;
            }
            transaction.commit()
        };
        write(&mut self.db).map_err(|error| classify(&self.file, error))
    }

    fn sql(&self, error: rusqlite::Error) -> StoreError {
        classify(&self.file, error)
    }
}

fn refused(file: &str, error: SchemaError) -> StoreError {
    let name = file.to_owned();
    match error {
        SchemaError::Newer(found) => StoreError::Newer { file: name, found },
        SchemaError::Foreign => StoreError::Foreign { file: name },
        SchemaError::Sql(error) => classify(file, error),
    }
}

fn classify(file: &str, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    let file = file.to_owned();
    let code = error.sqlite_error_code();
    let source = failed(error);
    match code {
        Some(ErrorCode::DiskFull) => StoreError::Full { file, source },
        // The log's shared memory and a first page that cannot grow are reported as plain I/O errors.
        Some(ErrorCode::SystemIoFailure) if is_full(&file) => StoreError::Full { file, source },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Foreign { file },
        _ => StoreError::Sql { file, source },
    }
}

/// What SQLite itself refuses is a failure of this machine; a value of another kind is a damaged file.
fn failed(error: rusqlite::Error) -> Classified {
    let class = match error.sqlite_error_code() {
        Some(_) => ErrorClass::Machine,
        None => ErrorClass::Input,
    };
    Classified::new(class, &error).because(error)
}

/// The value of a setting that older versions did not keep, because they knew no other.
fn implied(setting: &str) -> Option<String> {
    (setting == "input of networks").then(|| "normalised".to_owned())
}

/// A setting for people. Durations are stored in nanoseconds.
fn readable(setting: &str) -> String {
    let ns = setting.strip_suffix(" ns").and_then(|ns| ns.parse().ok());
    ns.map_or_else(|| setting.to_owned(), ms)
}

fn is_full(file: &str) -> bool {
    let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).is_ok_and(|disk| disk.f_bavail == 0)
}

#[cfg(test)]
mod tests;
