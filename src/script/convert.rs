//! Lua values and JSON values. Null reads as nil in a map and as `ci.null` in a list, where
//! positions must hold; an empty table is `{}`, `ci.json.array {}` is `[]`; a float without fraction
//! becomes an integer. Depth is limited, so that a table inside itself ends with an error.

use mlua::{Lua, Table, Value};
use serde_json::{Map, Value as Json};

const MAX_DEPTH: usize = 64;
/// Tables may share parts, so that few of them stand for more values than memory holds.
const MAX_VALUES: usize = 1_000_000;
const MAX_TEXT: usize = 64 << 20;

/// What a conversion may still make.
pub(super) struct Left {
    values: usize,
    text: usize,
}

impl Left {
    pub(super) fn all() -> Self {
        Self { values: MAX_VALUES, text: MAX_TEXT }
    }

    /// Counts one more value.
    ///
    /// # Errors
    /// When there are too many, as a sentence fragment.
    pub(super) fn one(&mut self) -> Result<(), String> {
        match self.values.checked_sub(1) {
            Some(left) => self.values = left,
            None => return Err(format!("more than {MAX_VALUES} values")),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<String, String> {
        match self.text.checked_sub(text.len()) {
            Some(left) => self.text = left,
            None => return Err(format!("more than {} MiB of text", MAX_TEXT >> 20)),
        }
        Ok(text.to_owned())
    }
}
const ARRAY: &str = "ci.array";

/// Makes the mark of lists; once per state.
pub(super) fn install(lua: &Lua) -> mlua::Result<()> {
    let mark = lua.create_table()?;
    mark.set("__name", "array")?;
    // What `getmetatable` gives: nobody changes the mark, and a list can still be told.
    mark.set("__metatable", "array")?;
    lua.set_named_registry_value(ARRAY, mark)
}

/// Marks `table` as a list, so that it stays one when it is empty.
pub(super) fn mark_array(lua: &Lua, table: &Table) -> mlua::Result<()> {
    table.set_metatable(Some(lua.named_registry_value(ARRAY)?))
}

/// Whether `table` carries the mark of lists.
pub(super) fn is_array(lua: &Lua, table: &Table) -> bool {
    let Some(meta) = table.metatable() else { return false };
    lua.named_registry_value::<Table>(ARRAY).is_ok_and(|mark| mark == meta)
}

/// JSON as Lua sees it: null is nil, but for positions of a list.
pub(super) fn to_lua(lua: &Lua, json: &Json) -> mlua::Result<Value> {
    lua_value(lua, json, Value::Nil)
}

/// JSON as a step gets its options: null inside them is `ci.null`, because there it says something
/// (a variable to remove, a property to empty).
pub(super) fn to_lua_option(lua: &Lua, json: &Json) -> mlua::Result<Value> {
    if json.is_null() { Ok(Value::Nil) } else { lua_value(lua, json, Value::NULL) }
}

fn lua_value(lua: &Lua, json: &Json, null: Value) -> mlua::Result<Value> {
    Ok(match json {
        Json::Null => null,
        Json::Bool(b) => Value::Boolean(*b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Value::Integer(i),
            None => Value::Number(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::String(lua.create_string(s)?),
        Json::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for item in items {
                let value =
                    if item.is_null() { Value::NULL } else { lua_value(lua, item, null.clone())? };
                table.raw_push(value)?;
            }
            mark_array(lua, &table)?;
            Value::Table(table)
        }
        Json::Object(entries) => {
            let table = lua.create_table_with_capacity(0, entries.len())?;
            for (name, entry) in entries {
                table.raw_set(name.as_str(), lua_value(lua, entry, null.clone())?)?;
            }
            Value::Table(table)
        }
    })
}

/// Plain Lua data as JSON.
///
/// # Errors
/// A sentence fragment that says what cannot be data: "a function", "a table inside itself".
pub(super) fn to_json(lua: &Lua, value: &Value) -> Result<Json, String> {
    json(lua, value, 0, &mut Left::all())
}

/// The same as a part of something larger.
pub(super) fn to_json_within(lua: &Lua, value: &Value, left: &mut Left) -> Result<Json, String> {
    json(lua, value, 0, left)
}

fn json(lua: &Lua, value: &Value, depth: usize, left: &mut Left) -> Result<Json, String> {
    if depth > MAX_DEPTH {
        return Err(format!("a table nested more than {MAX_DEPTH} deep, or inside itself"));
    }
    left.one()?;
    match value {
        Value::Nil => Ok(Json::Null),
        value if value.is_null() => Ok(Json::Null),
        Value::Boolean(b) => Ok(Json::Bool(*b)),
        Value::Integer(i) => Ok(Json::from(*i)),
        Value::Number(n) => number(*n),
        Value::String(s) => match s.to_str() {
            Ok(text) => left.text(&text).map(Json::String),
            Err(_) => Err("a string that is not UTF-8".to_owned()),
        },
        Value::Table(table) => match items(lua, table)? {
            Items::List(list) => {
                list.iter().map(|v| json(lua, v, depth + 1, left)).collect::<Result<_, _>>()
            }
            Items::Map(map) => {
                let mut out = Map::new();
                for (name, v) in &map {
                    out.insert(name.clone(), json(lua, v, depth + 1, left)?);
                }
                Ok(Json::Object(out))
            }
        },
        other => Err(a_type(other)),
    }
}

/// A number; one without fraction is an integer.
pub(super) fn number(n: f64) -> Result<Json, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if n.fract() == 0.0 && n.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Ok(Json::from(n as i64));
    }
    serde_json::Number::from_f64(n).map(Json::Number).ok_or_else(|| "not a finite number".into())
}

/// What a table holds.
pub(super) enum Items {
    /// Positions, to the largest; holes are nil.
    List(Vec<Value>),
    /// Names, in byte order.
    Map(Vec<(String, Value)>),
}

/// The items of a plain table.
///
/// # Errors
/// When it has both positions and names, or other keys.
pub(super) fn items(lua: &Lua, table: &Table) -> Result<Items, String> {
    if let Some(meta) = table.metatable()
        && !is_array(lua, table)
    {
        // What callbacks get is a read-only view of plain values.
        if let Ok(Some(values)) = meta.raw_get::<Option<Table>>("__values") {
            return items(lua, &values);
        }
        if kind_of(table).is_some() {
            return Err(a_type(&Value::Table(table.clone())));
        }
    }
    let (mut positions, mut names) = (Vec::new(), Vec::new());
    let mut wrong = None;
    let take = |key, value| {
        if positions.len() + names.len() == MAX_VALUES {
            return Err(mlua::Error::runtime(format!("more than {MAX_VALUES} values")));
        }
        match key {
            Value::Integer(at) if at >= 1 => positions.push((at, value)),
            Value::String(name) => match name.to_str() {
                Ok(name) => names.push((name.to_owned(), value)),
                Err(_) => {
                    wrong.get_or_insert("a table with a name that is not UTF-8".to_owned());
                }
            },
            other => {
                wrong.get_or_insert(format!("a table with {} as a key", a_type(&other)));
            }
        }
        Ok(())
    };
    table.for_each::<Value, Value>(take).map_err(|e| e.to_string())?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if !positions.is_empty() && !names.is_empty() {
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let name = &names[0].0;
        return Err(format!("a table with both positions and names (`{name}`)"));
    }
    if positions.is_empty() && !is_array(lua, table) {
        names.sort_by(|a, b| a.0.cmp(&b.0));
        return Ok(Items::Map(names));
    }
    positions.sort_by_key(|(at, _)| *at);
    let last = positions.last().map_or(0, |(at, _)| usize::try_from(*at).unwrap_or(usize::MAX));
    if last > positions.len() * 16 + 1024 {
        return Err(format!("a list whose largest position is {last}"));
    }
    let mut list = vec![Value::Nil; last];
    for (at, value) in positions {
        if let Some(place) = usize::try_from(at - 1).ok().and_then(|at| list.get_mut(at)) {
            *place = value;
        }
    }
    Ok(Items::List(list))
}

/// The kind of an object that `ci` made: its metatable's `__name`.
pub(super) fn kind_of(table: &Table) -> Option<String> {
    table.metatable()?.raw_get::<Option<String>>("__name").ok()?
}

/// A value's type with its article, for sentences.
pub(super) fn a_type(value: &Value) -> String {
    match value {
        Value::Table(table) => match kind_of(table).map(|kind| match kind.as_str() {
            // It names its file.
            module if module.starts_with("module ") => kind,
            _ => kind.replace('_', " "),
        }) {
            Some(kind) if kind == "namespace" => "a part of `ci`".to_owned(),
            Some(kind) if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
            Some(kind) => format!("a {kind}"),
            None => "a table".to_owned(),
        },
        Value::Nil => "nil".to_owned(),
        value if value.is_null() => "ci.null".to_owned(),
        Value::Integer(_) => "an integer".to_owned(),
        other => format!("a {}", other.type_name()),
    }
}
