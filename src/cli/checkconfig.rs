//! `checkconfig`: the same reading and checking as a start or a reload, without a master.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::place::{Place, Role};
use super::{logging, terminal};
use crate::base::clock::Clock;
use crate::base::text::count;
use crate::http;
use crate::model::config::Config;
use crate::script::fault::{LoadError, Problem};
use crate::script::load::{LoadOptions, Mount, load};
use crate::script::worker_config::load_worker;

/// Check a configuration without a master.
///
/// Prints every error with its place, and exits with 1 if there is one.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci checkconfig master\n          \
                        halide-ci checkconfig new-master.lua --base-dir master")]
#[command(after_long_help = SHAPE)]
pub(super) struct Args {
    /// A configuration, or a base directory [default: master, else master.lua].
    #[arg(default_value = DEFAULT, hide_default_value = true)]
    path: PathBuf,
    /// Print the whole resolved configuration as JSON.
    #[arg(long)]
    json: bool,
    /// Where secrets are read [default: the directory of the file].
    #[arg(long, value_name = "DIR")]
    base_dir: Option<PathBuf>,
}

/// What `--help` says of `--json`; the whole is in `model::config::json`.
const SHAPE: &str = "\
Examples: halide-ci checkconfig master
          halide-ci checkconfig new-master.lua --base-dir master

