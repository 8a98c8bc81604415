//! Reads stored deliveries: from bytes to changes, each with what every scheduler makes of it. It
//! works from rows – whatever is not read yet – and is only woken by messages, so a crash at any
//! point loses nothing. It may wait for Lua and for GitHub; the beat never does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::base::id::DeliveryId;
use crate::engine::input::{Input, JudgedChange, JudgedReading, Judgement};
use crate::engine::ports::{Argument, ScriptError};
use crate::engine::{Engine, Generation, Refusal};
use crate::model::change::NewChange;
use crate::model::config::{BranchScheduler, Callback, SchedulerKind};
use crate::model::delivery::Delivery;
use crate::model::filter::Verdict;
use crate::store::deliveries;

/// How long the next delivery waits for the one before it. Order is kept while GitHub answers; in
/// an outage one slow delivery does not hold up the others.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many deliveries are read at once at most.
const AT_ONCE: usize = 16;

/// The reader of deliveries.
pub struct Intake {
    engine: Engine,
    wake: Arc<Notify>,
}

impl Intake {
    pub(super) fn new(engine: Engine, wake: Arc<Notify>) -> Self {
        Self { engine, wake }
    }

    /// Serves until the process ends.
    pub async fn serve(self, token: CancellationToken) {
        let mut reading: BTreeSet<DeliveryId> = BTreeSet::new();
        let mut readers = FuturesUnordered::new();
        loop {
            // With slow ones in the background nobody waits for the newest either.
            let patience = if readers.is_empty() { PATIENCE } else { Duration::ZERO };
            for delivery in self.unread(&reading).await {
                reading.insert(delivery.id);
                let mut reader = Box::pin(handle(self.engine.clone(), delivery));
                match tokio::time::timeout(patience, &mut reader).await {
                    Ok(id) => {
                        reading.remove(&id);
                    }
                    Err(_) => readers.push(reader),
                }
            }
            tokio::select! {
                () = self.wake.notified(), if readers.len() < AT_ONCE => {}
                Some(id) = readers.next(), if !readers.is_empty() => { reading.remove(&id); }
                () = token.cancelled() => return,
            }
        }
    }

    async fn unread(&self, reading: &BTreeSet<DeliveryId>) -> Vec<Delivery> {
        let limit = i64::try_from(AT_ONCE + reading.len()).unwrap_or(i64::MAX);
        match self.engine.store().read(move |conn| deliveries::unread(conn, limit)).await {
            Ok(all) => {
                let new: Vec<_> = all.into_iter().filter(|d| !reading.contains(&d.id)).collect();
                if !new.is_empty() {
                    // There may be more than one batch of them.
                    self.wake.notify_one();
                }
                new
            }
            Err(error) => {
                tracing::error!(%error, "deliveries cannot be read");
                Vec::new()
            }
        }
    }
}

/// Reads one delivery and hands over what it means.
async fn handle(engine: Engine, delivery: Delivery) -> DeliveryId {
    let id = delivery.id;
    let generation = engine.generation();
    let outcome = match generation.scripts.read_delivery(delivery).await {
        Ok(reading) => {
            let mut judged = Vec::new();
            for change in reading.changes {
                let judgements = judge_all(&generation, &change).await;
                judged.push(JudgedChange { change, judgements });
            }
            Ok(JudgedReading {
                changes: judged,
                cancels: reading.cancels,
                verdict: reading.verdict,
            })
        }
        Err(error) => {
            tracing::error!(delivery = id.0, %error, "a delivery could not be read");
            Err(error.to_string())
        }
    };
    match engine.ask(|answer| Input::DeliveryRead { delivery: id, outcome, answer }).await {
        Ok(()) | Err(Refusal::Stale | Refusal::Ending) => {}
        Err(error) => tracing::error!(delivery = id.0, %error, "a delivery was not taken"),
    }
    id
}

/// What every scheduler makes of a change.
async fn judge_all(generation: &Generation, change: &NewChange) -> BTreeMap<String, Judgement> {
    let mut out = BTreeMap::new();
    for scheduler in &generation.config.schedulers {
        if let SchedulerKind::Branch(rules) = &scheduler.kind {
            let judgement = judge(generation, rules, change).await.unwrap_or_else(|error| {
                tracing::error!(scheduler = scheduler.name, %error, "a change filter failed");
                Judgement::Refused(format!("its filter failed: {error}"))
            });
            out.insert(scheduler.name.clone(), judgement);
        }
    }
    out
}

async fn judge(
    generation: &Generation,
    rules: &BranchScheduler,
    change: &NewChange,
) -> Result<Judgement, ScriptError> {
    let filter = &rules.change_filter;
    let callbacks = match filter.check(change) {
        Verdict::Refused(why) => return Ok(Judgement::Refused(why)),
        Verdict::Ask(callbacks) => callbacks,
    };
    let says_no = |callback: &Callback| {
        Judgement::Refused(format!("the function at {} said no", callback.site))
    };
    for (callback, value) in callbacks {
        let args = vec![Argument::Json(value.into())];
        if !is_true(&generation.scripts.call(&callback, args).await?) {
            return Ok(says_no(&callback));
        }
    }
    let of_change = || vec![Argument::Change(Box::new(change.clone()))];
    if let Some(callback) = &filter.filter
        && !is_true(&generation.scripts.call(callback, of_change()).await?)
    {
        return Ok(says_no(callback));
    }
    let Some(callback) = &rules.file_is_important else { return Ok(Judgement::Important) };
    Ok(match generation.scripts.call(callback, of_change()).await {
        Ok(answer) if !is_true(&answer) && rules.only_important => {
            Judgement::Refused(format!("unimportant to the function at {}", callback.site))
        }
        Ok(answer) if !is_true(&answer) => Judgement::Unimportant,
        Ok(_) => Judgement::Important,
        Err(error) => {
            // Rather a build too many than one too few.
            tracing::error!(%error, "file_is_important failed; the change counts as important");
            Judgement::Important
        }
    })
}

/// Lua's truth: everything but nil and false.
fn is_true(value: &serde_json::Value) -> bool {
    !value.is_null() && *value != serde_json::Value::Bool(false)
}
