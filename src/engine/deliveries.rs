//! Webhook deliveries: stored when they arrive, and their changes when they have been read. Both
//! are one transaction each, so a crash leaves a delivery unread or wholly read.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::{ChangeId, DeliveryId, GenerationId, RequestId, SchedulerId};
use crate::engine::Refusal;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Delivered, JudgedChange, JudgedReading, Judgement};
use crate::engine::schedule::branch::Held;
use crate::model::change::Change;
use crate::model::config::SchedulerKind;
use crate::model::delivery::{Cancel, DeliveryState, NewDelivery};
use crate::model::event::Event;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::{Result, changes, deliveries, scheduler_codebases, scheduler_events};

/// What a change says of a scheduler that would have taken it.
const OFF: &str = "refused: the scheduler is off";

impl Turn<'_> {
    pub(super) fn delivery_arrived(
        &mut self,
        delivery: NewDelivery,
        answer: Answer<Delivered>,
    ) -> Result<()> {
        let known = deliveries::find(self.conn, &delivery.dialect, &delivery.guid)?;
        if let Some(id) = known.filter(|_| !self.env.sabotage.no_deduplication) {
            let again = deliveries::retry(self.conn, id)?;
            if again {
                // One that failed, say by an error in the configuration, is delivered once more.
                self.announce(Event::DeliveryStored { delivery: id });
                self.out.acts.push(Act::WakeIntake);
            }
            let delivered = if again { Delivered::New(id) } else { Delivered::Duplicate(id) };
            self.answer(answer, Ok(delivered));
            return Ok(());
        }
        let delivery = match known {
            None => delivery,
            // Only a sabotaged engine comes here: it takes the repeat for something new.
            Some(id) => NewDelivery { guid: format!("{}-again-{id}", delivery.guid), ..delivery },
        };
        if let Some(head) = &delivery.head
            && !self.is_new_head(head)?
        {
            let id = self.store_late(&delivery)?;
            self.answer(answer, Ok(Delivered::Duplicate(id)));
            return Ok(());
        }
        let id = deliveries::insert(self.conn, &delivery, self.now)?;
        self.announce(Event::DeliveryStored { delivery: id });
        self.answer(answer, Ok(Delivered::New(id)));
        self.out.acts.push(Act::WakeIntake);
        Ok(())
    }

    pub(super) fn delivery_read(
        &mut self,
        id: DeliveryId,
        generation: GenerationId,
        outcome: std::result::Result<JudgedReading, String>,
        answer: Answer<()>,
    ) -> Result<()> {
        if !deliveries::is_unread(self.conn, id)? {
            self.answer(answer, Err(Refusal::Stale));
            return Ok(());
        }
        if generation != self.state.generation.id {
            // It was judged by schedulers of yesterday: it is read again.
            self.out.acts.push(Act::WakeIntake);
            self.answer(answer, Err(Refusal::Stale));
            return Ok(());
        }
        match outcome {
            Ok(reading) => {
                let state = DeliveryState::Handled;
                deliveries::settle(self.conn, id, state, &reading.verdict, self.now)?;
                for cancel in &reading.cancels {
                    self.cancel_line(cancel)?;
                }
                for judged in &reading.changes {
                    self.add_change(judged, Some(id))?;
                }
            }
            Err(error) => {
                deliveries::settle(self.conn, id, DeliveryState::Failed, &error, self.now)?;
            }
        }
        self.announce(Event::DeliveryHandled { delivery: id });
        self.answer(answer, Ok(()));
        Ok(())
    }

    fn add_change(&mut self, judged: &JudgedChange, delivery: Option<DeliveryId>) -> Result<()> {
        // As in Buildbot what comes while a scheduler is off is lost to it; what it holds it keeps.
        let schedulers = self.state.schedulers.values();
        let off: BTreeSet<String> =
            schedulers.filter(|s| !s.is_enabled).map(|s| s.name.clone()).collect();
        let verdicts: BTreeMap<String, String> = judged
            .judgements
            .iter()
            .map(|(name, judgement)| {
                let is_off = off.contains(name) && !matches!(judgement, Judgement::Refused(_));
                let words = if is_off { OFF.to_owned() } else { judgement.words() };
                (name.clone(), words)
            })
            .collect();
        let id = changes::insert(self.conn, &judged.change, delivery, &verdicts, self.now)?;
        self.announce(Event::ChangeAdded { change: id });
        let change = Change { id, received_at: self.now, what: judged.change.clone() };
        self.supersede(judged, &change)?;
        let takers: Vec<(SchedulerId, bool)> = self
            .state
            .schedulers
            .iter()
            .filter(|(_, s)| s.is_configured && s.is_enabled)
            .filter_map(|(id, s)| match judged.judgements.get(&s.name)? {
                Judgement::Important => Some((*id, true)),
                Judgement::Unimportant => self.waits_for_more(&s.name).then_some((*id, false)),
                Judgement::Refused(_) => None,
            })
            .collect();
        self.see_codebases(judged, &change)?;
        for (scheduler, important) in takers {
            if self.is_scripted(scheduler) {
                self.tell_of_change(scheduler, id)?;
            } else {
                self.hold(scheduler, change.clone(), important)?;
            }
        }
        Ok(())
    }

    /// What schedulers with `create_absolute_source_stamps` remember of a change: also of one that
    /// starts nothing by itself.
    fn see_codebases(&self, judged: &JudgedChange, change: &Change) -> Result<()> {
        for (id, scheduler) in &self.state.schedulers {
            let config = self.state.generation.config.scheduler(&scheduler.name);
            let wanted = config.and_then(|config| config.kind.wanted());
            let remembers =
                wanted.is_some_and(|wanted| match judged.judgements.get(&scheduler.name) {
                    Some(Judgement::Important) => wanted.create_absolute_source_stamps,
                    Some(Judgement::Unimportant) => {
                        wanted.create_absolute_source_stamps && !wanted.only_important
                    }
                    Some(Judgement::Refused(_)) | None => false,
                });
            if remembers && scheduler.is_configured && scheduler.is_enabled {
                scheduler_codebases::see(self.conn, *id, change)?;
            }
        }
        Ok(())
    }

    fn is_scripted(&self, scheduler: SchedulerId) -> bool {
        let name = self.state.schedulers.get(&scheduler).map(|s| &s.name);
        let config = name.and_then(|name| self.state.generation.config.scheduler(name));
        config.is_some_and(|config| matches!(config.kind, SchedulerKind::Scripted(_)))
    }

    /// Whether a scheduler keeps unimportant changes for a later important one: only if it waits.
    fn waits_for_more(&self, name: &str) -> bool {
        match self.state.generation.config.scheduler(name).map(|s| &s.kind) {
            Some(SchedulerKind::Branch(b)) => {
                b.tree_stable_timer.is_some() && !b.wanted.only_important
            }
            Some(SchedulerKind::Timed(timed)) => !timed.wanted.only_important,
            _ => false,
        }
    }

    fn hold(&mut self, scheduler: SchedulerId, change: Change, important: bool) -> Result<()> {
        changes::hold(self.conn, scheduler, change.id, important)?;
        if let Some(s) = self.state.schedulers.get_mut(&scheduler) {
            s.held.push(Held { change, important });
        }
        Ok(())
    }

    /// Cancels everything of a line of development that nobody wants any more.
    fn cancel_line(&mut self, cancel: &Cancel) -> Result<()> {
        let is_meant = |s: &Sourcestamp| {
            s.project == cancel.project && s.branch.as_deref() == Some(&cancel.branch)
        };
        let mut dropped: Vec<(SchedulerId, ChangeId)> = Vec::new();
        for (id, scheduler) in &mut self.state.schedulers {
            scheduler.held.retain(|held| {
                let meant = is_meant(&held.change.what.sourcestamp());
                if meant {
                    dropped.push((*id, held.change.id));
                }
                !meant
            });
        }
        for (scheduler, change) in dropped {
            changes::release(self.conn, scheduler, change)?;
        }
        scheduler_events::remove_line(self.conn, &cancel.project, &cancel.branch)?;
        let requests: Vec<RequestId> = self
            .state
            .requests
            .values()
            .filter(|r| r.sourcestamps.iter().any(is_meant))
            .map(|r| r.id)
            .collect();
        for request in requests {
            self.cancel_request(request, &cancel.reason)?;
        }
        Ok(())
    }
}

impl Judgement {
    /// The judgement in words, for the change's page.
    fn words(&self) -> String {
        match self {
            Self::Important => "taken".to_owned(),
            Self::Unimportant => "taken as unimportant".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
        }
    }
}
