//! What the program's log says of an event, read from the rows that the event names. Stands apart
//! from the tables' own files because each answer is a line for people, made of several tables.

use super::conn::{Conn, Result};
use crate::base::id::{BuildId, ChangeId, DeliveryId, WorkerId};
use crate::params;

/// A delivery: the sender's event and id, what became of it, and the verdict.
///
/// # Errors
/// What the database refuses.
pub fn delivery(conn: &Conn<'_>, id: DeliveryId) -> Result<String> {
    conn.query_one(
        "select event, guid, state, coalesce(verdict, '') from deliveries where id = $1",
        params![id],
        |r| {
            let (event, guid, state, verdict) = (r.text(0)?, r.text(1)?, r.text(2)?, r.text(3)?);
            let colon = if verdict.is_empty() { "" } else { ": " };
            Ok(format!("Delivery {guid} ({event}) is {state}{colon}{verdict}"))
        },
    )
}

/// A change: branch, revision and author.
///
/// # Errors
/// What the database refuses.
pub fn change(conn: &Conn<'_>, id: ChangeId) -> Result<String> {
    conn.query_one(
        "select coalesce(branch, ''), coalesce(revision, ''), author from changes where id = $1",
        params![id],
        |r| Ok(format!("Change {id}: {} {} by {}", r.text(0)?, r.text(1)?, r.text(2)?)),
    )
}

/// A build: builder, number, worker, and what it says of itself.
///
/// # Errors
/// What the database refuses.
pub fn build(conn: &Conn<'_>, id: BuildId) -> Result<(String, String)> {
    conn.query_one(
        "select b.name, builds.number, w.name, builds.state_string from builds \
         join builders b on b.id = builds.builder_id join workers w on w.id = builds.worker_id \
         where builds.id = $1",
        params![id],
        |r| Ok((format!("Build {}/{} on {}", r.text(0)?, r.int(1)?, r.text(2)?), r.text(3)?)),
    )
}

/// A worker's name.
///
/// # Errors
/// What the database refuses.
pub fn worker(conn: &Conn<'_>, id: WorkerId) -> Result<String> {
    conn.query_one("select name from workers where id = $1", params![id], |r| r.text(0))
}
