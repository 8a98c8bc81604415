//! `ci.regex` and `ci.glob`: searches whose time grows with the text only. A Lua object holds the
//! pattern's text; what is compiled stays here, a bounded number of it, so that no configuration fills
//! the memory where Lua's limit does not reach.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use mlua::{IntoLuaMulti as _, Lua, LuaString, MultiValue, Table, Value};
use regex::bytes::{Regex, RegexBuilder};

use super::wrong;
use crate::base::wildcard;
use crate::script::budget::Budget;

/// How many compiled patterns are kept.
const MOST_KEPT: usize = 64;
/// The largest compiled pattern, in bytes; and smaller ones, to know what a search costs at worst.
const SIZES: [usize; 4] = [1 << 14, 1 << 16, 1 << 18, 1 << 20];
/// Size of the pattern times length of the text: what the slowest search takes seconds for.
const MOST_WORK: usize = 1 << 38;
/// Longest pattern, in bytes.
const LONGEST: usize = 1 << 16;

struct Compiled {
    regex: Regex,
    /// The longest text that it is used on.
    longest: usize,
}

/// Pattern and flags, and what they compile to; the last used first.
type Kept = RefCell<VecDeque<((String, String), Rc<Compiled>)>>;

fn compile(pattern: &str, flags: &str) -> mlua::Result<Compiled> {
    if pattern.len() > LONGEST {
        return Err(mlua::Error::runtime(format!(
            "a regular expression has at most {} KiB, not {} bytes.",
            LONGEST >> 10,
            pattern.len()
        )));
    }
    let mut builder = RegexBuilder::new(pattern);
    for flag in flags.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            other => {
                return Err(mlua::Error::runtime(format!(
                    "ci.regex has no flag `{other}`. It has i (any case), m (^ and $ at each line), \
                     s (. is also a new line), x (white space is left out)."
                )));
            }
        };
    }
    for size in SIZES {
        match builder.size_limit(size).dfa_size_limit(SIZES[3]).build() {
            Ok(regex) => return Ok(Compiled { regex, longest: MOST_WORK / size }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => {
                let drawing = error.to_string();
                let what = explained(&drawing);
                return Err(mlua::Error::runtime(format!(
                    "{pattern:?} is no regular expression: {what}."
                )));
            }
        }
    }
    Err(mlua::Error::runtime("this regular expression is too large; repeat less in it."))
}

/// The last line of the crate's drawing, with the pattern above it left out.
fn explained(error: &str) -> &str {
    let last = error.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).trim_end_matches('.')
}

fn kept(all: &Kept, pattern: &str, flags: &str) -> mlua::Result<Rc<Compiled>> {
    let mut all = all.borrow_mut();
    if let Some(at) = all.iter().position(|((p, f), _)| p == pattern && f == flags) {
        if at > 0
            && let Some(entry) = all.remove(at)
        {
            all.push_front(entry);
        }
    } else {
        let compiled = Rc::new(compile(pattern, flags)?);
        all.truncate(MOST_KEPT - 1);
        all.push_front(((pattern.to_owned(), flags.to_owned()), compiled));
    }
    Ok(all[0].1.clone())
}

fn ready(all: &Kept, (pattern, flags): (&str, &str), text: &[u8]) -> mlua::Result<Rc<Compiled>> {
    let compiled = kept(all, pattern, flags)?;
    if text.len() > compiled.longest {
        return Err(mlua::Error::runtime(format!(
            "this regular expression is used on texts of at most {} KiB, because of its size; this one \
             has {}.",
            compiled.longest >> 10,
            text.len() >> 10
        )));
    }
    Ok(compiled)
}

