//! The serving process of `start`: takes the pid file, starts what `server` or `worker` give, and
//! turns signals and orders into reloads and the end. SIGHUP reloads, SIGTERM and SIGINT stop, a
//! second one of them stops now.

use std::pin::pin;

use serde_json::{Value as Json, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::control::{self, Asked, Order};
use super::failure::Failure;
use super::herald::Herald;
use super::pidfile::PidFile;
use super::place::{Place, Role};
use super::{chronicle, logging, start, surroundings};
use crate::base::clock::Timestamp;
use crate::base::id::{ChangeId, RequestId};
use crate::engine::Effect;
use crate::engine::tasks::Tasks;
use crate::script::worker_config::load_worker;
use crate::server::{self, Running, StartError};
use crate::store::{counts, generations};

/// Serves `place` until it is told to stop.
pub(super) fn run(place: &Place, args: &start::Args, herald: &Herald) -> Result<(), Failure> {
    logging::start();
    let config = place.config(args.config.as_deref())?;
    if place.role == Role::Master {
        // State, logs and sockets are nobody else's. A worker keeps the umask: what its commands
        // make is the user's.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    }
    let (_pid_file, stale) = PidFile::take(place)?;
    if let Some(pid) = stale {
        tracing::warn!("The last {} (process {pid}) ended without cleaning up.", place.role);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(if place.role == Role::Master { processors() } else { 1 })
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("No threads can be started: {e}.")))?;
    let served = runtime.block_on(async {
        match place.role {
            Role::Master => master(place, config, herald).await,
            Role::Worker => worker(place, &config, herald).await,
        }
    });
    // A blocking task that hangs must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8))
}

async fn master(place: &Place, config: std::path::PathBuf, herald: &Herald) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let options =
        server::Options { base_dir: place.dir.clone(), config, environ: surroundings::environ() };
    let running = tokio::select! {
        running = server::start(options) => running.map_err(refused)?,
        () = signals.stop() => return Err(Failure::failed("Stopped before it served.")),
    };
    let tasks = Tasks::new();
    let mut orders = match control::listen(place, &tasks) {
        Ok(orders) => orders,
        Err(failure) => {
            running.stop().await;
            return Err(failure);
        }
    };
    chronicle::begin(running.engine().clone(), &tasks);
    herald.serving(&serving(place, &running));
    let since = running.engine().clock().now();
    let mut end = attend(place, &running, &mut orders, &mut signals, herald, since).await;
    herald.stopping();
    if matches!(end, End::Drain) {
        tracing::info!("Stopping when the running builds have ended.");
        if let Some(why) = drain(place, &running, &mut orders, &mut signals, since).await {
            end = End::Broken(why);
        }
    }
    let ended = async {
        tracing::info!("Stopping.");
        running.stop().await;
    };
    tokio::select! {
        () = ended => {}
        () = signals.stop() => tracing::warn!("Stopping now: a second signal came."),
    }
    let _ = std::fs::remove_file(place.control_socket());
    tasks.end().await;
    tracing::info!("Stopped.");
    match end {
        End::Stop | End::Drain => Ok(()),
        End::Broken(why) => Err(Failure::failed(why)),
    }
}

fn refused(error: StartError) -> Failure {
    match error {
        // One line for each problem; checkconfig shows them with the source.
        StartError::Config(error) => Failure::failed(error.to_string()),
        StartError::Other(text) => Failure::failed(text),
    }
}

/// Why a master stops.
enum End {
    /// It was told to.
    Stop,
    /// It was told to, after the running builds.
    Drain,
    /// It cannot go on, for this reason.
    Broken(String),
}

/// Takes orders until one of them, or a signal, is to stop, or the master cannot go on.
async fn attend(
    place: &Place,
    running: &Running,
    orders: &mut mpsc::Receiver<Asked>,
    signals: &mut Signals,
    herald: &Herald,
    since: Timestamp,
) -> End {
    let mut broken = pin!(running.failure());
    loop {
        let order = tokio::select! {
            Some(asked) = orders.recv() => Some(asked),
            told = signals.next() => match told {
                Told::Reload => None,
                Told::Stop => return End::Stop,
            },
            why = &mut broken => return End::Broken(why),
        };
        match order {
            None => {
                let reload = reload(running, herald, Effect::Apply);
                tokio::select! {
                    _ = reload => {}
                    () = signals.stop() => return End::Stop,
                }
            }
            Some(Asked { order: Order::Stop { drain }, answer }) => {
                // The one who asked waits for the process to end, not for this.
                let _ = answer.send(Ok(Json::Null));
                return if drain { End::Drain } else { End::Stop };
            }
            Some(Asked { order: Order::Reload { dry_run, config }, answer }) => {
                let effect = if dry_run { Effect::DryRun(config) } else { Effect::Apply };
                let reload = pin!(reload(running, herald, effect));
                tokio::select! {
                    reloaded = reload => {
                        let _ = answer.send(reloaded);
                    }
                    () = signals.stop() => return End::Stop,
                }
            }
            Some(Asked { order: Order::Status, answer }) => {
                let _ = answer.send(status(place, running, since, false).await);
            }
            Some(Asked { order: Order::Why { request, change }, answer }) => {
                let _ = answer.send(why(running, request, change).await);
            }
        }
    }
}

