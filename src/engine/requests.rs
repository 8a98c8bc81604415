//! Requests: claimed by builds, completed, cancelled, and built again after an attempt without a
//! verdict. The fence is here: an attempt that is not the request's current one changes nothing.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::base::id::{BuildId, BuilderId, BuildsetId, RequestId, StepId, WorkerId};
use crate::base::results::Results;
use crate::engine::act::Act;
use crate::engine::attempt::Attempt;
use crate::engine::beat::Turn;
use crate::engine::input::Answer;
use crate::engine::origins::Origins;
use crate::engine::state::{Order, Running, State};
use crate::engine::supersede;
use crate::engine::{Generation, Refusal};
use crate::model::event::Event;
use crate::model::property::Properties;
use crate::model::request::{RequestEvent, RequestState};
use crate::model::telling::Kind;
use crate::store::builds::NewBuild;
use crate::store::{Result, builders, builds, buildsets, changes, requests, steps, triggers};

impl Turn<'_> {
    /// Makes a build for a request: rows, properties, locks, and the task that runs it. False when
    /// something that it needs is gone.
    pub(super) fn claim(&mut self, request: RequestId, worker: WorkerId) -> Result<bool> {
        let generation = self.state.generation.clone();
        let Some(wish) = self.state.requests.get(&request).cloned() else { return Ok(false) };
        let Some(place) = self.state.workers.get(&worker) else { return Ok(false) };
        let Some(connection) = place.connection.clone() else { return Ok(false) };
        let worker_name = place.name.clone();
        let slots: Vec<u32> = self.builds_on(place, wish.builder).map(|b| b.slot).collect();
        let slot = (1..).find(|slot| !slots.contains(slot)).unwrap_or(1);
        let config = self.config_of(&generation, wish.builder).cloned();
        let of_worker = self.worker_config(worker).cloned();
        let (Some(mut config), Some(of_worker)) = (config, of_worker) else { return Ok(false) };
        config.workerbuilddir = config.directory(slot);

        let held = all_locks(&config, &of_worker);
        let wants = State::wants(&generation, &held, worker, &worker_name);
        if !self.state.locks.is_free(wish.builder, &wants) {
            return Ok(false);
        }
        let made_of = changes::of_buildset(self.conn, wish.buildset)?;
        let builddir = connection.info.join(&[&connection.info.basedir, &config.workerbuilddir]);
        let mut properties = Origins {
            config: &generation.config,
            changes: &made_of,
            buildset: buildsets::properties(self.conn, wish.buildset)?,
            builder: (wish.builder, &config),
            worker: &of_worker,
            builddir: &builddir,
            sourcestamps: &wish.sourcestamps,
        }
        .properties();
        let new = NewBuild {
            builder: wish.builder,
            filed: self.filed_under(wish.builder, &generation, &properties)?,
            request,
            worker,
            master: self.state.master,
            generation: generation.id,
            attempt: wish.attempts + 1,
        };
        let build = builds::insert(self.conn, &new, self.now)?;
        let Ok(state) = wish.state.on(RequestEvent::Claimed(build.id)) else { return Ok(false) };
        requests::claim(self.conn, request, build.id, self.state.master, self.now)?;
        properties.set("buildnumber", build.number.into(), "Build");
        let shown = generation.masker.properties(&properties);
        builds::set_properties(self.conn, build.id, &shown)?;
        // Buildbot's step 0: clients count on it.
        let text = format!("worker {worker_name} ready");
        let step = steps::insert(self.conn, build.id, 0, "worker_preparation", &text, self.now)?;
        steps::finish(self.conn, step, (Results::Success, None), &text, false, self.now)?;
        self.report(Kind::BuildStarted, build.builder, request, Some(build.id), None)?;

        self.end_notes(request)?;
        self.state.locks.claim(build.builder, build.id, &wants);
        self.state.set_request(request, state);
        if let Some(place) = self.state.workers.get_mut(&worker) {
            place.running.insert(build.id);
        }
        if let Some(builder) = self.state.builders.get_mut(&build.builder) {
            builder.running += 1;
        }
        let (order, orders) = tokio::sync::watch::channel(Order::Run);
        self.announce(Event::RequestClaimed { request, builder: build.builder });
        self.announce(Event::BuildStarted {
            build: build.id,
            builder: build.filed,
            number: build.number,
            worker,
        });
        let parent =
            if wish.is_waited_for { triggers::parent(self.conn, wish.buildset)? } else { None };
        if let Some(parent) = parent.filter(|parent| self.state.builds.contains_key(parent)) {
            self.await_build(parent, build.id);
        }
        self.state.builds.insert(
            build.id,
            Running {
                build: build.clone(),
                generation: generation.clone(),
                order,
                slot,
                blame: None,
                stop_reason: None,
                has_children: false,
            },
        );
        self.out.acts.push(Act::StartBuild(Box::new(Attempt {
            build,
            builder: config,
            generation,
            worker: worker_name,
            max_builds: of_worker.max_builds,
            worker_properties: of_worker.properties,
            link: connection.link,
            info: connection.info,
            properties,
            held,
            changes: Arc::new(made_of),
            sourcestamps: wish.sourcestamps,
            builddir,
            orders,
            engine: self.env.engine.clone(),
            logs: self.env.logs.clone(),
            base_dir: self.env.base_dir.clone(),
            on_master: self.env.on_master.clone(),
        })));
        Ok(true)
    }

    /// The builder under which a build with `properties` is filed: its own, or the virtual one that
    /// `virtual_builder_name` names. What is shown of it hides secrets, as everything does.
    fn filed_under(
        &mut self,
        builder: BuilderId,
        generation: &Generation,
        properties: &Properties,
    ) -> Result<BuilderId> {
        let text = |name: &str| properties.text(name).map(|text| generation.masked(text));
        let Some(name) = text("virtual_builder_name").filter(|name| !name.is_empty()) else {
            return Ok(builder);
        };
        let given = properties.get("virtual_builder_tags").and_then(Json::as_array);
        let given = given.into_iter().flatten().filter_map(Json::as_str);
        // Buildbot's mark, by which lists leave them out or choose them.
        let mut tags: Vec<String> = given.map(|tag| generation.masked(tag)).collect();
        tags.push("_virtual_".to_owned());
        let description = text("virtual_builder_description");
        let id = builders::ensure_virtual(self.conn, &name, description.as_deref(), &tags)?;
        if let Some(id) = id {
            self.state.know_virtual(id, &name);
        }
        Ok(id.unwrap_or(builder))
    }

    /// Gives a request its one result, and its buildset if it was the last.
    pub(super) fn complete_request(
        &mut self,
        id: RequestId,
        results: Results,
        because: Option<&str>,
    ) -> Result<()> {
        let Some(request) = self.state.requests.get(&id) else { return Ok(()) };
        let (builder, buildset) = (request.builder, request.buildset);
        requests::complete(self.conn, id, results, because, self.now)?;
        if because.is_some() {
            // It ends without a build of its own; whoever was told that it waits is told that.
            self.report(Kind::BuildFinished, builder, id, None, Some(results))?;
        }
        self.end_notes(id)?;
        self.state.set_request(id, RequestState::Done(results));
        self.announce(Event::RequestCompleted { request: id, builder, results });
        self.end_family(id, results)?;
        if supersede::is_failure(results) {
            self.cancel_rest(buildset, builder)?;
        }
        if let Some(results) = buildsets::complete_if_done(self.conn, buildset, self.now)? {
            self.announce(Event::BuildsetCompleted { buildset, results });
            self.run_dependents(buildset, results)?;
            self.tell_of_buildset(buildset)?;
            self.report_buildset(buildset, results)?;
        }
        Ok(())
    }

    pub(super) fn stop_wanted(
        &mut self,
        build: BuildId,
        reason: &str,
        answer: Answer<()>,
    ) -> Result<()> {
        let known =
            self.state.builds.contains_key(&build) || builds::origin(self.conn, build)?.is_some();
        if known {
            self.stop_build(build, reason)?;
            self.answer(answer, Ok(()));
        } else {
            self.answer(answer, Err(Refusal::Missing(format!("There is no build {build}."))));
        }
        Ok(())
    }

    pub(super) fn stop_step_wanted(
        &mut self,
        step: StepId,
        reason: String,
        answer: Answer<()>,
    ) -> Result<()> {
        let answered = match steps::place(self.conn, step)? {
            None => Err(Refusal::Missing(format!("There is no step {step}."))),
            Some((build, is_open)) => match self.state.builds.get(&build).filter(|_| is_open) {
                None => Err(Refusal::Invalid(format!("Step {step} does not run."))),
                // The whole build is being stopped already.
                Some(running) if running.stop_reason.is_some() => Ok(()),
                Some(running) => {
                    let order = Order::StopStep(step, reason);
                    self.out.acts.push(Act::OrderBuild(build, running.order.clone(), order));
                    Ok(())
                }
            },
        };
        self.answer(answer, answered);
        Ok(())
    }

    fn stop_build(&mut self, build: BuildId, reason: &str) -> Result<()> {
        let Some(running) = self.state.builds.get_mut(&build) else { return Ok(()) };
        if !self.env.sabotage.forget_stops {
            builds::set_stop_reason(self.conn, build, reason)?;
            running.stop_reason = Some(reason.to_owned());
        }
        let order = Order::Stop(reason.to_owned());
        self.out.acts.push(Act::OrderBuild(build, running.order.clone(), order));
        Ok(())
    }

    pub(super) fn cancel_wanted(
        &mut self,
        request: RequestId,
        reason: &str,
        answer: Answer<()>,
    ) -> Result<()> {
        if !requests::exists(self.conn, request)? {
            let text = format!("There is no build request {request}.");
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        }
        self.cancel_request(request, reason)?;
        self.answer(answer, Ok(()));
        Ok(())
    }

    pub(super) fn cancel_set_wanted(
        &mut self,
        buildset: BuildsetId,
        reason: &str,
        answer: Answer<()>,
    ) -> Result<()> {
        if !buildsets::exists(self.conn, buildset)? {
            let text = format!("There is no buildset {buildset}.");
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        }
        let of_it = self.state.requests.values().filter(|r| r.buildset == buildset);
        let of_it: Vec<RequestId> = of_it.map(|r| r.id).collect();
        for request in of_it {
            self.cancel_request(request, reason)?;
        }
        self.answer(answer, Ok(()));
        Ok(())
    }

    /// Cancels a waiting request, or stops the build of a claimed one.
    pub(super) fn cancel_request(&mut self, request: RequestId, reason: &str) -> Result<()> {
        match self.state.requests.get(&request).map(|r| r.state) {
            Some(RequestState::Waiting) => {
                self.complete_request(request, Results::Cancelled, Some(reason))
            }
            Some(RequestState::Claimed(build)) => self.stop_build(build, reason),
            Some(RequestState::Done(_)) | None => Ok(()),
        }
    }
}

/// The locks a build takes for its whole life: its builder's and its worker's.
pub(super) fn all_locks(
    builder: &crate::model::config::BuilderConfig,
    worker: &crate::model::config::WorkerConfig,
) -> Vec<crate::model::config::LockAccess> {
    builder.locks.fixed.iter().chain(&worker.locks).copied().collect()
}
