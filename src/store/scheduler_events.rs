//! `scheduler_events`: what schedulers that are written in Lua, or ask functions, have not been told yet. A row is
//! written in the transaction of what it tells, and removed in that of what its telling led to.

use super::conn::{Conn, Result};
use crate::base::id::{BuildsetId, ChangeId, SchedulerEventId, SchedulerId};
use crate::params;

/// What a scheduler is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A change that its filter let in.
    Change(ChangeId),
    /// A buildset that is complete.
    Buildset(BuildsetId),
}

/// The oldest thing that a scheduler has not been told.
#[derive(Clone, Debug)]
pub struct Untold {
    /// Row id.
    pub id: SchedulerEventId,
    /// Who is to be told.
    pub scheduler: SchedulerId,
    /// Its name.
    pub name: String,
    /// What.
    pub about: About,
}

/// Leaves word for a scheduler.
///
/// # Errors
/// What the database refuses.
pub fn add(conn: &Conn<'_>, scheduler: SchedulerId, about: About) -> Result<()> {
    let (change, buildset) = match about {
        About::Change(id) => (Some(id), None),
        About::Buildset(id) => (None, Some(id)),
    };
    conn.execute(
        "insert into scheduler_events (scheduler_id, change_id, buildset_id) values ($1, $2, $3)",
        params![scheduler, change, buildset],
    )?;
    Ok(())
}

/// Of each scheduler that is configured and switched on, the oldest row.
///
/// # Errors
/// What the database refuses.
pub fn oldest_of_each(conn: &Conn<'_>) -> Result<Vec<Untold>> {
    conn.query(
        "select e.id, e.scheduler_id, s.name, e.change_id, e.buildset_id from scheduler_events e \
         join schedulers s on s.id = e.scheduler_id where s.configured = 1 and s.enabled = 1 \
         and e.id = (select min(x.id) from scheduler_events x where x.scheduler_id = e.scheduler_id) \
         order by e.id",
        params![],
        |r| {
            let change = r.opt_int(3)?.map(|id| About::Change(ChangeId(id)));
            let about = match change {
                Some(about) => about,
                None => About::Buildset(BuildsetId(r.int(4)?)),
            };
            Ok(Untold {
                id: SchedulerEventId(r.int(0)?),
                scheduler: SchedulerId(r.int(1)?),
                name: r.text(2)?,
                about,
            })
        },
    )
}

/// The oldest buildset that a scheduler has not been told of.
///
/// # Errors
/// What the database refuses.
pub fn oldest_buildset(
    conn: &Conn<'_>,
    scheduler: SchedulerId,
) -> Result<Option<(SchedulerEventId, BuildsetId)>> {
    conn.query_opt(
        "select id, buildset_id from scheduler_events \
         where scheduler_id = $1 and buildset_id is not null order by id limit 1",
        params![scheduler],
        |r| Ok((SchedulerEventId(r.int(0)?), BuildsetId(r.int(1)?))),
    )
}

/// Whether a row is still there.
///
/// # Errors
/// What the database refuses.
pub fn exists(conn: &Conn<'_>, id: SchedulerEventId) -> Result<bool> {
    let found =
        conn.query_opt("select id from scheduler_events where id = $1", params![id], |r| r.int(0))?;
    Ok(found.is_some())
}

/// Removes a row.
///
/// # Errors
/// What the database refuses.
pub fn remove(conn: &Conn<'_>, id: SchedulerEventId) -> Result<()> {
    conn.execute("delete from scheduler_events where id = $1", params![id])?;
    Ok(())
}

/// Removes everything that a scheduler has not been told.
///
/// # Errors
/// What the database refuses.
pub fn remove_all(conn: &Conn<'_>, scheduler: SchedulerId) -> Result<()> {
    conn.execute("delete from scheduler_events where scheduler_id = $1", params![scheduler])?;
    Ok(())
}

/// Removes what is about changes of a line of development that nobody wants any more.
///
/// # Errors
/// What the database refuses.
pub fn remove_line(conn: &Conn<'_>, project: &str, branch: &str) -> Result<()> {
    conn.execute(
        "delete from scheduler_events where change_id in \
         (select id from changes where project = $1 and branch = $2)",
        params![project, branch],
    )?;
    Ok(())
}
