//! Force schedulers: their forms as the data API describes them, and what a filled-in form means.
//! The page's dialog, REST clients and the CLI are all checked by [`fill_in`].

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::api::path::integer;
use crate::engine::input::Force;
use crate::model::config::{Config, ForceScheduler, SchedulerConfig, SchedulerKind};
use crate::model::sourcestamp::Sourcestamp;

/// What a codebase's part of a form asks for.
const SOURCE: [&str; 4] = ["branch", "revision", "repository", "project"];

/// Every force scheduler as a `forceschedulers` element; `switched` says which are on.
#[must_use]
pub fn all(config: &Config, switched: &[(String, bool)]) -> Vec<Json> {
    let element = |scheduler: &SchedulerConfig| {
        let SchedulerKind::Force(force) = &scheduler.kind else { return None };
        let enabled = switched.iter().find(|(n, _)| *n == scheduler.name).is_none_or(|(_, on)| *on);
        Some(json!({
            "all_fields": fields(force),
            "builder_names": scheduler.builders,
            "button_name": force.button_name,
            "enabled": enabled,
            "label": scheduler.name,
            "name": scheduler.name,
        }))
    };
    config.schedulers.iter().filter_map(element).collect()
}

/// The force scheduler called `name`.
#[must_use]
pub fn find<'a>(
    config: &'a Config,
    name: &str,
) -> Option<(&'a SchedulerConfig, &'a ForceScheduler)> {
    let scheduler = config.scheduler(name)?;
    match &scheduler.kind {
        SchedulerKind::Force(force) => Some((scheduler, force)),
        SchedulerKind::Branch(_) | SchedulerKind::Scripted(_) => None,
    }
}

fn fields(force: &ForceScheduler) -> Vec<Json> {
    let mut out = vec![group(
        "",
        vec![
            field(
                "username",
                "username",
                "your name:",
                "username",
                &json!(""),
                &json!({
                "need_email": true, "size": 80 }),
            ),
            field(
                "reason",
                "reason",
                "reason:",
                "text",
                &json!(force.reason_default),
                &json!({
                "size": 20 }),
            ),
            field("priority", "priority", "priority:", "int", &json!(0), &json!({ "size": 10 })),
        ],
    )];
    for codebase in &force.codebases {
        let parts = SOURCE
            .iter()
            .map(|part| {
                let full = full_name(codebase, part);
                field(part, &full, &format!("{part}:"), "text", &json!(""), &json!({ "size": 80 }))
            })
            .collect();
        out.push(group(codebase, parts));
    }
    out
}

fn full_name(codebase: &str, part: &str) -> String {
    if codebase.is_empty() { part.to_owned() } else { format!("{codebase}_{part}") }
}

fn group(name: &str, children: Vec<Json>) -> Json {
    let full = if name.is_empty() { Json::Null } else { json!(name) };
    let mut group = field(
        name,
        "",
        name,
        "nested",
        &json!(""),
        &json!({
        "columns": 1, "layout": "vertical" }),
    );
    group["fullName"] = full;
    group["fields"] = Json::from(children);
    group
}

fn field(name: &str, full: &str, label: &str, kind: &str, default: &Json, more: &Json) -> Json {
    let mut out = json!({
        "autopopulate": null, "default": default, "fullName": full, "hide": false, "label": label,
        "maxsize": null, "multiple": false, "name": name, "regex": null, "required": false,
        "tablabel": label, "tooltip": "", "type": kind,
    });
    if let (Json::Object(out), Json::Object(more)) = (&mut out, more) {
        out.extend(more.clone());
    }
    out
}

/// What is wrong with a form, by full name of the field.
pub type FormErrors = BTreeMap<String, String>;

/// Reads a filled-in form: values by full name, as JSON clients and HTML forms send them. `user` is
/// who is logged in; without one the form's own `username` is the owner.
///
/// # Errors
/// Every wrong field, with what is wrong.
pub fn fill_in(
    scheduler: &SchedulerConfig,
    force: &ForceScheduler,
    builders: Vec<String>,
    values: &serde_json::Map<String, Json>,
    user: Option<&str>,
) -> Result<Force, FormErrors> {
    let mut errors = FormErrors::new();
    let mut text = |name: &str, default: &str| match values.get(name).map(first) {
        None | Some(Json::Null) => default.to_owned(),
        Some(Json::String(text)) if text.trim().is_empty() => default.to_owned(),
        Some(Json::String(text)) => text.trim().to_owned(),
        Some(Json::Number(number)) => number.to_string(),
        Some(other) => {
            errors.insert(name.to_owned(), format!("{name}: {other} is not text"));
            String::new()
        }
    };
    let reason = text("reason", &force.reason_default);
    let username = text("username", "");
    let priority = text("priority", "0");
    let sourcestamps: Vec<Sourcestamp> = force
        .codebases
        .iter()
        .map(|codebase| {
            let mut part = |part: &str| text(&full_name(codebase, part), "");
            Sourcestamp {
                // An empty branch or revision is the repository's own choice, which is "none".
                branch: Some(part("branch")).filter(|t| !t.is_empty()),
                revision: Some(part("revision")).filter(|t| !t.is_empty()),
                repository: part("repository"),
                project: part("project"),
                codebase: codebase.clone(),
            }
        })
        .collect();
    let priority = integer(&priority).unwrap_or_else(|| {
        let problem = format!("invalid literal for int() with base 10: '{priority}'");
        errors.insert("priority".to_owned(), problem);
        0
    });
    if user.is_none() && !username.is_empty() && !is_person(&username) {
        errors.insert(
            "username".to_owned(),
            "username: please fill in email address in the form 'User <email@email.com>'"
                .to_owned(),
        );
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Force {
        scheduler: scheduler.name.clone(),
        builders,
        reason,
        owner: user.map_or(username, str::to_owned),
        sourcestamps,
        properties: BTreeMap::new(),
        priority,
    })
}

/// Clients wrap values into lists; the first one counts.
fn first(value: &Json) -> &Json {
    match value {
        Json::Array(list) => list.first().unwrap_or(&Json::Null),
        other => other,
    }
}

fn is_person(text: &str) -> bool {
    let address = text.split_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    address.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !address.contains(char::is_whitespace)
    })
}
