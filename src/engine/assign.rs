//! Hands waiting requests to workers. What no function of the configuration has a say in is decided
//! at once; where one has, a question is put, and the answer – an order of builders, a request and
//! its worker – is a proposal that is checked against what is there when it comes. Workers that were
//! offered are kept for their builder for two seconds; a slow function delays its own builds.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, RequestId, WorkerId};
use crate::engine::Generation;
use crate::engine::act::Act;
use crate::engine::advice::{InLine, Look, MOST_LATE, Offer, Pick, Ticket, place};
use crate::engine::adviser::{Question, What};
use crate::engine::beat::Turn;
use crate::engine::input::{Advised, Said};
use crate::engine::note::Voice;
use crate::engine::pending::{Next, Pending};
use crate::engine::queue::{self, Candidate, Waiting};
use crate::model::config::BuilderConfig;
use crate::model::deciding::{BuilderView, WorkerView};
use crate::model::request::RequestState;
use crate::store::Result;

/// How many of its waiting requests a builder may choose from: the next ones. A function that looks
/// at a hundred thousand would take longer than its builds.
const MOST_CHOOSABLE: usize = 1000;

/// One run over the queue.
#[derive(Default)]
struct Run {
    /// Workers that were offered to builders earlier in line.
    held: BTreeSet<WorkerId>,
    /// When to look again; none = when something happens.
    next: Option<Timestamp>,
}

impl Run {
    fn wake(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

impl Turn<'_> {
    /// Starts every build that can start now; returns when to look again.
    pub(super) fn run_queue(&mut self) -> Result<Option<Timestamp>> {
        let mut run = Run::default();
        if self.state.is_closing {
            self.start_awaited(&mut run)?;
        } else {
            self.start_builds(&mut run)?;
        }
        self.stand_in_line();
        self.grant_locks()?;
        Ok(run.next.into_iter().chain(self.next_release()).min())
    }

    /// Whether a step waits for the request's result.
    pub(super) fn is_awaited(&self, request: RequestId) -> bool {
        let answers = self.state.awaited.get(&request).into_iter().flatten();
        answers.into_iter().any(|answer| !answer.is_closed())
    }

    /// A master that waits for its last builds to end starts what they wait for: they would never
    /// end without it.
    fn start_awaited(&mut self, run: &mut Run) -> Result<()> {
        if self.state.drained.is_empty() {
            return Ok(());
        }
        let awaited = self.state.awaited.keys().filter(|id| self.is_awaited(**id));
        let awaited = awaited.filter_map(|id| self.state.requests.get(id));
        let awaited = awaited.filter(|request| request.state == RequestState::Waiting);
        let heads: Vec<Waiting> = awaited
            .map(|request| Waiting {
                builder: request.builder,
                request: request.id,
                priority: request.priority,
                submitted_at: request.submitted_at,
            })
            .collect();
        for head in heads {
            if self.has_room() && self.is_waiting(head.builder, head.request) {
                self.start_one(&head, run)?;
            }
        }
        Ok(())
    }

    fn start_builds(&mut self, run: &mut Run) -> Result<()> {
        self.ask_about_merges();
        let Some(order) = self.order(run)? else { return Ok(()) };
        let mut waiting: Vec<Waiting> = self.heads().collect();
        while !waiting.is_empty() && self.has_room() {
            let waits = in_order(waiting, order.as_deref());
            let mut still = Vec::new();
            for head in waits {
                if self.start_one(&head, run)? {
                    still.push(head.builder);
                    if !self.has_room() {
                        break;
                    }
                }
            }
            // A builder that got a worker may have more for another one.
            waiting = self.heads().filter(|w| still.contains(&w.builder)).collect();
        }
        if order.is_some() {
            // Builders that came meanwhile have their place in the next answer.
            self.order(run)?;
        }
        Ok(())
    }

    /// The next request of each configured builder.
    pub(super) fn heads(&self) -> impl Iterator<Item = Waiting> + '_ {
        self.state.waiting.iter().filter_map(|(builder, queue)| {
            let Next { request, priority, submitted_at } = queue.next()?;
            self.state.builders.get(builder).filter(|b| b.is_configured)?;
            Some(Waiting { builder: *builder, request, priority, submitted_at })
        })
    }

