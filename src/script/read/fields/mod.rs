//! A cursor over one table of options: each option is taken by name and type, and `finish` turns
//! whatever was not asked for into an error with the nearest name that was. Errors are recorded at
//! the line of their key and reading goes on, so that one load tells them all.

mod finish;
pub(in crate::script) mod given;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, Table, Value};
use serde_json::Value as Json;

use self::given::Given;
use super::render::{Flaw, Place};
use super::{Object, Reader, Reference};
use crate::base::secret::Secret;
use crate::engine::render::Purpose;
use crate::model::config::{Callback, Site};
use crate::model::render::Renderable;
use crate::script::anchor::{Anchor, Key};
use crate::script::convert::{self, Items, a_type};
use crate::script::locate::Spot;
use crate::script::spelling::suggestion;

/// The cursor.
pub(in crate::script) struct Fields<'r, 'l> {
    pub(in crate::script) reader: &'r Reader<'l>,
    /// What the table is, for messages: `builder "x"`.
    pub(in crate::script) owner: String,
    anchor: Anchor,
    given: Given,
    /// The kind of the object, for the lists of options that are known and that come later.
    kind: Option<String>,
    /// What must be given and is not; told at the end, unless it was only misspelt.
    missing: RefCell<Vec<String>>,
}

impl<'r, 'l> Fields<'r, 'l> {
    pub(in crate::script) fn new(
        reader: &'r Reader<'l>,
        owner: &str,
        table: &Table,
        anchor: Anchor,
    ) -> Self {
        let given = Given::of(table);
        Self {
            reader,
            owner: owner.to_owned(),
            anchor,
            given,
            kind: None,
            missing: RefCell::default(),
        }
    }

    /// Over the options of an object.
    pub(in crate::script) fn of(reader: &'r Reader<'l>, object: &Object) -> Self {
        let anchor = Anchor::Call(object.site.clone(), object.called.clone());
        let owner = object.kind.replace('_', " ");
        let mut fields = Self::new(reader, &owner, &object.options, anchor);
        fields.kind = Some(object.kind.clone());
        fields
    }

    /// The same cursor, over the options of `kind`.
    pub(in crate::script) fn of_kind(mut self, kind: &str) -> Self {
        self.kind = Some(kind.to_owned());
        self
    }

    /// The place of the whole table.
    pub(in crate::script) fn spot(&self) -> Spot {
        self.anchor.spot(&self.reader.ground.sources.borrow())
    }

    /// The line of the whole table.
    pub(in crate::script) fn site(&self) -> Site {
        self.anchor.site(&self.reader.ground.sources.borrow())
    }

    /// The place of `key`.
    pub(in crate::script) fn key_spot(&self, key: &str) -> Spot {
        self.anchor.key(&self.reader.ground.sources.borrow(), key)
    }

    /// `key`, for telling its place later.
    pub(in crate::script) fn key(&self, key: &str) -> Rc<Key> {
        Rc::new(Key { anchor: self.anchor.clone(), name: key.to_owned() })
    }

