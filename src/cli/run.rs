//! `run`: one builder's steps on this machine, now, without a master. The engine, the worker and what
//! they print are those of a master; the source may be a working tree with what is not committed.

mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::Signal;

use self::source::WorkingTree;
use super::demo::{interrupted, signals};
use super::failure::Failure;
use super::follow::Follower;
use super::terminal::{say, warn};
use super::{checkconfig, logging, order, surroundings};
use crate::base::clock::Clock;
use crate::base::id::RequestId;
use crate::base::random::Random;
use crate::base::results::Results;
use crate::base::secret::Secret;
use crate::engine::input::BuildOrder;
use crate::http;
use crate::model::event::Event;
use crate::model::worker::WorkerSettings;
use crate::script::load::{LoadOptions, Mount, Secrets, load};
use crate::server::{Running, alone};
use crate::worker;

/// Run one builder's steps on this machine, without a master.
///
/// The same engine, the same worker and the same output as a master's. Nothing else of the
/// configuration acts: no scheduler, no reporter, no page. Steps that need the master itself
/// (trigger, master_shell_command, artifact, fetch_artifact) are skipped. A secret file that does
/// not exist is made up; --secret gives one. What the build leaves is removed at the end, unless
/// --keep names a place for it.
/// Exit status: 0 success or warnings, 1 any other result.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci run linux --worktree .
          halide-ci run linux --property branch=main --secret token.txt=@token --keep build")]
