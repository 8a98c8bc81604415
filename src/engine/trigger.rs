//! Builds that start builds. What a step triggers is made in one turn, or taken over from an earlier
//! attempt at the same request that had triggered just that: a retry doubles nothing. Who waits is
//! rows – the parent of a buildset, `waited_for` of its requests – so what nobody waits for any more
//! is found, and cancelled, whichever way its parent ended.

use crate::base::clock::Timestamp;
use crate::base::id::{BuildId, BuilderId, BuildsetId, RequestId, SchedulerId, WorkerId};
use crate::base::results::Results;
use crate::engine::beat::Turn;
use crate::engine::build_report::Trigger;
use crate::engine::input::Answer;
use crate::engine::locks::Want;
use crate::engine::schedule::timed;
use crate::engine::schedulers::{declared, properties};
use crate::engine::{Generation, Refusal};
use crate::model::config::{
    Config, Priority, SchedulerConfig, SchedulerKind, TriggerableScheduler,
};
use crate::model::property::Properties;
use crate::model::request::RequestState;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::trigger::{EndedBuild, RequestEnd, Triggered, TriggeredRequest};
use crate::store::buildsets::{self, NewBuildset, Parent};
use crate::store::triggers::{self, Kept};
use crate::store::{Result, schedulers, sourcestamps};

/// What one scheduler is to build.
struct Part<'g> {
    id: SchedulerId,
    config: &'g SchedulerConfig,
    rules: &'g TriggerableScheduler,
    is_enabled: bool,
}

