//! What the data API can be told to do: (kind of path, method) → an order with the permission
//! it needs. The web edge checks the permission; the engine carries the order out.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use crate::api::forces::{self, FormErrors};
use crate::api::path::{elements, integer, matched};
use crate::api::{Api, ApiError};
use crate::base::id::{BuildId, BuildsetId, RequestId, SchedulerId, StepId, WorkerId};
use crate::engine::input::{Force, Started, WorkerOrder};
use crate::engine::{Effect, Engine, Refusal, Reload};
use crate::model::config::{Config, SchedulerConfig, Target};
use crate::store::Value;
use crate::store::page::{self, Page, Scope, Table};
use crate::store::views::{builders, builds, masters, schedulers, targets, workers};

/// A path, a method, and the permission it needs.
#[derive(Debug)]
pub struct Method {
    /// Patterns of the paths.
    pub patterns: &'static [&'static str],
    /// Name of the method.
    pub name: &'static str,
    /// The action of `authz`.
    pub action: &'static str,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Force,
    Stop,
    StopStep,
    Rebuild,
    Cancel,
    CancelSet,
    SetPriority,
    Enable,
    Pause,
    Unpause,
    StopWorker,
    KillWorker,
    Reload,
}

/// Of these the last parameter of the path names the worker.
const WORKERS: &[&str] = &[
    "/workers/n:workerid",
    "/workers/i:name",
    "/masters/n:masterid/workers/n:workerid",
    "/masters/n:masterid/workers/i:name",
    "/builders/n:builderid/workers/n:workerid",
    "/builders/n:builderid/workers/i:name",
    "/masters/n:masterid/builders/n:builderid/workers/n:workerid",
    "/masters/n:masterid/builders/n:builderid/workers/i:name",
];

/// Of these the last parameter of the path names the scheduler.
const SCHEDULERS: &[&str] =
    &["/schedulers/n:schedulerid", "/masters/n:masterid/schedulers/n:schedulerid"];

const BUILDS: &[&str] = &[
    "/builds/n:buildid",
    "/builders/n:builderid/builds/n:build_number",
    "/builders/s:buildername/builds/n:build_number",
];

/// Every method there is.
pub static METHODS: &[Method] = &[
    Method {
        patterns: &["/forceschedulers/i:schedulername"],
        name: "force",
        action: "force",
        what: What::Force,
    },
    Method { patterns: BUILDS, name: "stop", action: "stop", what: What::Stop },
    Method { patterns: BUILDS, name: "rebuild", action: "rebuild", what: What::Rebuild },
    Method {
        patterns: &["/buildrequests/n:buildrequestid"],
        name: "cancel",
        action: "cancel",
        what: What::Cancel,
    },
    // Buildbot has none for a single step.
    Method { patterns: &["/steps/n:stepid"], name: "stop", action: "stop", what: What::StopStep },
    // Nor this one: there, each request is cancelled by itself.
    Method {
        patterns: &["/buildsets/n:bsid"],
        name: "cancel",
        action: "cancel",
        what: What::CancelSet,
    },
    Method {
        patterns: &["/buildrequests/n:buildrequestid"],
        name: "set_priority",
        action: "priority",
        what: What::SetPriority,
    },
    Method { patterns: SCHEDULERS, name: "enable", action: "scheduler", what: What::Enable },
    Method { patterns: WORKERS, name: "pause", action: "worker", what: What::Pause },
    Method { patterns: WORKERS, name: "unpause", action: "worker", what: What::Unpause },
    Method { patterns: WORKERS, name: "stop", action: "worker", what: What::StopWorker },
    Method { patterns: WORKERS, name: "kill", action: "worker", what: What::KillWorker },
    Method {
        patterns: &["/masters/n:masterid"],
        name: "reload",
        action: "reload",
        what: What::Reload,
    },
];

/// Why an order was not carried out.
#[derive(Debug)]
pub enum ControlError {
    /// No such path or thing.
    Api(ApiError),
    /// The path has no such method.
    Unsupported(String),
    /// A form was filled in wrongly.
    Form(FormErrors),
    /// The engine said no.
    Refused(Refusal),
    /// The configuration is broken; the whole error.
    Broken(String),
}

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Refusal> for ControlError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The method `name` at a raw path, with the path's parameters.
///
/// # Errors
/// When there is no such path, or it has no such method.
pub fn find(raw: &str, name: &str) -> Result<(&'static Method, Vec<Value>), ControlError> {
    let elements = elements(raw).unwrap_or_default();
    let found = METHODS.iter().filter(|m| m.name == name).find_map(|method| {
        let params = method.patterns.iter().find_map(|p| matched(p, &elements))?;
        Some((method, params))
    });
    match found {
        Some(found) => Ok(found),
        None => {
            crate::api::resolve(raw)?;
            Err(ControlError::Unsupported(format!("action: {name} is not supported")))
        }
    }
}

