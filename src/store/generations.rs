//! `generations`: every configuration that was loaded or refused, with the text of its files.
//! `masters`: who runs them.

use sha2::{Digest as _, Sha256};

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::{GenerationId, MasterId};
use crate::params;

/// Records a configuration that takes effect; the one before is retired.
///
/// # Errors
/// What the database refuses.
pub fn activate(
    conn: &Conn<'_>,
    files: &[(String, Option<String>)],
    changes: &str,
    now: Timestamp,
) -> Result<GenerationId> {
    conn.execute("update generations set state = 'retired' where state = 'active'", params![])?;
    let id = insert(conn, "active", None, Some(changes), now)?;
    keep_files(conn, id, files)?;
    Ok(id)
}

/// Records a configuration that was refused.
///
/// # Errors
/// What the database refuses.
pub fn reject(
    conn: &Conn<'_>,
    error: &str,
    files: &[(String, Option<String>)],
    now: Timestamp,
) -> Result<GenerationId> {
    let id = insert(conn, "rejected", Some(error), None, now)?;
    keep_files(conn, id, files)?;
    Ok(id)
}

/// Why the newest configuration was refused; none = it is the one in effect.
///
/// # Errors
/// What the database refuses.
pub fn refusal(conn: &Conn<'_>) -> Result<Option<String>> {
    let newest = conn.query_opt(
        "select case state when 'rejected' then coalesce(error, '') end from generations \
         order by id desc limit 1",
        params![],
        |r| r.opt_text(0),
    )?;
    Ok(newest.flatten())
}

fn insert(
    conn: &Conn<'_>,
    state: &str,
    error: Option<&str>,
    changes: Option<&str>,
    now: Timestamp,
) -> Result<GenerationId> {
    conn.query_one(
        "insert into generations (loaded_at, state, error, changes) values ($1, $2, $3, $4) returning id",
        params![now, state, error, changes],
        |r| Ok(GenerationId(r.int(0)?)),
    )
}

fn keep_files(conn: &Conn<'_>, id: GenerationId, files: &[(String, Option<String>)]) -> Result<()> {
    for (path, text) in files {
        let hash = text.as_ref().map(|t| hex::encode(Sha256::digest(t)));
        if let (Some(hash), Some(text)) = (&hash, text) {
            conn.execute(
                "insert into files (sha256, content) values ($1, $2) on conflict do nothing",
                params![hash, text],
            )?;
        }
        conn.execute(
            "insert into generation_files (generation_id, path, sha256) values ($1, $2, $3) \
             on conflict do nothing",
            params![id, path, hash],
        )?;
    }
    Ok(())
}

/// The row of the master called `name` (`host:basedir`), active from now on.
///
/// # Errors
/// What the database refuses.
pub fn master(conn: &Conn<'_>, name: &str, now: Timestamp) -> Result<MasterId> {
    conn.query_one(
        "insert into masters (name, active, last_active) values ($1, 1, $2) \
         on conflict (name) do update set active = 1, last_active = excluded.last_active returning id",
        params![name, now],
        |r| Ok(MasterId(r.int(0)?)),
    )
}
