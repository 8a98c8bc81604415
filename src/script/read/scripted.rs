//! `ci.scheduler_type`, `ci.reporter_type`, `ci.hook_type` and what their constructors make. A type
//! declares options with their shapes, as a step type does; there is no build when its functions
//! are called, so the options are plain data or functions. Each function is bound to its object by
//! `lua/ci/custom.lua`, which turns what it asks for into data.

use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, MultiValue, Table, Value};
use serde_json::Value as Json;

use super::{Object, Reader, filter};
use crate::model::config::{
    Callback, OwnOptions, Proof, REPORTED, ReporterConfig, ReporterKind, SchedulerConfig,
    SchedulerKind, ScriptedHook, ScriptedReporter, ScriptedScheduler,
};
use crate::model::telling::Scope;
use crate::script::convert::{self, a_type};
use crate::script::raised::Raised;
use crate::script::read::fields::Fields;
use crate::script::shape::Shape;
use crate::script::spelling::suggestion;

pub(super) const SCHEDULER_OPTIONS: &[&str] =
    &["name", "builders", "change_filter", "data", "properties", "reason"];
pub(super) const REPORTER_OPTIONS: &[&str] = &["name", "builders", "data", "events"];
pub(super) const HOOK_OPTIONS: &[&str] = &["data", "secret"];

pub(super) const SCHEDULER_TYPE_OPTIONS: &[&str] =
    &["name", "check", "on_buildset", "on_change", "on_timer", "options"];
pub(super) const REPORTER_TYPE_OPTIONS: &[&str] = &["name", "check", "events", "options", "send"];
pub(super) const HOOK_TYPE_OPTIONS: &[&str] = &[
    "name",
    "check",
    "delivery_header",
    "event_header",
    "options",
    "read",
    "signature_header",
    "token_header",
    "verify",
];

/// A type of the configuration's own.
pub(in crate::script) struct ScriptedType {
    name: String,
    shapes: BTreeMap<String, Shape>,
    check: Option<Function>,
    functions: BTreeMap<&'static str, Function>,
    events: Vec<String>,
    headers: BTreeMap<&'static str, String>,
}

/// The functions of a type of `kind`, and whether each must be there.
fn functions_of(kind: &str) -> &'static [(&'static str, bool)] {
    match kind {
        "scheduler type" => &[("on_buildset", false), ("on_change", false), ("on_timer", false)],
        "reporter type" => &[("send", true)],
        _ => &[("read", true), ("verify", false)],
    }
}

/// What the objects of a type of `kind` take anyway.
fn common(kind: &str) -> &'static [&'static str] {
    match kind {
        "scheduler type" => SCHEDULER_OPTIONS,
        "reporter type" => REPORTER_OPTIONS,
        _ => HOOK_OPTIONS,
    }
}

/// The option `options` of a type: names and shapes. `taken` are those that every object takes.
pub(super) fn shapes(
    f: &mut Fields<'_, '_>,
    every: &str,
    taken: &[&str],
) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    for (option, shape) in f.data("options") {
        let parsed = match &shape {
            Json::String(text) => Shape::parse(text),
            other => Err(format!("a type is written as text, such as \"string?\", not {other}.")),
        };
        match parsed {
            Ok(_) if taken.contains(&option.as_str()) => f.problem(
                &option,
                format!("every {every} takes `{option}`; {} cannot declare it again.", f.owner),
            ),
            Ok(shape) => {
                shapes.insert(option, shape);
            }
            Err(what) => f.problem(&option, format!("option `{option}` of {}: {what}", f.owner)),
        }
    }
    shapes
}

