//! What Rust gives to the embedded Lua modules: places, problems, patterns, JSON, files, secrets.
//! Users never see this table; what they may call is in `lua/ci/init.lua`.

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, MultiValue, Table, Value};

use super::budget::{Budget, Fatal};
use super::pattern::{self, Capture, PatternError};
use super::sandbox::{Ground, user_site};
use super::{convert, embed, library, read, texts};

/// The table.
pub(super) fn table(lua: &Lua, ground: &Rc<Ground>, budget: &Budget) -> mlua::Result<Table> {
    let native = lua.create_table()?;
    lua.set_named_registry_value("ci.native", &native)?;
    native.set("null", Value::NULL)?;
    native.set("version", env!("CARGO_PKG_VERSION"))?;
    native.set("config_dir", ground.config_dir.to_string_lossy().as_ref())?;
    native.set("base_dir", ground.base_dir.to_string_lossy().as_ref())?;
    problems(lua, &native, ground)?;
    values(lua, &native, budget)?;
    files(lua, &native, ground)?;
    let clock = ground.clock;
    native.set("now", lua.create_function(move |_, ()| Ok(clock.now().secs()))?)?;
    native.set(
        "getenv",
        lua.create_function(|_, name: String| {
            #[expect(clippy::disallowed_methods, reason = "os.getenv of the configuration")]
            Ok(std::env::var(name).ok())
        })?,
    )?;
    library::install(lua, &native, ground)?;
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
            let spot = user_site(lua).into();
            if !kept.loading.get() {
                return Err(mlua::Error::runtime(message));
            }
            kept.problem(&spot, message, hint.into_iter().collect());
            Ok(())
        })?,
    )?;
    native.set(
        "nearest",
        lua.create_function(|_, (name, known): (String, Vec<String>)| {
            Ok(read::suggestion(&name, &known))
        })?,
    )?;
    native.set(
        "options",
        lua.create_function(|_, kind: String| Ok(read::options_of(&kind).map(<[_]>::to_vec)))?,
    )?;
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
            convert::mark_array(lua, &table)?;
            Ok(table)
        })?,
    )?;
    native.set(
        "json_encode",
        lua.create_function(|lua, value: Value| {
            let json = convert::to_json(lua, &value).map_err(|what| {
                mlua::Error::runtime(format!("ci.json.encode cannot write {what}."))
            })?;
            Ok(json.to_string())
        })?,
    )?;
    native.set(
        "json_decode",
        lua.create_function(|lua, text: LuaString| {
            let json = serde_json::from_slice(&text.as_bytes())
                .map_err(|e| mlua::Error::runtime(format!("this is not JSON: {e}.")))?;
            convert::to_lua(lua, &json)
        })?,
    )?;
    let kept = budget.clone();
    // Raises the error again that the user's code has caught.
    native.set(
        "overrun",
        lua.create_function(move |lua, ()| {
            if kept.is_overrun() { kept.check(lua).map_err(mlua::Error::external) } else { Ok(()) }
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
    let Some(found) = found else { return Ok(MultiValue::new()) };
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

fn files(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
    let kept = ground.clone();
    native.set(
        "secret_file",
        lua.create_function(move |lua, path: String| {
            if !kept.loading.get() {
                return Err(mlua::Error::runtime(
                    "secret files are read when the configuration loads, not in callbacks.",
                ));
            }
            Ok(read::secret::read(lua, &kept, &path))
        })?,
    )?;
    let kept = ground.clone();
    native.set(
        "read_file",
        lua.create_function(move |lua, path: String| {
            let full = kept.config_dir.join(&path);
            let read =
                if kept.loading.get() { kept.texts.read(&full) } else { texts::read_now(&full) };
            match read {
                Ok(bytes) => {
                    if kept.loading.get() {
                        // Data, perhaps a secret: its text is not kept.
                        kept.add_file(full, None);
                    }
                    Ok((Some(lua.create_string(bytes)?), None))
                }
                Err(error) => Ok((None, Some(format!("{path}: {error}")))),
            }
        })?,
    )?;
    native.set(
        "load",
        lua.create_function(|lua, (text, name, env): (LuaString, String, Option<Table>)| {
            let bytes = text.as_bytes().to_vec();
            let mut chunk = lua.load(bytes).set_name(name).set_mode(ChunkMode::Text);
            if let Some(env) = env {
                chunk = chunk.set_environment(env);
            }
            match chunk.into_function() {
                Ok(function) => Ok((Some(function), None)),
                Err(mlua::Error::SyntaxError { message, .. }) => Ok((None, Some(message))),
                Err(other) => Ok((None, Some(other.to_string()))),
            }
        })?,
    )?;
    let (kept, shared) = (ground.clone(), native.clone());
    native.set(
        "module",
        lua.create_function(move |lua, name: String| module(lua, &kept, &shared, &name))?,
    )?;
    let kept = ground.clone();
    native.set(
        "file_chunk",
        lua.create_function(move |lua, path: String| {
            let Some(relative) = inside(&path) else {
                return Err(mlua::Error::runtime(format!(
                    "dofile reads files beside the main one, by a relative path without `..`, not \
                     {path:?}."
                )));
            };
            match user_chunk(lua, &kept, &relative)? {
                Some(function) => Ok(function),
                None => Err(mlua::Error::runtime(format!(
                    "there is no file {}.",
                    kept.config_dir.join(&relative).display()
                ))),
            }
        })?,
    )
}

/// The chunk of a module, and what it gets as second argument.
fn module(
    lua: &Lua,
    ground: &Ground,
    native: &Table,
    name: &str,
) -> mlua::Result<(Function, Option<Table>)> {
    if let Some(text) = embed::module(name) {
        let shown = format!("={}.lua", name.replace('.', "/"));
        let function = lua.load(text).set_name(shown).set_mode(ChunkMode::Text).into_function()?;
        // Steps are written with the public API only, so they get nothing more than users do.
        let native = (!name.starts_with("ci.steps.") && name != "ci.git").then(|| native.clone());
        return Ok((function, native));
    }
    let fits = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || !name.chars().all(fits) || name.split('.').any(str::is_empty) {
        return Err(mlua::Error::runtime(format!(
            "{name:?} is not a module's name; a name is parts joined by `.`."
        )));
    }
    let path = name.replace('.', "/");
    for candidate in [format!("{path}.lua"), format!("{path}/init.lua")] {
        if let Some(function) = user_chunk(lua, ground, Path::new(&candidate))? {
            return Ok((function, None));
        }
    }
    Err(mlua::Error::runtime(format!(
        "there is no module {name:?}: neither {path}.lua nor {path}/init.lua is in {}.",
        ground.config_dir.display()
    )))
}

/// A file of the user's as a function; none = there is no such file.
pub(super) fn user_chunk(
    lua: &Lua,
    ground: &Ground,
    relative: &Path,
) -> mlua::Result<Option<Function>> {
    if !ground.loading.get() {
        return Err(mlua::Error::runtime(format!(
            "{} can only be loaded while the configuration loads, not in a callback.",
            relative.display()
        )));
    }
    let path = ground.config_dir.join(relative);
    let shown = relative.to_string_lossy();
    let bytes = match ground.texts.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if texts::is_missing(&error) => return Ok(None),
        Err(error) => {
            let message = format!("{} cannot be read: {error}.", path.display());
            return Err(mlua::Error::runtime(message));
        }
    };
    if bytes.starts_with(b"\x1b") {
        return Err(mlua::Error::runtime(format!("{shown} is bytecode; only text is loaded.")));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| mlua::Error::runtime(format!("{shown} is not UTF-8.")))?;
    ground.sources.borrow_mut().add(&Arc::from(&*shown), text);
    ground.add_file(path, Some(text.to_owned()));
    let name = format!("@{shown}");
    lua.load(text).set_name(name).set_mode(ChunkMode::Text).into_function().map(Some)
}

/// `path` if it stays inside the folder it is relative to.
fn inside(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    let fits = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
    path.components().all(fits).then(|| path.components().collect())
}
