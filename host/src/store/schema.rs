//! The tables, and the check that a file is ours.

use rusqlite::{Connection, TransactionBehavior};

use super::FORMAT;

/// A kind of file that is ours.
pub struct Schema {
    /// Marks the file.
    pub application: i64,
    pub format: i64,
    pub tables: &'static str,
    /// What makes a file of the first format one of the second, and so on.
    pub upgrades: &'static [&'static str],
}

/// Of a run, marked `Prl1` in ASCII.
pub const RUN: Schema =
    Schema { application: 0x5072_6c31, format: FORMAT, tables: TABLES, upgrades: &[] };

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

const IS_EMPTY: &str = "SELECT count(*) = 0 FROM sqlite_schema";

/// Checks a file that exists, fills a new one.
pub fn prepare(db: &mut Connection, schema: &Schema) -> Result<(), SchemaError> {
    let empty: bool = db.query_row(IS_EMPTY, [], |row| row.get(0))?;
    if !empty {
        upgrade(db, schema)?;
        check(db, schema)?;
    }
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    if empty {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if transaction.query_row(IS_EMPTY, [], |row| row.get::<_, bool>(0))? {
            fill(&transaction, schema)?;
        }
        transaction.commit()?;
        check(db, schema)?;
    }
    Ok(())
}

/// Another process may have been faster; then nothing is left to fill.
fn fill(db: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    db.pragma_update(None, "application_id", schema.application)?;
    db.pragma_update(None, "user_version", schema.format)?;
    db.execute_batch(schema.tables)
}

/// One step at a time, each whole or not at all; another process may be doing the same.
fn upgrade(db: &mut Connection, schema: &Schema) -> Result<(), SchemaError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let older = |(from, _): &(i64, &&str)| *from >= found;
    // A reader of a file that is up to date waits for nobody.
    for (from, sql) in (1..).zip(schema.upgrades).filter(older) {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let ours = number("application_id")? == schema.application;
        if ours && number("user_version")? == from {
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", from + 1)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

pub fn check(db: &Connection, schema: &Schema) -> Result<(), SchemaError> {
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application != schema.application {
        return Err(SchemaError::Foreign);
    }
    match format {
        format if format == schema.format => Ok(()),
        newer if newer > schema.format => Err(SchemaError::Newer(newer)),
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
