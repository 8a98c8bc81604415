//! Lua values → `model::render::Renderable`: `ci.property` and the other objects, functions of the
//! build, and tables of these. What has nothing to look up becomes a constant. Used when the
//! configuration loads and again for what a function returns.

use std::cell::RefCell;
use std::collections::BTreeMap;

use mlua::{Function, Lua, Table, Value};
use serde_json::Value as Json;

use super::scheduler::TRIGGERABLES;
use super::{Object, lock};
use crate::engine::render::Purpose;
use crate::model::config::{Callback, Site};
use crate::model::render::Renderable;
use crate::script::convert::{self, Items, Left, a_type};
use crate::script::interpolate;

/// The kinds of objects that are renderables.
pub(in crate::script) const KINDS: [&str; 9] = [
    "property",
    "interpolate",
    "renderer",
    "transform",
    "merge",
    "builddir",
    "url_for_build",
    "secret",
    "concat",
];

/// What is wrong with a value.
#[derive(Debug)]
pub(in crate::script) struct Flaw {
    /// A sentence.
    pub(in crate::script) message: String,
    /// The text it is about, when it is about a part of one.
    pub(in crate::script) place: Option<Place>,
}

/// A part of a text of the configuration.
#[derive(Clone, Debug)]
pub(in crate::script) struct Place {
    /// The line of the call that was given the text.
    pub(in crate::script) site: Site,
    pub(in crate::script) text: String,
    /// Where the part begins and how long it is, in bytes.
    pub(in crate::script) from: usize,
    pub(in crate::script) length: usize,
}

impl From<String> for Flaw {
    fn from(message: String) -> Self {
        Self { message, place: None }
    }
}

impl From<&str> for Flaw {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// How a function gets its number.
pub(in crate::script) type Keep<'a> = &'a dyn Fn(&Function) -> Callback;

/// Reads `value`.
///
/// # Errors
/// What is wrong with it.
pub(in crate::script) fn read(
    lua: &Lua,
    value: &Value,
    keep: Keep<'_>,
    purpose: Purpose,
) -> Result<Renderable, Flaw> {
    Renderables { lua, keep, purpose, left: RefCell::new(Left::all()) }.value(value, 0)
}

struct Renderables<'a> {
    lua: &'a Lua,
    keep: Keep<'a>,
    purpose: Purpose,
    left: RefCell<Left>,
}

