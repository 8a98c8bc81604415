//! What the design of the Lua surface promises, detail by detail: `lua-api` D1 and on, and the
//! grammar of renderables. Each test shows the right form and the wrong one.

mod callbacks;
mod interpolate;
mod lists;
mod names;
mod objects;
mod places;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use halide_ci::base::clock::Clock;
use halide_ci::engine::ports::ScriptError;
use halide_ci::engine::render::render;
use halide_ci::http;
use halide_ci::model::build::BuildView;
use halide_ci::model::config::StepOption;
use halide_ci::model::render::Renderable;
use halide_ci::script::load::{LoadError, LoadOptions, Loaded, Mount, load};
use serde_json::Value as Json;

/// Runs `future` where a Lua state may live on the same thread.
pub(crate) fn local<F: std::future::Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.unwrap(), future)
}

/// Loads `text` as the `master.lua` of a directory with other `files`; the directory is the base
/// directory too.
pub(crate) async fn load_with(text: &str, files: &[(&str, &str)]) -> Result<Loaded, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("master.lua", text);
    for (name, text) in files {
        write(name, text);
    }
    let (file, base_dir): (PathBuf, PathBuf) = (dir.path().join("master.lua"), dir.path().into());
    let (clock, http) = (Clock::system(), http::Client::new());
    load(LoadOptions {
        file,
        base_dir,
        clock,
        http,
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Local,
    })
    .await
}

/// A configuration with worker `w`, builder `b` of the list `steps` and a force scheduler, and
/// whatever `before` says; line 3 is the first line of `before`.
pub(crate) fn with_steps(before: &str, steps: &str) -> String {
    format!(
        "local ci = require 'ci'\nlocal c = ci.config()\n{before}\n\
         c.workers = c.workers or {{ ci.worker {{ name = 'w', password = 'password of w' }} }}\n\
         c.builders = c.builders or {{ ci.builder {{ name = 'b', workers = c.workers, \
         factory = {{ {steps} }} }} }}\n\
         c.schedulers = {{ ci.schedulers.force {{ name = 'f', builders = c.builders }} }}\n\
         return c\n"
    )
}

/// Loads a configuration of `steps` that must be in order.
pub(crate) async fn steps(before: &str, steps: &str) -> Loaded {
    load_with(&with_steps(before, steps), &[]).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a configuration of `steps`: a line for each problem, hints after them.
pub(crate) fn problems(before: &str, steps: &str) -> String {
    local(async {
        match load_with(&with_steps(before, steps), &[]).await {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.plain(),
        }
    })
}

/// The option `name` of step `n` of the first builder.
pub(crate) fn option(loaded: &Loaded, n: usize, name: &str) -> Renderable {
    match &loaded.config.builders[0].steps[n].options[name] {
        StepOption::Value(value) => value.clone(),
        StepOption::Function(_) => panic!("a function"),
    }
}

/// That option, rendered for `view`.
pub(crate) async fn rendered(
    loaded: &Loaded,
    (n, name): (usize, &str),
    view: BuildView,
) -> Result<Json, ScriptError> {
    render(&option(loaded, n, name), &Arc::new(view), loaded.scripts.as_ref()).await
}
