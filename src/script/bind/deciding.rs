//! What functions that decide get: the very objects of the configuration, whose methods know the
//! present while the call lasts, and requests as read-only views.

use std::sync::Arc;

use mlua::{AnyUserData, Lua, Table, UserData, Value};
use serde_json::{Map, Value as Json};

use super::build;
use super::frozen;
use crate::base::clock::Timestamp;
use crate::engine::is_superfluous;
use crate::model::deciding::{BuilderView, RequestView, WorkerView};
use crate::script::convert;
use crate::script::read::Objects;

const REQUEST_FIELDS: &[&str] = &[
    "id",
    "builder",
    "priority",
    "submitted_at",
    "reason",
    "properties",
    "changes",
    "sourcestamps",
    "can_be_collapsed",
];
/// Where a request's metatable keeps what it was made from.
const REQUEST: &str = "__request";

/// Live values of objects, for as long as a call lasts.
#[derive(Default)]
pub(in crate::script) struct Live(Vec<(Table, Table, Table)>);

impl Live {
    /// Lets `object` know `values`. What an earlier call that still runs has told is replaced: these
    /// are newer.
    fn tell(&mut self, lua: &Lua, object: &Table, values: Table) -> mlua::Result<()> {
        let live: Table = lua.named_registry_value::<Table>("ci.native")?.raw_get("live")?;
        live.raw_set(object, &values)?;
        self.0.push((live, object.clone(), values));
        Ok(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for (live, object, values) in self.0.drain(..) {
            if live.raw_get::<Option<Table>>(&object).ok().flatten() == Some(values) {
                // A state without memory for this is about to be given up.
                let _ = live.raw_set(object, Value::Nil);
            }
        }
    }
}

/// The builder as the configuration made it.
pub(in crate::script) fn builder(
    lua: &Lua,
    objects: &Objects,
    live: &mut Live,
    view: &BuilderView,
) -> mlua::Result<Value> {
    let Some(object) = objects.builders.get(&view.name) else { return gone("builder", &view.name) };
    let values = lua.create_table()?;
    values.raw_set("pending", view.pending)?;
    values.raw_set("running", view.running)?;
    values.raw_set("highest_priority", view.highest_priority)?;
    values.raw_set("oldest_request_time", view.oldest_request_at.map(seconds))?;
    values.raw_set("newest_complete_time", view.newest_complete_at.map(seconds))?;
    live.tell(lua, object, values)?;
    Ok(Value::Table(object.clone()))
}

/// The worker as the configuration made it.
pub(in crate::script) fn worker(
    lua: &Lua,
    objects: &Objects,
    live: &mut Live,
    view: &WorkerView,
) -> mlua::Result<Value> {
    let Some(object) = objects.workers.get(&view.name) else { return gone("worker", &view.name) };
    let values = lua.create_table()?;
    values.raw_set("running", view.running)?;
    let info: Map<String, Json> = view.info.public().into_iter().collect();
    values.raw_set("info", convert::to_lua(lua, &Json::Object(info))?)?;
    live.tell(lua, object, values)?;
    Ok(Value::Table(object.clone()))
}

fn gone(kind: &str, name: &str) -> mlua::Result<Value> {
    Err(mlua::Error::runtime(format!("this configuration has no {kind} {name:?}.")))
}

struct Kept(Arc<RequestView>);

impl UserData for Kept {}

/// A request.
pub(in crate::script) fn request(
    lua: &Lua,
    objects: &Objects,
    view: &Arc<RequestView>,
) -> mlua::Result<Value> {
    let out = lua.create_table()?;
    out.raw_set("id", view.request.id.0)?;
    match objects.builders.get(&view.builder) {
        Some(builder) => out.raw_set("builder", builder)?,
        None => out.raw_set("builder", view.builder.as_str())?,
    }
    out.raw_set("priority", view.request.priority)?;
    out.raw_set("submitted_at", seconds(view.request.submitted_at))?;
    out.raw_set("reason", view.reason.as_str())?;
    let message = "properties of a request are read-only here.";
    out.raw_set("properties", build::properties(lua, &view.properties, message)?)?;
    let changes = lua.create_table()?;
    for change in &view.changes {
        changes.raw_push(build::change(lua, &change.what)?)?;
    }
    out.raw_set("changes", changes)?;
    out.raw_set("sourcestamps", build::sourcestamps(lua, &view.request.sourcestamps)?)?;
    let older = view.clone();
    let can_be_collapsed =
        lua.create_function(move |_, (_, newer): (Value, Value)| match &newer {
            Value::Table(table) if request_of(table).is_some() => Ok(request_of(table)
                .is_some_and(|newer| is_superfluous(&older.request, &newer.request))),
            other => Err(mlua::Error::runtime(format!(
                "older:can_be_collapsed(newer) takes a request, not {}.",
                convert::a_type(other)
            ))),
        })?;
    out.raw_set("can_be_collapsed", can_be_collapsed)?;
    let out = frozen(lua, out, "a request cannot be changed here.", Some(REQUEST_FIELDS))?;
    if let Some(meta) = out.metatable() {
        meta.raw_set(REQUEST, lua.create_userdata(Kept(view.clone()))?)?;
    }
    Ok(Value::Table(out))
}

/// The request that `table` is, if it is one.
pub(in crate::script) fn request_of(table: &Table) -> Option<Arc<RequestView>> {
    let kept: AnyUserData = table.metatable()?.raw_get(REQUEST).ok()?;
    Some(kept.borrow::<Kept>().ok()?.0.clone())
}

/// Seconds since the epoch, with their fraction.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 are below 2^53")]
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1_000_000.0
}
