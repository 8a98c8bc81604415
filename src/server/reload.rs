//! Reloads: one after the other, whoever asks. A verb, a signal, the data API, the page and a saved
//! file all come to this one loop, and get the same answer: what changed, or the whole error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::new_generation;
use crate::base::clock::Timestamp;
use crate::engine::input::{Input, Reloaded};
use crate::engine::tasks::Tasks;
use crate::engine::{Effect, Engine, Refusal, Reload, preview};
use crate::script::load::{LoadOptions, Loaded};
use crate::script::steady::load_steady;
use crate::script::texts::Tree;
use crate::script::watch::{Watcher, watch};

/// How long files have to rest before they count as saved.
const SETTLE: Duration = Duration::from_millis(200);

/// For how long after a save somebody who asks for a reload means that save.
const RECENT: Duration = Duration::from_secs(10);

/// A wish with the place for its answer.
struct Asked {
    effect: Effect,
    answer: oneshot::Sender<Result<Reloaded, String>>,
}

/// The loop and what it knows.
struct Reloader {
    engine: Engine,
    options: LoadOptions,
    watcher: Option<Watcher>,
    /// How the files stood at the last load, whether it was taken or refused: while they stand so,
    /// a save changes nothing.
    last: Tree,
    /// The files of the configuration in effect.
    active: BTreeSet<PathBuf>,
    /// What came of the last save, until somebody asks: saving and asking are one reload.
    noticed: Option<(Timestamp, Result<Reloaded, String>)>,
}

/// Serves reloads until the process ends; `tree` is how the files stood when it began.
pub(super) fn serve(engine: Engine, options: LoadOptions, tree: Tree, tasks: &Tasks) -> Reload {
    let (asks, mut asked) = mpsc::channel::<Asked>(8);
    let saved = Arc::new(Notify::new());
    let notify = saved.clone();
    let files = paths(&tree);
    let watcher = watch(&files, SETTLE, options.clock, move || notify.notify_one());
    let watcher = watcher
        .inspect_err(|error| tracing::warn!(%error, "saves go unnoticed; use `halide-ci reload`"))
        .ok();
    // What was saved between the load and the watch has told nobody.
    saved.notify_one();
    let mut reloader =
        Reloader { engine, options, watcher, last: tree, active: files, noticed: None };
    let token = tasks.token();
    tasks.spawn("reload", async move {
        let serving = async {
            loop {
                tokio::select! {
                    Some(Asked { effect, answer }) = asked.recv() => {
                        // Who asked may have gone; the answer is in the log.
                        let _ = answer.send(reloader.asked(effect).await);
                    }
                    () = saved.notified() => reloader.saved().await,
                }
            }
        };
        tokio::select! {
            () = serving => {}
            () = token.cancelled() => {}
        }
    });
    Arc::new(move |effect| {
        let asks = asks.clone();
        Box::pin(async move {
            let ending = || "The master is stopping.".to_owned();
            let (answer, answered) = oneshot::channel();
            asks.send(Asked { effect, answer }).await.map_err(|_| ending())?;
            answered.await.map_err(|_| ending())?
        })
    })
}

impl Reloader {
    /// Files may have been saved: reloads if a load would read anything else than the last one.
    async fn saved(&mut self) {
        if self.is_current().await {
            // Links may lead elsewhere, to the same text.
            let files = self.watched(&self.last);
            if let Some(watcher) = &mut self.watcher {
                watcher.set_files(&files);
            }
            return;
        }
        let answer = self.reload().await;
        self.noticed = Some((self.options.clock.now(), answer));
    }

    /// Somebody asks for a reload.
    async fn asked(&mut self, effect: Effect) -> Result<Reloaded, String> {
        if let Effect::DryRun(file) = effect {
            let mut options = self.options.clone();
            options.file = file.unwrap_or(options.file);
            let (loaded, _) = load_steady(options, SETTLE, |_| {}).await;
            let loaded = loaded.map_err(|error| error.to_string())?;
            let running = self.engine.generation();
            return preview(&running.config, &loaded.config).map_err(|refusal| refusal.to_string());
        }
        if let Some((at, answer)) = self.noticed.take()
            && self.options.clock.now().since(at) < RECENT
            && self.is_current().await
        {
            return answer;
        }
        self.reload().await
    }

    /// Whether a load would read what the last one read.
    async fn is_current(&self) -> bool {
        let last = self.last.clone();
        tokio::task::spawn_blocking(move || last.now() == last).await.unwrap_or(false)
    }

    async fn reload(&mut self) -> Result<Reloaded, String> {
        let active = self.active.clone();
        let mut watcher = self.watcher.take();
        let (loaded, tree) = load_steady(self.options.clone(), SETTLE, |tree| {
            if let Some(watcher) = &mut watcher {
                watcher.set_files(&active.union(&paths(tree)).cloned().collect());
            }
        })
        .await;
        self.watcher = watcher;
        self.last = tree;
        match loaded {
            Ok(loaded) => self.activate(loaded).await,
            Err(error) => Err(self.refused(error.to_string()).await),
        }
    }

    async fn activate(&mut self, loaded: Loaded) -> Result<Reloaded, String> {
        match self.engine.activate(new_generation(loaded)).await {
            Ok(reloaded) => {
                self.active = paths(&self.last);
                if let Some(watcher) = &mut self.watcher {
                    watcher.set_files(&self.active);
                }
                if reloaded.changes.is_empty() {
                    tracing::info!("The configuration was loaded afresh; nothing changed.");
                } else {
                    let changes = reloaded.changes.join("\n");
                    tracing::info!("The configuration was loaded afresh:\n{changes}");
                }
                Ok(reloaded)
            }
            Err(refusal) => Err(self.refused(refusal.to_string()).await),
        }
    }

    async fn refused(&self, error: String) -> String {
        let text = error.clone();
        let refused = |answer| Input::GenerationRefused { error: text, files: Vec::new(), answer };
        let recorded = self.engine.ask(refused).await;
        if let Err(refusal @ (Refusal::Unstored(_) | Refusal::Invalid(_))) = recorded {
            tracing::error!(%refusal, "the refusal could not be recorded");
        }
        // Last, so that whoever reads it finds it on the page too.
        tracing::error!("The configuration was not taken; the old one goes on:\n{error}");
        error
    }

    /// What is watched: the files in effect, and those of the last load, which may be others when
    /// it was refused.
    fn watched(&self, tree: &Tree) -> BTreeSet<PathBuf> {
        self.active.iter().map(PathBuf::as_path).chain(tree.paths()).map(Path::to_owned).collect()
    }
}

fn paths(tree: &Tree) -> BTreeSet<PathBuf> {
    tree.paths().map(Path::to_owned).collect()
}
