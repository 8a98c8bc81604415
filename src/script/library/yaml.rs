//! `ci.yaml.decode`: YAML 1.2 with its core schema, as Lua tables, which count against Lua's memory. An
//! alias is the very table of its anchor, so that a small text cannot stand for a large value.

use std::collections::{BTreeSet, HashMap};

use mlua::{Lua, Table, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Wrong, bad, wrong};
use crate::script::budget::Budget;
use crate::script::convert;

/// Largest text, in bytes.
const LARGEST: usize = 16 << 20;
/// Deepest list or map.
const DEEPEST: usize = 64;
/// How many entries `<<` may copy in all.
const MOST_MERGED: usize = 100_000;
/// Events between two looks at the budget.
const STRIDE: usize = 512;

pub(super) fn install(lua: &Lua, native: &Table, budget: &Budget) -> mlua::Result<()> {
    let budget = budget.clone();
    native.set(
        "yaml_documents",
        lua.create_function(move |lua, text: Value| {
            let Value::String(text) = text else {
                return Err(wrong("what ci.yaml takes", "a string", &text));
            };
            if text.as_bytes().len() > LARGEST {
                return Err(mlua::Error::runtime(format!(
                    "ci.yaml takes at most {} MiB.",
                    LARGEST >> 20
                )));
            }
            let Ok(text) = text.to_str() else {
                return Err(mlua::Error::runtime("this is not YAML: it is not UTF-8."));
            };
            documents(lua, &text, &budget)
        })?,
    )
}

/// Every document of the text.
fn documents(lua: &Lua, text: &str, budget: &Budget) -> mlua::Result<Table> {
    let documents = lua.create_table()?;
    convert::mark_array(lua, &documents)?;
    let mut stream =
        Stream { lua, documents, open: Vec::new(), anchors: HashMap::new(), merged: 0 };
    let said = |line: usize, what: &str| {
        let what = what.trim_end_matches('.');
        mlua::Error::runtime(format!("this is not YAML: line {line}: {what}."))
    };
    for (n, event) in Parser::new_from_str(text).enumerate() {
        if n.is_multiple_of(STRIDE) {
            budget.check(lua).map_err(mlua::Error::external)?;
        }
        let (event, span) = event.map_err(|e| said(e.marker().line(), e.info()))?;
        match stream.take(event) {
            Ok(()) => {}
            Err(Wrong::Lua(error)) => return Err(error),
            Err(Wrong::Text(what)) => return Err(said(span.start.line(), &what)),
        }
    }
    Ok(stream.documents)
}

/// A list or a map that is not closed yet, with the number of its anchor (0 = none).
enum Open {
    List { table: Table, length: usize, anchor: usize },
    Map(Map),
}

struct Map {
    table: Table,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<String>,
    keys: BTreeSet<String>,
    /// What `<<` names.
    merges: Vec<Table>,
}

struct Stream<'a> {
    lua: &'a Lua,
    documents: Table,
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    merged: usize,
}

