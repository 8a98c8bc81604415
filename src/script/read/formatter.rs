//! `ci.formatters.*`: what a message says. A text is a template in Jinja's language, whose mistakes
//! are found here; a function gets the message's context; a renderable is rendered for the build.

use mlua::{Table, Value};

use super::{Reader, outline, render};
use crate::model::config::{Formatter, Logs, TextType, Wants, Words};
use crate::model::render::Renderable;
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;
use crate::template;

pub(super) const MESSAGE_OPTIONS: &[&str] = &[
    "template",
    "subject",
    "template_type",
    "context",
    "extra_info",
    "want_properties",
    "want_steps",
    "want_logs",
    "want_logs_content",
];
pub(super) const RAW_OPTIONS: &[&str] =
    &["f", "template_type", "want_properties", "want_steps", "want_logs", "want_logs_content"];
pub(super) const WORKER_OPTIONS: &[&str] = &["template", "subject", "template_type", "context"];

/// Whom a message is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A build, or what has one: renderables have something to look at.
    Build,
    /// A worker.
    Worker,
}

/// Reads a formatter; none when `table` is something else.
pub(super) fn read(reader: &Reader<'_>, table: &Table) -> Option<(About, Formatter)> {
    let object = reader.object(table)?;
    let (called, about) = match object.kind.as_str() {
        "message_formatter" => ("ci.formatters.message", About::Build),
        "raw_formatter" => ("ci.formatters.raw", About::Build),
        "missing_worker_formatter" => ("ci.formatters.missing_worker", About::Worker),
        _ => return None,
    };
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    called.clone_into(&mut f.owner);
    let nothing = Words::Template(String::new());
    let formatter = if called == "ci.formatters.raw" {
        let function = f.callback("f");
        if function.is_none() && f.raw("f").is_none() {
            f.missing("f");
        }
        Formatter {
            template_type: text_type(&mut f),
            wants: wants(&mut f),
            ..Formatter::text(function.map_or(nothing, Words::Whole))
        }
    } else {
        if f.raw("template").is_none() {
            f.missing("template");
        }
        Formatter {
            template: words(&mut f, "template", about).unwrap_or(nothing),
            subject: words(&mut f, "subject", about),
            template_type: text_type(&mut f),
            context: context(&mut f, about),
            extra_info: match about {
                About::Build => f.callback("extra_info"),
                About::Worker => None,
            },
            wants: match about {
                About::Build => wants(&mut f),
                About::Worker => Wants::default(),
            },
        }
    };
    f.finish();
    Some((about, formatter))
}

/// An option that takes a formatter, or what makes the text alone.
pub(super) fn option(f: &mut Fields<'_, '_>, key: &str, about: About) -> Option<Formatter> {
    let value = f.value(key)?;
    let Value::Table(table) = &value else { return words(f, key, about).map(Formatter::text) };
    if let Some((of, formatter)) = read(f.reader, table) {
        if of == about {
            return Some(formatter);
        }
        let kind = f.reader.object(table).map(|o| o.kind.replace('_', " ")).unwrap_or_default();
        let must = match about {
            About::Build => "a formatter of builds",
            About::Worker => "a formatter of workers (ci.formatters.missing_worker)",
        };
        f.problem(key, format!("`{key}` of {} must be {must}, not a {kind}.", f.owner));
        return None;
    }
    match f.reader.object(table).map(|object| object.kind) {
        Some(kind) if !render::KINDS.contains(&kind.as_str()) => {
            let words = kind.replace('_', " ");
            f.problem(key, format!("`{key}` of {} must be a formatter, not a {words}.", f.owner));
            None
        }
        _ => words(f, key, about).map(Formatter::text),
    }
}

/// What makes a text.
fn words(f: &mut Fields<'_, '_>, key: &str, about: About) -> Option<Words> {
    let value = f.value(key)?;
    match &value {
        Value::String(_) => {
            let source = f.text(key)?;
            if let Err(mistake) = template::check(&source) {
                let message = format!("`{key}` of {} is no template: {mistake}.", f.owner);
                let hint = "Templates are written in Jinja's language: {{ buildername }}, \
                            {% if results == 0 %}…{% endif %}."
                    .to_owned();
                f.problem_with(key, message, vec![hint]);
                return None;
            }
            Some(Words::Template(source))
        }
        Value::Function(function) => Some(Words::Function(f.keep(key, function))),
        Value::Table(table) if about == About::Build && f.reader.is_renderable(table) => {
            f.to_renderable(key, &value).map(Words::Renderable)
        }
        other => {
            let must = match about {
                About::Build => "a template, a function of the context or a renderable",
                About::Worker => "a template or a function of the context",
            };
            let got = a_type(other);
            f.problem(key, format!("`{key}` of {} must be {must}, not {got}.", f.owner));
            None
        }
    }
}

fn text_type(f: &mut Fields<'_, '_>) -> TextType {
    let known = TextType::ALL.map(TextType::word);
    let Some(word) = f.text("template_type") else { return TextType::default() };
    outline::check::one_of(f, "template_type", &word, &known);
    TextType::from_word(&word).unwrap_or_default()
}

/// More names for the template.
fn context(f: &mut Fields<'_, '_>, about: About) -> Option<Renderable> {
    if about == About::Worker {
        let data = f.data("context");
        let more = serde_json::Value::Object(data.into_iter().collect());
        return Some(Renderable::Constant(more));
    }
    let value = f.value("context")?;
    if matches!(value, Value::Table(_) | Value::Function(_)) {
        return f.to_renderable("context", &value);
    }
    let (owner, got) = (&f.owner, a_type(&value));
    let message = format!("`context` of {owner} must be a table of names and values, not {got}.");
    f.problem("context", message);
    None
}

fn wants(f: &mut Fields<'_, '_>) -> Wants {
    Wants {
        want_properties: f.boolean("want_properties", true),
        want_steps: f.boolean("want_steps", false),
        want_logs: f.boolean("want_logs", false),
        want_logs_content: logs(f, "want_logs_content"),
    }
}

/// True for all logs, or their names.
pub(super) fn logs(f: &mut Fields<'_, '_>, key: &str) -> Logs {
    match f.value(key) {
        Some(Value::Table(_) | Value::String(_)) => f.texts(key).map_or(Logs::None, Logs::Named),
        _ if f.boolean(key, false) => Logs::All,
        _ => Logs::None,
    }
}
