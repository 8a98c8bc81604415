//! `step:run { … }` and `step:run_on_master { … }`: their options, the step's own for what is not said,
//! and the command they make.

use std::collections::BTreeMap;

use mlua::{Function, Lua, Table, Value};
use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value as Json;

use super::tests::WantedTests;
use crate::base::results::Results;
use crate::engine::desk::Ran;
use crate::model::command::{Argument, CommandLine, LogFile, ShellCommand};
use crate::model::log::STDIO;
use crate::model::test_results::RetryFailed;
use crate::script::convert;
use crate::script::read::step::{COMMAND, check_command_option};
use crate::script::shape::Shape;
use crate::script::spelling::suggestion;

/// What they take beside the options of commands.
const OWN: [&str; 7] =
    ["command", "log", "collect", "decode_rc", "on_line", "line_filter", "retry_command"];

/// A command with where its output goes.
pub(super) struct Wanted {
    pub(super) command: ShellCommand,
    pub(super) log: Option<String>,
    pub(super) collect: bool,
    pub(super) decode_rc: Option<Json>,
    /// Called with each line that it prints.
    pub(super) on_line: Option<Function>,
    /// The tests that it reports.
    pub(super) tests: Option<WantedTests>,
    /// Only with those in which this is found.
    pub(super) line_filter: Option<Regex>,
    /// How those of them that fail are run again.
    pub(super) rerun: Option<Rerun>,
}

/// How failed tests are run again: how often, and what makes the command from their names.
pub(super) struct Rerun {
    pub(super) retry: RetryFailed,
    pub(super) command: Function,
}

/// Where a command runs.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// On the worker, in this directory unless told otherwise.
    Worker(&'a str),
    /// On the master's own machine.
    Master,
}

impl Place<'_> {
    /// The method that runs commands there.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Worker(_) => "step:run",
            Self::Master => "step:run_on_master",
        }
    }
}

/// Reads the options of `step:run` or `step:run_on_master`; `standard` are the step's own.
///
/// # Errors
/// A sentence.
pub(super) fn read(
    lua: &Lua,
    options: &Table,
    standard: &BTreeMap<String, Json>,
    place: Place<'_>,
) -> Result<Wanted, String> {
    let method = place.method();
    let mut given: BTreeMap<String, Json> = BTreeMap::new();
    let (mut on_line, mut retry_command) = (None, None);
    for pair in options.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|e| e.to_string())?;
        let key = key.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default();
        let known: Vec<String> =
            OWN.into_iter().chain(COMMAND.iter().map(|(n, _)| *n)).map(str::to_owned).collect();
        if !known.contains(&key) {
            let near = suggestion(&key, &known).map_or(String::new(), |hint| format!(" {hint}"));
            return Err(format!("{method} has no option `{key}`.{near}"));
        }
        if key == "on_line" || key == "retry_command" {
            let got = convert::a_type(&value);
            let Value::Function(function) = value else {
                return Err(format!("`{key}` of {method} must be a function, not {got}."));
            };
            let place = if key == "on_line" { &mut on_line } else { &mut retry_command };
            *place = Some(function);
            continue;
        }
        let json = match key.as_str() {
            "decode_rc" => decode_table(&value)?,
            _ => convert::to_json(lua, &value).map_err(|what| format!("`{key}` holds {what}."))?,
        };
        let shape = COMMAND.iter().find(|(name, _)| *name == key).map(|(_, shape)| *shape);
        let settled = match shape.map(Shape::parse) {
            Some(Ok(shape)) => shape.settle(json).map_err(|what| format!("`{key}`: {what}."))?,
            _ => json,
        };
        check_command_option(&key, &settled).map_err(|what| format!("`{key}` {what}."))?;
        given.insert(key, settled);
    }
    let log = match given.get("log") {
        None | Some(Json::Null) => None,
        Some(Json::String(name)) if !name.is_empty() => Some(name.clone()),
        Some(other) => return Err(format!("`log` of {method} must be a log's name, not {other}.")),
    };
    let collect = match given.get("collect") {
        None | Some(Json::Null) => false,
        Some(Json::Bool(collect)) => *collect,
        Some(other) => {
            return Err(format!("`collect` of {method} must be true or false, not {other}."));
        }
    };
    let line_filter = line_filter(given.get("line_filter"), on_line.is_some())?;
    let line = command_line(method, given.get("command"))?;
    let pick = |name: &str| given.get(name).or_else(|| standard.get(name));
    let tests = pick("test_results").and_then(WantedTests::read);
    if matches!(place, Place::Master) && tests.as_ref().is_some_and(|t| !t.are_in_output()) {
        return Err("`test_results` in files is for commands of workers.".to_owned());
    }
    let retry =
        pick("retry_failed_tests").and_then(|value| RetryFailed::read(value).ok().flatten());
    let rerun = match (retry, retry_command) {
        (Some(_), _) if tests.is_none() => {
            if given.contains_key("retry_failed_tests") {
                return Err(format!("`retry_failed_tests` of {method} needs `test_results`."));
            }
            None
        }
        (Some(retry), Some(command)) => Some(Rerun { retry, command }),
        (Some(_), None) => {
            return Err("`retry_failed_tests` needs `retry_command`, a function that makes the \
                        command from the names of the tests."
                .to_owned());
        }
        (None, _) => None,
    };
    Ok(Wanted {
        command: command(line, directory(place, &given, &pick), place, &pick)?,
        log,
        collect,
        decode_rc: pick("decode_rc").cloned(),
        on_line,
        tests,
        line_filter,
        rerun,
    })
}

