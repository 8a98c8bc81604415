//! `sourcestamps`: equal ones share a row, found by a hash of all fields.

use sha2::{Digest as _, Sha256};

use super::conn::{Conn, Result, Row};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildsetId, SourcestampId};
use crate::model::sourcestamp::Sourcestamp;
use crate::params;

/// The row of `stamp`, made if it is new.
///
/// # Errors
/// What the database refuses.
pub fn ensure(conn: &Conn<'_>, stamp: &Sourcestamp, now: Timestamp) -> Result<SourcestampId> {
    let hash = hash(stamp);
    let found =
        conn.query_opt("select id from sourcestamps where sha256 = $1", params![&hash], |r| {
            Ok(SourcestampId(r.int(0)?))
        })?;
    if let Some(id) = found {
        return Ok(id);
    }
    conn.query_one(
        "insert into sourcestamps (sha256, branch, revision, repository, project, codebase, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7) returning id",
        params![
            hash,
            stamp.branch.as_deref(),
            stamp.revision.as_deref(),
            &stamp.repository,
            &stamp.project,
            &stamp.codebase,
            now
        ],
        |r| Ok(SourcestampId(r.int(0)?)),
    )
}

/// The sourcestamps of a buildset, by codebase.
///
/// # Errors
/// What the database refuses.
pub fn of_buildset(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Vec<Sourcestamp>> {
    conn.query(
        "select s.branch, s.revision, s.repository, s.project, s.codebase from sourcestamps s \
         join buildset_sourcestamps b on b.sourcestamp_id = s.id \
         where b.buildset_id = $1 order by s.codebase, s.id",
        params![buildset],
        read,
    )
}

/// The sources of all requests without a result, each once.
///
/// # Errors
/// What the database refuses.
pub fn of_unfinished(conn: &Conn<'_>) -> Result<Vec<Sourcestamp>> {
    conn.query(
        "select distinct s.branch, s.revision, s.repository, s.project, s.codebase \
         from buildrequests r join buildset_sourcestamps b on b.buildset_id = r.buildset_id \
         join sourcestamps s on s.id = b.sourcestamp_id where r.complete_at is null",
        params![],
        read,
    )
}

fn read(r: &Row<'_>) -> Result<Sourcestamp> {
    Ok(Sourcestamp {
        branch: r.opt_text(0)?,
        revision: r.opt_text(1)?,
        repository: r.text(2)?,
        project: r.text(3)?,
        codebase: r.text(4)?,
    })
}

/// A hash in which no two different stamps agree: absent and empty differ, fields are delimited.
fn hash(stamp: &Sourcestamp) -> String {
    let mut hasher = Sha256::new();
    for field in [
        stamp.branch.as_deref(),
        stamp.revision.as_deref(),
        Some(&stamp.repository),
        Some(&stamp.project),
        Some(&stamp.codebase),
    ] {
        match field {
            None => hasher.update([0]),
            Some(text) => {
                hasher.update([1]);
                hasher.update(text.len().to_le_bytes());
                hasher.update(text);
            }
        }
    }
    hex::encode(hasher.finalize())
}
