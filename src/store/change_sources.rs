//! `change_sources` and `source_heads`: what looks for changes by itself, and how far it has looked.

use std::collections::BTreeMap;

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::SourceId;
use crate::params;

/// A configured change source as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Row id.
    pub id: SourceId,
    /// Its name.
    pub name: String,
    /// What it looks at.
    pub subject: String,
    /// Whether it has looked at all.
    pub seen: bool,
    /// How often somebody wants it to look at once.
    pub wanted: i64,
    /// The end of the last look.
    pub polled_at: Option<Timestamp>,
    /// Why the last look failed.
    pub error: Option<String>,
}

/// Marks all sources as not configured: the first step of a start or reload.
///
/// # Errors
/// What the database refuses.
pub fn unconfigure_all(conn: &Conn<'_>) -> Result<()> {
    conn.execute("update change_sources set configured = 0", params![])?;
    Ok(())
}

/// The row of a configured source, made if it is new. One that looks at something else now begins
/// anew.
///
/// # Errors
/// What the database refuses.
pub fn ensure(conn: &Conn<'_>, name: &str, kind: &str, subject: &str) -> Result<SourceId> {
    let (id, before) = conn.query_one(
        "insert into change_sources (name, kind, configured, subject, seen, wanted) \
         values ($1, $2, 1, $3, 0, 0) \
         on conflict (name) do update set kind = excluded.kind, configured = 1 returning id, subject",
        params![name, kind, subject],
        |r| Ok((SourceId(r.int(0)?), r.text(1)?)),
    )?;
    if before != subject {
        conn.execute("delete from source_heads where source_id = $1", params![id])?;
        conn.execute(
            "update change_sources set subject = $1, seen = 0, wanted = 0, polled_at = null, \
             error = null where id = $2",
            params![subject, id],
        )?;
    }
    Ok(id)
}

/// Every configured source.
///
/// # Errors
/// What the database refuses.
pub fn configured(conn: &Conn<'_>) -> Result<Vec<SourceRow>> {
    conn.query(
        "select id, name, subject, seen, wanted, polled_at, error from change_sources \
         where configured = 1 order by id",
        params![],
        |r| {
            Ok(SourceRow {
                id: SourceId(r.int(0)?),
                name: r.text(1)?,
                subject: r.text(2)?,
                seen: r.bool(3)?,
                wanted: r.int(4)?,
                polled_at: r.opt_time(5)?,
                error: r.opt_text(6)?,
            })
        },
    )
}

/// The heads that a source has seen.
///
/// # Errors
/// What the database refuses.
pub fn heads(conn: &Conn<'_>, id: SourceId) -> Result<BTreeMap<String, String>> {
    let rows = conn.query(
        "select name, revision from source_heads where source_id = $1",
        params![id],
        |r| Ok((r.text(0)?, r.text(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// Notes that somebody wants a source to look at once.
///
/// # Errors
/// What the database refuses.
pub fn want(conn: &Conn<'_>, id: SourceId) -> Result<()> {
    conn.execute("update change_sources set wanted = wanted + 1 where id = $1", params![id])?;
    Ok(())
}

/// A look ends that began when it was wanted `served` times: what was wanted since then is another
/// one.
///
/// # Errors
/// What the database refuses.
pub fn ended(conn: &Conn<'_>, id: SourceId, served: i64, now: Timestamp) -> Result<()> {
    conn.execute(
        "update change_sources set wanted = max(0, wanted - $1), polled_at = $2 where id = $3",
        params![served, now, id],
    )?;
    Ok(())
}

/// A look has ended well: `heads` is what there is now.
///
/// # Errors
/// What the database refuses.
pub fn looked(conn: &Conn<'_>, id: SourceId, heads_now: &BTreeMap<String, String>) -> Result<()> {
    let before = heads(conn, id)?;
    for name in before.keys().filter(|name| !heads_now.contains_key(*name)) {
        conn.execute(
            "delete from source_heads where source_id = $1 and name = $2",
            params![id, name],
        )?;
    }
    for (name, revision) in heads_now.iter().filter(|(name, rev)| before.get(*name) != Some(rev)) {
        conn.execute(
            "insert into source_heads (source_id, name, revision) values ($1, $2, $3) \
             on conflict (source_id, name) do update set revision = excluded.revision",
            params![id, name, revision],
        )?;
    }
    conn.execute("update change_sources set seen = 1, error = null where id = $1", params![id])?;
    Ok(())
}

/// A look has failed: what it has seen before still counts.
///
/// # Errors
/// What the database refuses.
pub fn failed(conn: &Conn<'_>, id: SourceId, error: &str) -> Result<()> {
    conn.execute("update change_sources set error = $1 where id = $2", params![error, id])?;
    Ok(())
}
