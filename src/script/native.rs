//! What Rust gives to the embedded Lua modules: places, problems, patterns, JSON; files and
//! modules are in `modules.rs`.
//! Users never see this table; what they may call is in `lua/ci/init.lua`.

use std::rc::Rc;

use mlua::{Lua, LuaString, MultiValue, Table, Value};

use crate::base::text::shorten;

use super::budget::{Budget, Fatal, Printing};
use super::ground::Ground;
use super::pattern::{self, Capture, PatternError};
use super::raised::{self, CANNOT_WAIT, Raised};
use super::stack::{user_call, user_site};
use super::{convert, hints, json, library, modules, read, spelling};

/// The longest line that `print` writes to the log.
const LONGEST_LINE: usize = 8192;

/// The table.
pub(super) fn table(lua: &Lua, ground: &Rc<Ground>, budget: &Budget) -> mlua::Result<Table> {
    let native = lua.create_table()?;
    lua.set_named_registry_value("ci.native", &native)?;
    native.set("null", Value::NULL)?;
    native.set("lock_numbers", lua.create_table()?)?;
    native.set("version", env!("CARGO_PKG_VERSION"))?;
    native.set("config_dir", ground.config_dir.to_string_lossy().as_ref())?;
    native.set("base_dir", ground.base_dir.to_string_lossy().as_ref())?;
    problems(lua, &native, ground)?;
    values(lua, &native, budget)?;
    modules::install(lua, &native, ground)?;
    library::install(lua, &native, ground, budget)?;
    let kept = ground.clone();
    native.set("now", lua.create_function(move |_, ()| Ok(kept.now().secs()))?)?;
    native.set(
        "getenv",
        lua.create_function(|_, name: String| {
            #[expect(clippy::disallowed_methods, reason = "os.getenv of the configuration")]
            Ok(std::env::var(name).ok())
        })?,
    )?;
    let (kept, printed) = (budget.clone(), ground.clone());
    native.set(
        "print",
        lua.create_function(move |lua, text: LuaString| {
            let site = user_site(lua);
            match kept.print() {
                Printing::Shown => {
                    let text = printed.masked(shorten(&text.to_string_lossy(), LONGEST_LINE));
                    tracing::info!(%site, "{text}");
                }
                Printing::FirstLeftOut => tracing::warn!(%site, "further lines are left out"),
                Printing::LeftOut => {}
            }
            Ok(())
        })?,
    )?;
    Ok(native)
}

fn problems(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
    native.set(
        "site",
        lua.create_function(|lua, ()| {
            let site = user_site(lua);
            Ok((site.file.to_string(), site.line))
        })?,
    )?;
    let kept = ground.clone();
    native.set(
        "problem",
        lua.create_function(move |lua, (message, hint): (String, Option<String>)| {
            if !kept.loading.get() {
                return Err(mlua::Error::runtime(message));
            }
            kept.problem_of_call(user_call(lua), message, hint.into_iter().collect(), Vec::new());
            Ok(())
        })?,
    )?;
    native.set(
        "nearest",
        // The place is a table of constructors, whose names have a meaning of their own.
        lua.create_function(|_, (name, known, place): (String, Vec<String>, Option<String>)| {
            Ok(spelling::suggestion_for(place.as_deref().unwrap_or_default(), &name, &known))
        })?,
    )?;
    native.set(
        "global_hint",
        lua.create_function(|_, (name, known): (String, Vec<String>)| {
            Ok(hints::global(&name, &known).map(|hint| format!(" {hint}")).unwrap_or_default())
        })?,
    )?;
    native.set("options", lua.create_function(|_, kind: String| Ok(read::options_of(&kind)))?)?;
    native.set("cannot_wait", CANNOT_WAIT)?;
    native.set(
        "told",
        lua.create_function(|lua, error: Value| {
            let Value::Error(raised) = &error else { return Ok(error) };
            let Raised { message, site, .. } = Raised::from(raised);
            let text = site.map_or_else(|| message.clone(), |site| format!("{site}: {message}"));
            Ok(Value::String(lua.create_string(text)?))
        })?,
    )?;
    native.set("traced", lua.create_function(|lua, error: Value| raised::traced(lua, error))?)?;
    native.set(
        "fatal",
        lua.create_function(|_, error: Value| {
            Ok(matches!(&error, Value::Error(e) if Fatal::of(e).is_some()))
        })?,
    )
}

