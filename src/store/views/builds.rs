//! Builds: the data API's table, and what the page of one shows.

use crate::base::clock::Timestamp;
use crate::base::id::StepId;
use crate::base::results::Results;
use crate::params;
use crate::store::conn::{Conn, Result, Row};
use crate::store::page::{Column, Kind, Table};

/// `builds`.
pub static TABLE: Table = Table {
    plural: "builds",
    from: "builds b",
    id: "b.id",
    columns: &[
        Column { name: "builderid", sql: "b.builder_id", kind: Kind::Int },
        Column { name: "buildid", sql: "b.id", kind: Kind::Int },
        Column { name: "buildrequestid", sql: "b.request_id", kind: Kind::Int },
        Column {
            name: "complete",
            sql: "(b.complete_at is not null)",
            kind: Kind::Flag { yes: "b.complete_at is not null", no: "b.complete_at is null" },
        },
        Column { name: "complete_at", sql: "b.complete_at", kind: Kind::Time },
        Column { name: "locks_duration_s", sql: "b.locks_duration / 1000000", kind: Kind::Int },
        Column { name: "masterid", sql: "b.master_id", kind: Kind::Int },
        Column { name: "number", sql: "b.number", kind: Kind::Int },
        Column { name: "properties", sql: "b.id", kind: Kind::Filled },
        Column { name: "results", sql: "b.results", kind: Kind::Int },
        Column { name: "started_at", sql: "b.started_at", kind: Kind::Time },
        Column { name: "state_string", sql: "b.state_string", kind: Kind::Text },
        Column { name: "workerid", sql: "b.worker_id", kind: Kind::Int },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "b.id = ?";
    /// Those of this builder.
    pub const OF_BUILDER: &str = "b.builder_id = ?";
    /// Those of the builder of this name.
    pub const OF_BUILDER_NAME: &str =
        "b.builder_id = (select d.id from builders d where d.name = ?)";
    /// The one with this number in its builder.
    pub const NUMBER: &str = "b.number = ?";
    /// The attempts at this request.
    pub const OF_REQUEST: &str = "b.request_id = ?";
    /// Those on this worker.
    pub const OF_WORKER: &str = "b.worker_id = ?";
    /// Those of the source of this change.
    pub const OF_CHANGE: &str = "b.request_id in (select q.id from buildrequests q join buildset_sourcestamps j on \
        j.buildset_id = q.buildset_id join changes c on c.sourcestamp_id = j.sourcestamp_id \
        where c.id = ?)";
    /// Those that this build started.
    pub const TRIGGERED_BY: &str = "b.request_id in (select q.id from buildrequests q join buildsets s on s.id = \
        q.buildset_id where s.parent_build_id = ?)";
}

/// A build as one line of a list.
#[derive(Clone, Debug)]
pub struct Line {
    /// Row id.
    pub id: i64,
    /// Number within the builder.
    pub number: i64,
    /// The builder.
    pub builder_id: i64,
    /// The builder's name.
    pub builder: String,
    /// The worker's name.
    pub worker: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none = it runs.
    pub complete_at: Option<Timestamp>,
    /// How it ended.
    pub results: Option<Results>,
    /// What it says of itself.
    pub state: String,
    /// What it is expected to take, in microseconds: what the last good one took.
    pub expected: Option<i64>,
}

const LINE: &str = "select b.id, b.number, b.builder_id, d.name, w.name, b.started_at, b.complete_at, \
     b.results, b.state_string from builds b join builders d on d.id = b.builder_id \
     join workers w on w.id = b.worker_id";

fn line(r: &Row<'_>) -> Result<Line> {
    Ok(Line {
        id: r.int(0)?,
        number: r.int(1)?,
        builder_id: r.int(2)?,
        builder: r.text(3)?,
        worker: r.text(4)?,
        started_at: r.time(5)?,
        complete_at: r.opt_time(6)?,
        results: r.opt_results(7)?,
        state: r.text(8)?,
        expected: None,
    })
}

/// What runs, oldest first, with what it is expected to take.
///
/// # Errors
/// What the database refuses.
pub fn running(conn: &Conn<'_>, limit: i64) -> Result<Vec<Line>> {
    // A good build among the last twenty; looking further back would cost more than it tells.
    let sql = LINE.replace(
        "b.state_string from",
        "b.state_string, (select p.complete_at - p.started_at from builds p \
         where p.builder_id = b.builder_id and p.number < b.number and p.number >= b.number - 20 \
         and p.results in (0, 1) order by p.number desc limit 1) from",
    );
    conn.query(
        &format!("{sql} where b.complete_at is null order by b.id limit $1"),
        params![limit],
        |r| Ok(Line { expected: r.opt_int(9)?, ..line(r)? }),
    )
}

/// What ended badly lately, newest first.
///
/// # Errors
/// What the database refuses.
pub fn failed(conn: &Conn<'_>, limit: i64) -> Result<Vec<Line>> {
    conn.query(&failed_sql(), params![limit], line)
}

pub(super) fn failed_sql() -> String {
    // The newest of each result from the index: asked for both at once, SQLite sorts all of them.
    let newest = |results: i64| {
        format!(
            "select id from (select id from builds where results = {results} \
             order by id desc limit $1) x{results}"
        )
    };
    let (failure, exception) = (newest(2), newest(4));
    format!("{LINE} where b.id in ({failure} union all {exception}) order by b.id desc limit $1")
}

/// The newest builds that have ended, newest first.
///
/// # Errors
/// What the database refuses.
pub fn latest(conn: &Conn<'_>, limit: i64) -> Result<Vec<Line>> {
    conn.query(
        &format!("{LINE} where b.complete_at is not null order by b.id desc limit $1"),
        params![limit],
        line,
    )
}

/// A builder's builds below number `before`, newest first.
///
/// # Errors
/// What the database refuses.
pub fn of_builder(conn: &Conn<'_>, builder: i64, before: i64, limit: i64) -> Result<Vec<Line>> {
    conn.query(
        &format!(
            "{LINE} where b.builder_id = $1 and b.number < $2 order by b.number desc limit $3"
        ),
        params![builder, before, limit],
        line,
    )
}

/// The last dozen builds of every configured builder, newest first.
///
/// # Errors
/// What the database refuses.
pub fn latest_of_each(conn: &Conn<'_>) -> Result<Vec<Line>> {
    conn.query(&latest_of_each_sql(), params![], line)
}

pub(super) fn latest_of_each_sql() -> String {
    // The cross join keeps SQLite from reading every build there is and asking for its builder.
    let sql = LINE.replace(
        "from builds b join builders d on d.id = b.builder_id",
        "from builders d cross join builds b",
    );
    format!(
        "{sql} where b.builder_id = d.id and d.position <> -1 \
         and b.number >= d.next_number - 12 order by b.builder_id, b.number desc"
    )
}

/// Where a build is found: (builder, number).
///
/// # Errors
/// What the database refuses.
pub fn place(conn: &Conn<'_>, id: i64) -> Result<Option<(i64, i64)>> {
    conn.query_opt("select builder_id, number from builds where id = $1", params![id], |r| {
        Ok((r.int(0)?, r.int(1)?))
    })
}

/// Where the build of a step is found: (builder, number).
///
/// # Errors
/// What the database refuses.
pub fn place_of_step(conn: &Conn<'_>, id: StepId) -> Result<Option<(i64, i64)>> {
    conn.query_opt(
        "select b.builder_id, b.number from steps s join builds b on b.id = s.build_id \
         where s.id = $1",
        params![id],
        |r| Ok((r.int(0)?, r.int(1)?)),
    )
}

/// A build with what caused it.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The build.
    pub line: Line,
    /// Its request.
    pub request: i64,
    /// Which attempt at the request it is.
    pub attempt: i64,
    /// Its configuration.
    pub generation: i64,
    /// Time spent waiting for locks, in microseconds.
    pub locks_duration: i64,
    /// When its request was made.
    pub submitted_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Who made the request; none for a rebuild.
    pub scheduler: Option<String>,
    /// The build that this one repeats: (builder, number).
    pub rebuild_of: Option<(i64, i64)>,
    /// Its buildset.
    pub buildset: i64,
}

