//! `builds` and their properties.

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::{
    BuildId, BuilderId, BuildsetId, GenerationId, MasterId, RequestId, WorkerId,
};
use crate::base::results::Results;
use crate::model::build::Build;
use crate::model::property::Properties;
use crate::params;

/// A build to be made.
#[derive(Clone, Debug)]
pub struct NewBuild {
    /// Its builder.
    pub builder: BuilderId,
    /// The builder under which it is filed.
    pub filed: BuilderId,
    /// The request it attempts.
    pub request: RequestId,
    /// Where it runs.
    pub worker: WorkerId,
    /// Who runs it.
    pub master: MasterId,
    /// The configuration it is made from.
    pub generation: GenerationId,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

/// Stores a build with the builder's next number.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, new: &NewBuild, now: Timestamp) -> Result<Build> {
    let number = conn.query_one(
        "update builders set next_number = next_number + 1 where id = $1 returning next_number - 1",
        params![new.filed],
        |r| r.int(0),
    )?;
    let id = conn.query_one(
        "insert into builds (number, builder_id, request_id, worker_id, master_id, generation_id, \
         attempt, started_at, locks_duration, state_string) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 'starting') returning id",
        params![
            number,
            new.filed,
            new.request,
            new.worker,
            new.master,
            new.generation,
            new.attempt,
            now
        ],
        |r| Ok(BuildId(r.int(0)?)),
    )?;
    Ok(Build {
        id,
        number,
        builder: new.builder,
        filed: new.filed,
        request: new.request,
        worker: new.worker,
        attempt: new.attempt,
        generation: new.generation,
    })
}

/// Sets properties of a build.
///
/// # Errors
/// What the database refuses.
pub fn set_properties(conn: &Conn<'_>, id: BuildId, properties: &Properties) -> Result<()> {
    for (name, (value, source)) in &properties.0 {
        conn.execute(
            "insert into build_properties (build_id, name, value, source) values ($1, $2, $3, $4) \
             on conflict (build_id, name) do update set value = excluded.value, source = excluded.source",
            params![id, name, value.to_string(), source],
        )?;
    }
    Ok(())
}

/// Sets what a build is doing, in words.
///
/// # Errors
/// What the database refuses.
pub fn set_state(conn: &Conn<'_>, id: BuildId, text: &str) -> Result<()> {
    conn.execute("update builds set state_string = $1 where id = $2", params![text, id])?;
    Ok(())
}

/// Notes that somebody wants a build stopped, and why.
///
/// # Errors
/// What the database refuses.
pub fn set_stop_reason(conn: &Conn<'_>, id: BuildId, reason: &str) -> Result<()> {
    conn.execute("update builds set stop_reason = $1 where id = $2", params![reason, id])?;
    Ok(())
}

/// Adds to the time a build has spent waiting for locks, in microseconds.
///
/// # Errors
/// What the database refuses.
pub fn add_locks_duration(conn: &Conn<'_>, id: BuildId, micros: i64) -> Result<()> {
    conn.execute(
        "update builds set locks_duration = locks_duration + $1 where id = $2",
        params![micros, id],
    )?;
    Ok(())
}

/// Ends a build; false when it had ended before: the fence.
///
/// # Errors
/// What the database refuses.
pub fn finish(
    conn: &Conn<'_>,
    id: BuildId,
    results: Results,
    text: &str,
    now: Timestamp,
) -> Result<bool> {
    let changed = conn.execute(
        "update builds set complete_at = $1, results = $2, state_string = $3 \
         where id = $4 and complete_at is null",
        params![now, results, text, id],
    )?;
    Ok(changed == 1)
}

/// When a build began and when it ended; none = there is no such build.
///
/// # Errors
/// What the database refuses.
pub fn times(conn: &Conn<'_>, id: BuildId) -> Result<Option<(Timestamp, Option<Timestamp>)>> {
    conn.query_opt("select started_at, complete_at from builds where id = $1", params![id], |r| {
        Ok((r.time(0)?, r.opt_time(1)?))
    })
}

/// Every build that has not ended, by id, with the reason if somebody wants it stopped.
///
/// # Errors
/// What the database refuses.
pub fn unfinished(conn: &Conn<'_>) -> Result<Vec<(Build, Option<String>)>> {
    conn.query(
        "select b.id, b.number, r.builder_id, b.request_id, b.worker_id, b.attempt, b.generation_id, \
         b.stop_reason, b.builder_id from builds b join buildrequests r on r.id = b.request_id \
         where b.complete_at is null order by b.id",
        params![],
        |r| {
            let build = Build {
                id: BuildId(r.int(0)?),
                number: r.int(1)?,
                builder: BuilderId(r.int(2)?),
                filed: BuilderId(r.int(8)?),
                request: RequestId(r.int(3)?),
                worker: WorkerId(r.int(4)?),
                attempt: u32::try_from(r.int(5)?).unwrap_or(u32::MAX),
                generation: GenerationId(r.int(6)?),
            };
            Ok((build, r.opt_text(7)?))
        },
    )
}

/// When a builder's newest build ended; none = none has.
///
/// # Errors
/// What the database refuses.
pub fn newest_end(conn: &Conn<'_>, builder: BuilderId) -> Result<Option<Timestamp>> {
    conn.query_opt(
        "select complete_at from builds where builder_id = $1 and complete_at is not null \
         order by number desc limit 1",
        params![builder],
        |r| r.time(0),
    )
}

/// How the builder's newest build before `build` with a verdict ended; none = there is none.
///
/// # Errors
/// What the database refuses.
pub fn previous_results(conn: &Conn<'_>, build: BuildId) -> Result<Option<Results>> {
    let results = conn.query_opt(
        "select p.results from builds b join builds p on p.builder_id = b.builder_id \
         where b.id = $1 and p.number < b.number and p.results is not null and p.results <> 5 \
         order by p.number desc limit 1",
        params![build],
        |r| r.opt_results(0),
    )?;
    Ok(results.flatten())
}

/// What a rebuild needs of a build: (builder, buildset, the first build it goes back to).
///
/// # Errors
/// What the database refuses.
pub fn origin(conn: &Conn<'_>, id: BuildId) -> Result<Option<(BuilderId, BuildsetId, BuildId)>> {
    conn.query_opt(
        "select r.builder_id, r.buildset_id, coalesce(s.rebuilt_build_id, b.id) from builds b \
         join buildrequests r on r.id = b.request_id join buildsets s on s.id = r.buildset_id \
         where b.id = $1",
        params![id],
        |r| Ok((BuilderId(r.int(0)?), BuildsetId(r.int(1)?), BuildId(r.int(2)?))),
    )
}
