//! Rows as JSON text, written straight from the values that the database gave: no tree in between.
//! Also the indented form that people get in a browser's address bar.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::store::Value;
use crate::store::page::{Column, Kind};

/// The values of a [`Kind::Filled`] column: JSON text by key.
pub struct Fill {
    /// By key.
    pub by_key: HashMap<i64, String>,
    /// For keys that are not there.
    pub missing: &'static str,
}

/// Writes one row as an object; `fills` has one entry for each column, in order.
pub fn row(
    out: &mut String,
    columns: &[&'static Column],
    fills: &[Option<Fill>],
    values: &[Value],
) {
    out.push('{');
    for (i, ((column, fill), value)) in columns.iter().zip(fills).zip(values).enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(column.name);
        out.push_str("\":");
        match (fill, value) {
            (Some(fill), Value::Int(key)) => {
                out.push_str(fill.by_key.get(key).map_or(fill.missing, String::as_str));
            }
            (Some(fill), _) => out.push_str(fill.missing),
            (None, value) => self::value(out, column.kind, value),
        }
    }
    out.push('}');
}

fn value(out: &mut String, kind: Kind, value: &Value) {
    // Writing to a String cannot fail.
    let _ = match (kind, value) {
        (Kind::Ids | Kind::MasterIds, Value::Null) => out.write_str("[]"),
        (_, Value::Null | Value::Blob(_)) => out.write_str("null"),
        (Kind::Time, Value::Int(micros)) => write!(out, "{}", micros.div_euclid(1_000_000)),
        (Kind::Bool | Kind::Flag { .. }, Value::Int(n)) => write!(out, "{}", *n != 0),
        (Kind::Ids, Value::Int(id)) => write!(out, "[{id}]"),
        (Kind::MasterIds, Value::Int(id)) => write!(out, "[{{\"masterid\":{id}}}]"),
        (_, Value::Int(n)) => write!(out, "{n}"),
        (_, Value::Real(n)) => write!(out, "{n}"),
        (Kind::Json | Kind::Texts, Value::Text(json)) => out.write_str(json),
        (_, Value::Text(text)) => {
            string(out, text);
            Ok(())
        }
    };
}

/// Writes `text` as a JSON string.
pub fn string(out: &mut String, text: &str) {
    // A string always has a JSON form.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Buildbot's form for people: indented by two, with a blank after each comma at a line's end.
/// Text that is not JSON comes back as it is.
#[must_use]
pub fn indented(json: &str) -> String {
    let Ok(tree) = serde_json::from_str(json) else { return json.to_owned() };
    let mut out = String::with_capacity(json.len() * 2);
    node(&mut out, &tree, 0);
    out
}

fn node(out: &mut String, tree: &serde_json::Value, depth: usize) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match tree {
        serde_json::Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                line(out, depth + 1);
                node(out, item, depth + 1);
            }
            line(out, depth);
            out.push(']');
        }
        serde_json::Value::Object(items) if !items.is_empty() => {
            out.push('{');
            for (i, (name, item)) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                line(out, depth + 1);
                string(out, name);
                out.push_str(": ");
                node(out, item, depth + 1);
            }
            line(out, depth);
            out.push('}');
        }
        // A leaf's own text is its JSON.
        leaf => {
            let _ = write!(out, "{leaf}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_two_blanks_a_level_and_one_after_each_comma() {
        assert_eq!(
            indented(r#"{"a":[1,{"b":null}],"c":[]}"#),
            "{\n  \"a\": [\n    1, \n    {\n      \"b\": null\n    }\n  ], \n  \"c\": []\n}"
        );
    }
}
