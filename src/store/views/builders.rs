//! Builders: the data API's table, and what the pages of all and of one show.

use crate::params;
use crate::store::conn::{Conn, Result, Row};
use crate::store::page::{Column, Kind, Table};

/// `builders`. One that is not configured any more has no master.
pub static TABLE: Table = Table {
    plural: "builders",
    from: "builders b",
    id: "b.id",
    columns: &[
        Column { name: "builderid", sql: "b.id", kind: Kind::Int },
        Column { name: "description", sql: "b.description", kind: Kind::Text },
        Column { name: "description_format", sql: "null", kind: Kind::Text },
        Column { name: "description_html", sql: "null", kind: Kind::Text },
        Column {
            name: "masterids",
            sql: "(select min(m.id) from masters m where m.active = 1 and b.position <> -1)",
            kind: Kind::Ids,
        },
        Column { name: "name", sql: "b.name", kind: Kind::Text },
        Column { name: "projectid", sql: "null", kind: Kind::Int },
        Column { name: "tags", sql: "b.tags", kind: Kind::Texts },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "b.id = ?";
    /// The one of this name.
    pub const NAME: &str = "b.name = ?";
    /// Those configured on this master.
    pub const OF_MASTER: &str =
        "b.position <> -1 and exists (select 1 from masters m where m.id = ? and m.active = 1)";
    /// Those that this worker can build.
    pub const OF_WORKER: &str = "b.position >= 0 and b.id in (select j.builder_id from builder_workers j where \
        j.worker_id = ?)";
}

/// A builder's name.
///
/// # Errors
/// What the database refuses.
pub fn name(conn: &Conn<'_>, id: i64) -> Result<Option<String>> {
    conn.query_opt("select name from builders where id = $1", params![id], |r| r.text(0))
}

/// A builder as a page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Words about it.
    pub description: Option<String>,
    /// Its labels.
    pub tags: Vec<String>,
    /// Whether the configuration still has it; a virtual one lives by its builds.
    pub is_configured: bool,
    /// How many requests wait.
    pub waiting: i64,
    /// How many workers can build it.
    pub workers: i64,
    /// Those of them that are connected.
    pub connected: i64,
}

pub(super) const SHOWN: &str = "select b.id, b.name, b.description, b.tags, b.position, \
     (select count(*) from buildrequests q where q.builder_id = b.id and q.complete_at is null \
     and q.claimed_at is null), \
     (select count(*) from builder_workers j where j.builder_id = b.id), \
     (select count(*) from builder_workers j join workers w on w.id = j.worker_id \
     where j.builder_id = b.id and w.connected_since is not null) from builders b";

fn shown(r: &Row<'_>) -> Result<Shown> {
    Ok(Shown {
        id: r.int(0)?,
        name: r.text(1)?,
        description: r.opt_text(2)?,
        tags: r.json(3)?,
        is_configured: r.int(4)? != -1,
        waiting: r.int(5)?,
        workers: r.int(6)?,
        connected: r.int(7)?,
    })
}

/// Every configured builder, in the order of the configuration, and then the virtual ones.
///
/// # Errors
/// What the database refuses.
pub fn configured(conn: &Conn<'_>) -> Result<Vec<Shown>> {
    conn.query(
        &format!("{SHOWN} where b.position <> -1 order by b.position = -2, b.position, b.name"),
        params![],
        shown,
    )
}

/// One builder, also one that is not configured any more.
///
/// # Errors
/// What the database refuses.
pub fn one(conn: &Conn<'_>, id: i64) -> Result<Option<Shown>> {
    conn.query_opt(&format!("{SHOWN} where b.id = $1"), params![id], shown)
}
