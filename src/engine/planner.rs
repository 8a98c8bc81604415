//! Tells schedulers that are written in Lua what they have not been told: changes, buildsets that
//! are complete, the time. It works from rows and is only woken by messages; each scheduler is told
//! one thing after the other, so its memory needs no locks. What a call wants is handed to the beat
//! as one input: if the process dies before its commit, the scheduler is told again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::id::SchedulerId;
use crate::engine::input::{Cause, Input, SchedulerRan};
use crate::engine::ports::Argument;
use crate::engine::{Engine, Generation, Refusal};
use crate::model::config::{Callback, SchedulerKind, ScriptedScheduler};
use crate::model::plan::Plan;
use crate::store::scheduler_events::{self, About};
use crate::store::{Result, buildsets, changes, scheduler_states};

/// Pause after the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The teller.
pub struct Planner {
    engine: Engine,
    wake: Arc<Notify>,
}

/// One thing to tell one scheduler.
struct Call {
    scheduler: SchedulerId,
    name: String,
    cause: Cause,
}

impl Planner {
    pub(super) fn new(engine: Engine, wake: Arc<Notify>) -> Self {
        Self { engine, wake }
    }

    /// Serves until the process ends.
    pub async fn serve(self, token: CancellationToken) {
        let mut busy: BTreeSet<SchedulerId> = BTreeSet::new();
        let mut calls = FuturesUnordered::new();
        let clock = self.engine.clock();
        loop {
            let next = match self.due(&busy).await {
                Ok((due, next)) => {
                    for call in due {
                        busy.insert(call.scheduler);
                        calls.push(tell(self.engine.clone(), call));
                    }
                    next
                }
                Err(error) => {
                    tracing::error!(%error, "schedulers cannot be told anything; trying again");
                    Some(clock.now() + PAUSE)
                }
            };
            let timer = async {
                match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                Some(scheduler) = calls.next(), if !calls.is_empty() => { busy.remove(&scheduler); }
                () = self.wake.notified() => {}
                () = timer => {}
            }
        }
    }

    /// What may be told now, and when the next timer is due; nothing of schedulers that are busy.
    async fn due(&self, busy: &BTreeSet<SchedulerId>) -> Result<(Vec<Call>, Option<Timestamp>)> {
        let read = |conn: &crate::store::Conn<'_>| {
            Ok((scheduler_events::oldest_of_each(conn)?, scheduler_states::timers(conn)?))
        };
        let (untold, timers) = self.engine.store().read(read).await?;
        let generation = self.engine.generation();
        let now = self.engine.clock().now();
        let mut taken = busy.clone();
        let mut calls = Vec::new();
        for one in untold {
            if scripted(&generation, &one.name).is_some() && taken.insert(one.scheduler) {
                let cause = Cause::Told(one.id, one.about);
                calls.push(Call { scheduler: one.scheduler, name: one.name, cause });
            }
        }
        let mut next = None;
        for (scheduler, name, at) in timers {
            let rules = scripted(&generation, &name);
            if rules.is_none_or(|rules| rules.on_timer.is_none()) || taken.contains(&scheduler) {
                continue;
            }
            if at > now {
                next = Some(at);
                break;
            }
            taken.insert(scheduler);
            calls.push(Call { scheduler, name, cause: Cause::Timer(at) });
        }
        Ok((calls, next))
    }
}

fn scripted<'g>(generation: &'g Generation, name: &str) -> Option<&'g ScriptedScheduler> {
    match generation.config.scheduler(name).map(|s| &s.kind) {
        Some(SchedulerKind::Scripted(rules)) => Some(rules),
        _ => None,
    }
}

/// Tells a scheduler one thing and hands over what it wants.
async fn tell(engine: Engine, call: Call) -> SchedulerId {
    let Call { scheduler, name, cause } = call;
    let generation = engine.generation();
    let outcome = match ask(&engine, &generation, scheduler, &name, cause).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(scheduler = name, %error, "a scheduler could not be told; trying again");
            tokio::time::sleep(PAUSE).await;
            return scheduler;
        }
    };
    if let Err(error) = &outcome {
        tracing::error!(scheduler = name, "A function of the scheduler failed: {error}");
    }
    let ran = Box::new(SchedulerRan { scheduler, cause, generation: generation.id, outcome });
    match engine.ask(|answer| Input::SchedulerRan { ran, answer }).await {
        Ok(()) | Err(Refusal::Stale | Refusal::Ending) => {}
        Err(error) => tracing::error!(scheduler = name, %error, "what it wants was not taken"),
    }
    scheduler
}

/// Calls the function that `cause` is for; a scheduler without such a function wants nothing.
async fn ask(
    engine: &Engine,
    generation: &Generation,
    scheduler: SchedulerId,
    name: &str,
    cause: Cause,
) -> Result<std::result::Result<Plan, String>> {
    let read = move |conn: &crate::store::Conn<'_>| {
        let memory = scheduler_states::of(conn, scheduler)?.unwrap_or_default();
        let what = match cause {
            Cause::Told(_, About::Change(id)) => {
                changes::find(conn, id)?.map(|change| change.view())
            }
            Cause::Told(_, About::Buildset(id)) => {
                buildsets::ended(conn, id)?.map(|set| serde_json::to_value(set).unwrap_or_default())
            }
            Cause::Timer(_) => Some(Json::Null),
        };
        Ok((memory, what))
    };
    let (memory, what) = engine.store().read(read).await?;
    let unchanged = Plan { state: memory.state.clone(), ..Plan::default() };
    let function: Option<&Callback> = scripted(generation, name).and_then(|rules| match cause {
        Cause::Told(_, About::Change(_)) => rules.on_change.as_ref(),
        Cause::Told(_, About::Buildset(_)) => rules.on_buildset.as_ref(),
        Cause::Timer(_) => rules.on_timer.as_ref(),
    });
    let (Some(function), Some(what)) = (function, what) else { return Ok(Ok(unchanged)) };
    let view = json!({ "state": memory.state, "now": seconds(engine.clock().now()) });
    let args = vec![Argument::Json(view), Argument::Json(what)];
    Ok(match generation.scripts.call(function, args).await {
        Ok(plan) => serde_json::from_value(plan)
            .map_err(|error| format!("what it wants cannot be understood: {error}.")),
        Err(error) => Err(error.to_string()),
    })
}

/// Seconds since the epoch, with their fraction.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 are below 2^53")]
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1_000_000.0
}
