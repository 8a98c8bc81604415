//! `build` as functions see it: a copy of the moment, read-only. Its builder is the very object that
//! the configuration made, with its `data`.

use mlua::{Lua, Table, Value};
use serde_json::{Map, Value as Json};

use super::frozen;
use crate::model::build::BuildView;
use crate::model::change::NewChange;
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::model::step::{ADDED, StepView};
use crate::script::convert;
use crate::script::read::Objects;

const FIELDS: &[&str] = &[
    "properties",
    "builder",
    "worker",
    "number",
    "changes",
    "sourcestamps",
    "builddir",
    "statistics",
];
const WORKER_FIELDS: &[&str] = &["name", "max_builds", "info", "data", "properties"];
const STEP_FIELDS: &[&str] = &["name", "number", "workdir", "build", "data"];

/// The build.
pub(in crate::script) fn build(
    lua: &Lua,
    objects: &Objects,
    view: &BuildView,
) -> mlua::Result<Table> {
    let out = lua.create_table()?;
    let message = "properties are read-only here; a step sets them with step:set_property.";
    out.set("properties", properties(lua, &view.properties, message)?)?;
    match objects.builders.get(&view.builder) {
        Some(builder) => out.set("builder", builder.clone())?,
        None => {
            let builder = lua.create_table()?;
            builder.set("name", view.builder.as_str())?;
            out.set("builder", builder)?;
        }
    }
    out.set("worker", worker(lua, objects, view)?)?;
    let counted: Map<String, Json> =
        view.statistics.iter().map(|(name, n)| (name.clone(), Json::from(*n))).collect();
    let counted = convert::to_lua(lua, &Json::Object(counted))?;
    out.set("statistics", counted)?;
    out.set("number", view.number)?;
    out.set("builddir", view.builddir.as_str())?;
    let changes = lua.create_table()?;
    for change in view.changes.iter() {
        changes.push(self::change(lua, &change.what)?)?;
    }
    out.set("changes", changes)?;
    out.set("sourcestamps", sourcestamps(lua, &view.sourcestamps)?)?;
    frozen(
        lua,
        out,
        "a build cannot be changed here; a step sets properties with step:set_property.",
        Some(FIELDS),
    )
}

/// Properties by name, read-only.
pub(super) fn properties(lua: &Lua, properties: &Properties, message: &str) -> mlua::Result<Table> {
    let values = lua.create_table()?;
    for (name, (value, _)) in &properties.0 {
        values.raw_set(name.as_str(), convert::to_lua(lua, value)?)?;
    }
    frozen(lua, values, message, None)
}

/// Sourcestamps, as a list.
pub(super) fn sourcestamps(lua: &Lua, stamps: &[Sourcestamp]) -> mlua::Result<Table> {
    let out = lua.create_table()?;
    for stamp in stamps {
        let json = serde_json::to_value(stamp).unwrap_or_default();
        out.push(convert::to_lua(lua, &json)?)?;
    }
    Ok(out)
}

fn worker(lua: &Lua, objects: &Objects, view: &BuildView) -> mlua::Result<Table> {
    let out = lua.create_table()?;
    out.set("name", view.worker.as_str())?;
    out.set("max_builds", view.max_builds)?;
    let mut info: Map<String, Json> = view.worker_info.public().into_iter().collect();
    let environ = view.worker_info.environ.iter();
    info.insert(
        "environ".to_owned(),
        environ.map(|(name, value)| (name.clone(), Json::from(value.as_str()))).collect(),
    );
    out.set("info", convert::to_lua(lua, &Json::Object(info))?)?;
    let properties: Map<String, Json> = view.worker_properties.clone().into_iter().collect();
    out.set("properties", convert::to_lua(lua, &Json::Object(properties))?)?;
    if let Some(worker) = objects.workers.get(&view.worker) {
        out.set("data", worker.get::<Value>("data")?)?;
    }
    frozen(lua, out, "a worker cannot be changed here.", Some(WORKER_FIELDS))
}

/// A step in a condition; a running step has `bind/step.rs`.
pub(in crate::script) fn step(
    lua: &Lua,
    objects: &Objects,
    view: &StepView,
) -> mlua::Result<Table> {
    let out = lua.create_table()?;
    out.set("name", view.name.as_str())?;
    out.set("number", view.number)?;
    out.set("workdir", view.workdir.as_str())?;
    out.set("build", build(lua, objects, &view.build)?)?;
    out.set("data", step_data(objects, view)?)?;
    frozen(lua, out, "a step cannot be changed here.", Some(STEP_FIELDS))
}

/// The `data` of the step as the configuration made it.
pub(in crate::script) fn step_data(objects: &Objects, view: &StepView) -> mlua::Result<Value> {
    if view.place >= ADDED {
        let late = objects.late.upgrade();
        let step = late.and_then(|late| late.tables.borrow().get(&view.place).cloned());
        return step.map_or(Ok(Value::Nil), |step| step.get("data"));
    }
    let made = objects.steps.get(&view.build.builder);
    match made.and_then(|steps| steps.get(view.place)) {
        Some(step) => step.get("data"),
        None => Ok(Value::Nil),
    }
}

/// A change; it is a copy that may be altered.
pub(in crate::script) fn change(lua: &Lua, change: &NewChange) -> mlua::Result<Value> {
    convert::to_lua(lua, &serde_json::to_value(change).unwrap_or_default())
}
