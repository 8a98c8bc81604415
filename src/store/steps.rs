//! `steps`, and `commands`: what they asked of their worker.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::conn::{Conn, Result};
use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, StepId};
use crate::base::results::Results;
use crate::model::step::Fault;
use crate::params;

/// Stores a step that begins now.
///
/// # Errors
/// What the database refuses.
pub fn insert(
    conn: &Conn<'_>,
    build: BuildId,
    number: i64,
    name: &str,
    text: &str,
    now: Timestamp,
) -> Result<StepId> {
    conn.query_one(
        "insert into steps (build_id, number, name, started_at, state_string, urls, hidden) \
         values ($1, $2, $3, $4, $5, '[]', 0) returning id",
        params![build, number, name, now, text],
        |r| Ok(StepId(r.int(0)?)),
    )
}

/// Sets where a step stands: its position in the factory (none = it was added), and its group.
///
/// # Errors
/// What the database refuses.
pub fn set_place(
    conn: &Conn<'_>,
    id: StepId,
    place: Option<usize>,
    group: Option<&str>,
) -> Result<()> {
    let place = place.and_then(|place| i64::try_from(place).ok());
    conn.execute(
        "update steps set place = $1, step_group = $2 where id = $3",
        params![place, group, id],
    )?;
    Ok(())
}

/// A step has its locks; returns how long it waited for them, in microseconds.
///
/// # Errors
/// What the database refuses.
pub fn locked(conn: &Conn<'_>, id: StepId, now: Timestamp) -> Result<i64> {
    conn.query_one(
        "update steps set locks_acquired_at = $1 where id = $2 returning locks_acquired_at - started_at",
        params![now, id],
        |r| r.int(0),
    )
}

/// Sets what a step is doing, in words.
///
/// # Errors
/// What the database refuses.
pub fn set_state(conn: &Conn<'_>, id: StepId, text: &str) -> Result<()> {
    conn.execute("update steps set state_string = $1 where id = $2", params![text, id])?;
    Ok(())
}

/// Sets a step's links, a JSON list of `{name, url}`.
///
/// # Errors
/// What the database refuses.
pub fn set_urls(conn: &Conn<'_>, id: StepId, urls: &Json) -> Result<()> {
    conn.execute("update steps set urls = $1 where id = $2", params![urls.clone(), id])?;
    Ok(())
}

/// Sets what a step has counted, a JSON map of names and numbers.
///
/// # Errors
/// What the database refuses.
pub fn set_statistics(conn: &Conn<'_>, id: StepId, statistics: &Json) -> Result<()> {
    conn.execute(
        "update steps set statistics = $1 where id = $2",
        params![statistics.clone(), id],
    )?;
    Ok(())
}

/// What the steps of a build together have counted, by name.
///
/// # Errors
/// What the database refuses.
pub fn statistics(conn: &Conn<'_>, build: BuildId) -> Result<BTreeMap<String, f64>> {
    let mut out = BTreeMap::new();
    conn.query(
        "select statistics from steps where build_id = $1 and statistics is not null",
        params![build],
        |r| {
            for (name, value) in r.json::<BTreeMap<String, f64>>(0)? {
                *out.entry(name).or_insert(0.0) += value;
            }
            Ok(())
        },
    )?;
    Ok(out)
}

/// Ends a step.
///
/// # Errors
/// What the database refuses.
pub fn finish(
    conn: &Conn<'_>,
    id: StepId,
    (results, fault): (Results, Option<Fault>),
    text: &str,
    hidden: bool,
    now: Timestamp,
) -> Result<()> {
    conn.execute(
        "update steps set complete_at = $1, results = $2, state_string = $3, hidden = $4, fault = $5 \
         where id = $6 and complete_at is null",
        params![now, results, text, hidden, fault.map(Fault::word), id],
    )?;
    Ok(())
}

/// The build of a step, and whether the step is open.
///
/// # Errors
/// What the database refuses.
pub fn place(conn: &Conn<'_>, id: StepId) -> Result<Option<(BuildId, bool)>> {
    conn.query_opt(
        "select build_id, complete_at is null from steps where id = $1",
        params![id],
        |r| Ok((BuildId(r.int(0)?), r.bool(1)?)),
    )
}

/// Ends every open step of a build; returns them.
///
/// # Errors
/// What the database refuses.
pub fn finish_open(
    conn: &Conn<'_>,
    build: BuildId,
    results: Results,
    text: &str,
    now: Timestamp,
) -> Result<Vec<StepId>> {
    conn.query(
        "update steps set complete_at = $1, results = $2, state_string = $3 \
         where build_id = $4 and complete_at is null returning id",
        params![now, results, text, build],
        |r| Ok(StepId(r.int(0)?)),
    )
}

/// Notes that a request goes to the worker on its connection `epoch`.
///
/// # Errors
/// What the database refuses.
pub fn command_sent(
    conn: &Conn<'_>,
    step: StepId,
    seq: i64,
    epoch: i64,
    request: &Json,
) -> Result<()> {
    conn.execute(
        "insert into commands (step_id, seq, epoch, request, state) values ($1, $2, $3, $4, 'sent')",
        params![step, seq, epoch, request.clone()],
    )?;
    Ok(())
}

/// Notes the worker's answer (`complete`) or its silence (`lost`).
///
/// # Errors
/// What the database refuses.
pub fn command_ended(
    conn: &Conn<'_>,
    step: StepId,
    seq: i64,
    state: &str,
    answer: &Json,
) -> Result<()> {
    conn.execute(
        "update commands set state = $1, answer = $2 where step_id = $3 and seq = $4",
        params![state, answer.clone(), step, seq],
    )?;
    Ok(())
}

/// Marks the unanswered requests of a build's steps as lost.
///
/// # Errors
/// What the database refuses.
pub fn commands_lost(conn: &Conn<'_>, build: BuildId) -> Result<()> {
    conn.execute(
        "update commands set state = 'lost' where state = 'sent' \
         and step_id in (select id from steps where build_id = $1)",
        params![build],
    )?;
    Ok(())
}

/// A step as a terminal shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its number within the build, from 0.
    pub number: i64,
    /// Its unique name.
    pub name: String,
    /// What it says.
    pub text: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub complete_at: Option<Timestamp>,
}

/// What a terminal shows of a step.
///
/// # Errors
/// What the database refuses.
pub fn shown(conn: &Conn<'_>, id: StepId) -> Result<Shown> {
    conn.query_one(
        "select number, name, state_string, started_at, complete_at from steps where id = $1",
        params![id],
        |r| {
            Ok(Shown {
                number: r.int(0)?,
                name: r.text(1)?,
                text: r.text(2)?,
                started_at: r.opt_time(3)?,
                complete_at: r.opt_time(4)?,
            })
        },
    )
}
