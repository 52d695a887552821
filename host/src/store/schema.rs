//! The tables, and the check that a file is ours.

use rusqlite::Connection;

use super::FORMAT;

/// Marks the file as ours: `Prl1` in ASCII.
const APPLICATION: i64 = 0x5072_6c31;

pub enum SchemaError {
    Newer(i64),
    Foreign,
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Checks a file that exists, fills a new one.
pub fn prepare(db: &mut Connection) -> Result<(), SchemaError> {
    let empty: bool =
        db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if !empty {
        check(db)?;
    }
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    if empty {
        let transaction = db.transaction()?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.execute_batch(TABLES)?;
        transaction.commit()?;
    }
    Ok(())
}

pub fn check(db: &Connection) -> Result<(), SchemaError> {
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match (application, format) {
        (APPLICATION, FORMAT) => Ok(()),
        (APPLICATION, newer) if newer > FORMAT => Err(SchemaError::Newer(newer)),
        _ => Err(SchemaError::Foreign),
    }
}

const TABLES: &str = "
CREATE TABLE fact (
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE candidate (
    idx INTEGER PRIMARY KEY,
    arch_id TEXT NOT NULL,
    choices TEXT NOT NULL,
    repeats INTEGER,
    log_prob REAL NOT NULL,
    params INTEGER NOT NULL,
    macs INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    accuracy REAL,
    latency_ns INTEGER,
    latency_lo_ns INTEGER,
    latency_hi_ns INTEGER,
    reward REAL,
    train_steps_ns INTEGER NOT NULL,
    teacher_ns INTEGER NOT NULL,
    train_other_ns INTEGER NOT NULL,
    timed_inference_ns INTEGER NOT NULL,
    measure_other_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY,
    candidate INTEGER REFERENCES candidate (idx),
    verdict TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE TABLE policy (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    state BLOB NOT NULL
) STRICT;
";