/// Reads a type; the same table is read once. None when `table` is something else.
pub(in crate::script) fn read_type(reader: &Reader<'_>, table: &Table) -> Option<Rc<ScriptedType>> {
    if let Some(known) = reader.scripted.borrow().get(&table.to_pointer()) {
        return Some(known.clone());
    }
    let object = reader.object(table).filter(|object| object.kind.ends_with(" type"))?;
    reader.seen.borrow_mut().insert(table.to_pointer());
    let kind = object.kind.as_str();
    let mut f = Fields::of(reader, &object);
    let name = f.name();
    let shapes = shapes(&mut f, kind.trim_end_matches(" type"), common(kind));
    let mut functions = BTreeMap::new();
    for (key, is_needed) in functions_of(kind) {
        match f.value(key) {
            Some(Value::Function(function)) => {
                functions.insert(*key, function);
            }
            Some(other) => {
                let got = a_type(&other);
                f.problem(key, format!("`{key}` of {} must be a function, not {got}.", f.owner));
            }
            None if *is_needed => f.missing(key),
            None => {}
        }
    }
    if functions.is_empty() && kind == "scheduler type" {
        let message = format!(
            "{} does nothing: it needs one of `on_change`, `on_buildset`, `on_timer`.",
            f.owner
        );
        f.reader.ground.problem(&f.spot(), message, Vec::new());
    }
    let check = f.callback("check").and_then(|c| reader.slots.get(&c)).map(|(check, _)| check);
    let events = if kind == "reporter type" { events(&mut f) } else { None };
    let mut headers = BTreeMap::new();
    if kind == "hook type" {
        for key in ["delivery_header", "event_header", "signature_header", "token_header"] {
            if let Some(header) = header(&mut f, key) {
                headers.insert(key, header);
            }
        }
        let ways = ["signature_header", "token_header"].map(|key| headers.contains_key(key));
        let ways = ways.into_iter().chain([functions.contains_key("verify")]);
        if ways.filter(|is_there| *is_there).count() > 1 {
            let message = format!(
                "{} has more than one of `signature_header`, `token_header` and `verify`; a sender \
                 proves itself in one way.",
                f.owner
            );
            f.reader.ground.problem(&f.spot(), message, Vec::new());
        }
    }
    f.finish();
    let events = events.unwrap_or_else(|| vec!["build_started".into(), "build_finished".into()]);
    let read = Rc::new(ScriptedType { name, shapes, check, functions, events, headers });
    reader.scripted.borrow_mut().insert(table.to_pointer(), read.clone());
    Some(read)
}

/// The option `events` of a reporter or its type.
fn events(f: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    let events = f.texts("events")?;
    let known = REPORTED.map(str::to_owned);
    for event in events.iter().filter(|event| !known.contains(event)) {
        let message =
            format!("`events` of {} names {event:?}; there are {}.", f.owner, known.join(", "));
        f.problem_at("events", event, message, suggestion(event, &known).into_iter().collect());
    }
    Some(events)
}

/// A header's name, in lower case.
fn header(f: &mut Fields<'_, '_>, key: &str) -> Option<String> {
    let name = f.text(key)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if name.is_empty() || !name.bytes().all(fits) {
        f.problem(key, format!("`{key}` of {} must be a header's name, not {name:?}.", f.owner));
        return None;
    }
    Some(name.to_ascii_lowercase())
}

/// An object of a type, on its way to being read.
struct Made<'r, 'l> {
    f: Fields<'r, 'l>,
    of: Rc<ScriptedType>,
    object: Object,
    table: Table,
}

fn made<'r, 'l>(reader: &'r Reader<'l>, object: &Object, table: &Table) -> Option<Made<'r, 'l>> {
    reader.seen.borrow_mut().insert(table.to_pointer());
    let of = read_type(reader, object.step_type.as_ref()?)?;
    let mut f = Fields::of(reader, object);
    f.owner = format!("{} {:?}", object.kind, of.name);
    Some(Made { f, of, object: object.clone(), table: table.clone() })
}

