//! `step:trigger { … }`: its options, the links and the summary that the step's page shows meanwhile,
//! and what came of it.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mlua::{Lua, Table, UserDataMethods, Value};
use serde_json::Value as Json;

use super::step::{Step, ask, unexpected};
use crate::base::results::Results;
use crate::engine::desk::{StepAnswer, StepRequest};
use crate::model::sourcestamp::Sourcestamp;
use crate::model::trigger::{RequestEnd, TriggerPart, TriggerSource, TriggerWish, Triggered};
use crate::script::convert::{self, Items, a_type};
use crate::script::read::scheduler::TRIGGERABLES;
use crate::script::spelling::suggestion;

/// What `step:trigger` takes.
const OPTIONS: [&str; 7] = [
    "schedulers",
    "sourcestamps",
    "update_sourcestamp",
    "always_use_latest",
    "wait_for_finish",
    "set_properties",
    "parent_relationship",
];
/// What an entry of `schedulers` takes.
const ENTRY: [&str; 3] = ["name", "properties", "unimportant"];
/// What an entry of `sourcestamps` takes.
const STAMP: [&str; 5] = ["branch", "revision", "repository", "project", "codebase"];

/// A wish, and which of its parts do not count.
struct Wanted {
    wish: TriggerWish,
    unimportant: Vec<bool>,
}

/// The method.
pub(super) fn add<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_async_method("trigger", |lua, step, options: Value| async move {
        let Value::Table(options) = &options else {
            let got = a_type(&options);
            return Err(mlua::Error::runtime(format!("step:trigger takes a table, not {got}.")));
        };
        let wanted = read(&lua, options).map_err(mlua::Error::runtime)?;
        let names: Vec<String> = wanted.wish.parts.iter().map(|p| p.scheduler.clone()).collect();
        let waits = wanted.wish.is_waited_for;
        let request = StepRequest::Trigger(Box::new(wanted.wish));
        let started = match ask(&step.desk, request).await? {
            StepAnswer::Triggered(started) => started,
            other => return Err(unexpected(&other)),
        };
        let mut shown = Shown { names, off: started.switched_off.clone(), ends: Vec::new() };
        shown.summary(&step).await?;
        for made in &started.requests {
            let scheduler = shown.names.get(made.part).map_or("", String::as_str);
            let (name, url) = (format!("{scheduler} #{}", made.request), made.url.clone());
            step.done(StepRequest::AddUrl { name, url }).await?;
        }
        let mut ends: Vec<Option<RequestEnd>> = vec![None; started.requests.len()];
        if waits {
            let mut waiting: FuturesUnordered<_> = (started.requests.iter().enumerate())
                .map(|(at, made)| {
                    let request = StepRequest::Await { request: made.request };
                    let desk = step.desk.clone();
                    async move { (at, ask(&desk, request).await) }
                })
                .collect();
            while let Some((at, ended)) = waiting.next().await {
                let StepAnswer::Ended(end) = ended? else { continue };
                shown.end(&step, &end).await?;
                ends[at] = Some(end);
            }
        }
        outcome(&lua, &shown.names, &wanted.unimportant, &started, &ends)
    });
}

/// What the step's page says.
struct Shown {
    names: Vec<String>,
    off: Vec<String>,
    ends: Vec<Results>,
}

impl Shown {
    /// A request has ended.
    async fn end(&mut self, step: &Step, end: &RequestEnd) -> mlua::Result<()> {
        for build in &end.builds {
            let word = build.results.map_or("not finished", Results::word);
            let name = format!("{word}: {} #{}", build.builder, build.number);
            step.done(StepRequest::AddUrl { name, url: build.url.clone() }).await?;
        }
        self.ends.push(end.results);
        self.summary(step).await
    }

    async fn summary(&self, step: &Step) -> mlua::Result<()> {
        let mut text = format!("triggered {}", self.names.join(", "));
        for results in Results::ALL {
            let count = self.ends.iter().filter(|end| **end == results).count();
            if count > 0 {
                text.push_str(&format!(", {count} {}", results.word()));
            }
        }
        if !self.off.is_empty() {
            text.push_str(&format!("; switched off: {}", self.off.join(", ")));
        }
        step.done(StepRequest::SetSummary { text }).await
    }
}

