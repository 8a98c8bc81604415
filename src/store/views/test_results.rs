//! Test results for the data API and the pages: sets, results, what failed in a build, and how it
//! stood in the build before.

use crate::base::id::StepId;
use crate::params;
use crate::store::conn::{Conn, Result};
use crate::store::page::{Column, Kind, Table};

/// `test_result_sets`.
pub static SETS: Table = Table {
    plural: "test_result_sets",
    from: "test_result_sets t",
    id: "t.id",
    columns: &[
        Column { name: "builderid", sql: "t.builder_id", kind: Kind::Int },
        Column { name: "buildid", sql: "t.build_id", kind: Kind::Int },
        Column { name: "category", sql: "t.category", kind: Kind::Text },
        Column {
            name: "complete",
            sql: "exists (select 1 from steps s where s.id = t.step_id and s.complete_at is not null)",
            kind: Kind::Flag {
                yes: "exists (select 1 from steps s where s.id = t.step_id and s.complete_at is not null)",
                no: "exists (select 1 from steps s where s.id = t.step_id and s.complete_at is null)",
            },
        },
        Column { name: "description", sql: "t.description", kind: Kind::Text },
        Column { name: "stepid", sql: "t.step_id", kind: Kind::Int },
        Column { name: "test_result_setid", sql: "t.id", kind: Kind::Int },
        Column { name: "tests_failed", sql: "t.tests_failed", kind: Kind::Int },
        Column { name: "tests_flaky", sql: "t.tests_flaky", kind: Kind::Int },
        Column { name: "tests_passed", sql: "t.tests_passed", kind: Kind::Int },
        Column { name: "value_unit", sql: "t.value_unit", kind: Kind::Text },
    ],
};

/// `test_results`.
pub static RESULTS: Table = Table {
    plural: "test_results",
    from: "test_results r join test_result_sets t on t.id = r.set_id \
           left join test_names n on n.id = r.test_name_id \
           left join test_code_paths p on p.id = r.code_path_id",
    id: "r.id",
    columns: &[
        Column { name: "builderid", sql: "t.builder_id", kind: Kind::Int },
        Column { name: "duration_ns", sql: "r.duration_ns", kind: Kind::Int },
        Column {
            name: "flaky",
            sql: "r.flaky",
            kind: Kind::Flag { yes: "r.flaky = 1", no: "r.flaky = 0" },
        },
        Column { name: "line", sql: "r.line", kind: Kind::Int },
        Column { name: "test_code_path", sql: "p.path", kind: Kind::Text },
        Column { name: "test_name", sql: "n.name", kind: Kind::Text },
        Column { name: "test_result_setid", sql: "r.set_id", kind: Kind::Int },
        Column { name: "test_resultid", sql: "r.id", kind: Kind::Int },
        Column { name: "value", sql: "r.value", kind: Kind::Text },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The set with this id.
    pub const ID: &str = "t.id = ?";
    /// Sets of this builder.
    pub const OF_BUILDER: &str = "t.builder_id = ?";
    /// Sets of the builder of this name.
    pub const OF_BUILDER_NAME: &str =
        "t.builder_id = (select d.id from builders d where d.name = ?)";
    /// Sets of this build.
    pub const OF_BUILD: &str = "t.build_id = ?";
    /// Sets of this step.
    pub const OF_STEP: &str = "t.step_id = ?";
    /// Results of this set.
    pub const OF_SET: &str = "r.set_id = ?";
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What the set says of itself.
    pub set: String,
    /// The test.
    pub name: String,
    /// How long it took, in nanoseconds.
    pub duration_ns: Option<i64>,
    /// What it said, cut short.
    pub message: Option<String>,
    /// It did not fail in the build before that had such tests.
    pub is_new: bool,
}

/// The number of failed tests of a build, and the first `limit` of them.
///
/// # Errors
/// What the database refuses.
pub fn failed(conn: &Conn<'_>, build: i64, limit: i64) -> Result<(i64, Vec<Failed>)> {
    let count = conn.query_one(
        "select coalesce(sum(tests_failed), 0) from test_result_sets where build_id = $1",
        params![build],
        |r| r.int(0),
    )?;
    if count == 0 {
        return Ok((0, Vec::new()));
    }
    let sets = conn.query(
        "select id, description from test_result_sets where build_id = $1 and tests_failed > 0 order by id",
        params![build],
        |r| Ok((r.int(0)?, r.text(1)?)),
    )?;
    let mut out: Vec<Failed> = Vec::new();
    for (set, description) in sets {
        let before = previous(conn, set)?.unwrap_or(-1);
        let left = limit - i64::try_from(out.len()).unwrap_or(limit);
        out.extend(conn.query(
            "select coalesce(n.name, ''), r.duration_ns, r.message, not exists (select 1 from test_results o \
             where o.test_name_id = r.test_name_id and o.set_id = $1 and o.passed = 0) \
             from test_results r left join test_names n on n.id = r.test_name_id \
             where r.set_id = $2 and r.passed = 0 order by r.id limit $3",
            params![before, set, left],
            |r| {
                Ok(Failed {
                    set: description.clone(),
                    name: r.text(0)?,
                    duration_ns: r.opt_int(1)?,
                    message: r.opt_text(2)?,
                    is_new: before >= 0 && r.bool(3)?,
                })
            },
        )?);
    }
    Ok((count, out))
}

/// How a step's tests stand against those of the build before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Against {
    /// Fail now and did not.
    pub newly_failed: i64,
    /// Failed and pass now.
    pub fixed: i64,
}

