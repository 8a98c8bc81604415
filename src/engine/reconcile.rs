//! Heads in a turn: a delivery says where a branch or pull request is; reconciliation says what nobody
//! told us. Both remember it here, so that the same head is never taken twice, whoever comes first.

use std::time::Duration;

use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Reconciled};
use crate::model::delivery::{DeliveryState, Head, NewDelivery};
use crate::model::event::Event;
use crate::store::{Result, deliveries, received_heads};

/// How long it is remembered that something is gone: much longer than any question takes.
const GONE: Duration = Duration::from_secs(86_400);

impl Turn<'_> {
    /// Remembers the head that a delivery tells of; false when reconciliation has found it before.
    pub(super) fn is_new_head(&mut self, head: &Head) -> Result<bool> {
        let revision = head.revision.as_deref().unwrap_or_default();
        let known = received_heads::find(self.conn, &head.name, revision)?;
        let is_news = known != Some(true) || head.revision.is_none();
        if is_news {
            received_heads::insert(self.conn, &head.name, revision, false, self.now)?;
        }
        Ok(is_news)
    }

    /// Stores a delivery that says nothing new.
    pub(super) fn store_late(
        &mut self,
        delivery: &NewDelivery,
    ) -> Result<crate::base::id::DeliveryId> {
        let id = deliveries::insert(self.conn, delivery, self.now)?;
        let verdict = "This head was found by reconciliation before.";
        deliveries::settle(self.conn, id, DeliveryState::Handled, verdict, self.now)?;
        self.announce(Event::DeliveryHandled { delivery: id });
        Ok(id)
    }

    /// Takes what reconciliation found of a repository.
    pub(super) fn reconciled(&mut self, found: Reconciled, answer: Answer<usize>) -> Result<()> {
        let Reconciled { repository, as_of, known, missed } = found;
        for head in known {
            let revision = head.revision.as_deref().unwrap_or_default();
            if received_heads::newest(self.conn, &head.name)?.is_none() {
                received_heads::insert(self.conn, &head.name, revision, false, self.now)?;
            }
        }
        let mut taken = 0;
        for delivery in missed {
            let Some(head) = &delivery.head else { continue };
            let revision = head.revision.as_deref().unwrap_or_default();
            // What was told while the question was under way is newer than the answer.
            let is_older =
                received_heads::newest(self.conn, &head.name)?.is_some_and(|at| at >= as_of);
            if is_older || received_heads::find(self.conn, &head.name, revision)?.is_some() {
                continue;
            }
            received_heads::insert(self.conn, &head.name, revision, true, self.now)?;
            let id = deliveries::insert(self.conn, &delivery, self.now)?;
            self.announce(Event::DeliveryStored { delivery: id });
            self.out.acts.push(Act::WakeIntake);
            taken += 1;
        }
        received_heads::reconciled(self.conn, &repository)?;
        let then = crate::base::clock::Timestamp(
            self.now.0 - i64::try_from(GONE.as_micros()).unwrap_or(i64::MAX),
        );
        received_heads::forget_gone(self.conn, then)?;
        self.answer(answer, Ok(taken));
        Ok(())
    }
}