/// What the method returns.
fn outcome(
    lua: &Lua,
    names: &[String],
    unimportant: &[bool],
    started: &Triggered,
    ends: &[Option<RequestEnd>],
) -> mlua::Result<Table> {
    let is_unimportant = |part: usize| unimportant.get(part).copied().unwrap_or(false);
    let mut worst = Results::Success;
    let requests = lua.create_table()?;
    for (made, end) in started.requests.iter().zip(ends) {
        let of_it = lua.create_table()?;
        of_it.set("scheduler", names.get(made.part).map(String::as_str))?;
        of_it.set("builder", made.builder.as_str())?;
        of_it.set("request", made.request.0)?;
        of_it.set("buildset", made.buildset.0)?;
        of_it.set("unimportant", is_unimportant(made.part))?;
        let mut url = made.url.as_str();
        if let Some(end) = end {
            of_it.set("results", end.results.word())?;
            if let Some(last) = end.builds.last() {
                of_it.set("build", last.id.0)?;
                of_it.set("number", last.number)?;
                url = &last.url;
            }
            // Buildbot's rule: what was skipped is no reason to be less than a success.
            if !is_unimportant(made.part) {
                worst = worst.worse(end.results);
            }
        }
        of_it.set("url", url)?;
        requests.push(of_it)?;
    }
    let out = lua.create_table()?;
    out.set("results", worst.word())?;
    out.set("requests", requests)?;
    Ok(out)
}

/// Reads the options.
///
/// # Errors
/// A sentence.
fn read(lua: &Lua, options: &Table) -> Result<Wanted, String> {
    let given = named(lua, options, "step:trigger", &OPTIONS)?;
    let get = |name: &str| given.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let plain = |name: &str| match get(name) {
        None => Ok(Json::Null),
        Some(value) => {
            convert::to_json(lua, value).map_err(|what| format!("`{name}` holds {what}."))
        }
    };
    let yes = |name: &str, default: bool| match plain(name)? {
        Json::Null => Ok(default),
        Json::Bool(yes) => Ok(yes),
        other => Err(format!("`{name}` of step:trigger must be true or false, not {other}.")),
    };
    let shared = properties(plain("set_properties")?, "set_properties")?;
    let mut entries = Vec::new();
    if let Some(schedulers) = get("schedulers") {
        flatten(lua, schedulers, &mut entries, 0)?;
    }
    let (mut parts, mut unimportant) = (Vec::new(), Vec::new());
    for entry in &entries {
        let (mut part, counts) = part(lua, entry)?;
        for (name, value) in &shared {
            part.properties.entry(name.clone()).or_insert_with(|| value.clone());
        }
        parts.push(part);
        unimportant.push(!counts);
    }
    if parts.is_empty() {
        return Err(
            "step:trigger needs `schedulers`: names, or tables { name, properties, unimportant }."
                .to_owned(),
        );
    }
    let stamps = stamps(plain("sourcestamps")?)?;
    let latest = yes("always_use_latest", false)?;
    let source = match (stamps.is_empty(), latest) {
        (false, true) => {
            return Err("give one of `sourcestamps` and `always_use_latest`.".to_owned());
        }
        (false, false) => TriggerSource::Given(stamps),
        (true, true) => TriggerSource::Latest,
        (true, false) => TriggerSource::OfBuild { updated: yes("update_sourcestamp", true)? },
    };
    let relationship = match plain("parent_relationship")? {
        Json::Null => "Triggered from".to_owned(),
        Json::String(text) => text,
        other => return Err(format!("`parent_relationship` must be a text, not {other}.")),
    };
    let is_waited_for = yes("wait_for_finish", false)?;
    Ok(Wanted { wish: TriggerWish { parts, source, is_waited_for, relationship }, unimportant })
}

/// The names and values of a table that takes only `known` ones.
fn named(
    lua: &Lua,
    table: &Table,
    owner: &str,
    known: &[&str],
) -> Result<Vec<(String, Value)>, String> {
    let items = match convert::items(lua, table)? {
        Items::Map(items) => items,
        Items::List(_) => return Err(format!("{owner} takes a table of names, not a list.")),
    };
    for (key, _) in &items {
        if !known.contains(&key.as_str()) {
            let all: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
            let near = suggestion(key, &all).map_or(String::new(), |hint| format!(" {hint}"));
            return Err(format!("{owner} has no option `{key}`.{near}"));
        }
    }
    Ok(items)
}