/// The build at an id, or at a builder and number.
///
/// # Errors
/// What the database refuses.
pub fn detail(conn: &Conn<'_>, at: At) -> Result<Option<Detail>> {
    let (condition, params) = match at {
        At::Id(id) => ("b.id = $1", params![id].to_vec()),
        At::Number(builder, number) => {
            ("b.builder_id = $1 and b.number = $2", params![builder, number].to_vec())
        }
    };
    let sql = LINE
        .replace(
            "b.state_string from",
            "b.state_string, b.request_id, b.attempt, b.generation_id, b.locks_duration, \
             q.submitted_at, s.reason, h.name, o.builder_id, o.number, s.id from",
        )
        .replace(
            "join workers w",
            "join buildrequests q on q.id = b.request_id join buildsets s on s.id = q.buildset_id \
             left join schedulers h on h.id = s.scheduler_id \
             left join builds o on o.id = s.rebuilt_build_id join workers w",
        );
    conn.query_opt(&format!("{sql} where {condition}"), &params, |r| {
        Ok(Detail {
            line: line(r)?,
            request: r.int(9)?,
            attempt: r.int(10)?,
            generation: r.int(11)?,
            locks_duration: r.int(12)?,
            submitted_at: r.time(13)?,
            reason: r.text(14)?,
            scheduler: r.opt_text(15)?,
            rebuild_of: r.opt_int(16)?.zip(r.opt_int(17)?),
            buildset: r.int(18)?,
        })
    })
}

/// How a build is named.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// By its id.
    Id(i64),
    /// By builder and number.
    Number(i64, i64),
}
