//! `artifacts`: files that builds have left at the master. The bytes are in [`super::blobs`], and are
//! on the disk before the row is; a row goes first, its bytes later, when no other row names them.

use super::conn::{Conn, Result, Row};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId};
use crate::base::results::Results;
use crate::model::artifact::{Keep, Which};
use crate::params;

const COLUMNS: &str = "a.id, a.build_id, b.number, a.step, a.name, a.size, a.sha256, a.created_at";

/// An artifact that is new.
#[derive(Clone, Debug, PartialEq)]
pub struct NewArtifact {
    /// The step of the build that leaves it.
    pub step: String,
    /// As downloads call it; unlike the others of the build.
    pub name: String,
    /// In bytes.
    pub size: i64,
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// The branch of the build's source, if it names one.
    pub branch: Option<String>,
    /// Of a pull request, or of somebody's working tree.
    pub is_proposal: bool,
    /// How long it stays.
    pub keep: Keep,
}

/// An artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its number.
    pub id: i64,
    /// The build that has left it.
    pub build: BuildId,
    /// The number of that build.
    pub number: i64,
    /// The step of that build.
    pub step: String,
    /// As downloads call it.
    pub name: String,
    /// In bytes.
    pub size: i64,
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// When it came.
    pub created_at: Timestamp,
}

/// Stores a row; one of the same build, step and name is replaced, as a step that is run again does.
/// None = another step of the build has kept one of this name.
///
/// # Errors
/// What the database refuses.
pub fn insert(
    conn: &Conn<'_>,
    (builder, build): (BuilderId, BuildId),
    artifact: &NewArtifact,
    now: Timestamp,
) -> Result<Option<i64>> {
    let expires_at = artifact.keep.micros().map(|micros| Timestamp(now.0.saturating_add(micros)));
    conn.query_opt(
        "insert into artifacts (builder_id, build_id, step, name, size, sha256, created_at, branch, \
         is_proposal, keep_builds, per_branch, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (build_id, name) \
         do update set size = excluded.size, sha256 = excluded.sha256, created_at = excluded.created_at, \
         keep_builds = excluded.keep_builds, per_branch = excluded.per_branch, \
         expires_at = excluded.expires_at where step = excluded.step returning id",
        params![
            builder,
            build,
            artifact.step.as_str(),
            artifact.name.as_str(),
            artifact.size,
            artifact.sha256.as_str(),
            now,
            artifact.branch.as_deref(),
            artifact.is_proposal,
            artifact.keep.builds,
            artifact.keep.per_branch,
            expires_at
        ],
        |r| r.int(0),
    )
}

/// The artifacts of a build, by name.
///
/// # Errors
/// What the database refuses.
pub fn of_build(conn: &Conn<'_>, build: BuildId) -> Result<Vec<Artifact>> {
    conn.query(
        &format!(
            "select {COLUMNS} from artifacts a join builds b on b.id = a.build_id \
             where a.build_id = $1 order by a.name"
        ),
        params![build],
        read,
    )
}

/// The build of a builder that is meant: for the latest success the newest one that has succeeded, with
/// or without warnings, and has any artifacts; of this branch or, without one, no proposal.
///
/// # Errors
/// What the database refuses.
pub fn find(
    conn: &Conn<'_>,
    builder: BuilderId,
    which: Which,
    branch: Option<&str>,
) -> Result<Option<BuildId>> {
    let id = |r: &Row<'_>| r.int(0).map(BuildId);
    match which {
        Which::Number(number) => conn.query_opt(
            "select id from builds where builder_id = $1 and number = $2",
            params![builder, number],
            id,
        ),
        Which::LatestSuccess => conn.query_opt(
            "select a.build_id from artifacts a join builds b on b.id = a.build_id \
             where a.builder_id = $1 and b.results in ($2, $3) \
             and case when $4 is null then a.is_proposal = 0 else a.branch = $5 end \
             order by a.build_id desc limit 1",
            params![builder, Results::Success, Results::Warnings, branch, branch],
            id,
        ),
    }
}

/// One artifact; none = there is none, or not any more.
///
/// # Errors
/// What the database refuses.
pub fn one(conn: &Conn<'_>, id: i64) -> Result<Option<Artifact>> {
    conn.query_opt(
        &format!(
            "select {COLUMNS} from artifacts a join builds b on b.id = a.build_id where a.id = $1"
        ),
        params![id],
        read,
    )
}