    /// The order of builders: none = it is being asked for, and nobody starts; none inside = the
    /// engine's own.
    fn order(&mut self, run: &mut Run) -> Result<Option<Option<Vec<BuilderId>>>> {
        if self.state.generation.config.decisions.prioritize_builders.is_none() {
            return Ok(Some(None));
        }
        let waiting: Vec<BuilderId> = self.heads().map(|w| w.builder).collect();
        if !waiting.iter().any(|b| self.could_start(*b, &run.held)) {
            // Nobody could start: the question can wait until somebody could.
            return Ok(None);
        }
        let mut line: Vec<InLine> = waiting.iter().filter_map(|b| self.in_line(*b)).collect();
        line.sort_by_key(|place| (place.oldest, place.builder));
        let (round, now) = (self.state.advice.round, self.now);
        match self.state.advice.order.as_ref().map(|slot| slot.look(&line, round, now)) {
            Some(Look::Fresh(order)) => {
                let order = order.clone();
                if let Some(slot) = &mut self.state.advice.order {
                    slot.used();
                }
                Ok(Some(order))
            }
            Some(Look::Stands(order, again)) => {
                let order = order.clone();
                again.into_iter().for_each(|at| run.wake(at));
                Ok(Some(order))
            }
            Some(Look::Wait(until)) => {
                run.wake(until);
                Ok(None)
            }
            Some(Look::Overdue) => Ok(Some(None)),
            None | Some(Look::Ask) => {
                let builders = line.iter().map(|l| (l.builder, self.builder_view(l.builder)));
                let builders = builders.collect();
                let slot = self.state.advice.slot(line, 0, now);
                self.put(slot.ticket, What::Order { builders });
                self.state.advice.order = Some(slot);
                run.wake(now + crate::engine::advice::HOLD);
                Ok(None)
            }
        }
    }

    /// Starts a builder's next build if it can start now.
    fn start_one(&mut self, head: &Waiting, run: &mut Run) -> Result<bool> {
        let generation = self.state.generation.clone();
        let Some(config) = self.config_of(&generation, head.builder) else { return Ok(false) };
        let asks = config.decisions.ask_before_a_start()
            || generation.config.decisions.select_next_worker.is_some();
        if !asks {
            let candidates: Vec<Candidate> =
                self.eligible(head.builder, config, &run.held).collect();
            let worker = queue::choose(&candidates, |n| self.env.random.below(n));
            return match worker {
                Some(worker) => self.claim(head.request, worker),
                None => Ok(false),
            };
        }
        let mut workers: Vec<WorkerId> =
            self.eligible(head.builder, config, &run.held).map(|c| c.worker).collect();
        workers.sort();
        if workers.is_empty() {
            return Ok(false);
        }
        let offer = Offer { requests: self.choosable(config, head), workers };
        self.propose(head, offer, run)
    }

    /// Acts upon what the builder's functions chose, or asks them.
    fn propose(&mut self, head: &Waiting, offer: Offer, run: &mut Run) -> Result<bool> {
        let builder = head.builder;
        let (round, now) = (self.state.advice.round, self.now);
        let Some(slot) = self.state.advice.picks.get_mut(&builder) else {
            self.ask_for_a_pick(head, offer, 0, run);
            return Ok(false);
        };
        let late = slot.late;
        match slot.look(&offer, round, now) {
            Look::Fresh(Pick::Start(request, worker)) => {
                let (request, worker) = (*request, *worker);
                self.state.advice.picks.remove(&builder);
                if offer.workers.contains(&worker) && self.is_waiting(builder, request) {
                    return self.claim(request, worker);
                }
                if late + 1 < MOST_LATE {
                    self.ask_for_a_pick(head, offer, late + 1, run);
                    return Ok(false);
                }
                let text =
                    format!("functions of the configuration answered too late {MOST_LATE} times");
                self.note_trouble(head.request, &text)?;
                match self.preferred(builder, &offer.workers).first() {
                    Some((worker, _)) => self.claim(head.request, *worker),
                    None => Ok(false),
                }
            }
            Look::Fresh(Pick::Nothing(request, why)) => {
                let (request, why) = (*request, why.clone());
                slot.used();
                // It holds for what was asked about; that may be another question by now.
                match slot.look(&offer, round, now) {
                    Look::Stands(_, again) => again.into_iter().for_each(|at| run.wake(at)),
                    _ => self.ask_for_a_pick(head, offer, 0, run),
                }
                self.note_held(request, Voice::Pick, Some(why))?;
                Ok(false)
            }
            Look::Stands(_, again) => {
                again.into_iter().for_each(|at| run.wake(at));
                Ok(false)
            }
            Look::Wait(until) => {
                run.held.extend(slot.about.workers.iter().copied());
                run.wake(until);
                Ok(false)
            }
            Look::Overdue => Ok(false),
            Look::Ask => {
                self.ask_for_a_pick(head, offer, 0, run);
                Ok(false)
            }
        }
    }

