//! One configuration's functions at work: a mailbox, and a coroutine per call, so that thousands
//! can wait at once on one Lua state. How the engine reaches it is in `handle.rs`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, Lua, MultiValue, Table, Value};
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::bind::deciding::Live;
use super::bind::step::{OpenDesk, Step};
use super::bind::{self, build, deciding, event};
use super::budget::{Budget, Fatal};
use super::handle::Inside;
use super::late::Late;
use super::raised::script_error;
use super::read::Objects;
use super::read::render;
use super::read::step::{COMMAND, StepType};
use super::slots::Slots;
use super::{choice, convert};
use crate::base::clock::Clock;
use crate::base::results::Results;
use crate::engine::ports::{Argument, ScriptError, StepRun, StepValue};
use crate::engine::render::{Purpose, render_for};
use crate::forge::github::client::Client;
use crate::http;
use crate::model::build::BuildView;
use crate::model::config::{Callback, GithubHook, Site};
use crate::model::delivery::{Delivery, Reading};

/// How deep a function may return functions that return functions.
const MAX_DEPTH: u32 = 16;
/// Work for a state.
pub(super) enum Job {
    Call {
        callback: Callback,
        args: Vec<Argument>,
        answer: Answer<Json>,
    },
    Step {
        step: Box<StepRun>,
        answer: Answer<Option<Results>>,
    },
    Delivery {
        delivery: Box<Delivery>,
        answer: Answer<Reading>,
    },
    /// The build has ended that these were for.
    Forget {
        callbacks: Vec<Callback>,
        places: Vec<usize>,
    },
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, ScriptError>>;

/// A job, and the token that its caller cancels by letting go.
pub(super) struct Posted {
    pub(super) job: Job,
    pub(super) given_up: CancellationToken,
}

pub(super) fn ended() -> ScriptError {
    let message = "the configuration that this function belongs to has ended.".to_owned();
    ScriptError { message, site: None, is_failure: false }
}

/// The Lua side of a generation.
pub(super) struct Host {
    pub(super) lua: Lua,
    pub(super) budget: Budget,
    pub(super) slots: Rc<Slots>,
    /// Step types by the slot of their `run`.
    pub(super) types: HashMap<u32, Rc<StepType>>,
    pub(super) objects: Objects,
    /// Reads steps that are added to builds.
    pub(super) late: Rc<Late>,
    pub(super) hook: Option<GithubHook>,
    pub(super) github: Option<Client>,
    pub(super) mailbox: mpsc::WeakUnboundedSender<Posted>,
}

/// A client for the hook's API.
pub(super) fn client(hook: &GithubHook, http: &http::Client, clock: Clock) -> Client {
    Client::new(http.clone(), &hook.api, hook.token.clone(), clock)
}

impl Host {
    /// Works until the last handle is dropped. Must run inside a `LocalSet`.
    pub(super) async fn serve(self: Rc<Self>, mut mailbox: mpsc::UnboundedReceiver<Posted>) {
        while let Some(Posted { job, given_up }) = mailbox.recv().await {
            let host = self.clone();
            tokio::task::spawn_local(async move {
                tokio::select! {
                    biased;
                    () = given_up.cancelled() => {}
                    () = host.work(job) => {}
                }
            });
        }
    }

    /// Does one job. Nobody may be waiting for the answer any more; then it is dropped.
    async fn work(self: &Rc<Self>, job: Job) {
        match job {
            Job::Call { callback, args, answer } => {
                let call = self.call(&callback, args);
                let _ = answer.send(self.budget.slices(&callback.site, call).await);
            }
            Job::Step { step, answer } => {
                let site = step.run.site.clone();
                let _ = answer.send(self.budget.slices(&site, self.run_step(*step)).await);
            }
            Job::Forget { callbacks, places } => self.late.forget(&callbacks, &places),
            Job::Delivery { delivery, answer } => {
                let (Some(hook), Some(github)) = (&self.hook, &self.github) else { return };
                let site = event::site(hook, &delivery.what.event);
                let read = event::read(self, hook, github, &delivery);
                let _ = answer.send(self.budget.slices(&site, read).await);
            }
        }
    }