/// Removes the rows whose time is over at `now`, or whose builder has enough newer ones; says how
/// many. What the newest success of a builder has kept stays.
///
/// # Errors
/// What the database refuses.
pub fn expire(conn: &Conn<'_>, now: Timestamp) -> Result<usize> {
    let newest = "(select max(x.build_id) from artifacts x join builds y on y.id = x.build_id \
                  where x.builder_id = a.builder_id and x.step = a.step and x.is_proposal = 0 \
                  and y.results in (0, 1))";
    let by_time = conn.execute(
        &format!(
            "delete from artifacts where id in (select a.id from artifacts a \
             where a.expires_at <= $1 and a.build_id is distinct from {newest})"
        ),
        params![now],
    )?;
    let by_rule = conn.execute(
        &format!(
            "delete from artifacts where id in (select a.id from artifacts a \
             where a.keep_builds is not null and a.build_id is distinct from {newest} and a.keep_builds <= \
             (select count(distinct n.build_id) from artifacts n where n.builder_id = a.builder_id \
             and n.build_id > a.build_id and n.step = a.step \
             and (a.per_branch = 0 or n.branch is not distinct from a.branch)))"
        ),
        params![],
    )?;
    Ok(by_time + by_rule)
}

/// Those of `hashes` that no row names.
///
/// # Errors
/// What the database refuses.
pub fn nameless(conn: &Conn<'_>, hashes: Vec<String>) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for sha256 in hashes {
        let is_named = conn.query_one(
            "select exists (select 1 from artifacts where sha256 = $1)",
            params![sha256.as_str()],
            |r| r.bool(0),
        )?;
        if !is_named {
            out.push(sha256);
        }
    }
    Ok(out)
}

