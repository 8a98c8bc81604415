//! A master that is nothing but its gate: it knows workers, lets them in, and hands their links
//! to the test. Commands are driven by [`run`], which gathers everything a command said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use halide_ci::base::clock::Clock;
use halide_ci::base::id::WorkerId;
use halide_ci::base::partial::Content;
use halide_ci::base::random::Random;
use halide_ci::base::secret::Secret;
use halide_ci::engine::Refusal;
use halide_ci::engine::input::Attached;
use halide_ci::engine::ports::{CommandEvent, Link};
use halide_ci::engine::tasks::Tasks;
use halide_ci::model::command::{Command, CommandKind, CommandLine, FileStat, ShellCommand};
use halide_ci::model::log::Stream;
use halide_ci::model::worker::{WorkerInfo, WorkerSettings};
use halide_ci::wire::{Claim, Gate};
use halide_ci::worker::{self, Surroundings, WorkerError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What the gate knows.
#[derive(Clone)]
pub(crate) struct FakeGate(Arc<Inner>);

/// A worker that was let in.
type Present = (Attached, Arc<dyn Link>, WorkerInfo);

struct Inner {
    passwords: Mutex<BTreeMap<String, Secret>>,
    builddirs: Vec<String>,
    present: Mutex<BTreeMap<String, Present>>,
    epoch: watch::Sender<i64>,
    refusals: watch::Sender<u32>,
    retiring: watch::Sender<u32>,
    challenge: Mutex<[u8; 16]>,
}

impl FakeGate {
    pub(crate) fn new(workers: &[(&str, &str)]) -> Self {
        Self(Arc::new(Inner {
            passwords: Mutex::new(
                workers.iter().map(|(n, p)| ((*n).to_owned(), Secret::new(p))).collect(),
            ),
            builddirs: vec!["builder".to_owned()],
            present: Mutex::default(),
            epoch: watch::Sender::new(0),
            refusals: watch::Sender::new(0),
            retiring: watch::Sender::new(0),
            challenge: Mutex::new(*b"0123456789abcdef"),
        }))
    }

    /// From now on `worker` needs another password.
    pub(crate) fn change_password(&self, worker: &str, password: &str) {
        self.0.passwords.lock().unwrap().insert(worker.to_owned(), Secret::new(password));
    }

    /// Waits until the worker has come in for the `n`th time of all, and returns its link.
    pub(crate) async fn come_in(&self, worker: &str, n: i64) -> (Arc<dyn Link>, WorkerInfo) {
        let mut epoch = self.0.epoch.subscribe();
        tokio::time::timeout(Duration::from_secs(60), epoch.wait_for(|e| *e >= n))
            .await
            .expect("the worker did not come in")
            .unwrap();
        let present = self.0.present.lock().unwrap();
        let (_, link, info) = &present[worker];
        (link.clone(), info.clone())
    }

    pub(crate) fn is_present(&self, worker: &str) -> bool {
        self.0.present.lock().unwrap().contains_key(worker)
    }

    /// From now on logins are challenged with this.
    pub(crate) fn challenge_with(&self, challenge: [u8; 16]) {
        *self.0.challenge.lock().unwrap() = challenge;
    }

    /// Waits until a worker has said that it wants to end.
    pub(crate) async fn retiring(&self) {
        let mut retiring = self.0.retiring.subscribe();
        tokio::time::timeout(Duration::from_secs(60), retiring.wait_for(|n| *n > 0))
            .await
            .expect("nobody wants to end")
            .unwrap();
    }

    /// Waits until `n` were refused.
    pub(crate) async fn refused(&self, n: u32) {
        let mut refusals = self.0.refusals.subscribe();
        tokio::time::timeout(Duration::from_secs(60), refusals.wait_for(|r| *r >= n))
            .await
            .expect("nobody was refused")
            .unwrap();
    }
}

impl Gate for FakeGate {
    fn admits(&self, claim: &Claim) -> bool {
        let passwords = self.0.passwords.lock().unwrap();
        let known = passwords.get(&claim.name);
        let holds = known.is_some_and(|password| claim.fits(password));
        if !holds {
            self.0.refusals.send_modify(|n| *n += 1);
        }
        holds
    }

    fn challenge(&self) -> [u8; 16] {
        *self.0.challenge.lock().unwrap()
    }

    fn builddirs(&self, _worker: &str) -> Vec<String> {
        self.0.builddirs.clone()
    }

    async fn link(&self, worker: &str) -> Option<Arc<dyn Link>> {
        self.0.present.lock().unwrap().get(worker).map(|(_, link, _)| link.clone())
    }

    async fn attach(
        &self,
        worker: String,
        info: WorkerInfo,
        link: Arc<dyn Link>,
    ) -> Result<Attached, Refusal> {
        let epoch = *self.0.epoch.borrow() + 1;
        let attached = Attached { worker: WorkerId(1), epoch };
        self.0.present.lock().unwrap().insert(worker, (attached, link, info));
        self.0.epoch.send_replace(epoch);
        Ok(attached)
    }

    async fn retire(&self, attached: Attached) {
        assert!(self.0.present.lock().unwrap().values().any(|(a, ..)| *a == attached));
        self.0.retiring.send_modify(|n| *n += 1);
    }

    async fn detach(&self, attached: Attached) {
        self.0.present.lock().unwrap().retain(|_, (a, _, _)| *a != attached);
    }
}

/// What a worker that downloads a file gets.
pub(crate) const DOWNLOAD: &[u8] = b"abcdefghij";

/// What a command said until its end.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) header: String,
    pub(crate) order: Vec<Stream>,
    /// Log files by name.
    pub(crate) logs: std::collections::BTreeMap<String, Vec<u8>>,
    pub(crate) rc: Option<i64>,
    pub(crate) failure_reason: Option<String>,
    pub(crate) stat: Option<FileStat>,
    pub(crate) files: Vec<String>,
    pub(crate) blocks: Vec<Vec<u8>>,
    pub(crate) closed: bool,
    /// What the master has of an upload before it begins.
    pub(crate) there: u64,
    /// What the worker was about to send, and what it has sent.
    pub(crate) announced: Option<Content>,
    pub(crate) sent: Option<Content>,
    pub(crate) times: Option<(f64, f64)>,
    /// Bytes of [`DOWNLOAD`] that were taken.
    pub(crate) downloaded: usize,
    pub(crate) failure: Option<String>,
    pub(crate) refused: Option<String>,
    pub(crate) lost: bool,
}