pub(super) struct Args {
    /// The builder.
    builder: String,
    /// The master's base directory, for its secrets, or a configuration [default: master, else
    /// master.lua].
    #[arg(long, value_name = "PATH", default_value = checkconfig::DEFAULT, hide_default_value = true)]
    base_dir: PathBuf,
    /// The configuration [default: DIR/master.lua, else master.lua beside DIR].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Build this git working tree as it is, with files that are not committed, instead of what the
    /// builder's repository has; of several codebases CODEBASE=DIR.
    #[arg(long, value_name = "DIR")]
    worktree: Option<String>,
    /// The worker in whose place this machine builds [default: the builder's first].
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// A property of the build; the value is JSON, or else text. `branch`, `revision`,
    /// `repository`, `project` and `codebase` are those of its source.
    #[arg(long = "property", short = 'p', value_name = "NAME=VALUE")]
    properties: Vec<String>,
    /// A secret, by the name of its file; the value after @ is a file to read it from.
    #[arg(long = "secret", value_name = "NAME=VALUE|NAME=@FILE")]
    secrets: Vec<String>,
    /// Keep the build's directory and its logs in DIR; the next run there builds on it.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// How long a build may wait before it is said for what.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (file, base_dir) = checkconfig::find_master(&args.base_dir, args.config.as_deref())?;
    let mut order = order::of(&args.builder, "run", &args.properties)?;
    let secrets = secrets(&args.secrets)?;
    let tree = args.worktree.as_deref().map(WorkingTree::read).transpose()?;
    logging::start_quietly();
    let scratch = tempfile::Builder::new()
        .prefix("halide-ci-run-")
        .tempdir()
        .map_err(|e| Failure::failed(format!("no scratch directory can be made: {e}")))?;
    let dir = match &args.keep {
        None => scratch.path().to_path_buf(),
        Some(dir) => kept(dir)?,
    };
    let load_options = LoadOptions {
        file,
        base_dir,
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: Secrets::MadeUp(secrets),
        mount: Mount::Thread,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no threads can be started: {e}")))?;
    let results = runtime.block_on(build(args, load_options, &mut order, tree, &dir));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let results = results?;
    if args.keep.is_some() {
        say(&format!("Kept in {}.", dir.display()));
    } else if has_uploads(&dir) {
        warn("What the build uploaded is removed; --keep DIR keeps it.");
    }
    match results {
        results if results.is_good() => Ok(()),
        results => Err(Failure::failed(format!("The build ended with {}.", results.word()))),
    }
}

async fn build(
    args: &Args,
    options: LoadOptions,
    order: &mut BuildOrder,
    tree: Option<WorkingTree>,
    dir: &Path,
) -> Result<Results, Failure> {
    // From here on nothing ends the process before the scratch directory is removed.
    let mut signals = signals()?;
    let mut loaded = load(options).await.map_err(|e| Failure::failed(e.to_string()))?;
    let builder = order::known_builder(&loaded.config, &args.builder)?;
    let name = match &args.worker {
        Some(name) => {
            order::known_worker(&loaded.config, &args.builder, name)?;
            name.clone()
        }
        None => builder.workers.first().cloned().unwrap_or_default(),
    };
    let password = Secret::new(&Random::system().token());
    let patch = match tree {
        Some(tree) => Some(tree.put_into(&mut loaded.config, order)?),
        None => None,
    };
    for step in alone::reduce(&mut loaded.config, &args.builder, &name, &password) {
        warn(&format!("Step {step:?} needs a master: it is skipped."));
    }
    let running = alone::start(loaded, dir).await.map_err(|e| Failure::failed(e.to_string()))?;
    let ended = attend(args, &running, &name, password, order.clone(), patch, dir, &mut signals);
    let ended = ended.await;
    running.stop().await;
    ended
}

/// The build, from its worker's connection to its result.
#[allow(clippy::too_many_arguments, reason = "what one run is made of")]
async fn attend(
    args: &Args,
    running: &Running,
    worker: &str,
    password: Secret,
    mut order: BuildOrder,
    patch: Option<source::Patch>,
    dir: &Path,
    signals: &mut [Signal; 3],
) -> Result<Results, Failure> {
    let engine = running.engine().clone();
    if let Some(patch) = patch {
        patch.store(&engine, &mut order).await?;
    }
    let mut follower = Follower::new(engine.clone(), &args.builder, None);
    start_worker(running, worker, password, dir)?;
    follower.until(|e| matches!(e, Event::WorkerConnected { .. })).await;
    say(&format!("Build of {} as {worker} in {}\n", args.builder, dir.display()));
    let started = engine.build(order).await.map_err(|e| Failure::failed(e.to_string()))?;
    let Some((_, request)) = started.requests.first().copied() else {
        return Err(Failure::failed("The builder takes no builds."));
    };
    let why = tell_why(&engine, request);
    let ended = follower.request(request);
    tokio::pin!(ended);
    tokio::select! {
        results = &mut ended => return Ok(results),
        () = why => {}
        () = interrupted(signals) => {}
    }
    // Whoever interrupts wants to see how it ends; whoever does it twice does not.
    warn("Stopping.");
    let _ = engine.cancel(request, "interrupted".to_owned()).await;
    tokio::select! {
        results = ended => Ok(results),
        () = interrupted(signals) => Ok(Results::Cancelled),
    }
}

/// Says why the build does not begin, if it does not; never ends.
async fn tell_why(engine: &crate::engine::Engine, request: RequestId) {
    tokio::time::sleep(PATIENCE).await;
    if let Ok(why) = engine.why(request).await {
        for reason in why.reasons() {
            warn(&format!("The build waits: {reason}."));
        }
    }
    std::future::pending::<()>().await;
}

fn start_worker(
    running: &Running,
    name: &str,
    password: Secret,
    dir: &Path,
) -> Result<(), Failure> {
    let address = running
        .worker_addr()
        .ok_or_else(|| Failure::failed("there is no port on which a worker can connect"))?;
    let base = dir.join("worker");
    std::fs::create_dir_all(&base)
        .map_err(|e| Failure::failed(format!("{} cannot be made: {e}", base.display())))?;
    let host = address.ip().to_string();
    let settings = WorkerSettings::new(name, password, &host, address.port(), base);
    let mut surroundings = surroundings::here();
    // Whoever calls this from a hook of git has variables that point every git to that repository.
    for of_hook in source::OF_REPOSITORY {
        surroundings.environ.remove(*of_hook);
    }
    let token = running.tasks().token();
    running.tasks().spawn("worker", async move {
        if let Err(error) = worker::run(settings, surroundings, token).await {
            tracing::error!(%error, "the worker gave up");
        }
    });
    Ok(())
}

/// The secrets that were given, by the name of their file.
fn secrets(given: &[String]) -> Result<BTreeMap<String, Secret>, Failure> {
    let mut out = BTreeMap::new();
    for text in given {
        // It may be a secret: what is wrong with it is said without showing it.
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::usage("A --secret has no name and value.")
                .hint("Write --secret NAME=VALUE or --secret NAME=@FILE."));
        };
        let value = match value.strip_prefix('@') {
            None => value.to_owned(),
            Some(file) => std::fs::read_to_string(file).map_err(|e| {
                Failure::usage(format!("The secret {name:?} cannot be read from {file}: {e}."))
            })?,
        };
        out.insert(name.to_owned(), Secret::from_file(value.trim(), name));
    }
    Ok(out)
}

fn kept(dir: &Path) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    let fail =
        |e: std::io::Error| Failure::failed(format!("{} cannot be used: {e}.", dir.display()));
    // State and logs are nobody else's.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fail)?;
    dir.canonicalize().map_err(fail)
}

/// Whether there is more than the engine and the worker write.
fn has_uploads(dir: &Path) -> bool {
    let own = |name: &str| name == "worker" || name.contains(".sqlite");
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| !own(&entry.file_name().to_string_lossy()))
}
