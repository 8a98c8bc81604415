//! Sourcestamps for the data API, alone and inside buildsets and changes.

use crate::store::conn::{Conn, Result, Value};
use crate::store::page::{self, Column, Kind, Table};

/// `sourcestamps`.
pub static TABLE: Table = Table {
    plural: "sourcestamps",
    from: "sourcestamps p",
    id: "p.id",
    columns: &[
        Column { name: "branch", sql: "p.branch", kind: Kind::Text },
        Column { name: "codebase", sql: "p.codebase", kind: Kind::Text },
        Column { name: "created_at", sql: "p.created_at", kind: Kind::Time },
        Column {
            name: "patch",
            sql: "coalesce((select '{\"patchid\":' || t.id || ',' || substr(t.shown, 2) \
                from patches t where t.id = p.patch_id), 'null')",
            kind: Kind::Json,
        },
        Column { name: "project", sql: "p.project", kind: Kind::Text },
        Column { name: "repository", sql: "p.repository", kind: Kind::Text },
        Column { name: "revision", sql: "p.revision", kind: Kind::Text },
        Column { name: "ssid", sql: "p.id", kind: Kind::Int },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "p.id = ?";
    /// Those of this buildset.
    pub const OF_BUILDSET: &str = "p.id in (select j.sourcestamp_id from buildset_sourcestamps j where j.buildset_id = \
        ?)";
}

/// The sourcestamps of several buildsets: (buildset, the columns of [`TABLE`]).
///
/// # Errors
/// What the database refuses.
pub fn of_buildsets(conn: &Conn<'_>, buildsets: &[i64]) -> Result<Vec<(i64, Vec<Value>)>> {
    keyed(
        conn,
        "select j.buildset_id, {columns} from buildset_sourcestamps j \
         join sourcestamps p on p.id = j.sourcestamp_id where j.buildset_id in ({ids}) \
         order by j.buildset_id, p.id",
        buildsets,
    )
}

/// Several sourcestamps: (id, the columns of [`TABLE`]).
///
/// # Errors
/// What the database refuses.
pub fn by_ids(conn: &Conn<'_>, ids: &[i64]) -> Result<Vec<(i64, Vec<Value>)>> {
    keyed(conn, "select p.id, {columns} from sourcestamps p where p.id in ({ids})", ids)
}

fn keyed(conn: &Conn<'_>, sql: &str, ids: &[i64]) -> Result<Vec<(i64, Vec<Value>)>> {
    let columns: Vec<&str> = TABLE.columns.iter().map(|c| c.sql).collect();
    page::by_ids(conn, &sql.replace("{columns}", &columns.join(", ")), ids, &[], |r| {
        let values = (1..=TABLE.columns.len()).map(|i| r.value(i)).collect::<Result<_>>()?;
        Ok((r.int(0)?, values))
    })
}
