//! How much there is of what, in one look: for `status`.

use super::conn::{Conn, Result};
use crate::params;

/// Numbers of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Builds that have not ended.
    pub builds_running: i64,
    /// Requests that nobody builds.
    pub requests_waiting: i64,
    /// Workers that are connected.
    pub workers_connected: i64,
    /// Workers in the configuration.
    pub workers_configured: i64,
    /// Messages to the world that have not left.
    pub messages_waiting: i64,
}

/// Counts.
///
/// # Errors
/// What the database refuses.
pub fn now(conn: &Conn<'_>) -> Result<Counts> {
    conn.query_one(
        "select (select count(*) from builds where complete_at is null), \
         (select count(*) from buildrequests where complete_at is null and claimed_at is null), \
         (select count(*) from workers where connected_since is not null), \
         (select count(*) from workers where configured = 1), \
         (select count(*) from outbox where state = 'waiting')",
        params![],
        |r| {
            Ok(Counts {
                builds_running: r.int(0)?,
                requests_waiting: r.int(1)?,
                workers_connected: r.int(2)?,
                workers_configured: r.int(3)?,
                messages_waiting: r.int(4)?,
            })
        },
    )
}
