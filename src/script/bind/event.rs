//! A hook's delivery in Lua: `event` with the fields of `lua-api` D10, which the callback may set,
//! and `default(event)`, which does what happens without a callback and returns the changes.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Function, IntoLuaMulti, Lua, Table, Value};
use serde_json::{Map, Value as Json};

use super::build;
use crate::engine::ports::ScriptError;
use crate::forge::github::client::Client;
use crate::forge::github::payload::{Facts, facts, parse};
use crate::forge::github::reading::complete;
use crate::forge::github::stock::stock;
use crate::model::change::NewChange;
use crate::model::config::{Callback, Codebase, GithubHook, Site};
use crate::model::delivery::{Delivery, Reading};
use crate::script::convert::{self, a_type};
use crate::script::host::Host;
use crate::script::raised::script_error;

/// Fields that `default` reads back from the event.
const FIELDS: [&str; 11] = [
    "name",
    "action",
    "ref",
    "branch",
    "labels",
    "reviewers",
    "sender",
    "number",
    "repository",
    "base_branch",
    "head_repository",
];

/// The callback that has a say in `event`.
pub(in crate::script) fn callback_of<'h>(
    hook: &'h GithubHook,
    event: &str,
) -> Option<&'h Callback> {
    match event {
        "push" => hook.on_push.as_ref(),
        "pull_request" => hook.on_pull_request.as_ref(),
        _ => hook.on_event.as_ref(),
    }
}

/// The function that has a say in a delivery of `event`.
pub(in crate::script) fn site(hook: &GithubHook, event: &str) -> Site {
    let codebase = match &hook.codebase {
        Some(Codebase::Callback(callback)) => Some(callback),
        _ => None,
    };
    callback_of(hook, event).or(codebase).map(|c| c.site.clone()).unwrap_or_default()
}

/// What the delivery says.
///
/// # Errors
/// When the payload lacks a field that is needed.
pub(in crate::script) fn facts_of(delivery: &Delivery) -> Result<Facts, ScriptError> {
    let event = &delivery.what.event;
    parse(event, &delivery.what.body)
        .and_then(|payload| facts(event, &payload))
        .map_err(|error| ScriptError { message: error.0, site: None, is_failure: false })
}

/// What the calls of `default` and `event:skip` left behind.
#[derive(Default)]
struct Notes {
    reading: Reading,
    skipped: Option<String>,
}

/// Reads a delivery in which Lua has a say.
pub(in crate::script) async fn read(
    host: &Rc<Host>,
    hook: &GithubHook,
    client: &Client,
    delivery: &Delivery,
) -> Result<Reading, ScriptError> {
    let facts = facts_of(delivery)?;
    let Some(callback) = callback_of(hook, &facts.name) else {
        let mut reading = complete(hook, client, stock(hook, &facts)).await;
        codebases(host, hook, &facts.payload, &mut reading.changes).await?;
        return Ok(reading);
    };
    let notes = Rc::new(RefCell::new(Notes::default()));
    let fail = |error: mlua::Error| script_error(&error, &callback.site);
    let event = event(&host.lua, &facts, client, delivery, &notes).map_err(fail)?;
    let default = default(host, hook, client, &facts, &notes).map_err(fail)?;
    let function = host.function(callback)?.0;
    let returned = called(host, &function, (event, default)).await.map_err(fail)?;
    let changes = changes(&host.lua, &returned).map_err(|message| ScriptError {
        message,
        site: Some(callback.site.clone()),
        is_failure: false,
    })?;
    let mut notes = notes.borrow_mut();
    let mut reading = std::mem::take(&mut notes.reading);
    if let Some(reason) = notes.skipped.take() {
        reading.verdict = format!("Skipped: {reason}");
    } else if reading.verdict.is_empty() {
        let count = crate::base::text::count(changes.len(), "change");
        reading.verdict = format!("{count} from the function at {}.", callback.site);
    }
    reading.changes = changes;
    Ok(reading)
}

/// Calls a function of the hook's with what a payload became.
async fn called(host: &Host, function: &Function, args: impl IntoLuaMulti) -> mlua::Result<Value> {
    // Many megabytes take a while to become tables, which is not the function's time.
    tokio::task::yield_now().await;
    host.budget.call(function, args).await
}

fn event(
    lua: &Lua,
    facts: &Facts,
    client: &Client,
    delivery: &Delivery,
    notes: &Rc<RefCell<Notes>>,
) -> mlua::Result<Table> {
    let json = serde_json::to_value(facts).unwrap_or_default();
    let Value::Table(event) = convert::to_lua(lua, &json)? else {
        return Err(mlua::Error::runtime("the delivery has no fields"));
    };
    event.set("delivery", delivery.what.guid.as_str())?;
    let headers = lua.create_table()?;
    for (name, value) in &delivery.what.headers {
        headers.set(name.as_str(), value.as_str())?;
    }
    event.set("headers", headers)?;
    event.set("api", api(lua, client)?)?;
    let notes = notes.clone();
    let skip = lua.create_function(move |_, (_, reason): (Table, Option<String>)| {
        let reason = reason.unwrap_or_else(|| "the configuration does not want it.".to_owned());
        notes.borrow_mut().skipped = Some(reason);
        Ok(())
    })?;
    event.set("skip", skip)?;
    Ok(event)
}

