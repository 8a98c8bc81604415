//! Schedulers at work, inside a turn: what `schedule/` decides becomes buildsets. Those that wait
//! for changes and those that wait for time look at every turn that may concern them; a dependent
//! one follows in the transaction that completes what it waits for.

use std::collections::BTreeMap;

use crate::base::clock::Timestamp;
use crate::base::id::{BuildsetId, ChangeId, SchedulerId};
use crate::base::results::Results;
use crate::engine::beat::Turn;
use crate::engine::compose::{self, Origin};
use crate::engine::input::Composed;
use crate::engine::schedule::branch::{self, Held};
use crate::engine::schedule::timed;
use crate::model::change::Change;
use crate::model::config::{
    BranchScheduler, CodebaseConfig, Priority, SchedulerConfig, SchedulerKind, TimedScheduler,
};
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::buildsets::{self, NewBuildset};
use crate::store::{Result, changes, scheduler_codebases, schedulers, sourcestamps};

impl Turn<'_> {
    /// Lets every scheduler look at what it holds and at the time; returns when one wants to look
    /// again.
    pub(super) fn run_schedulers(&mut self) -> Result<Option<Timestamp>> {
        let mut next: Option<Timestamp> = None;
        let ids: Vec<SchedulerId> = self
            .state
            .schedulers
            .iter()
            .filter(|(_, s)| s.is_enabled && s.is_configured)
            .map(|(id, _)| *id)
            .collect();
        let generation = self.state.generation.clone();
        for id in ids {
            let Some(scheduler) = self.state.schedulers.get(&id) else { continue };
            let Some(config) = generation.config.scheduler(&scheduler.name) else { continue };
            let again = match &config.kind {
                SchedulerKind::Branch(_) if scheduler.held.is_empty() => None,
                SchedulerKind::Branch(rules) => self.run_branch(id, config, rules)?,
                SchedulerKind::Timed(rules) => self.run_timed(id, config, rules)?,
                SchedulerKind::Dependent(_) => {
                    self.ask_about_upstream(id, config)?;
                    None
                }
                SchedulerKind::Triggerable(rules) => self.run_again(id, config, rules)?,
                SchedulerKind::Force(_) | SchedulerKind::Try(_) | SchedulerKind::Scripted(_) => {
                    None
                }
            };
            next = next.into_iter().chain(again).min();
        }
        Ok(next)
    }

    fn run_branch(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
        rules: &BranchScheduler,
    ) -> Result<Option<Timestamp>> {
        let Some(scheduler) = self.state.schedulers.get_mut(&id) else { return Ok(None) };
        let decision = branch::decide(rules, &scheduler.held, self.now);
        if compose::asks(config) {
            if let Some(group) = decision.ready.first() {
                let group = group.iter().filter_map(|at| scheduler.held.get(*at));
                let changes: Vec<Change> = group.map(|held| held.change.clone()).collect();
                let stamps = self.of_changes(id, config, &changes)?;
                self.ask_to_compose(id, config, Origin::Changes, changes, stamps);
            }
            return Ok(decision.next);
        }
        let mut held: Vec<_> = scheduler.held.drain(..).map(Some).collect();
        let groups: Vec<Vec<_>> = decision
            .ready
            .iter()
            .map(|group| group.iter().filter_map(|i| held[*i].take()).collect())
            .collect();
        scheduler.held = held.into_iter().flatten().collect();
        for group in groups {
            self.build_changes(id, config, &group)?;
        }
        Ok(decision.next)
    }

    fn run_timed(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
        rules: &TimedScheduler,
    ) -> Result<Option<Timestamp>> {
        let Some(scheduler) = self.state.schedulers.get_mut(&id) else { return Ok(None) };
        let Some(due) = timed::next(&rules.times, scheduler.fired_at, self.now) else {
            return Ok(None);
        };
        if due.at > self.now {
            return Ok(Some(due.at));
        }
        let last = timed::done(&rules.times, due.at, self.now);
        let has_news = scheduler.held.iter().any(|held| held.important);
        let is_wanted = has_news || due.is_forced || !rules.only_if_changed;
        if is_wanted && compose::asks(config) {
            let held = scheduler.held.iter().filter(|_| has_news);
            let changes: Vec<Change> = held.map(|held| held.change.clone()).collect();
            let stamps = match has_news {
                true => self.of_changes(id, config, &changes)?,
                false => self.of_codebases(id, config, rules.branch.as_deref())?,
            };
            self.ask_to_compose(id, config, Origin::Time(last), changes, stamps);
            // It stays due until the answer is here.
            return Ok(None);
        }
        scheduler.fired_at = Some(last);
        let held = if has_news { std::mem::take(&mut scheduler.held) } else { Vec::new() };
        schedulers::set_fired(self.conn, id, last)?;
        if has_news {
            self.build_changes(id, config, &held)?;
        } else if is_wanted {
            let stamps = self.of_codebases(id, config, rules.branch.as_deref())?;
            self.build_stamps(id, config, stamps, Vec::new(), None)?;
        }
        Ok(timed::next(&rules.times, Some(last), self.now).map(|due| due.at))
    }

    fn build_changes(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
        group: &[Held],
    ) -> Result<()> {
        for held in group {
            changes::release(self.conn, id, held.change.id)?;
        }
        let stamps = self.of_changes(id, config, group.iter().map(|held| &held.change))?;
        let changes = group.iter().map(|held| held.change.id).collect();
        self.build_stamps(id, config, stamps, changes, None)
    }

    /// The source of a build of changes: per codebase that of the newest, its own revision included.
    fn of_changes<'c>(
        &self,
        id: SchedulerId,
        config: &SchedulerConfig,
        changes: impl IntoIterator<Item = &'c Change>,
    ) -> Result<Vec<Sourcestamp>> {
        let mut stamps: BTreeMap<String, Sourcestamp> = self
            .of_codebases(id, config, None)?
            .into_iter()
            .filter(|_| !config.codebases.is_empty())
            .map(|stamp| (stamp.codebase.clone(), stamp))
            .collect();
        for change in changes {
            stamps.insert(change.what.codebase.clone(), change.what.sourcestamp());
        }
        Ok(stamps.into_values().collect())
    }

    /// What is built of each codebase that has no change.
    fn of_codebases(
        &self,
        id: SchedulerId,
        config: &SchedulerConfig,
        branch: Option<&str>,
    ) -> Result<Vec<Sourcestamp>> {
        let mut stamps = declared(&config.codebases, branch);
        if config.kind.wanted().is_some_and(|wanted| wanted.create_absolute_source_stamps) {
            let mut seen = scheduler_codebases::of(self.conn, id)?;
            for stamp in &mut stamps {
                if let Some(newest) = seen.remove(&stamp.codebase) {
                    *stamp = newest;
                }
            }
        }
        Ok(stamps)
    }

    /// Makes a scheduler's buildset; `composed` is what functions decided about it.
    pub(super) fn build_stamps(
        &mut self,
        id: SchedulerId,
        config: &SchedulerConfig,
        sourcestamps: Vec<Sourcestamp>,
        changes: Vec<ChangeId>,
        composed: Option<&Composed>,
    ) -> Result<()> {
        let set = NewBuildset {
            scheduler: Some(id),
            reason: config.reason(),
            sourcestamps,
            changes,
            properties: properties(config),
            ..NewBuildset::default()
        };
        let (builders, priority) = match (composed, &config.priority) {
            (Some(composed), _) => (&composed.builders, composed.priority),
            (None, Priority::Fixed(priority)) => (&config.builders, *priority),
            (None, Priority::Ask(_)) => (&config.builders, 0),
        };
        self.add_buildset(&set, builders, priority)?;
        Ok(())
    }

    /// Starts the schedulers that wait for a buildset of another one to succeed.
    pub(super) fn run_dependents(&mut self, buildset: BuildsetId, results: Results) -> Result<()> {
        let generation = self.state.generation.clone();
        let has_any = generation
            .config
            .schedulers
            .iter()
            .any(|s| matches!(s.kind, SchedulerKind::Dependent(_)));
        if !has_any || !matches!(results, Results::Success | Results::Warnings) {
            return Ok(());
        }
        let Some(upstream) = buildsets::scheduler(self.conn, buildset)? else { return Ok(()) };
        let Some(upstream) = self.state.schedulers.get(&upstream).map(|s| s.name.clone()) else {
            return Ok(());
        };
        for config in &generation.config.schedulers {
            let waits =
                matches!(&config.kind, SchedulerKind::Dependent(of) if of.upstream == upstream);
            let row = self.state.schedulers.iter().find(|(_, s)| s.name == config.name);
            let Some((id, _)) = row.filter(|(_, s)| waits && s.is_enabled && s.is_configured)
            else {
                continue;
            };
            let id = *id;
            if compose::asks(config) {
                self.compose_after(id, buildset)?;
                continue;
            }
            let stamps = sourcestamps::of_buildset(self.conn, buildset)?;
            let changes = buildsets::change_ids(self.conn, buildset)?;
            self.build_stamps(id, config, stamps, changes, None)?;
        }
        Ok(())
    }
}

/// What every build of a scheduler has.
pub(super) fn properties(config: &SchedulerConfig) -> Properties {
    let mut properties = Properties::from_values(&config.properties, "Scheduler");
    properties.set("scheduler", config.name.clone().into(), "Scheduler");
    properties.set("reason", config.reason().into(), "Scheduler");
    properties
}

/// What is built of each codebase when no change says otherwise; without codebases the one that has
/// no name.
pub(super) fn declared(codebases: &[CodebaseConfig], branch: Option<&str>) -> Vec<Sourcestamp> {
    let own = [CodebaseConfig::default()];
    let codebases = if codebases.is_empty() { &own } else { codebases };
    codebases
        .iter()
        .map(|codebase| Sourcestamp {
            codebase: codebase.name.clone(),
            repository: codebase.repository.clone(),
            branch: branch.map(str::to_owned).or_else(|| codebase.branch.clone()),
            revision: codebase.revision.clone(),
            ..Sourcestamp::default()
        })
        .collect()
}
