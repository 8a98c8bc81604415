//! Finds and kills what a command left behind, however it tried to get away: its process group,
//! the descendants of those, processes that still carry the command's cookie in their environment
//! (double fork and setsid do not shake it off), and whoever holds the command's pipes open.
//! Orphans that were adopted are reaped one by one, never by `waitpid(-1)`: the runtime owns the
//! children it started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process_group,
    pidfd_open, pidfd_send_signal, waitid, waitpid,
};

/// The variable that marks every process of a command.
pub(super) const COOKIE: &str = "HALIDE_CI_COMMAND";
/// How often it is looked for survivors, and how long between: 2 s in all.
const ROUNDS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// Whose processes are to be found.
#[derive(Clone, Debug)]
pub(super) struct Quarry {
    /// The command's first process, which leads its group. The runtime reaps it.
    pub(super) leader: i32,
    /// The value of [`COOKIE`].
    pub(super) cookie: String,
    /// Names of the pipes (`pipe:[123]`, or of a terminal) that only the command should hold.
    pub(super) pipes: Vec<String>,
}

/// A line of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    parent: i32,
    group: i32,
    session: i32,
    zombie: bool,
    started: u64,
}

/// Makes orphans of commands the children of this process, so that they can be found and reaped.
pub(crate) fn adopt_orphans() {
    // An old kernel without it leaves group and cookie to find them by.
    if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
        tracing::debug!("Orphans cannot be adopted: {error}.");
    }
}

/// Whether this process certainly has no children at all, and so no survivors.
pub(super) fn is_childless() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::All, look), Err(rustix::io::Errno::CHILD))
}

/// Sends `signal` to the command's group.
pub(super) fn signal_group(leader: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(leader) {
        // A group that is gone has nothing to be told.
        let _ = kill_process_group(group, signal);
    }
}

/// Kills all that belongs to the command until nothing is left, for 2 s at most. Returns whether
/// nothing is left. Blocks: for a thread that may.
pub(super) fn hunt(quarry: &Quarry) -> bool {
    let mut known = BTreeSet::new();
    for round in 0..ROUNDS {
        let all = snapshot();
        reap_strays(&all);
        let found = belonging(quarry, &all, &known);
        let mut alive = false;
        for pid in found {
            let Some(entry) = all.get(&pid) else {
                continue;
            };
            known.insert((pid, entry.started));
            if !entry.zombie {
                alive = true;
                kill(pid, entry.started);
            } else if entry.parent == getpid().as_raw_nonzero().get() && pid != quarry.leader {
                reap(pid);
            }
        }
        if !alive {
            return true;
        }
        // The first rounds come quickly: most processes are gone at once.
        std::thread::sleep(if round < 10 { PAUSE / 10 } else { PAUSE });
    }
    false
}

/// What begins every cookie of a worker or a master in this directory, on this machine.
pub(crate) fn mark(base_dir: &Path) -> String {
    match fs::metadata(base_dir) {
        Ok(metadata) => format!("{:x}-{:x}-", metadata.dev(), metadata.ino()),
        // A directory that cannot be looked at has no leftovers to be found.
        Err(_) => "unknown-".to_owned(),
    }
}

/// Kills what an earlier life of the worker (or master) left running: it was killed itself, and its commands
/// would go on in the directories of their next attempt. Returns how many processes there were.
/// Blocks: for a thread that may.
pub(crate) fn sweep(mark: &str) -> usize {
    // A command may have started this very process.
    let own = getpid().as_raw_nonzero().get();
    let mut seen = BTreeSet::new();
    for _ in 0..ROUNDS {
        let all = snapshot();
        let left: Vec<_> = all
            .iter()
            .filter(|(pid, entry)| {
                !entry.zombie
                    && **pid != own
                    && cookie_of(**pid).is_some_and(|c| c.starts_with(mark.as_bytes()))
            })
            .collect();
        if left.is_empty() {
            break;
        }
        for (pid, entry) in left {
            seen.insert((*pid, entry.started));
            kill(*pid, entry.started);
        }
        std::thread::sleep(PAUSE);
    }
    seen.len()
}

