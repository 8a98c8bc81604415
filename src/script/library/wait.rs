//! `ci.sleep` and `ci.parallel`: what suspends only the coroutine that calls it. A wait of a user's
//! own coroutine passes through `coroutine.resume` (see `strict.lua`) to the call that runs it.

use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mlua::{Function, Lua, Table, Value};

use super::{number, only_later, wrong};
use crate::script::ground::Ground;

/// Nobody sleeps longer: a year.
const LONGEST: f64 = 366.0 * 86_400.0;

pub(super) fn install(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
    // What a coroutine yields that waits for the world; the sandbox passes it on.
    native.set("pending", Value::LightUserData(Lua::poll_pending()))?;
    let kept = ground.clone();
    native.set(
        "sleep",
        lua.create_async_function(move |_, seconds: Value| {
            let ground = kept.clone();
            async move {
                only_later(&ground, "ci.sleep")?;
                let until = number(&seconds).filter(|s| (0.0..=LONGEST).contains(s));
                let Some(wait) = until.and_then(|s| Duration::try_from_secs_f64(s).ok()) else {
                    let expected = "a number of seconds, at most a year";
                    return Err(wrong("the time that ci.sleep takes", expected, &seconds));
                };
                ground.clock.sleep_until(ground.clock.now() + wait).await;
                Ok(())
            }
        })?,
    )?;
    let kept = ground.clone();
    native.set(
        "parallel",
        lua.create_async_function(move |lua, functions: Vec<Function>| {
            let ground = kept.clone();
            async move {
                only_later(&ground, "ci.parallel")?;
                parallel(&lua, functions).await
            }
        })?,
    )
}

/// Runs functions as coroutines of one call; each returns whether it went well, and its result or
/// its error. The first error ends the others, which are dropped where they wait.
async fn parallel(lua: &Lua, functions: Vec<Function>) -> mlua::Result<(bool, Value)> {
    let results = lua.create_table_with_capacity(functions.len(), 0)?;
    let mut running: FuturesUnordered<_> = functions
        .into_iter()
        .enumerate()
        .map(|(at, function)| async move { (at, function.call_async::<(bool, Value)>(()).await) })
        .collect();
    while let Some((at, ended)) = running.next().await {
        match ended? {
            (true, value) => results.raw_set(at + 1, value)?,
            (false, error) => return Ok((false, error)),
        }
    }
    Ok((true, Value::Table(results)))
}
