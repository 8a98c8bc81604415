//! Collapsing where a function decides: each new request of such a builder is compared with the
//! older ones that still wait, one question at a time. Meanwhile any of them may start. Whatever was
//! not compared when the master ends is not: at worst something is built that need not be.

use crate::base::id::{BuilderId, RequestId};
use crate::base::results::Results;
use crate::engine::advice::Ticket;
use crate::engine::adviser::What;
use crate::engine::beat::Turn;
use crate::engine::pending::Pending;
use crate::model::config::Collapse;
use crate::model::request::{Request, RequestState};
use crate::store::Result;

impl Turn<'_> {
    /// Remembers that `newer` is to be compared with what waits.
    pub(super) fn compare_later(&mut self, newer: &Request) {
        if !newer.is_rebuild {
            let merging = self.state.advice.merges.entry(newer.builder).or_default();
            merging.newer.push_back(newer.id);
        }
    }

    /// Puts the next question of each builder that has none under way.
    pub(super) fn ask_about_merges(&mut self) {
        if self.state.advice.merges.is_empty() {
            return;
        }
        let idle = self.state.advice.merges.iter().filter(|(_, m)| m.asked.is_none());
        let idle: Vec<BuilderId> = idle.map(|(builder, _)| *builder).collect();
        for builder in idle {
            self.ask_about_next(builder);
        }
    }

    fn ask_about_next(&mut self, builder: BuilderId) {
        while let Some(merging) = self.state.advice.merges.get_mut(&builder) {
            let Some(id) = merging.newer.pop_front() else {
                self.state.advice.merges.remove(&builder);
                return;
            };
            let Some(newer) = self.waiting_request(id).cloned() else { continue };
            let older = self.older_than(&newer);
            // A configuration that came since may not ask any more.
            if older.is_empty() || !self.asks_to_collapse(builder) {
                continue;
            }
            let ticket = self.state.advice.ticket();
            if let Some(merging) = self.state.advice.merges.get_mut(&builder) {
                merging.asked = Some(ticket);
                // Until it is answered, in case that another configuration comes first.
                merging.newer.push_front(id);
            }
            let view = self.builder_view(builder);
            let newer = Box::new(newer);
            self.put(ticket, What::Merge { id: builder, builder: view, newer, older });
            return;
        }
    }

    fn asks_to_collapse(&self, builder: BuilderId) -> bool {
        let generation = &self.state.generation;
        let name = self.state.builders.get(&builder).map(|b| b.name.as_str());
        let config = name.and_then(|name| generation.config.builder(name));
        config.is_some_and(|b| matches!(generation.config.collapse(b), Collapse::Ask(_)))
    }

    fn waiting_request(&self, id: RequestId) -> Option<&Request> {
        self.state.requests.get(&id).filter(|r| r.state == RequestState::Waiting)
    }

    fn older_than(&self, newer: &Request) -> Vec<Request> {
        let queue = self.state.waiting.get(&newer.builder).into_iter();
        let mut older: Vec<Request> = queue
            .flat_map(Pending::in_turn)
            .filter_map(|id| self.state.requests.get(&id))
            .filter(|r| r.id < newer.id && !r.is_rebuild && !r.is_waited_for)
            .cloned()
            .collect();
        older.sort_by_key(|r| r.id);
        older
    }

    /// Takes the answer: those of the older ones that still wait give way to the newer one, if that
    /// is still wanted.
    pub(super) fn merged(
        &mut self,
        ticket: Ticket,
        builder: BuilderId,
        newer: RequestId,
        older: Vec<RequestId>,
        trouble: Option<&str>,
    ) -> Result<()> {
        let Some(merging) = self.state.advice.merges.get_mut(&builder) else { return Ok(()) };
        if merging.asked != Some(ticket) {
            return Ok(());
        }
        merging.asked = None;
        merging.newer.retain(|id| *id != newer);
        if let Some(trouble) = trouble {
            self.note_trouble(newer, trouble)?;
        }
        let is_wanted = match self.state.requests.get(&newer).map(|r| r.state) {
            Some(RequestState::Waiting | RequestState::Claimed(_)) => true,
            Some(RequestState::Done(_)) | None => false,
        };
        for id in older.into_iter().filter(|_| is_wanted) {
            if self.waiting_request(id).is_some() {
                let because = format!("request {newer} takes its place");
                self.complete_request(id, Results::Skipped, Some(&because))?;
            }
        }
        Ok(())
    }
}
