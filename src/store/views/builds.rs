//! Builds: the data API's table, and what the page of one shows.

use crate::store::page::{Column, Kind, Table};

/// `builds`.
pub static TABLE: Table = Table {
    plural: "builds",
    from: "builds b",
    id: "b.id",
    columns: &[
        Column { name: "builderid", sql: "b.builder_id", kind: Kind::Int },
        Column { name: "buildid", sql: "b.id", kind: Kind::Int },
        Column { name: "buildrequestid", sql: "b.request_id", kind: Kind::Int },
        Column { name: "complete", sql: "(b.complete_at is not null)", kind: Kind::Flag { yes: "b.complete_at is not null", no: "b.complete_at is null" } },
        Column { name: "complete_at", sql: "b.complete_at", kind: Kind::Time },
        Column { name: "locks_duration_s", sql: "b.locks_duration / 1000000", kind: Kind::Int },
        Column { name: "masterid", sql: "b.master_id", kind: Kind::Int },
        Column { name: "number", sql: "b.number", kind: Kind::Int },
        Column { name: "properties", sql: "b.id", kind: Kind::Filled },
        Column { name: "results", sql: "b.results", kind: Kind::Int },
        Column { name: "started_at", sql: "b.started_at", kind: Kind::Time },
        Column { name: "state_string", sql: "b.state_string", kind: Kind::Text },
        Column { name: "workerid", sql: "b.worker_id", kind: Kind::Int },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "b.id = ?";
    /// Those of this builder.
    pub const OF_BUILDER: &str = "b.builder_id = ?";
    /// Those of the builder of this name.
    pub const OF_BUILDER_NAME: &str = "b.builder_id = (select d.id from builders d where d.name = ?)";
    /// The one with this number in its builder.
    pub const NUMBER: &str = "b.number = ?";
    /// The attempts at this request.
    pub const OF_REQUEST: &str = "b.request_id = ?";
    /// Those on this worker.
    pub const OF_WORKER: &str = "b.worker_id = ?";
    /// Those of the source of this change.
    pub const OF_CHANGE: &str = "b.request_id in (select q.id from buildrequests q join buildset_sourcestamps j on \
        j.buildset_id = q.buildset_id join changes c on c.sourcestamp_id = j.sourcestamp_id \
        where c.id = ?)";
    /// Those that this build started.
    pub const TRIGGERED_BY: &str = "b.request_id in (select q.id from buildrequests q join buildsets s on s.id = \
        q.buildset_id where s.parent_build_id = ?)";
}
