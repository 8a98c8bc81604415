//! Lua values → `model::render::Renderable`: `ci.property` and the other objects, functions of the
//! build, and tables of these. What has nothing to look up becomes a constant. Used when the
//! configuration loads and again for what a function returns.

use std::cell::RefCell;
use std::collections::BTreeMap;

use mlua::{Function, Lua, Table, Value};
use serde_json::Value as Json;

use crate::model::config::Callback;
use crate::model::render::Renderable;
use crate::script::convert::{self, Items, Left, a_type};
use crate::script::interpolate;

/// The kinds of objects that are renderables.
pub(in crate::script) const KINDS: [&str; 7] =
    ["property", "interpolate", "renderer", "transform", "merge", "builddir", "concat"];

/// How a function gets its number.
pub(in crate::script) type Keep<'a> = &'a dyn Fn(&Function) -> Callback;

/// Reads `value`.
///
/// # Errors
/// What is wrong, as a sentence.
pub(in crate::script) fn read(
    lua: &Lua,
    value: &Value,
    keep: Keep<'_>,
) -> Result<Renderable, String> {
    Renderables { lua, keep, left: RefCell::new(Left::all()) }.value(value, 0)
}

struct Renderables<'a> {
    lua: &'a Lua,
    keep: Keep<'a>,
    left: RefCell<Left>,
}

impl Renderables<'_> {
    fn value(&self, value: &Value, depth: usize) -> Result<Renderable, String> {
        if depth > 64 {
            return Err("it is nested more than 64 deep, or inside itself.".to_owned());
        }
        self.left.borrow_mut().one().map_err(|what| format!("it holds {what}."))?;
        match value {
            Value::Function(f) => Ok(Renderable::Callback((self.keep)(f))),
            Value::Table(table) => match convert::kind_of(table) {
                Some(kind) if KINDS.contains(&kind.as_str()) => self.object(&kind, table, depth),
                Some(kind) if kind == "broken" => Ok(Renderable::Constant(Json::Null)),
                _ => self.table(table, depth),
            },
            plain => convert::to_json_within(self.lua, plain, &mut self.left.borrow_mut())
                .map(Renderable::Constant)
                .map_err(|what| format!("it holds {what}.")),
        }
    }

    fn table(&self, table: &Table, depth: usize) -> Result<Renderable, String> {
        let items = convert::items(self.lua, table).map_err(|what| format!("it holds {what}."))?;
        Ok(match items {
            Items::List(items) => {
                let mut out = Vec::new();
                for item in items.iter().filter(|v| !v.is_nil() || v.is_null()) {
                    out.push(self.value(item, depth + 1)?);
                }
                match constants(out.iter()) {
                    Some(values) => Renderable::Constant(Json::Array(values)),
                    None => Renderable::List(out),
                }
            }
            Items::Map(items) => {
                let mut out = BTreeMap::new();
                for (name, item) in items {
                    out.insert(name, self.value(&item, depth + 1)?);
                }
                match constants(out.values()) {
                    Some(values) => {
                        Renderable::Constant(Json::Object(out.into_keys().zip(values).collect()))
                    }
                    None => Renderable::Map(out),
                }
            }
        })
    }

    fn object(&self, kind: &str, table: &Table, depth: usize) -> Result<Renderable, String> {
        let native: Table = self
            .lua
            .named_registry_value("ci.native")
            .map_err(|_| "its state has ended.".to_owned())?;
        let object = super::object(&native, table).ok_or_else(|| format!("it holds {kind}."))?;
        let get = |key: &str| object.options.raw_get::<Value>(key).unwrap_or(Value::Nil);
        Ok(match kind {
            "property" => Renderable::Property {
                name: text(&get("name")),
                default: match get("default") {
                    Value::Nil => None,
                    default => Some(Box::new(self.value(&default, depth + 1)?)),
                },
            },
            "interpolate" => {
                let mut keywords = BTreeMap::new();
                if let Value::Table(given) = get("keywords") {
                    for pair in given.pairs::<Value, Value>().flatten() {
                        keywords.insert(text(&pair.0), self.value(&pair.1, depth + 1)?);
                    }
                }
                interpolate::read(text(&get("text")), keywords)?
            }
            "builddir" => Renderable::Builddir,
            "renderer" => match get("f") {
                Value::Function(f) => Renderable::Callback((self.keep)(&f)),
                other => {
                    return Err(format!("ci.renderer takes a function, not {}.", a_type(&other)));
                }
            },
            "transform" => match get("f") {
                Value::Function(f) => Renderable::Transform(
                    (self.keep)(&f),
                    self.arguments(&get("arguments"), depth)?,
                ),
                other => {
                    return Err(format!("ci.transform takes a function, not {}.", a_type(&other)));
                }
            },
            "merge" => Renderable::Merge(self.merged(&get("arguments"), depth)?),
            _ => Renderable::Concat(self.joined(&object.options, depth)?),
        })
    }

    fn arguments(&self, packed: &Value, depth: usize) -> Result<Vec<Renderable>, String> {
        let Value::Table(packed) = packed else { return Ok(Vec::new()) };
        let n: i64 = packed.raw_get("n").unwrap_or(0);
        (1..=n).map(|i| self.value(&packed.raw_get(i).unwrap_or(Value::Nil), depth + 1)).collect()
    }

    fn merged(&self, packed: &Value, depth: usize) -> Result<Vec<Renderable>, String> {
        let maps = self.arguments(packed, depth)?;
        for map in &maps {
            match map.as_constant() {
                None | Some(Json::Object(_) | Json::Null | Json::Bool(false)) => {}
                Some(other) => return Err(format!("ci.merge takes maps, and this is {other}.")),
            }
        }
        Ok(maps)
    }

    /// Both sides of `..`, and of what they are joined from.
    fn joined(&self, sides: &Table, depth: usize) -> Result<Vec<Renderable>, String> {
        let mut out = Vec::new();
        for i in 1..=2 {
            let side = sides.raw_get::<Value>(i).unwrap_or(Value::Nil);
            if let Value::Function(_) = side {
                return Err("a function cannot be joined with `..`; write ci.renderer(f).".into());
            }
            match self.value(&side, depth + 1)? {
                Renderable::Concat(parts) => out.extend(parts),
                Renderable::Constant(Json::Null) => {}
                Renderable::Constant(Json::Array(_) | Json::Object(_))
                | Renderable::List(_)
                | Renderable::Map(_)
                | Renderable::Merge(_) => {
                    return Err("a table cannot be joined with `..`.".to_owned());
                }
                part => out.push(part),
            }
        }
        Ok(out)
    }
}

fn text(value: &Value) -> String {
    value.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default()
}

/// The values, if all are known.
fn constants<'a>(items: impl Iterator<Item = &'a Renderable>) -> Option<Vec<Json>> {
    items.map(|r| r.as_constant().cloned()).collect()
}