    fn ask_for_a_pick(&mut self, head: &Waiting, offer: Offer, late: u32, run: &mut Run) {
        let builder = head.builder;
        let requests = offer.requests.iter().filter_map(|id| self.state.requests.get(id).cloned());
        let what = What::Pick {
            id: builder,
            builder: self.builder_view(builder),
            requests: requests.collect(),
            workers: self.preferred(builder, &offer.workers),
        };
        run.held.extend(offer.workers.iter().copied());
        let slot = self.state.advice.slot(offer, late, self.now);
        run.wake(self.now + crate::engine::advice::HOLD);
        self.put(slot.ticket, what);
        self.state.advice.picks.insert(builder, slot);
    }

    /// Puts a question, after the commit.
    pub(super) fn put(&mut self, ticket: Ticket, what: What) {
        let (generation, engine) = (self.state.generation.clone(), self.env.engine.clone());
        self.out.acts.push(Act::Ask(Box::new(Question { ticket, generation, engine, what })));
    }

    /// Takes an answer; the queue is run right after it.
    pub(super) fn advised(&mut self, advised: Advised) -> Result<()> {
        let Advised { ticket, said, calls } = advised;
        let trouble = calls.iter().find_map(|(_, trouble)| trouble.clone());
        for (what, trouble) in calls {
            if self.state.advice.is_news(&what, trouble.as_deref()) {
                let trouble = trouble.unwrap_or_default();
                let stop = if trouble.ends_with(['.', '!', '?']) { "" } else { "." };
                tracing::error!("{trouble}{stop} The engine decides without it.");
            }
        }
        match said {
            Said::Order(order) => self.ordered(ticket, order, trouble.as_deref()),
            Said::Pick(builder, pick) => self.picked(ticket, builder, pick, trouble.as_deref()),
            Said::Merge(builder, newer, older) => {
                self.merged(ticket, builder, newer, older, trouble.as_deref())
            }
            Said::Compose(scheduler, outcome) => self.composed(ticket, scheduler, outcome),
        }
    }

    fn ordered(
        &mut self,
        ticket: Ticket,
        order: Option<Vec<BuilderId>>,
        trouble: Option<&str>,
    ) -> Result<()> {
        let Some(slot) = &mut self.state.advice.order else { return Ok(()) };
        let left_out: Vec<BuilderId> = match &order {
            Some(order) => {
                let asked = slot.about.iter().map(|line| line.builder);
                asked.filter(|b| place(order, *b).is_none()).collect()
            }
            None => Vec::new(),
        };
        let is_final = order.is_some() && left_out.is_empty();
        if !slot.answered(ticket, order, is_final, self.now) {
            return Ok(());
        }
        let site = self.state.generation.config.decisions.prioritize_builders.as_ref();
        let site = site.map(|callback| callback.site.to_string()).unwrap_or_default();
        let heads: Vec<Waiting> = self.heads().collect();
        for head in heads {
            let why = left_out
                .contains(&head.builder)
                .then(|| format!("prioritize_builders ({site}), which left its builder out"));
            self.note_held(head.request, Voice::Order, why)?;
            if let Some(trouble) = trouble {
                self.note_trouble(head.request, trouble)?;
            }
        }
        Ok(())
    }

