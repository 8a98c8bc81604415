//! A webhook delivery as it was received: stored before it is answered, read afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

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
    /// Where the delivery says that a branch or pull request is now; none = it does not say.
    pub head: Option<Head>,
}

/// A branch or pull request of a forge, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `owner/name refs/heads/main` or `owner/name#7`.
    pub name: String,
    /// The commit; none = the branch is deleted, the pull request closed.
    pub revision: Option<String>,
}

impl NewDelivery {
    /// The dialect of what was found rather than received: the body is a JSON list of changes. No
    /// hook can have this name.
    pub const FOUND: &str = ":found";

    /// What a change source has found, with an id that no other delivery has.
    #[must_use]
    pub fn found(guid: String, event: &str, line: String, changes: &[NewChange]) -> Self {
        Self {
            dialect: Self::FOUND.to_owned(),
            guid,
            event: event.to_owned(),
            line,
            headers: BTreeMap::new(),
            body: serde_json::to_vec(changes).unwrap_or_default(),
            head: None,
        }
    }

    /// The name under which the query of the address is kept among the headers.
    pub const QUERY: &str = ":query";

    /// The request as functions see it: its text, what that is as JSON or as a form, headers, query.
    #[must_use]
    pub fn request(&self) -> Json {
        let text = String::from_utf8_lossy(&self.body);
        let kind = self.headers.get("content-type").map_or("", String::as_str);
        let is_json = kind.split(';').next().is_some_and(|k| k.trim().ends_with("json"));
        let is_form = kind.starts_with("application/x-www-form-urlencoded");
        let headers: BTreeMap<&String, &String> =
            self.headers.iter().filter(|(name, _)| *name != Self::QUERY).collect();
        json!({
            "event": self.event,
            "delivery": self.guid,
            "headers": headers,
            "query": fields(self.headers.get(Self::QUERY).map_or("", String::as_str)),
            "json": is_json.then(|| serde_json::from_slice::<Json>(&self.body).ok()),
            "form": is_form.then(|| fields(&text)),
            "body": text,
        })
    }
}

/// The fields of a form or query; of several with one name the last counts.
fn fields(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
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
