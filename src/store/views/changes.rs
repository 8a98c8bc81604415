//! Changes: the data API's table, and what their page shows.

use std::collections::BTreeMap;

use crate::base::clock::Timestamp;
use crate::params;
use crate::store::conn::{Conn, Result, Row};
use crate::store::page::{Column, Kind, Table};

/// `changes`.
pub static TABLE: Table = Table {
    plural: "changes",
    from: "changes c",
    id: "c.id",
    columns: &[
        Column { name: "author", sql: "c.author", kind: Kind::Text },
        Column { name: "branch", sql: "c.branch", kind: Kind::Text },
        Column { name: "category", sql: "c.category", kind: Kind::Text },
        Column { name: "changeid", sql: "c.id", kind: Kind::Int },
        Column { name: "codebase", sql: "c.codebase", kind: Kind::Text },
        Column { name: "comments", sql: "c.comments", kind: Kind::Text },
        Column { name: "committer", sql: "c.committer", kind: Kind::Text },
        Column { name: "files", sql: "c.files", kind: Kind::Texts },
        Column { name: "parent_changeids", sql: "c.parent_id", kind: Kind::Ids },
        Column { name: "project", sql: "c.project", kind: Kind::Text },
        Column { name: "properties", sql: "c.id", kind: Kind::Filled },
        Column { name: "repository", sql: "c.repository", kind: Kind::Text },
        Column { name: "revision", sql: "c.revision", kind: Kind::Text },
        Column { name: "revlink", sql: "c.revlink", kind: Kind::Text },
        Column { name: "sourcestamp", sql: "c.sourcestamp_id", kind: Kind::Filled },
        Column { name: "when_timestamp", sql: "c.when_timestamp", kind: Kind::Time },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "c.id = ?";
    /// Those with this sourcestamp.
    pub const OF_STAMP: &str = "c.sourcestamp_id = ?";
    /// Those that this build was made of.
    pub const OF_BUILD: &str = "c.id in (select j.change_id from buildset_changes j join buildrequests q on \
        q.buildset_id = j.buildset_id join builds b on b.request_id = q.id where b.id = ?)";
    /// Those that the build (builder, number) was made of.
    pub const OF_BUILDER_BUILD: &str = "c.id in (select j.change_id from buildset_changes j join buildrequests q on \
        q.buildset_id = j.buildset_id join builds b on b.request_id = q.id where \
        b.builder_id = ? and b.number = ?)";
}

/// A change as a page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Row id.
    pub id: i64,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub comments: String,
    /// When it was made.
    pub when: Timestamp,
    /// Its branch.
    pub branch: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// A page that shows it.
    pub revlink: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Its project, or else its repository.
    pub project: String,
    /// The files it touches.
    pub files: Vec<String>,
    /// What each scheduler made of it.
    pub verdicts: BTreeMap<String, String>,
}

const SHOWN: &str = "c.id, c.author, c.comments, c.when_timestamp, c.branch, c.revision, c.revlink, \
     c.category, c.project, c.repository, c.files, c.verdicts";

fn shown(r: &Row<'_>) -> Result<Shown> {
    let (project, repository) = (r.text(8)?, r.text(9)?);
    Ok(Shown {
        id: r.int(0)?,
        author: r.text(1)?,
        comments: r.text(2)?,
        when: r.time(3)?,
        branch: r.opt_text(4)?,
        revision: r.opt_text(5)?,
        revlink: r.opt_text(6)?,
        category: r.opt_text(7)?,
        project: if project.is_empty() { repository } else { project },
        files: r.json(10)?,
        verdicts: r.json(11)?,
    })
}

/// The changes below id `before`, newest first.
///
/// # Errors
/// What the database refuses.
pub fn newest(conn: &Conn<'_>, before: i64, limit: i64) -> Result<Vec<Shown>> {
    conn.query(
        &format!("select {SHOWN} from changes c where c.id < $1 order by c.id desc limit $2"),
        params![before, limit],
        shown,
    )
}

/// The changes that a buildset was made of, oldest first.
///
/// # Errors
/// What the database refuses.
pub fn of_buildset(conn: &Conn<'_>, buildset: i64) -> Result<Vec<Shown>> {
    conn.query(
        &format!(
            "select {SHOWN} from changes c join buildset_changes j on j.change_id = c.id \
             where j.buildset_id = $1 order by c.id"
        ),
        params![buildset],
        shown,
    )
}
