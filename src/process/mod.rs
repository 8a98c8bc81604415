//! One running program: its pipes or its terminal, its limits, and its end. It runs in a process
//! group of its own; stopping it goes up a ladder (TERM, the chosen signal, KILL for the whole tree),
//! and it has not ended before nothing of it is left. What it says is read in large pieces, and only when the
//! caller has room for it. Our own worker runs the commands of builds so, and the master its own.

mod terminal;
pub(super) mod text;
pub(super) mod tree;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::tree::{COOKIE, Quarry};
use crate::model::log::Stream;

/// Bytes that one read may bring.
const READ: usize = 64 << 10;
/// How long the pipes may stay open after the program's end, held by something it started.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a signal has to work before the whole tree is killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a kill may take before a result is made up.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// A moment that does not come.
const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// What to run.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    /// The program and its arguments; not empty.
    pub(super) argv: Vec<Vec<u8>>,
    /// Where; must exist.
    pub(super) workdir: PathBuf,
    /// Its whole environment.
    pub(super) environ: BTreeMap<String, String>,
    /// Bytes for its standard input, which is closed after them.
    pub(super) stdin: Vec<u8>,
    /// It runs on a terminal of its own; not with `stdin`, which could not be closed.
    pub(super) terminal: bool,
    /// When it is stopped, and how.
    pub(super) limits: Limits,
    /// A random text, unique for this command.
    pub(super) cookie: String,
}

/// When a program is stopped, and how.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// After this long without output.
    pub(super) timeout: Option<Duration>,
    /// After this long in all.
    pub(super) max_time: Option<Duration>,
    /// After this many lines of output.
    pub(super) max_lines: Option<u64>,
    /// TERM comes first, and has this long to work.
    pub(super) sigterm_time: Option<Duration>,
    /// The signal that stops it.
    pub(super) signal: Signal,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: None,
            max_time: None,
            max_lines: None,
            sigterm_time: None,
            signal: Signal::KILL,
        }
    }
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// `timeout`
    Quiet,
    /// `max_time`
    Time,
    /// `max_lines`, and how many there are.
    Lines(u64),
}

/// Something that happened to the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// It said something: [`Process::said`] has the bytes.
    Said(Stream),
    /// It reached a limit and is being stopped.
    Reached(Limit),
    /// It is over, and nothing of it is left.
    Ended(Ending),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// The exit code; -1 when a signal ended it, or it was to be killed.
    pub(super) rc: i64,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// It could not be killed; the result is made up.
    pub(super) immortal: bool,
}

/// The ladder: `Running → (Asked) → Signalled → Hunted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Running,
    /// TERM was sent.
    Asked,
    /// The chosen signal was sent.
    Signalled,
    /// The whole tree is being killed.
    Hunted,
}

/// Where output comes out: a pipe, or our end of a terminal.
trait Output: AsyncRead + AsFd + Send + Unpin {}
impl<T: AsyncRead + AsFd + Send + Unpin> Output for T {}

