//! The test results of a running step: its sets, how many results they hold, and how they compare
//! with the build before. Apart from `serve`, because they have limits of their own.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::base::id::StepId;
use crate::engine::attempt::Running;
use crate::engine::build_report::BuildReport;
use crate::engine::desk::{DeskError, StepAnswer};
use crate::model::test_results::{MOST, NewSet, TestResult};
use crate::store::views::test_results;

/// Results that one turn of the beat stores.
const AT_ONCE: usize = 1000;
/// Sets of one step.
const MOST_SETS: usize = 100;

/// What a step has reported.
#[derive(Default)]
pub(super) struct Tests {
    /// Its sets, each with its category.
    sets: BTreeMap<i64, String>,
    /// Results in all of them.
    count: usize,
}

impl Tests {
    /// Opens a set.
    pub(super) async fn open(
        &mut self,
        running: &Running,
        step: StepId,
        set: NewSet,
    ) -> Result<StepAnswer, DeskError> {
        if self.sets.len() >= MOST_SETS {
            let text = format!("a step has at most {MOST_SETS} sets of test results.");
            return Err(DeskError::Failed(text));
        }
        let mask = |text: &str| running.masker().text(text);
        let set = NewSet {
            description: mask(&set.description),
            category: mask(&set.category),
            value_unit: mask(&set.value_unit),
        };
        let category = set.category.clone();
        let opened = running.ask(|answer| BuildReport::TestSetOpened { step, set, answer }).await;
        let id = opened.map_err(|_| DeskError::Stopped)?;
        self.sets.insert(id, category);
        Ok(StepAnswer::Value(Json::from(id)))
    }

    /// Stores results, all or none of them.
    pub(super) async fn add(
        &mut self,
        running: &Running,
        set: i64,
        results: Vec<TestResult>,
    ) -> Result<StepAnswer, DeskError> {
        let Some(category) = self.sets.get(&set).cloned() else {
            let text = format!("this step has opened no set {set} of test results.");
            return Err(DeskError::Failed(text));
        };
        if self.count + results.len() > MOST {
            let text = format!("a step stores at most {MOST} test results.");
            return Err(DeskError::Failed(text));
        }
        self.count += results.len();
        let masker = running.masker();
        let mut results = results.into_iter().map(|result| result.map_texts(|t| masker.text(t)));
        loop {
            let results: Vec<TestResult> = results.by_ref().take(AT_ONCE).collect();
            if results.is_empty() {
                return Ok(StepAnswer::Done);
            }
            let category = category.clone();
            let added = running.ask(|answer| BuildReport::TestResultsAdded {
                set,
                category,
                results,
                answer,
            });
            added.await.map_err(|_| DeskError::Stopped)?;
        }
    }

    /// Compares what is stored with the build before.
    pub(super) async fn compare(
        &self,
        running: &Running,
        step: StepId,
    ) -> Result<StepAnswer, DeskError> {
        let store = running.attempt.engine.store().clone();
        let against = store.read(move |conn| test_results::against(conn, step)).await;
        let against = against.map_err(|error| DeskError::Failed(error.to_string()))?;
        Ok(StepAnswer::Value(against.map_or(
            Json::Null,
            |against| json!({ "newly_failed": against.newly_failed, "fixed": against.fixed }),
        )))
    }

    /// The step is tried again.
    pub(super) async fn forget(&mut self, running: &Running, step: StepId) {
        if !self.sets.is_empty() {
            *self = Self::default();
            running.tell(BuildReport::TestResultsForgotten { step }).await;
        }
    }
}
