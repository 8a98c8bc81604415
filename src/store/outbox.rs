//! `outbox`: what must leave, one row for each thing that a reporter tells. A row is written in the
//! transaction of what it tells; its sender keeps everything it must remember in the row.

use serde_json::Value as Json;

use super::conn::{Conn, Result};
use super::{changes, sourcestamps};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, OutboxId, RequestId};
use crate::base::results::Results;
use crate::model::change::Change;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::params;

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request waits.
    RequestAdded,
    /// A build began.
    BuildStarted,
    /// A build ended.
    BuildFinished,
}

impl Kind {
    /// As the database has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::RequestAdded => "request_added",
            Self::BuildStarted => "build_started",
            Self::BuildFinished => "build_finished",
        }
    }

    /// From the database's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::RequestAdded, Self::BuildStarted, Self::BuildFinished]
            .into_iter()
            .find(|k| k.word() == word)
    }
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not left.
    Waiting,
    /// It has left.
    Sent,
    /// A newer one says all that it would have said.
    Superseded,
    /// It will never leave; the error says why.
    Failed,
}

impl State {
    /// As the database has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

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

/// Leaves word of the end of an attempt that a restart found, for the reporters that were told of
/// its start.
///
/// # Errors
/// What the database refuses.
pub fn ended(
    conn: &Conn<'_>,
    request: RequestId,
    build: BuildId,
    results: Results,
    now: Timestamp,
) -> Result<()> {
    conn.execute(
        "insert into outbox (reporter, kind, request_id, build_id, results, created_at, due_at, \
         attempts, state) select distinct reporter, 'build_finished', $1, $2, $3, $4, $4, 0, 'waiting' \
         from outbox where kind = 'build_started' and build_id = $2",
        params![request, build, results, now],
    )?;
    Ok(())
}

/// The reporters that were told anything of a request or its builds.
///
/// # Errors
/// What the database refuses.
pub fn tellers(conn: &Conn<'_>, request: RequestId) -> Result<Vec<String>> {
    conn.query(
        "select distinct reporter from outbox where request_id = $1",
        params![request],
        |r| r.text(0),
    )
}

/// A row that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Row id; the order of what is told.
    pub id: OutboxId,
    /// When it was written.
    pub created_at: Timestamp,
    /// Not before.
    pub due_at: Timestamp,
    /// Failed attempts so far.
    pub attempts: u32,
    /// What is to be sent, in the reporter's own words, once it has been composed.
    pub message: Option<Json>,
}

/// The reporters that have rows waiting.
///
/// # Errors
/// What the database refuses.
pub fn reporters(conn: &Conn<'_>) -> Result<Vec<String>> {
    conn.query(
        "select distinct reporter from outbox where state = 'waiting' order by reporter",
        params![],
        |r| r.text(0),
    )
}

/// A reporter's waiting rows that are newer than `after`, oldest first.
///
/// # Errors
/// What the database refuses.
pub fn waiting(conn: &Conn<'_>, reporter: &str, after: OutboxId) -> Result<Vec<Waiting>> {
    conn.query(
        "select id, created_at, due_at, attempts, message from outbox \
         where state = 'waiting' and reporter = $1 and id > $2 order by id",
        params![reporter, after],
        |r| {
            let message = match r.opt_text(4)? {
                Some(_) => Some(r.json(4)?),
                None => None,
            };
            Ok(Waiting {
                id: OutboxId(r.int(0)?),
                created_at: r.time(1)?,
                due_at: r.time(2)?,
                attempts: u32::try_from(r.int(3)?).unwrap_or(u32::MAX),
                message,
            })
        },
    )
}

/// The row that a reporter is told next.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Row id.
    pub id: OutboxId,
    /// When it was written.
    pub created_at: Timestamp,
    /// Not before.
    pub due_at: Timestamp,
    /// Failed attempts so far.
    pub attempts: u32,
}

/// The row that is due first; none = nothing waits. A row waits for the older ones of its request.
///
/// # Errors
/// What the database refuses.
pub fn next_due(conn: &Conn<'_>, reporter: &str) -> Result<Option<Due>> {
    conn.query_opt(
        "select o.id, o.created_at, o.due_at, o.attempts from outbox o \
         where o.state = 'waiting' and o.reporter = $1 and not exists (select 1 from outbox e \
         where e.state = 'waiting' and e.reporter = $1 and e.request_id = o.request_id and e.id < o.id) \
         order by o.due_at, o.id limit 1",
        params![reporter],
        |r| {
            Ok(Due {
                id: OutboxId(r.int(0)?),
                created_at: r.time(1)?,
                due_at: r.time(2)?,
                attempts: u32::try_from(r.int(3)?).unwrap_or(u32::MAX),
            })
        },
    )
}

