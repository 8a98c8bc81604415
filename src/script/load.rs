//! Reads `master.lua`: runs it in a fresh sandbox, reads what it returns, checks the whole, and
//! leaves its functions waiting for calls. Either everything is right, or every error is told and
//! nothing has happened.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlua::{Lua, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

pub use super::fault::LoadError;
use super::fault::Problem;
use super::ground::Ground;
use super::handle::{Handle, Maker, State};
use super::hints;
use super::host::{Host, Posted, client};
use super::late::Late;
use super::locate::Spot;
use super::modules;
use super::raised::Raised;
use super::read::{Objects, Reader, check, config};
use super::sandbox::Sandbox;
use super::syntax;
use super::texts::{Texts, Tree};
use super::watchdog::{self, PATIENCE, Shared};
use crate::base::clock::Clock;
use crate::base::secret::Secret;
use crate::engine::ports::Scripts;
use crate::http;
use crate::model::config::{Config, Limits, Site};

/// Computing time that loading may take. A file does more while it loads than a callback may.
const LOAD_CPU: Duration = Duration::from_secs(5);

/// Where a generation's Lua state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// On a thread of its own: the normal way.
    Thread,
    /// On the caller's `LocalSet`: for simulations, which own the only thread.
    Local,
}

/// Where secrets come from.
#[derive(Clone, Debug)]
pub enum Secrets {
    /// From their files, which must exist and are made private.
    Files,
    /// By path or name as given here, else from a file as it is, else made up: for rehearsals, which
    /// show a secret to nobody, and for builds on a person's own machine.
    MadeUp(BTreeMap<String, Secret>),
}

/// What is loaded, and with what.
#[derive(Clone)]
pub struct LoadOptions {
    /// The main file.
    pub file: PathBuf,
    /// The base directory: secret files are relative to it.
    pub base_dir: PathBuf,
    /// `os.time` and the patience of API calls.
    pub clock: Clock,
    /// For what callbacks ask of forges.
    pub http: http::Client,
    /// Where secrets come from.
    pub secrets: Secrets,
    /// Where the Lua state lives.
    pub mount: Mount,
}

/// A configuration that is in order.
pub struct Loaded {
    /// The data; `files` lists every file that was read.
    pub config: Config,
    /// The functions. Dropping the last copy ends the Lua state.
    pub scripts: Arc<dyn Scripts>,
}

/// Loads a configuration.
///
/// # Errors
/// Everything that is wrong with it. Also when it computes for more than 5 s, or needs more than
/// 256 MiB.
pub async fn load(options: LoadOptions) -> Result<Loaded, LoadError> {
    load_with(options, Texts::default(), PATIENCE).await
}

/// Loads a configuration and says how the files stood that it was read from, also when it is
/// refused.
pub async fn load_tree(options: LoadOptions) -> (Result<Loaded, LoadError>, Tree) {
    let texts = Texts::default();
    let loaded = load_with(options, texts.clone(), PATIENCE).await;
    (loaded, texts.tree())
}

async fn load_with(options: LoadOptions, texts: Texts, patience: u32) -> Result<Loaded, LoadError> {
    let (hook_options, is_local) = (options.clone(), options.mount != Mount::Thread);
    let maker = Maker { options, texts, patience, threads: Arc::default() };
    let (state, made, maker) = if is_local {
        let (state, made) = make_local(&maker)?;
        (state, made, None)
    } else {
        let (state, made) = make(&maker).await?;
        (state, made, Some(maker))
    };
    let Made { config, sites } = made;
    let hook = config.www.as_ref().and_then(|www| www.hooks.github.clone());
    let github = hook.as_ref().map(|h| client(h, &hook_options.http, hook_options.clock));
    let handle = Handle::new(state, sites, maker, github, config.www.as_ref());
    Ok(Loaded { config, scripts: Arc::new(handle) })
}

/// What comes of making a state, besides the state.
pub(super) struct Made {
    pub(super) config: Config,
    /// Where its functions stand, by number.
    pub(super) sites: Vec<Site>,
}

/// Makes a state on the caller's `LocalSet`.
fn make_local(maker: &Maker) -> Result<(State, Made), LoadError> {
    let (mailbox, posted) = mpsc::unbounded_channel();
    let shared = Shared::new();
    let (host, config) = prepare(&maker.options, &maker.texts, &mailbox, &shared)?;
    let sites = host.slots.sites();
    tokio::task::spawn_local(host.serve(posted));
    Ok((State { mailbox, shared }, Made { config, sites }))
}

