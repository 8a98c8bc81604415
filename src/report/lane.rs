//! A reporter's lane: reads its rows, composes them, sends one post after the other and writes down
//! what became of each. One request at a time, as GitHub asks of its clients.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::compose::{Draft, Flaw};
use super::queue::{Outcome, Post, Queue};
use super::{github_comment, github_status, gone, named, teller};
use crate::base::clock::Timestamp;
use crate::base::id::OutboxId;
use crate::base::text::count;
use crate::engine::{Engine, Generation, Refusal};
use crate::forge::github::client::Client;
use crate::http;
use crate::model::config::ReporterKind;
use crate::store::outbox::{self, State, Update, Waiting};

/// Pause after the database could not be read or written.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Lane {
    engine: Engine,
    http: http::Client,
    name: String,
    queue: Queue,
    /// The newest row that is in the queue.
    seen: OutboxId,
    /// The configuration that the client was made for.
    client: Option<(Arc<Generation>, Client)>,
}

/// What keeps a lane from going on.
enum Halt {
    /// The process is ending.
    Ending,
    /// Rows could not be read or written; what was done is done again from the rows.
    Rows(String),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ending => Self::Ending,
            other => Self::Rows(other.to_string()),
        }
    }
}

impl From<crate::store::StoreError> for Halt {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Rows(error.to_string())
    }
}

impl Lane {
    pub(super) fn new(engine: Engine, http: http::Client, name: String) -> Self {
        Self { engine, http, name, queue: Queue::default(), seen: OutboxId(0), client: None }
    }

    /// Serves until the process ends. What is under way then is sent again after the next start:
    /// a status set twice is the same status.
    pub(super) async fn serve(mut self, token: CancellationToken) {
        tokio::select! {
            biased;
            () = token.cancelled() => {}
            () = self.run() => {}
        }
    }

    async fn run(&mut self) {
        let mut events = self.engine.subscribe();
        loop {
            match self.empty().await {
                Ok(None) => {
                    if !super::woken(&mut events).await {
                        return;
                    }
                }
                Ok(Some(at)) => {
                    let clock = self.engine.clock();
                    tokio::select! {
                        biased;
                        () = clock.sleep_until(at) => {}
                        woken = super::woken(&mut events) => if !woken { return },
                    }
                }
                Err(Halt::Ending) => return,
                Err(Halt::Rows(error)) => {
                    tracing::error!(reporter = self.name, "The outbox is out of reach: {error}.");
                    self.queue = Queue::default();
                    self.seen = OutboxId(0);
                    let at = self.engine.clock().now() + PAUSE;
                    self.engine.clock().sleep_until(at).await;
                }
            }
        }
    }

    /// Sends everything that is due; returns when to look again if nobody wakes the lane before.
    async fn empty(&mut self) -> Result<Option<Timestamp>, Halt> {
        loop {
            if teller::told_one_by_one(&self.engine.generation(), &self.name).is_some() {
                // The name has become that of another kind of reporter, which has its own lane.
                return Ok(None);
            }
            self.take_in().await?;
            match self.queue.next(self.engine.clock().now()) {
                Err(at) => return Ok(at),
                Ok((id, post)) => {
                    let outcome = self.send(&post).await;
                    self.note(id, &post, outcome).await?;
                }
            }
        }
    }

    /// Reads new rows and composes those that are not yet.
    async fn take_in(&mut self) -> Result<(), Halt> {
        let (name, seen) = (self.name.clone(), self.seen);
        let rows = self.engine.store().read(move |c| outbox::waiting(c, &name, seen)).await?;
        let mut updates = Vec::new();
        for row in rows {
            let stored = row.message.clone();
            let is_stored = stored.is_some();
            let composed = match stored {
                Some(message) => serde_json::from_value(message)
                    .map_err(|e| format!("The stored message cannot be read: {e}.")),
                None => self.compose(row.id).await?,
            };
            match composed {
                // A row that was composed before says all this already.
                Ok(posts) => updates.extend(
                    self.queue
                        .add(&row, posts)
                        .into_iter()
                        .filter(|u| u.id != row.id || !is_stored || u.state != State::Waiting),
                ),
                Err(error) => updates.push(self.refused(&row, error)),
            }
            self.seen = row.id;
        }
        self.write(updates).await
    }

