//! `logs`: the rows; their bytes are in `frames.rs`.

use super::conn::{Conn, Result};
use crate::base::id::{BuildId, LogId, StepId};
use crate::base::text;
use crate::model::log::LogKind;
use crate::params;

/// Opens a log of a step, with a slug that is unique in the step.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, step: StepId, name: &str, kind: LogKind) -> Result<LogId> {
    let taken =
        conn.query("select slug from logs where step_id = $1", params![step], |r| r.text(0))?;
    let slug = text::unique(&text::slug(name), |s| taken.iter().any(|t| t == s));
    conn.query_one(
        "insert into logs (step_id, name, slug, kind, complete, num_lines, num_bytes) \
         values ($1, $2, $3, $4, 0, 0, 0) returning id",
        params![step, name, slug, kind.letter()],
        |r| Ok(LogId(r.int(0)?)),
    )
}

/// Records how much of a log is stored, and whether it is complete.
///
/// # Errors
/// What the database refuses.
pub fn grew(conn: &Conn<'_>, id: LogId, lines: i64, bytes: i64, complete: bool) -> Result<()> {
    conn.execute(
        "update logs set num_lines = $1, num_bytes = $2, complete = $3 where id = $4 and complete = 0",
        params![lines, bytes, complete, id],
    )?;
    Ok(())
}

/// The open logs, of all steps or of one build: (log, step).
///
/// # Errors
/// What the database refuses.
pub fn open(conn: &Conn<'_>, build: Option<BuildId>) -> Result<Vec<(LogId, StepId)>> {
    conn.query(
        "select l.id, l.step_id from logs l join steps s on s.id = l.step_id \
         where l.complete = 0 and s.build_id = coalesce($1, s.build_id) order by l.id",
        params![build],
        |r| Ok((LogId(r.int(0)?), StepId(r.int(1)?))),
    )
}
