//! What a rehearsal asks: what came of a delivery, which requests a moment left behind, and whether
//! anything is still going on.

use std::collections::BTreeMap;

use crate::base::id::{BuildId, ChangeId, DeliveryId, RequestId};
use crate::base::results::Results;
use crate::model::change::NewChange;
use crate::model::delivery::DeliveryState;
use crate::params;
use crate::store::conn::{Conn, Result};

/// What goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Deliveries that nobody has read.
    pub deliveries: i64,
    /// Important changes that a scheduler waits with, and what one written in Lua is to be told.
    pub held: i64,
    /// Requests that no build has taken.
    pub waiting: i64,
    /// Builds under way, and logs that are still written.
    pub running: i64,
}

impl Pending {
    /// Whether there is nothing to wait for.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What is going on now.
///
/// # Errors
/// What the database refuses.
pub fn pending(conn: &Conn<'_>) -> Result<Pending> {
    conn.query_one(
        "select (select count(*) from deliveries where state = 'stored'), \
         (select count(*) from scheduler_changes h join schedulers s on s.id = h.scheduler_id \
          where h.important = 1 and s.enabled = 1 and s.configured = 1) \
          + (select count(*) from scheduler_events e join schedulers s on s.id = e.scheduler_id \
          where s.enabled = 1 and s.configured = 1), \
         (select count(*) from buildrequests where complete_at is null and claimed_at is null), \
         (select count(*) from builds where complete_at is null) \
          + (select count(*) from logs where complete = 0)",
        params![],
        |r| {
            Ok(Pending {
                deliveries: r.int(0)?,
                held: r.int(1)?,
                waiting: r.int(2)?,
                running: r.int(3)?,
            })
        },
    )
}

/// What became of a delivery, and the verdict in words.
///
/// # Errors
/// What the database refuses.
pub fn delivery(conn: &Conn<'_>, id: DeliveryId) -> Result<(DeliveryState, String)> {
    conn.query_one(
        "select state, coalesce(verdict, '') from deliveries where id = $1",
        params![id],
        |r| {
            let state = match r.text(0)?.as_str() {
                "handled" => DeliveryState::Handled,
                "failed" => DeliveryState::Failed,
                _ => DeliveryState::Stored,
            };
            Ok((state, r.text(1)?))
        },
    )
}

/// A change, and what every scheduler that looked at it made of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Row id.
    pub id: ChangeId,
    /// The change.
    pub change: NewChange,
    /// By scheduler.
    pub verdicts: BTreeMap<String, String>,
}

/// The changes of a delivery.
///
/// # Errors
/// What the database refuses.
pub fn changes(conn: &Conn<'_>, delivery: DeliveryId) -> Result<Vec<Judged>> {
    conn.query(
        "select id, author, comments, files, revision, branch, category, properties, repository, \
         project, codebase, verdicts, revlink, committer from changes where delivery_id = $1 \
         order by id",
        params![delivery],
        |r| {
            let change = NewChange {
                author: r.text(1)?,
                comments: r.text(2)?,
                files: r.json(3)?,
                revision: r.opt_text(4)?,
                branch: r.opt_text(5)?,
                category: r.opt_text(6)?,
                properties: r.json(7)?,
                repository: r.text(8)?,
                project: r.text(9)?,
                codebase: r.text(10)?,
                revlink: r.opt_text(12)?,
                committer: r.opt_text(13)?,
                when_timestamp: None,
            };
            Ok(Judged { id: ChangeId(r.int(0)?), change, verdicts: r.json(11)? })
        },
    )
}

/// A request, and what became of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Row id.
    pub id: RequestId,
    /// Whom it asks.
    pub builder: String,
    /// Why.
    pub reason: String,
    /// Who made it; none: nobody in the configuration.
    pub scheduler: Option<String>,
    /// The changes it is made of.
    pub changes: Vec<ChangeId>,
    /// Its attempts, oldest first.
    pub builds: Vec<BuildId>,
    /// How it ended; none = it waits or is being built.
    pub results: Option<Results>,
    /// Why it ended without a build.
    pub ended_because: Option<String>,
    /// Who says no to it, and what.
    pub held_by: Option<String>,
}

/// The newest request.
///
/// # Errors
/// What the database refuses.
pub fn newest_request(conn: &Conn<'_>) -> Result<RequestId> {
    conn.query_one("select coalesce(max(id), 0) from buildrequests", params![], |r| {
        Ok(RequestId(r.int(0)?))
    })
}

/// The requests made after `after`, oldest first.
///
/// # Errors
/// What the database refuses.
pub fn requests(conn: &Conn<'_>, after: RequestId) -> Result<Vec<Asked>> {
    let mut asked = conn.query(
        "select q.id, d.name, s.reason, h.name, q.results, q.ended_because, q.held_by \
         from buildrequests q join builders d on d.id = q.builder_id \
         join buildsets s on s.id = q.buildset_id \
         left join schedulers h on h.id = s.scheduler_id where q.id > $1 order by q.id",
        params![after],
        |r| {
            Ok(Asked {
                id: RequestId(r.int(0)?),
                builder: r.text(1)?,
                reason: r.text(2)?,
                scheduler: r.opt_text(3)?,
                changes: Vec::new(),
                builds: Vec::new(),
                results: r.opt_results(4)?,
                ended_because: r.opt_text(5)?,
                held_by: r.opt_text(6)?,
            })
        },
    )?;
    for request in &mut asked {
        request.changes = conn.query(
            "select j.change_id from buildset_changes j join buildrequests q \
             on q.buildset_id = j.buildset_id where q.id = $1 order by j.change_id",
            params![request.id],
            |r| Ok(ChangeId(r.int(0)?)),
        )?;
        request.builds = conn.query(
            "select id from builds where request_id = $1 order by id",
            params![request.id],
            |r| Ok(BuildId(r.int(0)?)),
        )?;
    }
    Ok(asked)
}
