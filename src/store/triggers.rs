//! Builds that start builds: what the steps of a build have started, who waits for it, and what
//! schedulers were told to build when their time comes. Apart from `buildsets`, because all of it is
//! asked from the parent's side.

use super::conn::{Conn, Result};
use crate::base::id::{BuildId, BuilderId, BuildsetId, ChangeId, RequestId, SchedulerId};
use crate::base::results::Results;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::params;

/// What a step of an earlier attempt at `request` has started and was not cancelled: buildsets with
/// their schedulers, oldest first. `build` is the present attempt.
///
/// # Errors
/// What the database refuses.
pub fn left_behind(
    conn: &Conn<'_>,
    request: RequestId,
    build: BuildId,
    step: &str,
) -> Result<Vec<(BuildsetId, Option<SchedulerId>)>> {
    conn.query(
        "select s.id, s.scheduler_id from builds b join buildsets s on s.parent_build_id = b.id \
         where b.request_id = $1 and b.id <> $2 and s.parent_step = $3 \
         and (s.results is null or s.results <> $4) order by s.id",
        params![request, build, step, Results::Cancelled],
        |r| Ok((BuildsetId(r.int(0)?), r.opt_int(1)?.map(SchedulerId))),
    )
}

/// Makes a buildset the child of another attempt.
///
/// # Errors
/// What the database refuses.
pub fn adopt(conn: &Conn<'_>, buildset: BuildsetId, build: BuildId) -> Result<()> {
    conn.execute(
        "update buildsets set parent_build_id = $1 where id = $2",
        params![build, buildset],
    )?;
    Ok(())
}

/// The build whose step has started a buildset; none = no step did.
///
/// # Errors
/// What the database refuses.
pub fn parent(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Option<BuildId>> {
    conn.query_one("select parent_build_id from buildsets where id = $1", params![buildset], |r| {
        Ok(r.opt_int(0)?.map(BuildId))
    })
}

/// The requests of a buildset, each with its builder, and whether a step waits for it.
///
/// # Errors
/// What the database refuses.
pub fn requests(
    conn: &Conn<'_>,
    buildset: BuildsetId,
) -> Result<Vec<(RequestId, BuilderId, bool)>> {
    conn.query(
        "select id, builder_id, waited_for from buildrequests where buildset_id = $1 order by id",
        params![buildset],
        |r| Ok((RequestId(r.int(0)?), BuilderId(r.int(1)?), r.bool(2)?)),
    )
}

/// The unfinished requests for which a build waits.
///
/// # Errors
/// What the database refuses.
pub fn awaited_by_build(conn: &Conn<'_>, build: BuildId) -> Result<Vec<RequestId>> {
    conn.query(
        "select q.id from buildsets s join buildrequests q on q.buildset_id = s.id \
         where s.parent_build_id = $1 and q.waited_for = 1 and q.complete_at is null order by q.id",
        params![build],
        |r| Ok(RequestId(r.int(0)?)),
    )
}

/// The unfinished requests for which the attempts at a request waited.
///
/// # Errors
/// What the database refuses.
pub fn awaited_by_request(conn: &Conn<'_>, request: RequestId) -> Result<Vec<RequestId>> {
    conn.query(
        "select q.id from builds b join buildsets s on s.parent_build_id = b.id \
         join buildrequests q on q.buildset_id = s.id \
         where b.request_id = $1 and q.waited_for = 1 and q.complete_at is null order by q.id",
        params![request],
        |r| Ok(RequestId(r.int(0)?)),
    )
}

/// The unfinished requests for which nobody waits any more, because the request whose build did has
/// its result.
///
/// # Errors
/// What the database refuses.
pub fn forsaken(conn: &Conn<'_>) -> Result<Vec<RequestId>> {
    conn.query(
        "select q.id from buildrequests q join buildsets s on s.id = q.buildset_id \
         join builds b on b.id = s.parent_build_id join buildrequests p on p.id = b.request_id \
         where q.complete_at is null and q.waited_for = 1 and p.complete_at is not null \
         order by q.id",
        params![],
        |r| Ok(RequestId(r.int(0)?)),
    )
}

/// An attempt at a request.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The build.
    pub build: BuildId,
    /// Its builder.
    pub builder: BuilderId,
    /// The builder's name.
    pub name: String,
    /// Its number.
    pub number: i64,
    /// How it ended.
    pub results: Option<Results>,
}

