//! A build: one attempt at a request, on one worker. What a configuration's functions see of it is
//! [`BuildView`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::base::id::{BuildId, BuilderId, GenerationId, RequestId, WorkerId};
use crate::base::results::Results;
use crate::base::secret::Secret;
use crate::model::change::Change;
use crate::model::config::StepFlags;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::worker::WorkerInfo;

/// A running build, as the engine holds it.
#[derive(Clone, Debug)]
pub struct Build {
    /// Row id.
    pub id: BuildId,
    /// Number within the builder under which it is filed, from 1.
    pub number: i64,
    /// Its builder.
    pub builder: BuilderId,
    /// Where people find it: its builder, or the virtual one that its properties name.
    pub filed: BuilderId,
    /// The request it attempts.
    pub request: RequestId,
    /// Where it runs.
    pub worker: WorkerId,
    /// Which attempt of the request this is, from 1.
    pub attempt: u32,
    /// The configuration it was made from.
    pub generation: GenerationId,
}

/// What renderables and callbacks see of a build: a copy of the moment.
#[derive(Clone, Debug, Default)]
pub struct BuildView {
    /// The builder's name.
    pub builder: String,
    /// Number within the builder.
    pub number: i64,
    /// All properties.
    pub properties: Properties,
    /// What its steps together have counted, by name.
    pub statistics: BTreeMap<String, f64>,
    /// The worker's name.
    pub worker: String,
    /// What the worker said about itself.
    pub worker_info: Arc<WorkerInfo>,
    /// How many builds the worker takes at once.
    pub max_builds: Option<u32>,
    /// The worker's configured properties.
    pub worker_properties: BTreeMap<String, Json>,
    /// The changes it is made of.
    pub changes: Arc<Vec<Change>>,
    /// Its sourcestamps.
    pub sourcestamps: Arc<Vec<Sourcestamp>>,
    /// The build's directory on the worker, absolute, as the worker writes it.
    pub builddir: String,
    /// The link to the build's page.
    pub url: String,
    /// The secrets of its configuration's providers, by name.
    pub secrets: Arc<BTreeMap<String, Secret>>,
}

/// What a step's end means for its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The build's result so far.
    pub results: Results,
    /// Whether the steps after it still run (those marked `always_run` do in any case).
    pub go_on: bool,
}

/// Buildbot's arithmetic: what a step that ended as `step` makes of a build that stood at `build`.
#[must_use]
pub fn verdict(flags: StepFlags, step: Results, build: Results) -> Verdict {
    let (mut seen, mut go_on) = (Results::Success, true);
    match step {
        Results::Failure => {
            if flags.flunk_on_failure {
                seen = Results::Failure;
            } else if flags.warn_on_failure {
                seen = Results::Warnings;
            }
            go_on = !flags.halt_on_failure;
        }
        Results::Warnings => {
            if flags.flunk_on_warnings {
                seen = Results::Failure;
            } else if flags.warn_on_warnings {
                seen = Results::Warnings;
            }
        }
        Results::Exception | Results::Retry | Results::Cancelled => {
            seen = step;
            go_on = false;
        }
        Results::Success | Results::Skipped => {}
    }
    Verdict { results: build.worse(seen), go_on }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Results::{Cancelled, Exception, Failure, Skipped, Success, Warnings};

    #[test]
    fn the_flags_decide_what_a_failure_means() {
        let flags = StepFlags::default();
        let halt = StepFlags { halt_on_failure: true, ..flags };
        let warn = StepFlags { flunk_on_failure: false, warn_on_failure: true, ..flags };
        let none = StepFlags { flunk_on_failure: false, ..flags };
        let strict = StepFlags { flunk_on_warnings: true, ..flags };
        let loud = StepFlags { warn_on_warnings: true, ..flags };
        for (flags, step, build, results, go_on) in [
            (flags, Success, Success, Success, true),
            (flags, Skipped, Success, Success, true),
            (flags, Failure, Success, Failure, true),
            (halt, Failure, Success, Failure, false),
            (warn, Failure, Success, Warnings, true),
            (none, Failure, Warnings, Warnings, true),
            (flags, Warnings, Success, Success, true),
            (strict, Warnings, Success, Failure, true),
            (loud, Warnings, Success, Warnings, true),
            (flags, Exception, Failure, Exception, false),
            (flags, Cancelled, Failure, Cancelled, false),
            (flags, Success, Failure, Failure, true),
        ] {
            assert_eq!(
                verdict(flags, step, build),
                Verdict { results, go_on },
                "{step:?} {build:?}"
            );
        }
    }
}