    /// The function of a callback, and how deep in renderings it is.
    pub(super) fn function(&self, callback: &Callback) -> Result<(Function, u32), ScriptError> {
        self.slots.get(callback).ok_or_else(|| ScriptError {
            message: "this configuration has no such function.".to_owned(),
            site: Some(callback.site.clone()),
            is_failure: false,
        })
    }

    async fn call(&self, callback: &Callback, args: Vec<Argument>) -> Result<Json, ScriptError> {
        let (function, depth) = self.function(callback)?;
        let fail = |error: mlua::Error| script_error(&error, &callback.site);
        let build = args.iter().find_map(|arg| match arg {
            Argument::Build(build) | Argument::For(build) => Some(build.clone()),
            Argument::Step(step) => Some(Arc::new(step.build.clone())),
            _ => None,
        });
        let mut live = Live::default();
        let purpose = match args.iter().any(|arg| matches!(arg, Argument::Locks)) {
            true => Purpose::Locks,
            false => Purpose::Value,
        };
        let handed = args.iter().filter_map(|arg| self.argument(arg, &mut live).transpose());
        let args = handed.collect::<mlua::Result<MultiValue>>().map_err(fail)?;
        let value = self.budget.call(&function, args).await.map_err(fail)?;
        self.rendered(&value, build.map(|build| (build, purpose)), &callback.site, depth).await
    }

    /// An argument as Lua gets it; none = it is not handed over.
    fn argument(&self, arg: &Argument, live: &mut Live) -> mlua::Result<Option<Value>> {
        let (lua, objects) = (&self.lua, &self.objects);
        let value = match arg {
            Argument::For(_) | Argument::Locks => return Ok(None),
            Argument::Json(json) => convert::to_lua(lua, json)?,
            Argument::Build(view) => Value::Table(build::build(lua, objects, view)?),
            Argument::Step(view) => Value::Table(build::step(lua, objects, view)?),
            Argument::Change(change) => build::change(lua, change)?,
            Argument::Builder(view) => deciding::builder(lua, objects, live, view)?,
            Argument::Worker(view) => deciding::worker(lua, objects, live, view)?,
            Argument::Request(view) => deciding::request(lua, objects, view)?,
            Argument::List(items) => {
                let out = lua.create_table()?;
                for item in items {
                    out.raw_push(self.argument(item, live)?)?;
                }
                Value::Table(out)
            }
            Argument::Record(fields) => {
                let out = lua.create_table()?;
                for (name, value) in fields {
                    out.raw_set(*name, self.argument(value, live)?)?;
                }
                let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                let message = "what a function is asked about cannot be changed here.";
                Value::Table(bind::frozen(lua, out, message, Some(&names))?)
            }
        };
        Ok(Some(value))
    }

    /// What a function returned, rendered again if there is something to render.
    async fn rendered(
        &self,
        value: &Value,
        build: Option<(Arc<BuildView>, Purpose)>,
        site: &Site,
        depth: u32,
    ) -> Result<Json, ScriptError> {
        let fail =
            |message: String| ScriptError { message, site: Some(site.clone()), is_failure: false };
        // What is rendered leaves holes of lists out; in plain data positions must hold.
        let is_plain = build.is_none() || !value.is_table();
        let problem = match convert::to_json(&self.lua, value) {
            Ok(json) if is_plain => return Ok(json),
            Ok(_) => String::new(),
            Err(problem) => problem,
        };
        let Some((build, purpose)) = build else {
            return choice::read(&self.lua, value).map_err(|_| {
                fail(format!("the function returned {problem}; plain data is needed here."))
            });
        };
        if depth >= MAX_DEPTH {
            return Err(fail(format!("functions returned functions, {MAX_DEPTH} deep.")));
        }
        let lent = RefCell::new(Vec::new());
        let lend = |function: &Function| {
            let callback = self.slots.lend(function, site, depth + 1);
            lent.borrow_mut().push(callback.clone());
            callback
        };
        let tree = render::read(&self.lua, value, &lend, purpose);
        let out = match tree {
            Ok(tree) => {
                let inside = Inside(self.mailbox.clone());
                render_for(purpose, &tree, &build, &inside).await
            }
            Err(flaw) => Err(fail(format!(
                "what the function returned cannot be rendered: {}",
                flaw.message
            ))),
        };
        self.slots.give_back(&lent.into_inner());
        out
    }