/// Waits until no build runs, or until somebody will not wait any longer. Builds may take hours, so
/// questions are answered meanwhile. Some = the master cannot go on, and why.
async fn drain(
    place: &Place,
    running: &Running,
    orders: &mut mpsc::Receiver<Asked>,
    signals: &mut Signals,
    since: Timestamp,
) -> Option<String> {
    let mut drained = pin!(running.drain());
    loop {
        let Asked { order, answer } = tokio::select! {
            () = &mut drained => return None,
            why = running.failure() => return Some(why),
            () = signals.stop() => {
                tracing::info!("The running builds are waited for no longer.");
                return None;
            }
            Some(asked) = orders.recv() => asked,
        };
        let told = match order {
            Order::Status => status(place, running, since, true).await,
            Order::Why { request, change } => why(running, request, change).await,
            Order::Stop { drain: true } => Ok(Json::Null),
            Order::Reload { .. } => Err("The master stops when the running builds have ended; \
                                  until then it takes no new configuration."
                .to_owned()),
            Order::Stop { drain: false } => {
                let _ = answer.send(Ok(Json::Null));
                return None;
            }
        };
        // Who asked may have gone.
        let _ = answer.send(told);
    }
}

async fn reload(running: &Running, herald: &Herald, effect: Effect) -> Result<Json, String> {
    let applies = effect == Effect::Apply;
    if applies {
        herald.reloading();
    }
    let reloaded = running.reload(effect).await;
    if applies {
        herald.reloaded();
    }
    match reloaded {
        // The log has the changes or the error already.
        Ok(reloaded) => Ok(json!({ "changes": reloaded.changes })),
        Err(error) => Err(error),
    }
}

async fn why(running: &Running, request: Option<i64>, change: Option<i64>) -> Result<Json, String> {
    let engine = running.engine();
    let told = match (request, change) {
        (Some(request), None) => engine.why(RequestId(request)).await.map(|why| why.to_json()),
        (None, Some(change)) => engine.verdicts(ChangeId(change)).await,
        _ => return Err("Name either a request or a change.".to_owned()),
    };
    told.map_err(|refusal| refusal.to_string())
}

async fn status(
    place: &Place,
    running: &Running,
    since: Timestamp,
    is_draining: bool,
) -> Result<Json, String> {
    let engine = running.engine();
    let read = engine.store().read(|conn| Ok((counts::now(conn)?, generations::refusal(conn)?)));
    let (counts, refusal) = read.await.map_err(|e| e.to_string())?;
    Ok(json!({
        "role": place.role.to_string(),
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "since": since.secs(),
        "uptime": engine.clock().now().since(since).as_secs(),
        "web": running.web_addr().map(|a| a.to_string()),
        "worker_port": running.worker_addr().map(|a| a.to_string()),
        "generation": engine.generation().id,
        "refused": refusal,
        "draining": is_draining,
        "builds_running": counts.builds_running,
        "requests_waiting": counts.requests_waiting,
        "workers_connected": counts.workers_connected,
        "workers_configured": counts.workers_configured,
        "statuses_waiting": counts.messages_waiting,
    }))
}

fn serving(place: &Place, running: &Running) -> String {
    let web = running.web_addr().map_or_else(
        || "no web server".to_owned(),
        |a| {
            format!(
                "web on http://{}/",
                if a.ip().is_unspecified() {
                    format!("localhost:{}", a.port())
                } else {
                    a.to_string()
                }
            )
        },
    );
    let workers = running
        .worker_addr()
        .map(|a| format!(", workers on port {}", a.port()))
        .unwrap_or_default();
    format!("The {place} serves as process {}: {web}{workers}.", std::process::id())
}

async fn worker(place: &Place, config: &std::path::Path, herald: &Herald) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let settings =
        load_worker(config, &place.dir).map_err(|error| Failure::failed(error.to_string()))?;
    let text = format!(
        "The {place} runs as process {}: {} for {}:{}.",
        std::process::id(),
        settings.name,
        settings.host,
        settings.port
    );
    let token = CancellationToken::new();
    let mut running = pin!(crate::worker::run(settings, surroundings::here(), token.clone()));
    herald.serving(&text);
    loop {
        tokio::select! {
            ended = &mut running => {
                // The master may end a worker: that is no failure, and systemd leaves it so.
                herald.stopping();
                return ended.map_err(|error| Failure::failed(error.to_string()));
            }
            told = signals.next() => match told {
                Told::Stop => break,
                Told::Reload => {
                    tracing::info!("A worker has nothing to reload: restart it instead.");
                }
            },
        }
    }
    herald.stopping();
    tracing::info!("Stopping.");
    token.cancel();
    tokio::select! {
        ended = &mut running => ended.map_err(|error| Failure::failed(error.to_string()))?,
        () = signals.stop() => tracing::warn!("Stopping now: a second signal came."),
    }
    tracing::info!("Stopped.");
    Ok(())
}

/// What a signal says.
enum Told {
    Reload,
    Stop,
}

/// The signals that a serving process listens to.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|e| Failure::failed(format!("Signals cannot be taken: {e}.")))
        };
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
        }
    }

    /// Waits for a signal to stop.
    async fn stop(&mut self) {
        while !matches!(self.next().await, Told::Stop) {}
    }
}
