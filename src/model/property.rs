//! Properties: named JSON values with the place they come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Properties by name; each is a JSON value and a source such as `Change`, `Scheduler`, `Builder`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(pub BTreeMap<String, (Json, String)>);

impl Properties {
    /// The value of `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name).map(|(value, _)| value)
    }

    /// The value of `name` if it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::as_str)
    }

    /// Sets `name`, replacing an earlier value.
    pub fn set(&mut self, name: &str, value: Json, source: &str) {
        self.0.insert(name.to_owned(), (value, source.to_owned()));
    }

    /// Sets everything in `other`, replacing earlier values.
    pub fn update(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, v)| (name.clone(), v.clone())));
    }

    /// From plain values, all with the same `source`.
    #[must_use]
    pub fn from_values(values: &BTreeMap<String, Json>, source: &str) -> Self {
        Self(values.iter().map(|(n, v)| (n.clone(), (v.clone(), source.to_owned()))).collect())
    }
}
