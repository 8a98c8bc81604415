//! Where the user's code stands on Lua's call stack; below everything else, because the budget asks it
//! in the middle of a call.

use std::sync::Arc;

use mlua::Lua;

use crate::model::config::Site;

/// The nearest place in the user's files on the present call stack.
pub(super) fn user_site(lua: &Lua) -> Site {
    let mut level = 0;
    loop {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let file = source.source.as_deref()?.strip_prefix('@')?;
            let line = u32::try_from(debug.current_line()?).ok()?;
            Some(Site { file: Arc::from(file), line })
        });
        match found {
            None => return Site::default(),
            Some(Some(site)) => return site,
            Some(None) => level += 1,
        }
    }
}
