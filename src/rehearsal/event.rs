//! Events at a rehearsal: deliveries of webhooks and changes, and what hooks and schedulers made of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::account::RequestAccount;
use super::record::CHANGE;
use super::{GITHUB, Rehearsal, RehearsalError};
use crate::base::id::{ChangeId, DeliveryId, RequestId};
use crate::engine::input::Delivered;
use crate::model::change::NewChange;
use crate::model::config::SchedulerKind;
use crate::model::delivery::{DeliveryState, NewDelivery};
use crate::store::views::rehearsal::{self as rows, Asked, Judged};

/// What a scheduler made of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The scheduler.
    pub scheduler: String,
    /// Its kind.
    pub kind: String,
    /// Whether it takes the change.
    pub taken: bool,
    /// How it takes it, or why not.
    pub why: String,
}

/// A change and what the schedulers made of it.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeAccount {
    /// The change.
    #[serde(flatten)]
    pub change: NewChange,
    /// Every scheduler that looks at changes, in the configuration's order.
    pub verdicts: Vec<Verdict>,
}

/// What came of an event.
#[derive(Clone, Debug, Serialize)]
pub struct EventAccount {
    /// What the hook made of it, in one sentence.
    pub verdict: String,
    /// Reading it failed.
    pub failed: bool,
    /// Its changes.
    pub changes: Vec<ChangeAccount>,
    /// Everything that was asked for since, by schedulers of any kind.
    pub requests: Vec<RequestAccount>,
}

impl Rehearsal {
    /// A webhook's delivery to the hook that is mounted as `hook`; its signature is taken for
    /// granted.
    ///
    /// # Errors
    /// When no such hook is configured.
    pub async fn deliver(
        &mut self,
        hook: &str,
        event: &str,
        mut headers: BTreeMap<String, String>,
        payload: &Json,
    ) -> Result<EventAccount, RehearsalError> {
        let www = self.config().www.as_ref();
        let scripted = www.and_then(|www| www.scripted.iter().find(|h| h.name == hook));
        if let Some(header) = scripted.and_then(|hook| hook.event_header.clone()) {
            headers.insert(header.to_lowercase(), event.to_owned());
        }
        if !payload.is_string() {
            let header = headers.entry("content-type".to_owned());
            header.or_insert_with(|| "application/json".to_owned());
        }
        let is_github = hook == GITHUB && www.is_some_and(|www| www.hooks.github.is_some());
        if !is_github && scripted.is_none() {
            let text = format!("The configuration has no hook {hook} in c.www.change_hooks.");
            return Err(RehearsalError::Other(text));
        }
        let body = match payload {
            Json::String(text) => text.clone().into_bytes(),
            payload => payload.to_string().into_bytes(),
        };
        self.take(hook, event, headers, body).await
    }

    /// A change as it is, with no hook in between.
    ///
    /// # Errors
    /// When the engine does not take it.
    pub async fn change(&mut self, change: &NewChange) -> Result<EventAccount, RehearsalError> {
        let body = serde_json::to_vec(change).unwrap_or_default();
        self.take(CHANGE, "change", BTreeMap::new(), body).await
    }

    async fn take(
        &mut self,
        dialect: &str,
        event: &str,
        headers: BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> Result<EventAccount, RehearsalError> {
        let before = self.newest_request().await?;
        self.deliveries += 1;
        let guid = format!("rehearsal-{}", self.deliveries);
        let delivery = NewDelivery {
            dialect: dialect.to_owned(),
            line: guid.clone(),
            guid,
            event: event.to_owned(),
            headers,
            body,
            head: None,
        };
        let (Delivered::New(id) | Delivered::Duplicate(id)) = self.engine.deliver(delivery).await?;
        self.settle().await?;
        self.event(id, before).await
    }

    async fn event(
        &self,
        id: DeliveryId,
        before: RequestId,
    ) -> Result<EventAccount, RehearsalError> {
        let read = move |conn: &crate::store::Conn<'_>| {
            Ok((rows::delivery(conn, id)?, rows::changes(conn, id)?))
        };
        let ((state, verdict), changes) = self.engine.store().read(read).await?;
        // What a clock asked for meanwhile did not come of this.
        let ids: Vec<ChangeId> = changes.iter().map(|judged| judged.id).collect();
        let is_consequence = |asked: &Asked| {
            let scheduler = asked.scheduler.as_ref().and_then(|name| self.config().scheduler(name));
            let has_clock = scheduler.is_some_and(|scheduler| match &scheduler.kind {
                SchedulerKind::Timed(_) => true,
                SchedulerKind::Triggerable(rules) => rules.times.is_some(),
                SchedulerKind::Scripted(own) => own.on_timer.is_some(),
                SchedulerKind::Branch(_)
                | SchedulerKind::Dependent(_)
                | SchedulerKind::Force(_)
                | SchedulerKind::Try(_) => false,
            });
            !has_clock || asked.changes.iter().any(|id| ids.contains(id))
        };
        Ok(EventAccount {
            verdict: self.masked(&verdict),
            failed: state == DeliveryState::Failed,
            changes: changes.into_iter().map(|judged| self.judged(judged)).collect(),
            requests: self.books().requests(before, is_consequence).await?,
        })
    }

    fn judged(&self, judged: Judged) -> ChangeAccount {
        let verdicts = self.config().schedulers.iter().filter_map(|scheduler| {
            let words = judged.verdicts.get(&scheduler.name)?;
            let refused = words.strip_prefix("refused: ");
            Some(Verdict {
                scheduler: scheduler.name.clone(),
                kind: scheduler.kind.word().to_owned(),
                taken: words.starts_with("taken"),
                why: refused.unwrap_or(words).to_owned(),
            })
        });
        ChangeAccount { verdicts: verdicts.collect(), change: judged.change }
    }
}
