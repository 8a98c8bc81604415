//! What an outbox row is about, in full: all that a reporter can say of a build, a request, a
//! buildset or a worker. Read when the row's message is composed, never by the beat.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::conn::{Conn, Result};
use super::outbox::Word;
use super::{changes, outbox, sourcestamps, steps};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, OutboxId, RequestId, WorkerId};
use crate::base::results::Results;
use crate::model::change::Change;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::telling::Kind;
use crate::params;

/// What a row tells, and in whose words.
#[derive(Clone, Debug)]
pub struct Told {
    /// What.
    pub kind: Kind,
    /// In whose words.
    pub word: Word,
    /// Whom it is about.
    pub about: About,
}

/// Whom a row is about.
#[derive(Clone, Debug)]
pub enum About {
    /// A request with its build and buildset.
    Build(Box<Facts>),
    /// A worker.
    Worker(WorkerFacts),
}

/// A worker that is or was away.
#[derive(Clone, Debug)]
pub struct WorkerFacts {
    /// The worker.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// What it says about itself and may be shown.
    pub info: Json,
    /// When it was last seen; none = never.
    pub last_seen: Option<Timestamp>,
    /// Since when it is or was away.
    pub since: Timestamp,
    /// When that was noticed, or when it came back.
    pub noticed_at: Timestamp,
}

/// Everything that a reporter can say of a row's build or request.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What the row tells.
    pub kind: Kind,
    /// How it ended: the build, or the buildset.
    pub results: Option<Results>,
    /// How the builder's build before ended.
    pub previous: Option<Results>,
    /// The builder; of a build the one under which it is filed.
    pub builder: BuilderId,
    /// Its name.
    pub builder_name: String,
    /// Its description.
    pub builder_description: Option<String>,
    /// Its tags.
    pub builder_tags: Json,
    /// The request.
    pub request: RequestId,
    /// The build.
    pub build: Option<BuildId>,
    /// The build's number, if there is a build.
    pub number: Option<i64>,
    /// The worker, if there is a build.
    pub worker_id: Option<WorkerId>,
    /// The worker's name, if there is a build.
    pub worker: Option<String>,
    /// What the worker says about itself and may be shown.
    pub worker_info: Json,
    /// The buildset.
    pub buildset: BuildsetFacts,
    /// Why the request was made.
    pub reason: String,
    /// When it was made.
    pub submitted_at: Timestamp,
    /// What the build says of itself, if there is a build.
    pub state_string: Option<String>,
    /// When the build began, if there is one.
    pub started_at: Option<Timestamp>,
    /// When the build ended, if it has.
    pub complete_at: Option<Timestamp>,
    /// The build's properties, else the buildset's.
    pub properties: Properties,
    /// What the build's steps together have counted, by name.
    pub statistics: BTreeMap<String, f64>,
    /// The source.
    pub sourcestamps: Vec<Sourcestamp>,
    /// The changes.
    pub changes: Vec<Change>,
}

/// A buildset as messages see it.
#[derive(Clone, Debug)]
pub struct BuildsetFacts {
    /// Row id.
    pub id: BuildsetId,
    /// The name that its maker gave it.
    pub external_idstring: Option<String>,
    /// When it was made.
    pub submitted_at: Timestamp,
    /// When its last request ended.
    pub complete_at: Option<Timestamp>,
    /// How it ended.
    pub results: Option<Results>,
    /// The build that started it.
    pub parent_build: Option<BuildId>,
    /// How it relates to that.
    pub parent_relationship: Option<String>,
}

/// A build of a buildset, in a few words.
#[derive(Clone, Debug)]
pub struct Brief {
    /// The builder.
    pub builder: BuilderId,
    /// Its name.
    pub builder_name: String,
    /// The build and its number, if the request had one.
    pub build: Option<(BuildId, i64)>,
    /// How the request ended.
    pub results: Option<Results>,
    /// What the build says of itself.
    pub state_string: Option<String>,
}

/// Reads what a row is about.
///
/// # Errors
/// What the database refuses, and that there is no such row.
pub fn told(conn: &Conn<'_>, id: OutboxId) -> Result<Told> {
    let (kind, position, worker) = conn.query_one(
        "select kind, generator, worker_id from outbox where id = $1",
        params![id],
        |r| Ok((r.text(0)?, r.opt_int(1)?, r.opt_int(2)?)),
    )?;
    let kind = Kind::from_word(&kind).unwrap_or(Kind::BuildFinished);
    let about = match worker {
        Some(_) => About::Worker(of_worker(conn, id)?),
        None => About::Build(Box::new(of_build(conn, id, kind)?)),
    };
    Ok(Told { kind, word: outbox::word(position), about })
}

