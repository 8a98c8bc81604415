//! A configuration as JSON, for `checkconfig --json` and whatever else shows it: everything that was
//! resolved, under the names that it has in Lua and in the order of `model::config`. The structs say
//! themselves how they look (`Serialize`), so that none of their fields can be forgotten; here is
//! the rest. What is not data is a map with one key that begins with `$`:
//!
//! | written | for |
//! | --- | --- |
//! | `{"$function": "master.lua:12"}` | a Lua function, by the place where it is written |
//! | `{"$secret": "token.txt"}` | a secret, by its file; null: written into the configuration |
//! | `{"$property": "name", "default": …}` | `ci.property`; `default` only when given |
//! | `{"$interpolate": "…", "kw": {…}, "values": […]}` | `ci.interpolate`; `kw`, `values` only when given |
//! | `{"$concat": […]}` | `a .. b` of renderables |
//! | `{"$merge": […]}` | `ci.merge` |
//! | `{"$transform": "master.lua:12", "arguments": […]}` | `ci.transform` |
//! | `{"$builddir": true}`, `{"$url_for_build": true}` | `ci.builddir`, `ci.url_for_build` |
//! | `{"$value": {…}}` | a table of the user's that has such a key itself |
//!
//! A text that merely contains a secret has `***` in its place.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

use super::{
    Callback, Config, LoadedFile, LockConfig, MasterDecisions, OwnOptions, SchedulerKind, Secret,
    Site,
};
use crate::base::tree::Tree;
use crate::model::filter::{ChangeFilter, Test};
use crate::model::render::{Interpolation, Renderable};

/// Shorter secrets are only found where they are the whole text.
const SHORTEST: usize = 4;

impl Config {
    /// The whole configuration, without the text of a secret.
    #[must_use]
    pub fn to_json(&self) -> Tree {
        let mut tree = Tree::of(self);
        name_locks(&mut tree, &self.locks);
        hide_secrets(&mut tree, &self.secrets);
        tree
    }
}

/// Accesses refer to locks by index; people know them by name.
fn name_locks(tree: &mut Tree, locks: &[LockConfig]) {
    let name = |holder: &mut Tree| {
        for access in holder.get_mut("locks").into_iter().flat_map(Tree::items_mut) {
            let Some(lock) = access.get_mut("lock") else { continue };
            let at = lock.as_u64().and_then(|at| usize::try_from(at).ok());
            if let Some(config) = at.and_then(|at| locks.get(at)) {
                *lock = Tree::text(&config.name);
            }
        }
    };
    for list in ["workers", "builders"] {
        for holder in tree.get_mut(list).into_iter().flat_map(Tree::items_mut) {
            name(holder);
            holder.get_mut("steps").into_iter().flat_map(Tree::items_mut).for_each(name);
        }
    }
}

fn hide_secrets(tree: &mut Tree, secrets: &[Secret]) {
    let is_whole = |text: &str| {
        let found = secrets.iter().find(|s| s.expose() == text)?;
        (found.file().is_some() || text.len() >= SHORTEST).then_some(found)
    };
    let masked = |text: &mut String| {
        for secret in secrets.iter().filter(|s| s.expose().len() >= SHORTEST) {
            if text.contains(secret.expose()) {
                *text = text.replace(secret.expose(), "***");
            }
        }
    };
    tree.walk(&mut |node| match node {
        Tree::Text(text) => match is_whole(text) {
            Some(secret) => *node = Tree::of(secret),
            None => masked(text),
        },
        Tree::Map(entries) => entries.iter_mut().for_each(|(name, _)| masked(name)),
        Tree::Plain(_) | Tree::List(_) => {}
    });
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Every field by name: a new one must say where it stands.
        let Self {
            title,
            title_url,
            url,
            db_url,
            db_site: _,
            protocols,
            www,
            workers,
            builders,
            schedulers,
            change_sources,
            reporters,
            cancellers,
            locks,
            decisions,
            properties,
            logs,
            log_encoding,
            validation,
            limits,
            provided,
            secrets,
            files,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("title", title)?;
        map.serialize_entry("title_url", title_url)?;
        map.serialize_entry("url", url)?;
        map.serialize_entry("db", &serde_json::json!({ "url": db_url }))?;
        map.serialize_entry("protocols", protocols)?;
        map.serialize_entry("properties", properties)?;
        map.serialize_entry("log_max_size", &logs.log_max_size)?;
        map.serialize_entry("log_max_tail_size", &logs.log_max_tail_size)?;
        map.serialize_entry("log_encoding", log_encoding)?;
        map.serialize_entry("validation", validation)?;
        map.serialize_entry("limits", limits)?;
        map.serialize_entry("workers", workers)?;
        map.serialize_entry("locks", locks)?;
        map.serialize_entry("builders", builders)?;
        map.serialize_entry("schedulers", schedulers)?;
        map.serialize_entry("change_sources", change_sources)?;
        map.serialize_entry("reporters", reporters)?;
        map.serialize_entry("cancellers", cancellers)?;
        let MasterDecisions {
            prioritize_builders,
            select_next_worker,
            collapse_requests,
            codebase_generator,
            revlink,
        } = decisions;
        map.serialize_entry("prioritize_builders", prioritize_builders)?;
        map.serialize_entry("select_next_worker", select_next_worker)?;
        map.serialize_entry("collapse_requests", collapse_requests)?;
        map.serialize_entry("codebase_generator", codebase_generator)?;
        map.serialize_entry("revlink", revlink)?;
        map.serialize_entry("www", www)?;
        map.serialize_entry("provided_secrets", &**provided)?;
        map.serialize_entry("secrets", secrets)?;
        map.serialize_entry("files", files)?;
        map.end()
    }
}

