//! What functions of the configuration said about the queue, and how long that holds. The beat puts
//! a question and goes on; the answer comes as an input and is used only if it still fits what is
//! there. Pure: whether to ask, to wait or to go on without is decided from what was asked about
//! and from times. Nothing of it is stored: after a restart all is asked anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, RequestId, SchedulerId, WorkerId};
use crate::engine::compose::Composing;

/// How long others wait for an answer that concerns them: then they are served without it.
pub(crate) const HOLD: Duration = Duration::from_secs(2);
/// How long a question may take in all before the engine decides by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The shortest time between two equal questions of which the first was answered with no.
const PAUSE: Duration = Duration::from_secs(1);
/// After this time such a question is put again although nothing has happened.
const RETRY: Duration = Duration::from_secs(60);
/// How many answers in a row may come too late before the engine decides by itself.
pub(crate) const MOST_LATE: u32 = 3;

/// A question's number; an answer under another number than the present one is of no interest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket(u64);

/// A question that was put, and its answer if there is one.
#[derive(Debug)]
pub(crate) struct Slot<Q, A> {
    pub(crate) ticket: Ticket,
    /// What it was about.
    pub(crate) about: Q,
    asked_at: Timestamp,
    /// Events of the queue up to then.
    round: u64,
    /// How many answers in a row did not fit any more.
    pub(crate) late: u32,
    answer: Option<Answered<A>>,
}

#[derive(Debug)]
struct Answered<A> {
    at: Timestamp,
    answer: A,
    /// Nobody has acted upon it.
    is_fresh: bool,
    /// False when it says no to something or failed: then it is worth asking again.
    is_final: bool,
}

/// What to make of a slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look<'a, A> {
    /// There is an answer that nobody has acted upon, whatever it was about.
    Fresh(&'a A),
    /// The answer to just this question, acted upon before; to be asked again then.
    Stands(&'a A, Option<Timestamp>),
    /// The answer is on its way; others wait for it until then.
    Wait(Timestamp),
    /// The answer is on its way, and others wait no longer.
    Overdue,
    /// It must be asked.
    Ask,
}

impl<Q: PartialEq, A> Slot<Q, A> {
    /// How it stands with the question `about`, in the round `round`.
    pub(crate) fn look(&self, about: &Q, round: u64, now: Timestamp) -> Look<'_, A> {
        let Some(Answered { at, answer, is_fresh, is_final }) = &self.answer else {
            let until = self.asked_at + HOLD;
            return if now < until { Look::Wait(until) } else { Look::Overdue };
        };
        if *is_fresh {
            return Look::Fresh(answer);
        }
        if self.about != *about {
            return Look::Ask;
        }
        if *is_final {
            return Look::Stands(answer, None);
        }
        let again = *at + if round == self.round { RETRY } else { PAUSE };
        if now < again { Look::Stands(answer, Some(again)) } else { Look::Ask }
    }

    /// Takes the answer; false when it is another question's.
    pub(crate) fn answered(
        &mut self,
        ticket: Ticket,
        answer: A,
        is_final: bool,
        now: Timestamp,
    ) -> bool {
        if self.ticket != ticket || self.answer.is_some() {
            return false;
        }
        self.answer = Some(Answered { at: now, answer, is_fresh: true, is_final });
        true
    }

    /// The answer was acted upon.
    pub(crate) fn used(&mut self) {
        if let Some(answered) = &mut self.answer {
            answered.is_fresh = false;
        }
    }
}

/// A builder with waiting requests, as the order of builders depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InLine {
    pub(crate) builder: BuilderId,
    pub(crate) pending: usize,
    pub(crate) running: usize,
    pub(crate) highest_priority: i64,
    pub(crate) oldest: Timestamp,
}

/// The order of builders that `prioritize_builders` gave; none = it failed, and the engine's own
/// order holds.
pub(crate) type Order = Option<Vec<BuilderId>>;

/// What a builder can choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) requests: Vec<RequestId>,
    /// By id.
    pub(crate) workers: Vec<WorkerId>,
}

/// What a builder's functions chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This request is built there.
    Start(RequestId, WorkerId),
    /// Nothing now; the request would start but for this.
    Nothing(RequestId, String),
}

/// Requests of a builder that are not compared with older ones yet, and the question that is under
/// way.
#[derive(Debug, Default)]
pub(crate) struct Merging {
    pub(crate) newer: VecDeque<RequestId>,
    pub(crate) asked: Option<Ticket>,
}

/// What is said beside a waiting request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// The order of builders leaves it out.
    pub(crate) left_out: Option<String>,
    /// Its builder's functions say no.
    pub(crate) refused: Option<String>,
    /// What failed.
    pub(crate) trouble: Option<String>,
}