impl Renderables<'_> {
    fn value(&self, value: &Value, depth: usize) -> Result<Renderable, Flaw> {
        if depth > 64 {
            return Err("it is nested more than 64 deep, or inside itself.".into());
        }
        self.left.borrow_mut().one().map_err(|what| format!("it holds {what}."))?;
        match value {
            Value::Function(f) => Ok(Renderable::Callback((self.keep)(f))),
            Value::Table(table) => match convert::kind_of(table) {
                Some(kind) if KINDS.contains(&kind.as_str()) => self.object(&kind, table, depth),
                Some(kind) if kind == "access" && self.purpose == Purpose::Locks => {
                    let (native, object) = self.object_of(&kind, table)?;
                    let access = lock::access_of(&native, &object)?;
                    Ok(Renderable::Constant(access.to_json()))
                }
                // What can be triggered may be named by itself.
                Some(kind) if TRIGGERABLES.contains(&kind.as_str()) => {
                    let (_, object) = self.object_of(&kind, table)?;
                    let name: Option<String> = object.options.raw_get("name").ok();
                    Ok(name
                        .map_or(Renderable::Constant(Json::Null), |name| Renderable::text(&name)))
                }
                Some(kind) if kind == "broken" => Ok(Renderable::Constant(Json::Null)),
                _ => self.table(table, depth),
            },
            plain => convert::to_json_within(self.lua, plain, &mut self.left.borrow_mut())
                .map(Renderable::Constant)
                .map_err(|what| format!("it holds {what}.").into()),
        }
    }

    fn table(&self, table: &Table, depth: usize) -> Result<Renderable, Flaw> {
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

    fn object_of(&self, kind: &str, table: &Table) -> Result<(Table, Object), Flaw> {
        let native: Table = self
            .lua
            .named_registry_value("ci.native")
            .map_err(|_| Flaw::from("its state has ended."))?;
        let object = super::object(self.lua, table).ok_or_else(|| format!("it holds {kind}."))?;
        Ok((native, object))
    }

    fn object(&self, kind: &str, table: &Table, depth: usize) -> Result<Renderable, Flaw> {
        let (_, object) = self.object_of(kind, table)?;
        let get = |key: &str| object.options.raw_get::<Value>(key).unwrap_or(Value::Nil);
        Ok(match kind {
            "property" => Renderable::Property {
                name: text(&get("name")),
                default: match get("default") {
                    Value::Nil => None,
                    default => Some(Box::new(self.value(&default, depth + 1)?)),
                },
            },
            "interpolate" => self.interpolation(&object, depth)?,
            "builddir" => Renderable::Builddir,
            "url_for_build" => Renderable::Url,
            "secret" => Renderable::Secret(text(&get("name"))),
            "renderer" => match get("f") {
                Value::Function(f) => Renderable::Callback((self.keep)(&f)),
                other => {
                    let got = a_type(&other);
                    return Err(format!("ci.renderer takes a function, not {got}.").into());
                }
            },
            "transform" => match get("f") {
                Value::Function(f) => Renderable::Transform(
                    (self.keep)(&f),
                    self.arguments(&get("arguments"), depth)?,
                ),
                other => {
                    let got = a_type(&other);
                    return Err(format!("ci.transform takes a function, not {got}.").into());
                }
            },
            "merge" => Renderable::Merge(self.merged(&get("arguments"), depth)?),
            _ => Renderable::Concat(self.joined(&object.options, depth)?),
        })
    }

    fn interpolation(&self, object: &Object, depth: usize) -> Result<Renderable, Flaw> {
        let get = |key: &str| object.options.raw_get::<Value>(key).unwrap_or(Value::Nil);
        let whole = text(&get("text"));
        let parsed = if get("values").is_nil() {
            let mut keywords = BTreeMap::new();
            if let Value::Table(given) = get("keywords") {
                for pair in given.pairs::<Value, Value>().flatten() {
                    keywords.insert(text(&pair.0), self.value(&pair.1, depth + 1)?);
                }
            }
            interpolate::named(whole.clone(), keywords)
        } else {
            interpolate::in_order(whole.clone(), self.arguments(&get("values"), depth)?)
        };
        parsed.map_err(|mistake| Flaw {
            message: mistake.message,
            place: Some(Place {
                site: object.site.clone(),
                text: whole,
                from: mistake.from,
                length: mistake.length,
            }),
        })
    }

    fn arguments(&self, packed: &Value, depth: usize) -> Result<Vec<Renderable>, Flaw> {
        let Value::Table(packed) = packed else { return Ok(Vec::new()) };
        let n: i64 = packed.raw_get("n").unwrap_or(0);
        (1..=n).map(|i| self.value(&packed.raw_get(i).unwrap_or(Value::Nil), depth + 1)).collect()
    }

    fn merged(&self, packed: &Value, depth: usize) -> Result<Vec<Renderable>, Flaw> {
        let maps = self.arguments(packed, depth)?;
        for map in &maps {
            match map.as_constant() {
                None | Some(Json::Object(_) | Json::Null | Json::Bool(false)) => {}
                Some(other) => {
                    return Err(format!("ci.merge takes maps, and this is {other}.").into());
                }
            }
        }
        Ok(maps)
    }

    /// Both sides of `..`, and of what they are joined from.
    fn joined(&self, sides: &Table, depth: usize) -> Result<Vec<Renderable>, Flaw> {
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
                    return Err("a table cannot be joined with `..`.".into());
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