/// Compares the sets of a step with those of the build before; none = there is nothing to compare with.
///
/// # Errors
/// What the database refuses.
pub fn against(conn: &Conn<'_>, step: StepId) -> Result<Option<Against>> {
    let sets = conn.query(
        "select id from test_result_sets where step_id = $1 and tests_passed is not null order by id",
        params![step],
        |r| r.int(0),
    )?;
    let mut out = None;
    for set in sets {
        let Some(before) = previous(conn, set)? else { continue };
        let sum: &mut Against = out.get_or_insert_default();
        sum.newly_failed += crossing(conn, (set, 0), (before, 0), false)?;
        sum.fixed += crossing(conn, (before, 0), (set, 1), true)?;
    }
    Ok(out)
}

/// How many tests have an outcome in one set and have it (or not) in the other.
fn crossing(
    conn: &Conn<'_>,
    (here, outcome): (i64, i64),
    (there, wanted): (i64, i64),
    is_there: bool,
) -> Result<i64> {
    conn.query_one(
        "select count(*) from (select distinct r.test_name_id from test_results r where r.set_id = $1 \
         and r.passed = $2 and (exists (select 1 from test_results o where \
         o.test_name_id = r.test_name_id and o.set_id = $3 and o.passed = $4)) = $5)",
        params![here, outcome, there, wanted, is_there],
        |r| r.int(0),
    )
}

/// The newest set of the same description in an earlier, finished build of the builder on the same
/// branches. Only the newest hundred are looked at.
fn previous(conn: &Conn<'_>, set: i64) -> Result<Option<i64>> {
    conn.query_opt(
        "with this as (select t.builder_id, t.build_id, t.description, q.buildset_id from test_result_sets t \
         join builds b on b.id = t.build_id join buildrequests q on q.id = b.request_id where t.id = $1), \
         earlier as (select t.id, q.buildset_id from this join test_result_sets t on \
         t.builder_id = this.builder_id join builds b on b.id = t.build_id \
         join buildrequests q on q.id = b.request_id where t.id < $2 and t.build_id < this.build_id \
         and t.description = this.description and t.tests_passed is not null \
         and b.complete_at is not null and b.results in (0, 1, 2) order by t.id desc limit 100) \
         select e.id from earlier e join this on 1 = 1 where not exists (select 1 from \
         buildset_sourcestamps j join sourcestamps s on s.id = j.sourcestamp_id where \
         j.buildset_id = this.buildset_id and not exists (select 1 from buildset_sourcestamps k \
         join sourcestamps z on z.id = k.sourcestamp_id where k.buildset_id = e.buildset_id \
         and z.codebase = s.codebase and coalesce(z.branch, '') = coalesce(s.branch, ''))) \
         order by e.id desc limit 1",
        params![set, set],
        |r| r.int(0),
    )
}

/// The tests of a build that failed and passed when they were run again: how many, and the first `limit`.
///
/// # Errors
/// What the database refuses.
pub fn flaky(conn: &Conn<'_>, build: i64, limit: i64) -> Result<(i64, Vec<Failed>)> {
    let count = conn.query_one(
        "select coalesce(sum(tests_flaky), 0) from test_result_sets where build_id = $1",
        params![build],
        |r| r.int(0),
    )?;
    if count == 0 {
        return Ok((0, Vec::new()));
    }
    let rows = conn.query(
        "select t.description, coalesce(n.name, ''), r.duration_ns, r.message from test_result_sets t \
         join test_results r on r.set_id = t.id left join test_names n on n.id = r.test_name_id \
         where t.build_id = $1 and r.flaky = 1 order by r.id limit $2",
        params![build, limit],
        |r| {
            Ok(Failed {
                set: r.text(0)?,
                name: r.text(1)?,
                duration_ns: r.opt_int(2)?,
                message: r.opt_text(3)?,
                is_new: false,
            })
        },
    )?;
    Ok((count, rows))
}

/// A test of a builder that does not always say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsteady {
    /// The test.
    pub name: String,
    /// In how many results it failed and passed when it was run again.
    pub retried: i64,
    /// On how many sources it failed in one build and passed in another.
    pub alternated: i64,
    /// The number of the newest build in which it failed or was run again.
    pub last: i64,
}

