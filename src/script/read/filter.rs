//! `ci.change_filter`, or its plain table.

use mlua::Value;
use regex::Regex;

use crate::model::filter::{ChangeFilter, Field, Test};
use crate::script::convert::a_type;
use crate::script::fields::Fields;

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
    "filter",
];

/// Reads the option `key` of `outer`.
pub(super) fn read(outer: &mut Fields<'_, '_>, key: &str) -> ChangeFilter {
    let owner = format!("`{key}` of {}", outer.owner);
    let Some(mut f) = outer.nested(key, "change_filter", &owner) else {
        return ChangeFilter::default();
    };
    let mut fields = Vec::new();
    for field in Field::ALL {
        let word = field.word();
        let tests: Vec<Test> = [
            is(&mut f, word),
            values(&mut f, &format!("{word}_not_eq")).map(Test::NotIn),
            patterns(&mut f, &format!("{word}_re")).map(Test::Matches),
            patterns(&mut f, &format!("{word}_not_re")).map(Test::NotMatches),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !tests.is_empty() {
            fields.push((field, tests));
        }
    }
    let filter =
        ChangeFilter { fields, properties: f.data("properties"), filter: f.callback("filter") };
    f.finish();
    filter
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