/// Carries an order out; the answer is Buildbot's `result`.
///
/// # Errors
/// [`ControlError`], which says whose fault it is.
pub async fn run(
    (engine, reload): (&Engine, &Reload),
    api: &Api,
    method: &Method,
    at: &[Value],
    params: &Map<String, Json>,
    user: Option<&str>,
) -> Result<Json, ControlError> {
    let reason = match params.get("reason") {
        Some(Json::String(text)) if !text.is_empty() => text.clone(),
        _ => "no reason".to_owned(),
    };
    match method.what {
        What::Force => {
            let generation = engine.generation();
            let form = form(api, &generation.config, at, params, user).await?;
            Ok(started(&engine.force(form).await?))
        }
        What::Stop => {
            engine.stop_build(build(api, at).await?, reason).await?;
            Ok(Json::Null)
        }
        What::StopStep => {
            let Some(Value::Int(step)) = at.first() else {
                return Err(ApiError::missing("there is no such step").into());
            };
            engine.stop_step(StepId(*step), reason).await?;
            Ok(Json::Null)
        }
        What::Rebuild => {
            let owner = user.unwrap_or("anonymous").to_owned();
            Ok(started(&engine.rebuild(build(api, at).await?, owner).await?))
        }
        What::Cancel => {
            engine.cancel(request(at)?, reason).await?;
            Ok(Json::Null)
        }
        What::SetPriority => {
            let given = params.get("priority");
            let priority = given.and_then(Json::as_i64).ok_or_else(|| wrong("priority", given))?;
            engine.set_priority(request(at)?, priority).await?;
            Ok(Json::Null)
        }
        What::Enable => {
            let given = params.get("enabled");
            let on = given.and_then(Json::as_bool).ok_or_else(|| wrong("enabled", given))?;
            engine.switch_scheduler(scheduler(api, at).await?, on).await?;
            Ok(Json::Null)
        }
        What::Pause | What::Unpause | What::StopWorker | What::KillWorker => {
            let order = match method.what {
                What::Pause => WorkerOrder::Pause(reason),
                What::Unpause => WorkerOrder::Unpause,
                What::StopWorker => WorkerOrder::Stop,
                _ => WorkerOrder::Kill,
            };
            engine.order_worker(worker(api, at).await?, order).await?;
            Ok(Json::Null)
        }
        What::CancelSet => {
            let Some(Value::Int(set)) = at.first() else {
                return Err(ApiError::missing("there is no such buildset").into());
            };
            engine.cancel_buildset(BuildsetId(*set), reason).await?;
            Ok(Json::Null)
        }
        What::Reload => {
            master(api, at).await?;
            let effect = match params.get("dry_run") {
                None | Some(Json::Null | Json::Bool(false)) => Effect::Apply,
                Some(Json::Bool(true)) => Effect::DryRun(None),
                Some(other) => {
                    return Err(ApiError::invalid(format!("invalid dry_run {other}")).into());
                }
            };
            let reloaded = reload(effect).await.map_err(ControlError::Broken)?;
            Ok(json!({ "changes": reloaded.changes }))
        }
    }
}

/// `[bsid, {"builderid": requestid}]`
fn started(started: &Started) -> Json {
    let requests: Map<String, Json> =
        started.requests.iter().map(|(b, r)| (b.to_string(), Json::from(r.0))).collect();
    json!([started.buildset.0, requests])
}

fn request(at: &[Value]) -> Result<RequestId, ApiError> {
    match at.first() {
        Some(Value::Int(id)) => Ok(RequestId(*id)),
        _ => Err(ApiError::missing("there is no such build request")),
    }
}

/// A parameter that is missing or of the wrong kind.
fn wrong(name: &str, given: Option<&Json>) -> ApiError {
    match given {
        None => ApiError::invalid(format!("missing {name}")),
        Some(given) => ApiError::invalid(format!("invalid {name} {given}")),
    }
}

/// The scheduler at a path.
async fn scheduler(api: &Api, at: &[Value]) -> Result<SchedulerId, ApiError> {
    let scope = match at {
        [_] => vec![schedulers::scope::ID],
        _ => vec![schedulers::scope::OF_MASTER, schedulers::scope::ID],
    };
    let id = row(api, &schedulers::TABLE, "schedulerid", scope, at).await?;
    id.map(SchedulerId).ok_or_else(|| ApiError::missing("there is no such scheduler"))
}

/// The worker at a path: by id or by name, of a master, a builder, or both.
async fn worker(api: &Api, at: &[Value]) -> Result<WorkerId, ApiError> {
    let last = match at.last() {
        Some(Value::Text(_)) => workers::scope::NAME,
        _ => workers::scope::ID,
    };
    // A path does not say what its first id is of; whoever is configured is on the one master.
    let id = row(api, &workers::TABLE, "workerid", vec![last], &at[at.len() - 1..]).await?;
    id.map(WorkerId).ok_or_else(|| ApiError::missing("there is no such worker"))
}