pub(super) fn install(lua: &Lua, native: &Table, budget: &Budget) -> mlua::Result<()> {
    let all: Rc<Kept> = Rc::default();
    let (known, ticking) = (all.clone(), budget.clone());
    native.set(
        "regex_check",
        lua.create_function(move |lua, (pattern, flags): (Value, Value)| {
            let Value::String(pattern) = pattern else {
                return Err(wrong("the pattern of ci.regex", "a string", &pattern));
            };
            let flags = match flags {
                Value::Nil => String::new(),
                Value::String(flags) => flags.to_string_lossy(),
                other => {
                    return Err(wrong("the flags of ci.regex", "letters such as \"i\"", &other));
                }
            };
            let Ok(pattern) = pattern.to_str() else {
                return Err(mlua::Error::runtime("the pattern of ci.regex must be UTF-8."));
            };
            ticking.check(lua).map_err(mlua::Error::external)?;
            kept(&known, &pattern, &flags)?;
            Ok((pattern.to_owned(), flags))
        })?,
    )?;
    let (known, ticking) = (all.clone(), budget.clone());
    native.set(
        "regex_test",
        lua.create_function(move |lua, (pattern, flags, text): (String, String, LuaString)| {
            ticking.check(lua).map_err(mlua::Error::external)?;
            let text = text.as_bytes();
            Ok(ready(&known, (&pattern, &flags), &text)?.regex.is_match(&text))
        })?,
    )?;
    let (known, ticking) = (all.clone(), budget.clone());
    native.set(
        "regex_find",
        lua.create_function(
            move |lua, (pattern, flags, text, from): (String, String, LuaString, usize)| {
                ticking.check(lua).map_err(mlua::Error::external)?;
                let text = text.as_bytes();
                let compiled = ready(&known, (&pattern, &flags), &text)?;
                find(lua, &compiled.regex, &text, from.saturating_sub(1))
            },
        )?,
    )?;
    native.set(
        "regex_names",
        lua.create_function(move |_, (pattern, flags): (String, String)| {
            let compiled = kept(&all, &pattern, &flags)?;
            let names = compiled.regex.capture_names().skip(1);
            Ok(names.map(|name| name.unwrap_or_default().to_owned()).collect::<Vec<_>>())
        })?,
    )?;
    native.set(
        "wildcard",
        lua.create_function(|_, pattern: Value| {
            let Value::String(pattern) = pattern else {
                return Err(wrong(
                    "the pattern of ci.glob",
                    "a string or a list of them",
                    &pattern,
                ));
            };
            let regex = wildcard::regex(&pattern.to_string_lossy());
            match compile(&regex, "") {
                Ok(_) => Ok(regex),
                Err(_) => Err(mlua::Error::runtime(format!(
                    "{:?} is no pattern for ci.glob: a class such as `[a-z]` goes upwards.",
                    pattern.to_string_lossy()
                ))),
            }
        })?,
    )
}

/// Start and end of the first match at or after `from` (in Lua's way of counting), then its groups; false
/// for a group that took no part. Nothing if there is no match.
fn find(lua: &Lua, regex: &Regex, text: &[u8], mut from: usize) -> mlua::Result<MultiValue> {
    let captures = loop {
        if from > text.len() {
            return Value::Nil.into_lua_multi(lua);
        }
        let Some(captures) = regex.captures_at(text, from) else {
            return Value::Nil.into_lua_multi(lua);
        };
        let Some(all) = captures.get(0) else { return Value::Nil.into_lua_multi(lua) };
        // An empty match may stand between the bytes of a character; it would tear it apart.
        if all.is_empty() && text.get(all.start()).is_some_and(|byte| byte & 0xc0 == 0x80) {
            from = all.start() + 1;
            continue;
        }
        break captures;
    };
    let number = |n: usize| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let mut out = MultiValue::new();
    for (index, group) in captures.iter().enumerate() {
        match group {
            Some(all) if index == 0 => out.extend([number(all.start() + 1), number(all.end())]),
            Some(group) => out.push_back(Value::String(lua.create_string(group.as_bytes())?)),
            None => out.push_back(Value::Boolean(false)),
        }
    }
    Ok(out)
}
