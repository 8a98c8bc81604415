//! `ci.parameters.*`: the pieces of the forms of force schedulers. They are objects of their own,
//! which several forms may have in common.

use std::collections::BTreeSet;

use mlua::{Table, Value};
use serde_json::Value as Json;

use super::filter;
use crate::model::config::{Group, Parameter, ParameterKind};
use crate::script::convert::{self, a_type};
use crate::script::read::fields::Fields;

/// What every parameter takes.
const BASE: [&str; 11] = [
    "name", "label", "tablabel", "default", "required", "multiple", "regex", "hide", "max_size",
    "tooltip", "data",
];

/// The kinds of parameters, with what each takes beside the common options.
const KINDS: [(&str, &[&str]); 12] = [
    ("string_parameter", &["size"]),
    ("text_parameter", &["cols", "rows"]),
    ("int_parameter", &["size"]),
    ("boolean_parameter", &[]),
    ("choice_parameter", &["choices", "strict", "autopopulate"]),
    ("username_parameter", &["need_email", "size"]),
    ("fixed_parameter", &[]),
    ("file_parameter", &[]),
    ("worker_choice_parameter", &[]),
    ("any_property_parameter", &[]),
    ("nested_parameter", &["layout", "columns", "fields"]),
    (
        "codebase_parameter",
        &["codebase", "branch", "revision", "repository", "project", "patch", "columns"],
    ),
];

/// The options of a kind of parameters.
pub(super) fn options(kind: &str) -> Option<Vec<&'static str>> {
    let (_, own) = KINDS.iter().find(|(known, _)| *known == kind)?;
    Some(BASE.iter().chain(own.iter()).copied().collect())
}

/// Every kind of parameters.
#[cfg(test)]
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(kind, _)| *kind)
}

/// Looks at a parameter that no form has; false when `table` is something else.
pub(super) fn look(reader: &super::Reader<'_>, table: &Table) -> bool {
    let is_one = reader.object(table).is_some_and(|o| options(&o.kind).is_some());
    if is_one {
        object(reader, table);
    }
    is_one
}

pub(super) fn is_kind(f: &Fields<'_, '_>, table: &Table, kind: &str) -> bool {
    f.reader.object(table).is_some_and(|o| o.kind == kind)
}

/// A field whose name is known beforehand: whoever fills in a form by name knows it by that.
pub(super) fn called(f: &Fields<'_, '_>, name: &str, mut field: Parameter) -> Parameter {
    if !field.name.is_empty() && field.name != name {
        let message = format!(
            "the parameter at `{name}` of {} is named {name:?}, not {:?}.",
            f.owner, field.name
        );
        let hint = "What people read is its `label`.".to_owned();
        f.problem_at(name, &field.name, message, vec![hint]);
    }
    name.clone_into(&mut field.name);
    field
}

/// A list of parameters.
pub(super) fn parameters(f: &mut Fields<'_, '_>, key: &str) -> Vec<Parameter> {
    let mut out = Vec::new();
    f.each(key, |f, _, item| match &item {
        Value::Table(table)
            if f.reader
                .object(table)
                .is_some_and(|o| options(&o.kind).is_some() && o.kind != "codebase_parameter") =>
        {
            out.push(object(f.reader, table));
        }
        other => {
            let got = a_type(other);
            let message =
                format!("`{key}` of {} holds {got}; it takes what ci.parameters.* makes.", f.owner);
            f.problem(key, message);
        }
    });
    out
}

/// Reads a parameter that `ci` made.
pub(super) fn object(reader: &super::Reader<'_>, table: &Table) -> Parameter {
    reader.seen.borrow_mut().insert(table.to_pointer());
    let Some(object) = reader.object(table) else { return Parameter::username() };
    let kind = object.kind.clone();
    let mut f = Fields::of(reader, &object);
    f.owner = kind.replace('_', " ");
    let name = name(&mut f, &kind);
    let read = match reader.within(table, || kind_of(&mut f, &kind)) {
        Ok(read) => read,
        Err(what) => {
            if let Some(what) = what {
                reader.ground.problem(&f.spot(), format!("{} {what}.", f.owner), Vec::new());
            }
            return Parameter::username();
        }
    };
    let mut parameter = Parameter::new(&name, "", read);
    parameter.site = Some(object.site.clone());
    base(&mut f, &mut parameter);
    idle(&mut f, &kind, &parameter);
    if kind == "choice_parameter" {
        parameter.autopopulate = autopopulate(&mut f);
    }
    if let Some(what) = misfit(&parameter) {
        f.problem("default", format!("`default` of {}: {what}.", f.owner));
    }
    f.know(["data"]);
    f.finish();
    parameter
}