/// A running program.
pub(super) struct Process {
    child: Child,
    leader: i32,
    limits: Limits,
    cookie: String,
    stdin: Option<(ChildStdin, Vec<u8>, usize)>,
    stdout: Option<Box<dyn Output>>,
    stderr: Option<ChildStderr>,
    buffers: [Vec<u8>; 2],
    status: Option<ExitStatus>,
    began: Instant,
    spoke: Instant,
    lines: u64,
    stop: Stop,
    /// It was to be stopped before it ended.
    killed: bool,
    /// It did not die.
    immortal: bool,
    /// When the ladder's next rung, or the end of draining, is due.
    until: Option<Instant>,
    /// Since when nobody reads.
    unread: Option<Instant>,
    hunt: Option<JoinHandle<bool>>,
    swept: bool,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub(super) fn start(spec: Spec) -> io::Result<Self> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let mut argv = spec.argv.iter().map(|a| OsStr::from_bytes(a));
        let program = argv.next().filter(|p| !p.is_empty());
        let program = program.ok_or_else(|| io::Error::other("the command is empty"))?;
        let mut command = Command::new(program);
        command
            .args(argv)
            .current_dir(&spec.workdir)
            .env_clear()
            .envs(&spec.environ)
            .env(COOKIE, &spec.cookie)
            .kill_on_drop(true);
        let (mut child, stdout) = if spec.terminal {
            let (child, output) = terminal::with_terminal(command)?;
            (child, Some(Box::new(output) as Box<dyn Output>))
        } else {
            command
                .stdin(if spec.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0);
            let mut child = terminal::with_pipes(&mut command)?;
            let stdout = child.stdout.take();
            (child, stdout.map(|pipe| Box::new(pipe) as Box<dyn Output>))
        };
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0);
        let now = Instant::now();
        Ok(Self {
            leader,
            stdin: child.stdin.take().map(|pipe| (pipe, spec.stdin, 0)),
            stdout,
            stderr: child.stderr.take(),
            child,
            limits: spec.limits,
            cookie: spec.cookie,
            buffers: [Vec::with_capacity(READ), Vec::with_capacity(READ)],
            status: None,
            began: now,
            spoke: now,
            lines: 0,
            stop: Stop::Running,
            killed: false,
            immortal: false,
            until: None,
            unread: None,
            hunt: None,
            swept: false,
        })
    }

    /// The bytes of the last [`Happening::Said`].
    pub(super) fn said(&self, stream: Stream) -> &[u8] {
        &self.buffers[usize::from(stream != Stream::Stdout)]
    }

    /// It said something elsewhere, in a file: it is not silent.
    pub(super) fn heard(&mut self) {
        self.spoke = Instant::now();
    }

    /// Stops it: the first rung of the ladder. Again is nothing new.
    pub(super) fn stop(&mut self) {
        if self.stop != Stop::Running || self.status.is_some() {
            return;
        }
        self.killed = true;
        match self.limits.sigterm_time {
            Some(wait) => {
                tree::signal_group(self.leader, Signal::TERM);
                self.stop = Stop::Asked;
                self.until = Some(Instant::now() + wait);
            }
            None => self.send_signal(),
        }
    }

    /// Stops it and all that belongs to it at once: the connection is gone, or the worker ends.
    pub(super) fn kill(&mut self) {
        self.killed |= self.status.is_none();
        self.hunt_down();
    }

    /// The next thing that happens. Output is read only if `reads`. Cancel-safe.
    pub(super) async fn next(&mut self, reads: bool) -> Happening {
        loop {
            self.count_unread(reads);
            if let Some(ending) = self.ending() {
                return Happening::Ended(ending);
            }
            if let Some(limit) = self.limit() {
                self.stop();
                return Happening::Reached(limit);
            }
            let due = self.due();
            let [out, err] = &mut self.buffers;
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due) => self.on_due(),
                status = self.child.wait(), if self.status.is_none() => self.on_exit(status),
                () = write(&mut self.stdin), if self.stdin.is_some() => self.stdin = None,
                n = read(&mut self.stdout, out), if reads && self.stdout.is_some() => match n {
                    0 => self.stdout = None,
                    _ => return self.on_said(Stream::Stdout),
                },
                n = read(&mut self.stderr, err), if reads && self.stderr.is_some() => match n {
                    0 => self.stderr = None,
                    _ => return self.on_said(Stream::Stderr),
                },
                gone = hunted(&mut self.hunt), if self.hunt.is_some() => {
                    self.hunt = None;
                    self.swept = true;
                    if !gone {
                        tracing::warn!("Something that a command started cannot be killed.");
                    }
                }
            }
        }
    }

    fn on_said(&mut self, stream: Stream) -> Happening {
        self.spoke = Instant::now();
        if self.limits.max_lines.is_some() {
            self.lines += memchr::memchr_iter(b'\n', self.said(stream)).count() as u64;
        }
        Happening::Said(stream)
    }

    /// Time in which nobody reads is not the program's: no limit counts it as silence.
    fn count_unread(&mut self, reads: bool) {
        let now = Instant::now();
        match (reads, self.unread) {
            (false, None) => self.unread = Some(now),
            (true, Some(since)) => {
                self.spoke += now - since;
                if self.is_draining() {
                    self.until = self.until.map(|until| until + (now - since));
                }
                self.unread = None;
            }
            _ => {}
        }
    }

    /// The program is over, and its pipes are read to their ends.
    fn is_draining(&self) -> bool {
        self.status.is_some() && self.stop != Stop::Hunted
    }

    fn limit(&self) -> Option<Limit> {
        if self.stop != Stop::Running || self.status.is_some() {
            return None;
        }
        let now = Instant::now();
        let over = |since: Instant, most: Option<Duration>| most.is_some_and(|m| now >= since + m);
        if self.limits.max_lines.is_some_and(|most| self.lines > most) {
            Some(Limit::Lines(self.lines))
        } else if over(self.began, self.limits.max_time) {
            Some(Limit::Time)
        } else if self.unread.is_none() && over(self.spoke, self.limits.timeout) {
            Some(Limit::Quiet)
        } else {
            None
        }
    }

    /// When [`Self::on_due`] or [`Self::limit`] has something to say.
    fn due(&self) -> Instant {
        let running = self.stop == Stop::Running && self.status.is_none();
        let quiet = self.limits.timeout.filter(|_| running && self.unread.is_none());
        let time = self.limits.max_time.filter(|_| running);
        // While nobody reads, draining does not go on.
        let until = self.until.filter(|_| !(self.is_draining() && self.unread.is_some()));
        [until, quiet.map(|t| self.spoke + t), time.map(|t| self.began + t)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + NEVER)
    }

    fn on_exit(&mut self, status: io::Result<ExitStatus>) {
        // Without a status (somebody else reaped it) it counts as killed.
        self.status = Some(status.unwrap_or_else(|_| ExitStatus::from_raw(9)));
        self.stdin = None;
        if self.stop != Stop::Hunted {
            self.until = Some(Instant::now() + DRAIN);
        }
    }

    fn on_due(&mut self) {
        if self.until.is_none_or(|until| until > Instant::now()) {
            return;
        }
        match self.stop {
            Stop::Hunted => self.let_go(),
            // Draining is over: whoever holds the pipes is killed.
            _ if self.status.is_some() => self.hunt_down(),
            Stop::Asked => self.send_signal(),
            Stop::Signalled => self.hunt_down(),
            Stop::Running => self.until = None,
        }
    }

    fn send_signal(&mut self) {
        if self.limits.signal == Signal::KILL {
            self.hunt_down();
        } else {
            tree::signal_group(self.leader, self.limits.signal);
            self.stop = Stop::Signalled;
            self.until = Some(Instant::now() + PATIENCE);
        }
    }

    /// The last rung: kills the whole tree, on a thread that may wait.
    fn hunt_down(&mut self) {
        if self.stop == Stop::Hunted {
            return;
        }
        self.stop = Stop::Hunted;
        self.until = Some(Instant::now() + LAST_WAIT);
        if self.status.is_none() {
            tree::signal_group(self.leader, Signal::KILL);
        }
        let output = self.stdout.as_ref().map(|output| output.as_fd());
        let pipes = [output.map(output_name), self.stderr.as_ref().map(output_name)];
        // As long as it is open, no other terminal gets the name under which holders are sought.
        let held = output.and_then(|output| output.try_clone_to_owned().ok());
        let quarry = Quarry {
            leader: self.leader,
            cookie: self.cookie.clone(),
            pipes: pipes.into_iter().flatten().flatten().collect(),
        };
        self.hunt = Some(tokio::task::spawn_blocking(move || {
            let gone = tree::hunt(&quarry);
            drop(held);
            gone
        }));
    }

    /// It was killed, and still it lives or something holds a pipe.
    fn let_go(&mut self) {
        self.stdout = None;
        self.stderr = None;
        self.until = None;
        self.hunt = None;
        self.swept = true;
        if self.status.is_none() {
            self.immortal = true;
            self.status = Some(ExitStatus::from_raw(9));
        }
    }

    /// The end, once the program has ended, its pipes are closed and nothing of it is left.
    fn ending(&mut self) -> Option<Ending> {
        let status = self.status?;
        if self.stdout.is_some() || self.stderr.is_some() || self.hunt.is_some() {
            return None;
        }
        if !self.swept {
            self.swept = tree::is_childless();
        }
        if !self.swept {
            self.hunt_down();
            return None;
        }
        let rc = match status.code() {
            // It was to be killed, and ended well before that: still not a success.
            Some(0) if self.killed => -1,
            Some(code) => code.into(),
            None => -1,
        };
        Some(Ending { rc, signal: status.signal(), immortal: self.immortal })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The runtime kills the leader; this is for its group, when the task was thrown away.
        if self.status.is_none() {
            tree::signal_group(self.leader, Signal::KILL);
        }
    }
}