/// The attempts at a request, in order.
///
/// # Errors
/// What the database refuses.
pub fn attempts(conn: &Conn<'_>, request: RequestId) -> Result<Vec<Attempt>> {
    conn.query(
        "select b.id, b.builder_id, d.name, b.number, b.results from builds b \
         join builders d on d.id = b.builder_id where b.request_id = $1 order by b.id",
        params![request],
        |r| {
            Ok(Attempt {
                build: BuildId(r.int(0)?),
                builder: BuilderId(r.int(1)?),
                name: r.text(2)?,
                number: r.int(3)?,
                results: r.opt_results(4)?,
            })
        },
    )
}

/// The result of a request; none = it has none yet, or there is no such request.
///
/// # Errors
/// What the database refuses.
pub fn results(conn: &Conn<'_>, request: RequestId) -> Result<Option<Results>> {
    let found =
        conn.query_opt("select results from buildrequests where id = $1", params![request], |r| {
            r.opt_results(0)
        })?;
    Ok(found.flatten())
}

/// What a scheduler was told to build when its time comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The source, one per codebase.
    pub sourcestamps: Vec<Sourcestamp>,
    /// The changes it is made of.
    pub changes: Vec<ChangeId>,
    /// Properties, over the scheduler's own.
    pub properties: Properties,
    /// The priority of the request whose build told it.
    pub priority: i64,
    /// The build that told it.
    pub build: BuildId,
    /// The step of that build.
    pub step: String,
    /// What the new builds are to that one, in words.
    pub relationship: String,
}

/// Keeps what a scheduler builds next, in place of what it was told before.
///
/// # Errors
/// What the database refuses.
pub fn keep(conn: &Conn<'_>, scheduler: SchedulerId, kept: &Kept) -> Result<()> {
    let changes: Vec<i64> = kept.changes.iter().map(|id| id.0).collect();
    conn.execute(
        "insert into scheduler_triggers (scheduler_id, sourcestamps, changes, properties, priority, \
         parent_build_id, parent_relationship, parent_step) values ($1, $2, $3, $4, $5, $6, $7, $8) \
         on conflict (scheduler_id) do update set sourcestamps = excluded.sourcestamps, \
         changes = excluded.changes, properties = excluded.properties, \
         priority = excluded.priority, parent_build_id = excluded.parent_build_id, \
         parent_relationship = excluded.parent_relationship, parent_step = excluded.parent_step",
        params![
            scheduler,
            serde_json::to_value(&kept.sourcestamps).unwrap_or_default(),
            serde_json::Value::from(changes),
            serde_json::to_value(&kept.properties).unwrap_or_default(),
            kept.priority,
            kept.build,
            &kept.relationship,
            &kept.step
        ],
    )?;
    Ok(())
}

/// Takes what a scheduler was told to build; none = nothing since the last time.
///
/// # Errors
/// What the database refuses.
pub fn take(conn: &Conn<'_>, scheduler: SchedulerId) -> Result<Option<Kept>> {
    conn.query_opt(
        "delete from scheduler_triggers where scheduler_id = $1 returning sourcestamps, changes, \
         properties, priority, parent_build_id, parent_relationship, parent_step",
        params![scheduler],
        |r| {
            let changes: Vec<i64> = r.json(1)?;
            Ok(Kept {
                sourcestamps: r.json(0)?,
                changes: changes.into_iter().map(ChangeId).collect(),
                properties: r.json(2)?,
                priority: r.int(3)?,
                build: BuildId(r.int(4)?),
                relationship: r.text(5)?,
                step: r.text(6)?,
            })
        },
    )
}
