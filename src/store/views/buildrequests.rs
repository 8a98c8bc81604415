//! Build requests: the data API's table, and what a request's page shows.

use crate::base::clock::Timestamp;
use crate::base::results::Results;
use crate::params;
use crate::store::conn::{Conn, Result, Row, Value};
use crate::store::page::{Column, Kind, Table};

/// `buildrequests`. Not claimed means pending: neither claimed nor complete.
pub static TABLE: Table = Table {
    plural: "buildrequests",
    from: "buildrequests q",
    id: "q.id",
    columns: &[
        Column { name: "builderid", sql: "q.builder_id", kind: Kind::Int },
        Column { name: "buildrequestid", sql: "q.id", kind: Kind::Int },
        Column { name: "buildsetid", sql: "q.buildset_id", kind: Kind::Int },
        Column {
            name: "claimed",
            sql: "(q.claimed_at is not null)",
            kind: Kind::Flag {
                yes: "q.claimed_at is not null",
                no: "q.claimed_at is null and q.complete_at is null",
            },
        },
        Column { name: "claimed_at", sql: "q.claimed_at", kind: Kind::Time },
        Column { name: "claimed_by_masterid", sql: "q.claimed_by_master_id", kind: Kind::Int },
        Column {
            name: "complete",
            sql: "(q.complete_at is not null)",
            kind: Kind::Flag { yes: "q.complete_at is not null", no: "q.complete_at is null" },
        },
        Column { name: "complete_at", sql: "q.complete_at", kind: Kind::Time },
        Column { name: "priority", sql: "q.priority", kind: Kind::Int },
        Column { name: "properties", sql: "q.buildset_id", kind: Kind::Filled },
        Column { name: "results", sql: "coalesce(q.results, -1)", kind: Kind::Int },
        Column { name: "submitted_at", sql: "q.submitted_at", kind: Kind::Time },
        Column { name: "waited_for", sql: "q.waited_for", kind: Kind::Bool },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "q.id = ?";
    /// Those of this builder.
    pub const OF_BUILDER: &str = "q.builder_id = ?";
}

/// A request as a page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// The builder.
    pub builder_id: i64,
    /// The builder's name.
    pub builder: String,
    /// When it was made.
    pub submitted_at: Timestamp,
    /// Higher goes first.
    pub priority: i64,
    /// Why.
    pub reason: String,
    /// The build that attempts it: the builder under which it is filed, and its number.
    pub build: Option<(i64, i64)>,
    /// When it ended.
    pub complete_at: Option<Timestamp>,
    /// How.
    pub results: Option<Results>,
    /// Why it ended without a build.
    pub ended_because: Option<String>,
    /// How many attempts there were.
    pub attempts: i64,
    /// Who says no to it now, and what.
    pub held_by: Option<String>,
    /// What failed while it was decided about.
    pub trouble: Option<String>,
}

const SHOWN: &str = "select q.id, q.builder_id, d.name, q.submitted_at, q.priority, s.reason, \
     (select b.number from builds b where b.id = q.build_id), \
     (select b.builder_id from builds b where b.id = q.build_id), q.complete_at, q.results, \
     q.ended_because, q.attempts, q.held_by, q.trouble from buildrequests q join builders d on d.id = q.builder_id \
     join buildsets s on s.id = q.buildset_id";

fn shown(r: &Row<'_>) -> Result<Shown> {
    Ok(Shown {
        id: r.int(0)?,
        builder_id: r.int(1)?,
        builder: r.text(2)?,
        submitted_at: r.time(3)?,
        priority: r.int(4)?,
        reason: r.text(5)?,
        build: r.opt_int(7)?.zip(r.opt_int(6)?),
        complete_at: r.opt_time(8)?,
        results: r.opt_results(9)?,
        ended_because: r.opt_text(10)?,
        attempts: r.int(11)?,
        held_by: r.opt_text(12)?,
        trouble: r.opt_text(13)?,
    })
}

/// What waits, in the order in which it will be built; of one builder, or of all.
///
/// # Errors
/// What the database refuses.
pub fn waiting(conn: &Conn<'_>, builder: Option<i64>, limit: i64) -> Result<Vec<Shown>> {
    let params: Vec<_> = builder.into_iter().chain([limit]).map(Value::Int).collect();
    conn.query(&waiting_sql(builder.is_some()), &params, shown)
}

pub(super) fn waiting_sql(of_builder: bool) -> String {
    let end = if of_builder {
        "and q.builder_id = $1 order by q.priority desc, q.id limit $2"
    } else {
        "order by q.priority desc, q.id limit $1"
    };
    format!("{SHOWN} where q.complete_at is null and q.claimed_at is null {end}")
}

/// One request.
///
/// # Errors
/// What the database refuses.
pub fn one(conn: &Conn<'_>, id: i64) -> Result<Option<Shown>> {
    conn.query_opt(&format!("{SHOWN} where q.id = $1"), params![id], shown)
}