/// The name; groups and codebases may go without.
fn name(f: &mut Fields<'_, '_>, kind: &str) -> String {
    let name = match kind {
        "username_parameter" => f.text("name").unwrap_or_else(|| "username".to_owned()),
        "worker_choice_parameter" => f.text("name").unwrap_or_else(|| "workername".to_owned()),
        "codebase_parameter" => {
            f.know(["name"]);
            f.text("codebase").unwrap_or_default()
        }
        "nested_parameter" => f.text("name").unwrap_or_default(),
        _ => return f.name(),
    };
    if !name.is_empty() {
        f.owner = format!("{} {name:?}", f.owner);
    }
    name
}

fn kind_of(f: &mut Fields<'_, '_>, kind: &str) -> ParameterKind {
    let mut number =
        |key: &str, default: i64, most: i64| f.integer(key, 1..=most).unwrap_or(default);
    match kind {
        "text_parameter" => {
            ParameterKind::Area { cols: number("cols", 80, 500), rows: number("rows", 20, 500) }
        }
        "int_parameter" => ParameterKind::Int { size: number("size", 10, 500) },
        "boolean_parameter" => ParameterKind::Boolean,
        "choice_parameter" => choice(f),
        "username_parameter" => ParameterKind::Username {
            size: number("size", 30, 500),
            need_email: f.boolean("need_email", true),
        },
        "fixed_parameter" => {
            if f.raw("default").is_none() {
                f.missing("default");
            }
            ParameterKind::Fixed
        }
        // Which there are is known when the builders are.
        "worker_choice_parameter" => ParameterKind::Worker { choices: Vec::new() },
        "any_property_parameter" => {
            let field = |name: &str, label: &str| {
                Parameter::new(name, label, ParameterKind::Text { size: 30 })
            };
            ParameterKind::Nested {
                layout: "vertical".to_owned(),
                columns: 1,
                fields: vec![field("name", "Name:"), field("value", "Value:")],
                group: Group::AnyProperty,
            }
        }
        "nested_parameter" => nested(f),
        "codebase_parameter" => codebase(f),
        "file_parameter" => ParameterKind::File,
        _ => ParameterKind::Text { size: number("size", 10, 500) },
    }
}

fn choice(f: &mut Fields<'_, '_>) -> ParameterKind {
    let choices = f.texts("choices").unwrap_or_default();
    if choices.is_empty() {
        let message = format!("{} has no `choices`.", f.owner);
        f.problem("choices", message);
    }
    let mut seen = BTreeSet::new();
    for choice in choices.iter().filter(|c| !seen.insert(*c)) {
        let message = format!("`choices` of {} has {choice:?} twice.", f.owner);
        f.problem_at("choices", choice, message, Vec::new());
    }
    ParameterKind::Choice { choices, strict: f.boolean("strict", true) }
}

fn nested(f: &mut Fields<'_, '_>) -> ParameterKind {
    let fields = parameters(f, "fields");
    if fields.is_empty() && f.list("fields").is_none_or(|l| l.is_empty()) {
        f.problem("fields", format!("{} has no `fields`.", f.owner));
    }
    super::outline::check::choice(f, "layout", &["vertical", "simple", "tabs"]);
    ParameterKind::Nested {
        layout: f.text("layout").unwrap_or_else(|| "vertical".to_owned()),
        columns: columns(f, fields.len()),
        fields,
        group: Group::Properties,
    }
}

fn columns(f: &mut Fields<'_, '_>, fields: usize) -> i64 {
    f.integer("columns", 1..=4).unwrap_or(if fields > 1 { 2 } else { 1 })
}

/// A codebase's questions: false leaves one out, a parameter asks it in another way.
fn codebase(f: &mut Fields<'_, '_>) -> ParameterKind {
    let mut fields = Vec::new();
    for part in ["branch", "revision", "repository", "project"] {
        let field = match f.raw(part) {
            Some(Value::Boolean(false)) => {
                let hidden = Parameter::new(part, part, ParameterKind::Fixed);
                Parameter { hide: true, ..hidden }
            }
            Some(Value::Table(table)) if is_leaf(f, &table) => {
                called(f, part, object(f.reader, &table))
            }
            Some(Value::String(text)) => {
                Parameter::new(part, &format!("{part}:"), ParameterKind::Text { size: 80 })
                    .with_default(text.to_string_lossy())
            }
            Some(other) if !f.reader.is_broken(&other) => {
                let got = a_type(&other);
                let message = format!(
                    "`{part}` of {} takes a parameter, its default, or false, not {got}.",
                    f.owner
                );
                f.problem(part, message);
                continue;
            }
            _ => Parameter::new(part, &format!("{part}:"), ParameterKind::Text { size: 80 }),
        };
        fields.push(field);
    }
    if f.boolean("patch", false) {
        fields.push(Parameter::patch());
    }
    let columns = columns(f, fields.len());
    ParameterKind::Nested { layout: "vertical".to_owned(), columns, fields, group: Group::Codebase }
}

