//! What scripted schedulers want: words left for them, and the outcome of each call – builds, memory,
//! timer, verdict – in one turn. A call whose word is gone, or whose configuration is not the active
//! one any more, changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::id::{BuildsetId, ChangeId, GenerationId, SchedulerId};
use crate::base::text::count;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Cause, SchedulerRan};
use crate::engine::{Generation, Refusal};
use crate::model::change::Change;
use crate::model::config::{SchedulerConfig, SchedulerKind};
use crate::model::event::Event;
use crate::model::plan::{Plan, PlannedBuild, PlannedTimer};
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::buildsets::NewBuildset;
use crate::store::scheduler_events::{self, About};
use crate::store::scheduler_states::Memory;
use crate::store::{Result, changes, scheduler_states};

/// A timer does not fire more often than this, whatever its function says.
const SHORTEST: Duration = Duration::from_secs(1);
/// The first wait after a timer's function failed; it doubles with each failure.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// The longest such wait.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

impl Turn<'_> {
    /// Leaves word of a change for a scripted scheduler.
    pub(super) fn tell_of_change(
        &mut self,
        scheduler: SchedulerId,
        change: ChangeId,
    ) -> Result<()> {
        scheduler_events::add(self.conn, scheduler, About::Change(change))?;
        self.out.acts.push(Act::WakePlanner);
        Ok(())
    }

    /// Leaves word of a complete buildset for every scheduler that wants to know.
    pub(super) fn tell_of_buildset(&mut self, buildset: BuildsetId) -> Result<()> {
        let generation = self.state.generation.clone();
        let wants = |name: &str| match generation.config.scheduler(name).map(|s| &s.kind) {
            Some(SchedulerKind::Scripted(rules)) => rules.on_buildset.is_some(),
            _ => false,
        };
        let schedulers = &self.state.schedulers;
        let listening: Vec<SchedulerId> = schedulers
            .iter()
            .filter(|(_, s)| s.is_configured && s.is_enabled && wants(&s.name))
            .map(|(id, _)| *id)
            .collect();
        for scheduler in listening {
            scheduler_events::add(self.conn, scheduler, About::Buildset(buildset))?;
            self.out.acts.push(Act::WakePlanner);
        }
        Ok(())
    }

    /// A scheduler with a timer is called for the first time at once; afterwards it says itself when.
    pub(super) fn begin_timers(&mut self, generation: &Generation) -> Result<()> {
        for config in &generation.config.schedulers {
            let SchedulerKind::Scripted(rules) = &config.kind else { continue };
            let known = self.state.schedulers.iter().find(|(_, s)| s.name == config.name);
            let Some((id, _)) = known.filter(|_| rules.on_timer.is_some()) else { continue };
            if scheduler_states::of(self.conn, *id)?.is_none() {
                let memory = Memory { next_at: Some(self.now), ..Memory::default() };
                scheduler_states::save(self.conn, *id, &memory)?;
            }
        }
        Ok(())
    }

    pub(super) fn scheduler_ran(&mut self, ran: SchedulerRan, answer: Answer<()>) -> Result<()> {
        let SchedulerRan { scheduler, cause, generation, outcome } = ran;
        let memory = scheduler_states::of(self.conn, scheduler)?.unwrap_or_default();
        if !self.is_expected(cause, generation, &memory)? {
            self.out.acts.push(Act::WakePlanner);
            self.answer(answer, Err(Refusal::Stale));
            return Ok(());
        }
        let active = self.state.generation.clone();
        let config = self.state.schedulers.get(&scheduler).map(|s| s.name.clone());
        let Some(config) = config.and_then(|name| active.config.scheduler(&name)) else {
            self.answer(answer, Err(Refusal::Stale));
            return Ok(());
        };
        let planned = match outcome {
            Ok(plan) => self.checked(config, plan)?,
            Err(error) => Err(error),
        };
        let (memory, verdict) = match planned {
            Ok((builds, state, timer)) => {
                let verdict = match builds.len() {
                    0 => "taken; it started nothing".to_owned(),
                    n => format!("taken; it started {}", count(n, "buildset")),
                };
                for (set, builders, priority) in builds {
                    let set = NewBuildset { scheduler: Some(scheduler), ..set };
                    self.add_buildset(&set, &builders, priority)?;
                }
                let next_at = match timer {
                    None => memory.next_at,
                    Some(timer) => timer.at.map(|at| self.not_before(cause, at)),
                };
                (Memory { state, next_at, failures: 0, error: None }, verdict)
            }
            Err(error) => (self.failed(cause, memory, &error), format!("failed: {error}")),
        };
        scheduler_states::save(self.conn, scheduler, &memory)?;
        if let Cause::Told(event, about) = cause {
            scheduler_events::remove(self.conn, event)?;
            if let About::Change(change) = about {
                changes::set_verdict(self.conn, change, &config.name, &verdict)?;
            }
        }
        self.announce(Event::SchedulerUpdated { scheduler });
        self.out.acts.push(Act::WakePlanner);
        self.answer(answer, Ok(()));
        Ok(())
    }

    /// Whether what the call was for still stands.
    fn is_expected(&self, cause: Cause, of: GenerationId, memory: &Memory) -> Result<bool> {
        Ok(of == self.state.generation.id
            && match cause {
                Cause::Told(event, _) => scheduler_events::exists(self.conn, event)?,
                Cause::Timer(at) => memory.next_at == Some(at),
            })
    }

    /// The plan's builds as they can be made; all of them, or a sentence about the one that cannot.
    #[expect(clippy::type_complexity, reason = "the parts of one plan, taken apart at once")]
    fn checked(
        &self,
        config: &SchedulerConfig,
        plan: Plan,
    ) -> Result<
        std::result::Result<
            (Vec<(NewBuildset, Vec<String>, i64)>, serde_json::Value, Option<PlannedTimer>),
            String,
        >,
    > {
        let mut builds = Vec::new();
        for build in plan.builds {
            match self.buildset(config, build)? {
                Ok(build) => builds.push(build),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok((builds, plan.state, plan.timer)))
    }

    #[expect(clippy::type_complexity, reason = "what add_buildset takes")]
    fn buildset(
        &self,
        config: &SchedulerConfig,
        build: PlannedBuild,
    ) -> Result<std::result::Result<(NewBuildset, Vec<String>, i64), String>> {
        let builders = build.builders.unwrap_or_else(|| config.builders.clone());
        if let Some(name) = builders.iter().find(|name| !config.builders.contains(name)) {
            return Ok(Err(format!("the scheduler does not start the builder {name:?}.")));
        }
        let mut made_of: Vec<Change> = Vec::new();
        for id in &build.changes {
            match changes::find(self.conn, *id)? {
                Some(change) => made_of.push(change),
                None => return Ok(Err(format!("there is no change {id}."))),
            }
        }
        made_of.sort_by_key(|change| change.id);
        made_of.dedup_by_key(|change| change.id);
        let mut stamps: BTreeMap<String, Sourcestamp> = BTreeMap::new();
        for stamp in build.sourcestamps {
            stamps.insert(stamp.codebase.clone(), stamp);
        }
        for change in &made_of {
            stamps.insert(change.what.codebase.clone(), change.what.sourcestamp());
        }
        if stamps.is_empty() {
            stamps.insert(String::new(), Sourcestamp::default());
        }
        let mut properties = Properties::from_values(&config.properties, "Scheduler");
        properties.set("scheduler", config.name.clone().into(), "Scheduler");
        properties.update(&Properties::from_values(&build.properties, "Scheduler"));
        let reason = build.reason.unwrap_or_else(|| config.reason());
        let set = NewBuildset {
            reason,
            sourcestamps: stamps.into_values().collect(),
            changes: made_of.iter().map(|change| change.id).collect(),
            properties,
            ..NewBuildset::default()
        };
        Ok(Ok((set, builders, build.priority)))
    }

    /// When a timer fires next; one that asks for the past fires at once, but not again and again.
    fn not_before(&self, cause: Cause, at: f64) -> Timestamp {
        let wanted = Duration::try_from_secs_f64(at).unwrap_or_default();
        let wanted = Timestamp::default() + wanted;
        match cause {
            Cause::Timer(_) => wanted.max(self.now + SHORTEST),
            Cause::Told(..) => wanted.max(self.now),
        }
    }

    /// The memory after a failed call: as before, and a timer is tried again later.
    fn failed(&self, cause: Cause, memory: Memory, error: &str) -> Memory {
        let error = Some(error.to_owned());
        match cause {
            Cause::Told(..) => Memory { error, ..memory },
            Cause::Timer(_) => {
                let wait = FIRST_RETRY.saturating_mul(1 << memory.failures.min(6));
                let next_at = Some(self.now + wait.min(LONGEST_RETRY));
                Memory { next_at, failures: memory.failures + 1, error, ..memory }
            }
        }
    }
}
