//! `buildrequests`: wishes, and who builds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::conn::{Conn, Result};
use super::sourcestamps;
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, ChangeId, MasterId, RequestId};
use crate::base::results::Results;
use crate::model::request::{Request, RequestState};
use crate::model::sourcestamp::Sourcestamp;
use crate::params;

/// Stores a request.
///
/// # Errors
/// What the database refuses.
pub fn insert(
    conn: &Conn<'_>,
    buildset: BuildsetId,
    builder: BuilderId,
    priority: i64,
    now: Timestamp,
) -> Result<RequestId> {
    conn.query_one(
        "insert into buildrequests (buildset_id, builder_id, priority, submitted_at, waited_for, attempts) \
         values ($1, $2, $3, $4, 0, 0) returning id",
        params![buildset, builder, priority, now],
        |r| Ok(RequestId(r.int(0)?)),
    )
}

/// Notes that a step waits for a request's result.
///
/// # Errors
/// What the database refuses.
pub fn set_waited_for(conn: &Conn<'_>, id: RequestId) -> Result<()> {
    conn.execute("update buildrequests set waited_for = 1 where id = $1", params![id])?;
    Ok(())
}

/// Claims a request for a build; false when somebody else has it.
///
/// # Errors
/// What the database refuses.
pub fn claim(
    conn: &Conn<'_>,
    id: RequestId,
    build: BuildId,
    master: MasterId,
    now: Timestamp,
) -> Result<bool> {
    let changed = conn.execute(
        "update buildrequests set claimed_at = $1, claimed_by_master_id = $2, build_id = $3, \
         attempts = attempts + 1 where id = $4 and claimed_at is null and complete_at is null",
        params![now, master, build, id],
    )?;
    Ok(changed == 1)
}

/// Lets a request wait again after an attempt without a verdict, which counts as a retry or not.
///
/// # Errors
/// What the database refuses.
pub fn unclaim(conn: &Conn<'_>, id: RequestId, is_retry: bool) -> Result<()> {
    conn.execute(
        "update buildrequests set claimed_at = null, claimed_by_master_id = null, build_id = null, \
         retries = retries + $1 where id = $2 and complete_at is null",
        params![i64::from(is_retry), id],
    )?;
    Ok(())
}

/// Gives a request its one result; returns its buildset.
///
/// # Errors
/// What the database refuses.
pub fn complete(
    conn: &Conn<'_>,
    id: RequestId,
    results: Results,
    because: Option<&str>,
    now: Timestamp,
) -> Result<BuildsetId> {
    conn.query_one(
        "update buildrequests set complete_at = $1, results = $2, ended_because = $3 where id = $4 \
         returning buildset_id",
        params![now, results, because, id],
        |r| Ok(BuildsetId(r.int(0)?)),
    )
}

/// Gives a request another priority.
///
/// # Errors
/// What the database refuses.
pub fn set_priority(conn: &Conn<'_>, id: RequestId, priority: i64) -> Result<()> {
    conn.execute("update buildrequests set priority = $1 where id = $2", params![priority, id])?;
    Ok(())
}

/// What is said beside a request: who says no to it, and what failed.
///
/// # Errors
/// What the database refuses.
pub fn note(
    conn: &Conn<'_>,
    id: RequestId,
    held_by: Option<&str>,
    trouble: Option<&str>,
) -> Result<()> {
    conn.execute(
        "update buildrequests set held_by = $1, trouble = $2 where id = $3",
        params![held_by, trouble, id],
    )?;
    Ok(())
}

/// Forgets who said no to waiting requests: after a start nobody has, yet.
///
/// # Errors
/// What the database refuses.
pub fn forget_notes(conn: &Conn<'_>) -> Result<()> {
    conn.execute(
        "update buildrequests set held_by = null, trouble = null \
         where complete_at is null and (held_by is not null or trouble is not null)",
        params![],
    )?;
    Ok(())
}

/// Every request without a result, by id.
///
/// # Errors
/// What the database refuses.
pub fn unfinished(conn: &Conn<'_>) -> Result<Vec<Request>> {
    let mut requests = conn.query(
        "select r.id, r.buildset_id, r.builder_id, r.priority, r.submitted_at, r.attempts, r.build_id, \
         (select max(c.change_id) from buildset_changes c where c.buildset_id = r.buildset_id), \
         s.rebuilt_build_id is not null, r.retries, r.waited_for \
         from buildrequests r join buildsets s on s.id = r.buildset_id \
         where r.complete_at is null order by r.id",
        params![],
        |r| {
            Ok(Request {
                id: RequestId(r.int(0)?),
                buildset: BuildsetId(r.int(1)?),
                builder: BuilderId(r.int(2)?),
                priority: r.int(3)?,
                submitted_at: r.time(4)?,
                sourcestamps: Arc::default(),
                newest_change: r.opt_int(7)?.map(ChangeId),
                is_rebuild: r.bool(8)?,
                is_waited_for: r.bool(10)?,
                attempts: u32::try_from(r.int(5)?).unwrap_or(u32::MAX),
                retries: u32::try_from(r.int(9)?).unwrap_or(u32::MAX),
                state: r
                    .opt_int(6)?
                    .map_or(RequestState::Waiting, |b| RequestState::Claimed(BuildId(b))),
            })
        },
    )?;
    let stamps = sourcestamps::of_open_buildsets(conn)?;
    let stamps: BTreeMap<BuildsetId, Arc<Vec<Sourcestamp>>> =
        stamps.into_iter().map(|(set, stamps)| (set, Arc::new(stamps))).collect();
    for request in &mut requests {
        request.sourcestamps = stamps.get(&request.buildset).cloned().unwrap_or_default();
    }
    Ok(requests)
}

/// The failed requests of buildsets that are not complete: buildset and builder.
///
/// # Errors
/// What the database refuses.
pub fn failed_in_open_sets(conn: &Conn<'_>) -> Result<Vec<(BuildsetId, BuilderId)>> {
    conn.query(
        "select r.buildset_id, r.builder_id from buildsets s \
         join buildrequests r on r.buildset_id = s.id \
         where s.complete_at is null and r.results = $1 order by r.id",
        params![Results::Failure.code()],
        |r| Ok((BuildsetId(r.int(0)?), BuilderId(r.int(1)?))),
    )
}

/// Whether there is such a request.
///
/// # Errors
/// What the database refuses.
pub fn exists(conn: &Conn<'_>, id: RequestId) -> Result<bool> {
    let found =
        conn.query_opt("select id from buildrequests where id = $1", params![id], |r| r.int(0))?;
    Ok(found.is_some())
}