    fn picked(
        &mut self,
        ticket: Ticket,
        builder: BuilderId,
        pick: Option<Pick>,
        trouble: Option<&str>,
    ) -> Result<()> {
        let Some(slot) = self.state.advice.picks.get_mut(&builder) else { return Ok(()) };
        let Some(pick) = pick else {
            if slot.ticket == ticket {
                self.state.advice.picks.remove(&builder);
            }
            return Ok(());
        };
        let (Pick::Start(request, _) | Pick::Nothing(request, _)) = &pick;
        let request = *request;
        if !slot.answered(ticket, pick, false, self.now) {
            return Ok(());
        }
        self.clear_refusals(builder)?;
        match trouble {
            Some(trouble) => self.note_trouble(request, trouble),
            None => Ok(()),
        }
    }

    /// The requests among which a builder may choose, as the engine would.
    fn choosable(&self, config: &BuilderConfig, head: &Waiting) -> Vec<RequestId> {
        if config.decisions.next_build.is_none() {
            return vec![head.request];
        }
        let queue = self.state.waiting.get(&head.builder).into_iter();
        queue.flat_map(Pending::in_turn).take(MOST_CHOOSABLE).collect()
    }

    fn is_waiting(&self, builder: BuilderId, request: RequestId) -> bool {
        self.state
            .requests
            .get(&request)
            .is_some_and(|r| r.builder == builder && r.state == RequestState::Waiting)
    }

    /// Workers as the engine would choose: the least busy first, chance among equals.
    fn preferred(&self, builder: BuilderId, workers: &[WorkerId]) -> Vec<(WorkerId, WorkerView)> {
        let (none, generation) = (BTreeSet::new(), &self.state.generation);
        let Some(config) = self.config_of(generation, builder) else { return Vec::new() };
        let eligible = self.eligible(builder, config, &none);
        let mut left: Vec<Candidate> = eligible.filter(|c| workers.contains(&c.worker)).collect();
        let mut out = Vec::new();
        while let Some(id) = queue::choose(&left, |n| self.env.random.below(n)) {
            left.retain(|c| c.worker != id);
            let Some(worker) = self.state.workers.get(&id) else { continue };
            let Some(connection) = &worker.connection else { continue };
            let (name, info) = (worker.name.clone(), connection.info.clone());
            out.push((id, WorkerView { name, info, running: worker.running.len() }));
        }
        out
    }

    pub(super) fn config_of<'g>(
        &self,
        generation: &'g Generation,
        builder: BuilderId,
    ) -> Option<&'g BuilderConfig> {
        let builder = self.state.builders.get(&builder).filter(|b| b.is_configured)?;
        generation.config.builders.get(builder.place)
    }

    fn could_start(&self, builder: BuilderId, held: &BTreeSet<WorkerId>) -> bool {
        let config = self.config_of(&self.state.generation, builder);
        config.is_some_and(|config| self.eligible(builder, config, held).next().is_some())
    }

    fn in_line(&self, builder: BuilderId) -> Option<InLine> {
        let queue = self.state.waiting.get(&builder)?;
        Some(InLine {
            builder,
            pending: queue.len(),
            running: self.running_of(builder),
            highest_priority: queue.next()?.priority,
            oldest: queue.oldest()?,
        })
    }

    fn running_of(&self, builder: BuilderId) -> usize {
        self.state.builders.get(&builder).map_or(0, |b| b.running)
    }

    /// A builder as functions see it; the end of its newest build is read by whoever asks.
    pub(super) fn builder_view(&self, builder: BuilderId) -> BuilderView {
        let name = self.state.builders.get(&builder).map(|b| b.name.clone()).unwrap_or_default();
        let line = self.in_line(builder);
        BuilderView {
            name,
            pending: line.map_or(0, |line| line.pending),
            oldest_request_at: line.map(|line| line.oldest),
            highest_priority: line.map(|line| line.highest_priority),
            running: self.running_of(builder),
            newest_complete_at: None,
        }
    }
}

/// The builders in the order in which they get their turn. Who is not in the order does not get one.
fn in_order(mut waiting: Vec<Waiting>, order: Option<&[BuilderId]>) -> Vec<Waiting> {
    let Some(order) = order else {
        queue::order(&mut waiting);
        return waiting;
    };
    let mut placed: Vec<(usize, Waiting)> =
        waiting.into_iter().filter_map(|w| Some((place(order, w.builder)?, w))).collect();
    placed.sort_by_key(|(at, w)| (*at, Reverse(w.priority)));
    placed.into_iter().map(|(_, w)| w).collect()
}