/// Makes a state on a thread of its own.
pub(super) async fn make(maker: &Maker) -> Result<(State, Made), LoadError> {
    let file = &maker.options.file;
    let shared = Shared::new();
    let (mailbox, posted) = mpsc::unbounded_channel();
    // From here on the threads end with it.
    let state = State { mailbox: mailbox.clone(), shared: shared.clone() };
    let (answer, answered) = oneshot::channel();
    let no_thread = |error: std::io::Error| {
        own_problem(file, format!("a thread for Lua cannot be started: {error}."))
    };
    let (options, texts) = (maker.options.clone(), maker.texts.clone());
    let (kept, alive) = (shared.clone(), maker.threads.clone());
    std::thread::Builder::new()
        .name("lua".to_owned())
        .spawn(move || {
            let _alive = alive;
            thread(&options, &texts, mailbox, posted, &kept, answer);
        })
        .map_err(no_thread)?;
    watchdog::start(&shared, maker.patience).map_err(no_thread)?;
    match shared.unless_silent(answered).await {
        Ok(Ok(made)) => Ok((state, *made?)),
        Ok(Err(_)) => Err(own_problem(file, "the thread that loads it ended unexpectedly.".into())),
        Err(silent) => {
            let problem = Problem::new(silent.site.unwrap_or_default(), silent.message);
            Err(LoadError::one(problem))
        }
    }
}

/// The thread of a state: loads, answers, and serves until nobody holds the handle.
fn thread(
    options: &LoadOptions,
    texts: &Texts,
    mailbox: mpsc::UnboundedSender<Posted>,
    posted: mpsc::UnboundedReceiver<Posted>,
    shared: &Arc<Shared>,
    answer: oneshot::Sender<Result<Box<Made>, LoadError>>,
) {
    let prepared = prepare(options, texts, &mailbox, shared);
    // Only the handle may keep the mailbox open.
    drop(mailbox);
    let (host, config) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = answer.send(Err(error));
            return;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let sites = host.slots.sites();
            if answer.send(Ok(Box::new(Made { config, sites }))).is_ok() {
                LocalSet::new().block_on(&runtime, host.serve(posted));
            }
        }
        Err(error) => {
            let message = format!("a runtime for Lua cannot be started: {error}.");
            let _ = answer.send(Err(own_problem(&options.file, message)));
        }
    }
}

fn own_problem(file: &Path, message: String) -> LoadError {
    let file = file.display().to_string();
    LoadError::one(Problem::new(Site { file: file.into(), line: 0 }, message))
}

/// Runs the file and reads the configuration, on the thread that will own the state.
fn prepare(
    options: &LoadOptions,
    texts: &Texts,
    mailbox: &mpsc::UnboundedSender<Posted>,
    shared: &Arc<Shared>,
) -> Result<(Rc<Host>, Config), LoadError> {
    let (ground, name) = ground(&options.file, &options.base_dir, options.clock, texts.clone())?;
    ground.http.borrow_mut().clone_from(&options.http);
    if let Secrets::MadeUp(given) = &options.secrets {
        *ground.makes_up_secrets.borrow_mut() = Some(given.clone());
    }
    let bug = |error: mlua::Error| own_problem(&options.file, error.to_string());
    let memory = Limits::default().memory_bytes;
    let sandbox = Sandbox::new(&ground, LOAD_CPU, memory, shared.pulse.clone()).map_err(bug)?;
    // What a load makes stays: looking for garbage finds none. At the limit of memory Lua looks anyway.
    sandbox.lua.gc_stop();
    let returned = run_file(&sandbox, &ground, &name);

    let reader = Reader::new(&sandbox.lua, ground.clone(), sandbox.native.clone());
    let whole = Site { file: name.as_str().into(), line: 0 };
    let config = sandbox.budget.within(&whole, || match returned {
        Some(value) => {
            let config = config::read(&reader, &name, &value);
            reader.check_unused();
            check::check(&reader, &config);
            Some(config)
        }
        // What was made before the file failed is checked too: its errors are told in one go.
        None => {
            reader.check_unused();
            None
        }
    });
    let problems = std::mem::take(&mut *ground.problems.borrow_mut());
    let (Some(mut config), true) = (config, problems.is_empty()) else {
        return Err(LoadError::from_problems(problems));
    };
    ground.loading.set(false);
    reader.slots.settle();
    sandbox.native.set("made", Value::Nil).map_err(bug)?;
    config.locks.clone_from(&reader.locks.borrow().0);
    config.provided = Arc::new(std::mem::take(&mut *reader.secrets.borrow_mut()));
    config.secrets = ground.secrets.borrow().clone();
    config.files = ground.files.borrow().clone();
    sandbox.budget.set_limit(Duration::from_secs_f64(config.limits.cpu_seconds));
    sandbox.lua.set_memory_limit(config.limits.memory_bytes).map_err(bug)?;
    sandbox.lua.gc_restart();

    let types = reader
        .types
        .borrow()
        .values()
        .filter_map(|t| Some((t.run.as_ref()?.slot, t.clone())))
        .collect();
    let hook = config.www.as_ref().and_then(|www| www.hooks.github.clone());
    let slots = reader.slots.clone();
    let late = Rc::new(Late {
        ground: ground.clone(),
        slots: slots.clone(),
        types: RefCell::new(reader.types.take()),
        locks: reader.locks.take(),
        mailbox: mailbox.downgrade(),
        tables: RefCell::default(),
        next: Cell::default(),
    });
    let objects = Objects { late: Rc::downgrade(&late), ..reader.objects.take() };
    drop(reader);
    // The state itself, not a copy: when that goes, all garbage is looked for at once.
    let Sandbox { lua, budget, .. } = sandbox;
    let host = Host {
        slots,
        types,
        objects,
        late,
        github: hook.as_ref().map(|hook| client(hook, &options.http, options.clock)),
        hook,
        mailbox: mailbox.downgrade(),
        lua,
        budget,
    };
    Ok((Rc::new(host), config))
}