/// Reads once, into the emptied `buffer`; 0 = the pipe is closed. Cancel-safe.
async fn read<R: AsyncRead + Unpin>(pipe: &mut Option<R>, buffer: &mut Vec<u8>) -> usize {
    buffer.clear();
    match pipe {
        Some(pipe) => pipe.read_buf(buffer).await.unwrap_or(0),
        None => 0,
    }
}

/// Writes what is left of the input, then returns. Cancel-safe.
async fn write(stdin: &mut Option<(ChildStdin, Vec<u8>, usize)>) {
    if let Some((pipe, bytes, at)) = stdin {
        while *at < bytes.len() {
            match pipe.write(&bytes[*at..]).await {
                Ok(n) if n > 0 => *at += n,
                // The program does not want it.
                _ => return,
            }
        }
    }
}

async fn hunted(hunt: &mut Option<JoinHandle<bool>>) -> bool {
    match hunt {
        Some(hunt) => hunt.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

/// The name under which those who hold its other end have it in `/proc/PID/fd`.
fn output_name(output: impl AsFd) -> Option<String> {
    let output = output.as_fd();
    let link = std::fs::read_link(format!("/proc/self/fd/{}", output.as_raw_fd())).ok()?;
    let pipe = link.to_str().filter(|name| name.starts_with("pipe:")).map(ToOwned::to_owned);
    pipe.or_else(|| terminal::name(output))
}

/// The signal of this name, with or without `SIG`.
pub(super) fn signal(name: &str) -> Option<Signal> {
    Some(match name.strip_prefix("SIG").unwrap_or(name) {
        "KILL" => Signal::KILL,
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        "HUP" => Signal::HUP,
        "QUIT" => Signal::QUIT,
        "ABRT" => Signal::ABORT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        _ => return None,
    })
}
