//! The tables, and the check that a file is ours.

use rusqlite::{Connection, TransactionBehavior};

use super::FORMAT;

/// One kind of our database files.
pub struct Schema {
    /// The application id that marks the file.
    pub application: i64,
    pub format: i64,
    pub tables: &'static str,
    /// Statements that upgrade the first format to the second, and so on.
    pub upgrades: &'static [&'static str],
}

/// The schema of a run, marked `Prl1` in ASCII.
pub const RUN: Schema = Schema {
    application: 0x5072_6c31,
    format: FORMAT,
    tables: TABLES,
    upgrades: &[RUN_TO_FORMAT_2, RUN_TO_FORMAT_3],
};

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
    let empty = is_empty(db)?;
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

/// Creates the tables of an empty file.
fn fill(db: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    db.pragma_update(None, "application_id", schema.application)?;
    db.pragma_update(None, "user_version", schema.format)?;
    db.execute_batch(schema.tables)
}

/// Upgrades a file one step at a time, each completely or not at all; another process may be doing the
/// same.
fn upgrade(db: &mut Connection, schema: &Schema) -> Result<(), SchemaError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let older = |(from, _): &(i64, &&str)| *from >= found;
    // Without a step to do, there is no transaction and no wait for other processes.
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

pub fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row(IS_EMPTY, [], |row| row.get(0))
}

/// Checks a file for a reader, who changes nothing and knows all earlier formats.
pub fn check_readable(db: &Connection, schema: &Schema) -> Result<(), SchemaError> {
    let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    check(db, &Schema { format: format.clamp(1, schema.format), ..*schema })
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
    measure_other_ns INTEGER NOT NULL,
    segment INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE segment (
    idx INTEGER PRIMARY KEY,
    started TEXT NOT NULL
) STRICT;
CREATE TABLE condition (
    segment INTEGER NOT NULL REFERENCES segment (idx),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (segment, name)
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
CREATE TABLE policy_update (
    candidate INTEGER PRIMARY KEY REFERENCES candidate (idx),
    loss REAL NOT NULL,
    entropy REAL NOT NULL,
    baseline REAL NOT NULL,
    grad_norm REAL NOT NULL
) STRICT;
";

const RUN_TO_FORMAT_2: &str = "
CREATE TABLE policy_update (
    candidate INTEGER PRIMARY KEY REFERENCES candidate (idx),
    loss REAL NOT NULL,
    entropy REAL NOT NULL,
    baseline REAL NOT NULL,
    grad_norm REAL NOT NULL
) STRICT;
";

/// The conditions that the facts of a run of an older format tell; none of a run that did not start.
macro_rules! told_conditions {
    () => {
        "
WITH kept (name, fact, path) AS (VALUES
    ('arch', 'agent', '$.platform.arch'),
    ('os', 'agent', '$.platform.os'),
    ('cpu model', 'agent', '$.platform.cpu_model'),
    ('soc', 'agent', '$.platform.android.soc'),
    ('kernel', 'agent', '$.platform.kernel'),
    ('cpu quota milli', 'agent', '$.platform.cgroup.cpu_milli'),
    ('engine name', 'agent', '$.engine.name'),
    ('engine version', 'agent', '$.engine.version'),
    ('agent version', 'agent', '$.version'),
    ('agent build', 'agent', '$.build'),
    ('worker version', 'worker', '$.version'),
    ('torch', 'worker', '$.torch'),
    ('torch device', 'worker', '$.torch_device'),
    ('training threads', 'worker', '$.threads')
), told (name, value) AS (
    SELECT kept.name, CASE WHEN json_valid(fact.value) THEN fact.value ->> kept.path END
    FROM kept JOIN fact ON fact.key = kept.fact
    UNION ALL
    SELECT 'teacher sha256', value FROM fact WHERE key = 'setting.teacher sha256'
)
SELECT name, CAST(value AS TEXT) AS value FROM told
WHERE value IS NOT NULL AND EXISTS (SELECT 1 FROM fact WHERE key = 'started')
"
    };
}

/// For a reader, who leaves a run of an older format as it is.
pub const TOLD_CONDITIONS: &str = told_conditions!();

/// The first segment gets the conditions that the facts of an older run tell.
const RUN_TO_FORMAT_3: &str = concat!(
    "
ALTER TABLE candidate ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;
CREATE TABLE segment (
    idx INTEGER PRIMARY KEY,
    started TEXT NOT NULL
) STRICT;
CREATE TABLE condition (
    segment INTEGER NOT NULL REFERENCES segment (idx),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (segment, name)
) STRICT;
INSERT INTO segment (idx, started) SELECT 0, value FROM fact WHERE key = 'started';
INSERT INTO condition (segment, name, value) SELECT 0, name, value FROM (",
    told_conditions!(),
    ");
DELETE FROM fact WHERE key = 'setting.teacher sha256';
"
);
