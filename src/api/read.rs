//! Answers one endpoint: picks the query, runs it on one read connection, writes the rows.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::api::fill::{self, fill};
use crate::api::json::{self, Fill};
use crate::api::spec::{self, Spec};
use crate::api::table::{COLLECTIONS, Endpoint, ForcesOf, Shape};
use crate::api::{Answer, Api, ApiError, Found, RawLog, forces, memory, path};
use crate::model::config::Config;
use crate::store::page::{self, Kind, Scope, Table};
use crate::store::views::{builders, builds, logs, properties, schedulers};
use crate::store::{Conn, StoreError, Value, frames};

/// Answers `endpoint`.
pub(super) async fn read(
    api: &Api,
    config: &Config,
    endpoint: &'static Endpoint,
    params: Vec<Value>,
    query: &str,
) -> Result<Found, ApiError> {
    match &endpoint.shape {
        Shape::Root => {
            let links =
                COLLECTIONS.iter().map(|name| serde_json::json!({ "name": name })).collect();
            memory::answer("rootlinks", links, query, false).map(Found::Json)
        }
        Shape::Rows { table, scope, single, of_build } => {
            let scope = Scope { conditions: scope.to_vec(), values: params };
            rows(api, table, scope, query, *single, *of_build).await.map(Found::Json)
        }
        Shape::Forces(of) => force_schedulers(api, config, *of, &params, query).await,
        Shape::BuildProperties(scope) => {
            build_properties(api, scope, params).await.map(Found::Json)
        }
        Shape::BuildsetProperties { list } => {
            let id = int(&params);
            let found = api.store.read(move |c| properties::of_buildsets(c, &[id])).await?;
            let map = found.into_iter().next().map(|(_, text)| text);
            stored_map(map.as_deref(), *list, query).map(Found::Json)
        }
        Shape::ChangeProperties => {
            let id = int(&params);
            let found = api.store.read(move |c| properties::of_changes(c, &[id])).await?;
            let map = found.into_iter().next().map(|(_, text)| fill::sourced(&text).to_string());
            stored_map(map.as_deref(), true, query).map(Found::Json)
        }
        Shape::Contents(scope) => contents(api, scope, params, query).await.map(Found::Json),
        Shape::Raw(scope) | Shape::RawInline(scope) => {
            let place = place(api, scope, params).await?;
            let inline = matches!(endpoint.shape, Shape::RawInline(_));
            Ok(Found::Raw(RawLog { place, inline }))
        }
    }
}

fn int(params: &[Value]) -> i64 {
    match params.first() {
        Some(Value::Int(n)) => *n,
        _ => 0,
    }
}

fn not_found() -> ApiError {
    ApiError::missing("not found: there is no such thing")
}

async fn rows(
    api: &Api,
    table: &'static Table,
    scope: Scope,
    query: &str,
    single: bool,
    of_build: bool,
) -> Result<Answer, ApiError> {
    let spec = Spec::read(table, query, single)?;
    let totals = api.totals.clone();
    let answer = api
        .store
        .read(move |conn| {
            let rows = page::select(conn, table, &scope, &spec.page)?;
            if rows.is_empty() && (single || (of_build && !build_exists(conn, &scope)?)) {
                return Ok(None);
            }
            let total = if single {
                None
            } else if spec.page.limit.is_none_or(|n| (rows.len() as i64) < n)
                && (spec.page.offset == 0 || !rows.is_empty())
            {
                // Everything to the end was read: what was skipped and what came is all there is.
                Some(spec.page.offset + rows.len() as i64)
            } else {
                Some(totals.count(conn, table, &scope, &spec.page.filters)?)
            };
            let elements = write(conn, table, &spec, &rows)?;
            Ok(Some(Answer { plural: table.plural, elements, total }))
        })
        .await?;
    answer.ok_or_else(not_found)
}

/// Whether the build that a list of steps was asked of is there.
fn build_exists(conn: &Conn<'_>, scope: &Scope) -> Result<bool, StoreError> {
    let named = matches!(scope.values.first(), Some(Value::Text(_)));
    let of = if named { builds::scope::OF_BUILDER_NAME } else { builds::scope::OF_BUILDER };
    let scope = Scope {
        conditions: vec![of, builds::scope::NUMBER],
        values: scope.values.iter().take(2).cloned().collect(),
    };
    Ok(page::count(conn, &builds::TABLE, &scope, &[])? > 0)
}

fn write(
    conn: &Conn<'_>,
    table: &Table,
    spec: &Spec,
    rows: &[Vec<Value>],
) -> Result<Vec<String>, StoreError> {
    let columns = &spec.page.columns;
    let mut fills: Vec<Option<Fill>> = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        fills.push(if column.kind == Kind::Filled {
            let mut keys: Vec<i64> = rows
                .iter()
                .filter_map(|row| match row.get(i) {
                    Some(Value::Int(key)) => Some(*key),
                    _ => None,
                })
                .collect();
            keys.sort_unstable();
            keys.dedup();
            Some(fill(conn, table, column, &keys, &spec.properties)?)
        } else {
            None
        });
    }
    let element = |row: &Vec<Value>| {
        let mut out = String::with_capacity(256);
        json::row(&mut out, columns, &fills, row);
        out
    };
    Ok(rows.iter().map(element).collect())
}

