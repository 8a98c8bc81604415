//! What the tasks of builds report, and how a build ends. Every report names its build; one of a
//! build that has ended is stale and changes nothing.

use crate::base::id::{BuildId, LogId, StepId};
use crate::base::results::Results;
use crate::engine::Refusal;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::build_report::{Begin, BuildReport, Ending, Granted, StepChange};
use crate::engine::input::Answer;
use crate::engine::locks::{GivesWay, Holder};
use crate::engine::state::{Order, Running, State};
use crate::model::build::Build;
use crate::model::config::LockAccess;
use crate::model::event::Event;
use crate::model::log::LogKind;
use crate::model::request::{RequestEvent, RequestState};
use crate::model::telling::Kind;
use crate::store::{Result, artifacts, builds, logs, requests, steps, test_results};

/// How often a request is built again because its worker was lost or a step asked for it; a build
/// that takes down every worker it meets must end some day.
const MOST_RETRIES: u32 = 3;

impl Turn<'_> {
    pub(super) fn build_reported(&mut self, build: BuildId, report: BuildReport) -> Result<()> {
        let Some(running) = self.state.builds.get(&build) else {
            self.refuse_stale(report);
            return Ok(());
        };
        let (id, builder) = (build, running.build.filed);
        match report {
            BuildReport::LocksWanted { locks, step, answer } => {
                self.locks_wanted(build, &locks, step, answer)
            }
            BuildReport::StateChanged { text } => {
                builds::set_state(self.conn, build, &text)?;
                self.announce(Event::BuildUpdated { build, builder });
                Ok(())
            }
            BuildReport::PropertiesSet { properties } => {
                builds::set_properties(self.conn, build, &properties)?;
                self.announce(Event::BuildUpdated { build, builder });
                Ok(())
            }
            BuildReport::StepStarted { begin, answer } => {
                let Begin { name, number, text, place, group } = begin;
                let step = steps::insert(self.conn, build, number, &name, &text, self.now)?;
                steps::set_place(self.conn, step, place, group.as_deref())?;
                builds::set_state(self.conn, build, "building")?;
                self.announce(Event::StepStarted { step, build });
                self.answer(answer, Ok(step));
                Ok(())
            }
            BuildReport::StepUpdated { step, change } => {
                match change {
                    StepChange::Text(text) => steps::set_state(self.conn, step, &text)?,
                    StepChange::Urls(urls) => steps::set_urls(self.conn, step, &urls)?,
                    StepChange::Statistics(all) => steps::set_statistics(self.conn, step, &all)?,
                }
                self.announce(Event::StepUpdated { step, build });
                Ok(())
            }
            BuildReport::TestSetOpened { step, set, answer } => {
                let set = test_results::open(self.conn, builder, build, step, &set)?;
                self.answer(answer, Ok(set));
                Ok(())
            }
            BuildReport::TestResultsAdded { set, category, results, answer } => {
                test_results::add(self.conn, builder, set, &category, &results)?;
                self.answer(answer, Ok(()));
                Ok(())
            }
            BuildReport::TestResultsForgotten { step } => test_results::forget(self.conn, step),
            BuildReport::ArtifactKept { artifact, answer } => {
                let kept = artifacts::insert(self.conn, (builder, build), &artifact, self.now)?;
                let twice = || {
                    let name = &artifact.name;
                    Refusal::Invalid(format!(
                        "another step of this build has kept an artifact {name:?} already."
                    ))
                };
                self.answer(answer, kept.ok_or_else(twice));
                self.announce(Event::BuildUpdated { build, builder });
                Ok(())
            }
            BuildReport::LogOpened { step, name, kind, answer } => {
                let log = self.open_log(step, &name, kind)?;
                self.answer(answer, Ok(log));
                Ok(())
            }
            BuildReport::CommandSent { step, seq, request, log, answer } => {
                let epoch = self.epoch_of(build);
                steps::command_sent(self.conn, step, seq, epoch, &request)?;
                let log = match log {
                    Some(name) => Some(self.open_log(step, &name, LogKind::Stdio)?),
                    None => None,
                };
                self.answer(answer, Ok(log));
                Ok(())
            }
            BuildReport::CommandEnded { step, seq, state, reply, blame, ack } => {
                if let Some(running) = self.state.builds.get_mut(&build) {
                    running.blame = blame.or(running.blame.take());
                }
                steps::command_ended(self.conn, step, seq, state, &reply)?;
                self.out.answers.push(Box::new(move || drop(ack)));
                Ok(())
            }
            BuildReport::StepFinished { step, ending } => {
                let results = ending.results;
                let Ending { text, hidden, fault, .. } = ending;
                steps::finish(self.conn, step, (results, fault), &text, hidden, self.now)?;
                self.state.locks.release(Holder { build: id, step: Some(step) });
                self.grant_locks()?;
                self.announce(Event::StepFinished { step, build, results });
                self.end_waits(build)
            }
            BuildReport::TriggerWanted { trigger, answer } => {
                self.trigger_wanted(build, &trigger, answer)
            }
            BuildReport::RequestAwaited { request, answer } => {
                self.request_awaited(request, answer)
            }
            BuildReport::Finished { results, text, answer } => {
                self.finish_build(build, results, &text)?;
                self.answer(answer, Ok(()));
                Ok(())
            }
        }
    }

    /// Answers the report of an attempt that is over.
    fn refuse_stale(&mut self, report: BuildReport) {
        match report {
            BuildReport::LocksWanted { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::Finished { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::StepStarted { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::ArtifactKept { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::LogOpened { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::TestSetOpened { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::TestResultsAdded { answer, .. } => {
                self.answer(answer, Err(Refusal::Stale));
            }
            BuildReport::CommandSent { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::TriggerWanted { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::RequestAwaited { answer, .. } => self.answer(answer, Err(Refusal::Stale)),
            BuildReport::StateChanged { .. }
            | BuildReport::PropertiesSet { .. }
            | BuildReport::StepUpdated { .. }
            | BuildReport::CommandEnded { .. }
            | BuildReport::TestResultsForgotten { .. }
            | BuildReport::StepFinished { .. } => {}
        }
    }

    fn epoch_of(&self, build: BuildId) -> i64 {
        let worker = self.state.builds.get(&build).map(|b| b.build.worker);
        let worker = worker.and_then(|w| self.state.workers.get(&w));
        worker.and_then(|w| w.connection.as_ref()).map_or(0, |c| c.epoch)
    }

    fn open_log(&mut self, step: StepId, name: &str, kind: LogKind) -> Result<LogId> {
        let log = logs::insert(self.conn, step, name, kind)?;
        self.announce(Event::LogAdded { log, step });
        Ok(log)
    }

    pub(super) fn log_grew(
        &mut self,
        log: LogId,
        step: StepId,
        lines: i64,
        bytes: i64,
        finished: bool,
    ) -> Result<()> {
        logs::grew(self.conn, log, lines, bytes, finished)?;
        self.announce(if finished {
            Event::LogFinished { log, step }
        } else {
            Event::LogAppended { log, step, num_lines: lines }
        });
        Ok(())
    }

    fn locks_wanted(
        &mut self,
        build: BuildId,
        accesses: &[LockAccess],
        step: Option<StepId>,
        answer: Answer<Granted>,
    ) -> Result<()> {
        let Some(running) = self.state.builds.get(&build) else { return Ok(()) };
        let (worker, generation) = (running.build.worker, running.generation.clone());
        let name = self.state.workers.get(&worker).map(|w| w.name.clone()).unwrap_or_default();
        let wants = State::wants(&generation, accesses, worker, &name);
        let builder = running.build.filed;
        let holder = Holder { build, step };
        if self.env.sabotage.no_locks || self.state.locks.try_acquire(holder, &wants) {
            if let Some(step) = step {
                steps::locked(self.conn, step, self.now)?;
            }
            self.answer(answer, Ok(Granted::AtOnce));
            return Ok(());
        }
        self.state.lock_answers.insert(holder, answer);
        let builds = &self.state.builds;
        let age = |id: BuildId| builds.get(&id).map(|running| running.build.request);
        let out = self.state.locks.wait(holder, wants, age);
        self.give_way(out);
        match step {
            Some(step) => {
                steps::set_state(self.conn, step, "waiting for locks")?;
                self.announce(Event::StepUpdated { step, build });
            }
            None => {
                builds::set_state(self.conn, build, "waiting for locks")?;
                self.announce(Event::BuildUpdated { build, builder });
            }
        }
        Ok(())
    }

    /// Tells those who will never get their locks.
    fn give_way(&mut self, out: Vec<GivesWay>) {
        for GivesWay { holder, circle, is_in_vain } in out {
            let why = self.circle_in_words(holder.build, &circle);
            tracing::error!(build = holder.build.0, "{why}");
            // Without the build the others can go on, and then it can.
            let results = if is_in_vain { Results::Exception } else { Results::Retry };
            if let Some(answer) = self.state.lock_answers.remove(&holder) {
                self.answer(answer, Ok(Granted::Never { results, why }));
            }
        }
    }

    /// `parent` waits for the end of `child`.
    pub(super) fn await_build(&mut self, parent: BuildId, child: BuildId) {
        let builds = &self.state.builds;
        let age = |id: BuildId| builds.get(&id).map(|running| running.build.request);
        let out = self.state.locks.await_build(parent, child, age);
        self.give_way(out);
    }

    /// Tells those who got their locks.
    pub(super) fn grant_locks(&mut self) -> Result<()> {
        for holder in self.state.locks.grant() {
            let Some(answer) = self.state.lock_answers.remove(&holder) else { continue };
            if let Some(step) = holder.step {
                let waited = steps::locked(self.conn, step, self.now)?;
                builds::add_locks_duration(self.conn, holder.build, waited)?;
                self.announce(Event::StepUpdated { step, build: holder.build });
            }
            self.answer(answer, Ok(Granted::Waited));
        }
        Ok(())
    }

    /// Ends a build, and with it the request's attempt.
    pub(super) fn finish_build(&mut self, id: BuildId, results: Results, text: &str) -> Result<()> {
        let Some(running) = self.state.builds.remove(&id) else { return Ok(()) };
        if let Some(builder) = self.state.builders.get_mut(&running.build.builder) {
            builder.running = builder.running.saturating_sub(1);
        }
        let (build, blame) = (running.build, running.blame);
        let last = self.last_retry(&build, results, text);
        let (results, text) = match &last {
            Some(text) => (Results::Exception, text.as_str()),
            None => (results, text),
        };
        if !builds::finish(self.conn, id, results, text, self.now)? && !self.env.sabotage.no_fence {
            return Ok(());
        }
        for step in steps::finish_open(self.conn, id, results, text, self.now)? {
            self.announce(Event::StepFinished { step, build: id, results });
        }
        steps::commands_lost(self.conn, id)?;
        self.judge_worker(build.worker, results, blame.as_deref())?;
        self.free_worker(build.worker, id)?;
        self.state.lock_answers.retain(|holder, _| holder.build != id);
        self.state.locks.release_build(id);
        self.grant_locks()?;
        self.report(Kind::BuildFinished, build.builder, build.request, Some(id), Some(results))?;
        self.announce(Event::BuildFinished {
            build: id,
            builder: build.filed,
            number: build.number,
            worker: build.worker,
            results,
        });
        self.settle_request(&build, results)?;
        self.tell_if_drained();
        Ok(())
    }

    /// What is said of a build that is not tried again, although it ended without a verdict: it may
    /// be what takes its workers down.
    fn last_retry(&self, build: &Build, results: Results, text: &str) -> Option<String> {
        let request = self.state.requests.get(&build.request)?;
        let is_last =
            results == Results::Retry && !self.state.is_closing && request.retries >= MOST_RETRIES;
        let why = text.strip_prefix("retry: ").unwrap_or(text);
        is_last.then(|| format!("exception: {why}; not tried again after {MOST_RETRIES} retries"))
    }

    fn settle_request(&mut self, build: &Build, results: Results) -> Result<()> {
        let event = if results == Results::Retry {
            RequestEvent::Retried(build.id)
        } else {
            RequestEvent::Finished(build.id, results)
        };
        let state = self.state.requests.get(&build.request).map(|r| r.state);
        match state.map(|s| s.on(event)) {
            Some(Ok(RequestState::Waiting)) => {
                // A master that ends is no fault of the build's.
                let is_retry = !self.state.is_closing;
                requests::unclaim(self.conn, build.request, is_retry)?;
                if let Some(request) = self.state.requests.get_mut(&build.request) {
                    request.retries += u32::from(is_retry);
                }
                self.state.set_request(build.request, RequestState::Waiting);
                let (request, builder) = (build.request, build.builder);
                self.announce(Event::RequestUnclaimed { request, builder });
                Ok(())
            }
            Some(Ok(_)) => self.complete_request(build.request, results, None),
            _ if self.env.sabotage.no_fence && results != Results::Retry => {
                self.announce(Event::RequestCompleted {
                    request: build.request,
                    builder: build.builder,
                    results,
                });
                requests::complete(self.conn, build.request, results, None, self.now)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends an attempt from outside: its worker is gone, or the master stops. The task is told to
    /// end without a word.
    pub(super) fn give_up(&mut self, id: BuildId, why: &str) -> Result<()> {
        let Some(running) = self.state.builds.get(&id) else { return Ok(()) };
        self.out.acts.push(Act::OrderBuild(id, running.order.clone(), Order::Abandon));
        let kept = self.env.sabotage.no_fence.then(|| Running {
            build: running.build.clone(),
            generation: running.generation.clone(),
            order: running.order.clone(),
            slot: running.slot,
            blame: None,
            stop_reason: None,
            has_children: running.has_children,
        });
        match running.stop_reason.clone() {
            None => self.finish_build(id, Results::Retry, why)?,
            Some(reason) => {
                let text = format!("cancelled ({reason})");
                self.finish_build(id, Results::Cancelled, &text)?;
            }
        }
        if let Some(running) = kept {
            self.state.builds.insert(id, running);
        }
        Ok(())
    }

    pub(super) fn tell_if_drained(&mut self) {
        if self.state.is_closing && self.state.builds.is_empty() {
            for answer in std::mem::take(&mut self.state.drained) {
                self.answer(answer, Ok(()));
            }
        }
    }

    pub(super) fn stop_requested(&mut self, answer: Answer<()>) -> Result<()> {
        self.state.is_closing = true;
        let running: Vec<BuildId> = self.state.builds.keys().copied().collect();
        for build in running {
            self.give_up(build, "retry: the master was stopped")?;
        }
        self.answer(answer, Ok(()));
        Ok(())
    }
}
