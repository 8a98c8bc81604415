//! Schedulers for the data API.

use crate::base::clock::Timestamp;
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

/// A scheduler as a page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// Changes that it has taken and not built yet.
    pub held: usize,
    /// When it last made a buildset.
    pub last_built: Option<Timestamp>,
}

/// Every configured scheduler, by name.
///
/// # Errors
/// What the database refuses.
pub fn configured(conn: &Conn<'_>) -> Result<Vec<Shown>> {
    conn.query(
        "select h.id, h.name, h.kind, h.enabled, \
         (select count(*) from scheduler_changes c where c.scheduler_id = h.id), \
         (select s.submitted_at from buildsets s where s.scheduler_id = h.id \
         order by s.id desc limit 1) from schedulers h where h.configured = 1 order by h.name",
        params![],
        |r| {
            Ok(Shown {
                id: r.int(0)?,
                name: r.text(1)?,
                kind: r.text(2)?,
                is_enabled: r.bool(3)?,
                held: usize::try_from(r.int(4)?).unwrap_or(0),
                last_built: r.opt_time(5)?,
            })
        },
    )
}
