//! How the tasks of one build speak to the engine: every report carries the build it is about, so
//! that what a stale attempt says can be told.

use crate::base::id::BuildId;
use crate::engine::build_report::BuildReport;
use crate::engine::input::{Answer, Input};
use crate::engine::{Engine, Refusal};

/// Speaks for one build.
#[derive(Clone)]
pub(super) struct Teller {
    engine: Engine,
    build: BuildId,
}

impl Teller {
    pub(super) fn new(engine: Engine, build: BuildId) -> Self {
        Self { engine, build }
    }

    pub(super) async fn tell(&self, report: BuildReport) {
        self.engine.tell(Input::Build { build: self.build, report }).await;
    }

    pub(super) async fn ask<T>(
        &self,
        report: impl FnOnce(Answer<T>) -> BuildReport,
    ) -> Result<T, Refusal> {
        let build = self.build;
        self.engine.ask(|answer| Input::Build { build, report: report(answer) }).await
    }
}
