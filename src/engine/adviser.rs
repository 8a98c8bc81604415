//! Puts one question to functions of the configuration, as a task of its own: it may wait for Lua and
//! for the database, which the beat never does. Whatever happens, an answer comes: a function that
//! fails, returns nonsense or takes too long is replaced by the engine's own decision, and the
//! answer says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::base::id::{BuilderId, RequestId, SchedulerId, WorkerId};
use crate::engine::advice::{PATIENCE, Pick, Ticket};
use crate::engine::input::{Advised, Composed, Input, Said};
use crate::engine::ports::Argument;
use crate::engine::returned::{self, is_true};
use crate::engine::{Engine, Generation, is_superfluous};
use crate::model::change::Change;
use crate::model::config::{Callback, Collapse, Priority};
use crate::model::deciding::{BuilderView, RequestView, WorkerView};
use crate::model::property::Properties;
use crate::model::request::Request;
use crate::model::sourcestamp::Sourcestamp;
use crate::store::{builds, buildsets, changes};

/// A question.
pub(super) struct Question {
    pub(super) ticket: Ticket,
    pub(super) generation: Arc<Generation>,
    pub(super) engine: Engine,
    pub(super) what: What,
}

/// What is asked.
pub(super) enum What {
    /// Which builder comes first?
    Order { builders: Vec<(BuilderId, BuilderView)> },
    /// What does this builder build next, and where? Both lists as the engine would choose.
    Pick {
        id: BuilderId,
        builder: BuilderView,
        requests: Vec<Request>,
        workers: Vec<(WorkerId, WorkerView)>,
    },
    /// Which of the older requests give way to the newer one?
    Merge { id: BuilderId, builder: BuilderView, newer: Box<Request>, older: Vec<Request> },
    /// Which builders, with which priority?
    Compose {
        id: SchedulerId,
        name: String,
        changes: Vec<Change>,
        sourcestamps: Vec<Sourcestamp>,
        builders: Vec<(BuilderId, BuilderView)>,
    },
}

impl What {
    /// The question in a few words, for a transcript.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Order { builders } => format!("for the order of {} builders", builders.len()),
            Self::Pick { builder, .. } => format!("what {} builds next", builder.name),
            Self::Merge { newer, .. } => format!("what gives way to request {}", newer.id),
            Self::Compose { name, changes, .. } => {
                format!("what scheduler {name} makes of {} changes", changes.len())
            }
        }
    }
}

/// Asks and tells the engine.
pub(super) async fn ask(question: Question) {
    let Question { ticket, generation, engine, what } = question;
    let mut asker = Asker {
        engine: &engine,
        generation: &generation,
        until: Instant::now() + PATIENCE,
        calls: Vec::new(),
    };
    let said = match what {
        What::Order { builders } => Said::Order(asker.order(builders).await),
        What::Pick { id, builder, requests, workers } => {
            Said::Pick(id, asker.pick(id, builder, requests, workers).await)
        }
        What::Merge { id, builder, newer, older } => {
            let newer_id = newer.id;
            Said::Merge(id, newer_id, asker.merge(id, builder, *newer, older).await)
        }
        What::Compose { id, name, changes, sourcestamps, builders } => {
            Said::Compose(id, asker.compose(&name, &changes, &sourcestamps, builders).await)
        }
    };
    let calls = asker.calls;
    engine.tell(Input::Advised(Box::new(Advised { ticket, said, calls }))).await;
}

struct Asker<'a> {
    engine: &'a Engine,
    generation: &'a Generation,
    /// The end of everybody's patience.
    until: Instant,
    /// Each function that was called, and what went wrong with it.
    calls: Vec<(String, Option<String>)>,
}