/// The path alone: a text would be the whole configuration once more.
impl Serialize for LoadedFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { path, text: _ } = self;
        serializer.collect_str(&path.display())
    }
}

impl Serialize for Site {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Callback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        one(serializer, "$function", &self.site)
    }
}

fn one<S: Serializer>(
    serializer: S,
    name: &str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

impl Serialize for Renderable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Constant(Json::Object(map)) if map.keys().any(|k| k.starts_with('$')) => {
                one(serializer, "$value", map)
            }
            Self::Constant(value) => value.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) if entries.keys().any(|k| k.starts_with('$')) => {
                one(serializer, "$value", entries)
            }
            Self::Map(entries) => entries.serialize(serializer),
            Self::Callback(function) => function.serialize(serializer),
            Self::Builddir => one(serializer, "$builddir", &true),
            Self::Url => one(serializer, "$url_for_build", &true),
            Self::Secret(name) => one(serializer, "$secret", name),
            Self::Concat(parts) => one(serializer, "$concat", parts),
            Self::Merge(maps) => one(serializer, "$merge", maps),
            Self::Property { name, default } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("$property", name)?;
                if let Some(default) = default {
                    map.serialize_entry("default", default)?;
                }
                map.end()
            }
            Self::Interpolate(Interpolation { text, keywords, values, pieces: _ }) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("$interpolate", text)?;
                if !keywords.is_empty() {
                    map.serialize_entry("kw", keywords)?;
                }
                if !values.is_empty() {
                    map.serialize_entry("values", values)?;
                }
                map.end()
            }
            Self::Transform(function, arguments) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("$transform", &function.site)?;
                map.serialize_entry("arguments", arguments)?;
                map.end()
            }
        }
    }
}

/// The options of `ci.change_filter`; an entry of null means "empty".
impl Serialize for ChangeFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { fields, properties, not_properties, property_patterns, filter } = self;
        let mut map = serializer.serialize_map(None)?;
        for (field, tests) in fields {
            let word = field.word();
            for test in tests {
                let texts = |list: &[regex::Regex]| -> Vec<String> {
                    list.iter().map(|p| p.as_str().to_owned()).collect()
                };
                match test {
                    Test::In(list) => map.serialize_entry(word, list)?,
                    Test::NotIn(list) => map.serialize_entry(&format!("{word}_not_eq"), list)?,
                    Test::Matches(list) => {
                        map.serialize_entry(&format!("{word}_re"), &texts(list))?;
                    }
                    Test::NotMatches(list) => {
                        map.serialize_entry(&format!("{word}_not_re"), &texts(list))?;
                    }
                    Test::Callback(function) => map.serialize_entry(word, function)?,
                }
            }
        }
        if !properties.is_empty() {
            map.serialize_entry("properties", properties)?;
        }
        if !not_properties.is_empty() {
            map.serialize_entry("property_not_eq", not_properties)?;
        }
        for (key, of) in [("property_re", true), ("property_not_re", false)] {
            let patterns = property_patterns.iter().filter(|(_, _, is_wanted)| *is_wanted == of);
            let patterns: std::collections::BTreeMap<&str, &str> =
                patterns.map(|(name, pattern, _)| (name.as_str(), pattern.as_str())).collect();
            if !patterns.is_empty() {
                map.serialize_entry(key, &patterns)?;
            }
        }
        if let Some(filter) = filter {
            map.serialize_entry("filter", filter)?;
        }
        map.end()
    }
}

/// Data and functions under their names, as they were given.
impl Serialize for OwnOptions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { values, functions } = self;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in values {
            map.serialize_entry(name, &Renderable::Constant(value.clone()))?;
        }
        for (name, function) in functions {
            map.serialize_entry(name, function)?;
        }
        map.end()
    }
}

/// A scheduler's kind by the name of its constructor, then the options of that kind.
pub(super) fn scheduler_kind<S: Serializer>(
    kind: &SchedulerKind,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct Shown<'a> {
        kind: &'a str,
        #[serde(flatten)]
        options: &'a SchedulerKind,
    }
    Shown { kind: kind.word(), options: kind }.serialize(serializer)
}

/// `auth`: user names with their passwords' files.
pub(super) fn users<S: Serializer>(
    users: &[(String, Secret)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(users.iter().map(|(name, password)| (name, password)))
}

/// Patterns as they were written.
pub(super) fn patterns<S: Serializer>(
    patterns: &[regex::Regex],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(patterns.iter().map(regex::Regex::as_str))
}
