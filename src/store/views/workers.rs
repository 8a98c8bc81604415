//! Workers: the data API's table, and what their page shows.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::params;
use crate::store::conn::{Conn, Result, Row};
use crate::store::page::{self, Column, Kind, Table};

/// `workers`.
pub static TABLE: Table = Table {
    plural: "workers",
    from: "workers w",
    id: "w.id",
    columns: &[
        Column { name: "configured_on", sql: "w.id", kind: Kind::Filled },
        Column {
            name: "connected_to",
            sql: "(select min(m.id) from masters m where m.active = 1 and w.connected_since is not null)",
            kind: Kind::MasterIds,
        },
        Column { name: "graceful", sql: "w.graceful", kind: Kind::Bool },
        Column { name: "name", sql: "w.name", kind: Kind::Text },
        Column { name: "pause_reason", sql: "w.pause_reason", kind: Kind::Text },
        Column { name: "paused", sql: "w.paused", kind: Kind::Bool },
        Column { name: "quarantine_reason", sql: "w.quarantine_reason", kind: Kind::Text },
        Column { name: "quarantined_until", sql: "w.quarantined_until", kind: Kind::Time },
        Column { name: "workerid", sql: "w.id", kind: Kind::Int },
        Column { name: "workerinfo", sql: "w.info", kind: Kind::Json },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "w.id = ?";
    /// The one of this name.
    pub const NAME: &str = "w.name = ?";
    /// Those configured on this master.
    pub const OF_MASTER: &str = "w.configured = 1 and exists (select 1 from masters m where m.id = ? and m.active = \
        1)";
    /// Those that can build this builder.
    pub const OF_BUILDER: &str =
        "w.id in (select j.worker_id from builder_workers j where j.builder_id = ?)";
}

/// Which builders several workers can build: (worker, builder, master).
///
/// # Errors
/// What the database refuses.
pub fn configured_on(conn: &Conn<'_>, workers: &[i64]) -> Result<Vec<(i64, i64, i64)>> {
    let sql = "select j.worker_id, j.builder_id, \
         (select coalesce(min(m.id), 0) from masters m where m.active = 1) from builder_workers j \
         join workers w on w.id = j.worker_id join builders b on b.id = j.builder_id \
         where j.worker_id in ({ids}) and w.configured = 1 and b.position >= 0 \
         order by j.worker_id, j.builder_id";
    page::by_ids(conn, sql, workers, &[], |r| Ok((r.int(0)?, r.int(1)?, r.int(2)?)))
}

/// A worker as a page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it said about itself.
    pub info: BTreeMap<String, Json>,
    /// Since when it is connected; none = it is not.
    pub connected_since: Option<Timestamp>,
    /// When it was last seen.
    pub last_seen: Option<Timestamp>,
    /// It gets no new work.
    pub is_paused: bool,
    /// Why it is paused.
    pub pause_reason: Option<String>,
    /// It ends when it is idle.
    pub is_graceful: bool,
    /// It gets no work until then, if that is still to come.
    pub quarantined_until: Option<Timestamp>,
    /// What went wrong.
    pub quarantine_reason: Option<String>,
    /// Builders that it can build.
    pub builders: i64,
}

const SHOWN: &str = "select w.id, w.name, w.info, w.connected_since, w.last_seen, w.paused, \
     w.pause_reason, w.graceful, \
     (select count(*) from builder_workers j where j.worker_id = w.id), \
     w.quarantined_until, w.quarantine_reason from workers w \
     where w.configured = 1";

fn shown(r: &Row<'_>) -> Result<Shown> {
    Ok(Shown {
        id: r.int(0)?,
        name: r.text(1)?,
        info: r.json(2)?,
        connected_since: r.opt_time(3)?,
        last_seen: r.opt_time(4)?,
        is_paused: r.bool(5)?,
        pause_reason: r.opt_text(6)?,
        is_graceful: r.bool(7)?,
        builders: r.int(8)?,
        quarantined_until: r.opt_time(9)?,
        quarantine_reason: r.opt_text(10)?,
    })
}

/// Every configured worker, by name.
///
/// # Errors
/// What the database refuses.
pub fn configured(conn: &Conn<'_>) -> Result<Vec<Shown>> {
    conn.query(&format!("{SHOWN} order by w.name"), params![], shown)
}

/// The configured workers that are not connected, by name.
///
/// # Errors
/// What the database refuses.
pub fn missing(conn: &Conn<'_>) -> Result<Vec<Shown>> {
    let sql = format!("{SHOWN} and w.connected_since is null order by w.name");
    conn.query(&sql, params![], shown)
}