impl Asker<'_> {
    /// Calls a function and reads what it returns; none = something was wrong, which is noted.
    async fn call<T>(
        &mut self,
        option: &str,
        callback: &Callback,
        args: Vec<Argument>,
        read: impl FnOnce(&Json) -> Result<T, String>,
    ) -> Option<T> {
        let call = self.generation.scripts.call(callback, args);
        let site = &callback.site;
        let outcome = match tokio::time::timeout_at(self.until, call).await {
            Ok(Ok(json)) => read(&json).map_err(|what| format!("{option} ({site}) {what}")),
            Ok(Err(error)) => Err(format!("{option} failed: {error}")),
            Err(_) => {
                let patience = PATIENCE.as_secs();
                Err(format!("{option} ({site}) has not answered for {patience} s"))
            }
        };
        let trouble = outcome.as_ref().err();
        let trouble = trouble.map(|text| self.generation.masked(text.trim_end_matches('.')));
        self.calls.push((format!("{option} ({site})"), trouble));
        outcome.ok()
    }

    async fn order(&mut self, builders: Vec<(BuilderId, BuilderView)>) -> Option<Vec<BuilderId>> {
        let callback = self.generation.config.decisions.prioritize_builders.clone()?;
        let builders = self.with_ends(builders).await;
        let known: BTreeMap<String, BuilderId> =
            builders.iter().map(|(id, view)| (view.name.clone(), *id)).collect();
        let list = builders.into_iter().map(|(_, view)| Argument::Builder(view)).collect();
        let read = |json: &Json| returned::builders(json, &known);
        self.call("prioritize_builders", &callback, vec![Argument::List(list)], read).await
    }

    async fn pick(
        &mut self,
        id: BuilderId,
        builder: BuilderView,
        requests: Vec<Request>,
        mut workers: Vec<(WorkerId, WorkerView)>,
    ) -> Option<Pick> {
        let config = self.generation.config.builder(&builder.name)?;
        let decisions = config.decisions.clone();
        let mut next_worker = (decisions.next_worker.map(|f| ("next_worker", f))).or_else(|| {
            let general = self.generation.config.decisions.select_next_worker.clone();
            general.map(|f| ("select_next_worker", f))
        });
        let builder = self.with_end(id, builder).await;
        let views = self.views(&builder.name, requests).await;
        let mut request = views.first()?.clone();
        let of_builder = || Argument::Builder(builder.clone());

        if let Some(callback) = &decisions.next_build {
            let list = views.iter().cloned().map(Argument::Request).collect();
            let args = vec![of_builder(), Argument::List(list)];
            let read = |json: &Json| returned::request(json, &views);
            match self.call("next_build", callback, args, read).await {
                Some(Some(chosen)) => request = chosen,
                Some(None) => {
                    let n = crate::base::text::count(views.len(), "request");
                    let why = format!("next_build ({}), which chose none of {n}", callback.site);
                    return Some(Pick::Nothing(request.request.id, why));
                }
                None => {}
            }
        }
        let id = request.request.id;
        let mut refused: Vec<String> = Vec::new();
        while !workers.is_empty() {
            let mut at = 0;
            if let Some((option, callback)) = &next_worker {
                let list = workers.iter().map(|(_, view)| Argument::Worker(view.clone())).collect();
                let request = Argument::Request(request.clone());
                let args = vec![of_builder(), Argument::List(list), request];
                let read = |json: &Json| returned::worker(json, &workers);
                match self.call(option, callback, args, read).await {
                    Some(Some(chosen)) => at = chosen,
                    Some(None) => {
                        let names: Vec<&str> =
                            workers.iter().map(|(_, view)| view.name.as_str()).collect();
                        let site = &callback.site;
                        let names = names.join(", ");
                        let why = format!("{option} ({site}), which chose none of {names}");
                        return Some(Pick::Nothing(id, why));
                    }
                    // It has failed; once is enough.
                    None => next_worker = None,
                }
            }
            let (worker, view) = workers.remove(at);
            let Some(callback) = &decisions.can_start_build else {
                return Some(Pick::Start(id, worker));
            };
            let name = view.name.clone();
            let request = Argument::Request(request.clone());
            let args = vec![of_builder(), Argument::Worker(view), request];
            let read = |json: &Json| Ok(is_true(json));
            match self.call("can_start_build", callback, args, read).await {
                Some(false) => refused.push(name),
                Some(true) | None => return Some(Pick::Start(id, worker)),
            }
        }
        let site = decisions.can_start_build.map(|callback| callback.site).unwrap_or_default();
        let names = refused.join(", ");
        Some(Pick::Nothing(id, format!("can_start_build ({site}), which said no to {names}")))
    }

    async fn merge(
        &mut self,
        id: BuilderId,
        builder: BuilderView,
        newer: Request,
        older: Vec<Request>,
    ) -> Vec<RequestId> {
        let config = self.generation.config.builder(&builder.name);
        let collapse = config.map(|config| self.generation.config.collapse(config).clone());
        let Some(Collapse::Ask(callback)) = collapse else { return Vec::new() };
        let builder = self.with_end(id, builder).await;
        let requests = std::iter::once(newer).chain(older).collect();
        let mut views = self.views(&builder.name, requests).await.into_iter();
        let Some(newer) = views.next() else { return Vec::new() };
        let mut out = Vec::new();
        for older in views {
            let args = vec![
                Argument::Builder(builder.clone()),
                Argument::Request(older.clone()),
                Argument::Request(newer.clone()),
            ];
            let said = self.call("collapse_requests", &callback, args, |json| Ok(is_true(json)));
            let gives_way =
                said.await.unwrap_or_else(|| is_superfluous(&older.request, &newer.request));
            if gives_way {
                out.push(older.request.id);
            }
        }
        out
    }

    /// The builders and the priority of a buildset. Without the builders there is none.
    async fn compose(
        &mut self,
        scheduler: &str,
        changes: &[Change],
        sourcestamps: &[Sourcestamp],
        builders: Vec<(BuilderId, BuilderView)>,
    ) -> Result<Composed, String> {
        let gone = || "its configuration has no such scheduler any more".to_owned();
        let config = self.generation.config.scheduler(scheduler).ok_or_else(gone)?;
        let (choices, priority) = (config.choices.clone(), config.priority.clone());
        let mut names = config.builders.clone();
        let list = || {
            let change = |c: &Change| Argument::Change(Box::new(c.what.clone()));
            Argument::List(changes.iter().map(change).collect())
        };
        if let Some(callback) = &choices.builders {
            let mut files: Vec<&String> = changes.iter().flat_map(|c| &c.what.files).collect();
            files.sort();
            files.dedup();
            let context = Argument::Record(vec![
                ("scheduler", Argument::Json(scheduler.into())),
                ("changes", list()),
                ("files", Argument::Json(json!(files))),
                ("sourcestamps", Argument::Json(json!(sourcestamps))),
                ("properties", Argument::Json(json!(config.properties))),
            ]);
            let known: BTreeMap<String, String> =
                builders.iter().map(|(_, view)| (view.name.clone(), view.name.clone())).collect();
            let read = |json: &Json| returned::builders(json, &known);
            names = match self.call("builders", callback, vec![context], read).await {
                Some(names) => names,
                None => return Err(self.calls.pop().and_then(|(_, why)| why).unwrap_or_default()),
            };
        }
        let priority = match priority {
            Priority::Fixed(n) => n,
            Priority::Ask(_) if names.is_empty() => 0,
            Priority::Ask(callback) => {
                let views: Vec<_> =
                    builders.into_iter().filter(|(_, view)| names.contains(&view.name)).collect();
                let views = self.with_ends(views).await;
                let views = views.into_iter().map(|(_, view)| Argument::Builder(view)).collect();
                let args = vec![Argument::List(views), list()];
                self.call("priority", &callback, args, returned::priority).await.unwrap_or(0)
            }
        };
        Ok(Composed { builders: names, priority })
    }

    async fn with_end(&self, id: BuilderId, view: BuilderView) -> BuilderView {
        let name = view.name.clone();
        let found = self.with_ends(vec![(id, view)]).await;
        found.into_iter().next().map_or(BuilderView { name, ..BuilderView::default() }, |b| b.1)
    }

    /// The same with the end of each builder's newest build.
    async fn with_ends(
        &self,
        mut builders: Vec<(BuilderId, BuilderView)>,
    ) -> Vec<(BuilderId, BuilderView)> {
        let ids: Vec<BuilderId> = builders.iter().map(|(id, _)| *id).collect();
        let read = move |conn: &crate::store::Conn<'_>| {
            ids.into_iter().map(|id| builds::newest_end(conn, id)).collect::<Result<Vec<_>, _>>()
        };
        match self.engine.store().read(read).await {
            Ok(ends) => {
                for ((_, view), end) in builders.iter_mut().zip(ends) {
                    view.newest_complete_at = end;
                }
            }
            // The functions are asked all the same; nearly all that they look at is here.
            Err(error) => tracing::error!(%error, "the ends of builds cannot be read"),
        }
        builders
    }

    /// The requests as functions see them; without what cannot be read.
    async fn views(&self, builder: &str, requests: Vec<Request>) -> Vec<Arc<RequestView>> {
        let name = builder.to_owned();
        let kept = requests.clone();
        let read = move |conn: &crate::store::Conn<'_>| {
            let view = |request: Request| {
                let (reason, of_set) = buildsets::wish(conn, request.buildset)?;
                let changes = changes::of_buildset(conn, request.buildset)?;
                let mut properties = Properties::default();
                for change in &changes {
                    let of_change = &change.what.properties;
                    properties.update(&Properties::from_values(of_change, "Change"));
                }
                properties.update(&of_set);
                let builder = name.clone();
                Ok(Arc::new(RequestView { request, builder, reason, properties, changes }))
            };
            requests.into_iter().map(view).collect::<crate::store::Result<Vec<_>>>()
        };
        match self.engine.store().read(read).await {
            Ok(views) => views,
            Err(error) => {
                tracing::error!(%error, "waiting requests cannot be read");
                let bare = |request| RequestView {
                    request,
                    builder: builder.to_owned(),
                    reason: String::new(),
                    properties: Properties::default(),
                    changes: Vec::new(),
                };
                kept.into_iter().map(bare).map(Arc::new).collect()
            }
        }
    }
}
