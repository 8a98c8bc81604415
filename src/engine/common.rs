//! What the steps of one build have in common while it runs. Several of them may run at once, so each
//! look is short and none waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;

use crate::base::id::StepId;
use crate::base::text;
use crate::engine::desk::{AddedStep, After, Lease};
use crate::model::property::Properties;

/// Clones are the same.
#[derive(Clone)]
pub(super) struct Common(Arc<Mutex<Inner>>);

struct Inner {
    properties: Properties,
    /// Names that steps have already.
    names: Vec<String>,
    /// What each step has counted.
    statistics: BTreeMap<StepId, BTreeMap<String, f64>>,
    /// Steps that were added and that nobody has taken: those that run next, and those at the end.
    added: (Vec<AddedStep>, Vec<AddedStep>),
    /// They need these until the build has ended.
    leases: Vec<Lease>,
}

impl Common {
    pub(super) fn new(properties: Properties) -> Self {
        let names = vec!["worker_preparation".to_owned()];
        let inner = Inner {
            properties,
            names,
            statistics: BTreeMap::new(),
            added: (Vec::new(), Vec::new()),
            leases: Vec::new(),
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The properties as they are now.
    pub(super) fn properties(&self) -> Properties {
        self.inner().properties.clone()
    }

    /// A property as it is now.
    pub(super) fn property(&self, name: &str) -> Option<Json> {
        self.inner().properties.get(name).cloned()
    }

    pub(super) fn set_properties(&self, properties: &Properties) {
        self.inner().properties.update(properties);
    }

    /// A name that no step of the build has yet.
    pub(super) fn unique_name(&self, name: &str) -> String {
        let mut inner = self.inner();
        let name = text::unique(name, |n| inner.names.iter().any(|taken| taken == n));
        inner.names.push(name.clone());
        name
    }

    /// Adds steps.
    pub(super) fn add_steps(&self, steps: Vec<AddedStep>, after: After, lease: Lease) {
        let mut inner = self.inner();
        match after {
            After::Current => inner.added.0.extend(steps),
            After::Last => inner.added.1.extend(steps),
        }
        inner.leases.push(lease);
    }

    /// Takes the steps that were added: those that run next, and those at the end.
    pub(super) fn take_added(&self) -> (Vec<AddedStep>, Vec<AddedStep>) {
        std::mem::take(&mut self.inner().added)
    }

    /// Notes what a step has counted; returns all that it has.
    pub(super) fn set_statistic(&self, step: StepId, name: &str, value: f64) -> Json {
        let mut inner = self.inner();
        let own = inner.statistics.entry(step).or_default();
        own.insert(name.to_owned(), value);
        own.iter().map(|(name, value)| (name.clone(), number(*value))).collect()
    }

    /// What a step has counted does not hold.
    pub(super) fn forget_statistics(&self, step: StepId) {
        self.inner().statistics.remove(&step);
    }

    /// What a step has counted.
    pub(super) fn statistic(&self, step: StepId, name: &str) -> Option<f64> {
        self.inner().statistics.get(&step)?.get(name).copied()
    }

    /// What all steps together have counted so far, by name.
    pub(super) fn statistics(&self) -> BTreeMap<String, f64> {
        let mut out = BTreeMap::new();
        for (name, value) in self.inner().statistics.values().flatten() {
            *out.entry(name.clone()).or_insert(0.0) += value;
        }
        out
    }
}

/// A number as people write it: whole ones without a fraction.
pub(super) fn number(value: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^53")]
    match value.fract() == 0.0 && value.abs() < 1e15 {
        true => Json::from(value as i64),
        false => Json::from(value),
    }
}