fn of_worker(conn: &Conn<'_>, id: OutboxId) -> Result<WorkerFacts> {
    conn.query_one(
        "select w.id, w.name, w.info, w.last_seen, o.since, o.created_at from outbox o \
         join workers w on w.id = o.worker_id where o.id = $1",
        params![id],
        |r| {
            Ok(WorkerFacts {
                id: WorkerId(r.int(0)?),
                name: r.text(1)?,
                info: r.json(2)?,
                last_seen: r.opt_time(3)?,
                since: r.time(4)?,
                noticed_at: r.time(5)?,
            })
        },
    )
}

fn of_build(conn: &Conn<'_>, id: OutboxId, kind: Kind) -> Result<Facts> {
    let mut facts = conn.query_one(
        "select o.results, o.previous, b.id, b.name, b.description, b.tags, q.id, u.id, u.number, \
         w.id, w.name, w.info, s.id, s.external_idstring, s.submitted_at, s.complete_at, s.results, \
         s.parent_build_id, s.parent_relationship, s.reason, q.submitted_at, u.state_string, \
         u.started_at, u.complete_at, s.properties \
         from outbox o join buildrequests q on q.id = o.request_id \
         left join builds u on u.id = o.build_id \
         join builders b on b.id = coalesce(u.builder_id, q.builder_id) \
         join buildsets s on s.id = q.buildset_id left join workers w on w.id = u.worker_id \
         where o.id = $1",
        params![id],
        |r| {
            let worker = r.opt_text(10)?;
            Ok(Facts {
                kind,
                results: r.opt_results(0)?,
                previous: r.opt_results(1)?,
                builder: BuilderId(r.int(2)?),
                builder_name: r.text(3)?,
                builder_description: r.opt_text(4)?,
                builder_tags: r.json(5)?,
                request: RequestId(r.int(6)?),
                build: r.opt_int(7)?.map(BuildId),
                number: r.opt_int(8)?,
                worker_id: r.opt_int(9)?.map(WorkerId),
                worker_info: if worker.is_some() { r.json(11)? } else { Json::Null },
                worker,
                buildset: BuildsetFacts {
                    id: BuildsetId(r.int(12)?),
                    external_idstring: r.opt_text(13)?,
                    submitted_at: r.time(14)?,
                    complete_at: r.opt_time(15)?,
                    results: r.opt_results(16)?,
                    parent_build: r.opt_int(17)?.map(BuildId),
                    parent_relationship: r.opt_text(18)?,
                },
                reason: r.text(19)?,
                submitted_at: r.time(20)?,
                state_string: r.opt_text(21)?,
                started_at: r.opt_time(22)?,
                complete_at: r.opt_time(23)?,
                properties: r.json(24)?,
                statistics: BTreeMap::new(),
                sourcestamps: Vec::new(),
                changes: Vec::new(),
            })
        },
    )?;
    if let Some(build) = facts.build {
        let properties = conn.query(
            "select name, value, source from build_properties where build_id = $1",
            params![build],
            |r| Ok((r.text(0)?, (r.json(1)?, r.text(2)?))),
        )?;
        facts.properties = Properties(properties.into_iter().collect());
        facts.statistics = steps::statistics(conn, build)?;
    }
    facts.sourcestamps = sourcestamps::of_buildset(conn, facts.buildset.id)?;
    facts.changes = changes::of_buildset(conn, facts.buildset.id)?;
    Ok(facts)
}

/// The last builds of a buildset's requests, oldest request first.
///
/// # Errors
/// What the database refuses.
pub fn briefs(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Vec<Brief>> {
    conn.query(
        "select b.id, b.name, u.id, u.number, q.results, u.state_string from buildrequests q \
         left join builds u on u.id = (select max(l.id) from builds l where l.request_id = q.id) \
         join builders b on b.id = coalesce(u.builder_id, q.builder_id) \
         where q.buildset_id = $1 order by q.id",
        params![buildset],
        |r| {
            Ok(Brief {
                builder: BuilderId(r.int(0)?),
                builder_name: r.text(1)?,
                build: r.opt_int(2)?.map(BuildId).zip(r.opt_int(3)?),
                results: r.opt_results(4)?,
                state_string: r.opt_text(5)?,
            })
        },
    )
}