fn snapshot() -> BTreeMap<i32, Entry> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, stat(pid)?))
        })
        .collect()
}

/// Reads `/proc/PID/stat`: the name in brackets may hold anything, the fields come after it.
fn stat(pid: i32) -> Option<Entry> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse().ok();
    Some(Entry {
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// The processes of `all` that belong to the command.
fn belonging(
    quarry: &Quarry,
    all: &BTreeMap<i32, Entry>,
    known: &BTreeSet<(i32, u64)>,
) -> BTreeSet<i32> {
    let own = getpid().as_raw_nonzero().get();
    let mut found: BTreeSet<i32> = all
        .iter()
        .filter(|(pid, entry)| {
            **pid == quarry.leader
                || entry.group == quarry.leader
                || entry.session == quarry.leader
                || known.contains(&(**pid, entry.started))
                || has_cookie(**pid, &quarry.cookie)
                || (holds(**pid, &quarry.pipes) && descends(**pid, own, all))
        })
        .map(|(pid, _)| *pid)
        .collect();
    // Children of what was found belong too, and theirs.
    loop {
        let more: Vec<i32> = all
            .iter()
            .filter(|(pid, entry)| found.contains(&entry.parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    found.remove(&own);
    found
}

fn has_cookie(pid: i32, cookie: &str) -> bool {
    cookie_of(pid).is_some_and(|value| value == cookie.as_bytes())
}

fn cookie_of(pid: i32) -> Option<Vec<u8>> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environ.split(|b| *b == 0).find_map(|variable| {
        let value = variable.strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")?;
        Some(value.to_vec())
    })
}

fn holds(pid: i32, pipes: &[String]) -> bool {
    if pipes.is_empty() {
        return false;
    }
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files.filter_map(Result::ok).any(|file| {
        fs::read_link(file.path())
            .is_ok_and(|target| pipes.iter().any(|p| target.as_os_str() == p.as_str()))
    })
}

/// Whether `pid` comes from this process: foreign holders of a pipe are none of our business.
fn descends(pid: i32, own: i32, all: &BTreeMap<i32, Entry>) -> bool {
    let mut at = pid;
    // A chain of parents is short; the bound is for a table that changed while it was read.
    for _ in 0..1000 {
        match all.get(&at) {
            Some(entry) if entry.parent == own => return true,
            Some(entry) if entry.parent > 1 => at = entry.parent,
            _ => return false,
        }
    }
    false
}

/// Kills the process that had this number when it was looked at, and no later one.
fn kill(pid: i32, started: u64) {
    let Some(number) = Pid::from_raw(pid) else {
        return;
    };
    match pidfd_open(number, PidfdFlags::empty()) {
        Ok(handle) => {
            if stat(pid).is_some_and(|now| now.started == started) {
                // It may have ended by itself.
                let _ = pidfd_send_signal(&handle, Signal::KILL);
            }
        }
        Err(rustix::io::Errno::NOSYS) => {
            let _ = rustix::process::kill_process(number, Signal::KILL);
        }
        Err(_) => {}
    }
}

/// Reaps adopted orphans that ended by themselves, of whatever command: children of this process
/// in another session. What the process starts itself stays in its own.
fn reap_strays(all: &BTreeMap<i32, Entry>) {
    let own = getpid().as_raw_nonzero().get();
    let Some(session) = all.get(&own).map(|entry| entry.session) else {
        return;
    };
    for (pid, entry) in all {
        if entry.zombie && entry.parent == own && entry.session != session {
            reap(*pid);
        }
    }
}

fn reap(pid: i32) {
    // It is a zombie and our child; if something else was faster, good.
    let _ = waitpid(Pid::from_raw(pid), WaitOptions::NOHANG);
}
