//! What callbacks and steps hold in Lua: the build, the step, a log, a hook's event. Each file makes
//! one of them from the engine's plain view of it.

pub(super) mod artifacts;
pub(super) mod build;
pub(super) mod command;
pub(super) mod deciding;
pub(super) mod event;
mod files;
pub(super) mod log;
mod missing;
mod observe;
pub(super) mod request;
pub(super) mod step;
mod tests;
mod trigger;

use mlua::{Function, Lua, Table};

/// What `make` makes may wait. mlua makes such functions of the `coroutine.yield` that it finds; what
/// users find there is for their own coroutines only.
pub(super) fn waiting<R>(lua: &Lua, make: impl FnOnce() -> mlua::Result<R>) -> mlua::Result<R> {
    let native: Table = lua.named_registry_value("ci.native")?;
    native.raw_set("makes_waits", true)?;
    let made = make();
    native.raw_set("makes_waits", false)?;
    made
}

/// A read-only view of `values`; with `known`, reading any other name is an error.
pub(super) fn frozen(
    lua: &Lua,
    values: Table,
    message: &str,
    known: Option<&[&str]>,
) -> mlua::Result<Table> {
    let native: Table = lua.named_registry_value("ci.native")?;
    native.get::<Function>("frozen")?.call((values, message, known.map(<[_]>::to_vec)))
}
