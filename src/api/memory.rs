//! The query language over the few lists that are not rows: links, force schedulers, properties
//! kept as JSON. Everything that lives in tables is filtered by the database instead.

use serde_json::Value as Json;

use crate::api::path::integer;
use crate::api::spec::pairs;
use crate::api::{Answer, ApiError};

/// Applies field, limit, offset, order and filters of `query` to `items`.
///
/// # Errors
/// Buildbot's words for a query that makes no sense.
pub(super) fn answer(
    plural: &'static str,
    mut items: Vec<Json>,
    query: &str,
    single: bool,
) -> Result<Answer, ApiError> {
    let is_field = |name: &str| items.first().is_none_or(|item| item.get(name).is_some());
    let (mut fields, mut orders, mut filters) = (Vec::new(), Vec::new(), Vec::new());
    let (mut limit, mut offset) = (None, None);
    let amount = |what: &str, text: &str| {
        integer(text)
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| ApiError::invalid(format!("invalid {what}")))
    };
    for (name, value) in pairs(query)? {
        let field = value.strip_prefix('-').unwrap_or(&value);
        match name.as_str() {
            "field" | "order" if !is_field(field) => {
                return Err(ApiError::invalid(format!("no such field '{field}'")));
            }
            "field" => fields.push(value),
            "order" => orders.push(value),
            "limit" if limit.is_none() => limit = Some(amount("limit", &value)?),
            "offset" if offset.is_none() => offset = Some(amount("offset", &value)?),
            "limit" | "offset" | "property" => {}
            _ => match name.rsplit_once("__") {
                Some((field, op)) if is_field(field) => {
                    filters.push((field.to_owned(), op.to_owned(), value));
                }
                Some(_) => {}
                None if is_field(&name) => filters.push((name, "eq".to_owned(), value)),
                None => {
                    return Err(ApiError::invalid(format!(
                        "unrecognized query parameter '{name}'"
                    )));
                }
            },
        }
    }
    if single && !filters.is_empty() {
        return Err(ApiError::invalid("this is not a collection"));
    }
    items.retain(|item| holds(item, &filters));
    for order in orders.iter().rev() {
        let (name, down) = order.strip_prefix('-').map_or((order.as_str(), false), |n| (n, true));
        items.sort_by(|a, b| {
            let way = key(&a[name]).cmp(&key(&b[name]));
            if down { way.reverse() } else { way }
        });
    }
    let total = (!single).then(|| i64::try_from(items.len()).unwrap_or(i64::MAX));
    let cut =
        if single { (0, usize::MAX) } else { (offset.unwrap_or(0), limit.unwrap_or(usize::MAX)) };
    let elements = items.into_iter().skip(cut.0).take(cut.1).map(|mut item| {
        if let (Json::Object(map), false) = (&mut item, fields.is_empty()) {
            map.retain(|name, _| fields.contains(name));
        }
        item.to_string()
    });
    Ok(Answer { plural, elements: elements.collect(), total })
}

/// Whether `item` passes every filter; the same field and operator again means "any of".
fn holds(item: &Json, filters: &[(String, String, String)]) -> bool {
    filters.iter().all(|(field, op, _)| {
        let mut values =
            filters.iter().filter(|(f, o, _)| f == field && o == op).map(|(_, _, v)| v);
        let value = &item[field.as_str()];
        let equal = |text: &String| key(value) == *text;
        match op.as_str() {
            "eq" | "in" => values.any(equal),
            "ne" | "notin" => !values.any(equal),
            "contains" => values.any(|text| match value {
                Json::Array(list) => list.iter().any(|v| key(v) == *text),
                other => key(other).contains(text.as_str()),
            }),
            "lt" => values.all(|text| key(value) < *text),
            "le" => values.all(|text| key(value) <= *text),
            "gt" => values.all(|text| key(value) > *text),
            "ge" => values.all(|text| key(value) >= *text),
            _ => true,
        }
    })
}

fn key(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
