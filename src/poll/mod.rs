//! Pollers: what looks for changes by itself. Each configured source is looked at in its interval,
//! never twice at once; what a look finds and how far it has seen is one input to the engine, so that
//! a process that dies in between has not looked. The rows are the truth: this loop can be killed
//! anywhere and started again. A new kind is a file beside `git.rs` and an arm in `Look::run`.

pub mod git;
mod mirror;
mod program;
mod pull_requests;
mod reconcile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value as Json;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use self::git::Git;
pub use self::mirror::Mirrors;
use crate::base::clock::Timestamp;
use crate::base::id::SourceId;
use crate::base::random::Random;
use crate::engine::input::{Input, Looked, Seen};
use crate::engine::ports::Argument;
use crate::engine::tasks::Tasks;
use crate::engine::{Engine, Generation, Refusal};
use crate::http;
use crate::model::change::NewChange;
use crate::model::config::{Callback, Said, SourceConfig, SourceKind};
use crate::model::event::Event;
use crate::store::Result as StoreResult;
use crate::store::change_sources::{self, SourceRow};

/// Pause after the rows could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// What pollers reach the world through.
#[derive(Clone)]
pub struct Outside {
    /// Forges.
    pub http: http::Client,
    /// Repositories.
    pub git: Arc<dyn Git>,
}

/// Looks at every change source when its time has come, until the process ends.
pub async fn serve(engine: Engine, outside: Outside, tasks: Tasks) {
    let token = tasks.token();
    let other = reconcile::serve(engine.clone(), outside.clone(), token.clone());
    tasks.spawn("reconcile", other);
    let mut events = engine.subscribe();
    let mut poller =
        Poller { started: engine.clock().now(), engine, outside, plans: BTreeMap::new() };
    let mut looks = FuturesUnordered::new();
    loop {
        let next = match poller.due().await {
            Ok((due, next)) => {
                for (generation, row) in due {
                    looks.push(look(
                        poller.engine.clone(),
                        poller.outside.clone(),
                        generation,
                        row,
                    ));
                }
                next
            }
            Err(error) => {
                tracing::error!("Change sources cannot be read: {error}.");
                Some(poller.engine.clock().now() + PAUSE)
            }
        };
        let clock = poller.engine.clock();
        let timer = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = token.cancelled() => return,
            Some(id) = looks.next(), if !looks.is_empty() => poller.looked(id),
            () = timer => {}
            woken = woken(&mut events) => if !woken { return },
        }
    }
}

/// Waits for an announcement about change sources; false = there will be none any more.
async fn woken(events: &mut Receiver<Event>) -> bool {
    loop {
        match events.recv().await {
            Ok(Event::SourceUpdated { .. } | Event::GenerationActivated { .. })
            | Err(RecvError::Lagged(_)) => return true,
            Ok(_) => {}
            Err(RecvError::Closed) => return false,
        }
    }
}

/// When one source is looked at.
#[derive(Default)]
struct Plan {
    name: String,
    /// It is being looked at now.
    is_busy: bool,
    /// It has been looked at by this process.
    has_looked: bool,
    /// What chance adds to its interval this time.
    delay: Duration,
}

struct Poller {
    engine: Engine,
    outside: Outside,
    started: Timestamp,
    plans: BTreeMap<SourceId, Plan>,
}

/// A source to look at, and the configuration that says how.
type Due = (Arc<Generation>, SourceRow);

impl Poller {
    /// What must be looked at now, and when to look again if nobody wakes the loop before.
    async fn due(&mut self) -> StoreResult<(Vec<Due>, Option<Timestamp>)> {
        let rows = self.engine.store().read(change_sources::configured).await?;
        let generation = self.engine.generation();
        let now = self.engine.clock().now();
        let (mut due, mut next) = (Vec::new(), None);
        for row in rows {
            let Some(source) = generation.config.change_source(&row.name) else { continue };
            let plan = self.plans.entry(row.id).or_insert_with(|| Plan {
                name: row.name.clone(),
                delay: delay(source, self.engine.random()),
                ..Plan::default()
            });
            if plan.is_busy {
                continue;
            }
            let times = &source.times;
            let at_launch = times.poll_at_launch && !plan.has_looked;
            let last = row.polled_at.unwrap_or(self.started);
            let at = match row.wanted > 0 || at_launch {
                true => now,
                false => last + Duration::from_secs_f64(times.poll_interval) + plan.delay,
            };
            if at > now {
                next = next.into_iter().chain([at]).min();
                continue;
            }
            plan.is_busy = true;
            due.push((generation.clone(), row));
        }
        Ok((due, next))
    }