    async fn run_step(&self, run: StepRun) -> Result<Option<Results>, ScriptError> {
        let site = run.run.site.clone();
        let fail = |error: mlua::Error| script_error(&error, &site);
        let (function, _) = self.function(&run.run)?;
        let slot = run.run.slot;
        let kind = self.types.get(&slot).cloned().or_else(|| self.late.type_of(slot));
        let (options, standard) = self.options(kind.as_deref(), run.options, &run.view.name)?;
        let desk: OpenDesk = Rc::new(RefCell::new(Some(run.desk)));
        let step = Step {
            desk: desk.clone(),
            build: build::build(&self.lua, &self.objects, &run.view.build).map_err(fail)?,
            data: super::bind::build::step_data(&self.objects, &run.view).map_err(fail)?,
            late: self.late.clone(),
            name: run.view.name,
            number: run.view.number,
            workdir: run.view.workdir,
            standard,
        };
        let step = bind::waiting(&self.lua, || self.lua.create_userdata(step)).map_err(fail)?;
        let ended = self.budget.call(&function, (step, options)).await;
        desk.borrow_mut().take();
        match ended {
            Ok(value) => results(&value, &site),
            Err(error) if Fatal::of(&error) == Some(&Fatal::Stopped) => {
                let message = Fatal::Stopped.to_string();
                Err(ScriptError { message, site: None, is_failure: false })
            }
            Err(error) => Err(fail(error)),
        }
    }

    /// The options as `run` gets them, and those that its commands use.
    fn options(
        &self,
        kind: Option<&StepType>,
        given: BTreeMap<String, StepValue>,
        step: &str,
    ) -> Result<(Table, BTreeMap<String, Json>), ScriptError> {
        let fail = |message: String| ScriptError { message, site: None, is_failure: false };
        let wrong = |error: mlua::Error| fail(error.to_string());
        let options = self.lua.create_table().map_err(wrong)?;
        let mut standard = BTreeMap::new();
        for (name, value) in given {
            let mut why = String::new();
            let json = match value {
                StepValue::Function(callback) => {
                    options.set(name, self.function(&callback)?.0).map_err(wrong)?;
                    continue;
                }
                StepValue::Json(json) => json,
                StepValue::Unset(property) => {
                    why = format!(": the build has no property {property:?}");
                    Json::Null
                }
            };
            let json = match kind.and_then(|kind| kind.shape(&name)) {
                Some(shape) => shape.settle(json).map_err(|what| {
                    fail(format!("option `{name}` of the step {step:?}: {what}{why}."))
                })?,
                None => json,
            };
            let value = convert::to_lua_option(&self.lua, &json).map_err(wrong)?;
            options.set(name.as_str(), value).map_err(wrong)?;
            if name == "decode_rc" || COMMAND.iter().any(|(known, _)| *known == name) {
                standard.insert(name, json);
            }
        }
        Ok((options, standard))
    }
}

/// What `run` returned.
fn results(value: &Value, site: &Site) -> Result<Option<Results>, ScriptError> {
    let word = match value {
        Value::Nil => return Ok(None),
        Value::String(word) => word.to_string_lossy(),
        other => convert::a_type(other),
    };
    Results::from_word(&word).map(Some).ok_or_else(|| ScriptError {
        message: format!(
            "`run` must return a result (\"success\", \"warnings\", \"failure\", \"skipped\", \
             \"exception\", \"retry\", \"cancelled\") or nothing, not {word}."
        ),
        site: Some(site.clone()),
        is_failure: false,
    })
}
