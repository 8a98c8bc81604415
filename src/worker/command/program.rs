//! Running a program on behalf of a command: its header, its output, its limits, the master's
//! interrupt, its end. `shell` uses it, and so do `rmdir` and `cpdir` for `rm` and `cp`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::logfile::{LogFile, Watch};
use super::{Context, reason};
use crate::model::log::Stream;
use crate::process::{Ending, Happening, Limit, Limits, Process, Spec, text, tree};
use crate::wire::msgpack::codec::Value;

/// A program, how it is shown, and what is wanted of it.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Program and arguments.
    pub(super) argv: Vec<Vec<u8>>,
    /// The first line of the header: the command as a person would type it.
    pub(super) shown: String,
    /// The command in Python's notation.
    pub(super) literal: String,
    /// Where it runs; must exist.
    pub(super) workdir: PathBuf,
    /// Its environment, all but `PWD`.
    pub(super) environ: BTreeMap<String, String>,
    /// Its standard input.
    pub(super) stdin: Vec<u8>,
    /// It runs on a terminal of its own.
    pub(super) terminal: bool,
    /// When it is stopped.
    pub(super) limits: Limits,
    /// Say what the environment is.
    pub(super) log_environ: bool,
    /// Send standard output.
    pub(super) want_stdout: bool,
    /// Send standard error.
    pub(super) want_stderr: bool,
    /// Report the exit code; a helper's is not yet that of its command.
    pub(super) tells_rc: bool,
    /// Files that it writes and that are read along.
    pub(super) logfiles: Vec<LogFile>,
    /// The same in Python's notation.
    pub(super) watched: String,
}

impl Program {
    /// `argv` with its output wanted and the limits of Buildbot's own helpers.
    pub(super) fn helper(context: &Context, argv: &[&str], limits: Limits) -> Self {
        let argv: Vec<Vec<u8>> = argv.iter().map(|a| a.as_bytes().to_vec()).collect();
        Self {
            shown: text::shell_line(&argv),
            literal: text::list_literal(&argv),
            argv,
            workdir: context.host.base_dir.clone(),
            environ: context.host.environ.clone(),
            stdin: Vec::new(),
            terminal: false,
            limits,
            log_environ: false,
            want_stdout: true,
            want_stderr: true,
            tells_rc: false,
            logfiles: Vec::new(),
            watched: "{}".to_owned(),
        }
    }

    /// Runs it to its end and returns its exit code.
    ///
    /// # Errors
    /// When it could not be killed.
    pub(super) async fn run(mut self, context: &mut Context) -> Result<i64, String> {
        let pwd = self.workdir.to_string_lossy().into_owned();
        self.environ.insert("PWD".to_owned(), pwd);
        context.report.header(&self.header());
        let began = Instant::now();
        let spec = Spec {
            argv: self.argv.clone(),
            workdir: self.workdir.clone(),
            environ: self.environ.clone(),
            stdin: std::mem::take(&mut self.stdin),
            terminal: self.terminal,
            limits: self.limits.clone(),
            cookie: format!(
                "{}{}",
                tree::mark(&context.host.base_dir),
                context.host.random.token()
            ),
        };
        let mut watch = Watch::new(std::mem::take(&mut self.logfiles));
        let ending = match Process::start(spec) {
            Ok(process) => self.follow(process, &mut watch, context).await,
            Err(error) => {
                let name = self.argv.first().map(|a| String::from_utf8_lossy(a).into_owned());
                let name = name.unwrap_or_default();
                let text = format!("Cannot run `{name}`: {}.\n", reason(&error));
                context.report.output(Stream::Stderr, text.as_bytes());
                Ending { rc: 1, signal: None, immortal: false }
            }
        };
        watch.finish(&mut context.report).await;
        if let Some(signal) = ending.signal {
            context.report.header(&format!("process killed by signal {signal}\n"));
        }
        let elapsed = began.elapsed().as_secs_f64();
        if ending.immortal {
            context.report.header("SIGKILL failed to kill process\nusing fake rc=-1\n");
            context.report.tell("rc", (-1i64).into());
            return Err("The command could not be killed.".to_owned());
        }
        if self.tells_rc {
            context.report.tell("rc", ending.rc.into());
        }
        context.report.header(&format!("elapsedTime={elapsed:.6}\n"));
        Ok(ending.rc)
    }

