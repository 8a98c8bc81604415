//! `shell`: runs a program or a line for the shell, with Buildbot's options.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::arguments::Arguments;
use super::program::Program;
use super::{Context, logfile, reason};
use crate::base::env::{EnvValue, merged};
use crate::process::{Limits, signal, text};
use crate::wire::msgpack::codec::Value;

#[derive(Debug)]
pub(in crate::worker) struct Shell {
    workdir: String,
    line: Line,
    env: Value,
    limits: Limits,
    stdin: String,
    pty: Option<bool>,
    log_environ: bool,
    want_stdout: bool,
    want_stderr: bool,
    logfiles: Option<Value>,
}

#[derive(Debug)]
struct Line {
    argv: Vec<Vec<u8>>,
    shown: String,
    literal: String,
}

impl Shell {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        let seconds = |name: &str| arguments.seconds(name).map(|s| s.map(Duration::from_secs_f64));
        let signal = match arguments.get("interruptSignal").and_then(Value::as_str) {
            None => Signal::KILL,
            Some(name) => signal(name)
                .ok_or_else(|| format!("There is no signal `{name}` to interrupt with."))?,
        };
        Ok(Self {
            workdir: arguments.text("workdir")?,
            line: line(arguments.required("command")?)?,
            env: arguments.get("env").cloned().unwrap_or(Value::Nil),
            limits: Limits {
                timeout: seconds("timeout")?,
                max_time: seconds("maxTime")?,
                max_lines: arguments.count("max_lines")?,
                sigterm_time: seconds("sigtermTime")?,
                signal,
            },
            stdin: arguments
                .get("initial_stdin")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            pty: match arguments.get("usePTY") {
                None => Some(false),
                Some(Value::Bool(b)) => Some(*b),
                Some(Value::Int(0)) => Some(false),
                Some(Value::Int(1)) => Some(true),
                Some(_) => None,
            },
            log_environ: arguments.flag("logEnviron", true),
            want_stdout: arguments.flag("want_stdout", true),
            want_stderr: arguments.flag("want_stderr", true),
            logfiles: arguments.get("logfiles").cloned(),
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        match self.pty {
            None => return Err("usePTY must be true or false.".to_owned()),
            // The end of the input could not be told.
            Some(true) if !self.stdin.is_empty() => {
                context.report.header("WARNING: disabling usePTY for this command\n");
            }
            Some(_) => {}
        }
        let environ = environment(&context.host.environ, &self.env)?;
        let workdir = context.host.base_dir.join(&self.workdir);
        make(&workdir)?;
        let watched = logfile::literal(self.logfiles.as_ref());
        let logfiles = logfile::read(self.logfiles.as_ref(), &workdir)?;
        let program = Program {
            argv: self.line.argv,
            shown: self.line.shown,
            literal: self.line.literal,
            workdir,
            environ,
            terminal: self.pty == Some(true) && self.stdin.is_empty(),
            stdin: self.stdin.into_bytes(),
            limits: self.limits,
            log_environ: self.log_environ,
            want_stdout: self.want_stdout,
            want_stderr: self.want_stderr,
            tells_rc: true,
            logfiles,
            watched,
        };
        program.run(context).await.map(|_| ())
    }
}

/// Makes the working directory if it is missing.
fn make(workdir: &Path) -> Result<PathBuf, String> {
    if !workdir.is_dir() {
        std::fs::create_dir_all(workdir).map_err(|error| {
            format!("Cannot make the working directory {}: {}.", workdir.display(), reason(&error))
        })?;
    }
    Ok(workdir.to_owned())
}

fn line(command: &Value) -> Result<Line, String> {
    match command {
        Value::Str(text) => {
            let text = text.as_str();
            let argv = ["/bin/sh", "-c", text].map(|a| a.as_bytes().to_vec()).to_vec();
            let literal = text::bytes_literal(text.as_bytes());
            Ok(Line { argv, shown: text.to_owned(), literal })
        }
        Value::Array(items) if !items.is_empty() => {
            let (argv, shown): (Vec<_>, Vec<_>) = items.iter().map(argument).unzip();
            Ok(Line { argv, shown: text::shell_line(&shown), literal: text::list_literal(&shown) })
        }
        _ => Err("The command to run must be a text or a list that is not empty.".to_owned()),
    }
}

/// The bytes of an argument, and what is shown for it.
fn argument(item: &Value) -> (Vec<u8>, Vec<u8>) {
    if let Some([mark, real, shown]) = item.as_array()
        && mark.as_str() == Some("obfuscated")
    {
        return (plain(real), plain(shown));
    }
    let bytes = plain(item);
    (bytes.clone(), bytes)
}

fn plain(item: &Value) -> Vec<u8> {
    match item {
        Value::Str(text) => text.as_str().as_bytes().to_vec(),
        Value::Bin(bytes) => bytes.to_vec(),
        Value::Int(i) => i.to_string().into_bytes(),
        Value::Float(f) => f.to_string().into_bytes(),
        Value::Bool(b) => if *b { "True" } else { "False" }.into(),
        Value::Nil => b"None".to_vec(),
        Value::Array(_) | Value::Map(_) => format!("{item:?}").into_bytes(),
    }
}

fn environment(
    own: &BTreeMap<String, String>,
    changes: &Value,
) -> Result<BTreeMap<String, String>, String> {
    let pairs = match changes {
        Value::Nil => return Ok(own.clone()),
        Value::Map(pairs) => pairs,
        _ => return Err("The environment's changes are not a map.".to_owned()),
    };
    let mut read = BTreeMap::new();
    for (name, value) in pairs {
        let odd = || format!("The variable {name} must be a text, a list of texts, or null.");
        if name.as_str().is_empty() || name.as_str().contains(['=', '\0']) {
            return Err(format!("A variable cannot be called `{name}`."));
        }
        let value = match value {
            Value::Nil => EnvValue::Remove,
            Value::Str(text) => EnvValue::Text(text.as_str().to_owned()),
            Value::Array(items) => {
                let texts = items.iter().map(|i| i.as_str().map(ToOwned::to_owned));
                EnvValue::List(texts.collect::<Option<_>>().ok_or_else(odd)?)
            }
            _ => return Err(odd()),
        };
        read.insert(name.as_str().to_owned(), value);
    }
    Ok(merged(own, &read, ":"))
}
