//! Reads stored deliveries: from bytes to changes, each with what every scheduler makes of it. It
//! works from rows – whatever is not read yet – and is only woken by messages, so a crash at any
//! point loses nothing. It may wait for Lua and for GitHub; the beat never does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value as Json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::base::id::DeliveryId;
use crate::base::text::count;
use crate::engine::input::{Input, JudgedChange, JudgedReading, Judgement};
use crate::engine::ports::{Argument, ScriptError};
use crate::engine::returned::is_true;
use crate::engine::{Engine, Generation, Refusal, supersede};
use crate::model::change::{NewChange, revision_page};
use crate::model::config::{Callback, SchedulerConfig, SchedulerKind, Wanted};
use crate::model::delivery::{Delivery, NewDelivery, Reading};
use crate::model::filter::{ChangeFilter, Verdict};
use crate::store::deliveries;

/// How long the next delivery waits for the one before it. Order is kept while GitHub answers; in
/// an outage one slow delivery holds up none but those of its own line.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many deliveries are read at once at most.
const AT_ONCE: usize = 16;

/// The target of what is in the log and also in a verdict: who shows verdicts leaves it out.
const TOLD: &str = "halide_ci::engine::intake::told";

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
        // What is being read: by id, and what it is about.
        let mut reading: BTreeMap<DeliveryId, String> = BTreeMap::new();
        let mut readers = FuturesUnordered::new();
        loop {
            if readers.len() < AT_ONCE
                && let Some(delivery) = self.next(&reading).await
            {
                reading.insert(delivery.id, delivery.what.line.clone());
                // With slow ones in the background nobody waits for the newest either.
                let patience = if readers.is_empty() { PATIENCE } else { Duration::ZERO };
                let mut reader = Box::pin(handle(self.engine.clone(), delivery));
                tokio::select! {
                    biased;
                    () = token.cancelled() => return,
                    id = &mut reader => { reading.remove(&id); }
                    () = tokio::time::sleep(patience) => readers.push(reader),
                }
                continue;
            }
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                Some(id) = readers.next(), if !readers.is_empty() => { reading.remove(&id); }
                () = self.wake.notified(), if readers.len() < AT_ONCE => {}
            }
        }
    }

    /// The oldest unread delivery whose line is not being read: a pull request's events stay in
    /// order whatever else overtakes them.
    async fn next(&self, reading: &BTreeMap<DeliveryId, String>) -> Option<Delivery> {
        loop {
            let lines: BTreeSet<String> = reading.values().cloned().collect();
            let read = move |conn: &crate::store::Conn<'_>| deliveries::next_unread(conn, &lines);
            match self.engine.store().read(read).await {
                Ok(delivery) => return delivery,
                Err(error) => {
                    tracing::error!(%error, "deliveries cannot be read; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// Reads one delivery and hands over what it means.
async fn handle(engine: Engine, delivery: Delivery) -> DeliveryId {
    let id = delivery.id;
    let generation = engine.generation();
    let outcome = match read(&engine, &generation, delivery).await {
        Ok(reading) => Ok(reading),
        Err(error) => {
            tracing::error!(target: TOLD, delivery = id.0, %error, "a delivery could not be read");
            Err(error.to_string())
        }
    };
    let generation = generation.id;
    let read = |answer| Input::DeliveryRead { delivery: id, generation, outcome, answer };
    match engine.ask(read).await {
        Ok(()) | Err(Refusal::Stale | Refusal::Ending) => {}
        Err(error) => tracing::error!(delivery = id.0, %error, "a delivery was not taken"),
    }
    id
}

/// What a delivery means: its changes, each with its codebase and what schedulers make of it.
async fn read(
    engine: &Engine,
    generation: &Generation,
    delivery: Delivery,
) -> Result<JudgedReading, ScriptError> {
    let reading = match delivery.what.dialect.as_str() {
        NewDelivery::FOUND => found(&delivery.what)?,
        _ => generation.scripts.read_delivery(delivery).await?,
    };
    let mut changes = Vec::new();
    for mut change in reading.changes {
        if change.codebase.is_empty() {
            change.codebase = codebase(generation, &change).await?;
        }
        if change.revlink.is_none() {
            change.revlink = revlink(generation, &change).await;
        }
        let judgements = judge_all(generation, &change).await;
        let is_taken = judgements.values().any(|j| *j == Judgement::Important);
        let supersedes = match is_taken {
            true => supersede::by(engine, generation, &change).await,
            false => Vec::new(),
        };
        changes.push(JudgedChange { change, judgements, supersedes });
    }
    Ok(JudgedReading { changes, cancels: reading.cancels, verdict: reading.verdict })
}

/// What a change source has found: changes, ready as they are.
fn found(delivery: &NewDelivery) -> Result<Reading, ScriptError> {
    let changes: Vec<NewChange> =
        serde_json::from_slice(&delivery.body).map_err(|error| ScriptError {
            message: format!("the stored changes cannot be read: {error}."),
            site: None,
            is_failure: false,
        })?;
    let verdict = format!("{} of {}.", count(changes.len(), "change"), delivery.line);
    Ok(Reading { changes, cancels: Vec::new(), verdict })
}

/// What `codebase_generator` says of a change that came without a codebase.
async fn codebase(generation: &Generation, change: &NewChange) -> Result<String, ScriptError> {
    let Some(callback) = &generation.config.decisions.codebase_generator else {
        return Ok(String::new());
    };
    let args = vec![Argument::Change(Box::new(change.clone()))];
    match generation.scripts.call(callback, args).await? {
        Json::String(codebase) => Ok(codebase),
        Json::Null => Ok(String::new()),
        other => Err(ScriptError {
            message: format!("codebase_generator must return a string, not {other}."),
            site: Some(callback.site.clone()),
            is_failure: false,
        }),
    }
}

/// The page of a change that came without one. No link is better than no change, so an error in the
/// function is only logged.
async fn revlink(generation: &Generation, change: &NewChange) -> Option<String> {
    let revision = change.revision.as_deref().filter(|revision| !revision.is_empty())?;
    let Some(callback) = &generation.config.decisions.revlink else {
        return revision_page(revision, &change.repository);
    };
    let arguments = [revision, &change.repository].map(|text| Argument::Json(text.into()));
    match generation.scripts.call(callback, arguments.into()).await {
        Ok(Json::String(link)) => Some(link).filter(|link| !link.is_empty()),
        Ok(Json::Null) => None,
        Ok(other) => {
            tracing::error!(site = %callback.site, "revlink must return a string or nil, not {other}");
            None
        }
        Err(error) => {
            tracing::error!(%error, "revlink failed; the change has no link");
            None
        }
    }
}

/// What every scheduler makes of a change.
async fn judge_all(generation: &Generation, change: &NewChange) -> BTreeMap<String, Judgement> {
    let mut out = BTreeMap::new();
    for scheduler in &generation.config.schedulers {
        if let Some(why) = is_elsewhere(scheduler, change) {
            out.insert(scheduler.name.clone(), Judgement::Refused(why));
            continue;
        }
        let judged = match (&scheduler.kind, scheduler.kind.wanted()) {
            (_, Some(wanted)) => judge(generation, wanted, change).await,
            (SchedulerKind::Scripted(rules), None) if rules.on_change.is_some() => {
                let refusal = refusal(generation, &rules.change_filter, change).await;
                refusal.map(|no| no.unwrap_or(Judgement::Important))
            }
            _ => continue,
        };
        let judgement = judged.unwrap_or_else(|error| {
            let scheduler = &scheduler.name;
            tracing::error!(target: TOLD, scheduler, %error, "a change filter failed");
            Judgement::Refused(format!("its filter failed: {error}"))
        });
        out.insert(scheduler.name.clone(), judgement);
    }
    out
}

/// Why a change is none of a scheduler's, whatever its filter says.
fn is_elsewhere(scheduler: &SchedulerConfig, change: &NewChange) -> Option<String> {
    let declared = &scheduler.codebases;
    if !declared.is_empty() && !declared.iter().any(|c| c.name == change.codebase) {
        return Some(format!("codebase {:?} is none of its codebases", change.codebase));
    }
    match &scheduler.kind {
        SchedulerKind::Timed(timed) if timed.branch.is_some() && timed.branch != change.branch => {
            Some("it is on another branch".to_owned())
        }
        _ => None,
    }
}

/// Why a filter refuses a change; none = it lets it in.
pub(super) async fn refusal(
    generation: &Generation,
    filter: &ChangeFilter,
    change: &NewChange,
) -> Result<Option<Judgement>, ScriptError> {
    let callbacks = match filter.check(change) {
        Verdict::Refused(why) => return Ok(Some(Judgement::Refused(why))),
        Verdict::Ask(callbacks) => callbacks,
    };
    let says_no = |callback: &Callback| {
        Judgement::Refused(format!("the function at {} said no", callback.site))
    };
    for (callback, value) in callbacks {
        let args = vec![Argument::Json(value.into())];
        if !is_true(&generation.scripts.call(&callback, args).await?) {
            return Ok(Some(says_no(&callback)));
        }
    }
    let of_change = vec![Argument::Change(Box::new(change.clone()))];
    if let Some(callback) = &filter.filter
        && !is_true(&generation.scripts.call(callback, of_change).await?)
    {
        return Ok(Some(says_no(callback)));
    }
    Ok(None)
}

async fn judge(
    generation: &Generation,
    rules: &Wanted,
    change: &NewChange,
) -> Result<Judgement, ScriptError> {
    if let Some(no) = refusal(generation, &rules.change_filter, change).await? {
        return Ok(no);
    }
    let of_change = || vec![Argument::Change(Box::new(change.clone()))];
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
