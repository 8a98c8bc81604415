//! What is said beside a waiting request: who says no to it, and what failed while it was decided
//! about. Rows, so that pages and people see it; a row is written only when its text changes.

use crate::base::id::{BuilderId, RequestId};
use crate::engine::advice::Note;
use crate::engine::beat::Turn;
use crate::store::{Result, requests};

/// Who can say no to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// `prioritize_builders`.
    Order,
    /// A builder's own functions.
    Pick,
}

impl Turn<'_> {
    /// Notes who says no; none = nobody does any more.
    pub(super) fn note_held(
        &mut self,
        request: RequestId,
        voice: Voice,
        why: Option<String>,
    ) -> Result<()> {
        self.note(request, |note| match voice {
            Voice::Order => note.left_out = why,
            Voice::Pick => note.refused = why,
        })
    }

    /// The builder's functions have spoken anew: what they said before does not hold.
    pub(super) fn clear_refusals(&mut self, builder: BuilderId) -> Result<()> {
        let advice = &self.state.advice;
        let refused = advice.notes.iter().filter(|(_, note)| note.refused.is_some());
        let of_builder = |id: &RequestId| {
            self.state.requests.get(id).is_some_and(|request| request.builder == builder)
        };
        let refused: Vec<RequestId> = refused.map(|(id, _)| *id).filter(of_builder).collect();
        refused.into_iter().try_for_each(|id| self.note_held(id, Voice::Pick, None))
    }

    /// Notes what failed. It stays when the request is built all the same.
    pub(super) fn note_trouble(&mut self, request: RequestId, trouble: &str) -> Result<()> {
        self.note(request, |note| note.trouble = Some(trouble.to_owned()))
    }

    /// A request waits no longer: nobody holds it.
    pub(super) fn end_notes(&mut self, request: RequestId) -> Result<()> {
        match self.state.advice.notes.remove(&request) {
            Some(Note { trouble, .. }) => {
                requests::note(self.conn, request, None, trouble.as_deref())
            }
            None => Ok(()),
        }
    }

    /// Another configuration takes effect: what functions of the old one said does not hold.
    pub(super) fn forget_advice(&mut self) -> Result<()> {
        self.state.advice.forget();
        self.state.advice.words.extend(self.state.schedulers.keys());
        let noted: Vec<RequestId> = self.state.advice.notes.keys().copied().collect();
        noted.into_iter().try_for_each(|id| self.note(id, |note| *note = Note::default()))
    }

    fn note(&mut self, request: RequestId, change: impl FnOnce(&mut Note)) -> Result<()> {
        if !self.state.requests.contains_key(&request) {
            return Ok(());
        }
        let note = self.state.advice.notes.entry(request).or_default();
        let before = note.clone();
        change(note);
        if *note == before {
            return Ok(());
        }
        let held_by = note.left_out.as_deref().or(note.refused.as_deref());
        requests::note(self.conn, request, held_by, note.trouble.as_deref())
    }
}