/// What a sender remembers in a row.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which row.
    pub id: OutboxId,
    /// Where it stands now.
    pub state: State,
    /// Not before.
    pub due_at: Timestamp,
    /// Failed attempts so far.
    pub attempts: u32,
    /// What is (still) to be sent.
    pub message: Json,
    /// What went wrong last, or for good.
    pub error: Option<String>,
}

/// Remembers; a row that no longer waits stays as it is.
///
/// # Errors
/// What the database refuses.
pub fn update(conn: &Conn<'_>, update: &Update) -> Result<()> {
    conn.execute(
        "update outbox set state = $1, due_at = $2, attempts = $3, message = $4, error = $5 \
         where id = $6 and state = 'waiting'",
        params![
            update.state.word(),
            update.due_at,
            update.attempts,
            update.message.clone(),
            update.error.as_deref(),
            update.id
        ],
    )?;
    Ok(())
}

/// Everything that a reporter can say of a row's build or request.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What the row tells.
    pub kind: Kind,
    /// How the build ended.
    pub results: Option<Results>,
    /// The builder.
    pub builder: BuilderId,
    /// Its name.
    pub builder_name: String,
    /// The build's number, if there is a build.
    pub number: Option<i64>,
    /// The worker's name, if there is a build.
    pub worker: Option<String>,
    /// What the worker says about itself and may be shown.
    pub worker_info: Json,
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
    /// The source.
    pub sourcestamps: Vec<Sourcestamp>,
    /// The changes.
    pub changes: Vec<Change>,
}

/// Reads what a row is about.
///
/// # Errors
/// What the database refuses, and that there is no such row.
pub fn facts(conn: &Conn<'_>, id: OutboxId) -> Result<Facts> {
    let (mut facts, buildset, build) = conn.query_one(
        "select o.kind, o.results, b.id, b.name, u.number, w.name, w.info, s.properties, s.id, u.id, \
         s.reason, q.submitted_at, u.state_string, u.started_at, u.complete_at \
         from outbox o join buildrequests q on q.id = o.request_id \
         join builders b on b.id = q.builder_id join buildsets s on s.id = q.buildset_id \
         left join builds u on u.id = o.build_id left join workers w on w.id = u.worker_id \
         where o.id = $1",
        params![id],
        |r| {
            let worker = r.opt_text(5)?;
            let facts = Facts {
                kind: Kind::from_word(&r.text(0)?).unwrap_or(Kind::BuildFinished),
                results: r.opt_results(1)?,
                builder: BuilderId(r.int(2)?),
                builder_name: r.text(3)?,
                number: r.opt_int(4)?,
                worker_info: if worker.is_some() { r.json(6)? } else { Json::Null },
                worker,
                reason: r.text(10)?,
                submitted_at: r.time(11)?,
                state_string: r.opt_text(12)?,
                started_at: r.opt_time(13)?,
                complete_at: r.opt_time(14)?,
                properties: r.json(7)?,
                sourcestamps: Vec::new(),
                changes: Vec::new(),
            };
            Ok((facts, BuildsetId(r.int(8)?), r.opt_int(9)?.map(BuildId)))
        },
    )?;
    if let Some(build) = build {
        let properties = conn.query(
            "select name, value, source from build_properties where build_id = $1",
            params![build],
            |r| Ok((r.text(0)?, (r.json(1)?, r.text(2)?))),
        )?;
        facts.properties = Properties(properties.into_iter().collect());
    }
    facts.sourcestamps = sourcestamps::of_buildset(conn, buildset)?;
    facts.changes = changes::of_buildset(conn, buildset)?;
    Ok(facts)
}

/// A message of a build that did not leave, for the build's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The reporter's name.
    pub reporter: String,
    /// Whether it is given up; else it is tried again.
    pub is_final: bool,
    /// What went wrong.
    pub error: String,
}

/// What went wrong in reporting a build, oldest first.
///
/// # Errors
/// What the database refuses.
pub fn troubles(conn: &Conn<'_>, build: BuildId) -> Result<Vec<Trouble>> {
    conn.query(
        "select reporter, state, error from outbox where build_id = $1 and error is not null \
         and state in ('failed', 'waiting') order by id",
        params![build],
        |r| {
            Ok(Trouble {
                reporter: r.text(0)?,
                is_final: r.text(1)? == State::Failed.word(),
                error: r.text(2)?,
            })
        },
    )
}
