//! `received_heads` and `reconciled_repositories`: which heads of branches and pull requests are known,
//! from deliveries or because reconciliation found them. The empty revision says that there is none
//! any more.

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::params;

/// A known head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHead {
    /// `owner/name#7` or `owner/name refs/heads/main`.
    pub name: String,
    /// The commit; empty = gone.
    pub revision: String,
    /// When it became known.
    pub received_at: Timestamp,
}

/// How many revisions of a head are remembered.
const REMEMBERED: i64 = 50;

/// Whether a revision of a head is known; and if, whether it was found without a delivery.
///
/// # Errors
/// What the database refuses.
pub fn find(conn: &Conn<'_>, name: &str, revision: &str) -> Result<Option<bool>> {
    conn.query_opt(
        "select found from received_heads where name = $1 and revision = $2",
        params![name, revision],
        |r| r.bool(0),
    )
}

/// When something of a head last became known.
///
/// # Errors
/// What the database refuses.
pub fn newest(conn: &Conn<'_>, name: &str) -> Result<Option<Timestamp>> {
    conn.query_one(
        "select max(received_at) from received_heads where name = $1",
        params![name],
        |r| r.opt_time(0),
    )
}

/// Remembers a revision of a head; the empty one forgets all others, and each other one forgets it.
///
/// # Errors
/// What the database refuses.
pub fn insert(
    conn: &Conn<'_>,
    name: &str,
    revision: &str,
    found: bool,
    now: Timestamp,
) -> Result<()> {
    conn.execute(
        "delete from received_heads where name = $1 and (revision = '' or $2 = '')",
        params![name, revision],
    )?;
    conn.execute(
        "insert into received_heads (name, revision, received_at, found) values ($1, $2, $3, $4) \
         on conflict (name, revision) do update set received_at = excluded.received_at",
        params![name, revision, now, found],
    )?;
    conn.execute(
        "delete from received_heads where name = $1 and revision not in (select revision from \
         received_heads where name = $2 order by received_at desc, revision limit $3)",
        params![name, name, REMEMBERED],
    )?;
    Ok(())
}

/// Everything that is known, the newest of each head last.
///
/// # Errors
/// What the database refuses.
pub fn all(conn: &Conn<'_>) -> Result<Vec<KnownHead>> {
    conn.query(
        "select name, revision, received_at from received_heads order by name, received_at, revision",
        params![],
        |r| {
            Ok(KnownHead { name: r.text(0)?, revision: r.text(1)?, received_at: r.time(2)? })
        },
    )
}

/// Forgets what has been gone since before `then`.
///
/// # Errors
/// What the database refuses.
pub fn forget_gone(conn: &Conn<'_>, then: Timestamp) -> Result<()> {
    conn.execute(
        "delete from received_heads where revision = '' and received_at < $1",
        params![then],
    )?;
    Ok(())
}

/// Whether a repository has been looked at before.
///
/// # Errors
/// What the database refuses.
pub fn is_reconciled(conn: &Conn<'_>, repository: &str) -> Result<bool> {
    let found = conn.query_opt(
        "select name from reconciled_repositories where name = $1",
        params![repository],
        |r| r.text(0),
    )?;
    Ok(found.is_some())
}

/// Notes that a repository has been looked at.
///
/// # Errors
/// What the database refuses.
pub fn reconciled(conn: &Conn<'_>, repository: &str) -> Result<()> {
    conn.execute(
        "insert into reconciled_repositories (name) values ($1) on conflict (name) do nothing",
        params![repository],
    )?;
    Ok(())
}
