//! Masters for the data API. There is one, until several share a database.

use crate::store::conn::{Conn, Result, Value};
use crate::store::page::{self, Column, Kind, Table};

/// `masters`.
pub static TABLE: Table = Table {
    plural: "masters",
    from: "masters m",
    id: "m.id",
    columns: &[
        Column { name: "active", sql: "m.active", kind: Kind::Bool },
        Column { name: "last_active", sql: "m.last_active", kind: Kind::Time },
        Column { name: "masterid", sql: "m.id", kind: Kind::Int },
        Column { name: "name", sql: "m.name", kind: Kind::Text },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "m.id = ?";
    /// Those on which this builder is configured.
    pub const OF_BUILDER: &str = "m.active = 1 and exists (select 1 from builders b where b.id = ? and b.position <> \
        -1)";
}

/// Several masters: (id, the columns of [`TABLE`]).
///
/// # Errors
/// What the database refuses.
pub fn by_ids(conn: &Conn<'_>, ids: &[i64]) -> Result<Vec<(i64, Vec<Value>)>> {
    let columns: Vec<&str> = TABLE.columns.iter().map(|c| c.sql).collect();
    let sql = format!("select m.id, {} from masters m where m.id in ({{ids}})", columns.join(", "));
    page::by_ids(conn, &sql, ids, &[], |r| {
        let values = (1..=TABLE.columns.len()).map(|i| r.value(i)).collect::<Result<_>>()?;
        Ok((r.int(0)?, values))
    })
}
