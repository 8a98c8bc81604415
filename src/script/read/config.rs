//! The whole configuration: what `master.lua` returns.

use std::sync::Arc;

use mlua::{Table, Value};

use super::{
    Objects, Reader, builder, callbacks, canceller, force, options_of, outline, provider, reporter,
    scheduler, settings, source, worker, www,
};
use crate::model::config::Config;
use crate::script::anchor::Anchor;
use crate::script::convert::{self, Items, a_type};
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "title",
    "title_url",
    "url",
    "db",
    "protocols",
    "www",
    "workers",
    "builders",
    "schedulers",
    "change_sources",
    "reporters",
    "cancellers",
    "properties",
    "limits",
    "log_max_size",
    "log_max_tail_size",
    "log_encoding",
    "validation",
    "projects",
    "janitor",
    "revlink",
    "prioritize_builders",
    "select_next_worker",
    "collapse_requests",
    "codebase_generator",
    "secrets_providers",
];

/// The kinds of change sources that are only checked.
const CHANGE_SOURCES: [&str; 3] = ["gerrit", "gerrit_event_log_poller", "pb"];

/// Reads what the main file `file` returned.
pub(in crate::script) fn read(reader: &Reader<'_>, file: &str, value: &Value) -> Config {
    let file: Arc<str> = file.into();
    let refuse = |what: &str, hint: &str| {
        let spot = Anchor::Returned(file.clone()).spot(&reader.ground.sources.borrow());
        let message = format!("{file} must return its configuration, not {what}.");
        reader.ground.problem(&spot, message, vec![hint.to_owned()]);
        Config::default()
    };
    let end = "End it with `return c`, where c is ci.config() or a plain table.";
    let Value::Table(table) = value else { return refuse(&a_type(value), end) };
    let f = match reader.object(table) {
        Some(object) if object.kind == "config" => {
            let sites = reader.sites_of(table).unwrap_or_else(|| object.options.clone());
            // What a file returns directly has left the line of its call.
            let anchor = match object.site.file.is_empty() {
                true => Anchor::Returned(file.clone()),
                false => Anchor::Assigned(object.site, sites),
            };
            Fields::new(reader, "c", &object.options, anchor)
        }
        Some(_) => return refuse(&a_type(value), end),
        None => match listed(reader, table) {
            Some(kind) if kind == "config" => {
                return refuse("a list that holds it", "Write `return c` without the braces.");
            }
            Some(kind) => {
                let kind = kind.replace('_', " ");
                return refuse(
                    &format!("a list that begins with a {kind}"),
                    "Lists belong into it, as in c.builders = { … }; end the file with `return c`.",
                );
            }
            None => {
                let anchor = Anchor::Returned(file.clone());
                Fields::new(reader, "the configuration", table, anchor)
            }
        },
    };
    let mut f = f.of_kind("config");
    let mut config = fields(&mut f);
    f.finish();
    force::fill_in_workers(&mut config);
    config
}

/// The kind of the first object of a list.
fn listed(reader: &Reader<'_>, table: &Table) -> Option<String> {
    let first = table.raw_get::<Option<Table>>(1).ok()??;
    reader.object(&first).map(|object| object.kind)
}

