//! Force schedulers: their forms as the data API describes them, and what a filled-in form means.
//! The page's dialog, REST clients and the CLI are all checked by [`fill_in`].

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::api::path::integer;
use crate::engine::input::Force;
use crate::model::config::{
    Checked, Config, ForceScheduler, Group, Parameter, ParameterKind, SchedulerConfig,
    SchedulerKind, Validation,
};
use crate::model::sourcestamp::{NewPatch, Sourcestamp};

/// Every force scheduler as a `forceschedulers` element; `switched` says which are on.
#[must_use]
pub fn all(config: &Config, switched: &[(String, bool)]) -> Vec<Json> {
    let element = |scheduler: &SchedulerConfig| {
        let SchedulerKind::Force(force) = &scheduler.kind else { return None };
        let enabled = switched.iter().find(|(n, _)| *n == scheduler.name).is_none_or(|(_, on)| *on);
        Some(json!({
            "all_fields": force.fields.iter().map(Parameter::described).collect::<Vec<_>>(),
            "builder_names": scheduler.builders,
            "button_name": force.button_name,
            "enabled": enabled,
            "label": force.label,
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
        _ => None,
    }
}

/// What is wrong with a form, by full name of the field.
pub type FormErrors = BTreeMap<String, String>;

/// Reads a filled-in form: values by full name, as JSON clients and HTML forms send them.
/// `validation` is the configuration's; `user` is who is logged in; without one the form's own
/// `username` is the owner.
///
/// # Errors
/// Every wrong field, with what is wrong.
pub fn fill_in(
    scheduler: &SchedulerConfig,
    force: &ForceScheduler,
    builders: Vec<String>,
    values: &Map<String, Json>,
    validation: &Validation,
    user: Option<&str>,
) -> Result<Force, FormErrors> {
    let mut reader = FormReader { values, validation, user, errors: FormErrors::new() };
    let mut wish = Force { scheduler: scheduler.name.clone(), builders, ..Force::default() };
    let mut username = String::new();
    for field in &force.fields {
        match &field.kind {
            ParameterKind::Nested { fields, group: Group::Order, .. } => {
                for field in fields {
                    let value = reader.value(field);
                    match field.name.as_str() {
                        "username" => username = text(&value),
                        "reason" => wish.reason = text(&value),
                        _ => wish.priority = value.as_i64().unwrap_or(0),
                    }
                }
            }
            ParameterKind::Nested { fields, group: Group::Codebase, .. } => {
                wish.sourcestamps.push(reader.sourcestamp(&field.name, fields));
                wish.patches.extend(reader.patch(&field.name, fields));
            }
            _ => reader.properties(field, &mut wish.properties),
        }
    }
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    wish.owner = user.map_or(username, str::to_owned);
    Ok(wish)
}

/// A filled-in form.
struct FormReader<'a> {
    values: &'a Map<String, Json>,
    validation: &'a Validation,
    user: Option<&'a str>,
    errors: FormErrors,
}

impl FormReader<'_> {
    /// The sources of a codebase; an empty branch or revision is the repository's own choice.
    fn sourcestamp(&mut self, codebase: &str, fields: &[Parameter]) -> Sourcestamp {
        let mut stamp = Sourcestamp { codebase: codebase.to_owned(), ..Sourcestamp::default() };
        let is_patch =
            |f: &&Parameter| matches!(f.kind, ParameterKind::Nested { group: Group::Patch, .. });
        for field in fields.iter().filter(|f| !is_patch(f)) {
            let value = text(&self.value(field));
            match field.name.as_str() {
                "branch" => {
                    self.check(Checked::Branch, field, &value);
                    stamp.branch = Some(value).filter(|t| !t.is_empty());
                }
                "revision" => {
                    self.check(Checked::Revision, field, &value);
                    stamp.revision = Some(value).filter(|t| !t.is_empty());
                }
                "repository" => stamp.repository = value,
                _ => stamp.project = value,
            }
        }
        stamp
    }

    /// The patch of a codebase, if its form asks for one and somebody gave it.
    fn patch(&mut self, codebase: &str, fields: &[Parameter]) -> Option<(String, NewPatch)> {
        let fields = fields.iter().find_map(|field| match &field.kind {
            ParameterKind::Nested { group: Group::Patch, fields, .. } => Some(fields),
            _ => None,
        })?;
        let mut patch = NewPatch::default();
        for field in fields {
            let value = self.value(field);
            match field.name.as_str() {
                "body" => patch.body = text(&value).into_bytes(),
                "level" => match value.as_i64().map(u32::try_from) {
                    Some(Ok(level)) => patch.level = level,
                    _ => self.wrong(field, format!("{value} is no level of a patch")),
                },
                "author" => patch.author = text(&value),
                "comment" => patch.comment = text(&value),
                _ => {
                    let subdir = text(&value);
                    let subdir = subdir.trim_end_matches('/').trim_start_matches("./");
                    let subdir = if subdir == "." { "" } else { subdir };
                    if !NewPatch::is_subdir(subdir) {
                        self.wrong(field, format!("'{subdir}' is no folder below the source"));
                    }
                    subdir.clone_into(&mut patch.subdir);
                }
            }
        }
        // Browsers end lines in their own way.
        if patch.body.windows(2).any(|pair| pair == b"\r\n") {
            patch.body =
                text(&String::from_utf8_lossy(&patch.body).replace("\r\n", "\n").into()).into();
        }
        (!patch.body.is_empty()).then(|| (codebase.to_owned(), patch))
    }

    /// What a field adds to the properties.
    fn properties(&mut self, field: &Parameter, out: &mut BTreeMap<String, Json>) {
        match &field.kind {
            ParameterKind::Nested { fields, group: Group::AnyProperty, .. } => {
                let [name_field, value_field] = &fields[..] else { return };
                let name = text(&self.value(name_field));
                let value = self.value(value_field);
                if !name.is_empty() {
                    self.check(Checked::PropertyName, name_field, &name);
                    self.check(Checked::PropertyValue, value_field, &text(&value));
                    out.insert(name, value);
                }
            }
            ParameterKind::Nested { fields, .. } => {
                let mut inner = BTreeMap::new();
                for field in fields {
                    self.properties(field, &mut inner);
                }
                if field.name.is_empty() {
                    out.extend(inner);
                } else {
                    out.insert(field.name.clone(), Json::Object(inner.into_iter().collect()));
                }
            }
            ParameterKind::Worker { .. } => {
                let value = self.value(field);
                if value != ParameterKind::ANY_WORKER && value != "" {
                    out.insert(field.name.clone(), value);
                }
            }
            _ => {
                let value = self.value(field);
                out.insert(field.name.clone(), value);
            }
        }
    }

    /// The value of a field, checked; what is wrong is noted.
    fn value(&mut self, field: &Parameter) -> Json {
        if matches!(field.kind, ParameterKind::Fixed) {
            return field.default.clone();
        }
        let given: Vec<&Json> = match self.values.get(&field.full_name) {
            Some(Json::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let is_said = |v: &&Json| !v.is_null() && v.as_str().is_none_or(|t| !t.trim().is_empty());
        let given: Vec<&Json> = given.into_iter().filter(is_said).collect();
        if given.is_empty() {
            if field.required {
                self.wrong(field, format!("'{}' needs to be specified", field.label));
            }
            return field.default.clone();
        }
        if matches!(field.kind, ParameterKind::Boolean) {
            // A browser sends nothing for an empty box, so our form sends "false" before it.
            let is_yes = |v: &&Json| v.as_bool() == Some(true) || v.as_str() == Some("true");
            return given.iter().any(is_yes).into();
        }
        let taken = if field.multiple { &given[..] } else { &given[..1] };
        let mut values = Vec::new();
        for value in taken {
            match self.one(field, value) {
                Ok(value) => values.push(value),
                Err(what) => self.wrong(field, what),
            }
        }
        if field.multiple { Json::Array(values) } else { values.pop().unwrap_or_default() }
    }

    fn one(&self, field: &Parameter, value: &Json) -> Result<Json, String> {
        let label = &field.label;
        let given = match value {
            Json::String(text)
                if matches!(field.kind, ParameterKind::Area { .. } | ParameterKind::File) =>
            {
                text.clone()
            }
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            other => return Err(format!("{label}: {other} is not text")),
        };
        if let Some(regex) = &field.regex
            && regex.find(&given).is_none_or(|found| found.start() != 0)
        {
            return Err(format!("{label}:'{given}' does not match pattern '{regex}'"));
        }
        let length = given.chars().count() as u64;
        if let Some(most) = field.max_size.filter(|most| length > *most) {
            return Err(format!("{label}: is too large {length} > {most}"));
        }
        match &field.kind {
            ParameterKind::Int { .. } => integer(&given)
                .map(Json::from)
                .ok_or_else(|| format!("invalid literal for int() with base 10: '{given}'")),
            ParameterKind::Choice { choices, strict: true } | ParameterKind::Worker { choices }
                if !choices.contains(&given) =>
            {
                let choices: Vec<String> = choices.iter().map(|c| format!("'{c}'")).collect();
                Err(format!(
                    "'{given}' does not belong to list of available choices '[{}]'",
                    choices.join(", ")
                ))
            }
            ParameterKind::Username { need_email: true, .. }
                if self.user.is_none() && !is_person(&given) =>
            {
                Err(format!(
                    "{}: please fill in email address in the form 'User <email@email.com>'",
                    field.name
                ))
            }
            _ => Ok(given.into()),
        }
    }

    /// What the configuration says of texts of a kind, whatever the field itself says.
    fn check(&mut self, checked: Checked, field: &Parameter, given: &str) {
        if let Some(why) = self.validation.refusal(checked, given) {
            let label = field.label.trim_end_matches(':');
            self.wrong(field, format!("{label}: {why}"));
        }
    }

    fn wrong(&mut self, field: &Parameter, what: String) {
        self.errors.insert(field.full_name.clone(), what);
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_person(text: &str) -> bool {
    let address = text.split_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    address.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !address.contains(char::is_whitespace)
    })
}
