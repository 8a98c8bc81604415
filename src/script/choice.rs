//! What a function chose: plain data, and in it objects of the configuration, which cross as
//! `{"builder": "linux"}`, and requests, which cross as `{"request": 7}`.

use mlua::{Lua, Table, Value};
use serde_json::{Value as Json, json};

use super::bind::deciding::request_of;
use super::convert::{self, Items, Left};
use super::read::object;

/// Reads `value`.
///
/// # Errors
/// A sentence fragment that says what cannot be a choice.
pub(super) fn read(lua: &Lua, value: &Value) -> Result<Json, String> {
    choice(lua, value, 0, &mut Left::all())
}

fn choice(lua: &Lua, value: &Value, depth: usize, left: &mut Left) -> Result<Json, String> {
    let Value::Table(table) = value else { return convert::to_json_within(lua, value, left) };
    if let Some(request) = request_of(table) {
        return Ok(json!({ "request": request.request.id.0 }));
    }
    if let Some((kind, name)) = named(lua, table) {
        return Ok(json!({ kind: name }));
    }
    match convert::items(lua, table)? {
        // Plain data is checked as such, to any depth; a list may hold objects.
        Items::List(items) if depth < 64 => {
            items.iter().map(|item| choice(lua, item, depth + 1, left)).collect()
        }
        _ => convert::to_json_within(lua, value, left),
    }
}

/// The kind and name of an object that `ci` made.
fn named(lua: &Lua, table: &Table) -> Option<(String, String)> {
    let object = object(lua, table)?;
    Some((object.kind, object.options.raw_get("name").ok()?))
}