fn read(r: &Row<'_>) -> Result<Artifact> {
    Ok(Artifact {
        id: r.int(0)?,
        build: BuildId(r.int(1)?),
        number: r.int(2)?,
        step: r.text(3)?,
        name: r.text(4)?,
        size: r.int(5)?,
        sha256: r.text(6)?,
        created_at: r.time(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreOptions};

    const ONE: BuilderId = BuilderId(1);

    fn artifact(build: i64, name: &str, keep: Keep) -> NewArtifact {
        NewArtifact {
            step: "package".to_owned(),
            name: name.to_owned(),
            size: 3,
            sha256: format!("{name}{build}"),
            branch: None,
            is_proposal: false,
            keep,
        }
    }

    fn put(conn: &Conn<'_>, build: i64, artifact: &NewArtifact) -> Result<Option<i64>> {
        let builder = BuilderId(if build == 9 { 2 } else { 1 });
        insert(conn, (builder, BuildId(build)), artifact, Timestamp(5))
    }

    /// Builds 1 to 4 of builder 1 (the last has failed) and build 9 of builder 2.
    fn builds(conn: &Conn<'_>) -> Result<()> {
        conn.execute("pragma defer_foreign_keys = on", params![])?;
        let failed = Results::Failure;
        let rows = [(1, 1, Results::Success), (2, 1, Results::Warnings), (3, 1, Results::Success)];
        for (id, builder, results) in rows.into_iter().chain([(4, 1, failed), (9, 2, failed)]) {
            conn.execute(
                "insert into builds (id, number, builder_id, request_id, worker_id, master_id, \
                 generation_id, attempt, started_at, locks_duration, state_string, results) \
                 values ($1, $2, $3, 1, 1, 1, 1, 1, 0, 0, '', $4)",
                params![i64::from(id), i64::from(id), i64::from(builder), results],
            )?;
        }
        Ok(())
    }

    /// Runs `f` in a transaction that is rolled back: the builds have no workers and the like.
    fn with(f: impl FnOnce(&Conn<'_>) -> Result<()>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let options = StoreOptions { path, durable: false, inline: true };
        let mut ran = None;
        let _ = Store::open(&options).unwrap().state.transaction(|conn| {
            ran = Some(builds(conn).and_then(|()| f(conn)));
            Err::<(), _>(crate::store::StoreError::new("enough", "a test"))
        });
        ran.unwrap().unwrap();
    }

    fn left(conn: &Conn<'_>) -> Result<Vec<String>> {
        conn.query("select sha256 from artifacts order by sha256", params![], |r| r.text(0))
    }

    #[test]
    fn the_latest_success_is_of_the_newest_build_that_has_any_and_is_no_proposal() {
        with(|conn| {
            for build in [1, 2, 4, 9] {
                put(conn, build, &artifact(build, "b", Keep::default()))?;
                put(conn, build, &artifact(build, "a", Keep::default()))?;
            }
            let latest = |branch| find(conn, ONE, Which::LatestSuccess, branch);
            assert_eq!(latest(None)?, Some(BuildId(2)));
            let shown: Vec<_> =
                of_build(conn, BuildId(2))?.into_iter().map(|a| (a.sha256, a.number)).collect();
            assert_eq!(shown, [("a2".to_owned(), 2), ("b2".to_owned(), 2)]);
            assert_eq!(find(conn, BuilderId(2), Which::LatestSuccess, None)?, None);
            let branch = Some("refs/pull/7/merge".to_owned());
            let pull = NewArtifact {
                branch: branch.clone(),
                is_proposal: true,
                ..artifact(3, "a", Keep::default())
            };
            put(conn, 3, &pull)?;
            assert_eq!(latest(None)?, Some(BuildId(2)));
            assert_eq!(latest(branch.as_deref())?, Some(BuildId(3)));
            assert_eq!(latest(Some("main"))?, None);
            assert_eq!(find(conn, ONE, Which::Number(4), None)?, Some(BuildId(4)));
            assert_eq!(find(conn, ONE, Which::Number(9), None)?, None);
            Ok(())
        });
    }

    #[test]
    fn rows_go_by_time_and_by_newer_builds_of_the_same_step_but_never_the_newest_success() {
        with(|conn| {
            let two = Keep { builds: Some(2), ..Keep::default() };
            // 86.4 ms.
            let timed = Keep { days: Some(1e-6), ..Keep::default() };
            for build in [1, 2, 3, 9] {
                put(conn, build, &artifact(build, "n", two))?;
                put(conn, build, &artifact(build, "m", two))?;
            }
            put(conn, 1, &artifact(1, "forever", Keep::default()))?;
            put(conn, 1, &artifact(1, "timed", timed))?;
            put(conn, 3, &artifact(3, "timed", timed))?;
            put(conn, 4, &artifact(4, "timed", timed))?;
            let other = NewArtifact { step: "docs".to_owned(), ..artifact(1, "docs", two) };
            put(conn, 1, &other)?;
            // With the fourth build, two newer ones than the second have kept something.
            assert_eq!(expire(conn, Timestamp(8))?, 4);
            let all = ["docs1", "forever1", "m3", "m9", "n3", "n9", "timed1", "timed3", "timed4"];
            assert_eq!(left(conn)?, all);
            assert_eq!(expire(conn, Timestamp(5 + 86_400))?, 2);
            assert_eq!(left(conn)?, ["docs1", "forever1", "m3", "m9", "n3", "n9", "timed3"]);
            let hashes = ["timed1", "docs1"].map(str::to_owned).to_vec();
            assert_eq!(nameless(conn, hashes)?, ["timed1"]);
            Ok(())
        });
    }

    #[test]
    fn a_rule_may_count_the_builds_of_each_branch_alone() {
        with(|conn| {
            let one = Keep { builds: Some(1), per_branch: true, days: None };
            for (build, branch) in [(1, "main"), (2, "release"), (3, "main"), (4, "release")] {
                let branch = Some(branch.to_owned());
                put(conn, build, &NewArtifact { branch, ..artifact(build, "n", one) })?;
            }
            assert_eq!(expire(conn, Timestamp(8))?, 2);
            assert_eq!(left(conn)?, ["n3", "n4"]);
            Ok(())
        });
    }

    #[test]
    fn the_same_name_of_a_step_is_replaced_and_that_of_another_step_is_refused() {
        with(|conn| {
            let first = put(conn, 1, &artifact(1, "n", Keep::default()))?;
            let next =
                NewArtifact { sha256: "new".to_owned(), ..artifact(1, "n", Keep::default()) };
            assert_eq!(put(conn, 1, &next)?, first);
            let other = NewArtifact { step: "docs".to_owned(), ..next };
            assert_eq!(put(conn, 1, &other)?, None);
            assert_eq!(left(conn)?, ["new"]);
            Ok(())
        });
    }
}
