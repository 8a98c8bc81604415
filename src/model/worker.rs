//! Workers: what they say about themselves, and where one stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::secret::Secret;

/// Everything a `worker.lua` may say.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The worker's name; the master's configuration has one of the same name. Without `:`.
    pub name: String,
    /// The password that the master knows.
    pub password: Secret,
    /// The master's host name or address.
    pub host: String,
    /// The master's port for workers (default 9990).
    pub port: u16,
    /// The worker's own directory; builds happen below it.
    pub base_dir: PathBuf,
    /// With a stock master: silence after which the connection is checked (default 600 s). Our
    /// own master checks every 10 s by itself.
    pub keepalive: Duration,
    /// Longest pause between two attempts to connect (default 300 s).
    pub max_delay: Duration,
    /// Processors to report (default: as many as there are).
    pub num_cpus: Option<u32>,
    /// The umask of everything the worker runs (default: the one it was started with).
    pub umask: Option<u32>,
    /// Attempts to connect in a row before it gives up (default: never).
    pub max_retries: Option<u32>,
    /// Whether the master may end the worker's process (default true).
    pub allow_shutdown: bool,
    /// Let the master remove directories that belong to no builder (default false).
    pub delete_leftover_dirs: bool,
}

impl WorkerSettings {
    /// Settings with every default.
    #[must_use]
    pub fn new(name: &str, password: Secret, host: &str, port: u16, base_dir: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            password,
            host: host.to_owned(),
            port,
            base_dir,
            keepalive: Duration::from_secs(600),
            max_delay: Duration::from_secs(300),
            num_cpus: None,
            umask: None,
            max_retries: None,
            allow_shutdown: true,
            delete_leftover_dirs: false,
        }
    }
}

/// What a worker reports when it connects. The environment is kept for interpolation and for
/// path rules; the REST answer leaves it out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerInfo {
    /// The worker's base directory, absolute.
    pub basedir: String,
    /// `posix` or `nt`.
    pub system: String,
    /// Version of the worker's program.
    pub version: String,
    /// Number of processors.
    pub numcpus: Option<i64>,
    /// The worker's environment.
    pub environ: BTreeMap<String, String>,
    /// It hashes files that it sends, checks those that it gets, and goes on with what was cut.
    pub verifies_files: bool,
    /// Everything else it said: `admin`, `host`, `os_*`, `access_uri` and so on.
    pub other: BTreeMap<String, Json>,
    /// Which commands it knows, with their version.
    pub worker_commands: BTreeMap<String, String>,
}

impl WorkerInfo {
    /// What may be shown: everything but the environment and the list of commands.
    #[must_use]
    pub fn public(&self) -> BTreeMap<String, Json> {
        let mut out = self.other.clone();
        for (name, text) in
            [("basedir", &self.basedir), ("system", &self.system), ("version", &self.version)]
        {
            out.insert(name.to_owned(), Json::String(text.clone()));
        }
        if let Some(n) = self.numcpus {
            out.insert("numcpus".to_owned(), Json::from(n));
        }
        out
    }

    /// `parts` joined by the worker's path rules; an absolute part starts afresh.
    #[must_use]
    pub fn join(&self, parts: &[&str]) -> String {
        let windows = self.system == "nt";
        let separator = if windows { '\\' } else { '/' };
        let absolute = |p: &str| {
            p.starts_with('/') || (windows && (p.starts_with('\\') || p.get(1..2) == Some(":")))
        };
        let mut out = String::new();
        for part in parts.iter().filter(|p| !p.is_empty()) {
            if out.is_empty() || absolute(part) {
                out = (*part).to_owned();
            } else {
                if !out.ends_with(['/', separator]) {
                    out.push(separator);
                }
                out.push_str(part);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::WorkerInfo;

    #[test]
    fn paths_join_by_the_workers_rules() {
        let posix = WorkerInfo { system: "posix".to_owned(), ..WorkerInfo::default() };
        assert_eq!(posix.join(&["/w", "b", "build"]), "/w/b/build");
        assert_eq!(posix.join(&["/w", "b", "/abs"]), "/abs");
        let nt = WorkerInfo { system: "nt".to_owned(), ..WorkerInfo::default() };
        assert_eq!(nt.join(&["C:\\w", "b", "c:/x"]), "c:/x");
        assert_eq!(nt.join(&["C:\\w", "b"]), "C:\\w\\b");
    }
}
