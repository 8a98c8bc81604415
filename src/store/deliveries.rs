//! `deliveries`: webhooks as they came, and what became of them.

use std::collections::BTreeSet;

use super::conn::{Conn, Result, Row};
use crate::base::clock::Timestamp;
use crate::base::id::DeliveryId;
use crate::model::delivery::{Delivery, DeliveryState, NewDelivery};
use crate::params;

/// The delivery with the sender's id `guid`, if it is known.
///
/// # Errors
/// What the database refuses.
pub fn find(conn: &Conn<'_>, dialect: &str, guid: &str) -> Result<Option<DeliveryId>> {
    conn.query_opt(
        "select id from deliveries where dialect = $1 and guid = $2",
        params![dialect, guid],
        |r| Ok(DeliveryId(r.int(0)?)),
    )
}

/// Stores a delivery.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, new: &NewDelivery, now: Timestamp) -> Result<DeliveryId> {
    let headers = serde_json::to_value(&new.headers).unwrap_or_default();
    conn.query_one(
        "insert into deliveries (dialect, guid, event, received_at, headers, line, body, state) \
         values ($1, $2, $3, $4, $5, $6, $7, 'stored') returning id",
        params![&new.dialect, &new.guid, &new.event, now, headers, &new.line, new.body.clone()],
        |r| Ok(DeliveryId(r.int(0)?)),
    )
}

/// The oldest delivery that has not been read and is about none of `lines`.
///
/// # Errors
/// What the database refuses.
pub fn next_unread(conn: &Conn<'_>, lines: &BTreeSet<String>) -> Result<Option<Delivery>> {
    let unread = conn.query(
        "select id, line from deliveries where state = 'stored' order by id limit 1000",
        params![],
        |r| Ok((DeliveryId(r.int(0)?), r.text(1)?)),
    )?;
    let Some((id, _)) = unread.into_iter().find(|(_, line)| !lines.contains(line)) else {
        return Ok(None);
    };
    conn.query_opt(
        "select id, received_at, dialect, guid, event, headers, line, body from deliveries where id = $1",
        params![id],
        read,
    )
}

/// Lets a delivery that failed be read again; false when it did not fail.
///
/// # Errors
/// What the database refuses.
pub fn retry(conn: &Conn<'_>, id: DeliveryId) -> Result<bool> {
    let changed = conn.execute(
        "update deliveries set state = 'stored', verdict = null, handled_at = null \
         where id = $1 and state = 'failed'",
        params![id],
    )?;
    Ok(changed == 1)
}

/// Whether a delivery still waits to be read.
///
/// # Errors
/// What the database refuses.
pub fn is_unread(conn: &Conn<'_>, id: DeliveryId) -> Result<bool> {
    let found = conn.query_opt(
        "select id from deliveries where id = $1 and state = 'stored'",
        params![id],
        |r| r.int(0),
    )?;
    Ok(found.is_some())
}

/// Records what became of a delivery.
///
/// # Errors
/// What the database refuses.
pub fn settle(
    conn: &Conn<'_>,
    id: DeliveryId,
    state: DeliveryState,
    verdict: &str,
    now: Timestamp,
) -> Result<()> {
    let state = match state {
        DeliveryState::Stored => "stored",
        DeliveryState::Handled => "handled",
        DeliveryState::Failed => "failed",
    };
    conn.execute(
        "update deliveries set state = $1, verdict = $2, handled_at = $3 where id = $4",
        params![state, verdict, now, id],
    )?;
    Ok(())
}

fn read(r: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: DeliveryId(r.int(0)?),
        received_at: r.time(1)?,
        what: NewDelivery {
            dialect: r.text(2)?,
            guid: r.text(3)?,
            event: r.text(4)?,
            headers: r.json(5)?,
            line: r.text(6)?,
            body: r.blob(7)?,
            head: None,
        },
    })
}
