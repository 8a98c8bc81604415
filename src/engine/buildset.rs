//! Buildsets: from what a scheduler or a user wants to requests in queues, in one transaction.

use std::sync::Arc;

use crate::base::id::{BuildId, BuilderId, RequestId};
use crate::base::results::Results;
use crate::engine::Refusal;
use crate::engine::beat::Turn;
use crate::engine::collapse;
use crate::engine::input::{Answer, BuildOrder, Force, Started};
use crate::model::config::{Collapse, SchedulerKind};
use crate::model::event::Event;
use crate::model::property::Properties;
use crate::model::request::{Request, RequestState};
use crate::model::sourcestamp::Sourcestamp;
use crate::model::telling::Kind;
use crate::store::buildsets::{self, NewBuildset};
use crate::store::{Result, builds, patches, requests, sourcestamps};

impl Turn<'_> {
    pub(super) fn forced(&mut self, force: Force, answer: Answer<Started>) -> Result<()> {
        let generation = self.state.generation.clone();
        let scheduler = self
            .state
            .schedulers
            .iter()
            .find(|(_, s)| s.name == force.scheduler && s.is_configured);
        let config = generation.config.scheduler(&force.scheduler);
        let (Some((id, state)), Some(config)) = (scheduler, config) else {
            let text = format!("There is no scheduler {:?}.", force.scheduler);
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        };
        let (id, is_enabled) = (*id, state.is_enabled);
        let refusal = match &config.kind {
            SchedulerKind::Force(_) if !is_enabled => {
                Some(format!("Scheduler {} is switched off.", config.name))
            }
            SchedulerKind::Force(_) => force
                .builders
                .iter()
                .find(|b| !config.builders.contains(b))
                .map(|b| format!("Scheduler {} does not start builder {b:?}.", config.name)),
            _ => Some(format!("{} is not a force scheduler.", config.name)),
        };
        if let Some(text) = refusal {
            self.answer(answer, Err(Refusal::Invalid(text)));
            return Ok(());
        }
        let builders = if force.builders.is_empty() { &config.builders } else { &force.builders };
        let mut properties = Properties::from_values(&config.properties, "Scheduler");
        properties.set("scheduler", config.name.clone().into(), "Scheduler");
        let words = match &config.kind {
            SchedulerKind::Force(force) => force.reason_string.as_deref(),
            _ => None,
        };
        let reason = forced_reason(words, &force.owner, &force.reason);
        properties.update(&Properties::from_values(&force.properties, "Force Build Form"));
        properties.set("reason", force.reason.clone().into(), "Force Build Form");
        properties.set("owner", force.owner.clone().into(), "Force Build Form");
        let mut stamps = if force.sourcestamps.is_empty() {
            vec![Sourcestamp::default()]
        } else {
            force.sourcestamps
        };
        for (codebase, patch) in &force.patches {
            if let Some(stamp) = stamps.iter_mut().find(|stamp| stamp.codebase == *codebase) {
                stamp.patch = Some(patches::insert(self.conn, patch, self.now)?);
            }
        }
        let set = NewBuildset {
            scheduler: Some(id),
            reason,
            sourcestamps: stamps,
            properties,
            ..NewBuildset::default()
        };
        let started = self.add_buildset(&set, builders, force.priority)?;
        self.answer(answer, Ok(started));
        Ok(())
    }

    pub(super) fn build_wanted(
        &mut self,
        order: BuildOrder,
        answer: Answer<Started>,
    ) -> Result<()> {
        let builder = self.state.builder_id(&order.builder);
        if builder.and_then(|id| self.state.builders.get(&id)).is_none_or(|b| !b.is_configured) {
            let text = format!("There is no builder {:?}.", order.builder);
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        }
        let BuildOrder { builder, reason, mut sourcestamps, properties } = order;
        if sourcestamps.is_empty() {
            sourcestamps.push(Sourcestamp::default());
        }
        let set = NewBuildset { reason, sourcestamps, properties, ..NewBuildset::default() };
        let started = self.add_buildset(&set, &[builder], 0)?;
        self.answer(answer, Ok(started));
        Ok(())
    }

    pub(super) fn rebuild_wanted(
        &mut self,
        build: BuildId,
        owner: &str,
        answer: Answer<Started>,
    ) -> Result<()> {
        let Some((builder, buildset, first)) = builds::origin(self.conn, build)? else {
            self.answer(answer, Err(Refusal::Missing(format!("There is no build {build}."))));
            return Ok(());
        };
        let name = match self.state.builders.get(&builder).filter(|b| b.is_configured) {
            Some(builder) => builder.name.clone(),
            None => {
                let text = format!("The builder of build {build} is not configured any more.");
                self.answer(answer, Err(Refusal::Invalid(text)));
                return Ok(());
            }
        };
        let mut properties = buildsets::properties(self.conn, buildset)?;
        properties.set("scheduler", "rebuild".into(), "Scheduler");
        properties.set("owner", owner.into(), "Rebuild");
        let set = NewBuildset {
            scheduler: None,
            reason: "rebuild".to_owned(),
            sourcestamps: sourcestamps::of_buildset(self.conn, buildset)?,
            changes: buildsets::change_ids(self.conn, buildset)?,
            properties,
            rebuilt: Some(first),
            parent: None,
        };
        let started = self.add_buildset(&set, &[name], 0)?;
        self.answer(answer, Ok(started));
        Ok(())
    }

    pub(super) fn add_buildset(
        &mut self,
        set: &NewBuildset,
        builders: &[String],
        priority: i64,
    ) -> Result<Started> {
        let id = buildsets::insert(self.conn, set, self.now)?;
        self.announce(Event::BuildsetAdded { buildset: id });
        let builders: Vec<BuilderId> =
            builders.iter().filter_map(|name| self.state.builder_id(name)).collect();
        let sourcestamps = Arc::new(set.sourcestamps.clone());
        let mut started = Started { buildset: id, requests: Vec::new() };
        for builder in builders {
            let request = requests::insert(self.conn, id, builder, priority, self.now)?;
            let is_waited_for = set.parent.as_ref().is_some_and(|parent| parent.waits);
            if is_waited_for {
                requests::set_waited_for(self.conn, request)?;
            }
            started.requests.push((builder, request));
            self.announce(Event::RequestAdded { request, builder });
            let request = Request {
                id: request,
                buildset: id,
                builder,
                priority,
                submitted_at: self.now,
                sourcestamps: sourcestamps.clone(),
                newest_change: set.changes.iter().max().copied(),
                is_rebuild: set.rebuilt.is_some(),
                is_waited_for,
                attempts: 0,
                retries: 0,
                state: RequestState::Waiting,
            };
            self.collapse_into(&request)?;
            self.report(Kind::RequestAdded, request.builder, request.id, None, None)?;
            self.state.enqueue(request);
        }
        Ok(started)
    }

    /// Drops waiting requests that `newer` makes superfluous.
    fn collapse_into(&mut self, newer: &Request) -> Result<()> {
        let name = self.state.builders.get(&newer.builder).map(|b| b.name.as_str());
        let config = name.and_then(|n| self.state.generation.config.builder(n));
        match config.map(|b| self.state.generation.config.collapse(b)) {
            Some(Collapse::Compatible) => {}
            Some(Collapse::Ask(_)) => {
                self.compare_later(newer);
                return Ok(());
            }
            Some(Collapse::Never) | None => return Ok(()),
        }
        let queue = self.state.waiting.get(&newer.builder);
        let superfluous: Vec<RequestId> = queue
            .into_iter()
            .flat_map(|queue| queue.alike(newer))
            .filter_map(|id| self.state.requests.get(&id))
            .filter(|older| collapse::is_superfluous(older, newer))
            .map(|older| older.id)
            .collect();
        for id in superfluous {
            let because = format!("request {} builds something newer", newer.id);
            self.complete_request(id, Results::Skipped, Some(&because))?;
        }
        Ok(())
    }
}

/// The reason of a forced buildset, in the configuration's words or Buildbot's.
fn forced_reason(words: Option<&str>, owner: &str, reason: &str) -> String {
    let words = words.unwrap_or("A build was forced by '%(owner)s': %(reason)s");
    let mut out = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = if let Some(after) = after.strip_prefix("(owner)s") {
            out.push_str(owner);
            after
        } else if let Some(after) = after.strip_prefix("(reason)s") {
            out.push_str(reason);
            after
        } else {
            out.push('%');
            after.strip_prefix('%').unwrap_or(after)
        };
    }
    out.push_str(rest);
    out
}