impl Made<'_, '_> {
    /// The options that the type declares, as data and as the table that functions get.
    fn own(&mut self) -> (OwnOptions, Option<Table>) {
        let lua = self.f.reader.lua;
        let mut own = OwnOptions::default();
        let (values, declared) = (lua.create_table().ok(), lua.create_table().ok());
        for (name, shape) in &self.of.shapes {
            if let Some(declared) = &declared {
                let _ = declared.raw_set(name.as_str(), true);
            }
            let f = &mut self.f;
            let given = if shape.takes_boolean() { f.raw(name) } else { f.value(name) };
            let Some(given) = given.filter(|v| !f.reader.is_broken(v)) else {
                if !shape.is_optional() && f.raw(name).is_none() {
                    f.missing(name);
                }
                continue;
            };
            if let (Value::Function(function), true) = (&given, shape.takes_function()) {
                own.functions.insert(name.clone(), f.keep(name, function));
                if let Some(values) = &values {
                    let _ = values.raw_set(name.as_str(), function.clone());
                }
                continue;
            }
            match plain(f, &given).and_then(|json| shape.settle(json)) {
                Ok(json) => {
                    if let (Some(values), Ok(value)) = (&values, convert::to_lua(lua, &json)) {
                        let _ = values.raw_set(name.as_str(), value);
                    }
                    own.values.insert(name.clone(), json);
                }
                Err(what) => f.problem(name, format!("`{name}` of {}: {what}.", f.owner)),
            }
        }
        let table = values.zip(declared).and_then(|(values, declared)| {
            let own = lua.create_table().ok()?;
            own.raw_set("values", values).ok()?;
            own.raw_set("declared", declared).ok()?;
            Some(own)
        });
        (own, table)
    }

    /// A function of the type, bound to this object.
    fn bound(&self, own: Option<&Table>, key: &str) -> Option<Callback> {
        let function = self.of.functions.get(key)?;
        let site = self.f.site();
        let binder = format!("bind_{}", self.object.kind);
        let binder = self.f.reader.native.get::<Function>(binder).ok()?;
        match binder.call::<Function>((self.table.clone(), own?.clone(), key, function.clone())) {
            Ok(bound) => Some(self.f.reader.slots.keep_own(&bound, function, || site)),
            Err(error) => {
                let message = format!("`{key}` of {} cannot be bound: {error}.", self.f.owner);
                self.f.reader.ground.problem(&self.f.spot(), message, Vec::new());
                None
            }
        }
    }

    /// The type's own check, and that nothing is left over.
    fn finish(mut self) {
        self.f.know(["data"]);
        if let Some(check) = &self.of.check {
            let f = &self.f;
            let message = match check.call::<MultiValue>(self.object.options.clone()) {
                Ok(mut answer) => {
                    let no = |v: Value| v.as_boolean() == Some(false) || v.is_nil();
                    answer.pop_front().is_some_and(no).then(|| {
                        let text = answer.pop_front();
                        let text =
                            text.and_then(|v| v.as_string().map(mlua::LuaString::to_string_lossy));
                        let text =
                            text.unwrap_or_else(|| "its options do not fit together".to_owned());
                        format!("{}: {}.", f.owner, text.trim_end_matches('.'))
                    })
                }
                Err(error) => {
                    let why = Raised::from(&error).line();
                    Some(format!("`check` of the type {:?} failed: {why}.", self.of.name))
                }
            };
            if let Some(message) = message {
                f.reader.ground.problem(&f.spot(), message, Vec::new());
            }
        }
        self.f.finish();
    }
}

/// A value as plain data; what is known only when a step runs is refused in words.
fn plain(f: &Fields<'_, '_>, value: &Value) -> Result<Json, String> {
    if let Value::Table(table) = value
        && f.reader.is_renderable(table)
    {
        return Err("it is known only when a step runs, and here is no build".to_owned());
    }
    convert::to_json(f.reader.lua, value).map_err(|what| format!("it holds {what}"))
}

