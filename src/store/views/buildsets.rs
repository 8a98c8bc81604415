//! Buildsets for the data API, and for the page of a request what belongs together.

use crate::base::id::{BuildsetId, RequestId};
use crate::params;
use crate::store::conn::{Conn, Result};
use crate::store::page::{Column, Kind, Table};

/// `buildsets`. The result is -1 while requests are open, as in Buildbot.
pub static TABLE: Table = Table {
    plural: "buildsets",
    from: "buildsets s",
    id: "s.id",
    columns: &[
        Column { name: "bsid", sql: "s.id", kind: Kind::Int },
        Column {
            name: "complete",
            sql: "(s.complete_at is not null)",
            kind: Kind::Flag { yes: "s.complete_at is not null", no: "s.complete_at is null" },
        },
        Column { name: "complete_at", sql: "s.complete_at", kind: Kind::Time },
        Column { name: "external_idstring", sql: "s.external_idstring", kind: Kind::Text },
        Column { name: "parent_buildid", sql: "s.parent_build_id", kind: Kind::Int },
        Column { name: "parent_relationship", sql: "s.parent_relationship", kind: Kind::Text },
        Column { name: "reason", sql: "s.reason", kind: Kind::Text },
        Column { name: "rebuilt_buildid", sql: "s.rebuilt_build_id", kind: Kind::Int },
        Column { name: "results", sql: "coalesce(s.results, -1)", kind: Kind::Int },
        Column { name: "sourcestamps", sql: "s.id", kind: Kind::Filled },
        Column { name: "submitted_at", sql: "s.submitted_at", kind: Kind::Time },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "s.id = ?";
}

/// The requests of a buildset that have no result.
///
/// # Errors
/// What the database refuses.
pub fn open_requests(conn: &Conn<'_>, id: BuildsetId) -> Result<Vec<RequestId>> {
    conn.query(
        "select id from buildrequests where buildset_id = $1 and complete_at is null order by id",
        params![id],
        |r| Ok(RequestId(r.int(0)?)),
    )
}

/// The first request of a buildset.
///
/// # Errors
/// What the database refuses.
pub fn first_request(conn: &Conn<'_>, id: BuildsetId) -> Result<Option<RequestId>> {
    conn.query_opt(
        "select id from buildrequests where buildset_id = $1 order by id limit 1",
        params![id],
        |r| Ok(RequestId(r.int(0)?)),
    )
}

/// The buildset of a request.
///
/// # Errors
/// What the database refuses.
pub fn of_request(conn: &Conn<'_>, id: RequestId) -> Result<Option<BuildsetId>> {
    conn.query_opt("select buildset_id from buildrequests where id = $1", params![id], |r| {
        Ok(BuildsetId(r.int(0)?))
    })
}
