//! Changes: the data API's table, and what their page shows.

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
