//! What `ci` offers beside Buildbot's concepts: waiting, HTTP, logs, data formats, texts, time. Each
//! file is one of them as plain functions in the table `native`; their public names and shapes are
//! made in `lua/ci/library.lua`.

mod http;
mod log;
mod regex;
mod time;
mod version;
mod wait;
mod xml;
mod yaml;

use std::rc::Rc;

use mlua::{Lua, Table};

use super::budget::Budget;
use super::ground::Ground;

/// Puts the functions into `native`.
pub(super) fn install(
    lua: &Lua,
    native: &Table,
    ground: &Rc<Ground>,
    budget: &Budget,
) -> mlua::Result<()> {
    wait::install(lua, native, ground)?;
    http::install(lua, native, ground)?;
    log::install(lua, native, ground)?;
    regex::install(lua, native, budget)?;
    xml::install(lua, native, budget)?;
    yaml::install(lua, native, budget)?;
    time::install(lua, native, ground)?;
    version::install(lua, native, budget)
}

/// Refuses what waits while the configuration loads.
fn only_later(ground: &Ground, what: &str) -> mlua::Result<()> {
    if ground.loading.get() {
        return Err(mlua::Error::runtime(format!(
            "{what} waits, and nothing may wait while the configuration loads; use it in a function \
             that is called later."
        )));
    }
    Ok(())
}

/// A table's value in words, for messages.
fn wrong(what: &str, expected: &str, got: &mlua::Value) -> mlua::Error {
    mlua::Error::runtime(format!("{what} must be {expected}, not {}.", super::convert::a_type(got)))
}

/// Why a document is not read.
enum Wrong {
    /// The document is at fault.
    Text(String),
    /// Lua is, say because its memory is full.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Wrong {
    fn from(error: mlua::Error) -> Self {
        Self::Lua(error)
    }
}

/// The document is at fault.
fn bad<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Text(what.into()))
}

/// A number, whole or not.
fn number(value: &mlua::Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "what people write is far below 2^53")]
        mlua::Value::Integer(i) => Some(*i as f64),
        mlua::Value::Number(n) => Some(*n),
        _ => None,
    }
}