    /// Records a problem at `key`.
    pub(in crate::script) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problem_with(key, message, Vec::new());
    }

    pub(in crate::script) fn problem_with(
        &self,
        key: &str,
        message: impl Into<String>,
        hints: Vec<String>,
    ) {
        self.reader.ground.problem(&self.key_spot(key), message, hints);
    }

    /// Records a problem at the literal `text` inside the value of `key`.
    pub(in crate::script) fn problem_at(
        &self,
        key: &str,
        text: &str,
        message: String,
        hints: Vec<String>,
    ) {
        let spot = self.key_spot(key);
        let spot = self.reader.ground.sources.borrow().literal(&spot, text);
        self.reader.ground.problem(&spot, message, hints);
    }

    /// The value as it is; nil is none.
    pub(in crate::script) fn raw(&mut self, key: &str) -> Option<Value> {
        self.given.ask(key)
    }

    /// The value as it is, without marking its name as known.
    pub(in crate::script) fn peek(&self, key: &str) -> Option<Value> {
        self.given.peek(key)
    }

    /// The value; nil and false are none, and so is what an earlier error left behind.
    pub(in crate::script) fn value(&mut self, key: &str) -> Option<Value> {
        self.raw(key).filter(|v| !matches!(v, Value::Boolean(false)) && !self.reader.is_broken(v))
    }

    fn wrong(&self, key: &str, expected: &str, got: &Value) {
        let hint = match got {
            Value::Table(_) if a_type(got) == "a secret" => {
                vec!["ci.secret_file \"FILE\" reads one when the configuration loads.".to_owned()]
            }
            Value::Table(t) if self.reader.is_renderable(t) => vec![format!(
                "`{key}` is needed when the configuration loads, before there is a build."
            )],
            _ => Vec::new(),
        };
        let owner = &self.owner;
        let got = a_type(got);
        self.problem_with(key, format!("`{key}` of {owner} must be {expected}, not {got}."), hint);
    }

    /// A text.
    pub(in crate::script) fn text(&mut self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::String(s) => match s.to_str() {
                Ok(text) => Some(text.to_owned()),
                Err(_) => {
                    self.problem(key, format!("`{key}` of {} is not UTF-8.", self.owner));
                    None
                }
            },
            other => {
                self.wrong(key, "a string", &other);
                None
            }
        }
    }

    /// A text that must be there.
    pub(in crate::script) fn required_text(&mut self, key: &str) -> String {
        if self.value(key).is_none() {
            if !self.raw(key).is_some_and(|v| self.reader.is_broken(&v)) {
                self.missing(key);
            }
            return String::new();
        }
        let text = self.text(key);
        if text.as_deref() == Some("") {
            self.problem(key, format!("`{key}` of {} must not be empty.", self.owner));
        }
        text.unwrap_or_default()
    }

    /// Records that `key` must be given.
    pub(in crate::script) fn missing(&self, key: &str) {
        self.missing.borrow_mut().push(key.to_owned());
    }

    /// Takes `name`, and tells problems from now on with it.
    pub(in crate::script) fn name(&mut self) -> String {
        let name = self.required_text("name");
        if name.is_empty() {
            self.reader.leave_open(&format!("{}s", self.kind.as_deref().unwrap_or_default()));
        } else {
            self.owner = format!("{} {name:?}", self.owner);
        }
        name
    }

    /// A password or token.
    pub(in crate::script) fn secret(&mut self, key: &str) -> Option<Secret> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.problem(key, format!("`{key}` of {} must not be empty.", self.owner));
        }
        Some(self.reader.ground.add_secret(Secret::new(&text)))
    }

    pub(in crate::script) fn required_secret(&mut self, key: &str) -> Secret {
        if self.value(key).is_none() {
            self.missing(key);
        }
        self.secret(key).unwrap_or_else(|| Secret::new(""))
    }

    /// A whole number within `range`.
    pub(in crate::script) fn integer(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = self.value(key)?;
        let whole = match &value {
            Value::Integer(i) => Some(*i),
            Value::Number(n) => convert::number(*n).ok().and_then(|j| j.as_i64()),
            _ => None,
        };
        match whole {
            Some(i) if range.contains(&i) => Some(i),
            Some(i) => {
                let (low, high) = (range.start(), range.end());
                let owner = &self.owner;
                let must = if *high == i64::MAX || *high == i64::from(u32::MAX) {
                    format!("at least {low}")
                } else {
                    format!("between {low} and {high}")
                };
                self.problem(key, format!("`{key}` of {owner} must be {must}, not {i}."));
                None
            }
            None => {
                self.wrong(key, "an integer", &value);
                None
            }
        }
    }

    /// A number that is at least zero, such as a count of seconds.
    pub(in crate::script) fn seconds(&mut self, key: &str) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
        let number = match self.value(key)? {
            Value::Integer(i) => i as f64,
            Value::Number(n) => n,
            value if value.is_null() => return None,
            other => {
                self.wrong(key, "a number of seconds", &other);
                return None;
            }
        };
        if number.is_finite() && number >= 0.0 {
            return Some(number);
        }
        self.problem(key, format!("`{key}` of {} must not be negative.", self.owner));
        None
    }

    /// True or false.
    pub(in crate::script) fn boolean(&mut self, key: &str, default: bool) -> bool {
        match self.raw(key) {
            None => default,
            Some(Value::Boolean(b)) => b,
            Some(other) => {
                if !self.reader.is_broken(&other) {
                    self.wrong(key, "true or false", &other);
                }
                default
            }
        }
    }

    /// A function.
    pub(in crate::script) fn callback(&mut self, key: &str) -> Option<Callback> {
        match self.value(key)? {
            Value::Function(f) => Some(self.keep(key, &f)),
            other => {
                self.wrong(key, "a function", &other);
                None
            }
        }
    }

    pub(in crate::script) fn keep(&self, key: &str, function: &Function) -> Callback {
        self.reader.keep(function, || self.key_spot(key).site)
    }

    /// Plain data by name.
    pub(in crate::script) fn data(&mut self, key: &str) -> BTreeMap<String, Json> {
        let Some(value) = self.value(key) else { return BTreeMap::new() };
        let Value::Table(table) = &value else {
            self.wrong(key, "a table of names and values", &value);
            return BTreeMap::new();
        };
        let items = match convert::items(self.reader.lua, table) {
            Ok(Items::Map(items)) => items,
            Ok(Items::List(_)) => {
                let owner = &self.owner;
                let message =
                    format!("`{key}` of {owner} must be a table of names and values, not a list.");
                self.problem(key, message);
                return BTreeMap::new();
            }
            Err(what) => {
                self.problem(key, format!("`{key}` of {} holds {what}.", self.owner));
                return BTreeMap::new();
            }
        };
        let mut out = BTreeMap::new();
        for (name, value) in items {
            match convert::to_json(self.reader.lua, &value) {
                Ok(json) => {
                    out.insert(name, json);
                }
                Err(what) => {
                    let message = format!(
                        "`{name}` in `{key}` of {} must be plain data, not {what}.",
                        self.owner
                    );
                    let spot = {
                        let sources = self.reader.ground.sources.borrow();
                        Anchor::Within(self.key(key)).key(&sources, &name)
                    };
                    self.reader.ground.problem(&spot, message, Vec::new());
                }
            }
        }
        out
    }

    /// Properties by name.
    pub(in crate::script) fn properties(&mut self, key: &str) -> BTreeMap<String, Json> {
        self.data(key)
    }

    /// A flattened list; a lone value is a list of one.
    pub(in crate::script) fn list(&mut self, key: &str) -> Option<Vec<Value>> {
        let value = self.value(key)?;
        let mut out = Vec::new();
        if let Err(what) = self.reader.flatten(&value, &mut out) {
            self.problem(key, format!("`{key}` of {} holds {what}.", self.owner));
        }
        Some(out)
    }

    /// A flattened list of texts.
    pub(in crate::script) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let values = self.list(key)?;
        let mut out = Vec::new();
        for value in values {
            match &value {
                Value::String(s) => out.push(s.to_string_lossy()),
                other => self.wrong(key, "a list of strings", other),
            }
        }
        Some(out)
    }

    /// A flattened list of names, or of the objects of `kinds` themselves.
    pub(in crate::script) fn names(&mut self, key: &str, kinds: &[&str]) -> Option<Vec<String>> {
        let values = self.list(key)?;
        let mut out: Vec<String> = Vec::new();
        for value in values {
            let name = match &value {
                Value::String(s) => s.to_string_lossy(),
                Value::Table(table) => match self.reader.object(table) {
                    Some(object) if kinds.contains(&object.kind.as_str()) => {
                        object.options.raw_get("name").unwrap_or_default()
                    }
                    _ => {
                        self.wrong(key, &format!("a list of {}s or their names", kinds[0]), &value);
                        continue;
                    }
                },
                other => {
                    self.wrong(key, &format!("a list of {}s or their names", kinds[0]), other);
                    continue;
                }
            };
            if out.contains(&name) {
                let message = format!("`{key}` of {} names {name:?} twice.", self.owner);
                self.problem_at(key, &name, message, Vec::new());
            } else {
                out.push(name);
            }
        }
        Some(out)
    }

    /// Each item of a list, with its position.
    pub(in crate::script) fn each(
        &mut self,
        key: &str,
        mut f: impl FnMut(&mut Self, usize, Value),
    ) {
        for (at, item) in self.list(key).unwrap_or_default().into_iter().enumerate() {
            f(self, at + 1, item);
        }
    }

    /// Whether the value of `key` is a plain table of names.
    pub(in crate::script) fn has_names(&mut self, key: &str) -> bool {
        let Some(Value::Table(table)) = self.value(key) else { return false };
        let items = convert::items(self.reader.lua, &table);
        matches!(items, Ok(Items::Map(items)) if !items.is_empty())
    }

    /// Takes note that `key` names objects of `kind`, so that the end of the load can say which do
    /// not exist.
    pub(in crate::script) fn refer(&self, key: &str, kind: &'static str, names: Vec<String>) {
        let key = self.key(key);
        let mut references = self.reader.references.borrow_mut();
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let (owner, key) = (self.owner.clone(), key.clone());
            references.push(Reference { owner, kind, name, key });
        }
    }

    /// The same cursor over a plain table inside the value of `key`.
    pub(in crate::script) fn inside(
        &self,
        key: &str,
        kind: &str,
        owner: &str,
        table: &Table,
    ) -> Self {
        let anchor = Anchor::Within(self.key(key));
        Self::new(self.reader, owner, table, anchor).of_kind(kind)
    }

    /// A value that may depend on the build.
    pub(in crate::script) fn renderable(&mut self, key: &str) -> Option<Renderable> {
        let value = self.value(key)?;
        self.to_renderable(key, &value)
    }

    pub(in crate::script) fn to_renderable(&self, key: &str, value: &Value) -> Option<Renderable> {
        self.to_renderable_for(Purpose::Value, key, value)
    }

    pub(in crate::script) fn to_renderable_for(
        &self,
        purpose: Purpose,
        key: &str,
        value: &Value,
    ) -> Option<Renderable> {
        let keep = |f: &Function| self.keep(key, f);
        match super::render::read(self.reader.lua, value, &keep, purpose) {
            Ok(renderable) => {
                self.know_secrets(key, &renderable);
                Some(renderable)
            }
            Err(Flaw { message, place }) => {
                let message = format!("`{key}` of {}: {message}", self.owner);
                match place {
                    None => self.problem(key, message),
                    Some(place) => {
                        let Place { site, text, from, length } = place;
                        // One text in many options is one mistake.
                        let told = (site.file.clone(), site.line, from);
                        if self.reader.told.borrow_mut().insert(told) {
                            let spot = {
                                let sources = self.reader.ground.sources.borrow();
                                sources.part(&site, &text, from, length)
                            };
                            self.reader.ground.problem(&spot, message, Vec::new());
                        }
                    }
                }
                None
            }
        }
    }

    /// Every secret that is named must be there when the configuration loads.
    fn know_secrets(&self, key: &str, value: &Renderable) {
        if self.reader.ground.makes_up_secrets() {
            for name in value.secrets() {
                let given = self.reader.ground.given_secret(name);
                if given.is_none() && self.reader.secrets.borrow().contains_key(name) {
                    continue;
                }
                let text = given.unwrap_or_else(|| format!("made up for {name}"));
                let made_up = Secret::from_file(&text, name);
                let mut known = self.reader.secrets.borrow_mut();
                known.insert(name.to_owned(), self.reader.ground.add_secret(made_up));
            }
        }
        let known = self.reader.secrets.borrow();
        for name in value.secrets() {
            if known.contains_key(name) {
                continue;
            }
            let why =
                if known.is_empty() { "but there is no secret" } else { "which no provider has" };
            let message = format!("`{key}` of {} names the secret {name:?}, {why}.", self.owner);
            let names: Vec<String> = known.keys().cloned().collect();
            let hint = suggestion(name, &names).unwrap_or_else(|| {
                "A secret is a file in a directory of c.secrets_providers: \
                 { ci.secrets.file { dir = \"secrets\" } }."
                    .to_owned()
            });
            self.problem_at(key, name, message, vec![hint]);
        }
    }

    /// An object of `kind`, or its plain table.
    pub(in crate::script) fn nested(&mut self, key: &str, kind: &str, owner: &str) -> Option<Self> {
        let value = self.value(key)?;
        let Value::Table(table) = &value else {
            self.wrong(key, "a table", &value);
            return None;
        };
        match self.reader.object(table) {
            Some(object) if object.kind == kind => {
                let mut fields = Self::of(self.reader, &object);
                owner.clone_into(&mut fields.owner);
                Some(fields)
            }
            None if !self.reader.is_renderable(table) => {
                let anchor = Anchor::Within(self.key(key));
                Some(Self::new(self.reader, owner, table, anchor).of_kind(kind))
            }
            _ => {
                self.wrong(key, &format!("a table of options of {owner}"), &value);
                None
            }
        }
    }

    /// The options that were given, in byte order.
    pub(in crate::script) fn given(&self) -> Vec<String> {
        self.given.names().map(str::to_owned).collect()
    }

    /// Marks names as known without reading them.
    pub(in crate::script) fn know<'a>(&mut self, keys: impl IntoIterator<Item = &'a str>) {
        keys.into_iter().for_each(|key| self.given.know(key));
    }
}
