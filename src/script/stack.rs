//! Where the user's code stands on Lua's call stack; below everything else, because the budget asks it
//! in the middle of a call.

use std::sync::Arc;

use mlua::Lua;

use crate::model::config::Site;

/// The nearest place in the user's files on the present call stack.
pub(super) fn user_site(lua: &Lua) -> Site {
    nearest(lua, false).0
}

/// The same, and what is called there: a function by its name, an operator as `__add`.
pub(super) fn user_call(lua: &Lua) -> (Site, Option<String>) {
    nearest(lua, true)
}

/// Names are looked for only where they are told: every object that is made asks for its place.
fn nearest(lua: &Lua, is_named: bool) -> (Site, Option<String>) {
    let (mut level, mut called) = (0, None);
    loop {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            if let Some(file) = source.source.as_deref().and_then(|name| name.strip_prefix('@'))
                && let Some(line) = debug.current_line().and_then(|line| u32::try_from(line).ok())
            {
                return Ok(Site { file: Arc::from(file), line });
            }
            if !is_named {
                return Err(None);
            }
            let names = debug.names();
            let mark = if names.name_what == Some("metamethod") { "__" } else { "" };
            Err(names.name.map(|name| format!("{mark}{name}")))
        });
        match found {
            None => return (Site::default(), None),
            Some(Ok(site)) => return (site, called),
            Some(Err(name)) => called = name,
        }
        level += 1;
    }
}
