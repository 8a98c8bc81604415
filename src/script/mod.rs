//! Everything Lua.
