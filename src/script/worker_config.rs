//! Reads `worker.lua`: the same sandbox and the same strictness as `master.lua`, one plain table.

use std::path::Path;
use std::time::Duration;

use mlua::Value;

use super::anchor::Anchor;
use super::convert::a_type;
use super::fault::LoadError;
use super::load::{ground, run_file};
use super::read::Reader;
use super::read::fields::Fields;
use super::sandbox::Sandbox;
use crate::base::clock::Clock;
use crate::model::config::{Limits, Site};
use crate::model::worker::WorkerSettings;

/// Loads a worker's configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_worker(file: &Path, base_dir: &Path) -> Result<WorkerSettings, LoadError> {
    let (ground, name) = ground(file, base_dir, Clock::system(), Default::default())?;
    let limits = Limits::default();
    let cpu = Duration::from_secs_f64(limits.cpu_seconds);
    let whole = Site { file: name.as_str().into(), line: 0 };
    let sandbox = Sandbox::new(&ground, cpu, limits.memory_bytes, Default::default());
    let settings = match sandbox {
        Ok(sandbox) => run_file(&sandbox, &ground, &name).and_then(|value| {
            let reader = Reader::new(&sandbox.lua, ground.clone(), sandbox.native.clone());
            let Value::Table(table) = &value else {
                let message = format!("{name} must return a table, not {}.", a_type(&value));
                ground.problem(&whole.clone().into(), message, Vec::new());
                return None;
            };
            let anchor = Anchor::Returned(whole.file.clone());
            let mut f = Fields::new(&reader, "the worker's configuration", table, anchor);
            let settings = read(&mut f, base_dir);
            f.finish();
            Some(settings)
        }),
        Err(error) => {
            ground.problem(&whole.into(), error.to_string(), Vec::new());
            None
        }
    };
    let problems = std::mem::take(&mut *ground.problems.borrow_mut());
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(LoadError::from_problems(problems)),
    }
}

fn read(f: &mut Fields<'_, '_>, base_dir: &Path) -> WorkerSettings {
    let (host, port) = address(f);
    let name = f.required_text("name");
    if name.contains(':') {
        f.problem(
            "name",
            format!("`name` of a worker must not contain `:`, and this is {name:?}."),
        );
    }
    let password = f.required_secret("password");
    let standard = WorkerSettings::new(&name, password, &host, port, base_dir.to_owned());
    let seconds = |f: &mut Fields<'_, '_>, key: &str, standard: Duration| {
        f.seconds(key).map_or(standard, |s| Duration::try_from_secs_f64(s).unwrap_or(standard))
    };
    let count = |f: &mut Fields<'_, '_>, key: &str, least: i64| {
        f.integer(key, least..=i64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok())
    };
    if let Some(protocol) = f.text("protocol")
        && protocol != "auto"
        && protocol != "msgpack"
    {
        let message = format!("`protocol` must be \"auto\" or \"msgpack\", not {protocol:?}.");
        f.problem("protocol", message);
    }
    WorkerSettings {
        keepalive: seconds(f, "keepalive", standard.keepalive),
        max_delay: seconds(f, "max_delay", standard.max_delay),
        num_cpus: count(f, "num_cpus", 1),
        umask: umask(f),
        max_retries: count(f, "max_retries", 0),
        allow_shutdown: f.boolean("allow_shutdown", standard.allow_shutdown),
        delete_leftover_dirs: f.boolean("delete_leftover_dirs", standard.delete_leftover_dirs),
        ..standard
    }
}

/// `host` and `port`, or both as `master = "host:port"`.
fn address(f: &mut Fields<'_, '_>) -> (String, u16) {
    const PORT: u16 = 9990;
    if let Some(master) = f.text("master") {
        f.know(["host", "port"]);
        if f.value("host").is_some() || f.value("port").is_some() {
            f.problem("master", "give either `master` or `host` and `port`.");
        }
        let (host, port) = master.rsplit_once(':').unwrap_or((&master, "9990"));
        let Ok(port) = port.parse() else {
            f.problem("master", format!("`master` must be \"host:port\", not {master:?}."));
            return (String::new(), PORT);
        };
        return (host.trim_matches(['[', ']']).to_owned(), port);
    }
    let host = f.required_text("host");
    // From the environment a port is text.
    let port = match f.value("port") {
        Some(Value::String(text)) => {
            let text = text.to_string_lossy();
            match text.trim().parse() {
                Ok(port) => port,
                Err(_) => {
                    f.problem("port", format!("`port` must be a number, not {text:?}."));
                    PORT
                }
            }
        }
        _ => f.integer("port", 1..=65535).and_then(|p| u16::try_from(p).ok()).unwrap_or(PORT),
    };
    (host, port)
}

/// Octal digits as text, as every mode is given.
fn umask(f: &mut Fields<'_, '_>) -> Option<u32> {
    let value = f.value("umask")?;
    let digits = value.as_string().map(mlua::LuaString::to_string_lossy);
    let mask = digits.and_then(|d| u32::from_str_radix(&d, 8).ok()).filter(|mask| *mask <= 0o777);
    if mask.is_none() {
        f.problem("umask", "`umask` is a string of octal digits, such as \"022\".");
    }
    mask
}
