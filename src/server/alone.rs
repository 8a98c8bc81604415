//! One build on this machine, now: the same engine, store, worker and protocol as a master's, but
//! nothing of the configuration that reaches out or starts by itself – no schedulers, change sources,
//! reporters, pages. What is written lies in one directory.

use std::path::Path;
use std::sync::Arc;

use super::{Core, Running, StartError, begin, listen, master_name, new_generation};
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::engine::ports::OnMaster;
use crate::engine::recover::Parts;
use crate::engine::tasks::Tasks;
use crate::engine::{Reload, Sabotage};
use crate::model::config::{Condition, Config};
use crate::model::render::Renderable;
use crate::script::load::Loaded;
use crate::store::{Store, StoreOptions};

/// Steps of these kinds need a master: its schedulers, its machine.
const OF_MASTERS: &[&str] = &["artifact", "fetch_artifact", "master_shell_command", "trigger"];

/// Takes everything out of `config` that a single build on one worker does without; `worker` connects
/// with `password`. Returns the names of the builder's steps that are skipped because they need a
/// master.
pub fn reduce(config: &mut Config, builder: &str, worker: &str, password: &Secret) -> Vec<String> {
    config.schedulers.clear();
    config.change_sources.clear();
    config.reporters.clear();
    config.cancellers.clear();
    config.www = None;
    for of_config in config.workers.iter_mut().filter(|w| w.name == worker) {
        of_config.password = password.clone();
    }
    let mut skipped = Vec::new();
    let steps = config.builders.iter_mut().filter(|b| b.name == builder).flat_map(|b| &mut b.steps);
    for step in steps.filter(|step| OF_MASTERS.contains(&step.kind.as_str())) {
        let name = step.name.as_ref().and_then(Renderable::as_constant).and_then(|n| n.as_str());
        skipped.push(name.unwrap_or(&step.kind).to_owned());
        Arc::make_mut(step).do_step_if = Some(Condition::Value(Renderable::Constant(false.into())));
    }
    skipped
}

/// Starts the engine, and a listener for its one worker on this machine alone; everything is kept
/// in `dir`.
///
/// # Errors
/// When the database or a port cannot be used.
pub async fn start(loaded: Loaded, dir: &Path) -> Result<Running, StartError> {
    let clock = Clock::system();
    let workers = listen("127.0.0.1", 0, "the interface").await?;
    let path = dir.join("state.sqlite");
    let opened = Store::open(&StoreOptions { path, durable: false, inline: false })?;
    let tasks = Tasks::new();
    let parts = Parts {
        opened,
        generation: new_generation(loaded),
        master_name: master_name(dir),
        base_dir: Some(dir.to_path_buf()),
        on_master: OnMaster::Nobody,
        artifacts: None,
        clock,
        random: Random::system(),
        tasks: tasks.clone(),
        observer: None,
        sabotage: Sabotage::default(),
    };
    let Core { engine, loops, loops_end, failed, worker_addr } = begin(parts, workers)?;
    let refuse = || Err("a single build is not reloaded".to_owned());
    let reload: Reload = Arc::new(move |_| Box::pin(async move { refuse() }));
    let web_addr = None;
    Ok(Running { engine, tasks, loops, loops_end, failed, web_addr, worker_addr, reload })
}
