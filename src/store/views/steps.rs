//! Steps for the data API.

use std::collections::BTreeMap;

use crate::base::clock::Timestamp;
use crate::base::id::LogId;
use crate::base::results::Results;
use crate::model::step::Fault;
use crate::params;
use crate::store::conn::{Conn, Result};
use crate::store::page::{Column, Kind, Table};

/// `steps`.
pub static TABLE: Table = Table {
    plural: "steps",
    from: "steps s",
    id: "s.id",
    columns: &[
        Column { name: "buildid", sql: "s.build_id", kind: Kind::Int },
        Column {
            name: "complete",
            sql: "(s.complete_at is not null)",
            kind: Kind::Flag { yes: "s.complete_at is not null", no: "s.complete_at is null" },
        },
        Column { name: "complete_at", sql: "s.complete_at", kind: Kind::Time },
        Column { name: "hidden", sql: "s.hidden", kind: Kind::Bool },
        Column { name: "locks_acquired_at", sql: "s.locks_acquired_at", kind: Kind::Time },
        Column { name: "name", sql: "s.name", kind: Kind::Text },
        Column { name: "number", sql: "s.number", kind: Kind::Int },
        Column { name: "results", sql: "s.results", kind: Kind::Int },
        Column { name: "started_at", sql: "s.started_at", kind: Kind::Time },
        Column { name: "state_string", sql: "s.state_string", kind: Kind::Text },
        Column { name: "stepid", sql: "s.id", kind: Kind::Int },
        Column { name: "urls", sql: "s.urls", kind: Kind::Json },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "s.id = ?";
    /// Those of this build.
    pub const OF_BUILD: &str = "s.build_id = ?";
    /// Those of the build (builder, number).
    pub const OF_BUILDER_BUILD: &str =
        "s.build_id = (select b.id from builds b where b.builder_id = ? and b.number = ?)";
    /// Those of the build (name of the builder, number).
    pub const OF_NAMED_BUILD: &str = "s.build_id = (select b.id from builds b join builders d on d.id = b.builder_id where \
        d.name = ? and b.number = ?)";
    /// The one with this number.
    pub const NUMBER: &str = "s.number = ?";
    /// The one of this name.
    pub const NAME: &str = "s.name = ?";
}

/// A step as the page of its build shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// Number within the build.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it had its locks.
    pub locks_acquired_at: Option<Timestamp>,
    /// When it ended.
    pub complete_at: Option<Timestamp>,
    /// How.
    pub results: Option<Results>,
    /// What it says of itself.
    pub state: String,
    /// Links: (name, URL).
    pub urls: Vec<(String, String)>,
    /// Whose fault it is that it did not do its work.
    pub fault: Option<Fault>,
    /// The group of steps that it stands in.
    pub group: Option<String>,
    /// Its position in the factory, from 0; none = it was added while the build ran.
    pub place: Option<i64>,
    /// What it has counted, by name.
    pub statistics: BTreeMap<String, f64>,
    /// Hidden unless somebody asks.
    pub hidden: bool,
    /// Its logs.
    pub logs: Vec<ShownLog>,
}

/// A log as the page of its build shows it.
#[derive(Clone, Debug)]
pub struct ShownLog {
    /// Row id.
    pub id: LogId,
    /// Its name.
    pub name: String,
    /// Its name in paths.
    pub slug: String,
    /// Lines so far.
    pub num_lines: i64,
    /// Whether nothing more will come.
    pub is_complete: bool,
}

#[derive(serde::Deserialize)]
struct Link {
    name: String,
    url: String,
}

/// The steps of a build with their logs, in order.
///
/// # Errors
/// What the database refuses.
pub fn of_build(conn: &Conn<'_>, build: i64) -> Result<Vec<Shown>> {
    let mut steps: Vec<Shown> = Vec::new();
    conn.query(
        "select s.id, s.number, s.name, s.started_at, s.locks_acquired_at, s.complete_at, s.results, \
         s.state_string, s.urls, s.hidden, l.id, l.name, l.slug, l.num_lines, l.complete, \
         coalesce(s.statistics, '{}'), s.fault, s.step_group, s.place \
         from steps s left join logs l on l.step_id = s.id where s.build_id = $1 \
         order by s.number, l.id",
        params![build],
        |r| {
            let id = r.int(0)?;
            if steps.last().is_none_or(|step| step.id != id) {
                let links: Vec<Link> = r.json(8)?;
                steps.push(Shown {
                    id,
                    number: r.int(1)?,
                    name: r.text(2)?,
                    started_at: r.opt_time(3)?,
                    locks_acquired_at: r.opt_time(4)?,
                    complete_at: r.opt_time(5)?,
                    results: r.opt_results(6)?,
                    state: r.text(7)?,
                    urls: links.into_iter().map(|l| (l.name, l.url)).collect(),
                    fault: r.opt_text(16)?.as_deref().and_then(Fault::from_word),
                    group: r.opt_text(17)?,
                    place: r.opt_int(18)?,
                    statistics: r.json(15)?,
                    hidden: r.bool(9)?,
                    logs: Vec::new(),
                });
            }
            if let (Some(log), Some(step)) = (r.opt_int(10)?, steps.last_mut()) {
                step.logs.push(ShownLog {
                    id: LogId(log),
                    name: r.text(11)?,
                    slug: r.text(12)?,
                    num_lines: r.int(13)?,
                    is_complete: r.bool(14)?,
                });
            }
            Ok(())
        },
    )?;
    Ok(steps)
}
