//! `sourcestamps`: equal ones share a row, found by a hash of all fields.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::conn::{Conn, Result, Row};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildsetId, SourcestampId};
use crate::model::sourcestamp::{PatchRef, Sourcestamp};
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
        "insert into sourcestamps \
         (sha256, branch, revision, repository, project, codebase, created_at, patch_id) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
        params![
            hash,
            stamp.branch.as_deref(),
            stamp.revision.as_deref(),
            &stamp.repository,
            &stamp.project,
            &stamp.codebase,
            now,
            stamp.patch.as_ref().map(|patch| patch.id)
        ],
        |r| Ok(SourcestampId(r.int(0)?)),
    )
}

/// The columns of a sourcestamp, in the order in which [`read`] takes them.
const COLUMNS: &str =
    "s.branch, s.revision, s.repository, s.project, s.codebase, p.id, p.level, p.subdir";

/// The sourcestamps of a buildset, by codebase.
///
/// # Errors
/// What the database refuses.
pub fn of_buildset(conn: &Conn<'_>, buildset: BuildsetId) -> Result<Vec<Sourcestamp>> {
    conn.query(
        &format!(
            "select {COLUMNS} from sourcestamps s join buildset_sourcestamps b on b.sourcestamp_id = s.id \
         left join patches p on p.id = s.patch_id \
         where b.buildset_id = $1 order by s.codebase, s.id"
        ),
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
        &format!(
            "select distinct {COLUMNS} from buildrequests r \
         join buildset_sourcestamps b on b.buildset_id = r.buildset_id \
         join sourcestamps s on s.id = b.sourcestamp_id \
         left join patches p on p.id = s.patch_id where r.complete_at is null"
        ),
        params![],
        read,
    )
}

/// The sourcestamps of every buildset that is not complete, each by codebase.
///
/// # Errors
/// What the database refuses.
pub fn of_open_buildsets(conn: &Conn<'_>) -> Result<BTreeMap<BuildsetId, Vec<Sourcestamp>>> {
    let rows = conn.query(
        &format!(
            "select {COLUMNS}, b.buildset_id from buildsets t join buildset_sourcestamps b on b.buildset_id = t.id \
         join sourcestamps s on s.id = b.sourcestamp_id left join patches p on p.id = s.patch_id \
         where t.complete_at is null order by b.buildset_id, s.codebase, s.id"
        ),
        params![],
        |r| Ok((BuildsetId(r.int(8)?), read(r)?)),
    )?;
    let mut out: BTreeMap<BuildsetId, Vec<Sourcestamp>> = BTreeMap::new();
    for (buildset, stamp) in rows {
        out.entry(buildset).or_default().push(stamp);
    }
    Ok(out)
}

fn read(r: &Row<'_>) -> Result<Sourcestamp> {
    Ok(Sourcestamp {
        branch: r.opt_text(0)?,
        revision: r.opt_text(1)?,
        repository: r.text(2)?,
        project: r.text(3)?,
        codebase: r.text(4)?,
        patch: match r.opt_int(5)? {
            None => None,
            Some(id) => {
                let level = u32::try_from(r.int(6)?).unwrap_or(1);
                Some(PatchRef { id, level, subdir: r.text(7)? })
            }
        },
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
    // Those without a patch keep the hash they had before there were patches.
    if let Some(patch) = &stamp.patch {
        hasher.update([2]);
        hasher.update(patch.id.to_le_bytes());
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sourcestamp::NewPatch;
    use crate::store::buildsets::{self, NewBuildset};
    use crate::store::{Store, StoreOptions, patches};

    #[test]
    fn all_open_buildsets_are_read_as_each_of_them_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let options = StoreOptions { path, durable: false, inline: true };
        let mut opened = Store::open(&options).unwrap();
        let now = Timestamp(7);
        let read = opened.state.transaction(|conn| {
            let patch = NewPatch { level: 2, ..NewPatch::default() };
            let patch = Some(patches::insert(conn, &patch, now)?);
            let stamp = |codebase: &str| Sourcestamp {
                codebase: codebase.to_owned(),
                ..Sourcestamp::default()
            };
            let patched = Sourcestamp { patch, ..stamp("a") };
            let one = NewBuildset { sourcestamps: vec![stamp("b"), patched], ..Default::default() };
            let other = NewBuildset { sourcestamps: vec![stamp("b")], ..Default::default() };
            let sets = [buildsets::insert(conn, &one, now)?, buildsets::insert(conn, &other, now)?];
            let each = sets.map(|set| of_buildset(conn, set));
            let each: Vec<_> = each.into_iter().collect::<Result<_>>()?;
            let all = of_open_buildsets(conn)?;
            Ok((sets.map(|set| all.get(&set).cloned().unwrap_or_default()).to_vec(), each))
        });
        let (all, each) = read.unwrap();
        assert_eq!(all, each);
        assert_eq!(all[0][0].patch.as_ref().map(|patch| patch.level), Some(2));
    }
}
