//! What a configuration reads: its own files through `require`, `dofile`, `load` and `io.open`,
//! secrets, and the embedded modules. The bytes come from `texts.rs`, which keeps them, so that the
//! same generation can be made again from the same texts.

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, Table, Value};

use super::ground::Ground;
use super::{embed, read, texts};

/// Longest text that `load` compiles: the compiler counts against no budget.
const MAX_LOADED: usize = 1 << 20;

/// Puts the functions into the table that the embedded modules share with Rust.
pub(super) fn install(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
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
                Err(error) => Ok((None, Some(format!("{}: {error}", full.display())))),
            }
        })?,
    )?;
    native.set("load", lua.create_function(load)?)?;
    native.set(
        "is_internal",
        lua.create_function(|_, name: Value| {
            let Value::String(name) = name else { return Ok(false) };
            let name = name.to_string_lossy();
            Ok(embed::module(&name).is_some() && !embed::is_public(&name))
        })?,
    )?;
    let (kept, shared) = (ground.clone(), native.clone());
    native.set(
        "module",
        lua.create_function(move |lua, (name, is_inner): (String, bool)| {
            module(lua, &kept, &shared, &name, is_inner)
        })?,
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

/// `load`: a function, or nothing and why.
fn load(
    lua: &Lua,
    (text, name, env): (LuaString, Option<String>, Option<Table>),
) -> mlua::Result<(Option<Function>, Option<String>)> {
    let bytes = text.as_bytes();
    if bytes.len() > MAX_LOADED {
        return Ok((
            None,
            Some(format!("a text of more than {} MiB is not loaded.", MAX_LOADED >> 20)),
        ));
    }
    let mut chunk = lua
        .load(bytes.to_vec())
        .set_name(name.unwrap_or_else(|| "=(load)".to_owned()))
        .set_mode(ChunkMode::Text);
    if let Some(env) = env {
        chunk = chunk.set_environment(env);
    }
    match chunk.into_function() {
        Ok(function) => Ok((Some(function), None)),
        Err(mlua::Error::SyntaxError { message, .. }) => Ok((None, Some(message))),
        Err(other) => Ok((None, Some(other.to_string()))),
    }
}

/// The chunk of a module, what it gets as second argument, and its file if it is the user's. Only
/// embedded modules may ask for the parts of `ci`.
fn module(
    lua: &Lua,
    ground: &Ground,
    native: &Table,
    name: &str,
    is_inner: bool,
) -> mlua::Result<(Function, Option<Table>, Option<String>)> {
    let embedded = embed::module(name).filter(|_| is_inner || embed::is_public(name));
    if let Some(text) = embedded {
        let shown = format!("={}.lua", name.replace('.', "/"));
        let mut chunk = lua.load(text).set_name(shown).set_mode(ChunkMode::Text);
        if !embed::is_inner(name) {
            return Ok((chunk.into_function()?, None, None));
        }
        chunk = chunk.set_environment(native.get::<Table>("inner")?);
        return Ok((chunk.into_function()?, Some(native.clone()), None));
    }
    if name == "ci.test" {
        return Err(mlua::Error::runtime(
            "ci.test is for tests: write them into a file whose name ends in _test.lua, beside the \
             configuration; `halide-ci test` runs them.",
        ));
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
            return Ok((function, None, Some(candidate)));
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
        Err(e) if texts::is_missing(&e) => return Ok(None),
        Err(e) => {
            let path = path.display();
            return Err(mlua::Error::runtime(format!("{path} cannot be read: {e}.")));
        }
    };
    if bytes.starts_with(b"\x1b") {
        return Err(mlua::Error::runtime(format!("{shown} is bytecode; only text is loaded.")));
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes);
            ground.sources.borrow_mut().add(&Arc::from(&*shown), &text);
            return Err(not_utf8(&shown, &bytes, error.valid_up_to()));
        }
    };
    ground.sources.borrow_mut().add(&Arc::from(&*shown), &text);
    ground.add_file(path, Some(text.clone()));
    let name = format!("@{shown}");
    // A first line such as `#!/usr/bin/env lua` is a comment.
    let text = if text.starts_with('#') { format!("--{text}") } else { text };
    lua.load(text).set_name(name).set_mode(ChunkMode::Text).into_function().map(Some)
}

fn not_utf8(shown: &str, bytes: &[u8], at: usize) -> mlua::Error {
    let line = 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count();
    let byte = bytes.get(at).copied().unwrap_or_default();
    mlua::Error::runtime(format!(
        "{shown}:{line}: the file is not UTF-8: here is the byte 0x{byte:02x}. Save it as UTF-8."
    ))
}

/// `path` if it stays inside the folder it is relative to.
fn inside(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    let fits = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
    path.components().all(fits).then(|| path.components().collect())
}