/// The id of the one row of a place.
async fn row(
    api: &Api,
    table: &'static Table,
    id: &'static str,
    conditions: Vec<&'static str>,
    at: &[Value],
) -> Result<Option<i64>, ApiError> {
    let scope = Scope { conditions, values: at.to_vec() };
    let page = Page { columns: table.column(id).into_iter().collect(), ..Page::default() };
    let rows = api.store.read(move |c| page::select(c, table, &scope, &page)).await?;
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(id)) => Ok(Some(*id)),
        _ => Ok(None),
    }
}

/// The build at a path: by id, or by builder and number.
async fn build(api: &Api, at: &[Value]) -> Result<BuildId, ApiError> {
    let conditions = match at {
        [_] => vec![builds::scope::ID],
        [Value::Text(_), _] => vec![builds::scope::OF_BUILDER_NAME, builds::scope::NUMBER],
        _ => vec![builds::scope::OF_BUILDER, builds::scope::NUMBER],
    };
    let id = row(api, &builds::TABLE, "buildid", conditions, at).await?;
    id.map(BuildId).ok_or_else(|| ApiError::missing("there is no such build"))
}

/// Whether there is the master of a path. There is one process, so it is this one.
async fn master(api: &Api, at: &[Value]) -> Result<(), ApiError> {
    let scope = Scope { conditions: vec![masters::scope::ID], values: at.to_vec() };
    let rows = api.store.read(move |c| page::select(c, &masters::TABLE, &scope, &Page::default()));
    match rows.await?.is_empty() {
        true => Err(ApiError::missing("there is no such master")),
        false => Ok(()),
    }
}

async fn form(
    api: &Api,
    config: &Config,
    at: &[Value],
    params: &Map<String, Json>,
    user: Option<&str>,
) -> Result<Force, ControlError> {
    let Some(Value::Text(name)) = at.first() else {
        return Err(ApiError::missing("there is no such force scheduler").into());
    };
    let Some((scheduler, force)) = forces::find(config, name) else {
        let text = format!("there is no force scheduler '{name}' in the configuration");
        return Err(ApiError::missing(text).into());
    };
    let builders = chosen(api, scheduler, params).await?;
    let validation = &config.validation;
    forces::fill_in(scheduler, force, builders, params, validation, user)
        .map_err(ControlError::Form)
}

/// The builders that a force names, or all of its scheduler's.
async fn chosen(
    api: &Api,
    scheduler: &SchedulerConfig,
    params: &Map<String, Json>,
) -> Result<Vec<String>, ApiError> {
    let mut chosen = BTreeSet::new();
    if let Some(id) = params.get("builderid").filter(|v| !v.is_null()) {
        let number = id.as_i64().or_else(|| id.as_str().and_then(integer));
        let Some(number) = number else {
            return Err(ApiError::invalid(format!("invalid builderid {id}")));
        };
        let name = api.store.read(move |c| builders::name(c, number)).await?;
        chosen.extend(name.into_iter().filter(|n| scheduler.builders.contains(n)));
    } else if let Some(names) = params.get("builderNames").and_then(Json::as_array) {
        let names = names.iter().filter_map(Json::as_str);
        chosen
            .extend(names.filter(|n| scheduler.builders.iter().any(|b| b == n)).map(str::to_owned));
    } else {
        chosen.extend(scheduler.builders.iter().cloned());
    }
    if chosen.is_empty() {
        let name = &scheduler.name;
        let text = format!("the force scheduler '{name}' starts none of the builders asked for");
        return Err(ApiError::invalid(text));
    }
    Ok(chosen.into_iter().collect())
}

/// What an order is about, for the rules of who may give it.
///
/// # Errors
/// When there is no such thing.
pub async fn target(
    api: &Api,
    config: &Config,
    method: &Method,
    at: &[Value],
    params: &Map<String, Json>,
) -> Result<Target, ApiError> {
    let found = match (method.what, at.first()) {
        (What::Force, Some(Value::Text(name))) => {
            let builders = match forces::find(config, name) {
                Some((scheduler, _)) => chosen(api, scheduler, params).await?,
                None => Vec::new(),
            };
            return Ok(Target { builders, owner: None });
        }
        (What::Stop | What::Rebuild, _) => {
            let build = build(api, at).await?;
            api.store.read(move |c| targets::of_build(c, build.0)).await?
        }
        (What::StopStep, Some(Value::Int(step))) => {
            let step = *step;
            api.store.read(move |c| targets::of_step(c, step)).await?
        }
        (What::CancelSet, Some(Value::Int(set))) => {
            let set = *set;
            api.store.read(move |c| targets::of_buildset(c, set)).await?
        }
        (What::Cancel | What::SetPriority, Some(Value::Int(request))) => {
            let request = *request;
            api.store.read(move |c| targets::of_request(c, request)).await?
        }
        _ => None,
    };
    Ok(found.map_or_else(Target::default, |(builders, owner)| Target { builders, owner }))
}
