//! `ci.change_filter` and `ci.source_stamp_filter`, or their plain tables.

use mlua::Value;
use regex::Regex;

use crate::model::filter::{ChangeFilter, Field, Test};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "project",
    "project_not_eq",
    "project_re",
    "project_not_re",
    "repository",
    "repository_not_eq",
    "repository_re",
    "repository_not_re",
    "branch",
    "branch_not_eq",
    "branch_re",
    "branch_not_re",
    "category",
    "category_not_eq",
    "category_re",
    "category_not_re",
    "codebase",
    "codebase_not_eq",
    "codebase_re",
    "codebase_not_re",
    "properties",
    "property_not_eq",
    "property_re",
    "property_not_re",
    "filter",
];
pub(super) const STAMP_OPTIONS: &[&str] = &[
    "project",
    "project_not_eq",
    "project_re",
    "project_not_re",
    "repository",
    "repository_not_eq",
    "repository_re",
    "repository_not_re",
    "branch",
    "branch_not_eq",
    "branch_re",
    "branch_not_re",
    "codebase",
    "codebase_not_eq",
    "codebase_re",
    "codebase_not_re",
    "filter",
];

/// Reads the option `key` of `outer`.
pub(super) fn read(outer: &mut Fields<'_, '_>, key: &str) -> ChangeFilter {
    let owner = format!("`{key}` of {}", outer.owner);
    let Some(mut f) = outer.nested(key, "change_filter", &owner) else {
        return ChangeFilter::default();
    };
    let fields = fields(&mut f, &Field::ALL);
    let properties = f.data("properties");
    let not_properties = f.data("property_not_eq");
    let mut property_patterns = Vec::new();
    for (key, is_wanted) in [("property_re", true), ("property_not_re", false)] {
        for (name, pattern) in pattern_map(&mut f, key) {
            property_patterns.push((name, pattern, is_wanted));
        }
    }
    let filter = f.callback("filter");
    f.finish();
    ChangeFilter { fields, properties, not_properties, property_patterns, filter }
}

/// Reads the option `key` of `outer`: a filter of sourcestamps, which have no category and no
/// properties.
pub(super) fn stamps(outer: &mut Fields<'_, '_>, key: &str) -> ChangeFilter {
    let owner = format!("`{key}` of {}", outer.owner);
    let Some(mut f) = outer.nested(key, "source_stamp_filter", &owner) else {
        return ChangeFilter::default();
    };
    let of_stamps = Field::ALL.into_iter().filter(|field| *field != Field::Category);
    let fields = fields(&mut f, &of_stamps.collect::<Vec<_>>());
    let filter = f.callback("filter");
    f.finish();
    ChangeFilter { fields, filter, ..ChangeFilter::default() }
}

/// The conditions on each of `attributes`.
fn fields(f: &mut Fields<'_, '_>, attributes: &[Field]) -> Vec<(Field, Vec<Test>)> {
    let mut out = Vec::new();
    for field in attributes {
        let word = field.word();
        let tests: Vec<Test> = [
            is(f, word),
            values(f, &format!("{word}_not_eq")).map(Test::NotIn),
            patterns(f, &format!("{word}_re")).map(Test::Matches),
            patterns(f, &format!("{word}_not_re")).map(Test::NotMatches),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !tests.is_empty() {
            out.push((*field, tests));
        }
    }
    out
}

/// Names of properties, each with a regular expression.
fn pattern_map(f: &mut Fields<'_, '_>, key: &str) -> Vec<(String, Regex)> {
    let owner = format!("`{key}` of {}", f.owner);
    let Some(mut given) = f.nested(key, "patterns", &owner) else { return Vec::new() };
    let mut out = Vec::new();
    for name in given.given() {
        let list = patterns(&mut given, &name).unwrap_or_default();
        out.extend(list.into_iter().map(|pattern| (name.clone(), pattern)));
    }
    given.finish();
    out
}

/// A value, a list of values, a function of the value, or `ci.null`.
fn is(f: &mut Fields<'_, '_>, key: &str) -> Option<Test> {
    match f.value(key)? {
        Value::Function(function) => Some(Test::Callback(f.keep(key, &function))),
        _ => values(f, key).map(Test::In),
    }
}

fn values(f: &mut Fields<'_, '_>, key: &str) -> Option<Vec<Option<String>>> {
    let mut out = Vec::new();
    for value in f.list(key)? {
        match &value {
            value if value.is_null() => out.push(None),
            Value::String(s) => out.push(Some(s.to_string_lossy())),
            other => {
                let got = a_type(other);
                let message = format!(
                    "`{key}` in {} must be a string, a list of them, or ci.null, not {got}.",
                    f.owner
                );
                f.problem(key, message);
            }
        }
    }
    Some(out)
}

/// Regular expressions under `key`.
pub(super) fn patterns(f: &mut Fields<'_, '_>, key: &str) -> Option<Vec<Regex>> {
    let texts = f.texts(key)?;
    let mut out = Vec::new();
    for text in texts {
        match Regex::new(&text) {
            Ok(regex) => out.push(regex),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ").trim_end_matches('.');
                let message = format!("{text:?} in `{key}` is not a regular expression: {reason}.");
                f.problem_at(key, &text, message, Vec::new());
            }
        }
    }
    Some(out)
}
