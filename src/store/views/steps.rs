//! Steps for the data API.

use crate::store::page::{Column, Kind, Table};

/// `steps`.
pub static TABLE: Table = Table {
    plural: "steps",
    from: "steps s",
    id: "s.id",
    columns: &[
        Column { name: "buildid", sql: "s.build_id", kind: Kind::Int },
        Column { name: "complete", sql: "(s.complete_at is not null)", kind: Kind::Flag { yes: "s.complete_at is not null", no: "s.complete_at is null" } },
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
    pub const OF_BUILDER_BUILD: &str = "s.build_id = (select b.id from builds b where b.builder_id = ? and b.number = ?)";
    /// Those of the build (name of the builder, number).
    pub const OF_NAMED_BUILD: &str = "s.build_id = (select b.id from builds b join builders d on d.id = b.builder_id where \
        d.name = ? and b.number = ?)";
    /// The one with this number.
    pub const NUMBER: &str = "s.number = ?";
    /// The one of this name.
    pub const NAME: &str = "s.name = ?";
}