impl Outcome {
    /// Takes one event; true = it was the last.
    pub(crate) fn take(&mut self, event: CommandEvent) -> bool {
        match event {
            CommandEvent::Output { stream, data, ack } => {
                match stream {
                    Stream::Stdout => self.stdout.extend_from_slice(&data),
                    Stream::Stderr => self.stderr.extend_from_slice(&data),
                    Stream::Header => self.header.push_str(&String::from_utf8_lossy(&data)),
                }
                self.order.push(stream);
                drop(ack);
            }
            CommandEvent::LogFile { name, data, ack } => {
                self.logs.entry(name).or_default().extend_from_slice(&data);
                drop(ack);
            }
            CommandEvent::Rc(rc) => self.rc = Some(rc),
            CommandEvent::FailureReason(why) => self.failure_reason = Some(why),
            CommandEvent::Stat(stat) => self.stat = Some(stat),
            CommandEvent::Files(files) => self.files = files,
            CommandEvent::UploadBegins { content, answer } => {
                self.announced = Some(content);
                answer.send(Ok(self.there)).unwrap();
            }
            CommandEvent::UploadBlock { data, answer } => {
                self.blocks.push(data.to_vec());
                answer.send(Ok(())).unwrap();
            }
            CommandEvent::UploadClosed { content, answer } => {
                self.closed = true;
                self.sent = content;
                answer.send(Ok(())).unwrap();
            }
            CommandEvent::UploadTimes { accessed, modified, answer } => {
                self.times = Some((accessed, modified));
                answer.send(Ok(())).unwrap();
            }
            CommandEvent::DownloadBlock { length, answer, .. } => {
                let rest = &DOWNLOAD[self.downloaded.min(DOWNLOAD.len())..];
                let block = &rest[..length.min(rest.len())];
                self.downloaded += block.len();
                answer.send(Ok(Bytes::from_static(block))).unwrap();
            }
            CommandEvent::Complete { failure, .. } => {
                self.failure = failure;
                return true;
            }
            CommandEvent::Refused(why) => {
                self.refused = Some(why);
                return true;
            }
            CommandEvent::Lost => {
                self.lost = true;
                return true;
            }
        }
        false
    }
}

