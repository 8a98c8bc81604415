//! The composition root: the only file that sees all rings and edges. It loads the configuration,
//! opens the store that it names, recovers, listens, and joins the edges to the engine's ports.
//! Nothing here decides anything.

pub mod alone;
mod reload;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::engine::input::{Input, NewGeneration, Reloaded};
use crate::engine::ports::OnMaster;
use crate::engine::recover::{self, Parts};
use crate::engine::tasks::Tasks;
use crate::engine::{Effect, Engine, Generation, Reload, Sabotage};
use crate::http;
use crate::local::Local;
use crate::model::config::Config;
use crate::script::load::{LoadError, LoadOptions, Loaded, Mount, load_tree};
use crate::store::blobs::Blobs;
use crate::store::{self, Store, StoreOptions};
use crate::{engine, poll, report, web, wire};

/// What a master is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The base directory.
    pub base_dir: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// What programs on the master's own machine find in their environment.
    pub environ: BTreeMap<String, String>,
}

/// Why a master does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is broken.
    Config(LoadError),
    /// Something else; the text says what, where and what to do.
    Other(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StartError {}

impl From<store::StoreError> for StartError {
    fn from(error: store::StoreError) -> Self {
        Self::Other(error.to_string())
    }
}

/// A running master.
pub struct Running {
    engine: Engine,
    tasks: Tasks,
    loops: Vec<std::thread::JoinHandle<()>>,
    loops_end: CancellationToken,
    failed: Arc<Mutex<Option<String>>>,
    web_addr: Option<SocketAddr>,
    worker_addr: Option<SocketAddr>,
    reload: Reload,
}

/// Starts a master; it serves when this returns.
///
/// # Errors
/// When the configuration is broken, the database cannot be used, or a port is taken.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let clock = Clock::system();
    let http = http::Client::new();
    let load_options = LoadOptions {
        file: options.config.clone(),
        base_dir: options.base_dir.clone(),
        clock,
        http: http.clone(),
        secrets: crate::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    let (loaded, tree) = load_tree(load_options.clone()).await;
    let loaded = loaded.map_err(StartError::Config)?;
    let workers = listen(
        &loaded.config.protocols.interface,
        loaded.config.protocols.port,
        "c.protocols.port",
    )
    .await?;
    let web = match &loaded.config.www {
        Some(www) => Some(listen(&www.interface, www.port, "c.www.port").await?),
        None => None,
    };
    let opened = open_store(&loaded.config, &options.base_dir)?;

    let artifacts = open_artifacts(&loaded.config, &options.base_dir)?;

    let (tasks, random) = (Tasks::new(), Random::system());
    let local = Local::new(&options.base_dir, options.environ, random.clone(), tasks.clone()).await;
    let parts = Parts {
        opened,
        generation: new_generation(loaded),
        master_name: master_name(&options.base_dir),
        base_dir: Some(options.base_dir.clone()),
        on_master: OnMaster::Machine(Arc::new(local)),
        artifacts: Some(artifacts),
        clock,
        random,
        tasks: tasks.clone(),
        observer: None,
        sabotage: Sabotage::default(),
    };
    let Core { engine, loops, loops_end, failed, worker_addr } = begin(parts, workers)?;
    tasks.spawn("artifacts", engine::artifacts::serve(engine.clone(), tasks.token()));
    tasks.spawn("report", report::serve(engine.clone(), http.clone(), tasks.clone()));
    let git = Arc::new(poll::Mirrors { base_dir: options.base_dir.clone() });
    let outside = poll::Outside { http, git };
    tasks.spawn("poll", poll::serve(engine.clone(), outside, tasks.clone()));

    let reload = reload::serve(engine.clone(), load_options, tree, &tasks);
    let mut web_addr = None;
    if let Some(listener) = web {
        web_addr = listener.local_addr().ok();
        let web = web::Web { engine: engine.clone(), reload: reload.clone(), tasks: tasks.clone() };
        tasks.spawn("web", web::serve(listener, web, tasks.clone()));
    }
    Ok(Running { engine, tasks, loops, loops_end, failed, web_addr, worker_addr, reload })
}

/// What every master has: the engine at work, and where workers find it.
struct Core {
    engine: Engine,
    loops: Vec<std::thread::JoinHandle<()>>,
    loops_end: CancellationToken,
    failed: Arc<Mutex<Option<String>>>,
    worker_addr: Option<SocketAddr>,
}

/// Recovers, starts the engine's loops, and lets workers in.
fn begin(parts: Parts, workers: TcpListener) -> Result<Core, StartError> {
    let tasks = parts.tasks.clone();
    let started = recover::start(parts)?;
    let engine = started.engine.clone();
    let failed = Arc::new(Mutex::new(None));
    let loops_end = CancellationToken::new();
    let (beat, log_loop, end) = (started.beat, started.log_loop, loops_end.clone());
    let loops = vec![
        spawn_loop("beat", async move { beat.serve(end).await }, failed.clone(), tasks.token())?,
        spawn_loop("logs", log_loop.serve(), failed.clone(), tasks.token())?,
    ];
    tasks.spawn("intake", started.intake.serve(tasks.token()));
    tasks.spawn("planner", started.planner.serve(tasks.token()));
    let worker_addr = workers.local_addr().ok();
    tasks.spawn("workers", wire::serve(workers, engine.clone(), tasks.clone()));
    Ok(Core { engine, loops, loops_end, failed, worker_addr })
}

impl Running {
    /// The engine's handle.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where the web server listens.
    #[must_use]
    pub fn web_addr(&self) -> Option<SocketAddr> {
        self.web_addr
    }

    /// Where workers connect.
    #[must_use]
    pub fn worker_addr(&self) -> Option<SocketAddr> {
        self.worker_addr
    }

    /// The task spawner, for what runs beside the master in its process.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Reads the configuration again.
    ///
    /// # Errors
    /// The text of what is wrong with it; the old one goes on.
    pub async fn reload(&self, effect: Effect) -> Result<Reloaded, String> {
        (self.reload)(effect).await
    }

    /// Returns when the master cannot go on, with the reason.
    pub async fn failure(&self) -> String {
        self.tasks.token().cancelled().await;
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failed {
            Some(text) => text,
            // It was only told to end.
            None => std::future::pending().await,
        }
    }

    /// Hands out no new work and waits until no build runs.
    pub async fn drain(&self) {
        // An ending engine has nothing left to wait for.
        let _ = self.engine.ask(|answer| Input::DrainRequested { answer }).await;
    }

    /// Ends the master: what runs ends as retry and is queued again by the next start.
    pub async fn stop(self) {
        let _ = self.engine.ask(|answer| Input::StopRequested { answer }).await;
        if tokio::time::timeout(Duration::from_secs(5), self.tasks.end()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "some tasks did not end in time");
        }
        self.loops_end.cancel();
        let Self { loops, engine, .. } = self;
        drop(engine);
        let joined = tokio::task::spawn_blocking(move || {
            for handle in loops {
                // A loop that panicked has said so already.
                let _ = handle.join();
            }
        });
        let _ = tokio::time::timeout(Duration::from_secs(2), joined).await;
    }
}

