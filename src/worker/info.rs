//! What the worker says about itself: the files of its `info` folder, the system's name, and its
//! environment without the values of what look like secrets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Surroundings;
use super::command::COMMANDS;
use crate::model::worker::WorkerSettings;
use crate::wire::msgpack::codec::Value;
use crate::wire::msgpack::message::{EXTENSION_VERSION, WINDOW};

/// Version of the commands, as Buildbot counts it: that of its worker 4.3.
const COMMAND_VERSION: &str = "3.3";
/// Largest file of the `info` folder that is sent.
const MAX_FILE: u64 = 64 << 10;
/// Parts of names whose values stay here.
const SECRET_NAMES: [&str; 5] = ["PASS", "TOKEN", "SECRET", "KEY", "CREDENTIAL"];

/// The answer to `get_worker_info`. Reads small files: call it where that may take a moment.
pub(super) fn read(settings: &WorkerSettings, surroundings: &Surroundings, boot: &str) -> Value {
    let mut pairs: BTreeMap<String, Value> = BTreeMap::new();
    for (name, text) in folder(&settings.base_dir.join("info")) {
        pairs.insert(name, Value::text(&text));
    }
    for (name, text) in os_release(&fs::read_to_string("/etc/os-release").unwrap_or_default()) {
        pairs.insert(name, Value::text(&text));
    }
    let cpus = settings.num_cpus.map_or_else(
        || std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
        u64::from,
    );
    let environ = shown(&surroundings.environ);
    let commands = COMMANDS.map(|name| (name, Value::text(COMMAND_VERSION)));
    let extension = Value::map([
        ("version", EXTENSION_VERSION.into()),
        ("boot_id", Value::text(boot)),
        ("raw_output", true.into()),
        ("transfers", true.into()),
        ("window", (WINDOW as u64).into()),
    ]);
    let fixed = [
        ("environ", Value::map(environ.iter().map(|(k, v)| (k.as_str(), Value::text(v))))),
        ("system", Value::text(if cfg!(windows) { "nt" } else { "posix" })),
        ("basedir", Value::text(&settings.base_dir.to_string_lossy())),
        ("numcpus", cpus.into()),
        ("version", Value::text(concat!("halide-ci ", env!("CARGO_PKG_VERSION")))),
        ("worker_commands", Value::map(commands)),
        ("delete_leftover_dirs", settings.delete_leftover_dirs.into()),
        ("halide_ci", extension),
    ];
    pairs.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    Value::Map(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

/// Each regular file of the folder with its text.
fn folder(path: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let about = fs::metadata(entry.path()).ok()?;
            if !about.is_file() || about.len() > MAX_FILE {
                return None;
            }
            let text = fs::read(entry.path()).ok()?;
            let name = entry.file_name().into_string().ok()?;
            Some((name, String::from_utf8_lossy(&text).into_owned()))
        })
        .collect()
}

/// `KEY="value"` lines as `os_key`; empty values are left out.
fn os_release(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once('=')?;
            let value = value.trim().trim_matches('"');
            let named = !key.starts_with('#') && !value.is_empty();
            named.then(|| (format!("os_{}", key.to_lowercase()), value.to_owned()))
        })
        .collect()
}

/// The environment as the master may know it: a variable whose name looks like a secret's keeps
/// its name and loses its value.
fn shown(environ: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let secret = |name: &str| {
        let name = name.to_uppercase();
        SECRET_NAMES.iter().any(|part| name.contains(part))
    };
    environ
        .iter()
        .map(|(k, v)| (k.clone(), if secret(k) { String::new() } else { v.clone() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_stay_here() {
        let environ = [("PATH", "/bin"), ("GITHUB_TOKEN", "t"), ("Db_Password", "p")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let shown = shown(&environ);
        assert_eq!(shown["PATH"], "/bin");
        assert_eq!((shown["GITHUB_TOKEN"].as_str(), shown["Db_Password"].as_str()), ("", ""));
    }

    #[test]
    fn the_system_is_named_as_os_release_names_it() {
        let read = os_release("NAME=\"Debian GNU/Linux\"\nEMPTY=\"\"\n# x=y\nID=debian\n");
        assert_eq!(
            read,
            [
                ("os_name".to_owned(), "Debian GNU/Linux".to_owned()),
                ("os_id".to_owned(), "debian".to_owned())
            ]
        );
    }
}
