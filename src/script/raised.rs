//! An error that Lua raised, as people read it: the message without Lua's own decoration, the nearest
//! place in the user's files, and who called whom there. The same for a load and for a callback.

use mlua::{Lua, Value};

use super::budget::Fatal;
use crate::base::text::shorten;
use crate::engine::ports::ScriptError;
use crate::model::config::Site;

/// The longest message that is shown, in characters.
const LONGEST: usize = 2000;
/// The most places of a trace.
const MOST_FRAMES: usize = 12;

/// What Lua says when something waits inside a function of its C library.
const YIELDED_IN_C: &str = "attempt to yield across a C-call boundary";
/// How Lua names what has no name, and how people do.
const ELEMENTS: &[(&str, &str)] = &[
    ("(field 'integer index')", "(an element of a list)"),
    ("(field '?')", "(the element in the brackets)"),
    ("(for iterator 'for iterator')", "(what `for … in` walks)"),
];
/// The local variable of `globals.lua` that holds a file that is run; Lua names calls by it.
const FILE_ITSELF: &str = "file_itself";
/// The same for people.
pub(super) const CANNOT_WAIT: &str =
    "nothing may wait inside `table.sort`, `__tostring` and the like; do it before.";

/// An error of Lua.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raised {
    pub(super) message: String,
    /// The nearest place in the user's files.
    pub(super) site: Option<Site>,
    /// What was called there when it was raised: a function by its name, an operator as `__add`.
    pub(super) called: Option<String>,
    /// `at FILE:LINE in FUNCTION`, innermost first, when more than one place took part.
    pub(super) trace: Vec<String>,
    pub(super) is_syntax: bool,
}

impl Raised {
    pub(super) fn from(error: &mlua::Error) -> Self {
        let (message, traceback) = described(error);
        let traceback = traceback.unwrap_or_default();
        let frames: Vec<(Site, String)> = traceback.lines().filter_map(user_frame).collect();
        let is_syntax = is_syntax(error);
        let (site, message) = match (Fatal::of(error), place(&message)) {
            (Some(Fatal::Overrun(_, site) | Fatal::TooDeep(site)), _) => {
                (Some(site.clone()).filter(|s| !s.file.is_empty()), message)
            }
            (None, Some((site, rest))) if is_embedded(&site.file) => (None, rest.to_owned()),
            (None, Some((site, rest))) => (Some(site), rest.to_owned()),
            _ => (None, message),
        };
        let site = site.or_else(|| frames.first().map(|(site, _)| site.clone()));
        let called = site.as_ref().and_then(|site| called(&traceback, site));
        let trace = if frames.len() > 1 { trace(&frames) } else { Vec::new() };
        Self { message: shortened(&message), site, called, trace, is_syntax }
    }

    /// The place and the message in one line, without a full stop.
    pub(super) fn line(&self) -> String {
        let message = self.message.trim_end_matches('.');
        self.site.as_ref().map_or_else(|| message.to_owned(), |site| format!("{site}: {message}"))
    }
}

/// What was raised, with who called whom, before the calls are left.
pub(super) fn traced(lua: &Lua, error: Value) -> mlua::Result<Value> {
    // An error of Rust's has them already.
    if matches!(error, Value::Error(_)) {
        return Ok(error);
    }
    let text = lua.traceback(Some(&error.to_string()?), 1)?;
    Ok(Value::Error(Box::new(mlua::Error::RuntimeError(text.to_string_lossy()))))
}

fn trace(frames: &[(Site, String)]) -> Vec<String> {
    let mut out: Vec<String> =
        frames.iter().map(|(site, function)| format!("at {site} in {function}")).collect();
    if out.len() > MOST_FRAMES {
        let left_out = out.len() - MOST_FRAMES;
        let tail = out.split_off(out.len() - MOST_FRAMES / 2);
        out.truncate(MOST_FRAMES / 2);
        out.push(format!("… {left_out} more"));
        out.extend(tail);
    }
    out
}

/// `text` cut to what people can read.
pub(super) fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.to_owned();
    }
    format!("{} ({count} characters)", shorten(text, LONGEST))
}

/// A failed callback; `site` is where the function stands.
pub(super) fn script_error(error: &mlua::Error, site: &Site) -> ScriptError {
    if let Some(Fatal::Failed(text)) = Fatal::of(error) {
        return ScriptError { message: text.clone(), site: Some(site.clone()), is_failure: true };
    }
    if let Some(inner) = inner_script_error(error) {
        return inner.clone();
    }
    let raised = Raised::from(error);
    let mut message = raised.message;
    for line in raised.trace {
        message.push_str("\n  ");
        message.push_str(&line);
    }
    let site = Some(raised.site.unwrap_or_else(|| site.clone()));
    ScriptError { message, site, is_failure: false }
}