impl Turn<'_> {
    pub(super) fn trigger_wanted(
        &mut self,
        build: BuildId,
        trigger: &Trigger,
        answer: Answer<Triggered>,
    ) -> Result<()> {
        let generation = self.state.generation.clone();
        let Some(running) = self.state.builds.get_mut(&build) else { return Ok(()) };
        if running.stop_reason.is_some() {
            self.answer(answer, Err(Refusal::Stale));
            return Ok(());
        }
        running.has_children = true;
        let request = running.build.request;
        let parts = match self.parts(&generation.config, trigger) {
            Ok(parts) => parts,
            Err(text) => {
                self.answer(answer, Err(Refusal::Invalid(text)));
                return Ok(());
            }
        };
        if let Some(text) = self.never_ends(build, &generation, trigger, &parts) {
            self.answer(answer, Err(Refusal::Invalid(text)));
            return Ok(());
        }
        let mut left = triggers::left_behind(self.conn, request, build, &trigger.step)?;
        if self.env.sabotage.no_adoption {
            left.clear();
        }
        left.retain(|(_, of)| parts.iter().any(|part| *of == Some(part.id)));
        let mut out = Triggered::default();
        for (at, part) in parts.iter().enumerate() {
            let (set, priority) = self.wanted_set(build, request, trigger, at, part)?;
            if part.rules.times.is_some() {
                self.keep(part.id, set, priority)?;
            } else if !part.is_enabled {
                out.switched_off.push(part.config.name.clone());
            } else if let Some(old) = self.take_over(&mut left, &set)? {
                triggers::adopt(self.conn, old, build)?;
                for (request, builder, waits) in triggers::requests(self.conn, old)? {
                    let state = self.state.requests.get(&request).map(|request| request.state);
                    if let Some(RequestState::Claimed(child)) = state.filter(|_| waits) {
                        self.await_build(build, child);
                    }
                    out.requests.push(self.told(&generation.config, at, old, (builder, request)));
                }
            } else {
                let started = self.add_buildset(&set, &part.config.builders, priority)?;
                for of_it in started.requests {
                    let told = self.told(&generation.config, at, started.buildset, of_it);
                    out.requests.push(told);
                }
            }
        }
        for (old, _) in left {
            let why = format!("{} wants something else since it was tried again", self.name(build));
            for (request, _, waits) in triggers::requests(self.conn, old)? {
                if waits {
                    self.cancel_request(request, &why)?;
                }
            }
        }
        self.answer(answer, Ok(out));
        Ok(())
    }

    /// The schedulers of a wish.
    ///
    /// # Errors
    /// Which of them cannot be triggered.
    fn parts<'g>(
        &self,
        config: &'g Config,
        trigger: &Trigger,
    ) -> std::result::Result<Vec<Part<'g>>, String> {
        let mut parts = Vec::new();
        let mut wrong = Vec::new();
        for (name, _) in &trigger.parts {
            let row = self.state.schedulers.iter().find(|(_, s)| s.name == *name);
            match (config.scheduler(name), row) {
                (Some(config), Some((id, row))) => match &config.kind {
                    SchedulerKind::Triggerable(rules) => {
                        parts.push(Part { id: *id, config, rules, is_enabled: row.is_enabled });
                    }
                    kind => wrong.push(format!("{name:?} is of the kind {}", kind.word())),
                },
                _ => wrong.push(format!("there is no scheduler {name:?}")),
            }
        }
        match wrong.as_slice() {
            [] => Ok(parts),
            wrong => Err(format!(
                "nothing is triggered: {}; only ci.schedulers.triggerable and nightly_triggerable \
                 can be triggered",
                wrong.join(", ")
            )),
        }
    }

    /// Why builds that are waited for could never begin: each needs a lock that `build`, or one that
    /// waits for it, keeps until they have ended. None = they can.
    fn never_ends(
        &self,
        build: BuildId,
        generation: &Generation,
        trigger: &Trigger,
        parts: &[Part<'_>],
    ) -> Option<String> {
        let waits = |part: &&Part<'_>| trigger.is_waited_for && part.rules.times.is_none();
        let names = parts.iter().filter(waits).flat_map(|part| &part.config.builders);
        names.into_iter().find_map(|name| {
            let builder = self.state.builder_id(name)?;
            let config = self.config_of(generation, builder)?;
            let family = |wants: &[Want]| {
                let (want, keeper) = self.state.locks.kept_by_family(build, wants)?;
                Some((want.key.name.clone(), keeper))
            };
            let of_worker = |id: &WorkerId| {
                family(&self.own_wants(config, self.worker_config(*id)?, *id))
            };
            let (lock, keeper) = family(&self.common_wants(config)).or_else(|| {
                let kept: Option<Vec<_>> =
                    self.workers_of(builder).iter().map(of_worker).collect();
                kept?.into_iter().next()
            })?;
            Some(format!(
                "nothing is triggered: builder {name:?} needs the lock {lock:?}, which {} keeps until \
                 what it waits for has ended",
                self.name(keeper)
            ))
        })
    }

    /// The buildset that one scheduler of a wish is to make, and its priority.
    fn wanted_set(
        &self,
        build: BuildId,
        request: RequestId,
        trigger: &Trigger,
        at: usize,
        part: &Part<'_>,
    ) -> Result<(NewBuildset, i64)> {
        let own = self.state.requests.get(&request);
        let changes = match own.filter(|_| trigger.is_of_build) {
            Some(own) => buildsets::change_ids(self.conn, own.buildset)?,
            None => Vec::new(),
        };
        let priority = match &part.config.priority {
            Priority::Fixed(priority) if !part.rules.inherits_priority => *priority,
            _ => own.map_or(0, |own| own.priority),
        };
        let given = trigger.parts.get(at).map(|(_, given)| given.clone()).unwrap_or_default();
        let mut set = NewBuildset {
            scheduler: Some(part.id),
            sourcestamps: stamps(part.config, trigger),
            changes,
            properties: given,
            parent: Some(Parent {
                build,
                step: trigger.step.clone(),
                relationship: trigger.relationship.clone(),
                // Nobody waits for the hour to come.
                waits: trigger.is_waited_for && part.rules.times.is_none(),
            }),
            ..NewBuildset::default()
        };
        if part.rules.times.is_none() {
            finish(&mut set, part.config);
        }
        Ok((set, priority))
    }

    /// What an earlier attempt has started that is just what is wanted now.
    fn take_over(
        &self,
        left: &mut Vec<(BuildsetId, Option<SchedulerId>)>,
        set: &NewBuildset,
    ) -> Result<Option<BuildsetId>> {
        let waits = set.parent.as_ref().is_some_and(|parent| parent.waits);
        let mut wanted = set.sourcestamps.clone();
        wanted.sort();
        for (at, (old, scheduler)) in left.iter().enumerate() {
            if *scheduler != set.scheduler
                || buildsets::properties(self.conn, *old)? != set.properties
                || triggers::requests(self.conn, *old)?.iter().any(|(_, _, w)| *w != waits)
            {
                continue;
            }
            let mut stamps = sourcestamps::of_buildset(self.conn, *old)?;
            stamps.sort();
            if stamps == wanted {
                return Ok(Some(left.remove(at).0));
            }
        }
        Ok(None)
    }

    /// Leaves for a scheduler what it builds when its time comes.
    fn keep(&self, scheduler: SchedulerId, set: NewBuildset, priority: i64) -> Result<()> {
        let NewBuildset { sourcestamps, changes, properties, parent, .. } = set;
        let Some(Parent { build, step, relationship, .. }) = parent else { return Ok(()) };
        let kept = Kept { sourcestamps, changes, properties, priority, build, step, relationship };
        triggers::keep(self.conn, scheduler, &kept)
    }

    /// Builds what a scheduler was told to build, if its time has come; returns when to look again.
    pub(super) fn run_again(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
        rules: &TriggerableScheduler,
    ) -> Result<Option<Timestamp>> {
        let Some(times) = &rules.times else { return Ok(None) };
        let Some(scheduler) = self.state.schedulers.get_mut(&id) else { return Ok(None) };
        let Some(due) = timed::next(times, scheduler.fired_at, self.now) else { return Ok(None) };
        if due.at > self.now {
            return Ok(Some(due.at));
        }
        let last = timed::done(times, due.at, self.now);
        scheduler.fired_at = Some(last);
        schedulers::set_fired(self.conn, id, last)?;
        if let Some(kept) = triggers::take(self.conn, id)? {
            let Kept { sourcestamps, changes, properties, priority, build, step, relationship } =
                kept;
            let parent = Some(Parent { build, step, relationship, waits: false });
            let scheduler = Some(id);
            let mut set = NewBuildset {
                scheduler,
                sourcestamps,
                changes,
                properties,
                parent,
                ..NewBuildset::default()
            };
            finish(&mut set, config);
            self.add_buildset(&set, &config.builders, priority)?;
        }
        Ok(timed::next(times, Some(last), self.now).map(|due| due.at))
    }

    fn told(
        &self,
        config: &Config,
        part: usize,
        buildset: BuildsetId,
        (builder, request): (BuilderId, RequestId),
    ) -> TriggeredRequest {
        let builder = self.state.builders.get(&builder).map(|b| b.name.clone()).unwrap_or_default();
        TriggeredRequest { part, builder, request, buildset, url: config.request_url(request) }
    }

    /// Somebody waits for a request's result.
    pub(super) fn request_awaited(
        &mut self,
        request: RequestId,
        answer: Answer<RequestEnd>,
    ) -> Result<()> {
        if self.state.requests.contains_key(&request) {
            self.state.awaited.entry(request).or_default().push(answer);
            return Ok(());
        }
        let end = match triggers::results(self.conn, request)? {
            Some(results) => Ok(self.end_of(request, results)?),
            None => Err(Refusal::Missing(format!("There is no request {request}."))),
        };
        self.answer(answer, end);
        Ok(())
    }

    /// A request has its result: those who wait for it are told, and what it waited for itself is
    /// not wanted any more.
    pub(super) fn end_family(&mut self, request: RequestId, results: Results) -> Result<()> {
        for answer in self.state.awaited.remove(&request).unwrap_or_default() {
            let end = self.end_of(request, results)?;
            self.answer(answer, Ok(end));
        }
        let forsaken = triggers::awaited_by_request(self.conn, request)?;
        self.forsake(forsaken, "the build that waits for it has ended")
    }

    /// The step of a build has ended: it waits for nothing any more.
    pub(super) fn end_waits(&mut self, build: BuildId) -> Result<()> {
        if !self.state.builds.get(&build).is_some_and(|running| running.has_children) {
            return Ok(());
        }
        let why = format!("the step of {} that waits for it has ended", self.name(build));
        let forsaken = triggers::awaited_by_build(self.conn, build)?;
        self.forsake(forsaken, &why)
    }

    /// What the end of the last process left behind of builds that had their result.
    pub(super) fn end_forsaken(&mut self) -> Result<()> {
        let forsaken = triggers::forsaken(self.conn)?;
        self.forsake(forsaken, "the build that waits for it has ended")
    }

    fn forsake(&mut self, requests: Vec<RequestId>, why: &str) -> Result<()> {
        requests.into_iter().try_for_each(|request| self.cancel_request(request, why))
    }

    fn end_of(&self, request: RequestId, results: Results) -> Result<RequestEnd> {
        let config = &self.state.generation.config;
        let builds =
            triggers::attempts(self.conn, request)?.into_iter().map(|attempt| EndedBuild {
                id: attempt.build,
                url: config.build_url(attempt.builder, attempt.number),
                builder: attempt.name,
                number: attempt.number,
                results: attempt.results,
            });
        Ok(RequestEnd { results, builds: builds.collect() })
    }

    fn name(&self, build: BuildId) -> String {
        self.named(build).map_or_else(String::new, |name| name.to_string())
    }
}

