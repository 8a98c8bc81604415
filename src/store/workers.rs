//! `workers`: known ones, and where each stands.

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, WorkerId};
use crate::model::standing::{Quarantine, Standing};
use crate::model::worker::WorkerInfo;
use crate::params;

/// The row of the configured worker `name`, made if it is new.
///
/// # Errors
/// What the database refuses.
pub fn ensure(conn: &Conn<'_>, name: &str) -> Result<WorkerId> {
    conn.query_one(
        "insert into workers (name, configured, info, epoch, paused, graceful) values ($1, 1, '{}', 0, 0, 0) \
         on conflict (name) do update set configured = 1 returning id",
        params![name],
        |r| Ok(WorkerId(r.int(0)?)),
    )
}

/// Marks all workers as not configured and away: the first step of a start or reload.
///
/// # Errors
/// What the database refuses.
pub fn unconfigure_all(conn: &Conn<'_>) -> Result<()> {
    conn.execute("update workers set configured = 0", params![])?;
    Ok(())
}

/// Marks all workers as away: at the start nobody is connected. Who was away before stays so since
/// then; what the last configuration did not have is nobody's loss.
///
/// # Errors
/// What the database refuses.
pub fn all_away(conn: &Conn<'_>, now: Timestamp) -> Result<()> {
    conn.execute(
        "update workers set away_since = $1, missing_told = 0 where connected_since is not null",
        params![now],
    )?;
    conn.execute(
        "update workers set away_since = null, missing_told = 0 where configured = 0",
        params![],
    )?;
    conn.execute("update workers set connected_since = null", params![])?;
    Ok(())
}

/// A worker connected; returns the number of this connection.
///
/// # Errors
/// What the database refuses.
pub fn attached(conn: &Conn<'_>, id: WorkerId, info: &WorkerInfo, now: Timestamp) -> Result<i64> {
    let public = serde_json::to_value(info.public()).unwrap_or_default();
    conn.query_one(
        "update workers set connected_since = $1, info = $2, last_seen = $1, epoch = epoch + 1, \
         away_since = null, missing_told = 0 where id = $3 returning epoch",
        params![now, public, id],
        |r| r.int(0),
    )
}

/// A worker's connection ended.
///
/// # Errors
/// What the database refuses.
pub fn detached(conn: &Conn<'_>, id: WorkerId, now: Timestamp) -> Result<()> {
    conn.execute(
        "update workers set connected_since = null, last_seen = $1, away_since = $1, missing_told = 0 \
         where id = $2",
        params![now, id],
    )?;
    Ok(())
}

/// Sets which workers can build a builder.
///
/// # Errors
/// What the database refuses.
pub fn set_builder_workers(
    conn: &Conn<'_>,
    builder: BuilderId,
    workers: &[WorkerId],
) -> Result<()> {
    conn.execute("delete from builder_workers where builder_id = $1", params![builder])?;
    for worker in workers {
        conn.execute(
            "insert into builder_workers (builder_id, worker_id) values ($1, $2) on conflict do nothing",
            params![builder, *worker],
        )?;
    }
    Ok(())
}

/// What keeps a worker from new work, as its row says.
///
/// # Errors
/// What the database refuses.
pub fn standing(conn: &Conn<'_>, id: WorkerId) -> Result<Standing> {
    conn.query_one(
        "select paused, pause_reason, graceful, quarantined_until, quarantine_reason, \
         quarantine_failures from workers where id = $1",
        params![id],
        |r| {
            let reason = r.opt_text(1)?.unwrap_or_default();
            Ok(Standing {
                paused: r.bool(0)?.then_some(reason),
                is_graceful: r.bool(2)?,
                quarantine: Quarantine {
                    until: r.opt_time(3)?,
                    reason: r.opt_text(4)?.unwrap_or_default(),
                    failures: u32::try_from(r.int(5)?).unwrap_or(u32::MAX),
                },
            })
        },
    )
}

/// Stores what keeps a worker from new work.
///
/// # Errors
/// What the database refuses.
pub fn set_standing(conn: &Conn<'_>, id: WorkerId, standing: &Standing) -> Result<()> {
    let Standing { paused, is_graceful, quarantine } = standing;
    let reason = quarantine.until.map(|_| quarantine.reason.as_str());
    conn.execute(
        "update workers set paused = $1, pause_reason = $2, graceful = $3, quarantined_until = $4, \
         quarantine_reason = $5, quarantine_failures = $6 where id = $7",
        params![
            paused.is_some(),
            paused.as_deref(),
            *is_graceful,
            quarantine.until,
            reason,
            i64::from(quarantine.failures),
            id
        ],
    )?;
    Ok(())
}

/// Since when a worker is away, and whether that was told; none = it is not known.
///
/// # Errors
/// What the database refuses.
pub fn away(conn: &Conn<'_>, id: WorkerId) -> Result<Option<(Timestamp, bool)>> {
    let (since, told) = conn.query_one(
        "select away_since, missing_told from workers where id = $1",
        params![id],
        |r| Ok((r.opt_time(0)?, r.bool(1)?)),
    )?;
    Ok(since.map(|since| (since, told)))
}

/// Notes since when a worker is away, which is not told yet.
///
/// # Errors
/// What the database refuses.
pub fn away_since(conn: &Conn<'_>, id: WorkerId, since: Timestamp) -> Result<()> {
    conn.execute(
        "update workers set away_since = $1, missing_told = 0 where id = $2",
        params![since, id],
    )?;
    Ok(())
}

/// Notes that a worker's absence is told.
///
/// # Errors
/// What the database refuses.
pub fn missing_told(conn: &Conn<'_>, id: WorkerId) -> Result<()> {
    conn.execute("update workers set missing_told = 1 where id = $1", params![id])?;
    Ok(())
}