async fn force_schedulers(
    api: &Api,
    config: &Config,
    of: ForcesOf,
    params: &[Value],
    query: &str,
) -> Result<Found, ApiError> {
    let builder = int(params);
    let (switched, name) =
        api.store.read(move |c| Ok((schedulers::forces(c)?, builders::name(c, builder)?))).await?;
    let all = forces::all(config, &switched);
    let chosen = all.into_iter().filter(|force| match (of, params.first()) {
        (ForcesOf::Name, Some(Value::Text(wanted))) => force["name"] == wanted.as_str(),
        (ForcesOf::Builder, _) => force["builder_names"]
            .as_array()
            .is_some_and(|names| name.as_ref().is_some_and(|n| names.contains(&n.as_str().into()))),
        _ => true,
    });
    let chosen: Vec<Json> = chosen.collect();
    let single = matches!(of, ForcesOf::Name);
    if single && chosen.is_empty() {
        return Err(not_found());
    }
    memory::answer("forceschedulers", chosen, query, single).map(Found::Json)
}

/// `{name: [value, source]}` as the one element, also for a build that does not exist.
async fn build_properties(
    api: &Api,
    scope: &'static [&'static str],
    params: Vec<Value>,
) -> Result<Answer, ApiError> {
    let columns = properties::TABLE.columns.iter().collect();
    let scope = Scope { conditions: scope.to_vec(), values: params };
    let page = page::Page { columns, ..page::Page::default() };
    let rows = api.store.read(move |c| page::select(c, &properties::TABLE, &scope, &page)).await?;
    let mut map = BTreeMap::new();
    for row in rows {
        if let [Value::Text(name), Value::Text(source), Value::Text(value)] = &row[..] {
            let mut pair = format!("[{value},");
            json::string(&mut pair, source);
            pair.push(']');
            map.insert(name.clone(), pair);
        }
    }
    Ok(Answer { plural: "properties", elements: vec![fill::raw_map(&map)], total: None })
}

/// Properties that are kept as one JSON map `{name: [value, source]}`.
fn stored_map(text: Option<&str>, list: bool, query: &str) -> Result<Answer, ApiError> {
    let text = text.unwrap_or("{}");
    if !list {
        return Ok(Answer { plural: "properties", elements: vec![text.to_owned()], total: None });
    }
    let map: BTreeMap<String, (Json, String)> = serde_json::from_str(text).unwrap_or_default();
    let item = |(name, (value, source)): (String, (Json, String))| serde_json::json!({ "name": name, "source": source, "value": value.to_string() });
    memory::answer("_properties", map.into_iter().map(item).collect(), query, false)
}

async fn place(
    api: &Api,
    scope: &'static [&'static str],
    params: Vec<Value>,
) -> Result<logs::Place, ApiError> {
    let scope = Scope { conditions: scope.to_vec(), values: params };
    api.store.read(move |c| logs::place(c, &scope)).await?.ok_or_else(not_found)
}

/// At most this many lines are answered at once to somebody who gave no limit.
const MOST_LINES: i64 = 1_000_000;

async fn contents(
    api: &Api,
    scope: &'static [&'static str],
    params: Vec<Value>,
    query: &str,
) -> Result<Answer, ApiError> {
    let (mut offset, mut limit) = (0, MOST_LINES);
    for (name, value) in spec::pairs(query)? {
        let amount =
            || path::integer(&value).ok_or_else(|| ApiError::invalid(format!("invalid {name}")));
        match name.as_str() {
            "offset" => offset = amount()?,
            "limit" => limit = amount()?,
            "field" | "order" | "property" => {}
            _ => {
                return Err(ApiError::invalid(format!("unrecognized query parameter '{name}'")));
            }
        }
    }
    let place = place(api, scope, params).await?;
    if limit <= 0 || offset < 0 {
        return Err(not_found());
    }
    let limit = limit.min(MOST_LINES);
    let (log, complete, letters) = (place.log, place.is_complete, place.kind == "s");
    let lines =
        api.store.read_logs(move |c| frames::lines(c, log, offset, limit, complete)).await?;
    let mut content = String::with_capacity(lines.iter().map(|l| l.text.len() + 2).sum());
    for line in lines {
        if letters {
            content.push(line.stream.letter());
        }
        content.push_str(&line.text);
        content.push('\n');
    }
    let mut element = String::from("{\"content\":");
    json::string(&mut element, &content);
    element.push_str(&format!(",\"firstline\":{offset},\"logid\":{log}}}"));
    Ok(Answer { plural: "logchunks", elements: vec![element], total: None })
}
