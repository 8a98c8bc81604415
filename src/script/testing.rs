//! Runs the tests of a configuration: a `*_test.lua` file in a sandbox of its own, in which `require
//! "ci.test"` works. What tests ask of masters goes through [`Stage`], which the rehearsal
//! implements; this side knows only that the answers are JSON.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlua::chunk::ChunkMode;
use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, Value};
use serde_json::Value as Json;

use super::budget::Fatal;
use super::fault::{LoadError, Problem};
use super::ground::Ground;
use super::load::{ground, run_file};
use super::raised::Raised;
use super::sandbox::Sandbox;
use super::texts::Texts;
use super::{bind, convert, embed};
use crate::base::clock::Clock;
use crate::model::config::Site;

/// Computing time that a test may take between two waits, and the memory of a file's tests.
const CPU: Duration = Duration::from_secs(3);
const MEMORY: usize = 512 << 20;

/// The masters that tests ask.
pub trait Stage {
    /// Does `verb` and answers.
    fn ask(&self, verb: &str, arguments: Json) -> Asked;
}

/// What [`Stage::ask`] returns: the answer, or what is wrong, as a sentence.
pub type Asked = Pin<Box<dyn Future<Output = Result<Json, String>>>>;

/// How a test ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub site: Site,
    /// How long it took, in real time.
    pub took: Duration,
    /// What is wrong; none = it passed.
    pub failure: Option<Problem>,
}

/// Runs the tests of `file` whose name `wanted` takes, one after the other; each end is told to
/// `ended`.
///
/// # Errors
/// When the file itself is broken; then none of its tests ran.
pub async fn run_tests(
    file: &Path,
    stage: Rc<dyn Stage>,
    wanted: &dyn Fn(&str) -> bool,
    ended: &mut dyn FnMut(Outcome),
) -> Result<(), LoadError> {
    let clock = Clock::system();
    let folder = file.parent().unwrap_or(Path::new("."));
    let (ground, name) = ground(file, folder, clock, Texts::default())?;
    let whole = Site { file: name.as_str().into(), line: 0 };
    let bug = |error: mlua::Error| LoadError::one(Problem::new(whole.clone(), error.to_string()));
    let sandbox = Sandbox::new(&ground, CPU, MEMORY, Arc::default()).map_err(bug)?;
    provide(&sandbox, stage.clone()).map_err(bug)?;
    run_file(&sandbox, &ground, &name);
    let problems = std::mem::take(&mut *ground.problems.borrow_mut());
    if !problems.is_empty() {
        return Err(LoadError::from_problems(problems));
    }
    ground.loading.set(false);
    let tests: Table = sandbox.native.get("tests").map_err(bug)?;
    for test in tests.sequence_values::<Table>() {
        let test = test.map_err(bug)?;
        let name: String = test.get("name").map_err(bug)?;
        if !wanted(&name) {
            continue;
        }
        let file: String = test.get("file").map_err(bug)?;
        let site = Site { file: file.into(), line: test.get("line").map_err(bug)? };
        let function: Function = test.get("f").map_err(bug)?;
        let begun = clock.now();
        let call = sandbox.budget.call(&function, ());
        let failure = match sandbox.budget.slices(&site, call).await {
            Ok(_) => None,
            Err(error) => Some(problem(&ground, &error, &site)),
        };
        // The next test meets none of its masters.
        let _ = stage.ask("end", Json::Null).await;
        ended(Outcome { name, site, took: clock.now().since(begun), failure });
    }
    Ok(())
}

/// Puts `ci.test` where `require` finds it.
fn provide(sandbox: &Sandbox, stage: Rc<dyn Stage>) -> mlua::Result<()> {
    let Sandbox { lua, native, .. } = sandbox;
    let ask = move |lua: Lua, (verb, arguments): (String, Value)| {
        let stage = stage.clone();
        async move { answer(&lua, stage.as_ref(), &verb, &arguments).await }
    };
    let ask = bind::waiting(lua, || lua.create_async_function(ask))?;
    native.set("ask", ask)?;
    let module: Value = lua
        .load(embed::TEST)
        .set_name("=ci/test.lua")
        .set_mode(ChunkMode::Text)
        .set_environment(native.get::<Table>("inner")?)
        .call(("ci.test", native.clone()))?;
    native.get::<Function>("provide")?.call(("ci.test", module))
}

/// True and the answer, or false and what is wrong.
async fn answer(
    lua: &Lua,
    stage: &dyn Stage,
    verb: &str,
    arguments: &Value,
) -> mlua::Result<MultiValue> {
    let answer = match convert::to_json(lua, arguments) {
        Ok(json) => stage.ask(verb, json).await,
        Err(what) => Err(format!("plain data is needed here, not {what}.")),
    };
    match answer {
        Ok(json) => (true, convert::to_lua(lua, &json)?).into_lua_multi(lua),
        Err(text) => (false, text).into_lua_multi(lua),
    }
}

/// What a test raised, with the line it was raised at.
fn problem(ground: &Ground, error: &mlua::Error, whole: &Site) -> Problem {
    let raised = Raised::from(error);
    let site = raised.site.unwrap_or_else(|| whole.clone());
    // The source line comes between what is wrong and the details.
    let mut lines = raised.message.lines().map(str::to_owned);
    let mut message = lines.next().unwrap_or_default();
    if let Some(Fatal::Overrun(limit, _)) = Fatal::of(error) {
        message = format!("computed for more than {} s without waiting.", limit.as_secs());
    }
    let hints = lines.map(|line| line.strip_prefix("  ").map(str::to_owned).unwrap_or(line));
    let (hints, trace) = (hints.collect(), raised.trace);
    let excerpt = ground.sources.borrow().line(&site);
    Problem { site, caret: None, excerpt, message, hints, trace }
}
