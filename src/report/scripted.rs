//! The lane of a reporter that is written in Lua: tells it one event after the other. What it raises
//! is tried again by the outbox's rules; what it gives up is written down. Events of one request
//! stay in order, those of others do not wait for them.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::github_status::page;
use super::queue::{GIVEN_UP_AFTER, wait};
use crate::base::clock::Timestamp;
use crate::engine::ports::Argument;
use crate::engine::{Engine, Generation, Refusal};
use crate::model::config::{ReporterKind, ScriptedReporter};
use crate::store::StoreError;
use crate::store::outbox::{self, Due, Facts, State, Update};

/// Pause after the database could not be read or written.
const PAUSE: Duration = Duration::from_secs(5);
/// How long one call may take with all its waits.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) struct Teller {
    engine: Engine,
    name: String,
}

/// How a call ended.
enum Told {
    Sent,
    GivenUp(String),
    Failed(String),
}

impl Teller {
    pub(super) fn new(engine: Engine, name: String) -> Self {
        Self { engine, name }
    }

    /// Serves until the process ends. What is being told then is told again after the next start.
    pub(super) async fn serve(self, token: CancellationToken) {
        tokio::select! {
            biased;
            () = token.cancelled() => {}
            () = self.run() => {}
        }
    }

    async fn run(&self) {
        let mut events = self.engine.subscribe();
        let clock = self.engine.clock();
        loop {
            let at = match self.empty().await {
                Ok(at) => at,
                Err(error) => {
                    tracing::error!(reporter = self.name, "The outbox is out of reach: {error}.");
                    Some(clock.now() + PAUSE)
                }
            };
            let due = async {
                match at {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => {}
                woken = super::woken(&mut events) => if !woken { return },
            }
        }
    }

    /// Tells everything that is due; returns when to look again if nobody wakes the lane before.
    async fn empty(&self) -> Result<Option<Timestamp>, StoreError> {
        loop {
            let generation = self.engine.generation();
            let Some(reporter) = scripted(&generation, &self.name) else { return Ok(None) };
            let (name, now) = (self.name.clone(), self.engine.clock().now());
            let next = self.engine.store().read(move |c| outbox::next_due(c, &name)).await?;
            let Some(due) = next else { return Ok(None) };
            if due.due_at > now {
                return Ok(Some(due.due_at));
            }
            let id = due.id;
            let facts = self.engine.store().read(move |c| outbox::facts(c, id)).await?;
            let event = event(&due, facts, &generation);
            let told = tell(&generation, reporter, event).await;
            self.note(&due, told).await?;
        }
    }

    async fn note(&self, due: &Due, told: Told) -> Result<(), StoreError> {
        let now = self.engine.clock().now();
        let mut update = Update {
            id: due.id,
            state: State::Sent,
            due_at: due.due_at,
            attempts: due.attempts,
            message: Json::Null,
            error: None,
        };
        match told {
            Told::Sent => {}
            Told::GivenUp(reason) => {
                tracing::warn!(reporter = self.name, "An event was given up: {reason}");
                (update.state, update.error) = (State::Failed, Some(reason));
            }
            Told::Failed(error) => {
                update.attempts += 1;
                #[expect(clippy::cast_precision_loss, reason = "a jitter needs no precision")]
                let jitter = self.engine.random().below(1000) as f64 / 1000.0;
                update.due_at = now + wait(update.attempts, jitter);
                update.state = State::Waiting;
                if now.since(due.created_at) >= GIVEN_UP_AFTER {
                    let attempts = update.attempts;
                    update.state = State::Failed;
                    update.error =
                        Some(format!("Given up after a day and {attempts} attempts: {error}"));
                    tracing::error!(reporter = self.name, "An event was given up: {error}");
                } else {
                    if due.attempts == 0 {
                        tracing::warn!(
                            reporter = self.name,
                            "It failed and is tried again for a day: {error}"
                        );
                    }
                    update.error = Some(error);
                }
            }
        }
        let written = self.engine.write(move |conn| outbox::update(conn, &update)).await;
        match written {
            // The rows say the same after the next start.
            Ok(()) | Err(Refusal::Ending) => Ok(()),
            Err(refusal) => Err(StoreError::new(refusal.to_string(), "the outbox")),
        }
    }
}

pub(super) fn scripted<'g>(generation: &'g Generation, name: &str) -> Option<&'g ScriptedReporter> {
    match &generation.config.reporters.iter().find(|r| r.name == name)?.kind {
        ReporterKind::Scripted(reporter) => Some(reporter),
        ReporterKind::GithubStatus(_) => None,
    }
}

async fn tell(generation: &Generation, reporter: &ScriptedReporter, event: Json) -> Told {
    let call = generation.scripts.call(&reporter.send, vec![Argument::Json(event)]);
    match tokio::time::timeout(PATIENCE, call).await {
        Err(_) => {
            let site = &reporter.send.site;
            Told::Failed(format!("{site}: `send` took longer than {} s.", PATIENCE.as_secs()))
        }
        Ok(Err(error)) => Told::Failed(generation.masked(&error.to_string())),
        Ok(Ok(answer)) => match answer.get("given_up").and_then(Json::as_str) {
            Some(reason) => Told::GivenUp(generation.masked(reason)),
            None => Told::Sent,
        },
    }
}

/// What the reporter's function gets.
fn event(due: &Due, facts: Facts, generation: &Generation) -> Json {
    let url = page(generation, &facts);
    let properties = facts.properties.0.into_iter().map(|(name, (value, _))| (name, value));
    json!({
        "id": due.id,
        "kind": facts.kind.word(),
        "attempt": due.attempts + 1,
        "builder": facts.builder_name,
        "number": facts.number,
        "url": url,
        "worker": facts.worker,
        "results": facts.results.map(crate::base::results::Results::word),
        "reason": facts.reason,
        "state_string": facts.state_string,
        "submitted_at": facts.submitted_at.secs(),
        "started_at": facts.started_at.map(Timestamp::secs),
        "complete_at": facts.complete_at.map(Timestamp::secs),
        "properties": properties.collect::<serde_json::Map<_, _>>(),
        "sourcestamps": facts.sourcestamps,
        "changes": facts.changes.iter().map(crate::model::change::Change::view).collect::<Vec<_>>(),
    })
}
