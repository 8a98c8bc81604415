//! `scheduler_states`: what a scheduler that is written in Lua remembers over restarts and reloads,
//! and when it wants to be called.

use serde_json::Value as Json;

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::SchedulerId;
use crate::params;

/// What a scheduler remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Whatever its functions keep.
    pub state: Json,
    /// When it wants to be called; none = never.
    pub next_at: Option<Timestamp>,
    /// How often its timer has failed in a row.
    pub failures: u32,
    /// What failed last.
    pub error: Option<String>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { state: Json::Object(Default::default()), next_at: None, failures: 0, error: None }
    }
}

/// What a scheduler remembers; none = it has never been called.
///
/// # Errors
/// What the database refuses.
pub fn of(conn: &Conn<'_>, scheduler: SchedulerId) -> Result<Option<Memory>> {
    conn.query_opt(
        "select state, next_at, failures, error from scheduler_states where scheduler_id = $1",
        params![scheduler],
        |r| {
            Ok(Memory {
                state: r.json(0)?,
                next_at: r.opt_time(1)?,
                failures: u32::try_from(r.int(2)?).unwrap_or(0),
                error: r.opt_text(3)?,
            })
        },
    )
}

/// Remembers.
///
/// # Errors
/// What the database refuses.
pub fn save(conn: &Conn<'_>, scheduler: SchedulerId, memory: &Memory) -> Result<()> {
    conn.execute(
        "insert into scheduler_states (scheduler_id, state, next_at, failures, error) \
         values ($1, $2, $3, $4, $5) on conflict (scheduler_id) do update set state = excluded.state, \
         next_at = excluded.next_at, failures = excluded.failures, error = excluded.error",
        params![
            scheduler,
            memory.state.clone(),
            memory.next_at,
            memory.failures,
            memory.error.as_deref()
        ],
    )?;
    Ok(())
}

/// Every timer of a scheduler that is configured and switched on: (scheduler, name, when), the
/// nearest first.
///
/// # Errors
/// What the database refuses.
pub fn timers(conn: &Conn<'_>) -> Result<Vec<(SchedulerId, String, Timestamp)>> {
    conn.query(
        "select t.scheduler_id, s.name, t.next_at from scheduler_states t \
         join schedulers s on s.id = t.scheduler_id \
         where t.next_at is not null and s.configured = 1 and s.enabled = 1 order by t.next_at",
        params![],
        |r| Ok((SchedulerId(r.int(0)?), r.text(1)?, r.time(2)?)),
    )
}
