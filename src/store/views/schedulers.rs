//! Schedulers for the data API.

use crate::params;
use crate::store::conn::{Conn, Result};
use crate::store::page::{Column, Kind, Table};

/// `schedulers`.
pub static TABLE: Table = Table {
    plural: "schedulers",
    from: "schedulers h",
    id: "h.id",
    columns: &[
        Column { name: "enabled", sql: "h.enabled", kind: Kind::Bool },
        Column {
            name: "master",
            sql: "(select min(m.id) from masters m where m.active = 1 and h.configured = 1)",
            kind: Kind::Filled,
        },
        Column { name: "name", sql: "h.name", kind: Kind::Text },
        Column { name: "schedulerid", sql: "h.id", kind: Kind::Int },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "h.id = ?";
    /// Those configured on this master.
    pub const OF_MASTER: &str = "h.configured = 1 and exists (select 1 from masters m where m.id = ? and m.active = \
        1)";
}

/// Name and whether it is switched on, of every configured force scheduler.
///
/// # Errors
/// What the database refuses.
pub fn forces(conn: &Conn<'_>) -> Result<Vec<(String, bool)>> {
    conn.query(
        "select h.name, h.enabled from schedulers h where h.kind = 'force' and h.configured = 1",
        params![],
        |r| Ok((r.text(0)?, r.bool(1)?)),
    )
}