impl Stream<'_> {
    fn take(&mut self, event: Event) -> Result<(), Wrong> {
        match event {
            Event::SequenceStart(anchor, tag) => {
                only_tag(tag.as_deref(), "seq")?;
                let table = self.lua.create_table()?;
                convert::mark_array(self.lua, &table)?;
                self.begin(Open::List { table, length: 0, anchor })
            }
            Event::MappingStart(anchor, tag) => {
                only_tag(tag.as_deref(), "map")?;
                let table = self.lua.create_table()?;
                let (keys, merges) = (BTreeSet::new(), Vec::new());
                self.begin(Open::Map(Map { table, anchor, key: None, keys, merges }))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(Open::Map(map)) = self.open.last_mut()
                    && map.key.is_none()
                {
                    return map.named(text.into_owned());
                }
                let value = scalar(self.lua, &text, style, tag.as_deref())?;
                self.put(value, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(value) => self.put(value.clone(), 0),
                None => bad("an alias stands inside what it names"),
            },
            // The anchors of one document mean nothing in the next, and the parser knows.
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, open: Open) -> Result<(), Wrong> {
        if self.open.len() >= DEEPEST {
            return bad(format!("lists and maps are nested more than {DEEPEST} deep"));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Wrong> {
        match self.open.pop() {
            Some(Open::List { table, anchor, .. }) => self.put(Value::Table(table), anchor),
            Some(Open::Map(mut map)) => {
                for source in std::mem::take(&mut map.merges) {
                    for pair in source.pairs::<String, Value>() {
                        let (key, value) = pair?;
                        self.merged += 1;
                        if self.merged > MOST_MERGED {
                            return bad(format!("`<<` copies more than {MOST_MERGED} entries"));
                        }
                        if map.keys.insert(key.clone()) {
                            map.table.raw_set(key, value)?;
                        }
                    }
                }
                self.put(Value::Table(map.table), map.anchor)
            }
            None => Ok(()),
        }
    }

    /// A value that is complete goes into what is open.
    fn put(&mut self, value: Value, anchor: usize) -> Result<(), Wrong> {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => {
                Ok(self.documents.raw_push(if value.is_nil() { Value::NULL } else { value })?)
            }
            Some(Open::List { table, length, .. }) => {
                *length += 1;
                let value = if value.is_nil() { Value::NULL } else { value };
                Ok(table.raw_set(*length, value)?)
            }
            Some(Open::Map(map)) => match map.key.take() {
                None => bad("a key must be a text or a number, not a list, a map or an alias"),
                Some(key) if key == "<<" => map.merge(self.lua, value),
                Some(key) => Ok(map.table.raw_set(key, value)?),
            },
        }
    }
}

impl Map {
    fn named(&mut self, key: String) -> Result<(), Wrong> {
        if !self.keys.insert(key.clone()) {
            return bad(format!("the key `{key}` is there twice"));
        }
        self.key = Some(key);
        Ok(())
    }

    /// `<<: *map` or `<<: [*one, *other]`: entries that are not there, the first one first.
    fn merge(&mut self, lua: &Lua, value: Value) -> Result<(), Wrong> {
        let Value::Table(table) = value else { return bad("`<<` takes a map or a list of maps") };
        if !convert::is_array(lua, &table) {
            self.merges.push(table);
            return Ok(());
        }
        for item in table.sequence_values::<Value>() {
            match item? {
                Value::Table(item) if !convert::is_array(lua, &item) => self.merges.push(item),
                _ => return bad("`<<` takes a map or a list of maps"),
            }
        }
        Ok(())
    }
}

fn only_tag(tag: Option<&Tag>, expected: &str) -> Result<(), Wrong> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => unknown(tag),
        _ => Ok(()),
    }
}

fn unknown<T>(tag: &Tag) -> Result<T, Wrong> {
    bad(format!("the tag `{tag}` is not known here"))
}

fn scalar(lua: &Lua, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Wrong> {
    let kind = match tag {
        Some(tag) if tag.is_yaml_core_schema() => tag.suffix.as_str(),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => "str",
        Some(tag) => return unknown(tag),
        None if style == ScalarStyle::Plain => "plain",
        None => "str",
    };
    let plain = match kind {
        "str" => return Ok(Value::String(lua.create_string(text)?)),
        "plain" | "int" | "float" | "bool" | "null" => plain(text),
        _ => return tag.map_or(Ok(Value::Nil), unknown),
    };
    let fits = matches!(
        (kind, &plain),
        ("plain", _)
            | ("int", Some(Value::Integer(_)))
            | ("float", Some(Value::Integer(_) | Value::Number(_)))
            | ("bool", Some(Value::Boolean(_)))
            | ("null", Some(Value::Nil))
    );
    match (fits, plain, kind) {
        (false, ..) => bad(format!("`{text}` is no !!{kind}")),
        #[expect(clippy::cast_precision_loss, reason = "the text asks for a float")]
        (true, Some(Value::Integer(i)), "float") => Ok(Value::Number(i as f64)),
        (true, Some(value), _) => Ok(value),
        (true, None, _) => Ok(Value::String(lua.create_string(text)?)),
    }
}

/// What a text without quotes means in YAML 1.2; none = itself. `yes`, `no`, `on` and `off` are texts.
fn plain(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Nil),
        "true" | "True" | "TRUE" => return Some(Value::Boolean(true)),
        "false" | "False" | "FALSE" => return Some(Value::Boolean(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Number(f64::NAN)),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if [".inf", ".Inf", ".INF"].contains(&digits) {
        return Some(Value::Number(sign * f64::INFINITY));
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().filter(|i| *i >= 0).map(Value::Integer);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().filter(|i| *i >= 0).map(Value::Integer);
    }
    let starts =
        digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !starts || !digits.chars().all(numeric) {
        return None;
    }
    // A number that is too large becomes a float, as in JSON.
    match text.parse::<i64>() {
        Ok(i) => Some(Value::Integer(i)),
        Err(_) => text.parse::<f64>().ok().map(Value::Number),
    }
}
