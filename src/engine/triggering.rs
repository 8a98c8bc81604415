//! The build's side of triggering: a step's wish becomes one in which nothing is left to look up –
//! the source that the build got, properties without secrets – and somebody waits for what came of
//! it until the step is over.

use serde_json::Value as Json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::base::id::{RequestId, StepId};
use crate::engine::Refusal;
use crate::engine::attempt::Running;
use crate::engine::build_report::{BuildReport, Trigger};
use crate::engine::command::{Answer, End, unwanted};
use crate::engine::desk::{DeskError, StepAnswer};
use crate::engine::state::Order;
use crate::engine::teller::Teller;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::trigger::{TriggerSource, TriggerWish};

/// Starts what a step wants.
pub(super) async fn start(
    running: &Running,
    step: &str,
    wish: TriggerWish,
) -> Result<StepAnswer, DeskError> {
    let (stamps, is_of_build) = match wish.source {
        TriggerSource::OfBuild { updated } => (own_source(running, updated), true),
        TriggerSource::Latest => (Vec::new(), false),
        TriggerSource::Given(stamps) => (stamps, false),
    };
    let parts = wish.parts.into_iter().map(|part| {
        let properties = Properties::from_values(&part.properties, "Trigger");
        (part.scheduler, running.masker().properties(&properties))
    });
    let trigger = Box::new(Trigger {
        step: step.to_owned(),
        parts: parts.collect(),
        stamps,
        is_of_build,
        is_waited_for: wish.is_waited_for,
        relationship: running.masker().text(&wish.relationship),
    });
    let started = running.ask(|answer| BuildReport::TriggerWanted { trigger, answer }).await;
    started.map(StepAnswer::Triggered).map_err(refused)
}

/// The source of the build; `updated` = at the revisions that its steps got.
fn own_source(running: &Running, updated: bool) -> Vec<Sourcestamp> {
    let mut stamps = running.attempt.sourcestamps.to_vec();
    if !updated {
        return stamps;
    }
    let got = running.common.property("got_revision");
    for stamp in &mut stamps {
        let revision = match &got {
            Some(Json::Object(of_codebases)) => of_codebases.get(&stamp.codebase),
            // Without codebases it is the revision itself.
            Some(revision) if stamp.codebase.is_empty() => Some(revision),
            _ => None,
        };
        if let Some(revision) = revision.and_then(Json::as_str) {
            stamp.revision = Some(revision.to_owned());
        }
    }
    stamps
}

/// Somebody who waits for the result of a request, on behalf of a step.
pub(super) struct Waiter {
    pub(super) answer: Answer,
    pub(super) teller: Teller,
    pub(super) step: StepId,
    pub(super) orders: watch::Receiver<Order>,
    /// The step's function has ended.
    pub(super) over: CancellationToken,
}

impl Waiter {
    /// Waits. When nobody does any more, the engine cancels the request as the step ends.
    pub(super) async fn wait(mut self, request: RequestId) -> (Answer, End) {
        let asked = self.teller.ask(|answer| BuildReport::RequestAwaited { request, answer });
        tokio::pin!(asked);
        let end = loop {
            tokio::select! {
                biased;
                order = Running::next_order(&mut self.orders) => match order.for_step(self.step) {
                    Err(()) => break End::Abandoned,
                    Ok(None) => {}
                    Ok(Some(stopped)) => break End::Stopped(stopped),
                },
                () = unwanted(&mut self.answer, &self.over) => {
                    break End::Answered(Err(DeskError::Stopped));
                }
                ended = &mut asked => {
                    break End::Answered(ended.map(StepAnswer::Ended).map_err(refused));
                }
            }
        };
        (self.answer, end)
    }
}

fn refused(refusal: Refusal) -> DeskError {
    match refusal {
        Refusal::Stale | Refusal::Ending => DeskError::Stopped,
        other => DeskError::Failed(other.to_string()),
    }
}