    /// Passes on what the program says until it has ended.
    async fn follow(
        &self,
        mut process: Process,
        watch: &mut Watch,
        context: &mut Context,
    ) -> Ending {
        let (mut asked, mut lost) = (false, false);
        let interrupt = context.interrupt.clone();
        loop {
            let report = &mut context.report;
            let due = report.due();
            let overdue = due.is_some_and(|due| due <= Instant::now());
            let reads = !report.is_full();
            let look = watch.due().filter(|_| reads);
            let looks = look.is_some_and(|look| look <= Instant::now());
            tokio::select! {
                biased;
                () = interrupt.lost.cancelled(), if !lost => {
                    lost = true;
                    process.kill();
                }
                () = interrupt.asked.cancelled(), if !asked => {
                    asked = true;
                    report.header("\ncommand interrupted, attempting to kill\n");
                    process.stop();
                }
                () = report.flush(), if overdue => {}
                () = std::future::ready(()), if looks => if watch.look(report) {
                    process.heard();
                },
                () = until(look), if !looks && look.is_some() => {}
                () = until(due), if !overdue && due.is_some() => {}
                happening = process.next(reads) => match happening {
                    Happening::Said(stream) => {
                        if self.wants(stream) {
                            report.output(stream, process.said(stream));
                        }
                    }
                    Happening::Reached(limit) => self.reached(limit, context),
                    Happening::Ended(ending) => return ending,
                },
            }
        }
    }

    fn wants(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.want_stdout,
            Stream::Stderr => self.want_stderr,
            Stream::Header => true,
        }
    }

    fn reached(&self, limit: Limit, context: &mut Context) {
        let secs = |d: Option<Duration>| d.unwrap_or_default().as_secs_f64();
        let running = &self.literal;
        let (why, text) = match limit {
            Limit::Quiet => (
                "timeout_without_output",
                format!(
                    "command timed out: {} seconds without output running {running}",
                    secs(self.limits.timeout)
                ),
            ),
            Limit::Time => (
                "timeout",
                format!(
                    "command timed out: {} seconds elapsed running {running}",
                    secs(self.limits.max_time)
                ),
            ),
            Limit::Lines(n) => (
                "max_lines_failure",
                format!(
                    "command exceeds max lines: {n}/{} written/allowed running {running}",
                    self.limits.max_lines.unwrap_or_default()
                ),
            ),
        };
        context.report.tell("failure_reason", Value::text(why));
        context.report.header(&format!("\n{text}, attempting to kill\n"));
    }

    fn header(&self) -> String {
        let mut out = format!("{}\n in dir {}", self.shown, self.workdir.display());
        if let Some(timeout) = self.limits.timeout {
            out.push_str(&format!(" (timeout {})", text::seconds(timeout.as_secs_f64())));
        }
        if let Some(most) = self.limits.max_time {
            out.push_str(&format!(" (maxTime {})", text::seconds(most.as_secs_f64())));
        }
        out.push_str(&format!("\n watching logfiles {}\n argv: {}\n", self.watched, self.literal));
        if self.log_environ {
            out.push_str(" environment:\n");
            for (name, value) in &self.environ {
                out.push_str(&format!("  {name}={value}\n"));
            }
        }
        if !self.stdin.is_empty() {
            out.push_str(&format!(" writing {} bytes to stdin\n", self.stdin.len()));
        }
        out.push_str(if self.terminal { " using PTY: True\n" } else { " using PTY: False\n" });
        out
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
