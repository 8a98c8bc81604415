//! `demo`: the main job on a fresh machine, in one command. Everything is real – the master, the
//! webhook over TCP, the worker's connection, git, the compiler – only the place is a scratch
//! directory and the ports are free ones.

mod repository;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::follow::Follower;
use super::surroundings;
use super::terminal::say;
use crate::base::random::Random;
use crate::base::results::Results;
use crate::base::secret::Secret;
use crate::http;
use crate::model::event::Event;
use crate::model::worker::WorkerSettings;
use crate::server::{self, Options, Running};
use crate::worker;

/// Show the main job: a push travels from a webhook to a finished build.
///
/// Makes a scratch master, a local git repository and a worker in this process, on free ports of
/// this machine; posts a signed GitHub push to the master's own webhook and shows the build live.
/// The page stays up until Ctrl-C.
///
/// Example: halide-ci demo --once --keep /tmp/demo
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the build, with its result as exit status.
    #[arg(long)]
    once: bool,
    /// Keep everything in DIR, which must be new or empty.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// How long the whole journey may take before the demo gives up.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let scratch = tempfile::Builder::new()
        .prefix("halide-ci-demo-")
        .tempdir()
        .map_err(|e| Failure::failed(format!("no scratch directory can be made: {e}")))?;
    let dir = match &args.keep {
        None => scratch.path().to_path_buf(),
        Some(dir) => {
            prepare(dir)?;
            dir.canonicalize().unwrap_or_else(|_| dir.clone())
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no threads can be started: {e}")))?;
    let results = runtime.block_on(play(args, &dir));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match results? {
        results if results.is_good() => Ok(()),
        results => Err(Failure::failed(format!("the build ended with {}", results.word()))),
    }
}

fn prepare(dir: &Path) -> Result<(), Failure> {
    let fail =
        |e: std::io::Error| Failure::failed(format!("{} cannot be used: {e}", dir.display()));
    // As `create-master` does: state and logs are nobody else's.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fail)?;
    if std::fs::read_dir(dir).map_err(fail)?.next().is_some() {
        let failure = Failure::failed(format!("{} is not empty", dir.display()));
        return Err(failure.hint("Give --keep a new directory."));
    }
    Ok(())
}

async fn play(args: &Args, dir: &Path) -> Result<Results, Failure> {
    // From here on nothing ends the process before the scratch directory is removed.
    let mut signals = signals()?;
    let secrets = furnish(dir)?;
    let commit = repository::make(&dir.join("hello.git"))?;
    let (base_dir, config) = (dir.to_path_buf(), dir.join("master.lua"));
    let options = Options { base_dir, config, environ: surroundings::environ() };
    let running = server::start(options).await.map_err(|e| Failure::failed(e.to_string()))?;
    let page = running.web_addr().map(|a| format!("http://{a}/")).unwrap_or_default();
    say(&format!("Master  {page}  (user demo, password {})", secrets.password));
    start_worker(&running, dir, &secrets.worker)?;

    let mut follower = Follower::new(running.engine().clone(), "hello", Some(page.clone()));
    let journey = async {
        follower.until(|e| matches!(e, Event::WorkerConnected { .. })).await;
        say("Worker  demo-worker is connected");
        push(&page, &secrets.webhook, &commit).await?;
        Ok(follower.build().await)
    };
    let results = tokio::select! {
        done = tokio::time::timeout(LIMIT, journey) => match done {
            Ok(results) => results,
            Err(_) => Err(Failure::failed("the build did not end in two minutes")),
        },
        () = interrupted(&mut signals) => Err(Failure::failed("interrupted")),
    };
    if results.is_ok() && !args.once {
        say(&format!("\nThe page stays up: {page}\nCtrl-C ends it."));
        interrupted(&mut signals).await;
    }
    running.stop().await;
    if let Some(dir) = &args.keep {
        say(&format!("\nKept in {0}: halide-ci start {0}", dir.display()));
    }
    results
}

/// Ctrl-C, `kill`, and the end of the terminal.
pub(super) fn signals() -> Result<[Signal; 3], Failure> {
    let listen =
        |kind| signal(kind).map_err(|e| Failure::failed(format!("signals cannot be taken: {e}")));
    let kinds = (SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup());
    Ok([listen(kinds.0)?, listen(kinds.1)?, listen(kinds.2)?])
}

/// Waits for one of them.
pub(super) async fn interrupted([interrupt, terminate, hangup]: &mut [Signal; 3]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// The secrets of the demo, each in a file of its own.
struct Secrets {
    worker: String,
    webhook: String,
    password: String,
}

fn furnish(dir: &Path) -> Result<Secrets, Failure> {
    let random = Random::system();
    let mut password = random.token();
    password.truncate(12);
    let secrets = Secrets { worker: random.token(), webhook: random.token(), password };
    for (name, text) in [
        ("master.lua", include_str!("../templates/demo.lua")),
        ("worker_secret.txt", &secrets.worker),
        ("webhook_secret.txt", &secrets.webhook),
        ("www_password.txt", &secrets.password),
    ] {
        write_private(&dir.join(name), text)?;
    }
    std::fs::create_dir_all(dir.join("worker"))
        .map_err(|e| Failure::failed(format!("{} cannot be written: {e}", dir.display())))?;
    Ok(secrets)
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|e| Failure::failed(format!("{} cannot be written: {e}", path.display())))
}

fn start_worker(running: &Running, dir: &Path, secret: &str) -> Result<(), Failure> {
    let address = running
        .worker_addr()
        .ok_or_else(|| Failure::failed("the master listens for no workers"))?;
    let settings = WorkerSettings::new(
        "demo-worker",
        Secret::new(secret),
        &address.ip().to_string(),
        address.port(),
        dir.join("worker"),
    );
    let surroundings = surroundings::here();
    let token = running.tasks().token();
    running.tasks().spawn("demo worker", async move {
        if let Err(error) = worker::run(settings, surroundings, token).await {
            tracing::error!(%error, "the demo's worker gave up");
        }
    });
    Ok(())
}

/// Posts the push as GitHub would: signed, over TCP, to the master's own hook.
async fn push(page: &str, secret: &str, commit: &repository::Commit) -> Result<(), Failure> {
    let body = commit.push_payload().to_string().into_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|e| Failure::failed(format!("the push cannot be signed: {e}")))?;
    mac.update(&body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let mut request = http::Request::new("POST", &format!("{page}change_hook/github"))
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-github-delivery", &Random::system().token())
        .header("x-hub-signature-256", &signature);
    request.body = body;
    let answer = http::Client::new()
        .request(request)
        .await
        .map_err(|e| Failure::failed(format!("the push could not be posted: {e}")))?;
    let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
    let short = commit.id.get(..10).unwrap_or(&commit.id);
    say(&format!("Push    main {short} {:?} → {} {text}", commit.message, answer.status));
    if answer.status == 200 { Ok(()) } else { Err(Failure::failed("the push was refused")) }
}
