//! Generations of the configuration, for its page and for the banner on the home page.

use crate::base::clock::Timestamp;
use crate::params;
use crate::store::conn::{Conn, Result};

/// A configuration that was loaded or refused.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// When.
    pub loaded_at: Timestamp,
    /// `active`, `retired`, `rejected`.
    pub state: String,
    /// Why it was refused.
    pub error: Option<String>,
    /// What it changed against the one before, a line each.
    pub changes: Vec<String>,
}

/// The newest generations, newest first.
///
/// # Errors
/// What the database refuses.
pub fn newest(conn: &Conn<'_>, limit: i64) -> Result<Vec<Shown>> {
    conn.query(
        "select g.id, g.loaded_at, g.state, g.error, g.changes from generations g \
         order by g.id desc limit $1",
        params![limit],
        |r| {
            let changes = r.opt_text(4)?.unwrap_or_default();
            Ok(Shown {
                id: r.int(0)?,
                loaded_at: r.time(1)?,
                state: r.text(2)?,
                error: r.opt_text(3)?,
                changes: changes.lines().map(str::to_owned).collect(),
            })
        },
    )
}

/// The files that a generation was made from.
///
/// # Errors
/// What the database refuses.
pub fn files(conn: &Conn<'_>, generation: i64) -> Result<Vec<String>> {
    conn.query(
        "select f.path from generation_files f where f.generation_id = $1 order by f.path",
        params![generation],
        |r| r.text(0),
    )
}