    async fn compose(&self, id: OutboxId) -> Result<Result<Vec<Post>, String>, Halt> {
        let generation = self.engine.generation();
        let Some(reporter) = named(&generation, &self.name) else {
            return Ok(Err(gone(&self.name)));
        };
        let composed = match Draft::read(&self.engine, &generation, reporter, id).await {
            Err(flaw) => Err(flaw),
            Ok(draft) => match &reporter.kind {
                ReporterKind::GithubStatus(options) | ReporterKind::GiteaStatus(options) => {
                    github_status::compose(options, &draft).await
                }
                ReporterKind::GithubComment(options) => {
                    github_comment::compose(options, &draft).await
                }
                ReporterKind::Http(_) | ReporterKind::Scripted(_) => {
                    Err(Flaw::Words(gone(&self.name)))
                }
            },
        };
        match composed {
            Ok(posts) => Ok(Ok(posts)),
            Err(Flaw::Words(words)) => Ok(Err(words)),
            Err(Flaw::Rows(error)) => Err(error.into()),
        }
    }

    fn refused(&self, row: &Waiting, error: String) -> Update {
        tracing::error!(reporter = self.name, outbox = row.id.0, "A message is not sent: {error}");
        Update {
            id: row.id,
            state: State::Failed,
            due_at: row.due_at,
            attempts: row.attempts,
            message: row.message.clone().unwrap_or_default(),
            error: Some(error),
        }
    }

    async fn send(&mut self, post: &Post) -> Outcome {
        let Some(client) = self.client() else { return Outcome::Refused(gone(&self.name)) };
        let sent = match post {
            Post::Status { repository, sha, status } => {
                client.set_status(repository, sha, status).await
            }
            Post::Comment { repository, number, context, body } => {
                client.set_comment(repository, *number, context, body).await
            }
        };
        match sent {
            Ok(()) => Outcome::Sent,
            Err(error) if error.is_final => Outcome::Refused(error.message),
            Err(error) => Outcome::Failed(error.message, error.retry_at),
        }
    }

    /// The client of the active configuration, which may have another token than the last one.
    fn client(&mut self) -> Option<&Client> {
        let active = self.engine.generation();
        if !self.client.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, &active)) {
            let client = self.client_of(&named(&active, &self.name)?.kind)?;
            self.client = Some((active, client));
        }
        self.client.as_ref().map(|(_, client)| client)
    }

    fn client_of(&self, kind: &ReporterKind) -> Option<Client> {
        let (http, clock) = (self.http.clone(), self.engine.clock());
        Some(match kind {
            ReporterKind::GithubStatus(o) => {
                Client::new(http, &o.api, Some(o.token.clone()), clock)
            }
            ReporterKind::GithubComment(o) => {
                Client::new(http, &o.api, Some(o.token.clone()), clock)
            }
            ReporterKind::GiteaStatus(o) => {
                Client::gitea(http, &o.api, Some(o.token.clone()), clock)
            }
            ReporterKind::Http(_) | ReporterKind::Scripted(_) => return None,
        })
    }

    async fn note(&mut self, id: OutboxId, post: &Post, outcome: Outcome) -> Result<(), Halt> {
        let failures = self.queue.failures();
        self.log(post, &outcome, failures);
        #[expect(clippy::cast_precision_loss, reason = "a jitter needs no precision")]
        let jitter = self.engine.random().below(1000) as f64 / 1000.0;
        let now = self.engine.clock().now();
        let update = self.queue.on(id, post, outcome, now, jitter);
        self.write(update.into_iter().collect()).await
    }

    /// An outage is told once when it begins and once when it ends.
    fn log(&self, post: &Post, outcome: &Outcome, failures: u32) {
        let (reporter, what) = (&self.name, post.what());
        match outcome {
            Outcome::Sent if failures > 0 => tracing::info!(
                reporter,
                "Messages are taken again after {}.",
                count(usize::try_from(failures).unwrap_or(usize::MAX), "failed attempt")
            ),
            Outcome::Sent if is_verbose(&self.engine.generation(), reporter) => {
                tracing::info!(reporter, "It was told: {what}.");
            }
            Outcome::Sent => tracing::debug!(reporter, "It was told: {what}."),
            Outcome::Refused(error) => {
                tracing::error!(reporter, "It was refused for good: {what}: {error}");
            }
            Outcome::Failed(error, _) if failures == 0 => tracing::warn!(
                reporter,
                "It could not be told and is tried again for a day: {what}: {error}"
            ),
            Outcome::Failed(error, _) => {
                tracing::debug!(reporter, "Again without success: {what}: {error}");
            }
        }
    }

    async fn write(&self, updates: Vec<Update>) -> Result<(), Halt> {
        if updates.is_empty() {
            return Ok(());
        }
        let write = move |conn: &crate::store::Conn<'_>| {
            updates.iter().try_for_each(|update| outbox::update(conn, update))
        };
        Ok(self.engine.write(write).await?)
    }
}

fn is_verbose(generation: &Generation, name: &str) -> bool {
    let kind = named(generation, name).map(|reporter| &reporter.kind);
    matches!(kind, Some(ReporterKind::GithubStatus(o) | ReporterKind::GiteaStatus(o)) if o.verbose)
}
