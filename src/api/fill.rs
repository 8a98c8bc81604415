//! Columns that need a further query: sourcestamps of buildsets, properties, what a worker can
//! build. One query for all rows of an answer, whatever their number.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use crate::api::json::{self, Fill};
use crate::store::page::{Column, Table};
use crate::store::views::{masters, properties, sourcestamps, workers};
use crate::store::{Conn, Result, Value};

/// The values of `column` for `keys`; `wanted` are the names of properties (`*` = all).
///
/// # Errors
/// What the database refuses.
pub(super) fn fill(
    conn: &Conn<'_>,
    table: &Table,
    column: &Column,
    keys: &[i64],
    wanted: &[String],
) -> Result<Fill> {
    let names = (!wanted.iter().any(|n| n == "*")).then_some(wanted);
    let (by_key, missing) = match (table.plural, column.name) {
        ("builds", _) if wanted.is_empty() => (HashMap::new(), "{}"),
        ("builds", _) => (of_builds(conn, keys, names)?, "{}"),
        ("buildrequests", _) if wanted.is_empty() => (HashMap::new(), "null"),
        ("buildrequests", _) => (of_buildsets(conn, keys, names)?, "{}"),
        ("changes", "properties") => (of_changes(conn, keys)?, "{}"),
        ("changes", _) => {
            (objects(&sourcestamps::TABLE, sourcestamps::by_ids(conn, keys)?), "null")
        }
        ("buildsets", _) => (stamps(conn, keys)?, "[]"),
        ("schedulers" | "changesources", _) => {
            (objects(&masters::TABLE, masters::by_ids(conn, keys)?), "null")
        }
        ("workers", _) => (configured_on(conn, keys)?, "[]"),
        _ => (HashMap::new(), "null"),
    };
    Ok(Fill { by_key, missing })
}

/// `{name: [value, source]}` of each build.
fn of_builds(
    conn: &Conn<'_>,
    keys: &[i64],
    names: Option<&[String]>,
) -> Result<HashMap<i64, String>> {
    let mut maps: HashMap<i64, BTreeMap<String, String>> = HashMap::new();
    for (build, name, value, source) in properties::of_builds(conn, keys, names)? {
        let mut pair = format!("[{value},");
        json::string(&mut pair, &source);
        pair.push(']');
        maps.entry(build).or_default().insert(name, pair);
    }
    Ok(maps.into_iter().map(|(build, map)| (build, raw_map(&map))).collect())
}

fn of_buildsets(
    conn: &Conn<'_>,
    keys: &[i64],
    names: Option<&[String]>,
) -> Result<HashMap<i64, String>> {
    let rows = properties::of_buildsets(conn, keys)?;
    let chosen = rows.into_iter().map(|(id, text)| {
        let mut map: BTreeMap<String, Json> = serde_json::from_str(&text).unwrap_or_default();
        map.retain(|name, _| names.is_none_or(|names| names.contains(name)));
        (id, Json::from_iter(map).to_string())
    });
    Ok(chosen.collect())
}

/// Changes keep plain values; their source is always the change.
fn of_changes(conn: &Conn<'_>, keys: &[i64]) -> Result<HashMap<i64, String>> {
    let rows = properties::of_changes(conn, keys)?;
    Ok(rows.into_iter().map(|(id, text)| (id, sourced(&text).to_string())).collect())
}

/// `{name: [value, "Change"]}` from the stored `{name: value}`.
pub(super) fn sourced(text: &str) -> Json {
    let map: BTreeMap<String, Json> = serde_json::from_str(text).unwrap_or_default();
    map.into_iter().map(|(name, value)| (name, Json::from(vec![value, "Change".into()]))).collect()
}

fn stamps(conn: &Conn<'_>, keys: &[i64]) -> Result<HashMap<i64, String>> {
    let mut out: HashMap<i64, String> = HashMap::new();
    for (buildset, values) in sourcestamps::of_buildsets(conn, keys)? {
        let text = out.entry(buildset).or_default();
        text.push(if text.is_empty() { '[' } else { ',' });
        object(text, &sourcestamps::TABLE, &values);
    }
    out.values_mut().for_each(|text| text.push(']'));
    Ok(out)
}

fn configured_on(conn: &Conn<'_>, keys: &[i64]) -> Result<HashMap<i64, String>> {
    let mut out: HashMap<i64, String> = HashMap::new();
    for (worker, builder, master) in workers::configured_on(conn, keys)? {
        let text = out.entry(worker).or_default();
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&format!("{{\"builderid\":{builder},\"masterid\":{master}}}"));
    }
    out.values_mut().for_each(|text| text.push(']'));
    Ok(out)
}

fn objects(table: &'static Table, rows: Vec<(i64, Vec<Value>)>) -> HashMap<i64, String> {
    let write = |(id, values): (i64, Vec<Value>)| {
        let mut text = String::new();
        object(&mut text, table, &values);
        (id, text)
    };
    rows.into_iter().map(write).collect()
}

fn object(out: &mut String, table: &'static Table, values: &[Value]) {
    let columns: Vec<&Column> = table.columns.iter().collect();
    let fills: Vec<Option<Fill>> = columns.iter().map(|_| None).collect();
    json::row(out, &columns, &fills, values);
}

/// A map whose values are JSON text already.
pub(super) fn raw_map(map: &BTreeMap<String, String>) -> String {
    let mut out = String::from("{");
    for (i, (name, value)) in map.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        json::string(&mut out, name);
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}
