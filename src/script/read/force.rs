//! `ci.schedulers.force`: the form that people fill in. The pieces of forms are read in
//! `parameter.rs`.

use std::collections::{BTreeMap, BTreeSet};

use mlua::Value;

use super::parameter::{called, is_kind, object, parameters};
use crate::model::config::{
    Config, ForceScheduler, Parameter, ParameterKind, Priority, SchedulerKind, Site,
};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &[
    "name",
    "builders",
    "button_name",
    "codebases",
    "label",
    "priority",
    "properties",
    "reason",
    "reason_string",
    "username",
    "data",
];

/// What is particular to a force scheduler; `name` is its own.
pub(super) fn read(f: &mut Fields<'_, '_>, name: &str) -> ForceScheduler {
    let username = one(f, "username", "username_parameter").unwrap_or_else(Parameter::username);
    let reason = match f.value("reason") {
        Some(Value::Table(_)) => one(f, "reason", "string_parameter"),
        _ => f.text("reason").map(|default| Parameter::reason(&default)),
    };
    let reason = reason.unwrap_or_else(|| Parameter::reason("force build"));
    let priority = match f.value("priority") {
        Some(Value::Table(_)) => one(f, "priority", "int_parameter"),
        _ => f.integer("priority", -Priority::MOST..=Priority::MOST).map(Parameter::priority),
    };
    let priority = priority.unwrap_or_else(|| Parameter::priority(0));
    let (codebases, sources) = codebases(f);
    let mut fields = vec![Parameter::order(username, reason, priority)];
    fields.extend(sources);
    fields.extend(parameters(f, "properties"));
    fields.iter_mut().for_each(|field| field.place(""));
    unique(f, &fields);
    let label = f.text("label").unwrap_or_else(|| name.to_owned());
    ForceScheduler {
        button_name: f.text("button_name").unwrap_or_else(|| name.to_owned()),
        label,
        codebases,
        reason_string: reason_string(f),
        fields,
    }
}

/// The reason of the buildset; only two names can be filled in.
fn reason_string(f: &mut Fields<'_, '_>) -> Option<String> {
    let text = f.text("reason_string")?;
    let rest = text.replace("%(owner)s", "").replace("%(reason)s", "").replace("%%", "");
    if rest.contains('%') {
        let message = format!(
            "`reason_string` of {} takes %(owner)s and %(reason)s; a plain % is %%.",
            f.owner
        );
        f.problem("reason_string", message);
    }
    Some(text)
}

/// Two fields of one full name could not be told apart.
fn unique(f: &Fields<'_, '_>, fields: &[Parameter]) {
    let mut first: BTreeMap<&str, Option<&Site>> = BTreeMap::new();
    for leaf in fields.iter().flat_map(Parameter::leaves) {
        let Some(earlier) = first.insert(&leaf.full_name, leaf.site.as_ref()) else { continue };
        let name = &leaf.full_name;
        let other = match earlier {
            None => format!("; the other is the form's own `{name}`"),
            Some(site) if leaf.site.as_ref() == Some(site) => String::new(),
            Some(site) => format!("; the other is at {site}"),
        };
        let message = format!("two fields of the form of {} are named {name:?}{other}.", f.owner);
        let spot = match &leaf.site {
            Some(site) => {
                f.reader.ground.sources.borrow().part(site, &leaf.name, 0, leaf.name.len())
            }
            None => f.key_spot("properties"),
        };
        f.reader.ground.problem(&spot, message, Vec::new());
    }
}

/// The codebases by name, and their groups.
fn codebases(f: &mut Fields<'_, '_>) -> (Vec<String>, Vec<Parameter>) {
    let (mut names, mut groups) = (Vec::new(), Vec::new());
    f.each("codebases", |f, _, item| {
        let group = match &item {
            Value::String(s) => Parameter::codebase(&s.to_string_lossy()),
            Value::Table(table) if is_kind(f, table, "codebase_parameter") => {
                object(f.reader, table)
            }
            other => {
                let got = a_type(other);
                let message = format!(
                    "`codebases` of {} holds {got}; it takes names and ci.parameters.codebase.",
                    f.owner
                );
                f.problem("codebases", message);
                return;
            }
        };
        if names.contains(&group.name) {
            let message = format!("`codebases` of {} names {:?} twice.", f.owner, group.name);
            f.problem_at("codebases", &group.name, message, Vec::new());
            return;
        }
        names.push(group.name.clone());
        groups.push(group);
    });
    if names.is_empty() {
        (vec![String::new()], vec![Parameter::codebase("")])
    } else {
        (names, groups)
    }
}

/// The option `key`: a parameter of `kind`.
fn one(f: &mut Fields<'_, '_>, key: &str, kind: &str) -> Option<Parameter> {
    match f.value(key)? {
        Value::Table(table) if f.reader.object(&table).is_some_and(|o| o.kind == kind) => {
            Some(called(f, key, object(f.reader, &table)))
        }
        other => {
            let maker = kind.trim_end_matches("_parameter");
            let got = a_type(&other);
            let message = format!(
                "`{key}` of {} takes what ci.parameters.{maker} makes, not {got}.",
                f.owner
            );
            f.problem(key, message);
            None
        }
    }
}

/// Fills in the workers among which a form may choose: those of its scheduler's builders.
pub(super) fn fill_in_workers(config: &mut Config) {
    let workers_of: BTreeMap<&str, &[String]> =
        config.builders.iter().map(|b| (b.name.as_str(), &b.workers[..])).collect();
    for scheduler in &mut config.schedulers {
        let SchedulerKind::Force(force) = &mut scheduler.kind else { continue };
        let of_builders = scheduler.builders.iter().filter_map(|b| workers_of.get(b.as_str()));
        let names: BTreeSet<&String> = of_builders.copied().flatten().collect();
        let mut all = vec![ParameterKind::ANY_WORKER.to_owned()];
        all.extend(names.into_iter().cloned());
        for field in &mut force.fields {
            field.for_each_mut(&mut |field| {
                if let ParameterKind::Worker { choices } = &mut field.kind {
                    choices.clone_from(&all);
                    if field.default == "" {
                        field.default = ParameterKind::ANY_WORKER.into();
                    }
                }
            });
        }
    }
}
