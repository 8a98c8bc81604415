//! Neutral commands in the words of the msgpack protocol: argument names, absolute paths by the
//! worker's own rules, and what a worker of some version does not know. Where Perspective Broker has
//! other words, they are in `pb::arguments`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::msgpack::codec::Value;
use super::{Protocol, pb};
use crate::model::command::{Argument, Command, CommandKind, CommandLine, LogFile, ShellCommand};
use crate::model::worker::WorkerInfo;

/// Who the arguments are for.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// What it said about itself.
    pub info: &'a WorkerInfo,
    /// What it speaks.
    pub protocol: Protocol,
    /// It is our own worker.
    pub native: bool,
}

impl Peer<'_> {
    /// The name and the arguments of `command`.
    ///
    /// # Errors
    /// That the worker cannot do this, in a sentence.
    pub fn order(&self, command: &Command) -> Result<(&'static str, Value), String> {
        let (name, arguments) = match self.protocol {
            Protocol::Msgpack => (command.what.name(), self.arguments(command)),
            Protocol::Perspective => pb::arguments::order(self, command)?,
        };
        if !self.knows(name) {
            return Err(format!("The worker is too old: it does not know the command `{name}`."));
        }
        Ok((name, arguments))
    }

    /// Whether the worker knows `command`; one that lists nothing is believed to know all.
    #[must_use]
    pub fn knows(&self, command: &str) -> bool {
        let known = &self.info.worker_commands;
        known.is_empty() || known.contains_key(command)
    }

    /// The arguments of `command`.
    #[must_use]
    pub fn arguments(&self, command: &Command) -> Value {
        let path = |path: &str| self.path(command, path);
        let text = |p: &str| Value::text(&path(p));
        let texts = |paths: &[String]| Value::Array(paths.iter().map(|p| text(p)).collect());
        match &command.what {
            CommandKind::Shell(shell) => self.shell(shell, &path(&shell.workdir)),
            CommandKind::MakeDirectory { paths } => Value::map([("paths", texts(paths))]),
            CommandKind::RemoveDirectory { paths, timeout } => Value::map([
                ("paths", texts(paths)),
                ("timeout", seconds(Some(timeout.unwrap_or(120.0)))),
                ("logEnviron", false.into()),
            ]),
            CommandKind::Stat { path }
            | CommandKind::ListDirectory { path }
            | CommandKind::Glob { path }
            | CommandKind::RemoveFile { path } => Value::map([("path", text(path))]),
            CommandKind::CopyDirectory { from, to, timeout } => Value::map([
                ("from_path", text(from)),
                ("to_path", text(to)),
                ("timeout", seconds(Some(timeout.unwrap_or(120.0)))),
                ("logEnviron", false.into()),
            ]),
            CommandKind::DownloadFile { path, block_size, mode, content, resumes } => {
                let content = content.iter().flat_map(|content| {
                    let sha256 = Value::text(content.sha256());
                    [
                        ("size", content.size.into()),
                        ("sha256", sha256),
                        ("resume", (*resumes).into()),
                    ]
                });
                let fixed = [
                    ("path", text(path)),
                    ("blocksize", (*block_size).into()),
                    ("maxsize", Value::Nil),
                    ("mode", mode.map(u64::from).into()),
                ];
                Value::map(fixed.into_iter().chain(content))
            }
            CommandKind::UploadFile { path, block_size, max_size, keep_stamp } => {
                let fixed = [
                    ("path", text(path)),
                    ("blocksize", (*block_size).into()),
                    ("maxsize", (*max_size).into()),
                    ("keepstamp", (*keep_stamp).into()),
                ];
                Value::map(fixed.into_iter().chain(self.verify()))
            }
            CommandKind::UploadDirectory { path, block_size, max_size, compress } => {
                let fixed = [
                    ("path", text(path)),
                    ("blocksize", (*block_size).into()),
                    ("maxsize", (*max_size).into()),
                    ("compress", compress.map_or(Value::Nil, |c| Value::text(c.word()))),
                ];
                Value::map(fixed.into_iter().chain(self.verify()))
            }
        }
    }

    /// The wish that what is sent is announced with its hash.
    fn verify(&self) -> Option<(&'static str, Value)> {
        self.info.verifies_files.then(|| ("verify", true.into()))
    }

    /// `path` made absolute; a leading `~` is the home directory of the worker's user.
    fn path(&self, command: &Command, path: &str) -> String {
        let join = || self.info.join(&[&self.info.basedir, &command.builddir, path]);
        self.at_home(path).unwrap_or_else(join)
    }

    /// `path`, if it begins with the home directory of the worker's user.
    pub(super) fn at_home(&self, path: &str) -> Option<String> {
        if path != "~" && !path.starts_with("~/") {
            return None;
        }
        let environ = &self.info.environ;
        let home = environ.get("HOME").or_else(|| environ.get("USERPROFILE"))?;
        Some(format!("{home}{}", &path[1..]))
    }

    pub(super) fn shell(&self, shell: &ShellCommand, workdir: &str) -> Value {
        let env = shell.env.iter().map(|(name, value)| (name.as_str(), variable(value)));
        Value::map([
            ("workdir", Value::text(workdir)),
            ("env", Value::map(env)),
            ("want_stdout", shell.want_stdout.into()),
            ("want_stderr", shell.want_stderr.into()),
            ("logfiles", logfiles(&shell.logfiles)),
            ("timeout", seconds(shell.timeout)),
            ("maxTime", seconds(shell.max_time)),
            ("max_lines", shell.max_lines.into()),
            ("sigtermTime", seconds(shell.sigterm_time)),
            ("usePTY", shell.use_pty.into()),
            ("logEnviron", shell.log_environ.into()),
            ("initial_stdin", shell.initial_stdin.as_deref().map_or(Value::Nil, Value::text)),
            ("interruptSignal", Value::text(&shell.interrupt_signal)),
            ("command", self.line(&shell.command)),
        ])
    }

    fn line(&self, line: &CommandLine) -> Value {
        let argument = |argument: &Argument| match argument {
            Argument::Plain(text) => Value::text(text),
            // Over msgpack, a stock worker would run the words "obfuscated", real and shown as one
            // text: it is given the real one, and its header shows it.
            Argument::Obfuscated(real, _) if !self.native && self.protocol == Protocol::Msgpack => {
                Value::text(real.expose())
            }
            Argument::Obfuscated(real, shown) => Value::texts(["obfuscated", real.expose(), shown]),
        };
        match line {
            CommandLine::Shell(text) => Value::text(text),
            CommandLine::Argv(arguments) => Value::Array(arguments.iter().map(argument).collect()),
        }
    }
}