/// The entries of a list of lists; nil and false are left out.
fn flatten(lua: &Lua, value: &Value, out: &mut Vec<Value>, depth: usize) -> Result<(), String> {
    let list = match value {
        Value::Nil | Value::Boolean(false) => return Ok(()),
        Value::Table(table) if convert::kind_of(table).is_none() => convert::items(lua, table)?,
        other => {
            out.push(other.clone());
            return Ok(());
        }
    };
    match list {
        Items::List(_) if depth > 64 => Err("`schedulers` holds a list inside itself.".to_owned()),
        Items::List(items) => items.iter().try_for_each(|v| flatten(lua, v, out, depth + 1)),
        Items::Map(items) if items.is_empty() => Ok(()),
        Items::Map(_) => {
            out.push(value.clone());
            Ok(())
        }
    }
}

/// An entry of `schedulers`, and whether its results count.
fn part(lua: &Lua, entry: &Value) -> Result<(TriggerPart, bool), String> {
    let alone = |scheduler| TriggerPart { scheduler, properties: Default::default() };
    let table = match entry {
        Value::String(name) => return Ok((alone(name.to_string_lossy()), true)),
        Value::Table(table) => table,
        other => return Err(format!("`schedulers` holds {}.", a_type(other))),
    };
    match convert::kind_of(table) {
        Some(kind) if TRIGGERABLES.contains(&kind.as_str()) => {
            let name: String = table.get("name").unwrap_or_default();
            return Ok((alone(name), true));
        }
        Some(kind) => {
            return Err(format!("`schedulers` holds a {kind}, which nobody can trigger."));
        }
        None => {}
    }
    let owner = "an entry of `schedulers`";
    let items = named(lua, table, owner, &ENTRY)?;
    let get = |name: &str| items.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let mut part = match get("name") {
        // Not a table with a name again: it may be this one.
        Some(Value::Table(inner)) if convert::kind_of(inner).is_none() => {
            return Err(format!("the `name` of {owner} is a scheduler or its name."));
        }
        Some(name) => self::part(lua, name)?.0,
        None => return Err(format!("{owner} needs the scheduler's `name`.")),
    };
    let given = match get("properties") {
        None => Json::Null,
        Some(value) => {
            convert::to_json(lua, value).map_err(|what| format!("`properties` holds {what}."))?
        }
    };
    part.properties = properties(given, "properties")?;
    match get("unimportant") {
        None => Ok((part, true)),
        Some(Value::Boolean(unimportant)) => Ok((part, !unimportant)),
        Some(other) => {
            Err(format!("`unimportant` of {owner} must be true or false, not {}.", a_type(other)))
        }
    }
}

fn properties(given: Json, name: &str) -> Result<std::collections::BTreeMap<String, Json>, String> {
    match given {
        Json::Null => Ok(Default::default()),
        Json::Object(map) => Ok(map.into_iter().collect()),
        Json::Array(list) if list.is_empty() => Ok(Default::default()),
        other => Err(format!("`{name}` must be a table of names and values, not {other}.")),
    }
}

/// The sources that are named; one table alone will do.
fn stamps(given: Json) -> Result<Vec<Sourcestamp>, String> {
    let list = match given {
        Json::Null => Vec::new(),
        Json::Object(map) if map.is_empty() => Vec::new(),
        Json::Array(list) => list,
        one @ Json::Object(_) => vec![one],
        other => return Err(format!("`sourcestamps` must be a list of tables, not {other}.")),
    };
    let mut out: Vec<Sourcestamp> = Vec::new();
    for item in list {
        let Json::Object(mut map) = item else {
            return Err(format!("`sourcestamps` must be a list of tables; it holds {item}."));
        };
        let mut text = |name: &str| match map.remove(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("`{name}` of a sourcestamp must be a text, not {other}.")),
        };
        let stamp = Sourcestamp {
            branch: text("branch")?,
            revision: text("revision")?,
            repository: text("repository")?.unwrap_or_default(),
            project: text("project")?.unwrap_or_default(),
            codebase: text("codebase")?.unwrap_or_default(),
            patch: None,
        };
        if let Some(other) = map.keys().next() {
            let all: Vec<String> = STAMP.iter().map(|name| (*name).to_owned()).collect();
            let near = suggestion(other, &all).map_or(String::new(), |hint| format!(" {hint}"));
            return Err(format!("a sourcestamp has no `{other}`.{near}"));
        }
        if out.iter().any(|known| known.codebase == stamp.codebase) {
            let codebase = &stamp.codebase;
            return Err(format!("`sourcestamps` names the codebase {codebase:?} twice."));
        }
        out.push(stamp);
    }
    Ok(out)
}
