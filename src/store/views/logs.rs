//! Logs: the data API's table, where a log belongs, and its last lines for the pages.

use crate::base::id::LogId;
use crate::store::conn::{Conn, Result, Value};
use crate::store::page::{Column, Kind, Scope, Table};

/// `logs`.
pub static TABLE: Table = Table {
    plural: "logs",
    from: "logs l",
    id: "l.id",
    columns: &[
        Column {
            name: "complete",
            sql: "l.complete",
            kind: Kind::Flag { yes: "l.complete = 1", no: "l.complete = 0" },
        },
        Column { name: "logid", sql: "l.id", kind: Kind::Int },
        Column { name: "name", sql: "l.name", kind: Kind::Text },
        Column { name: "num_lines", sql: "l.num_lines", kind: Kind::Int },
        Column { name: "slug", sql: "l.slug", kind: Kind::Text },
        Column { name: "stepid", sql: "l.step_id", kind: Kind::Int },
        Column { name: "type", sql: "l.kind", kind: Kind::Text },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "l.id = ?";
    /// Those of this step.
    pub const OF_STEP: &str = "l.step_id = ?";
    /// The one of this slug.
    pub const SLUG: &str = "l.slug = ?";
    /// Those of the step (build, number).
    pub const OF_BUILD_STEP: &str =
        "l.step_id = (select s.id from steps s where s.build_id = ? and s.number = ?)";
    /// Those of the step (build, name).
    pub const OF_BUILD_STEP_NAME: &str =
        "l.step_id = (select s.id from steps s where s.build_id = ? and s.name = ?)";
    /// Those of the step (builder, build number, number).
    pub const OF_BUILDER_STEP: &str = "l.step_id = (select s.id from steps s join builds b on b.id = s.build_id where \
        b.builder_id = ? and b.number = ? and s.number = ?)";
    /// Those of the step (builder, build number, name).
    pub const OF_BUILDER_STEP_NAME: &str = "l.step_id = (select s.id from steps s join builds b on b.id = s.build_id where \
        b.builder_id = ? and b.number = ? and s.name = ?)";
    /// Those of the step (name of the builder, build number, number).
    pub const OF_NAMED_STEP: &str = "l.step_id = (select s.id from steps s join builds b on b.id = s.build_id join \
        builders d on d.id = b.builder_id where d.name = ? and b.number = ? and s.number = \
        ?)";
    /// Those of the step (name of the builder, build number, name).
    pub const OF_NAMED_STEP_NAME: &str = "l.step_id = (select s.id from steps s join builds b on b.id = s.build_id join \
        builders d on d.id = b.builder_id where d.name = ? and b.number = ? and s.name = ?)";
}

/// A log and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub log: LogId,
    /// Its name in paths.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// `s`, `t` or `h`.
    pub kind: String,
    /// Whether nothing more will come.
    pub is_complete: bool,
    /// How many lines there are so far.
    pub num_lines: i64,
    /// Its step's name.
    pub step: String,
    /// Its step's number.
    pub step_number: i64,
    /// Its build.
    pub build: i64,
    /// Its build's number.
    pub number: i64,
    /// Its builder's id.
    pub builder_id: i64,
    /// Its builder's name.
    pub builder: String,
    /// Where it came from.
    pub worker: String,
}

/// The log at `scope`.
///
/// # Errors
/// What the database refuses.
pub fn place(conn: &Conn<'_>, scope: &Scope) -> Result<Option<Place>> {
    let mut n = 0;
    let mut conditions = String::new();
    for c in scope.conditions.join(" and ").chars() {
        if c == '?' {
            n += 1;
            conditions.push_str(&format!("${n}"));
        } else {
            conditions.push(c);
        }
    }
    let values: &[Value] = &scope.values;
    conn.query_opt(
        &format!(
            "select l.id, l.slug, l.name, l.kind, l.complete, l.num_lines, s.name, s.number, b.id, \
             b.number, d.id, d.name, w.name from logs l join steps s on s.id = l.step_id \
             join builds b on b.id = s.build_id join builders d on d.id = b.builder_id \
             join workers w on w.id = b.worker_id where {conditions}"
        ),
        values,
        |r| {
            Ok(Place {
                log: LogId(r.int(0)?),
                slug: r.text(1)?,
                name: r.text(2)?,
                kind: r.text(3)?,
                is_complete: r.bool(4)?,
                num_lines: r.int(5)?,
                step: r.text(6)?,
                step_number: r.int(7)?,
                build: r.int(8)?,
                number: r.int(9)?,
                builder_id: r.int(10)?,
                builder: r.text(11)?,
                worker: r.text(12)?,
            })
        },
    )
}