/// The tests that were flaky in the newest `sets` of a builder, the most flaky first; at most `limit`.
/// Sources are the same when all their revisions are known and equal.
///
/// # Errors
/// What the database refuses.
pub fn unsteady(conn: &Conn<'_>, builder: i64, sets: i64, limit: i64) -> Result<Vec<Unsteady>> {
    conn.query(
        "with newest as (select t.id, b.number, case when not exists (select 1 from buildset_sourcestamps u \
         join sourcestamps v on v.id = u.sourcestamp_id where u.buildset_id = q.buildset_id \
         and v.revision is null) then (select group_concat(o.sourcestamp_id, ' ') \
         from (select x.sourcestamp_id from buildset_sourcestamps x where x.buildset_id = q.buildset_id \
         order by x.sourcestamp_id) o) end as source from test_result_sets t join builds b on b.id = t.build_id \
         join buildrequests q on q.id = b.request_id where t.builder_id = $1 order by t.id desc limit $2), \
         bad as (select distinct r.test_name_id from newest join test_results r on r.set_id = newest.id \
         where (r.passed = 0 or r.flaky = 1) and r.test_name_id is not null), \
         of_source as (select r.test_name_id, newest.source, sum(r.flaky) as retried, \
         case when newest.source is not null and min(r.passed) = 0 and max(r.passed) = 1 then 1 else 0 end \
         as alternated, max(case when r.passed = 0 or r.flaky = 1 then newest.number end) as last \
         from bad join test_results r on r.test_name_id = bad.test_name_id join newest on newest.id = r.set_id \
         where r.passed is not null group by r.test_name_id, newest.source) \
         select n.name, sum(f.retried), sum(f.alternated), max(f.last) from of_source f \
         join test_names n on n.id = f.test_name_id group by n.id \
         having sum(f.retried) + sum(f.alternated) > 0 order by sum(f.retried) + sum(f.alternated) desc, n.name \
         limit $3",
        params![builder, sets, limit],
        |r| {
            Ok(Unsteady {
                name: r.text(0)?,
                retried: r.int(1)?,
                alternated: r.int(2)?,
                last: r.int(3)?,
            })
        },
    )
}

/// A test of a builder that failed lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lately {
    /// The test.
    pub name: String,
    /// How often it failed.
    pub failed: i64,
    /// How often it passed.
    pub passed: i64,
}

/// The tests that failed in the newest `sets` of a builder, those that failed most first; at most `limit`.
///
/// # Errors
/// What the database refuses.
pub fn lately(conn: &Conn<'_>, builder: i64, sets: i64, limit: i64) -> Result<Vec<Lately>> {
    conn.query(
        "with newest as (select id from test_result_sets where builder_id = $1 order by id desc limit $2), \
         bad as (select distinct test_name_id from newest join test_results r on r.set_id = newest.id \
         where r.passed = 0 and r.test_name_id is not null) \
         select n.name, sum(case when r.passed = 0 then 1 else 0 end), \
         sum(case when r.passed = 1 then 1 else 0 end) from newest join test_results r on \
         r.set_id = newest.id join bad on bad.test_name_id = r.test_name_id \
         join test_names n on n.id = r.test_name_id group by n.id order by 2 desc, 1 limit $3",
        params![builder, sets, limit],
        |r| Ok(Lately { name: r.text(0)?, failed: r.int(1)?, passed: r.int(2)? }),
    )
}

/// A result in the history of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The number of the build.
    pub build: i64,
    /// What the set says of itself.
    pub set: String,
    /// What was stored.
    pub value: String,
    /// Whether it passed; none = it is no matter of passing.
    pub passed: Option<bool>,
    /// How long it took, in nanoseconds.
    pub duration_ns: Option<i64>,
    /// What it said.
    pub message: Option<String>,
}

/// The newest results of a test, newest first.
///
/// # Errors
/// What the database refuses.
pub fn history(conn: &Conn<'_>, builder: i64, test: &str, limit: i64) -> Result<Vec<Past>> {
    conn.query(
        "select b.number, t.description, r.value, r.passed, r.duration_ns, r.message from test_names n \
         join test_results r on r.test_name_id = n.id join test_result_sets t on t.id = r.set_id \
         join builds b on b.id = t.build_id where n.builder_id = $1 and n.name = $2 \
         order by r.id desc limit $3",
        params![builder, test, limit],
        |r| {
            Ok(Past {
                build: r.int(0)?,
                set: r.text(1)?,
                value: r.text(2)?,
                passed: r.opt_int(3)?.map(|passed| passed == 1),
                duration_ns: r.opt_int(4)?,
                message: r.opt_text(5)?,
            })
        },
    )
}