/// `event.api:get(path, query)`.
fn api(lua: &Lua, client: &Client) -> mlua::Result<Table> {
    let api = lua.create_table()?;
    let client = client.clone();
    let get = super::waiting(lua, || {
        lua.create_async_function(move |lua, (_, path, query): (Table, String, Option<Table>)| {
            let client = client.clone();
            async move {
                let mut pairs = Vec::new();
                if let Some(query) = query {
                    for pair in query.pairs::<String, Value>() {
                        let (name, value) = pair?;
                        let text = lua.coerce_string(value)?.map(|s| s.to_string_lossy());
                        pairs.push((name, text.unwrap_or_default()));
                    }
                }
                pairs.sort();
                let query: Vec<(&str, &str)> =
                    pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let answer = client
                    .get(&path, &query)
                    .await
                    .map_err(|error| mlua::Error::runtime(error.message))?;
                let out = lua.create_table()?;
                out.set("status", answer.status)?;
                out.set("json", convert::to_lua(&lua, &answer.json)?)?;
                let headers = lua.create_table()?;
                for (name, value) in answer.headers {
                    headers.set(name, value)?;
                }
                out.set("headers", headers)?;
                Ok(out)
            }
        })
    })?;
    api.set("get", get)?;
    Ok(api)
}

/// `default(event)`: the stock rules on the event's fields as they are now.
fn default(
    host: &Rc<Host>,
    hook: &GithubHook,
    client: &Client,
    facts: &Facts,
    notes: &Rc<RefCell<Notes>>,
) -> mlua::Result<Function> {
    let (host, hook, client) = (Rc::downgrade(host), hook.clone(), client.clone());
    let (payload, notes) = (facts.payload.clone(), notes.clone());
    let lua = host.upgrade().map(|h| h.lua.clone());
    let Some(lua) = lua else { return Err(mlua::Error::runtime("the Lua state has ended")) };
    let stock_rules = move |lua: Lua, event: Table| {
        let (host, hook, client) = (host.clone(), hook.clone(), client.clone());
        let (payload, notes) = (payload.clone(), notes.clone());
        async move {
            let mut facts = fields(&lua, &event).map_err(mlua::Error::runtime)?;
            facts.payload = payload;
            let mut reading = complete(&hook, &client, stock(&hook, &facts)).await;
            if let Some(host) = host.upgrade() {
                codebases(&host, &hook, &facts.payload, &mut reading.changes)
                    .await
                    .map_err(mlua::Error::external)?;
            }
            let out = lua.create_table()?;
            for change in &reading.changes {
                out.push(build::change(&lua, change)?)?;
            }
            notes.borrow_mut().reading = reading;
            Ok(out)
        }
    };
    super::waiting(&lua, || lua.create_async_function(stock_rules))
}

/// The event's fields as facts.
fn fields(lua: &Lua, event: &Table) -> Result<Facts, String> {
    let mut map = Map::new();
    for name in FIELDS {
        let value: Value = event.get(name).map_err(|e| e.to_string())?;
        let json = convert::to_json(lua, &value)
            .map_err(|what| format!("`{name}` of the event holds {what}."))?;
        let json = match json {
            Json::Object(map) if map.is_empty() => Json::Array(Vec::new()),
            other => other,
        };
        if !json.is_null() {
            map.insert(name.to_owned(), json);
        }
    }
    serde_json::from_value(Json::Object(map))
        .map_err(|error| format!("a field of the event has a wrong type: {error}."))
}

/// What a callback returned, as changes.
fn changes(lua: &Lua, returned: &Value) -> Result<Vec<NewChange>, String> {
    let wrong = |got: &str| {
        format!("a hook's function returns a list of changes (or nil for none), not {got}.")
    };
    let json = match returned {
        Value::Nil | Value::Boolean(false) => return Ok(Vec::new()),
        Value::Table(_) => convert::to_json(lua, returned).map_err(|what| wrong(&what))?,
        other => return Err(wrong(&a_type(other))),
    };
    match json {
        Json::Object(map) if map.is_empty() => Ok(Vec::new()),
        Json::Array(items) => items.into_iter().map(change).collect(),
        _ => Err(wrong("a table of names")),
    }
}

pub(super) fn change(mut json: Json) -> Result<NewChange, String> {
    if let Some(files) = json.get_mut("files")
        && files.as_object().is_some_and(Map::is_empty)
    {
        *files = Json::Array(Vec::new());
    }
    serde_json::from_value(json)
        .map_err(|error| format!("a change that the hook's function returned is wrong: {error}."))
}

/// Fills in the codebase where a function says it.
async fn codebases(
    host: &Rc<Host>,
    hook: &GithubHook,
    payload: &Json,
    changes: &mut [NewChange],
) -> Result<(), ScriptError> {
    let Some(Codebase::Callback(callback)) = &hook.codebase else { return Ok(()) };
    if changes.is_empty() {
        return Ok(());
    }
    let function = host.function(callback)?.0;
    let fail = |error: mlua::Error| script_error(&error, &callback.site);
    let argument = convert::to_lua(&host.lua, payload).map_err(fail)?;
    let codebase = match called(host, &function, argument).await.map_err(fail)? {
        Value::Nil => String::new(),
        Value::String(text) => text.to_string_lossy(),
        other => {
            return Err(ScriptError {
                message: format!("`codebase` must return a string, not {}.", a_type(&other)),
                site: Some(callback.site.clone()),
                is_failure: false,
            });
        }
    };
    for change in changes {
        change.codebase.clone_from(&codebase);
    }
    Ok(())
}
