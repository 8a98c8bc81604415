//! `buildsets` with their sourcestamps and changes.

use super::conn::{Conn, Result};
use super::sourcestamps;
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuildsetId, ChangeId, SchedulerId};
use crate::base::results::Results;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::params;

/// A buildset to be made.
#[derive(Clone, Debug, Default)]
pub struct NewBuildset {
    /// Who made it; none for a rebuild.
    pub scheduler: Option<SchedulerId>,
    /// Why, in words.
    pub reason: String,
    /// The source, one per codebase.
    pub sourcestamps: Vec<Sourcestamp>,
    /// The changes it is made of.
    pub changes: Vec<ChangeId>,
    /// Properties of its builds.
    pub properties: Properties,
    /// The build it repeats.
    pub rebuilt: Option<BuildId>,
}

/// Stores a buildset.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, new: &NewBuildset, now: Timestamp) -> Result<BuildsetId> {
    let properties = serde_json::to_value(&new.properties).unwrap_or_default();
    let id = conn.query_one(
        "insert into buildsets (scheduler_id, reason, submitted_at, rebuilt_build_id, properties) \
         values ($1, $2, $3, $4, $5) returning id",
        params![new.scheduler, &new.reason, now, new.rebuilt, properties],
        |r| Ok(BuildsetId(r.int(0)?)),
    )?;
    for stamp in &new.sourcestamps {
        let stamp = sourcestamps::ensure(conn, stamp, now)?;
        conn.execute(
            "insert into buildset_sourcestamps (buildset_id, sourcestamp_id) values ($1, $2) \
             on conflict do nothing",
            params![id, stamp],
        )?;
    }
    for change in &new.changes {
        conn.execute(
            "insert into buildset_changes (buildset_id, change_id) values ($1, $2)",
            params![id, *change],
        )?;
    }
    Ok(id)
}

/// A buildset's properties.
///
/// # Errors
/// What the database refuses.
pub fn properties(conn: &Conn<'_>, id: BuildsetId) -> Result<Properties> {
    conn.query_one("select properties from buildsets where id = $1", params![id], |r| r.json(0))
}

/// Why a buildset was made, and its properties.
///
/// # Errors
/// What the database refuses.
pub fn wish(conn: &Conn<'_>, id: BuildsetId) -> Result<(String, Properties)> {
    conn.query_one("select reason, properties from buildsets where id = $1", params![id], |r| {
        Ok((r.text(0)?, r.json(1)?))
    })
}

/// The ids of a buildset's changes.
///
/// # Errors
/// What the database refuses.
pub fn change_ids(conn: &Conn<'_>, id: BuildsetId) -> Result<Vec<ChangeId>> {
    conn.query(
        "select change_id from buildset_changes where buildset_id = $1 order by change_id",
        params![id],
        |r| Ok(ChangeId(r.int(0)?)),
    )
}

/// Completes a buildset when its last request is done; returns its results then.
///
/// # Errors
/// What the database refuses.
pub fn complete_if_done(
    conn: &Conn<'_>,
    id: BuildsetId,
    now: Timestamp,
) -> Result<Option<Results>> {
    let done =
        conn.query("select results from buildrequests where buildset_id = $1", params![id], |r| {
            r.opt_results(0)
        })?;
    let Some(done) = done.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let results = done.into_iter().fold(Results::Skipped, Results::worse);
    // Requests that were merged into others do not make a set skipped unless all of them were.
    conn.execute(
        "update buildsets set complete_at = $1, results = $2 where id = $3 and complete_at is null",
        params![now, results, id],
    )?;
    Ok(Some(results))
}
