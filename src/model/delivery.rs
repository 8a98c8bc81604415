//! A webhook delivery as it was received: stored before it is answered, read afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::id::DeliveryId;
use crate::model::change::NewChange;

/// A verified delivery.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Which hook took it: `github`.
    pub dialect: String,
    /// The sender's id of the delivery; the same id again makes nothing new.
    pub guid: String,
    /// The sender's name of the event: `push`, `pull_request`.
    pub event: String,
    /// What it is about, in the dialect's own words (`owner/name refs/heads/main`, `owner/name#7`):
    /// deliveries of one line are read one after the other.
    pub line: String,
    /// Lower-case header names and their values, without the signature.
    pub headers: BTreeMap<String, String>,
    /// The JSON text.
    pub body: Vec<u8>,
}

/// A stored delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Row id.
    pub id: DeliveryId,
    /// When it was stored.
    pub received_at: Timestamp,
    /// What was received.
    pub what: NewDelivery,
}

/// Where a delivery stands.
///
/// ```text
/// stored ──► handled   (its changes are in the same transaction)
///        └─► failed    (a callback raised; may be redelivered)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// On disk, not read yet.
    Stored,
    /// Read; its changes and verdict are stored.
    Handled,
    /// Reading it failed; the verdict says why.
    Failed,
}

/// What a delivery turned out to mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Changes, in order.
    pub changes: Vec<NewChange>,
    /// Lines of development whose pending and running builds are to be cancelled: a pull request
    /// that was closed.
    pub cancels: Vec<Cancel>,
    /// One sentence: what was made of it or why nothing was.
    pub verdict: String,
}

/// A line of development whose builds are no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Project (`owner/name`).
    pub project: String,
    /// Branch or ref (`refs/pull/7/merge`).
    pub branch: String,
    /// Why, for the cancelled builds.
    pub reason: String,
}
