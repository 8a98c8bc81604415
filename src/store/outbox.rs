//! `outbox`: what must leave, written in the transaction of what it tells.

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, RequestId};
use crate::base::results::Results;
use crate::params;

/// Leaves word for a reporter. `kind` is `request_added`, `build_started` or `build_finished`.
///
/// # Errors
/// What the database refuses.
pub fn add(
    conn: &Conn<'_>,
    reporter: &str,
    kind: &str,
    request: RequestId,
    build: Option<BuildId>,
    results: Option<Results>,
    now: Timestamp,
) -> Result<()> {
    conn.execute(
        "insert into outbox (reporter, kind, request_id, build_id, results, created_at, due_at, \
         attempts, state) values ($1, $2, $3, $4, $5, $6, $6, 0, 'waiting')",
        params![reporter, kind, request, build, results, now],
    )?;
    Ok(())
}

/// Leaves word that an attempt which a restart ended is tried again, for the reporters that were
/// told of its start.
///
/// # Errors
/// What the database refuses.
pub fn retried(conn: &Conn<'_>, request: RequestId, build: BuildId, now: Timestamp) -> Result<()> {
    conn.execute(
        "insert into outbox (reporter, kind, request_id, build_id, results, created_at, due_at, \
         attempts, state) select distinct reporter, 'build_finished', $1, $2, $3, $4, $4, 0, 'waiting' \
         from outbox where kind = 'build_started' and build_id = $2",
        params![request, build, Results::Retry, now],
    )?;
    Ok(())
}
