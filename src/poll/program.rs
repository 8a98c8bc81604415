//! Runs the program git for pollers, which no configuration's step can reach. Arguments and
//! environment leave a hostile repository or name nothing to hold on to, and whoever hangs is ended
//! with all of its children.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::base::text::shorten;

/// The most that git may say.
const MOST: u64 = 256 << 20;

/// One call of git.
pub(super) struct Call<'a> {
    /// The program.
    pub(super) git: &'a str,
    /// Its repository.
    pub(super) dir: &'a Path,
    /// What it is told after our own options.
    pub(super) args: &'a [&'a str],
    /// More of the environment: proofs belong here, arguments can be read by everybody.
    pub(super) env: &'a [(String, String)],
    /// What it reads.
    pub(super) input: String,
    /// How long it may take.
    pub(super) limit: Duration,
}

/// Set for the whole process by whoever started it, and meant for another repository.
const FOREIGN: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_CONFIG_PARAMETERS",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
];

/// Runs git and returns what it says.
///
/// # Errors
/// A sentence: it cannot be run, it takes too long, or its own last words.
pub(super) async fn git(call: Call<'_>) -> Result<Vec<u8>, String> {
    let verb = call.args.first().copied().unwrap_or_default();
    let mut command = Command::new(call.git);
    command.arg("--git-dir").arg(call.dir).arg("--no-replace-objects");
    for setting in [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "protocol.ext.allow=never",
        "fetch.recurseSubmodules=false",
        "gc.autoDetach=false",
        "maintenance.autoDetach=false",
        "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=60",
    ] {
        command.args(["-c", setting]);
    }
    command.args(call.args);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("SSH_ASKPASS_REQUIRE", "never")
        .envs(call.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().map_err(|e| format!("{} cannot be run: {e}.", call.git))?;
    let mut group = Group(child);
    let work = group.talk(call.input.into_bytes());
    let Ok(ended) = tokio::time::timeout(call.limit, work).await else {
        return Err(format!("git {verb} was ended after {} s.", call.limit.as_secs()));
    };
    let (is_good, out, err) = ended.map_err(|e| format!("git {verb} was lost: {e}."))?;
    if is_good {
        return Ok(out);
    }
    let words = String::from_utf8_lossy(&err);
    let words: Vec<&str> = words.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    Err(format!("git {verb} failed: {}", shorten(&words.join(" "), 500)))
}

/// A child and its children; they end with it.
struct Group(Child);

impl Group {
    async fn talk(&mut self, input: Vec<u8>) -> std::io::Result<(bool, Vec<u8>, Vec<u8>)> {
        let child = &mut self.0;
        let (mut stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let write = async {
            if let Some(stdin) = &mut stdin {
                // One that ends without reading everything says why itself.
                let _ = stdin.write_all(&input).await;
            }
            drop(stdin.take());
        };
        let read = async {
            match stdout {
                Some(pipe) => pipe.take(MOST).read_to_end(&mut out).await,
                None => Ok(0),
            }
        };
        let complain = async {
            match stderr {
                Some(pipe) => pipe.take(1 << 20).read_to_end(&mut err).await,
                None => Ok(0),
            }
        };
        let ((), read, complained) = tokio::join!(write, read, complain);
        if read? as u64 == MOST {
            return Err(std::io::Error::other(format!("it says more than {MOST} bytes")));
        }
        complained?;
        let status = child.wait().await?;
        Ok((status.success(), out, err))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that was waited for has no id any more.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may have ended just now.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}
