//! `changes`, and `scheduler_changes`: which of them a scheduler still has to build.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::conn::{Conn, Result, Row};
use super::sourcestamps;
use crate::base::clock::Timestamp;
use crate::base::id::{BuildsetId, ChangeId, DeliveryId, SchedulerId};
use crate::model::change::{Change, NewChange};
use crate::params;

/// Stores a change with what every scheduler makes of it.
///
/// # Errors
/// What the database refuses.
pub fn insert(
    conn: &Conn<'_>,
    new: &NewChange,
    delivery: Option<DeliveryId>,
    verdicts: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<ChangeId> {
    let stamp = sourcestamps::ensure(conn, &new.sourcestamp(), now)?;
    let parent = conn.query_opt(
        "select id from changes where codebase = $1 and project = $2 and repository = $3 \
         and branch is not distinct from $4 order by id desc limit 1",
        params![&new.codebase, &new.project, &new.repository, new.branch.as_deref()],
        |r| Ok(ChangeId(r.int(0)?)),
    )?;
    let when = new.when_timestamp.map_or(now, Timestamp::from_secs);
    conn.query_one(
        "insert into changes (parent_id, sourcestamp_id, delivery_id, received_at, author, committer, \
         comments, files, revision, when_timestamp, branch, category, revlink, properties, repository, \
         project, codebase, verdicts) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
         $14, $15, $16, $17, $18) returning id",
        params![
            parent,
            stamp,
            delivery,
            now,
            &new.author,
            new.committer.as_deref(),
            &new.comments,
            serde_json::to_value(&new.files).unwrap_or_default(),
            new.revision.as_deref(),
            when,
            new.branch.as_deref(),
            new.category.as_deref(),
            new.revlink.as_deref(),
            serde_json::to_value(&new.properties).unwrap_or_default(),
            &new.repository,
            &new.project,
            &new.codebase,
            serde_json::to_value(verdicts).unwrap_or_default()
        ],
        |r| Ok(ChangeId(r.int(0)?)),
    )
}

/// The columns of a change, in the order in which [`read`] takes them.
const COLUMNS: &str = "c.id, c.received_at, c.author, c.committer, c.comments, c.files, c.revision, \
     c.when_timestamp, c.branch, c.category, c.revlink, c.properties, c.repository, c.project, c.codebase";

/// The changes a buildset was made of, oldest first.
///
/// # Errors
/// What the database refuses.
pub fn of_buildset(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Vec<Change>> {
    conn.query(
        &format!(
            "select {COLUMNS} from changes c join buildset_changes b on b.change_id = c.id \
             where b.buildset_id = $1 order by c.id"
        ),
        params![buildset],
        read,
    )
}

/// One change; none = there is no such row.
///
/// # Errors
/// What the database refuses.
pub fn find(conn: &Conn<'_>, id: ChangeId) -> Result<Option<Change>> {
    conn.query_opt(&format!("select {COLUMNS} from changes c where c.id = $1"), params![id], read)
}

/// What each scheduler made of a change; none = there is no such row.
///
/// # Errors
/// What the database refuses.
pub fn verdicts(conn: &Conn<'_>, id: ChangeId) -> Result<Option<BTreeMap<String, String>>> {
    conn.query_opt("select verdicts from changes where id = $1", params![id], |r| {
        r.json::<BTreeMap<String, String>>(0)
    })
}

/// Records what a scheduler made of a change.
///
/// # Errors
/// What the database refuses.
pub fn set_verdict(conn: &Conn<'_>, id: ChangeId, scheduler: &str, words: &str) -> Result<()> {
    let mut verdicts = self::verdicts(conn, id)?.unwrap_or_default();
    verdicts.insert(scheduler.to_owned(), words.to_owned());
    let verdicts = serde_json::to_value(&verdicts).unwrap_or_default();
    conn.execute("update changes set verdicts = $1 where id = $2", params![verdicts, id])?;
    Ok(())
}

/// Notes that a scheduler has taken a change and not built it yet.
///
/// # Errors
/// What the database refuses.
pub fn hold(
    conn: &Conn<'_>,
    scheduler: SchedulerId,
    change: ChangeId,
    important: bool,
) -> Result<()> {
    conn.execute(
        "insert into scheduler_changes (scheduler_id, change_id, important) values ($1, $2, $3)",
        params![scheduler, change, important],
    )?;
    Ok(())
}

/// Forgets a held change: it is being built, or nobody wants it any more.
///
/// # Errors
/// What the database refuses.
pub fn release(conn: &Conn<'_>, scheduler: SchedulerId, change: ChangeId) -> Result<()> {
    conn.execute(
        "delete from scheduler_changes where scheduler_id = $1 and change_id = $2",
        params![scheduler, change],
    )?;
    Ok(())
}

/// Forgets a held change that will not be built; its verdict says why.
///
/// # Errors
/// What the database refuses.
pub fn drop_held(
    conn: &Conn<'_>,
    scheduler: SchedulerId,
    change: ChangeId,
    why: &str,
) -> Result<()> {
    release(conn, scheduler, change)?;
    let name =
        conn.query_one("select name from schedulers where id = $1", params![scheduler], |r| {
            r.text(0)
        })?;
    set_verdict(conn, change, &name, why)
}

/// Every held change: (scheduler, important, change), in the order of arrival.
///
/// # Errors
/// What the database refuses.
pub fn held(conn: &Conn<'_>) -> Result<Vec<(SchedulerId, bool, Change)>> {
    conn.query(
        &format!(
            "select {COLUMNS}, h.scheduler_id, h.important from changes c \
             join scheduler_changes h on h.change_id = c.id order by c.id, h.scheduler_id"
        ),
        params![],
        |r| Ok((SchedulerId(r.int(15)?), r.bool(16)?, read(r)?)),
    )
}

fn read(r: &Row<'_>) -> Result<Change> {
    Ok(Change {
        id: ChangeId(r.int(0)?),
        received_at: r.time(1)?,
        what: NewChange {
            author: r.text(2)?,
            committer: r.opt_text(3)?,
            comments: r.text(4)?,
            files: r.json(5)?,
            revision: r.opt_text(6)?,
            when_timestamp: Some(r.time(7)?.secs()),
            branch: r.opt_text(8)?,
            category: r.opt_text(9)?,
            revlink: r.opt_text(10)?,
            properties: r.json::<BTreeMap<String, Json>>(11)?,
            repository: r.text(12)?,
            project: r.text(13)?,
            codebase: r.text(14)?,
        },
    })
}
