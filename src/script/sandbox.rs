//! A fresh Lua state as the user's files see it: standard Lua 5.4 less what could reach outside or
//! escape the budget, and the module `ci`. What Rust provides to the embedded modules is in
//! `native.rs`; the rest of the sandbox is Lua, in `lua/ci/strict`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlua::chunk::ChunkMode;
use mlua::{Lua, LuaOptions, StdLib, Table};

use super::budget::{Budget, Pulse};
use super::ground::Ground;
use super::{convert, embed, native};

/// A Lua state with its budget.
pub(super) struct Sandbox {
    pub(super) lua: Lua,
    pub(super) budget: Budget,
    /// What the embedded modules share with Rust; see `native.rs`.
    pub(super) native: Table,
}

impl Sandbox {
    /// A state in which `require "ci"` works and nothing of the user's has run.
    pub(super) fn new(
        ground: &Rc<Ground>,
        cpu: Duration,
        memory: usize,
        pulse: Arc<Pulse>,
    ) -> mlua::Result<Self> {
        let libraries = StdLib::COROUTINE
            | StdLib::TABLE
            | StdLib::STRING
            | StdLib::UTF8
            | StdLib::MATH
            | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::new().thread_pool_size(64))?;
        let budget = Budget::install(&lua, cpu, memory, pulse)?;
        convert::install(&lua)?;
        let native = native::table(&lua, ground, &budget)?;
        // Each replaces what the later ones use; the last one closes the doors.
        for part in ["errors", "order", "bounds", "patterns", "files", "globals"] {
            let name = format!("ci.strict.{part}");
            let text = embed::module(&name).unwrap_or_default();
            lua.load(text)
                .set_name(format!("=ci/strict/{part}.lua"))
                .set_mode(ChunkMode::Text)
                .call::<()>((name, native.clone()))?;
        }
        budget.set_guard(native.get("guarded")?);
        Ok(Self { lua, budget, native })
    }
}