/// The step's own directory is the worker's; on the master what the step's options say is relative
/// to the base directory, and without a word it is that.
fn directory<'j>(
    place: Place<'j>,
    given: &'j BTreeMap<String, Json>,
    pick: &dyn Fn(&str) -> Option<&'j Json>,
) -> &'j str {
    match place {
        Place::Worker(own) => given.get("workdir").and_then(Json::as_str).unwrap_or(own),
        Place::Master => pick("workdir").and_then(Json::as_str).unwrap_or(""),
    }
}

fn command<'j>(
    line: CommandLine,
    workdir: &str,
    place: Place<'_>,
    pick: &dyn Fn(&str) -> Option<&'j Json>,
) -> Result<ShellCommand, String> {
    let mut command = ShellCommand::new(line, workdir);
    if matches!(place, Place::Master) {
        // Buildbot has no time-out there.
        command.timeout = None;
        command.on_master = true;
        let of_workers = ["logfiles", "lazylogfiles", "log_encoding"];
        let is_given = |name: &&&str| pick(name).is_some_and(|value| !value.is_null());
        if let Some(name) = of_workers.iter().find(is_given) {
            return Err(format!("`{name}` is for commands of workers."));
        }
    }
    let number = |name: &str, standard: Option<f64>| pick(name).map_or(standard, Json::as_f64);
    let yes = |name: &str| pick(name).and_then(Json::as_bool).unwrap_or(true);
    command.env = environment(pick("env"))?;
    command.timeout = number("timeout", command.timeout);
    command.max_time = number("max_time", None);
    command.max_lines = pick("max_lines").and_then(Json::as_u64);
    command.sigterm_time = number("sigterm_time", None);
    if let Some(signal) = pick("interrupt_signal").and_then(Json::as_str) {
        command.interrupt_signal = signal.trim_start_matches("SIG").to_owned();
    }
    command.want_stdout = yes("want_stdout");
    command.want_stderr = yes("want_stderr");
    command.log_environ = yes("log_environ");
    command.logfiles = log_files(pick("logfiles"))?;
    command.lazylogfiles = pick("lazylogfiles").and_then(Json::as_bool).unwrap_or(false);
    command.log_encoding = pick("log_encoding").and_then(Json::as_str).map(str::to_owned);
    command.use_pty = pick("use_pty").and_then(Json::as_bool).unwrap_or(false);
    command.initial_stdin = pick("initial_stdin").and_then(Json::as_str).map(str::to_owned);
    Ok(command)
}

/// What runs: text for the shell, or a program with its arguments.
///
/// # Errors
/// A sentence; `method` is who was given it.
pub(super) fn command_line(method: &str, command: Option<&Json>) -> Result<CommandLine, String> {
    let missing = || format!("{method} needs `command`: text for the shell, or a list.");
    match command {
        Some(Json::String(text)) if !text.is_empty() => Ok(CommandLine::Shell(text.clone())),
        Some(list @ Json::Array(_)) => {
            let shape = Shape::List(Box::new(Shape::Scalar));
            let settled =
                shape.settle(list.clone()).map_err(|what| format!("`command`: {what}."))?;
            let words = settled.as_array().cloned().unwrap_or_default();
            if words.is_empty() {
                return Err(missing());
            }
            Ok(CommandLine::Argv(words.iter().map(|w| Argument::Plain(plain(w))).collect()))
        }
        Some(Json::Null | Json::String(_)) | None => Err(missing()),
        Some(other) => Err(format!("`command` is text or a list, not {other}.")),
    }
}

