//! `schedulers`: known ones, and whether they are switched on.

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::SchedulerId;
use crate::params;

/// The row of a configured scheduler, made if it is new: (id, switched on, when it
/// last built by the clock).
///
/// # Errors
/// What the database refuses.
pub fn ensure(
    conn: &Conn<'_>,
    name: &str,
    kind: &str,
) -> Result<(SchedulerId, bool, Option<Timestamp>)> {
    conn.query_one(
        "insert into schedulers (name, kind, enabled, configured) values ($1, $2, 1, 1) \
         on conflict (name) do update set kind = excluded.kind, configured = 1 \
         returning id, enabled, fired_at",
        params![name, kind],
        |r| Ok((SchedulerId(r.int(0)?), r.bool(1)?, r.opt_time(2)?)),
    )
}

/// Notes when a timed scheduler last built.
///
/// # Errors
/// What the database refuses.
pub fn set_fired(conn: &Conn<'_>, id: SchedulerId, at: Timestamp) -> Result<()> {
    conn.execute("update schedulers set fired_at = $1 where id = $2", params![at, id])?;
    Ok(())
}

/// Marks all schedulers as not configured: the first step of a start or reload.
///
/// # Errors
/// What the database refuses.
pub fn unconfigure_all(conn: &Conn<'_>) -> Result<()> {
    conn.execute("update schedulers set configured = 0", params![])?;
    Ok(())
}

/// Switches a scheduler on or off.
///
/// # Errors
/// What the database refuses.
pub fn set_enabled(conn: &Conn<'_>, id: SchedulerId, is_enabled: bool) -> Result<()> {
    conn.execute("update schedulers set enabled = $1 where id = $2", params![is_enabled, id])?;
    Ok(())
}
