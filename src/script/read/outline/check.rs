//! The checks that outlines are made of: what an option must look like, each a function.

use mlua::Value;

use super::{Check, Entry};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;
use crate::script::read::{filter, scheduler};

/// The options that every object with a name has.
pub(in crate::script::read) const NAMED: &[Entry] = &[("name", name), ("data", anything)];

/// The name, which must be there; messages say it from then on.
pub(in crate::script::read) fn name(f: &mut Fields<'_, '_>, _: &'static str) {
    f.name();
}

/// What the engine never reads.
pub(in crate::script::read) fn anything(f: &mut Fields<'_, '_>, key: &'static str) {
    f.know([key]);
}

/// Must be given; the check of its value follows.
pub(in crate::script::read) fn need(f: &mut Fields<'_, '_>, key: &'static str, check: Check) {
    let is_broken = |v: &Value, f: &Fields<'_, '_>| f.reader.is_broken(v);
    if f.value(key).is_none() && f.raw(key).is_none_or(|v| !is_broken(&v, f)) {
        f.missing(key);
    }
    check(f, key);
}

pub(in crate::script::read) fn text(f: &mut Fields<'_, '_>, key: &'static str) {
    f.text(key);
}

pub(in crate::script::read) fn need_text(f: &mut Fields<'_, '_>, key: &'static str) {
    f.required_text(key);
}

pub(in crate::script::read) fn texts(f: &mut Fields<'_, '_>, key: &'static str) {
    f.texts(key);
}

pub(in crate::script::read) fn secret(f: &mut Fields<'_, '_>, key: &'static str) {
    f.secret(key);
}

pub(in crate::script::read) fn need_secret(f: &mut Fields<'_, '_>, key: &'static str) {
    f.required_secret(key);
}

pub(in crate::script::read) fn boolean(f: &mut Fields<'_, '_>, key: &'static str) {
    f.boolean(key, false);
}

pub(in crate::script::read) fn seconds(f: &mut Fields<'_, '_>, key: &'static str) {
    f.seconds(key);
}

/// A whole number from zero up.
pub(in crate::script::read) fn count(f: &mut Fields<'_, '_>, key: &'static str) {
    f.integer(key, 0..=i64::MAX);
}

/// A whole number from one up.
pub(in crate::script::read) fn positive(f: &mut Fields<'_, '_>, key: &'static str) {
    f.integer(key, 1..=i64::MAX);
}

pub(in crate::script::read) fn port(f: &mut Fields<'_, '_>, key: &'static str) {
    f.integer(key, 1..=65535);
}

pub(in crate::script::read) fn callback(f: &mut Fields<'_, '_>, key: &'static str) {
    f.callback(key);
}

pub(in crate::script::read) fn need_callback(f: &mut Fields<'_, '_>, key: &'static str) {
    need(f, key, callback);
}

pub(in crate::script::read) fn data(f: &mut Fields<'_, '_>, key: &'static str) {
    f.data(key);
}

pub(in crate::script::read) fn renderable(f: &mut Fields<'_, '_>, key: &'static str) {
    f.renderable(key);
}

pub(in crate::script::read) fn patterns(f: &mut Fields<'_, '_>, key: &'static str) {
    filter::patterns(f, key);
}

pub(in crate::script::read) fn builders(f: &mut Fields<'_, '_>, key: &'static str) {
    let named = f.names(key, &["builder"]).unwrap_or_default();
    f.refer(key, "builder", named);
}

pub(in crate::script::read) fn schedulers(f: &mut Fields<'_, '_>, key: &'static str) {
    let named = f.names(key, scheduler::KINDS).unwrap_or_default();
    f.refer(key, "scheduler", named);
}

/// A URL of the web.
pub(in crate::script::read) fn url(f: &mut Fields<'_, '_>, key: &'static str) {
    let Some(text) = f.text(key) else { return };
    if !text.starts_with("http://") && !text.starts_with("https://") {
        let owner = &f.owner;
        let message =
            format!("`{key}` of {owner} must begin with http:// or https://, not {text:?}.");
        f.problem(key, message);
    }
}