/// A scalar as an argument.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn environment(env: Option<&Json>) -> Result<BTreeMap<String, Json>, String> {
    let Some(Json::Object(env)) = env else { return Ok(BTreeMap::new()) };
    let mut out = BTreeMap::new();
    for (name, value) in env {
        let value = match value {
            Json::Null | Json::String(_) => value.clone(),
            Json::Number(_) | Json::Bool(_) => Json::String(value.to_string()),
            Json::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
                let texts = items.iter().filter(|i| !i.is_null()).map(plain);
                Json::Array(texts.map(Json::String).collect())
            }
            _ => return Err(format!("the variable `{name}` in `env` must be text or a list.")),
        };
        out.insert(name.clone(), value);
    }
    Ok(out)
}

fn line_filter(filter: Option<&Json>, is_used: bool) -> Result<Option<Regex>, String> {
    let pattern = match filter {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(pattern)) => pattern,
        Some(other) => {
            return Err(format!(
                "`line_filter` of step:run must be a regular expression, not {other}."
            ));
        }
    };
    if !is_used {
        return Err("`line_filter` of step:run says nothing without `on_line`.".to_owned());
    }
    let compiled = RegexBuilder::new(pattern).multi_line(true).build();
    compiled.map(Some).map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("`line_filter` of step:run is not a regular expression: {why}.")
    })
}

fn log_files(files: Option<&Json>) -> Result<BTreeMap<String, LogFile>, String> {
    let Some(Json::Object(files)) = files else { return Ok(BTreeMap::new()) };
    let read =
        |(log, file): (&String, &Json)| Some(log_file(log, file).map(|f| Some((log.clone(), f?))));
    let read = files.iter().filter_map(read).collect::<Result<Vec<_>, _>>();
    let read = read.map_err(|what| format!("`logfiles` {what}."))?;
    Ok(read.into_iter().flatten().collect())
}

/// An entry of `logfiles`: a path, or `{ filename = path, follow = true }`; null is none.
///
/// # Errors
/// The end of a sentence that begins with `logfiles`.
pub(in crate::script) fn log_file(log: &str, file: &Json) -> Result<Option<LogFile>, String> {
    let wrong = || {
        format!(
            "must give a path or {{ filename = path, follow = true }} for each log; that of \
             {log:?} is {file}"
        )
    };
    if log.trim().is_empty() || log == STDIO {
        return Err(format!("cannot call a log {log:?}; choose a name of its own"));
    }
    let (filename, follow) = match file {
        Json::Null => return Ok(None),
        Json::String(path) => (path.clone(), false),
        Json::Object(about) => {
            if about.keys().any(|key| key != "filename" && key != "follow") {
                return Err(wrong());
            }
            let filename = about.get("filename").and_then(Json::as_str).ok_or_else(wrong)?;
            let follow = match about.get("follow") {
                None | Some(Json::Null) => false,
                Some(follow) => follow.as_bool().ok_or_else(wrong)?,
            };
            (filename.to_owned(), follow)
        }
        _ => return Err(wrong()),
    };
    if filename.is_empty() {
        return Err(wrong());
    }
    Ok(Some(LogFile { filename, follow }))
}

fn decode_table(value: &Value) -> Result<Json, String> {
    let wrong = || "`decode_rc` maps exit codes to results: [77] = \"skipped\".".to_owned();
    let Value::Table(table) = value else { return Err(wrong()) };
    let mut out = serde_json::Map::new();
    for (rc, word) in table.pairs::<i64, String>().flatten() {
        Results::from_word(&word).ok_or_else(wrong)?;
        out.insert(rc.to_string(), Json::from(word));
    }
    Ok(Json::Object(out))
}

/// What an exit code means: `decode_rc`, else success for 0 and failure for everything else.
pub(super) fn results(ran: &Ran, decode_rc: Option<&Json>) -> Results {
    if let Some(table) = decode_rc
        && ran.failure_reason.is_none()
    {
        let word = table.get(ran.rc.to_string()).and_then(Json::as_str);
        return word.and_then(Results::from_word).unwrap_or(Results::Failure);
    }
    if ran.rc == 0 && ran.failure_reason.is_none() { Results::Success } else { Results::Failure }
}