/// Everything that was asked.
#[derive(Default)]
pub(crate) struct Advice {
    /// Counts what happened to the queue.
    pub(crate) round: u64,
    last: u64,
    pub(crate) order: Option<Slot<Vec<InLine>, Order>>,
    pub(crate) picks: BTreeMap<BuilderId, Slot<Offer, Pick>>,
    pub(crate) merges: BTreeMap<BuilderId, Merging>,
    /// The buildset about which a scheduler's functions are asked.
    pub(crate) composing: BTreeMap<SchedulerId, Composing>,
    /// Dependent schedulers for which there may be word of a buildset, in rows.
    pub(crate) words: BTreeSet<SchedulerId>,
    pub(crate) notes: BTreeMap<RequestId, Note>,
    /// The last failure of each function, so that the same one is not told again and again.
    told: BTreeMap<String, String>,
}

impl Advice {
    /// A number for a new question.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// A slot for a question that is being put.
    pub(crate) fn slot<Q, A>(&mut self, about: Q, late: u32, now: Timestamp) -> Slot<Q, A> {
        let (ticket, round) = (self.ticket(), self.round);
        Slot { ticket, about, asked_at: now, round, late, answer: None }
    }

    /// Another configuration is in effect: what the functions of the old one say is of no interest.
    /// Requests that wait to be compared still do.
    pub(crate) fn forget(&mut self) {
        self.order = None;
        self.picks.clear();
        self.composing.clear();
        self.told.clear();
        for merging in self.merges.values_mut() {
            merging.asked = None;
        }
    }

    /// Whether `trouble` with `what` is news; none = it went well.
    pub(crate) fn is_news(&mut self, what: &str, trouble: Option<&str>) -> bool {
        match trouble {
            None => {
                self.told.remove(what);
                false
            }
            Some(trouble) => {
                self.told.insert(what.to_owned(), trouble.to_owned()).as_deref() != Some(trouble)
            }
        }
    }
}

/// The place of `builder` in `order`; none = it was left out or not known then.
pub(crate) fn place(order: &[BuilderId], builder: BuilderId) -> Option<usize> {
    order.iter().position(|b| *b == builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn asked(about: u8) -> (Advice, Slot<u8, char>) {
        let mut advice = Advice::default();
        let slot = advice.slot(about, 0, at(100));
        (advice, slot)
    }

    #[test]
    fn others_wait_two_seconds_for_an_answer() {
        let (_, slot) = asked(1);
        assert_eq!(slot.look(&1, 0, at(100)), Look::Wait(at(102)));
        assert_eq!(slot.look(&2, 7, at(101)), Look::Wait(at(102)), "one question at a time");
        assert_eq!(slot.look(&1, 0, at(102)), Look::Overdue);
    }

    #[test]
    fn an_answer_is_acted_upon_once_whatever_has_changed_and_then_stands_for_its_question() {
        let (_, mut slot) = asked(1);
        let ticket = slot.ticket;
        assert!(slot.answered(ticket, 'a', true, at(101)));
        assert!(!slot.answered(ticket, 'b', true, at(101)), "it was answered");
        assert_eq!(slot.look(&2, 5, at(101)), Look::Fresh(&'a'));
        slot.used();
        assert_eq!(slot.look(&1, 5, at(999)), Look::Stands(&'a', None));
        assert_eq!(slot.look(&2, 0, at(101)), Look::Ask);
    }

    #[test]
    fn a_no_is_asked_again_when_something_happens_but_not_more_than_once_a_second() {
        let (_, mut slot) = asked(1);
        let ticket = slot.ticket;
        slot.answered(ticket, 'n', false, at(100));
        slot.used();
        assert_eq!(slot.look(&1, 0, at(100)), Look::Stands(&'n', Some(at(160))));
        assert_eq!(slot.look(&1, 1, at(100)), Look::Stands(&'n', Some(at(101))));
        assert_eq!(slot.look(&1, 1, at(101)), Look::Ask);
        assert_eq!(slot.look(&1, 0, at(160)), Look::Ask);
        assert_eq!(slot.look(&2, 0, at(100)), Look::Ask, "another question is asked at once");
    }

    #[test]
    fn an_answer_to_an_older_question_is_of_no_interest() {
        let (mut advice, slot) = asked(1);
        let mut newer: Slot<u8, char> = advice.slot(2, 0, at(101));
        assert!(!newer.answered(slot.ticket, 'x', true, at(101)));
        assert_eq!(newer.look(&2, 0, at(101)), Look::Wait(at(103)));
    }

    #[test]
    fn the_same_failure_is_told_once() {
        let mut advice = Advice::default();
        assert!(advice.is_news("f", Some("boom")));
        assert!(!advice.is_news("f", Some("boom")));
        assert!(advice.is_news("f", Some("bang")));
        assert!(!advice.is_news("f", None));
        assert!(advice.is_news("f", Some("bang")), "it went well in between");
    }
}
