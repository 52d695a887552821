//! One architecture sampled in one search, and everything measured of it.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, Row, params};
use serde::Serialize;

/// How far a candidate got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Sampled from the policy; there are no results yet.
    Sampled,
    /// Its accuracy is known.
    Trained,
    /// Rewarded.
    Done,
    /// No measurement of it could be believed; never rewarded.
    Unmeasured,
    /// It could not be trained or measured at all; never rewarded.
    Failed,
}

impl Status {
    const ALL: [Self; 5] =
        [Self::Sampled, Self::Trained, Self::Done, Self::Unmeasured, Self::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::Trained => "trained",
            Self::Done => "done",
            Self::Unmeasured => "unmeasured",
            Self::Failed => "failed",
        }
    }

    /// Whether the search is done with the candidate.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Unmeasured | Self::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.name() == name).ok_or_else(|| format!("unknown status '{name}'"))
    }
}

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: String| FromSqlError::Other(error.into()))
    }
}

/// The measured median and its interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    pub median_ns: u64,
    pub lo_ns: u64,
    pub hi_ns: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The candidate's number, from 0, in the order of sampling.
    pub index: usize,
    pub arch_id: String,
    /// The choices as the policy sampled them; the architecture's choices may be a simpler form of the
    /// same network.
    pub choices: Vec<usize>,
    /// The earlier candidate of the same architecture, whose numbers this one takes over.
    pub repeats: Option<usize>,
    /// Logarithm of the probability that the policy gave the choices when it sampled them.
    pub log_prob: f64,
    pub params: u64,
    pub macs: u64,
    pub status: Status,
    /// Why the candidate is not `Done`, or what is unusual about it.
    pub reason: Option<String>,
    /// Accuracy on the held-out images, 0 to 1.
    pub accuracy: Option<f64>,
    pub latency: Option<Latency>,
    pub reward: Option<f64>,
    pub time: CandidateTime,
    /// The segment of the run that all its numbers are of.
    pub segment: usize,
}

/// How a candidate's wall time was used, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CandidateTime {
    pub train_steps_ns: u64,
    pub teacher_ns: u64,
    /// Preparing, evaluating, and the transfer to the worker and back.
    pub train_other_ns: u64,
    pub timed_inference_ns: u64,
    /// Export, process starts, loading, optimising and warm-up.
    pub measure_other_ns: u64,
}

const COLUMNS: &str =
    "idx, arch_id, choices, repeats, log_prob, params, macs, status, reason, accuracy,
    latency_ns, latency_lo_ns, latency_hi_ns, reward,
    train_steps_ns, teacher_ns, train_other_ns, timed_inference_ns, measure_other_ns, segment";

pub(super) fn insert(db: &Connection, candidate: &Candidate) -> rusqlite::Result<()> {
    let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
    run(db, &format!("INSERT INTO candidate ({COLUMNS}) VALUES ({marks})"), candidate)?;
    Ok(())
}

/// Updates a candidate; a stored reward is never overwritten.
pub(super) fn update(db: &Connection, candidate: &Candidate) -> rusqlite::Result<()> {
    let columns = COLUMNS.split(',').map(str::trim).enumerate();
    let sets: Vec<_> = columns.map(|(at, column)| format!("{column} = ?{}", at + 1)).collect();
    let sql = format!("UPDATE candidate SET {} WHERE idx = ?1 AND reward IS NULL", sets.join(", "));
    match run(db, &sql, candidate)? {
        1 => Ok(()),
        changed => Err(rusqlite::Error::StatementChangedRows(changed)),
    }
}

/// Moves the candidates that are not done to another segment, where nothing of them is known yet.
pub(super) fn begin_anew(db: &Connection, segment: usize) -> rusqlite::Result<()> {
    let sql = "UPDATE candidate SET segment = ?1, status = ?2, repeats = NULL, reason = NULL,
        accuracy = NULL, latency_ns = NULL, latency_lo_ns = NULL, latency_hi_ns = NULL,
        train_steps_ns = 0, teacher_ns = 0, train_other_ns = 0, timed_inference_ns = 0,
        measure_other_ns = 0
        WHERE status IN (?2, ?3)";
    db.execute(sql, params![segment as i64, Status::Sampled, Status::Trained])?;
    Ok(())
}

fn run(db: &Connection, sql: &str, candidate: &Candidate) -> rusqlite::Result<usize> {
    let choices: Vec<_> = candidate.choices.iter().map(ToString::to_string).collect();
    let latency = candidate.latency;
    let time = candidate.time;
    db.prepare_cached(sql)?.execute(params![
        candidate.index as i64,
        candidate.arch_id,
        choices.join(" "),
        candidate.repeats.map(|index| index as i64),
        candidate.log_prob,
        candidate.params as i64,
        candidate.macs as i64,
        candidate.status,
        candidate.reason,
        candidate.accuracy,
        latency.map(|latency| latency.median_ns as i64),
        latency.map(|latency| latency.lo_ns as i64),
        latency.map(|latency| latency.hi_ns as i64),
        candidate.reward,
        time.train_steps_ns as i64,
        time.teacher_ns as i64,
        time.train_other_ns as i64,
        time.timed_inference_ns as i64,
        time.measure_other_ns as i64,
        candidate.segment as i64,
    ])
}

/// The number of a row, and what is in it.
type Numbered = (i64, rusqlite::Result<Candidate>);

pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Numbered>> {
    // A run of an earlier format, which a reader leaves as it is, has one segment and no column for it.
    let known = "SELECT count(*) FROM pragma_table_info('candidate') WHERE name = 'segment'";
    let known = db.query_row(known, [], |row| row.get::<_, i64>(0))? > 0;
    let segment = if known { "segment" } else { "0 AS segment" };
    let columns = COLUMNS.replace("segment", segment);
    let sql = format!("SELECT {columns} FROM candidate ORDER BY idx");
    db.prepare(&sql)?.query_map([], |row| Ok((row.get("idx")?, read(row))))?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let count = |column: &str| {
        let value: i64 = row.get(column)?;
        u64::try_from(value).map_err(|_| damaged(Type::Integer, format!("{column} is {value}")))
    };
    let choices: String = row.get("choices")?;
    let choices = choices.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    let latency = match row.get::<_, Option<i64>>("latency_ns")? {
        Some(_) => Some(Latency {
            median_ns: count("latency_ns")?,
            lo_ns: count("latency_lo_ns")?,
            hi_ns: count("latency_hi_ns")?,
        }),
        None => None,
    };
    Ok(Candidate {
        index: count("idx")? as usize,
        arch_id: row.get("arch_id")?,
        choices: choices
            .map_err(|error: ParseIntError| damaged(Type::Text, format!("choices: {error}")))?,
        repeats: match row.get::<_, Option<i64>>("repeats")? {
            Some(_) => Some(count("repeats")? as usize),
            None => None,
        },
        log_prob: row.get("log_prob")?,
        params: count("params")?,
        macs: count("macs")?,
        status: row.get("status")?,
        reason: row.get("reason")?,
        accuracy: row.get("accuracy")?,
        latency,
        reward: row.get("reward")?,
        time: CandidateTime {
            train_steps_ns: count("train_steps_ns")?,
            teacher_ns: count("teacher_ns")?,
            train_other_ns: count("train_other_ns")?,
            timed_inference_ns: count("timed_inference_ns")?,
            measure_other_ns: count("measure_other_ns")?,
        },
        segment: count("segment")? as usize,
    })
}

/// An error that says what a column holds; the place of the column is in its text.
fn damaged(of: Type, what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, of, what.into())
}
