//! `patches`: what is changed in a source before it is built.

use serde_json::json;

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::model::sourcestamp::{NewPatch, PatchRef};
use crate::params;

/// Stores a patch.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, patch: &NewPatch, now: Timestamp) -> Result<PatchRef> {
    let shown = json!({
        "level": patch.level, "subdir": patch.subdir, "author": patch.author,
        "comment": patch.comment, "body": String::from_utf8(patch.body.clone()).ok(),
    });
    let id = conn.query_one(
        "insert into patches (level, subdir, shown, body, created_at) \
         values ($1, $2, $3, $4, $5) returning id",
        params![i64::from(patch.level), &patch.subdir, shown.to_string(), patch.body.clone(), now],
        |r| r.int(0),
    )?;
    Ok(PatchRef { id, level: patch.level, subdir: patch.subdir.clone() })
}

/// The patch itself; none = there is no such row.
///
/// # Errors
/// What the database refuses.
pub fn body(conn: &Conn<'_>, id: i64) -> Result<Option<Vec<u8>>> {
    conn.query_opt("select body from patches where id = $1", params![id], |r| r.blob(0))
}