/// Adds the scheduler's own properties below those that were given, and the reason.
fn finish(set: &mut NewBuildset, config: &SchedulerConfig) {
    let mut all: Properties = properties(config);
    all.update(&set.properties);
    let given = all.text("reason").filter(|_| set.properties.get("reason").is_some());
    set.reason = given.map_or_else(|| config.reason(), str::to_owned);
    set.properties = all;
}

/// The source of each codebase: what is wanted, and of the others what the scheduler declares.
fn stamps(config: &SchedulerConfig, trigger: &Trigger) -> Vec<Sourcestamp> {
    let mut out = match (trigger.stamps.is_empty(), config.codebases.is_empty()) {
        (false, true) => Vec::new(),
        _ => declared(&config.codebases, None),
    };
    for stamp in &trigger.stamps {
        match out.iter_mut().find(|known| known.codebase == stamp.codebase) {
            Some(known) if trigger.is_of_build => *known = stamp.clone(),
            Some(known) => fill(known, stamp),
            None => out.push(stamp.clone()),
        }
    }
    out
}

/// What `wanted` leaves open stays as it is declared.
fn fill(known: &mut Sourcestamp, wanted: &Sourcestamp) {
    for (known, wanted) in
        [(&mut known.repository, &wanted.repository), (&mut known.project, &wanted.project)]
    {
        if !wanted.is_empty() {
            known.clone_from(wanted);
        }
    }
    for (known, wanted) in
        [(&mut known.branch, &wanted.branch), (&mut known.revision, &wanted.revision)]
    {
        if wanted.is_some() {
            known.clone_from(wanted);
        }
    }
}
