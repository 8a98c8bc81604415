//! What waits to be sent by one reporter, and what comes next. Pure: rows and outcomes go in,
//! the next post and the rows to be written come out, so that every order of outage, restart and
//! supersession can be tried in a table.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::id::OutboxId;
use crate::forge::github::status::Status;
use crate::store::outbox::{State, Update, Waiting};

/// A message that could not be sent for so long is given up.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The longest wait between two attempts that is not the server's own wish.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What is sent at once. Rows keep it as JSON: one form must not be read as another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Post {
    /// One status for one commit.
    Status {
        /// `owner/name`.
        repository: String,
        /// The commit.
        sha: String,
        /// The status.
        status: Status,
    },
    /// The comment of a context on a pull request.
    Comment {
        /// `owner/name`.
        repository: String,
        /// The pull request.
        number: i64,
        /// What it is about.
        context: String,
        /// The text.
        body: String,
    },
}

impl Post {
    /// What it replaces: of several with the same key only the newest counts.
    fn key(&self) -> (String, String, String) {
        match self {
            Self::Status { repository, sha, status } => {
                (repository.clone(), sha.clone(), status.context.clone())
            }
            Self::Comment { repository, number, context, .. } => {
                (repository.clone(), format!("#{number}"), context.clone())
            }
        }
    }

    /// What it is, in a few words.
    pub(super) fn what(&self) -> String {
        let (repository, place, context) = self.key();
        match self {
            Self::Status { status, .. } => {
                format!("{context} is {:?} on {repository} {place}", status.state)
            }
            Self::Comment { .. } => format!("{context} on {repository} {place}"),
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It has arrived.
    Sent,
    /// It never will.
    Refused(String),
    /// Later; at the earliest at this moment, if the server named one.
    Failed(String, Option<Timestamp>),
}

/// A row with what of it is still to be sent.
#[derive(Clone, Debug)]
struct Entry {
    created_at: Timestamp,
    due_at: Timestamp,
    attempts: u32,
    /// What it was about.
    all: Vec<Post>,
    /// What of it is still to be sent.
    posts: Vec<Post>,
    /// Something of it has left.
    is_sent: bool,
    /// Something of it never will.
    is_refused: bool,
    error: Option<String>,
}

/// The waiting posts of a reporter. A cache of rows: whatever changes in it is returned to be
/// written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: BTreeMap<OutboxId, Entry>,
    newest: HashMap<(String, String, String), OutboxId>,
    failures: u32,
    silent_until: Timestamp,
}

impl Queue {
    /// Adds a row that is composed, newest last; returns the rows that it changes. A post for the
    /// same commit and context in an older row is superseded. A row without posts is done.
    pub(super) fn add(&mut self, row: &Waiting, posts: Vec<Post>) -> Vec<Update> {
        let mut changed = Vec::new();
        for post in &posts {
            if let Some(older) = self.newest.insert(post.key(), row.id) {
                changed.extend(self.remove(older, post));
            }
        }
        let entry = Entry {
            created_at: row.created_at,
            due_at: row.due_at,
            attempts: row.attempts,
            all: posts.clone(),
            is_sent: posts.is_empty(),
            is_refused: false,
            posts,
            error: None,
        };
        changed.push(entry.update(row.id));
        if !entry.posts.is_empty() {
            self.entries.insert(row.id, entry);
        }
        changed
    }

    fn remove(&mut self, id: OutboxId, newer: &Post) -> Option<Update> {
        let entry = self.entries.get_mut(&id)?;
        entry.posts.retain(|post| post.key() != newer.key());
        let update = entry.update(id);
        if entry.posts.is_empty() {
            self.entries.remove(&id);
        }
        Some(update)
    }

    /// The post that goes next, or when to ask again; nothing waits when both are none.
    pub(super) fn next(&self, now: Timestamp) -> Result<(OutboxId, Post), Option<Timestamp>> {
        let first = self.entries.iter().min_by_key(|(id, entry)| (entry.due_at, **id));
        let Some((id, entry)) = first else { return Err(None) };
        let at = entry.due_at.max(self.silent_until);
        match entry.posts.first() {
            Some(post) if at <= now => Ok((*id, post.clone())),
            _ => Err(Some(at)),
        }
    }

    /// Takes in how the attempt at a post ended; `jitter` is in `0..1`. Returns the row to write.
    /// After a failure the whole queue is silent for a while: what is down for one is down for all.
    pub(super) fn on(
        &mut self,
        id: OutboxId,
        post: &Post,
        outcome: Outcome,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Update> {
        let entry = self.entries.get_mut(&id)?;
        let before = entry.posts.clone();
        match outcome {
            Outcome::Failed(error, at) => {
                entry.fail(error, at, now, jitter);
                self.failures += 1;
                self.silent_until = at.unwrap_or(now + wait(self.failures, jitter));
            }
            Outcome::Sent => {
                entry.posts.retain(|p| p != post);
                entry.is_sent = true;
                self.failures = 0;
            }
            Outcome::Refused(error) => {
                entry.posts.retain(|p| p != post);
                entry.error = Some(error);
                entry.is_refused = true;
                self.failures = 0;
            }
        }
        let update = entry.update(id);
        for done in before.iter().filter(|p| !entry.posts.contains(p)) {
            self.newest.remove(&done.key());
        }
        if entry.posts.is_empty() {
            self.entries.remove(&id);
        }
        Some(update)
    }

    /// How many attempts have failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether nothing waits.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Entry {
    fn fail(&mut self, error: String, at: Option<Timestamp>, now: Timestamp, jitter: f64) {
        self.attempts += 1;
        self.due_at = at.unwrap_or(now + wait(self.attempts, jitter));
        if now.since(self.created_at) < GIVEN_UP_AFTER {
            self.error = Some(error);
        } else {
            self.posts.clear();
            self.is_refused = true;
            let attempts = self.attempts;
            self.error = Some(format!("Given up after a day and {attempts} attempts: {error}"));
        }
    }

    /// The row as it is now. A finished row keeps all that it was about.
    fn update(&self, id: OutboxId) -> Update {
        let state = match (self.posts.is_empty(), self.is_refused, self.is_sent) {
            (false, _, _) => State::Waiting,
            (true, true, _) => State::Failed,
            (true, false, true) => State::Sent,
            (true, false, false) => State::Superseded,
        };
        let posts = if state == State::Waiting { &self.posts } else { &self.all };
        Update {
            id,
            state,
            due_at: self.due_at,
            attempts: self.attempts,
            message: serde_json::to_value(posts).unwrap_or(Json::Null),
            error: self.error.clone().filter(|_| matches!(state, State::Waiting | State::Failed)),
        }
    }
}

/// 2 s, 4 s, 8 s … 60 s, a fifth more or less, so that several masters do not march in step.
pub(super) fn wait(failures: u32, jitter: f64) -> Duration {
    let exponent = i32::try_from(failures.min(6)).unwrap_or(6);
    let wait = LONGEST_WAIT.min(Duration::from_secs_f64(2f64.powi(exponent)));
    wait.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
