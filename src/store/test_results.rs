//! Test results as the engine stores them: sets, their results, and the names and code paths that
//! results share. Counts of a set are kept with it, so that no page adds up results.

use super::conn::{Conn, Result};
use crate::base::id::{BuildId, BuilderId, StepId};
use crate::model::test_results::{NewSet, TestResult};
use crate::params;

/// Stores a set that has no results yet.
///
/// # Errors
/// What the database refuses.
pub fn open(
    conn: &Conn<'_>,
    builder: BuilderId,
    build: BuildId,
    step: StepId,
    set: &NewSet,
) -> Result<i64> {
    let none_yet = set.is_about_passing().then_some(0_i64);
    conn.query_one(
        "insert into test_result_sets (builder_id, build_id, step_id, description, category, value_unit, \
         tests_passed, tests_failed) values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
        params![
            builder,
            build,
            step,
            set.description.as_str(),
            set.category.as_str(),
            set.value_unit.as_str(),
            none_yet,
            none_yet
        ],
        |r| r.int(0),
    )
}

/// Adds results to a set.
///
/// # Errors
/// What the database refuses.
pub fn add(
    conn: &Conn<'_>,
    builder: BuilderId,
    set: i64,
    category: &str,
    results: &[TestResult],
) -> Result<()> {
    let (mut passed, mut failed, mut flaky) = (0_i64, 0_i64, 0_i64);
    for result in results {
        let name = match &result.name {
            Some(name) => Some(name_id(conn, builder, name)?),
            None => None,
        };
        let path = match &result.path {
            Some(path) => Some(path_id(conn, builder, path)?),
            None => None,
        };
        let outcome = result.passed(category);
        match outcome {
            Some(true) => passed += 1,
            Some(false) => failed += 1,
            None => {}
        }
        flaky += i64::from(result.is_flaky);
        conn.execute(
            "insert into test_results (set_id, test_name_id, code_path_id, line, duration_ns, value, passed, \
             message, flaky) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            params![
                set,
                name,
                path,
                result.line,
                result.duration_ns,
                result.value.as_str(),
                outcome.map(i64::from),
                result.message.as_deref(),
                i64::from(result.is_flaky)
            ],
        )?;
    }
    conn.execute(
        "update test_result_sets set tests_passed = tests_passed + $1, tests_failed = tests_failed + $2, \
         tests_flaky = tests_flaky + $3 where id = $4",
        params![passed, failed, flaky, set],
    )?;
    Ok(())
}

/// Removes the sets of a step: it is tried again.
///
/// # Errors
/// What the database refuses.
pub fn forget(conn: &Conn<'_>, step: StepId) -> Result<()> {
    conn.execute(
        "delete from test_results where set_id in (select id from test_result_sets where step_id = $1)",
        params![step],
    )?;
    conn.execute("delete from test_result_sets where step_id = $1", params![step])?;
    Ok(())
}

fn name_id(conn: &Conn<'_>, builder: BuilderId, name: &str) -> Result<i64> {
    let known = conn.query_opt(
        "select id from test_names where builder_id = $1 and name = $2",
        params![builder, name],
        |r| r.int(0),
    )?;
    match known {
        Some(id) => Ok(id),
        None => conn.query_one(
            "insert into test_names (builder_id, name) values ($1, $2) returning id",
            params![builder, name],
            |r| r.int(0),
        ),
    }
}

fn path_id(conn: &Conn<'_>, builder: BuilderId, path: &str) -> Result<i64> {
    let known = conn.query_opt(
        "select id from test_code_paths where builder_id = $1 and path = $2",
        params![builder, path],
        |r| r.int(0),
    )?;
    match known {
        Some(id) => Ok(id),
        None => conn.query_one(
            "insert into test_code_paths (builder_id, path) values ($1, $2) returning id",
            params![builder, path],
            |r| r.int(0),
        ),
    }
}
