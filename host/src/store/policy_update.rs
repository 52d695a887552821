//! What updates of the policy did, as rows.

use rusqlite::{Connection, Row, params};

use crate::train::worker_protocol::PolicyUpdate;

pub(super) fn insert(
    db: &Connection,
    candidate: usize,
    update: &PolicyUpdate,
) -> rusqlite::Result<()> {
    let PolicyUpdate { loss, entropy, baseline, grad_norm } = *update;
    db.execute(
        "INSERT INTO policy_update (candidate, loss, entropy, baseline, grad_norm) VALUES (?, ?, ?, ?, ?)",
        params![candidate as i64, loss, entropy, baseline, grad_norm],
    )?;
    Ok(())
}

pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<(usize, PolicyUpdate)>> {
    // A run of format 1, which a reader leaves as it is, has no such table.
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'policy_update'";
    if db.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT candidate, loss, entropy, baseline, grad_norm FROM policy_update ORDER BY candidate";
    db.prepare(sql)?.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(usize, PolicyUpdate)> {
    let update = PolicyUpdate {
        loss: row.get("loss")?,
        entropy: row.get("entropy")?,
        baseline: row.get("baseline")?,
        grad_norm: row.get("grad_norm")?,
    };
    Ok((row.get::<_, i64>("candidate")?.cast_unsigned() as usize, update))
}
