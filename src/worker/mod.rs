//! Our own worker: connects to its master, does what it says, and connects again. It speaks
//! Buildbot's msgpack protocol, with our extension where the master knows it. It imports only the
//! codec of `wire`, so that it never depends on the master.

mod command;
mod connection;
mod info;
mod lines;
mod report;
mod uplink;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use self::connection::{End, converse};
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::base::text::duration;
use crate::model::worker::WorkerSettings;
use crate::process::tree;
use crate::wire::msgpack::websocket::{Credentials, HandshakeError, connect};

/// The first pause between two attempts to connect.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// How long one attempt may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// What a worker takes from the process around it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// Randomness, for pauses and the ids of commands.
    pub random: Random,
    /// The environment that commands inherit.
    pub environ: BTreeMap<String, String>,
}

/// Why a worker gave up.
#[derive(Debug)]
pub enum WorkerError {
    /// Its base directory is missing or cannot be used.
    BaseDir(String),
    /// It tried so often in a row to connect, and this was the last reason.
    GaveUp(u32, String),
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaseDir(text) => f.write_str(text),
            Self::GaveUp(n, why) => {
                write!(f, "The worker gave up after {n} attempts to reach its master: {why}.")
            }
        }
    }
}

impl std::error::Error for WorkerError {}

/// Works until `shutdown` is cancelled or the master ends it; both are success. Running commands
/// are killed then.
///
/// # Errors
/// [`WorkerError`].
pub async fn run(
    settings: WorkerSettings,
    surroundings: Surroundings,
    shutdown: CancellationToken,
) -> Result<(), WorkerError> {
    let settings = prepared(settings)?;
    tree::adopt_orphans();
    let mark = tree::mark(&settings.base_dir);
    let swept = tokio::task::spawn_blocking(move || tree::sweep(&mark)).await;
    if let Ok(count @ 1..) = swept {
        tracing::warn!("{count} processes of this worker's last life were still running; killed.");
    }
    let boot = surroundings.random.token();
    let mut delay = FIRST_DELAY;
    let mut failures = 0u32;
    loop {
        let attempt = attempt(&settings, &surroundings, &boot, &shutdown);
        let why = match attempt.await {
            End::Shutdown => {
                tracing::info!("The master ended this worker.");
                return Ok(());
            }
            End::Cancelled => return Ok(()),
            End::Lost { why, greeted } => {
                if greeted {
                    delay = FIRST_DELAY;
                    failures = 0;
                }
                why
            }
        };
        failures += 1;
        if settings.max_retries.is_some_and(|most| failures > most) {
            return Err(WorkerError::GaveUp(failures, why));
        }
        // Many workers that lost the same master must not come back in the same moment.
        let spread = surroundings.random.below(1000);
        let pause = delay.mul_f64(0.75 + 0.5 * f64::from(u32::try_from(spread).unwrap_or(0)) / 1e3);
        tracing::warn!(
            "No connection to the master at {}:{}: {why}. Next attempt in {}.",
            settings.host,
            settings.port,
            duration(pause)
        );
        if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Ok(());
        }
        delay = delay.mul_f64(1.7).min(settings.max_delay).max(FIRST_DELAY);
    }
}

/// The settings with an absolute base directory that exists.
fn prepared(mut settings: WorkerSettings) -> Result<WorkerSettings, WorkerError> {
    let found = std::fs::canonicalize(&settings.base_dir);
    settings.base_dir = found.map_err(|error| {
        WorkerError::BaseDir(format!(
            "The worker's directory {} cannot be used: {error}. Make it with `create-worker`.",
            settings.base_dir.display()
        ))
    })?;
    if settings.name.is_empty() || settings.name.contains(':') {
        return Err(WorkerError::BaseDir(format!(
            "The worker's name `{}` cannot be used: it must not be empty or contain a colon.",
            settings.name
        )));
    }
    if let Some(mask) = settings.umask {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
    }
    Ok(settings)
}

/// One attempt: connects, and talks until the connection ends.
async fn attempt(
    settings: &WorkerSettings,
    surroundings: &Surroundings,
    boot: &str,
    shutdown: &CancellationToken,
) -> End {
    let lost = |why: String| End::Lost { why, greeted: false };
    let connecting = async {
        let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        // Small messages must not wait for each other; failing to ask for it is no harm.
        let _ = stream.set_nodelay(true);
        let credentials = Credentials {
            name: settings.name.clone(),
            password: settings.password.clone(),
            boot: Some(boot.to_owned()),
        };
        connect(stream, &settings.host, settings.port, &credentials).await.map_err(|error| {
            match error {
                HandshakeError::Refused => format!(
                    "it refused the worker `{}`: it does not know the name, or the password is \
                     wrong, or {} is not its port for workers (c.protocols.port); compare \
                     worker.lua with the master's configuration",
                    settings.name, settings.port
                ),
                other => other.to_string(),
            }
        })
    };
    let limited = tokio::time::timeout(CONNECT_LIMIT, connecting);
    match shutdown.run_until_cancelled(limited).await {
        None => End::Cancelled,
        Some(Err(_)) => lost("it did not answer in time".to_owned()),
        Some(Ok(Err(why))) => lost(why),
        Some(Ok(Ok(socket))) => {
            tracing::info!("Connected to the master at {}:{}.", settings.host, settings.port);
            converse(socket, settings, surroundings, boot, shutdown).await
        }
    }
}
