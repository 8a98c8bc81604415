//! A reporter that is written in Lua (`ci.reporter_type`): what its function gets of an event, and
//! what its answer means.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::context;
use super::teller::Told;
use super::view::page;
use crate::base::clock::Timestamp;
use crate::base::results::Results;
use crate::engine::Generation;
use crate::engine::ports::Argument;
use crate::model::change::Change;
use crate::model::config::ScriptedReporter;
use crate::store::facts::{self, About};
use crate::store::outbox::Due;

/// How long one call may take with all its waits.
const PATIENCE: Duration = Duration::from_secs(300);

/// Calls its function.
pub(super) async fn tell(
    generation: &Generation,
    reporter: &ScriptedReporter,
    event: Json,
) -> Told {
    let call = generation.scripts.call(&reporter.send, vec![Argument::Json(event)]);
    match tokio::time::timeout(PATIENCE, call).await {
        Err(_) => {
            let site = &reporter.send.site;
            Told::Failed(format!("{site}: `send` took longer than {} s.", PATIENCE.as_secs()), None)
        }
        Ok(Err(error)) => Told::Failed(generation.masked(&error.to_string()), None),
        Ok(Ok(answer)) => match answer.get("given_up").and_then(Json::as_str) {
            Some(reason) => Told::GivenUp(generation.masked(reason)),
            None => Told::Sent,
        },
    }
}

/// What the reporter's function gets.
pub(super) fn event(due: &Due, told: &facts::Told, generation: &Generation) -> Json {
    let facts = match &told.about {
        About::Build(facts) => facts,
        About::Worker(worker) => {
            let mut event = context::of_worker(told.kind, worker, generation);
            event["id"] = json!(due.id);
            event["kind"] = told.kind.word().into();
            event["attempt"] = (due.attempts + 1).into();
            return event;
        }
    };
    let url = page(generation, facts);
    let properties =
        facts.properties.0.iter().map(|(name, (value, _))| (name.clone(), value.clone()));
    json!({
        "id": due.id,
        "kind": facts.kind.word(),
        "attempt": due.attempts + 1,
        "builder": facts.builder_name,
        "number": facts.number,
        "url": url,
        "worker": facts.worker,
        "results": facts.results.map(Results::word),
        "reason": facts.reason,
        "state_string": facts.state_string,
        "submitted_at": facts.submitted_at.secs(),
        "started_at": facts.started_at.map(Timestamp::secs),
        "complete_at": facts.complete_at.map(Timestamp::secs),
        "properties": properties.collect::<serde_json::Map<_, _>>(),
        "sourcestamps": facts.sourcestamps,
        "changes": facts.changes.iter().map(Change::view).collect::<Vec<_>>(),
    })
}