/// Where `file` is, and the name that errors call it by.
pub(super) fn ground(
    file: &Path,
    base_dir: &Path,
    clock: Clock,
    texts: Texts,
) -> Result<(Rc<Ground>, String), LoadError> {
    let Some(name) = file.file_name().map(|n| n.to_string_lossy().into_owned()) else {
        return Err(own_problem(file, "this is not a file.".to_owned()));
    };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let config_dir = folder.canonicalize().unwrap_or(folder);
    let base_dir = base_dir.canonicalize().unwrap_or_else(|_| base_dir.to_owned());
    Ok((Ground::new(config_dir, base_dir, clock, texts), name))
}

/// Runs the main file; what goes wrong is recorded.
pub(super) fn run_file(sandbox: &Sandbox, ground: &Rc<Ground>, name: &str) -> Option<Value> {
    let whole = Site { file: name.into(), line: 0 };
    let result = match modules::user_chunk(&sandbox.lua, ground, Path::new(name)) {
        Ok(Some(chunk)) => sandbox.budget.within(&whole, || chunk.call::<Value>(())),
        Ok(None) => {
            let path = ground.config_dir.join(name);
            let message = match path.exists() {
                true => format!("{} is not a file.", path.display()),
                false => format!("the file {} does not exist.", path.display()),
            };
            ground.problem(&Site::default().into(), message, Vec::new());
            return None;
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            tell(&sandbox.lua, ground, &error, whole);
            None
        }
    }
}

/// Records what Lua raised while the file ran.
fn tell(lua: &Lua, ground: &Ground, error: &mlua::Error, whole: Site) {
    let raised = Raised::from(error);
    let site = raised.site.unwrap_or(whole);
    let full_stop = |mut message: String| {
        if !message.ends_with(['.', '?', '!']) {
            message.push('.');
        }
        message
    };
    if raised.is_syntax {
        let text = ground.sources.borrow().text(&site).map(str::to_owned).unwrap_or_default();
        let told = syntax::told(lua, &text, site.line, &raised.message);
        let spot = Spot { site: Site { line: told.line, ..site }, caret: told.caret };
        ground.problem_traced(&spot, full_stop(told.message), told.hints, raised.trace);
        return;
    }
    let line = ground.sources.borrow().line(&site).unwrap_or_default();
    let hints = hints::runtime(&raised.message, &line);
    let message = full_stop(raised.message);
    ground.problem_of_call((site, raised.called), message, hints, raised.trace);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads `text` on a thread of its own, with a watchdog that looks `patience` times.
    async fn load_text(text: &str, patience: u32) -> Result<Loaded, LoadError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.lua");
        std::fs::write(&file, text).unwrap();
        let base_dir = dir.path().to_owned();
        let (clock, http) = (Clock::system(), http::Client::new());
        let options = LoadOptions {
            file,
            base_dir,
            clock,
            http,
            secrets: Secrets::Files,
            mount: Mount::Thread,
        };
        load_with(options, Texts::default(), patience).await
    }

    /// Some seconds in which hardly any instruction runs, so that hardly any hook fires.
    const LONG: &str = "local s = ('x'):rep(60 << 20) for i = 1, 300 do local _ = s .. i end";

    #[tokio::test]
    async fn a_state_that_falls_silent_fails_its_calls_and_says_where_and_is_made_again() {
        let text = format!(
            "local ci = require 'ci'\nlocal c = ci.config()\nlocal born = os.time()\n\
             c.www = {{ change_hooks = {{ github = ci.hooks.github {{ secret = 's',\n\
             codebase = function(what) if what == 'hang' then {LONG} end return born end }} }} }}\n\
             return c"
        );
        let loaded = load_text(&text, 1).await.unwrap();
        let hook = loaded.config.www.unwrap().hooks.github.unwrap();
        let Some(crate::model::config::Codebase::Callback(callback)) = hook.codebase else {
            panic!("no callback")
        };
        let call = |what: &str| {
            loaded.scripts.call(&callback, vec![crate::engine::ports::Argument::Json(what.into())])
        };
        let born = call("healthy").await.unwrap();
        let error = call("hang").await.unwrap_err();
        assert!(error.message.contains("has not answered"), "{error}");
        assert_eq!(error.site.unwrap().to_string(), "master.lua:5");
        // The directory is gone, and the time has moved on: the texts and the time were kept.
        assert_eq!(call("healthy").await.unwrap(), born);
    }

    #[tokio::test]
    async fn a_file_that_falls_silent_while_it_loads_is_refused() {
        let error = load_text(LONG, 1).await.err().unwrap().to_string();
        assert!(error.contains("has not answered"), "{error}");
    }
}