/// A parameter that holds one value.
fn is_leaf(f: &Fields<'_, '_>, table: &Table) -> bool {
    const GROUPS: [&str; 3] = ["nested_parameter", "codebase_parameter", "any_property_parameter"];
    f.reader
        .object(table)
        .is_some_and(|o| options(&o.kind).is_some() && !GROUPS.contains(&o.kind.as_str()))
}

/// The common options.
fn base(f: &mut Fields<'_, '_>, parameter: &mut Parameter) {
    parameter.label = f.text("label").unwrap_or_else(|| parameter.name.clone());
    parameter.tablabel = f.text("tablabel").unwrap_or_else(|| parameter.label.clone());
    if let Some(value) = f.raw("default").filter(|v| !f.reader.is_broken(v)) {
        match convert::to_json(f.reader.lua, &value) {
            Ok(json) => parameter.default = json,
            Err(what) => {
                let message = format!("`default` of {} must be plain data, not {what}.", f.owner);
                f.problem("default", message);
            }
        }
    } else if let ParameterKind::Choice { choices, strict: true } = &parameter.kind {
        // The first is what a browser shows.
        parameter.default = choices.first().map_or_else(|| "".into(), |c| c.as_str().into());
    }
    parameter.required = f.boolean("required", false);
    parameter.multiple = f.boolean("multiple", false);
    parameter.regex = filter::patterns(f, "regex").and_then(|mut list| list.pop());
    parameter.hide = f.boolean("hide", false);
    let most = f.integer("max_size", 1..=i64::MAX).and_then(|n| u64::try_from(n).ok());
    let of_file = matches!(parameter.kind, ParameterKind::File).then_some(Parameter::LARGEST_FILE);
    parameter.max_size = most.or(of_file);
    parameter.tooltip = f.text("tooltip").unwrap_or_default();
    if parameter.multiple && !matches!(parameter.kind, ParameterKind::Choice { .. }) {
        f.problem("multiple", format!("`multiple` of {} is for choices.", f.owner));
    } else if parameter.multiple && !parameter.default.is_array() {
        let one = std::mem::take(&mut parameter.default);
        parameter.default = Json::Array(if one == "" { Vec::new() } else { vec![one] });
    }
}

/// What such a parameter takes and never looks at is refused, never ignored.
fn idle(f: &mut Fields<'_, '_>, kind: &str, parameter: &Parameter) {
    let keys: &[&str] = match &parameter.kind {
        _ if kind == "codebase_parameter" => {
            &["name", "default", "required", "regex", "max_size", "tooltip"]
        }
        ParameterKind::Nested { .. } => &["default", "required", "regex", "max_size", "tooltip"],
        ParameterKind::Fixed => &["required", "regex", "max_size", "tooltip"],
        ParameterKind::Boolean => &["required", "regex", "max_size"],
        ParameterKind::Choice { strict: true, .. } | ParameterKind::Worker { .. } => {
            &["regex", "max_size"]
        }
        _ => &[],
    };
    let why = match (&parameter.kind, kind) {
        (_, "codebase_parameter") => {
            "its name is `codebase`, and its fields are parameters of their own"
        }
        (ParameterKind::Nested { .. }, _) => {
            "it is a group; its fields are parameters of their own"
        }
        (ParameterKind::Fixed, _) => "nobody can change its value",
        (ParameterKind::Boolean, _) => "its value is always true or false",
        _ => "nothing but its `choices` is taken",
    };
    for key in keys {
        if f.value(key).is_some() {
            f.problem(key, format!("`{key}` of {} says nothing: {why}.", f.owner));
        }
    }
}

fn autopopulate(f: &mut Fields<'_, '_>) -> Option<Json> {
    f.value("autopopulate")?;
    let choices = f.data("autopopulate");
    for (choice, values) in &choices {
        if !values.is_object() {
            let message = format!(
                "`{choice}` in `autopopulate` of {} must be a table: field → value.",
                f.owner
            );
            f.problem(choice, message);
        }
    }
    Some(Json::Object(choices.into_iter().collect()))
}

/// What is wrong with the default.
fn misfit(parameter: &Parameter) -> Option<String> {
    let default = &parameter.default;
    match &parameter.kind {
        ParameterKind::Text { .. }
        | ParameterKind::Area { .. }
        | ParameterKind::File
        | ParameterKind::Worker { .. }
        | ParameterKind::Username { .. } => {
            (!default.is_string()).then(|| "it must be a string".to_owned())
        }
        ParameterKind::Int { .. } => {
            (!default.is_i64()).then(|| "it must be an integer".to_owned())
        }
        ParameterKind::Boolean => {
            (!default.is_boolean()).then(|| "it must be true or false".to_owned())
        }
        ParameterKind::Choice { choices, strict: true } => {
            let given = default.as_array().map_or(std::slice::from_ref(default), Vec::as_slice);
            given
                .iter()
                .find(|one| !choices.iter().any(|c| **one == c.as_str()))
                .filter(|_| !choices.is_empty())
                .map(|one| format!("{one} is not one of the `choices`"))
        }
        _ => None,
    }
}
