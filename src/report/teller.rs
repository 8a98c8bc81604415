//! The lane of a reporter that is told one event after the other, of which none replaces another:
//! those written in Lua, and `http`. What fails is tried again by the outbox's rules; what is given
//! up is written down. Events of one request or worker stay in order, those of others do not wait
//! for them.

use std::time::Duration;

use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::compose::{Draft, Flaw};
use super::queue::{GIVEN_UP_AFTER, wait};
use super::{http as post, scripted};
use crate::base::clock::Timestamp;
use crate::engine::{Engine, Generation, Refusal};
use crate::http;
use crate::model::config::{ReporterConfig, ReporterKind};
use crate::store::StoreError;
use crate::store::outbox::{self, Due, State, Update};

/// Pause after the database could not be read or written.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Teller {
    engine: Engine,
    http: http::Client,
    name: String,
}

/// How telling it once ended.
pub(super) enum Told {
    /// It has arrived.
    Sent,
    /// It never will.
    GivenUp(String),
    /// Later; at the earliest at this moment, if the server named one.
    Failed(String, Option<Timestamp>),
}

impl Teller {
    pub(super) fn new(engine: Engine, http: http::Client, name: String) -> Self {
        Self { engine, http, name }
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
            let Some(reporter) = told_one_by_one(&generation, &self.name) else {
                return Ok(None);
            };
            let (name, now) = (self.name.clone(), self.engine.clock().now());
            let next = self.engine.store().read(move |c| outbox::next_due(c, &name)).await?;
            let Some(due) = next else { return Ok(None) };
            if due.due_at > now {
                return Ok(Some(due.due_at));
            }
            let (told, message) = self.tell(&due, &generation, reporter).await?;
            self.note(&due, told, message).await?;
        }
    }

    /// Tells the event once; also what is to be kept in the row.
    async fn tell(
        &self,
        due: &Due,
        generation: &Generation,
        reporter: &ReporterConfig,
    ) -> Result<(Told, Json), StoreError> {
        let kept = match &reporter.kind {
            ReporterKind::Http(_) => due.message.as_ref().and_then(post::kept),
            _ => None,
        };
        let message = match (kept, &reporter.kind) {
            (Some(kept), _) => Ok(kept),
            (None, ReporterKind::Http(options)) => {
                match Draft::read(&self.engine, generation, reporter, due.id).await {
                    Ok(draft) => post::compose(options, &draft).await,
                    Err(flaw) => Err(flaw),
                }
            }
            (None, _) => Ok(Default::default()),
        };
        let message = match message {
            Ok(message) => message,
            Err(Flaw::Rows(error)) => return Err(error),
            Err(Flaw::Words(words)) => return Ok((Told::GivenUp(words), Json::Null)),
        };
        let now = self.engine.clock().now();
        match &reporter.kind {
            ReporterKind::Http(options) => {
                let told = post::send(options, &self.http, due.id, &message, now).await;
                Ok((told, serde_json::to_value(&message).unwrap_or(Json::Null)))
            }
            ReporterKind::Scripted(options) => {
                let draft = match Draft::read(&self.engine, generation, reporter, due.id).await {
                    Ok(draft) => draft,
                    Err(Flaw::Rows(error)) => return Err(error),
                    Err(Flaw::Words(words)) => return Ok((Told::GivenUp(words), Json::Null)),
                };
                let event = scripted::event(due, &draft.told, generation);
                Ok((scripted::tell(generation, options, event).await, Json::Null))
            }
            ReporterKind::GithubStatus(_)
            | ReporterKind::GiteaStatus(_)
            | ReporterKind::GithubComment(_) => {
                Ok((Told::GivenUp(super::gone(&self.name)), Json::Null))
            }
        }
    }

    async fn note(&self, due: &Due, told: Told, message: Json) -> Result<(), StoreError> {
        let now = self.engine.clock().now();
        let mut update = Update {
            id: due.id,
            state: State::Sent,
            due_at: due.due_at,
            attempts: due.attempts,
            message,
            error: None,
        };
        match told {
            Told::Sent => {}
            Told::GivenUp(reason) => {
                tracing::warn!(reporter = self.name, "An event was given up: {reason}");
                (update.state, update.error) = (State::Failed, Some(reason));
            }
            Told::Failed(error, at) => {
                update.attempts += 1;
                #[expect(clippy::cast_precision_loss, reason = "a jitter needs no precision")]
                let jitter = self.engine.random().below(1000) as f64 / 1000.0;
                update.due_at = at.unwrap_or(now + wait(update.attempts, jitter));
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

/// The reporter of that name, if it is of a kind that this lane serves.
pub(super) fn told_one_by_one<'g>(
    generation: &'g Generation,
    name: &str,
) -> Option<&'g ReporterConfig> {
    let reporter = super::named(generation, name)?;
    match &reporter.kind {
        ReporterKind::Scripted(_) | ReporterKind::Http(_) => Some(reporter),
        ReporterKind::GithubStatus(_)
        | ReporterKind::GiteaStatus(_)
        | ReporterKind::GithubComment(_) => None,
    }
}
