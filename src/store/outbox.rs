//! `outbox`: what must leave, one row for each thing that a reporter tells. A row is written in the
//! transaction of what it tells; its sender keeps everything it must remember in the row.

use serde_json::Value as Json;

use super::conn::{Conn, Result, Row};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, OutboxId, RequestId, WorkerId};
use crate::base::results::Results;
pub use crate::model::config::Word;
pub use crate::model::telling::Kind;
use crate::params;

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

/// A row to be made.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Who tells.
    pub reporter: &'a str,
    /// In whose words.
    pub word: Word,
    /// What.
    pub kind: Kind,
    /// Whom it is about.
    pub about: About,
    /// How it ended.
    pub results: Option<Results>,
    /// How the builder's build before ended.
    pub previous: Option<Results>,
}

/// Whom a row is about.
#[derive(Clone, Copy, Debug)]
pub enum About {
    /// A request and, if there is one, its build. A buildset is told as one of its requests.
    Request(RequestId, Option<BuildId>),
    /// A worker, away since then.
    Worker(WorkerId, Timestamp),
}

fn position(word: Word) -> Option<i64> {
    match word {
        Word::Own => None,
        Word::Generator(at) => i64::try_from(at).ok(),
    }
}

pub(super) fn word(position: Option<i64>) -> Word {
    position.and_then(|at| usize::try_from(at).ok()).map_or(Word::Own, Word::Generator)
}

/// Leaves word for a reporter.
///
/// # Errors
/// What the database refuses.
pub fn add(conn: &Conn<'_>, new: &New<'_>, now: Timestamp) -> Result<()> {
    let (request, build, worker, since) = match new.about {
        About::Request(request, build) => (Some(request), build, None, None),
        About::Worker(worker, since) => (None, None, Some(worker), Some(since)),
    };
    conn.execute(
        "insert into outbox (reporter, generator, kind, request_id, build_id, worker_id, results, \
         previous, since, created_at, due_at, attempts, state) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, 'waiting')",
        params![
            new.reporter,
            position(new.word),
            new.kind.word(),
            request,
            build,
            worker,
            new.results,
            new.previous,
            since,
            now
        ],
    )?;
    Ok(())
}

/// Who was told anything of a request or its builds, and in whose words.
///
/// # Errors
/// What the database refuses.
pub fn tellers(conn: &Conn<'_>, request: RequestId) -> Result<Vec<(String, Word)>> {
    conn.query(
        "select distinct reporter, generator from outbox where request_id = $1 \
         and kind in ('request_added', 'build_started')",
        params![request],
        |r| Ok((r.text(0)?, word(r.opt_int(1)?))),
    )
}

/// Where a request comes from: the branches of its source, and the scheduler that asked for it.
///
/// # Errors
/// What the database refuses.
pub fn origin(conn: &Conn<'_>, request: RequestId) -> Result<(Vec<String>, Option<String>)> {
    let branches = conn.query(
        "select distinct s.branch from buildrequests q \
         join buildset_sourcestamps j on j.buildset_id = q.buildset_id \
         join sourcestamps s on s.id = j.sourcestamp_id \
         where q.id = $1 and s.branch is not null order by s.branch",
        params![request],
        |r| r.text(0),
    )?;
    let scheduler = conn.query_opt(
        "select d.name from buildrequests q join buildsets b on b.id = q.buildset_id \
         join schedulers d on d.id = b.scheduler_id where q.id = $1",
        params![request],
        |r| r.text(0),
    )?;
    Ok((branches, scheduler))
}

/// A request of a buildset that is complete.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The request.
    pub request: RequestId,
    /// Its builder.
    pub builder: BuilderId,
    /// Its last build, if it had one.
    pub build: Option<BuildId>,
    /// How it ended.
    pub results: Option<Results>,
}

/// The requests of a buildset, oldest first.
///
/// # Errors
/// What the database refuses.
pub fn parts(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Vec<Part>> {
    conn.query(
        "select q.id, q.builder_id, (select max(u.id) from builds u where u.request_id = q.id), \
         q.results from buildrequests q where q.buildset_id = $1 order by q.id",
        params![buildset],
        |r| {
            Ok(Part {
                request: RequestId(r.int(0)?),
                builder: BuilderId(r.int(1)?),
                build: r.opt_int(2)?.map(BuildId),
                results: r.opt_results(3)?,
            })
        },
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

fn message(r: &Row<'_>, column: usize) -> Result<Option<Json>> {
    match r.opt_text(column)? {
        Some(_) => r.json(column).map(Some),
        None => Ok(None),
    }
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
            Ok(Waiting {
                id: OutboxId(r.int(0)?),
                created_at: r.time(1)?,
                due_at: r.time(2)?,
                attempts: u32::try_from(r.int(3)?).unwrap_or(u32::MAX),
                message: message(r, 4)?,
            })
        },
    )
}

/// The row that a reporter is told next.
#[derive(Clone, Debug)]
pub struct Due {
    /// Row id.
    pub id: OutboxId,
    /// When it was written.
    pub created_at: Timestamp,
    /// Not before.
    pub due_at: Timestamp,
    /// Failed attempts so far.
    pub attempts: u32,
    /// What is to be sent, once it has been composed.
    pub message: Option<Json>,
}

/// The row that is due first; none = nothing waits. A row waits for the older ones of its request
/// or worker.
///
/// # Errors
/// What the database refuses.
pub fn next_due(conn: &Conn<'_>, reporter: &str) -> Result<Option<Due>> {
    conn.query_opt(
        "select o.id, o.created_at, o.due_at, o.attempts, o.message from outbox o \
         where o.state = 'waiting' and o.reporter = $1 and not exists (select 1 from outbox e \
         where e.state = 'waiting' and e.reporter = $1 and e.request_id = o.request_id and e.id < o.id) \
         and (o.worker_id is null or not exists (select 1 from outbox e \
         where e.state = 'waiting' and e.reporter = $1 and e.worker_id = o.worker_id and e.id < o.id)) \
         order by o.due_at, o.id limit 1",
        params![reporter],
        |r| {
            Ok(Due {
                id: OutboxId(r.int(0)?),
                created_at: r.time(1)?,
                due_at: r.time(2)?,
                attempts: u32::try_from(r.int(3)?).unwrap_or(u32::MAX),
                message: message(r, 4)?,
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