fn values(lua: &Lua, native: &Table, budget: &Budget) -> mlua::Result<()> {
    native.set(
        "metafield",
        lua.create_function(|_, (table, name): (Table, String)| match table.metatable() {
            Some(meta) => meta.raw_get::<Value>(name),
            None => Ok(Value::Nil),
        })?,
    )?;
    native.set("a_type", lua.create_function(|_, value: Value| Ok(convert::a_type(&value)))?)?;
    // What keeps a value from being plain data, in words; nil = nothing.
    native.set(
        "unplain",
        lua.create_function(|lua, value: Value| Ok(convert::to_json(lua, &value).err()))?,
    )?;
    native.set(
        "array",
        lua.create_function(|lua, table: Table| {
            if table.metatable().is_some() && !convert::is_array(lua, &table) {
                let what = convert::a_type(&Value::Table(table));
                return Err(mlua::Error::runtime(format!(
                    "ci.json.array takes a plain table, not {what} with a metatable."
                )));
            }
            convert::mark_array(lua, &table)?;
            Ok(table)
        })?,
    )?;
    let kept = budget.clone();
    native.set(
        "json_encode",
        lua.create_function(move |lua, value: Value| {
            // A few of them take as long as many instructions.
            kept.check(lua).map_err(mlua::Error::external)?;
            let json = convert::to_json(lua, &value).map_err(|what| {
                mlua::Error::runtime(format!("ci.json.encode cannot write {what}."))
            })?;
            Ok(json.to_string())
        })?,
    )?;
    let kept = budget.clone();
    native.set(
        "json_decode",
        lua.create_function(move |lua, text: LuaString| {
            json::decode(lua, &kept, &text.as_bytes())
        })?,
    )?;
    let kept = budget.clone();
    // Raises the error again that the user's code has caught.
    native.set(
        "overrun",
        lua.create_function(move |lua, ()| {
            if kept.is_over() { kept.check(lua).map_err(mlua::Error::external) } else { Ok(()) }
        })?,
    )?;
    let kept = budget.clone();
    native.set(
        "tick",
        lua.create_function(move |lua, ()| kept.check(lua).map_err(mlua::Error::external))?,
    )?;
    native.set(
        "find_plain",
        lua.create_function(|_, (text, plain, init): (LuaString, LuaString, usize)| {
            let (text, plain) = (text.as_bytes(), plain.as_bytes());
            let from = init.saturating_sub(1);
            let found = text.get(from..).and_then(|rest| memchr::memmem::find(rest, &plain));
            Ok(match found {
                Some(at) => vec![Some(from + at + 1), Some(from + at + plain.len())],
                None => vec![None],
            }
            .into_iter()
            .collect::<mlua::Variadic<Option<usize>>>())
        })?,
    )?;
    let kept = budget.clone();
    native.set(
        "match",
        lua.create_function(
            move |lua, (text, pattern, init, anchored): (LuaString, LuaString, usize, bool)| {
                let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
                matched(lua, &text, &pattern, init, anchored, &kept)
            },
        )?,
    )
}

/// Start and end of the match (from 1, inclusive), then its captures; nothing if there is none.
fn matched(
    lua: &Lua,
    text: &[u8],
    pattern: &[u8],
    init: usize,
    anchored: bool,
    budget: &Budget,
) -> mlua::Result<MultiValue> {
    let found = pattern::find(text, pattern, init.saturating_sub(1), anchored, (lua, budget))
        .map_err(|e| match e {
            PatternError::Malformed(text) => mlua::Error::runtime(text),
            PatternError::Fatal(fatal) => mlua::Error::external(fatal),
        })?;
    let Some(found) = found else { return Ok(MultiValue::from_vec(vec![Value::Nil])) };
    let number = |n: usize| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let mut out = MultiValue::new();
    out.push_back(number(found.start + 1));
    out.push_back(number(found.end));
    for capture in found.captures {
        out.push_back(match capture {
            Capture::Text(from, to) => Value::String(lua.create_string(&text[from..to])?),
            Capture::Position(at) => number(at + 1),
        });
    }
    Ok(out)
}
