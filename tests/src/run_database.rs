//! A run's database, read as any SQLite client would, and what must hold of it at any moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub struct RunDatabase {
    path: PathBuf,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub index: i64,
    pub arch_id: String,
    pub choices: String,
    pub status: String,
    pub reason: Option<String>,
    pub accuracy: Option<f64>,
    pub latency_ns: Option<i64>,
    pub reward: Option<f64>,
}

impl Row {
    pub fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "done" | "unmeasured" | "failed")
    }
}

impl RunDatabase {
    pub fn of(run: &Path) -> RunDatabase {
        RunDatabase { path: run.join("pearl.db") }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        db.busy_timeout(Duration::from_secs(30))?;
        Ok(db)
    }

    /// None where there are no tables yet.
    pub fn rows(&self) -> Option<Vec<Row>> {
        let db = self.open().ok()?;
        let mut statement = db
            .prepare(
                "SELECT idx, arch_id, choices, status, reason, accuracy, latency_ns, reward
                 FROM candidate ORDER BY idx",
            )
            .ok()?;
        let rows = statement.query_map([], |row| {
            Ok(Row {
                index: row.get(0)?,
                arch_id: row.get(1)?,
                choices: row.get(2)?,
                status: row.get(3)?,
                reason: row.get(4)?,
                accuracy: row.get(5)?,
                latency_ns: row.get(6)?,
                reward: row.get(7)?,
            })
        });
        Some(rows.and_then(Iterator::collect).expect("the columns are of their types"))
    }

    /// What is broken; nothing in a whole database, or where there is none yet.
    pub fn faults(&self) -> Vec<String> {
        if !self.path.is_file() {
            return Vec::new();
        }
        let checked = self.open().and_then(|db| {
            db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        });
        let mut faults = match checked {
            Ok(said) if said == "ok" => Vec::new(),
            Ok(said) => vec![format!("integrity_check: {said}")],
            Err(error) => vec![format!("integrity_check: {error}")],
        };
        let rows = self.rows().unwrap_or_default();
        for (at, row) in rows.iter().enumerate() {
            let mut say = |what: &str| faults.push(format!("{what}: {row:?}"));
            if row.index != at as i64 {
                say("a gap or a duplicate");
            }
            if !row.is_final() && at + 1 != rows.len() {
                say("left behind unfinished");
            }
            if row.reward.is_some() != (row.status == "done") {
                say("a reward and a status that contradict each other");
            }
            if row.reward.is_some() && (row.accuracy.is_none() || row.latency_ns.is_none()) {
                say("a reward of nothing measured");
            }
            if matches!(row.status.as_str(), "unmeasured" | "failed") && row.reason.is_none() {
                say("no reason");
            }
            if row.status == "unmeasured" && row.latency_ns.is_some() {
                say("a latency though unmeasured");
            }
        }
        faults
    }

    /// Rewards by index.
    pub fn rewards(&self) -> BTreeMap<i64, f64> {
        let rows = self.rows().unwrap_or_default();
        rows.into_iter().filter_map(|row| Some((row.index, row.reward?))).collect()
    }
}
