//! `buildsets` with their sourcestamps and changes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::conn::{Conn, Result};
use super::{changes, sourcestamps};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuildsetId, ChangeId, SchedulerId};
use crate::base::results::Results;
use crate::model::change::Change;
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
    /// The build that started it.
    pub parent: Option<Parent>,
}

/// Which step of a build started a buildset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The build.
    pub build: BuildId,
    /// The step's name.
    pub step: String,
    /// What the buildset is to the build, in words.
    pub relationship: String,
    /// Whether the step waits for the results.
    pub waits: bool,
}

/// Stores a buildset.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, new: &NewBuildset, now: Timestamp) -> Result<BuildsetId> {
    let properties = serde_json::to_value(&new.properties).unwrap_or_default();
    let id = conn.query_one(
        "insert into buildsets (scheduler_id, reason, submitted_at, rebuilt_build_id, properties, \
         parent_build_id, parent_relationship, parent_step) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
        params![
            new.scheduler,
            &new.reason,
            now,
            new.rebuilt,
            properties,
            new.parent.as_ref().map(|parent| parent.build),
            new.parent.as_ref().map(|parent| parent.relationship.as_str()),
            new.parent.as_ref().map(|parent| parent.step.as_str())
        ],
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

/// Whether there is such a buildset.
///
/// # Errors
/// What the database refuses.
pub fn exists(conn: &Conn<'_>, id: BuildsetId) -> Result<bool> {
    let found =
        conn.query_opt("select id from buildsets where id = $1", params![id], |r| r.int(0))?;
    Ok(found.is_some())
}

/// The scheduler that made a buildset; none = a rebuild.
///
/// # Errors
/// What the database refuses.
pub fn scheduler(conn: &Conn<'_>, id: BuildsetId) -> Result<Option<SchedulerId>> {
    conn.query_one("select scheduler_id from buildsets where id = $1", params![id], |r| {
        Ok(r.opt_int(0)?.map(SchedulerId))
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

/// A buildset that is complete, for those who wait for it.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    /// Row id.
    pub id: BuildsetId,
    /// The name of the scheduler that made it; none for a rebuild.
    pub scheduler: Option<String>,
    /// Why it was made.
    pub reason: String,
    /// How it ended: the worst of its requests.
    pub results: String,
    /// When it was made, in seconds since the epoch.
    pub submitted_at: i64,
    /// When it ended, in seconds since the epoch.
    pub complete_at: i64,
    /// Values by name.
    pub properties: BTreeMap<String, Json>,
    /// The source.
    pub sourcestamps: Vec<Sourcestamp>,
    /// The changes it was made of.
    pub changes: Vec<Json>,
    /// What became of each request, in their order.
    pub builders: Vec<EndedRequest>,
}

/// A request of a complete buildset.
#[derive(Clone, Debug, Serialize)]
pub struct EndedRequest {
    /// The builder.
    pub name: String,
    /// How it ended.
    pub results: String,
}

/// A complete buildset; none = there is no such row, or it is not complete.
///
/// # Errors
/// What the database refuses.
pub fn ended(conn: &Conn<'_>, id: BuildsetId) -> Result<Option<Ended>> {
    let words = |results: Option<Results>| results.map_or("", Results::word).to_owned();
    let set = conn.query_opt(
        "select s.name, b.reason, b.results, b.submitted_at, b.complete_at, b.properties \
         from buildsets b left join schedulers s on s.id = b.scheduler_id \
         where b.id = $1 and b.complete_at is not null",
        params![id],
        |r| {
            let properties: Properties = r.json(5)?;
            Ok(Ended {
                id,
                scheduler: r.opt_text(0)?,
                reason: r.text(1)?,
                results: words(r.opt_results(2)?),
                submitted_at: r.time(3)?.secs(),
                complete_at: r.time(4)?.secs(),
                properties: properties
                    .0
                    .into_iter()
                    .map(|(name, (value, _))| (name, value))
                    .collect(),
                sourcestamps: Vec::new(),
                changes: Vec::new(),
                builders: Vec::new(),
            })
        },
    )?;
    let Some(mut set) = set else { return Ok(None) };
    set.sourcestamps = sourcestamps::of_buildset(conn, id)?;
    set.changes = changes::of_buildset(conn, id)?.iter().map(Change::view).collect();
    set.builders = conn.query(
        "select b.name, q.results from buildrequests q join builders b on b.id = q.builder_id \
         where q.buildset_id = $1 order by q.id",
        params![id],
        |r| Ok(EndedRequest { name: r.text(0)?, results: words(r.opt_results(1)?) }),
    )?;
    Ok(Some(set))
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