    /// A look has ended.
    fn looked(&mut self, id: SourceId) {
        let generation = self.engine.generation();
        let Some(plan) = self.plans.get_mut(&id) else { return };
        (plan.is_busy, plan.has_looked) = (false, true);
        if let Some(source) = generation.config.change_source(&plan.name) {
            plan.delay = delay(source, self.engine.random());
        }
    }
}

/// What chance adds to an interval.
fn delay(source: &SourceConfig, random: &Random) -> Duration {
    let times = &source.times;
    let low = Duration::from_secs_f64(times.poll_random_delay_min);
    let width = Duration::from_secs_f64(times.poll_random_delay_max).saturating_sub(low);
    let width = usize::try_from(width.as_millis()).unwrap_or(usize::MAX);
    if width == 0 {
        return low;
    }
    low + Duration::from_millis(u64::try_from(random.below(width)).unwrap_or(0))
}

/// Looks at one source and hands over what it has seen.
async fn look(
    engine: Engine,
    outside: Outside,
    generation: Arc<Generation>,
    row: SourceRow,
) -> SourceId {
    let id = row.id;
    let Some(source) = generation.config.change_source(&row.name) else { return id };
    let look = Look { generation: &generation, source, random: engine.random() };
    let before = engine.store().read(move |conn| change_sources::heads(conn, id)).await;
    let outcome = match before {
        Ok(before) => look.run(&outside, &engine, row.seen.then_some(&before)).await,
        Err(error) => Err(format!("What was seen before cannot be read: {error}.")),
    };
    let outcome = outcome.map_err(|error| generation.masked(&error));
    if let Err(error) = &outcome {
        tracing::warn!(source = source.name, "A change source could not look: {error}");
    }
    let looked = Looked { source: id, subject: source.kind.subject(), served: row.wanted, outcome };
    let looked = Box::new(looked);
    match engine.ask(|answer| Input::SourceLooked { looked, answer }).await {
        Ok(()) | Err(Refusal::Stale | Refusal::Ending) => {}
        Err(error) => tracing::error!(source = source.name, %error, "A look was not taken."),
    }
    id
}

/// One look at a source.
struct Look<'a> {
    generation: &'a Generation,
    source: &'a SourceConfig,
    random: &'a Random,
}

impl Look<'_> {
    async fn run(
        &self,
        outside: &Outside,
        engine: &Engine,
        before: Option<&BTreeMap<String, String>>,
    ) -> Result<Seen, String> {
        match &self.source.kind {
            SourceKind::GitPoller(poller) => {
                git::look(self, outside.git.as_ref(), poller, before).await
            }
            SourceKind::GithubPullRequestPoller(poller) => {
                let http = outside.http.clone();
                pull_requests::look(self, http, engine.clock(), poller, before).await
            }
        }
    }

    /// Whether a function of the configuration says yes.
    async fn says_yes(&self, callback: &Callback, args: Vec<Argument>) -> Result<bool, String> {
        let answer = self.generation.scripts.call(callback, args).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(!answer.is_null() && answer != Json::Bool(false))
    }

    /// A change with what the source says of all of its changes.
    async fn finished(&self, mut change: NewChange) -> Result<NewChange, String> {
        change.codebase = self.source.codebase.clone().unwrap_or_default();
        match &self.source.category {
            None => {}
            Some(Said::Fixed(text)) => change.category = Some(text.clone()),
            Some(Said::Callback(callback)) => {
                let args = vec![Argument::Change(Box::new(change.clone()))];
                let answer = self.generation.scripts.call(callback, args).await;
                change.category = match answer.map_err(|error| error.to_string())? {
                    Json::String(text) => Some(text),
                    Json::Null => None,
                    other => {
                        let site = &callback.site;
                        return Err(format!(
                            "{site}: `category` must return a string or nil, not {other}."
                        ));
                    }
                };
            }
        }
        Ok(change)
    }
}
