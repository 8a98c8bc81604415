//! The query language of the data API: `field`, `limit`, `offset`, `order`, `property` and filters,
//! read against the columns of a table into a [`Page`]. Nothing a client writes becomes SQL text.

use std::collections::BTreeMap;

use crate::api::ApiError;
use crate::api::path::{integer, is_identifier};
use crate::store::Value;
use crate::store::page::{Column, Filter, Kind, Op, Page, Table};

/// A query that has been understood.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// What is selected from the table.
    pub page: Page,
    /// Which properties are wanted; empty = none, `*` = all.
    pub properties: Vec<String>,
}

/// The `name=value` pairs of a query string, decoded.
///
/// # Errors
/// When it is not UTF-8.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| ApiError::invalid("the query is not UTF-8"))
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

impl Spec {
    /// Reads `query` for a list (or, with `single`, for one row) of `table`.
    ///
    /// # Errors
    /// The texts of Buildbot, all of them the client's fault.
    pub fn read(table: &'static Table, query: &str, single: bool) -> Result<Self, ApiError> {
        let mut spec = Self::default();
        let mut filters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let (mut limit, mut offset) = (None, None);
        for (name, value) in pairs(query)? {
            match name.as_str() {
                "field" => spec.page.columns.push(known(table, &value)?),
                "limit" if limit.is_none() => limit = Some(amount("limit", &value)?),
                "offset" if offset.is_none() => offset = Some(amount("offset", &value)?),
                "limit" | "offset" => {}
                "order" => {
                    let (plain, down) =
                        value.strip_prefix('-').map_or((value.as_str(), false), |v| (v, true));
                    let column = known(table, plain)?;
                    if matches!(column.kind, Kind::Json | Kind::Filled) {
                        return Err(ApiError::invalid(format!("cannot order on '{plain}'")));
                    }
                    spec.page.order.push((column, down));
                }
                "property" => spec.properties.push(value),
                _ => filters.entry(name).or_default().push(value),
            }
        }
        let chosen = !spec.page.columns.is_empty();
        for (name, values) in filters {
            if let Some(filter) = filter(table, &name, &values)? {
                spec.page.filters.push(filter);
            }
        }
        if single && !spec.page.filters.is_empty() {
            return Err(ApiError::invalid("this is not a collection"));
        }
        let selected = |column: &Column| spec.page.columns.iter().any(|c| c.name == column.name);
        if chosen && !spec.page.filters.iter().all(|f| selected(f.column)) {
            return Err(ApiError::invalid("cannot filter on un-selected fields"));
        }
        if chosen && !spec.page.order.iter().all(|(c, _)| selected(c)) {
            return Err(ApiError::invalid("cannot order on un-selected fields"));
        }
        if chosen {
            spec.page.columns.sort_by_key(|c| c.name);
            spec.page.columns.dedup_by_key(|c| c.name);
        } else {
            spec.page.columns = table.columns.iter().collect();
        }
        if single {
            spec.page.order.clear();
        } else {
            spec.page.limit = limit;
            spec.page.offset = offset.unwrap_or(0);
        }
        Ok(spec)
    }
}

fn known(table: &'static Table, name: &str) -> Result<&'static Column, ApiError> {
    table.column(name).ok_or_else(|| ApiError::invalid(format!("no such field '{name}'")))
}

fn amount(what: &str, text: &str) -> Result<i64, ApiError> {
    integer(text).filter(|n| *n >= 0).ok_or_else(|| ApiError::invalid(format!("invalid {what}")))
}

/// The filter that `name=value…` asks for. Unknown fields and operators after a double underscore
/// are ignored, as Buildbot ignores them; any other unknown name is an error.
fn filter(table: &'static Table, name: &str, texts: &[String]) -> Result<Option<Filter>, ApiError> {
    let (column, op) = match name.rsplit_once("__") {
        None => match table.column(name) {
            Some(column) => (column, Op::Eq),
            None => {
                return Err(ApiError::invalid(format!("unrecognized query parameter '{name}'")));
            }
        },
        Some((field, op)) => match (table.column(field), operator(op)) {
            (Some(column), Some(op)) => (column, op),
            _ => return Ok(None),
        },
    };
    if texts.len() > 1 && matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge) {
        return Ok(None);
    }
    let values = texts
        .iter()
        .map(|text| value(column, text))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ApiError::invalid(format!("invalid filter value for {name}")))?;
    // "Claimed by nobody in particular" is how clients leave the filter out.
    if column.name == "claimed_by_masterid" && values == [Value::Int(0)] {
        return Ok(None);
    }
    Ok(Some(Filter { column, op, values }))
}

fn operator(name: &str) -> Option<Op> {
    Some(match name {
        "eq" | "in" => Op::Eq,
        "ne" | "notin" => Op::Ne,
        "lt" => Op::Lt,
        "le" => Op::Le,
        "gt" => Op::Gt,
        "ge" => Op::Ge,
        "contains" => Op::Contains,
        _ => return None,
    })
}

fn value(column: &Column, text: &str) -> Option<Value> {
    match column.kind {
        Kind::Int | Kind::Time | Kind::Ids => integer(text).map(Value::Int),
        Kind::Bool | Kind::Flag { .. } => {
            let text = text.to_ascii_lowercase();
            match text.as_str() {
                "on" | "true" | "yes" | "1" => Some(Value::Int(1)),
                "off" | "false" | "no" | "0" => Some(Value::Int(0)),
                _ => None,
            }
        }
        Kind::Text if column.name == "slug" => is_identifier(text).then(|| Value::from(text)),
        Kind::Text | Kind::Texts => Some(Value::from(text)),
        Kind::MasterIds | Kind::Json | Kind::Filled => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::views::builds;

    fn error(query: &str) -> String {
        Spec::read(&builds::TABLE, query, false).expect_err("refused").message
    }

    #[test]
    fn errors_are_buildbots_words() {
        assert_eq!(error("field=x"), "no such field 'x'");
        assert_eq!(error("limit=x"), "invalid limit");
        assert_eq!(error("offset="), "invalid offset");
        assert_eq!(error("foo=1"), "unrecognized query parameter 'foo'");
        assert_eq!(error("buildid__gt=x"), "invalid filter value for buildid__gt");
        assert_eq!(error("results=null"), "invalid filter value for results");
        assert_eq!(error("properties=x"), "invalid filter value for properties");
        assert_eq!(error("field=number&results=1"), "cannot filter on un-selected fields");
        assert_eq!(error("field=number&order=-results"), "cannot order on un-selected fields");
        let single = Spec::read(&builds::TABLE, "results=1", true).expect_err("refused");
        assert_eq!(single.message, "this is not a collection");
    }

    #[test]
    fn what_buildbot_ignores_is_ignored() {
        let spec = Spec::read(
            &builds::TABLE,
            "foo__eq=1&buildid__bogus=1&number__lt=3&number__lt=4&limit=5&limit=x",
            false,
        )
        .expect("read");
        assert!(spec.page.filters.is_empty());
        assert_eq!(spec.page.limit, Some(5));
    }

    #[test]
    fn a_repeated_filter_means_any_of() {
        let spec = Spec::read(&builds::TABLE, "number__eq=1&number__eq=2", false).expect("read");
        assert_eq!(spec.page.filters.len(), 1);
        assert_eq!(spec.page.filters[0].values, [Value::Int(1), Value::Int(2)]);
    }
}