pub(in crate::script::read) fn need_url(f: &mut Fields<'_, '_>, key: &'static str) {
    need(f, key, url);
}

/// One of `choices`.
pub(in crate::script::read) fn choice(f: &mut Fields<'_, '_>, key: &'static str, choices: &[&str]) {
    let Some(text) = f.text(key) else { return };
    one_of(f, key, &text, choices);
}

/// Each one of `choices`.
pub(in crate::script::read) fn choices(
    f: &mut Fields<'_, '_>,
    key: &'static str,
    choices: &[&str],
) {
    for text in f.texts(key).unwrap_or_default() {
        one_of(f, key, &text, choices);
    }
}

/// `text` must be one of `choices`.
pub(in crate::script::read) fn one_of(f: &Fields<'_, '_>, key: &str, text: &str, choices: &[&str]) {
    if choices.contains(&text) {
        return;
    }
    let message = format!("`{key}` of {} cannot be {text:?}.", f.owner);
    let near = crate::base::text::nearest(text, choices.iter().copied());
    let hint = match near {
        Some(near) => format!("Did you mean {near:?}?"),
        None => format!("It can be {}.", quoted(choices)),
    };
    f.problem_at(key, text, message, vec![hint]);
}

fn quoted(choices: &[&str]) -> String {
    let words: Vec<String> = choices.iter().map(|c| format!("{c:?}")).collect();
    words.join(", ")
}

/// A text or a function.
pub(in crate::script::read) fn text_or_function(f: &mut Fields<'_, '_>, key: &'static str) {
    match f.value(key) {
        Some(Value::Function(function)) => {
            f.keep(key, &function);
        }
        Some(_) => text(f, key),
        None => {}
    }
}

/// Names and texts.
pub(in crate::script::read) fn text_map(f: &mut Fields<'_, '_>, key: &'static str) {
    for (name, value) in f.data(key) {
        if !value.is_string() {
            let owner = &f.owner;
            f.problem(&name, format!("`{name}` in `{key}` of {owner} must be a string."));
        }
    }
}

/// Names and texts that may depend on the build.
pub(in crate::script::read) fn renderable_map(f: &mut Fields<'_, '_>, key: &'static str) {
    let Some(value) = f.value(key) else { return };
    match &value {
        Value::Table(_) | Value::Function(_) => {
            f.to_renderable(key, &value);
        }
        other => {
            let message = format!(
                "`{key}` of {} must be a table of names and values, not {}.",
                f.owner,
                a_type(other)
            );
            f.problem(key, message);
        }
    }
}

/// Names, each with a password.
pub(in crate::script::read) fn passwords(f: &mut Fields<'_, '_>, key: &'static str) {
    let owner = format!("`{key}` of {}", f.owner);
    let Some(mut given) = f.nested(key, "passwords", &owner) else { return };
    for name in given.given() {
        given.secret(&name);
    }
    given.finish();
}

/// Addresses of mail.
pub(in crate::script::read) fn addresses(f: &mut Fields<'_, '_>, key: &'static str) {
    for text in f.texts(key).unwrap_or_default() {
        address_of(f, key, &text);
    }
}

/// An address of mail.
pub(in crate::script::read) fn address(f: &mut Fields<'_, '_>, key: &'static str) {
    if let Some(text) = f.text(key) {
        address_of(f, key, &text);
    }
}

fn address_of(f: &Fields<'_, '_>, key: &str, text: &str) {
    let bare = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => text,
    };
    let is_one = bare.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !bare.contains(char::is_whitespace)
    });
    if !is_one {
        let message = format!("`{key}` of {} is not a mail address: {text:?}.", f.owner);
        f.problem_at(key, text, message, Vec::new());
    }
}

/// Two options of which at most one may be given.
pub(in crate::script::read) fn not_both(f: &mut Fields<'_, '_>, one: &str, other: &str) {
    if f.value(one).is_some() && f.value(other).is_some() {
        let message = format!("{} takes `{one}` or `{other}`, not both.", f.owner);
        f.problem(other, message);
    }
}