async fn listen(interface: &str, port: u16, option: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind((interface, port)).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("Another process listens there; stop it, or set {option} to a free port.")
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("Ports below 1024 need privileges; set {option} to a higher one.")
            }
            _ => format!("Check {option} and the interface."),
        };
        StartError::Other(format!("cannot listen on {interface}:{port}: {error}. {hint}"))
    })
}

/// Opens (and migrates) the database that the configuration names.
///
/// # Errors
/// When the URL is not one of SQLite, or the file cannot be used.
pub fn open_store(config: &Config, base_dir: &Path) -> Result<store::Opened, StartError> {
    let path = sqlite_path(&config.db_url, base_dir)?;
    let parent = path.parent().unwrap_or(base_dir);
    if let Err(error) = tempfile::Builder::new().prefix(".writable-").tempfile_in(parent) {
        return Err(StartError::Other(format!(
            "{} cannot be written: {error}. The database lives there; make the directory writable for this user.",
            parent.display()
        )));
    }
    Ok(Store::open(&StoreOptions { path, durable: true, inline: false })?)
}

fn open_artifacts(config: &Config, base_dir: &Path) -> Result<Arc<Blobs>, StartError> {
    let dir = base_dir.join(config.artifacts().dir);
    Blobs::open(&dir).map(Arc::new).map_err(|error| {
        StartError::Other(format!(
            "{} cannot be made: {error}. Artifacts are kept there; make it writable for this user, or set \
             c.www.artifacts.dir to another directory.",
            dir.display()
        ))
    })
}

fn sqlite_path(url: &str, base_dir: &Path) -> Result<PathBuf, StartError> {
    let Some(path) = url.strip_prefix("sqlite:///").filter(|p| !p.is_empty()) else {
        return Err(StartError::Other(format!(
            "c.db.url is {url:?}; this program stores in SQLite only: give sqlite:///state.sqlite (a \
             path after three slashes is relative to the base directory, after four absolute)."
        )));
    };
    Ok(base_dir.join(path))
}

fn master_name(base_dir: &Path) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let base = base_dir.canonicalize().unwrap_or_else(|_| base_dir.to_path_buf());
    format!("{host}:{}", base.display())
}

/// A loaded configuration as the engine takes it.
#[must_use]
pub fn new_generation(loaded: Loaded) -> NewGeneration {
    let generation = Generation::new(loaded.config, loaded.scripts);
    // A secret written into the configuration itself is not kept with its text.
    let files = generation
        .config
        .files
        .iter()
        .map(|file| {
            let text = file.text.as_ref().map(|text| generation.masked(text));
            (file.path.display().to_string(), text)
        })
        .collect();
    NewGeneration { generation, files }
}

/// Runs one of the engine's loops on a thread of its own: what blocks there delays no request.
fn spawn_loop(
    name: &str,
    work: impl Future<Output = store::Result<()>> + Send + 'static,
    failed: Arc<Mutex<Option<String>>>,
    token: CancellationToken,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let fail = |e: std::io::Error| StartError::Other(format!("no thread can be started: {e}"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(fail)?;
    let body = move || {
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        let problem = match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("a bug ended one of its loops; the log has the place".to_owned()),
        };
        if let Some(problem) = problem {
            tracing::error!(problem, "the master cannot go on");
            let text = format!("{problem}. Nothing that was answered is lost; a restart recovers.");
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            token.cancel();
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(fail)
}
