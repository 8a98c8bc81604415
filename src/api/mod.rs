//! Buildbot's data API v2, independent of HTTP: paths and queries in, JSON text out. REST, the
//! events of the WebSocket and (later) Lua ask the same [`Api`]. Reading is here; what changes
//! things is in [`control`].

pub mod control;
mod fill;
pub mod forces;
pub mod json;
mod memory;
pub mod path;
mod read;
pub mod spec;
pub mod table;
mod totals;

use std::sync::Arc;

use crate::model::config::Config;
use crate::store::{Store, StoreError, Value};
use table::Endpoint;

/// Why there is no answer, and whose fault that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Whose fault.
    pub kind: ErrorKind,
    /// For people.
    pub message: String,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The path or the thing does not exist: 404.
    Missing,
    /// The query makes no sense: 400.
    Invalid,
    /// The master's: 500.
    Internal,
}

impl ApiError {
    /// The client's fault.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.into() }
    }

    /// There is no such thing.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Missing, message: message.into() }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a query failed");
        Self {
            kind: ErrorKind::Internal,
            message: "the database did not answer; the master's log says why".to_owned(),
        }
    }
}

/// An answer: `{"<plural>": [...], "meta": {...}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Name of the list.
    pub plural: &'static str,
    /// The elements, each as JSON text.
    pub elements: Vec<String>,
    /// How many there are before limit and offset; none for single things.
    pub total: Option<i64>,
}

impl Answer {
    /// The whole answer as JSON text, keys in alphabetical order.
    #[must_use]
    pub fn to_json(&self) -> String {
        let length: usize = self.elements.iter().map(|e| e.len() + 1).sum();
        let mut list = String::with_capacity(length + 64);
        for (i, element) in self.elements.iter().enumerate() {
            if i > 0 {
                list.push(',');
            }
            list.push_str(element);
        }
        let meta = self.total.map_or_else(|| "{}".to_owned(), |n| format!("{{\"total\":{n}}}"));
        let plural = self.plural;
        if plural < "meta" {
            format!("{{\"{plural}\":[{list}],\"meta\":{meta}}}")
        } else {
            format!("{{\"meta\":{meta},\"{plural}\":[{list}]}}")
        }
    }
}

/// A log's bytes are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLog {
    /// Which log, and where it belongs.
    pub place: crate::store::views::logs::Place,
    /// To be looked at instead of saved.
    pub inline: bool,
}

/// What a path answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// JSON.
    Json(Answer),
    /// The bytes of a log, to be streamed.
    Raw(RawLog),
}

/// The data API over a store. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    store: Store,
    totals: Arc<totals::Totals>,
}

impl Api {
    /// The data API over `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, totals: Arc::default() }
    }

    /// Answers `GET /api/v2/RAW?QUERY`; `raw` is percent-encoded and has no leading slash, the root
    /// is empty.
    ///
    /// # Errors
    /// [`ApiError`] with Buildbot's words.
    pub async fn get(&self, config: &Config, raw: &str, query: &str) -> Result<Found, ApiError> {
        let (endpoint, params) = resolve(raw)?;
        read::read(self, config, endpoint, params, query).await
    }

    /// One thing as JSON text, for events: none when it is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn one(&self, config: &Config, path: &str) -> Result<Option<String>, ApiError> {
        match self.get(config, path, "").await {
            Ok(Found::Json(answer)) => Ok(answer.elements.into_iter().next()),
            Ok(Found::Raw(_)) => Ok(None),
            Err(error) if error.kind == ErrorKind::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The endpoint at a raw path, with the path's parameters.
///
/// # Errors
/// When nothing is there.
pub fn resolve(raw: &str) -> Result<(&'static Endpoint, Vec<Value>), ApiError> {
    let missing = || ApiError::missing(format!("Invalid path: {raw}"));
    let elements = path::elements(raw).ok_or_else(missing)?;
    table::TABLE
        .iter()
        .find_map(|e| path::matched(e.pattern, &elements).map(|params| (e, params)))
        .ok_or_else(missing)
}
