//! Build requests: the data API's table, and what a request's page shows.

use crate::store::page::{Column, Kind, Table};

/// `buildrequests`. Not claimed means pending: neither claimed nor complete.
pub static TABLE: Table = Table {
    plural: "buildrequests",
    from: "buildrequests q",
    id: "q.id",
    columns: &[
        Column { name: "builderid", sql: "q.builder_id", kind: Kind::Int },
        Column { name: "buildrequestid", sql: "q.id", kind: Kind::Int },
        Column { name: "buildsetid", sql: "q.buildset_id", kind: Kind::Int },
        Column { name: "claimed", sql: "(q.claimed_at is not null)", kind: Kind::Flag { yes: "q.claimed_at is not null", no: "q.claimed_at is null and q.complete_at is null" } },
        Column { name: "claimed_at", sql: "q.claimed_at", kind: Kind::Time },
        Column { name: "claimed_by_masterid", sql: "q.claimed_by_master_id", kind: Kind::Int },
        Column { name: "complete", sql: "(q.complete_at is not null)", kind: Kind::Flag { yes: "q.complete_at is not null", no: "q.complete_at is null" } },
        Column { name: "complete_at", sql: "q.complete_at", kind: Kind::Time },
        Column { name: "priority", sql: "q.priority", kind: Kind::Int },
        Column { name: "properties", sql: "q.buildset_id", kind: Kind::Filled },
        Column { name: "results", sql: "coalesce(q.results, -1)", kind: Kind::Int },
        Column { name: "submitted_at", sql: "q.submitted_at", kind: Kind::Time },
        Column { name: "waited_for", sql: "q.waited_for", kind: Kind::Bool },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "q.id = ?";
    /// Those of this builder.
    pub const OF_BUILDER: &str = "q.builder_id = ?";
}
