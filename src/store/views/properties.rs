//! Properties for the data API: of builds (rows) and of buildsets (JSON).

use crate::store::conn::{Conn, Result, Value};
use crate::store::page::{self, Column, Kind, Table};

/// The `_properties` of builds, one row each; the value is JSON text.
pub static TABLE: Table = Table {
    plural: "_properties",
    from: "build_properties p",
    id: "p.name",
    columns: &[
        Column { name: "name", sql: "p.name", kind: Kind::Text },
        Column { name: "source", sql: "p.source", kind: Kind::Text },
        Column { name: "value", sql: "p.value", kind: Kind::Text },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// Those of this build.
    pub const OF_BUILD: &str = "p.build_id = ?";
    /// Those of the build (builder, number).
    pub const OF_BUILDER_BUILD: &str =
        "p.build_id = (select b.id from builds b where b.builder_id = ? and b.number = ?)";
}

/// A property of something: its id, the name, the value's JSON text, the source.
pub type Owned = (i64, String, String, String);

/// Properties of several builds, those called `names` or all.
///
/// # Errors
/// What the database refuses.
pub fn of_builds(conn: &Conn<'_>, builds: &[i64], names: Option<&[String]>) -> Result<Vec<Owned>> {
    let more: Vec<Value> = names.unwrap_or_default().iter().map(Value::from).collect();
    let chosen = if names.is_some() { " and p.name in ({more})" } else { "" };
    let sql = format!(
        "select p.build_id, p.name, p.value, p.source from build_properties p \
         where p.build_id in ({{ids}}){chosen}"
    );
    page::by_ids(conn, &sql, builds, &more, |r| Ok((r.int(0)?, r.text(1)?, r.text(2)?, r.text(3)?)))
}

/// The properties of several buildsets, as JSON text of name to [value, source].
///
/// # Errors
/// What the database refuses.
pub fn of_buildsets(conn: &Conn<'_>, buildsets: &[i64]) -> Result<Vec<(i64, String)>> {
    let sql = "select s.id, s.properties from buildsets s where s.id in ({ids})";
    page::by_ids(conn, sql, buildsets, &[], |r| Ok((r.int(0)?, r.text(1)?)))
}

/// The properties of several changes, as JSON text of name to value.
///
/// # Errors
/// What the database refuses.
pub fn of_changes(conn: &Conn<'_>, changes: &[i64]) -> Result<Vec<(i64, String)>> {
    let sql = "select c.id, c.properties from changes c where c.id in ({ids})";
    page::by_ids(conn, sql, changes, &[], |r| Ok((r.int(0)?, r.text(1)?)))
}

/// The properties of a build, by name: (name, value as JSON text, source).
///
/// # Errors
/// What the database refuses.
pub fn of_build(conn: &Conn<'_>, build: i64) -> Result<Vec<(String, String, String)>> {
    conn.query(
        "select p.name, p.value, p.source from build_properties p where p.build_id = $1 \
         order by p.name",
        &[Value::Int(build)],
        |r| Ok((r.text(0)?, r.text(1)?, r.text(2)?)),
    )
}