/// Reads a scheduler of a scripted type.
pub(super) fn scheduler(
    reader: &Reader<'_>,
    object: &Object,
    table: &Table,
) -> Option<SchedulerConfig> {
    let mut made = made(reader, object, table)?;
    let site = made.f.site();
    made.f.owner = format!("{} scheduler", made.of.name);
    let name = made.f.name();
    let builders = super::scheduler::builders(&mut made.f);
    let change_filter = filter::read(&mut made.f, "change_filter");
    let (properties, reason) = (made.f.properties("properties"), made.f.text("reason"));
    let (own, bag) = made.own();
    if let Some(bag) = &bag {
        let _ = bag.raw_set("name", name.as_str());
        let _ = bag.raw_set("builders", builders.clone());
    }
    let bound = |key: &str| made.bound(bag.as_ref(), key);
    let kind = ScriptedScheduler {
        type_name: made.of.name.clone(),
        own,
        change_filter,
        on_change: bound("on_change"),
        on_buildset: bound("on_buildset"),
        on_timer: bound("on_timer"),
    };
    made.finish();
    let kind = SchedulerKind::Scripted(Box::new(kind));
    let (choices, codebases, priority) = Default::default();
    Some(SchedulerConfig {
        name,
        builders,
        choices,
        properties,
        codebases,
        reason,
        priority,
        kind,
        site,
    })
}

/// Reads a reporter of a scripted type.
pub(super) fn reporter(
    reader: &Reader<'_>,
    object: &Object,
    table: &Table,
) -> Option<ReporterConfig> {
    let mut made = made(reader, object, table)?;
    let site = made.f.site();
    let name = made.f.text("name").unwrap_or_else(|| made.of.name.clone());
    let builders = made.f.names("builders", &["builder"]);
    let events = events(&mut made.f).unwrap_or_else(|| made.of.events.clone());
    let (own, bag) = made.own();
    if let Some(bag) = &bag {
        let _ = bag.raw_set("name", name.as_str());
    }
    // A type without `send` is an error that has been told.
    let send = made.bound(bag.as_ref(), "send");
    let send = send.unwrap_or_else(|| Callback { slot: 0, site: site.clone(), fingerprint: 0 });
    let type_name = made.of.name.clone();
    made.finish();
    let kind = ReporterKind::Scripted(ScriptedReporter { type_name, own, events, send });
    let scope = Scope { builders, ..Scope::default() };
    Some(ReporterConfig { name, kind, scope, generators: None, site })
}

/// Reads a hook of a scripted type that is mounted as `name`.
pub(super) fn hook(reader: &Reader<'_>, name: &str, table: &Table) -> Option<ScriptedHook> {
    let object = reader.object(table).filter(|object| object.kind == "hook")?;
    let mut made = made(reader, &object, table)?;
    let secret = match made.of.functions.contains_key("verify") {
        true => made.f.secret("secret"),
        false => Some(made.f.required_secret("secret")),
    };
    let (own, bag) = made.own();
    if let Some(bag) = &bag {
        let _ = bag.raw_set("name", name);
    }
    let header = |key: &str| made.of.headers.get(key).cloned();
    let proof = match (made.bound(bag.as_ref(), "verify"), header("token_header"), secret) {
        (Some(verify), _, _) => Some(Proof::Function(verify)),
        (None, Some(header), Some(secret)) => Some(Proof::Token { header, secret }),
        (None, None, Some(secret)) => {
            let header = header("signature_header");
            let header = header.unwrap_or_else(|| "x-hub-signature-256".to_owned());
            Some(Proof::Signature { header, secret })
        }
        (None, _, None) => None,
    };
    let read = made.bound(bag.as_ref(), "read");
    let hook = read.zip(proof).map(|(read, proof)| ScriptedHook {
        name: name.to_owned(),
        type_name: made.of.name.clone(),
        own,
        proof,
        delivery_header: header("delivery_header"),
        event_header: header("event_header"),
        read,
    });
    made.finish();
    hook
}
