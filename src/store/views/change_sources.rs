//! Change sources for the data API.

use crate::store::page::{Column, Kind, Table};

/// `changesources`; `error`, `kind` and `polled_at` are ours.
pub static TABLE: Table = Table {
    plural: "changesources",
    from: "change_sources o",
    id: "o.id",
    columns: &[
        Column { name: "changesourceid", sql: "o.id", kind: Kind::Int },
        Column { name: "error", sql: "o.error", kind: Kind::Text },
        Column { name: "kind", sql: "o.kind", kind: Kind::Text },
        Column {
            name: "master",
            sql: "(select min(m.id) from masters m where m.active = 1 and o.configured = 1)",
            kind: Kind::Filled,
        },
        Column { name: "name", sql: "o.name", kind: Kind::Text },
        Column { name: "polled_at", sql: "o.polled_at", kind: Kind::Time },
    ],
};

/// Places at which they are listed; `?` takes the path's parameters in order.
pub mod scope {
    /// The one with this id.
    pub const ID: &str = "o.id = ?";
    /// Those configured on this master.
    pub const OF_MASTER: &str = "o.configured = 1 and exists (select 1 from masters m where m.id = ? and m.active = \
        1)";
}
