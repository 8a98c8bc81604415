//! `scheduler_codebases`: the newest source of each codebase that a scheduler has seen. Kept by
//! itself, because the changes it comes of may be dropped before it is needed.

use std::collections::BTreeMap;

use super::conn::{Conn, Result};
use crate::base::id::SchedulerId;
use crate::model::change::Change;
use crate::model::sourcestamp::Sourcestamp;
use crate::params;

/// Remembers what a change brings, unless something newer is known. Changes are told in the order
/// of their ids but for those that were judged by an outdated configuration.
///
/// # Errors
/// What the database refuses.
pub fn see(conn: &Conn<'_>, scheduler: SchedulerId, change: &Change) -> Result<()> {
    let stamp = change.what.sourcestamp();
    conn.execute(
        "insert into scheduler_codebases (scheduler_id, codebase, change_id, branch, revision, \
         repository, project) values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (scheduler_id, codebase) do update set change_id = excluded.change_id, \
         branch = excluded.branch, revision = excluded.revision, repository = excluded.repository, \
         project = excluded.project where excluded.change_id > scheduler_codebases.change_id",
        params![
            scheduler,
            stamp.codebase,
            change.id,
            stamp.branch.as_deref(),
            stamp.revision.as_deref(),
            stamp.repository,
            stamp.project
        ],
    )?;
    Ok(())
}

/// What a scheduler has seen, by codebase.
///
/// # Errors
/// What the database refuses.
pub fn of(conn: &Conn<'_>, scheduler: SchedulerId) -> Result<BTreeMap<String, Sourcestamp>> {
    let seen = conn.query(
        "select codebase, branch, revision, repository, project from scheduler_codebases \
         where scheduler_id = $1",
        params![scheduler],
        |r| {
            Ok(Sourcestamp {
                codebase: r.text(0)?,
                branch: r.opt_text(1)?,
                revision: r.opt_text(2)?,
                repository: r.text(3)?,
                project: r.text(4)?,
                patch: None,
            })
        },
    )?;
    Ok(seen.into_iter().map(|stamp| (stamp.codebase.clone(), stamp)).collect())
}