pub(crate) fn command(what: CommandKind) -> Command {
    Command {
        builder: "builder".to_owned(),
        builddir: "builder".to_owned(),
        step: "step".to_owned(),
        what,
    }
}

pub(crate) fn shell(line: &str) -> ShellCommand {
    let mut shell = ShellCommand::new(CommandLine::Shell(line.to_owned()), "build");
    shell.log_environ = false;
    shell
}

pub(crate) fn kind(shell: ShellCommand) -> CommandKind {
    CommandKind::Shell(Box::new(shell))
}

/// Starts a command and returns the end at which its events come out.
pub(crate) fn start(
    link: &Arc<dyn Link>,
    key: u64,
    what: CommandKind,
) -> mpsc::Receiver<CommandEvent> {
    let (sink, events) = mpsc::channel(8);
    link.start(key, command(what), sink);
    events
}

/// Gathers what comes until the end.
pub(crate) async fn finish(events: mpsc::Receiver<CommandEvent>) -> Outcome {
    go_on(Outcome::default(), events).await
}

/// The same with something that was there before.
pub(crate) async fn go_on(
    mut outcome: Outcome,
    mut events: mpsc::Receiver<CommandEvent>,
) -> Outcome {
    let gather = async {
        while let Some(event) = events.recv().await {
            if outcome.take(event) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gather).await.expect("the command did not end");
    outcome
}

/// Runs a command to its end.
pub(crate) async fn run(link: &Arc<dyn Link>, key: u64, what: CommandKind) -> Outcome {
    finish(start(link, key, what)).await
}

pub(crate) fn surroundings() -> Surroundings {
    Surroundings {
        clock: Clock::system(),
        random: Random::system(),
        environ: [("PATH", "/usr/bin:/bin"), ("HOME", "/nowhere"), ("OWN", "worker")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    }
}

/// A master at a free port with one of our own workers in a folder of its own.
pub(crate) struct Pair {
    pub(crate) gate: FakeGate,
    pub(crate) tasks: Tasks,
    pub(crate) port: u16,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) worker: JoinSet<Result<(), WorkerError>>,
    pub(crate) stop: CancellationToken,
}

impl Pair {
    pub(crate) async fn new() -> Self {
        let gate = FakeGate::new(&[("w", "pass:word")]);
        let (tasks, port) = master(&gate).await;
        let dir = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let password = Secret::new("pass:word");
        let settings = WorkerSettings::new("w", password, "127.0.0.1", port, dir.path().to_owned());
        let mut worker = JoinSet::new();
        worker.spawn(worker::run(settings, surroundings(), stop.clone()));
        Self { gate, tasks, port, dir, worker, stop }
    }

    pub(crate) async fn link(&self) -> Arc<dyn Link> {
        self.gate.come_in("w", 1).await.0
    }

    /// Waits until the worker has ended, and well.
    pub(crate) async fn ended(&mut self) {
        self.worker.join_next().await.unwrap().unwrap().unwrap();
    }

    /// Ends both, and waits until nothing runs any more.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        self.ended().await;
        self.tasks.end().await;
    }
}

/// Serves `gate` at a free port.
pub(crate) async fn master(gate: &FakeGate) -> (Tasks, u16) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tasks = Tasks::new();
    tasks.spawn("master", halide_ci::wire::serve(listener, gate.clone(), tasks.clone()));
    (tasks, port)
}
