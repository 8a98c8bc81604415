//! Builders: the data API's table, and what the pages of all and of one show.

use crate::params;
use crate::store::conn::{Conn, Result};
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
        Column { name: "masterids", sql: "(select min(m.id) from masters m where m.active = 1 and b.position >= 0)", kind: Kind::Ids },
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
    pub const OF_MASTER: &str = "b.position >= 0 and exists (select 1 from masters m where m.id = ? and m.active = 1)";
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