--json prints every option under its name in Lua, defaults included, always in the same order:
title, title_url, url, db, protocols, properties, limits, workers, locks, builders with their steps,
schedulers, reporters, cancellers, www, provided_secrets, secrets, files. What is not data is a map with a `$`:
  {\"$function\": \"master.lua:12\"}              a function, by its place
  {\"$secret\": \"token.txt\"}                    a secret, by its file (null: written in the configuration)
  {\"$property\": \"name\", \"default\": …}       ci.property
  {\"$interpolate\": \"…\", \"kw\": {…}}          ci.interpolate
  {\"$concat\": […]}                            renderables joined with ..
  {\"$merge\": […]}                             ci.merge
  {\"$transform\": \"master.lua:12\", \"arguments\": […]}
  {\"$builddir\": true}                         ci.builddir
  {\"$value\": {…}}                             your own table with a name that begins with $
A text that contains a secret has *** in its place.

A configuration with errors is { \"errors\": [ { file, line, column, width, message, hints, trace } ] };
columns are characters and begin with 1. Exit status: 0 it is fine, 1 it is not.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (file, base_dir, role) = find(&args.path, args.base_dir.as_deref())?;
    let name = file.display();
    if role == Role::Worker {
        let settings = load_worker(&file, &base_dir).map_err(|error| told(&error, args.json))?;
        terminal::say(&format!("{name} is fine: the worker {}.", settings.name));
        return Ok(());
    }
    let config = load_master(&file, &base_dir)?.map_err(|error| told(&error, args.json))?;
    if args.json {
        terminal::say(&config.to_json().pretty());
    } else {
        terminal::say(&format!("{name} is fine: {}.", summary(&config)));
    }
    Ok(())
}

/// What is read when nothing is said: the base directory `master`, or else the `master.lua` here.
pub(super) const DEFAULT: &str = "master";

/// `path`; the `master.lua` of this folder where no directory `master` is beside it.
fn or_here(path: &Path) -> &Path {
    let here = Path::new("master.lua");
    if path == Path::new(DEFAULT) && !path.exists() && here.is_file() { here } else { path }
}

/// The file to be checked, the base directory it is read with, and whose it is.
fn find(path: &Path, chosen: Option<&Path>) -> Result<(PathBuf, PathBuf, Role), Failure> {
    let path = or_here(path);
    let base_dir = |default: &Path| match chosen {
        Some(dir) => dir.to_owned(),
        None if default.as_os_str().is_empty() => PathBuf::from("."),
        None => default.to_owned(),
    };
    if path.is_dir() {
        let place = Place::find(path)?;
        return Ok((place.config(None)?, base_dir(path), place.role));
    }
    let shown = path.display();
    if path.exists() && !path.is_file() {
        let failure = Failure::failed(format!("{shown} is neither a file nor a directory."));
        return Err(failure.hint("Give a configuration or a base directory."));
    }
    if !path.exists() {
        let failure = Failure::failed(format!("There is neither a file nor a directory {shown}."));
        if path.extension().is_some_and(|e| e == "lua") {
            return Err(failure.hint("Give a configuration or a base directory."));
        }
        return Err(failure.hint(format!("Make a directory with: halide-ci create-master {shown}")));
    }
    let is_worker = path.file_name().is_some_and(|name| name == "worker.lua");
    let role = if is_worker { Role::Worker } else { Role::Master };
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok((path.to_owned(), base_dir(folder), role))
}

/// The file and the base directory of a master's configuration; `choice` instead of the file that
/// belongs to the directory `path`.
pub(super) fn find_master(
    path: &Path,
    choice: Option<&Path>,
) -> Result<(PathBuf, PathBuf), Failure> {
    let path = or_here(path);
    if let Some(choice) = choice {
        if !choice.is_file() {
            return Err(Failure::failed(format!("There is no file {}.", choice.display())));
        }
        if !path.is_dir() {
            let (file, base_dir, _) = find(choice, None)?;
            return Ok((file, base_dir));
        }
        return Ok((choice.to_owned(), path.to_owned()));
    }
    let (file, base_dir, role) = find(path, None)?;
    match role {
        Role::Master => Ok((file, base_dir)),
        Role::Worker => Err(Failure::usage(format!(
            "{} is a worker's: it has a worker.lua. This verb is for masters.",
            path.display()
        ))),
    }
}

/// Checks the configuration that `place` would start with.
pub(super) fn check(place: &Place, choice: Option<&Path>) -> Result<(), Failure> {
    let file = place.config(choice)?;
    match place.role {
        Role::Master => read(&file, &place.dir).map(drop),
        Role::Worker => load_worker(&file, &place.dir).map(drop).map_err(|e| told(&e, false)),
    }
}

/// Reads a master's configuration that must be in order.
pub(super) fn read(file: &Path, base_dir: &Path) -> Result<Config, Failure> {
    load_master(file, base_dir)?.map_err(|error| told(&error, false))
}

/// Reads a master's configuration; its functions are dropped again.
fn load_master(file: &Path, base_dir: &Path) -> Result<Result<Config, LoadError>, Failure> {
    logging::start_quietly();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("No runtime can be made: {e}.")))?;
    let options = LoadOptions {
        file: file.to_owned(),
        base_dir: base_dir.to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: crate::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    Ok(runtime.block_on(load(options)).map(|loaded| loaded.config))
}

/// The errors as a failure, and for programs that asked for it as JSON too.
fn told(error: &LoadError, is_json: bool) -> Failure {
    if is_json {
        let errors: Vec<Json> = error.problems.iter().map(problem).collect();
        let whole = serde_json::to_string_pretty(&json!({ "errors": errors }));
        terminal::say(&whole.unwrap_or_default());
    }
    Failure::failed(error.to_string())
}

/// One error with its place; columns are characters and begin with 1, as editors count.
fn problem(problem: &Problem) -> Json {
    let site = &problem.site;
    json!({
        "file": (!site.file.is_empty()).then(|| site.file.to_string()),
        "line": (site.line > 0).then_some(site.line),
        "column": problem.caret.map(|(column, _)| column + 1),
        "width": problem.caret.map(|(_, width)| width),
        "message": problem.message,
        "hints": problem.hints,
        "trace": problem.trace,
    })
}

fn summary(config: &Config) -> String {
    let counts = [
        (config.workers.len(), "worker"),
        (config.builders.len(), "builder"),
        (config.schedulers.len(), "scheduler"),
        (config.reporters.len(), "reporter"),
    ];
    counts.map(|(n, noun)| count(n, noun)).join(", ")
}