/// Seconds as the shortest number: stock workers print them in their headers.
pub(super) fn seconds(value: Option<f64>) -> Value {
    match value {
        None => Value::Nil,
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^53")]
        Some(s) if s.fract() == 0.0 && s.abs() < 1e15 => Value::Int(s as i128),
        Some(s) => Value::Float(s),
    }
}

/// Log files in Buildbot's two forms: a path, or a path with what is left out.
fn logfiles(files: &BTreeMap<String, LogFile>) -> Value {
    Value::map(files.iter().map(|(name, file)| {
        let path = Value::text(&file.filename);
        let value = match file.follow {
            false => path,
            true => Value::map([("filename", path), ("follow", true.into())]),
        };
        (name.as_str(), value)
    }))
}

/// A variable's value; numbers and truth values become text, because stock workers refuse them.
fn variable(value: &Json) -> Value {
    let plain = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Json::Null => Value::Nil,
        Json::Array(items) => Value::Array(items.iter().map(|v| Value::text(&plain(v))).collect()),
        other => Value::text(&plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn info() -> WorkerInfo {
        WorkerInfo {
            basedir: "/w".to_owned(),
            system: "posix".to_owned(),
            environ: [("HOME".to_owned(), "/home/w".to_owned())].into(),
            worker_commands: [("shell".to_owned(), "3.3".to_owned())].into(),
            ..WorkerInfo::default()
        }
    }

    fn command(what: CommandKind) -> Command {
        Command { builder: "b".to_owned(), builddir: "bd".to_owned(), step: "s".to_owned(), what }
    }

    #[test]
    fn paths_are_absolute_and_home_is_the_workers() {
        let info = info();
        let peer = Peer { info: &info, protocol: Protocol::Msgpack, native: false };
        let path = |p: &str| {
            let args = peer.arguments(&command(CommandKind::Stat { path: p.to_owned() }));
            args.get("path").and_then(Value::as_str).unwrap().to_owned()
        };
        assert_eq!(path("build/x"), "/w/bd/build/x");
        assert_eq!(path("/etc"), "/etc");
        assert_eq!(path("~/x"), "/home/w/x");
        assert!(peer.knows("shell") && !peer.knows("rmfile"));
    }

    #[test]
    fn only_our_own_worker_is_sent_what_to_show_instead_of_a_secret() {
        let argv = vec![Argument::Obfuscated(Secret::new("real"), "XXX".to_owned())];
        let shell = ShellCommand::new(CommandLine::Argv(argv), "build");
        let kind = command(CommandKind::Shell(Box::new(shell)));
        let info = info();
        let sent = |native| {
            let args = Peer { info: &info, protocol: Protocol::Msgpack, native }.arguments(&kind);
            args.get("command").unwrap().clone()
        };
        assert_eq!(sent(false), Value::texts(["real"]));
        assert_eq!(sent(true), Value::Array(vec![Value::texts(["obfuscated", "real", "XXX"])]));
    }
}
