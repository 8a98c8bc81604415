//! `sessions`: who is logged in. The cookie's token itself is never stored, only a hash of it.

use super::conn::{Conn, Result, Value};
use crate::base::clock::Timestamp;
use crate::params;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its key.
    pub sha256: String,
    /// Who.
    pub username: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last seen, to within some minutes.
    pub last_used_at: Timestamp,
}

/// Begins a session.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, sha256: &str, username: &str, now: Timestamp) -> Result<()> {
    conn.execute(
        "insert into sessions (sha256, username, created_at, last_used_at) values ($1, $2, $3, $3)",
        params![sha256, username, now],
    )?;
    Ok(())
}

/// The session with one of these keys.
///
/// # Errors
/// What the database refuses.
pub fn find(conn: &Conn<'_>, keys: &[String]) -> Result<Option<Session>> {
    let marks: Vec<String> = (1..=keys.len()).map(|i| format!("${i}")).collect();
    let params: Vec<Value> = keys.iter().map(Value::from).collect();
    conn.query_opt(
        &format!(
            "select sha256, username, created_at, last_used_at from sessions where sha256 in ({})",
            marks.join(", ")
        ),
        &params,
        |r| {
            Ok(Session {
                sha256: r.text(0)?,
                username: r.text(1)?,
                created_at: r.time(2)?,
                last_used_at: r.time(3)?,
            })
        },
    )
}

/// Notes that a session is still in use.
///
/// # Errors
/// What the database refuses.
pub fn touch(conn: &Conn<'_>, sha256: &str, now: Timestamp) -> Result<()> {
    conn.execute("update sessions set last_used_at = $1 where sha256 = $2", params![now, sha256])?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// What the database refuses.
pub fn delete(conn: &Conn<'_>, sha256: &str) -> Result<()> {
    conn.execute("delete from sessions where sha256 = $1", params![sha256])?;
    Ok(())
}

/// Forgets sessions that were last used, or begun, before these moments.
///
/// # Errors
/// What the database refuses.
pub fn expire(conn: &Conn<'_>, unused_since: Timestamp, begun: Timestamp) -> Result<usize> {
    conn.execute(
        "delete from sessions where last_used_at < $1 or created_at < $2",
        params![unused_since, begun],
    )
}
