//! Reads `master.lua`: runs it in a fresh sandbox, reads what it returns, checks the whole, and
//! leaves its functions waiting for calls. Either everything is right, or every error is told and
//! nothing has happened.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlua::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

pub use super::fault::LoadError;
use super::fault::{Problem, placed};
use super::host::{Handle, Host, PATIENCE, Posted, Shared, client, start_watchdog};
use super::native;
use super::read::{Reader, check, config};
use super::sandbox::{Ground, Sandbox};
use super::texts::{Texts, Tree};
use crate::base::clock::Clock;
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
    let shared = Shared::new();
    let (mailbox, posted) = mpsc::unbounded_channel();
    let handle = match options.mount {
        Mount::Local => {
            let (host, config) = prepare(&options, texts, &mailbox, &shared)?;
            tokio::task::spawn_local(host.serve(posted));
            return Ok(loaded(config, mailbox, shared, &options));
        }
        Mount::Thread => {
            let (answer, answered) = oneshot::channel();
            let (kept, own) = (shared.clone(), options.clone());
            let weak = mailbox.clone();
            let no_thread = |error: std::io::Error| {
                own_problem(&options.file, format!("a thread for Lua cannot be started: {error}."))
            };
            std::thread::Builder::new()
                .name("lua".to_owned())
                .spawn(move || thread(&own, texts, weak, posted, &kept, answer))
                .map_err(no_thread)?;
            start_watchdog(&shared, patience).map_err(no_thread)?;
            answered
        }
    };
    let silent = shared.unless_silent(handle).await;
    let ended =
        || own_problem(&options.file, "the thread that loads it ended unexpectedly.".into());
    match silent {
        Ok(Ok(Ok(config))) => Ok(loaded(*config, mailbox, shared, &options)),
        Ok(Ok(Err(error))) => {
            shared.end();
            Err(error)
        }
        Ok(Err(_)) => {
            shared.end();
            Err(ended())
        }
        Err(silent) => {
            shared.end();
            let problem = Problem::new(silent.site.unwrap_or_default(), silent.message);
            Err(LoadError::one(problem))
        }
    }
}

fn loaded(
    config: Config,
    mailbox: mpsc::UnboundedSender<Posted>,
    shared: Arc<Shared>,
    options: &LoadOptions,
) -> Loaded {
    let hook = config.www.as_ref().and_then(|www| www.github.clone());
    let github = hook.as_ref().map(|hook| client(hook, &options.http, options.clock));
    let hooks = config.www.as_ref().map(|www| www.scripted.clone()).unwrap_or_default();
    Loaded { config, scripts: Arc::new(Handle { mailbox, shared, hook, github, hooks }) }
}

/// The thread of a generation: loads, answers, and serves until nobody holds the handle.
fn thread(
    options: &LoadOptions,
    texts: Texts,
    mailbox: mpsc::UnboundedSender<Posted>,
    posted: mpsc::UnboundedReceiver<Posted>,
    shared: &Arc<Shared>,
    answer: oneshot::Sender<Result<Box<Config>, LoadError>>,
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
            if answer.send(Ok(Box::new(config))).is_ok() {
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
    texts: Texts,
    mailbox: &mpsc::UnboundedSender<Posted>,
    shared: &Arc<Shared>,
) -> Result<(Rc<Host>, Config), LoadError> {
    let (ground, name) = ground(&options.file, &options.base_dir, options.clock, texts)?;
    ground.http.borrow_mut().clone_from(&options.http);
    let bug = |error: mlua::Error| own_problem(&options.file, error.to_string());
    let memory = Limits::default().memory_bytes;
    let sandbox = Sandbox::new(&ground, LOAD_CPU, memory, shared.pulse.clone()).map_err(bug)?;
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
    sandbox.native.set("made", Value::Nil).map_err(bug)?;
    config.locks = std::mem::take(&mut reader.locks.borrow_mut().0);
    config.secrets = ground.secrets.borrow().clone();
    config.files = ground.files.borrow().clone();
    sandbox.budget.set_limit(Duration::from_secs_f64(config.limits.cpu_seconds));
    sandbox.lua.set_memory_limit(config.limits.memory_bytes).map_err(bug)?;

    let types = reader
        .types
        .borrow()
        .values()
        .filter_map(|t| Some((t.run.as_ref()?.slot, t.clone())))
        .collect();
    let hook = config.www.as_ref().and_then(|www| www.github.clone());
    let host = Host {
        slots: reader.slots.clone(),
        types,
        objects: std::mem::take(&mut *reader.objects.borrow_mut()),
        github: hook.as_ref().map(|hook| client(hook, &options.http, options.clock)),
        hook,
        mailbox: mailbox.downgrade(),
        lua: sandbox.lua.clone(),
        budget: sandbox.budget.clone(),
    };
    drop(reader);
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
    let result = match native::user_chunk(&sandbox.lua, ground, Path::new(name)) {
        Ok(Some(chunk)) => sandbox.budget.within(&whole, || chunk.call::<Value>(())),
        Ok(None) => {
            let path = ground.config_dir.join(name);
            let message = format!("the file {} does not exist.", path.display());
            ground.problem(&Site::default().into(), message, Vec::new());
            return None;
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let (message, site) = placed(&error);
            let message = if message.ends_with('.') { message } else { format!("{message}.") };
            ground.problem(&site.unwrap_or(whole).into(), message, Vec::new());
            None
        }
    }
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
        let options = LoadOptions { file, base_dir, clock, http, mount: Mount::Thread };
        load_with(options, Texts::default(), patience).await
    }

    /// Some seconds inside C, where no hook fires.
    const LONG: &str = "table.move({}, 1, 2000000000, 2)";

    #[tokio::test]
    async fn a_state_that_falls_silent_fails_its_calls_and_says_where() {
        let text = format!(
            "local ci = require 'ci'\nlocal c = ci.config()\n\
             c.www = {{ change_hooks = {{ github = ci.hooks.github {{ secret = 's',\n\
             codebase = function() {LONG} end }} }} }}\nreturn c"
        );
        let loaded = load_text(&text, 1).await.unwrap();
        let hook = loaded.config.www.unwrap().github.unwrap();
        let Some(crate::model::config::Codebase::Callback(callback)) = hook.codebase else {
            panic!("no callback")
        };
        let error = loaded.scripts.call(&callback, Vec::new()).await.unwrap_err();
        assert!(error.message.contains("has not answered"), "{error}");
        assert_eq!(error.site.unwrap().to_string(), "master.lua:4");
        let again = loaded.scripts.call(&callback, Vec::new()).await.unwrap_err();
        assert!(again.message.contains("has not answered"), "{again}");
    }

    #[tokio::test]
    async fn a_file_that_falls_silent_while_it_loads_is_refused() {
        let error = load_text(LONG, 1).await.err().unwrap().to_string();
        assert!(error.contains("has not answered"), "{error}");
    }
}
