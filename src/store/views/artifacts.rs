//! Artifacts for the data API.

use crate::store::page::{Column, Kind, Table};

/// `artifacts`.
pub static TABLE: Table = Table {
    plural: "artifacts",
    from: "artifacts a",
    id: "a.id",
    columns: &[
        Column { name: "artifactid", sql: "a.id", kind: Kind::Int },
        Column { name: "branch", sql: "a.branch", kind: Kind::Text },
        Column { name: "builderid", sql: "a.builder_id", kind: Kind::Int },
        Column { name: "buildid", sql: "a.build_id", kind: Kind::Int },
        Column { name: "created_at", sql: "a.created_at", kind: Kind::Time },
        Column { name: "expires_at", sql: "a.expires_at", kind: Kind::Time },
        Column { name: "name", sql: "a.name", kind: Kind::Text },
        Column { name: "sha256", sql: "a.sha256", kind: Kind::Text },
        Column { name: "size", sql: "a.size", kind: Kind::Int },
        Column { name: "step_name", sql: "a.step", kind: Kind::Text },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "a.id = ?";
    /// Those of this build.
    pub const OF_BUILD: &str = "a.build_id = ?";
    /// Those of the builds of this builder.
    pub const OF_BUILDER: &str = "a.builder_id = ?";
    /// Those of the build (builder, number).
    pub const OF_BUILDER_BUILD: &str =
        "a.build_id = (select b.id from builds b where b.builder_id = ? and b.number = ?)";
}