fn fields(f: &mut Fields<'_, '_>) -> Config {
    provider::read(f);
    let limits = settings::limits(f);
    let www = www::read(f);
    let port = www.as_ref().map_or(8012, |w| w.port);
    let mut url = f.text("url").unwrap_or_else(|| format!("http://localhost:{port}/"));
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let message = format!("`url` must begin with http:// or https://, not {url:?}.");
        f.problem("url", message);
    }
    if !url.ends_with('/') {
        url.push('/');
    }
    looked_at(f, "projects", "ci.project", &["project"]);
    settings::janitor(f);
    Config {
        title: f.text("title").unwrap_or_else(|| "halide-ci".to_owned()),
        title_url: f.text("title_url").unwrap_or_else(|| url.clone()),
        url,
        db_site: f.key_spot("db").site,
        db_url: settings::database(f),
        protocols: settings::protocols(f),
        www,
        workers: objects(f, "workers", "ci.worker", worker::read, never, |o, w, t| {
            o.workers.insert(w.name.clone(), t);
        }),
        builders: objects(f, "builders", "ci.builder", builder::read, never, |o, b, t| {
            o.builders.insert(b.name.clone(), t);
        }),
        schedulers: objects(
            f,
            "schedulers",
            "ci.schedulers.*",
            scheduler::read,
            never,
            |o, s, t| {
                o.schedulers.insert(s.name.clone(), t);
            },
        ),
        change_sources: objects(
            f,
            "change_sources",
            "ci.change_sources.*",
            source::read,
            |reader, table| outline::object(reader, table, &CHANGE_SOURCES),
            |_, _, _| {},
        ),
        reporters: objects(
            f,
            "reporters",
            "ci.reporters.*",
            reporter::read,
            |reader, table| outline::object(reader, table, &outline::REPORTER_KINDS),
            |_, _, _| {},
        ),
        cancellers: objects(
            f,
            "cancellers",
            "ci.cancellers.*",
            canceller::read,
            never,
            |_, _, _| {},
        ),
        locks: Vec::new(),
        decisions: callbacks::of_master(f),
        properties: f.properties("properties"),
        logs: settings::logs(f),
        log_encoding: settings::log_encoding(f),
        validation: settings::validation(f),
        limits,
        provided: Default::default(),
        secrets: Vec::new(),
        files: Vec::new(),
    }
}

/// A list of objects that are only checked.
fn looked_at(f: &mut Fields<'_, '_>, key: &str, made_by: &str, kinds: &[&str]) {
    let look = |reader: &Reader<'_>, table: &Table| outline::object(reader, table, kinds);
    let _: Vec<()> = objects(f, key, made_by, |_, _| None, look, |_, (), _| {});
}

/// For kinds of which none is only checked.
fn never(_: &Reader<'_>, _: &Table) -> bool {
    false
}

/// The first key of a table that holds options by the names of objects, as in
/// `{ linux = { workers = … } }`; none for anything else.
fn only_names(f: &Fields<'_, '_>, key: &str, value: &Value) -> Option<String> {
    let Value::Table(table) = value else { return None };
    let options = options_of(key.trim_end_matches('s'))?;
    if f.reader.object(table).is_some() {
        return None;
    }
    let Ok(Items::Map(items)) = convert::items(f.reader.lua, table) else { return None };
    let is_name = |(name, value): &(String, Value)| {
        !options.contains(&name.as_str()) && matches!(value, Value::Table(_))
    };
    items.iter().all(is_name).then(|| items.first().map(|(name, _)| name.clone()))?
}

/// A list of objects; `look` is for those that are only checked, `keep` remembers the table of each
/// for callbacks.
fn objects<T>(
    f: &mut Fields<'_, '_>,
    key: &str,
    made_by: &str,
    read: impl Fn(&Reader<'_>, &Table) -> Option<T>,
    look: impl Fn(&Reader<'_>, &Table) -> bool,
    keep: impl Fn(&mut Objects, &T, Table),
) -> Vec<T> {
    if f.raw(key).is_some_and(|value| f.reader.holds_broken(&value)) {
        f.reader.leave_open(key);
    }
    let values = f.list(key).unwrap_or_default();
    let place = f.key(key);
    let mut out = Vec::new();
    for value in values {
        if let Some(name) = only_names(f, key, &value) {
            f.reader.leave_open(key);
            let message = format!("`{key}` takes a list of what {made_by} makes, not names.");
            let hint = format!("Write {{ {made_by} {{ name = {name:?}, … }} }}.");
            f.problem_with(key, message, vec![hint]);
            continue;
        }
        *f.reader.plain_key.borrow_mut() = Some(place.clone());
        let object = match &value {
            Value::Table(table) => read(f.reader, table).map(|o| (o, table.clone())),
            _ => None,
        };
        match object {
            Some((object, table)) => {
                keep(&mut f.reader.objects.borrow_mut(), &object, table);
                out.push(object);
            }
            None if matches!(&value, Value::Table(table) if look(f.reader, table)) => {}
            None => {
                f.reader.leave_open(key);
                let message =
                    format!("`{key}` holds {}; it takes what {made_by} makes.", a_type(&value));
                f.problem(key, message);
            }
        }
    }
    out
}