/// The error of a call within a call.
fn inner_script_error(error: &mlua::Error) -> Option<&ScriptError> {
    match error {
        mlua::Error::CallbackError { cause, .. } => inner_script_error(cause),
        mlua::Error::ExternalError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

fn is_syntax(error: &mlua::Error) -> bool {
    match error {
        mlua::Error::SyntaxError { .. } => true,
        mlua::Error::CallbackError { cause, .. } => is_syntax(cause),
        _ => false,
    }
}

fn described(error: &mlua::Error) -> (String, Option<String>) {
    match error {
        mlua::Error::RuntimeError(text) => match text.split_once("\nstack traceback:") {
            Some((message, traceback)) => (value_said(message), Some(traceback.to_owned())),
            None => (value_said(text), None),
        },
        mlua::Error::SyntaxError { message, .. } => (message.clone(), None),
        mlua::Error::CallbackError { traceback, cause } => {
            let (message, inner) = described(cause);
            (message, inner.or_else(|| Some(traceback.clone())))
        }
        mlua::Error::MemoryError(_) => {
            ("needs more memory than `memory_bytes` in c.limits allows.".to_owned(), None)
        }
        mlua::Error::BadArgument { cause, .. } => (bad_argument(cause), None),
        other => (other.to_string(), None),
    }
}

/// What a function of ours says of an argument of the wrong type. Which one is left out: Lua counts
/// the object of a method, and people do not.
fn bad_argument(cause: &mlua::Error) -> String {
    let mlua::Error::FromLuaConversionError { from, to, .. } = cause else {
        return cause.to_string();
    };
    let wanted = match to.as_str() {
        "String" | "string" | "LuaString" => "a string",
        "Table" | "table" => "a table",
        "Function" | "function" => "a function",
        "f64" | "i64" | "u64" | "u32" | "usize" => "a number",
        other => other,
    };
    let article = if *from == "nil" { "" } else { "a " };
    format!("expected {wanted} as argument, not {article}{from}.")
}

/// The message of an error; one that is no text is told for what it is.
fn value_said(message: &str) -> String {
    if message == YIELDED_IN_C {
        return CANNOT_WAIT.to_owned();
    }
    let kind = message.split_once(": 0x").map(|(kind, _)| kind);
    match kind {
        Some(kind @ ("table" | "function" | "thread" | "userdata")) => {
            format!("a {kind} was raised as an error; raise a text: error \"what is wrong\".")
        }
        _ if message == "nil" => {
            "nil was raised as an error; raise a text: error \"what is wrong\".".to_owned()
        }
        _ if message.trim().is_empty() => "an error without a message was raised.".to_owned(),
        _ => ELEMENTS.iter().fold(message.to_owned(), |text, (lua, ours)| text.replace(lua, ours)),
    }
}

/// `FILE:LINE: rest` at the start of a message.
fn place(message: &str) -> Option<(Site, &str)> {
    let (head, rest) = message.split_once(": ")?;
    let (file, line) = head.rsplit_once(':')?;
    let line = line.parse().ok()?;
    (!file.contains('\n')).then(|| (Site { file: file.into(), line }, rest))
}

fn is_embedded(file: &str) -> bool {
    file.starts_with("ci/") || file == "ci.lua" || file.starts_with(['[', '_', '('])
}

/// What was called at `site`, by a traceback.
fn called(traceback: &str, site: &Site) -> Option<String> {
    let is_there = |line: &str| user_frame(line).is_some_and(|(place, _)| place == *site);
    let user = traceback.lines().position(is_there)?;
    let inner = traceback.lines().nth(user.checked_sub(1)?)?;
    let name = inner.split('\'').nth(1).filter(|name| !name.is_empty() && *name != "?")?;
    let mark = if inner.contains("in metamethod '") { "__" } else { "" };
    // Lua names a global by its table, which people do not write.
    Some(format!("{mark}{}", name.strip_prefix("_G.").unwrap_or(name)))
}

/// A line of a traceback that is in a user's file: where, and in which function.
fn user_frame(line: &str) -> Option<(Site, String)> {
    let (site, rest) = place(line.trim())?;
    if is_embedded(&site.file) {
        return None;
    }
    let function = rest.strip_prefix("in ").unwrap_or(rest);
    let named = function.split('\'').nth(1).filter(|name| !name.is_empty() && *name != "?");
    let function = match named {
        Some(FILE_ITSELF) => "the file itself".to_owned(),
        Some(name) => name.to_owned(),
        None if function == "main chunk" => "the file itself".to_owned(),
        None => match function.rsplit_once(':') {
            Some((_, line)) => format!("the function of line {}", line.trim_end_matches('>')),
            None => "a function".to_owned(),
        },
    };
    Some((site, function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_user_are_kept_and_named() {
        let text = "m.lua:3: boom\nstack traceback:\n\t[C]: in function 'error'\n\t\
                    ci/strict/errors.lua:9: in function 'pcall'\n\tm.lua:3: in upvalue 'inner'\n\t\
                    m.lua:7: in function <m.lua:5>\n\tm.lua:12: in main chunk";
        let raised = Raised::from(&mlua::Error::RuntimeError(text.to_owned()));
        assert_eq!(raised.message, "boom");
        assert_eq!(raised.site.unwrap().to_string(), "m.lua:3");
        assert_eq!(raised.called.as_deref(), Some("pcall"));
        assert_eq!(
            raised.trace,
            [
                "at m.lua:3 in inner",
                "at m.lua:7 in the function of line 5",
                "at m.lua:12 in the file itself"
            ]
        );
    }

    #[test]
    fn a_deep_recursion_is_told_in_a_dozen_lines() {
        let frames: Vec<_> =
            (1..=50).map(|line| (Site { file: "m.lua".into(), line }, "f".to_owned())).collect();
        let lines = trace(&frames);
        assert_eq!(lines.len(), MOST_FRAMES + 1);
        assert_eq!(lines[MOST_FRAMES / 2], "… 38 more");
        assert_eq!(lines[MOST_FRAMES], "at m.lua:50 in f");
    }
}
