//! What a worker can be asked to do, in neutral words. `wire` translates it into the arguments of
//! each protocol; `worker` carries it out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::partial::Content;
use crate::base::secret::Secret;

/// One command for a worker.
#[derive(Clone, Debug)]
pub struct Command {
    /// The builder on whose behalf it runs.
    pub builder: String,
    /// The builder's directory, relative to the worker's base directory.
    pub builddir: String,
    /// The step's name, which no other step of its build has.
    pub step: String,
    /// What is to be done.
    pub what: CommandKind,
}

/// The commands. Paths are absolute on the worker or relative to the builder's directory.
#[derive(Clone, Debug)]
pub enum CommandKind {
    /// Run a program.
    Shell(Box<ShellCommand>),
    /// Make directories, with their parents; existing ones are fine.
    MakeDirectory {
        /// Which.
        paths: Vec<String>,
    },
    /// Remove trees; missing ones are fine.
    RemoveDirectory {
        /// Which.
        paths: Vec<String>,
        /// Seconds without output before it is given up (default 120).
        timeout: Option<f64>,
    },
    /// Look at a file or directory.
    Stat {
        /// Which.
        path: String,
    },
    /// List a directory's names.
    ListDirectory {
        /// Which.
        path: String,
    },
    /// Find paths by a pattern (`*`, `?`, `[...]`, `**`).
    Glob {
        /// The pattern.
        path: String,
    },
    /// Remove one file.
    RemoveFile {
        /// Which.
        path: String,
    },
    /// Copy a tree, links and times kept, into a target whose parent is made.
    CopyDirectory {
        /// Which.
        from: String,
        /// Where to; one that exists gets the tree inside it, as with `cp`.
        to: String,
        /// Seconds without output before it is given up (default 120).
        timeout: Option<f64>,
    },
    /// Take a file from the master in blocks; its folders are made.
    DownloadFile {
        /// Which.
        path: String,
        /// Largest block in bytes.
        block_size: u64,
        /// Permission bits; none = the umask's.
        mode: Option<u32>,
        /// What comes, for a worker that checks it ([`WorkerInfo`](super::worker::WorkerInfo)).
        content: Option<Content>,
        /// What has come when the connection is cut stays on the worker for the next time; not for
        /// texts, which may be secret.
        resumes: bool,
    },
    /// Send a file to the master in blocks.
    UploadFile {
        /// Which.
        path: String,
        /// Largest block in bytes.
        block_size: u64,
        /// Largest file in bytes; more is cut and fails.
        max_size: Option<u64>,
        /// Send the file's times too.
        keep_stamp: bool,
    },
    /// Send a directory to the master, as a tar archive in blocks.
    UploadDirectory {
        /// Which.
        path: String,
        /// Largest block in bytes.
        block_size: u64,
        /// Largest archive in bytes; more is cut and fails.
        max_size: Option<u64>,
        /// How the archive is made smaller; none = not at all.
        compress: Option<Compression>,
    },
}

/// How an archive is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// By gzip.
    Gz,
    /// By bzip2.
    Bz2,
}

impl Compression {
    /// Buildbot's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gz => "gz",
            Self::Bz2 => "bz2",
        }
    }

    /// The compression of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Gz, Self::Bz2].into_iter().find(|one| one.word() == word)
    }
}

impl CommandKind {
    /// A file that a worker takes, as every worker does.
    #[must_use]
    pub fn download(path: String, block_size: u64, mode: Option<u32>) -> Self {
        Self::DownloadFile { path, block_size, mode, content: None, resumes: false }
    }

    /// Buildbot's name of the command in the msgpack protocol.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shell(_) => "shell",
            Self::MakeDirectory { .. } => "mkdir",
            Self::RemoveDirectory { .. } => "rmdir",
            Self::Stat { .. } => "stat",
            Self::ListDirectory { .. } => "listdir",
            Self::Glob { .. } => "glob",
            Self::RemoveFile { .. } => "rmfile",
            Self::CopyDirectory { .. } => "cpdir",
            Self::DownloadFile { .. } => "download_file",
            Self::UploadFile { .. } => "upload_file",
            Self::UploadDirectory { .. } => "upload_directory",
        }
    }
}

/// A program to run, with Buildbot's options. Times are in seconds.
#[derive(Clone, Debug)]
pub struct ShellCommand {
    /// Text for the worker's shell, or a program with its arguments.
    pub command: CommandLine,
    /// Working directory; created if it is missing.
    pub workdir: String,
    /// Changes to the worker's environment: text, a list to be joined, or null to remove.
    pub env: BTreeMap<String, Json>,
    /// Kill after this long without output (default 1200).
    pub timeout: Option<f64>,
    /// Kill after this long in all.
    pub max_time: Option<f64>,
    /// Kill after this many lines of output.
    pub max_lines: Option<u64>,
    /// Send TERM first and wait this long before the interrupt signal.
    pub sigterm_time: Option<f64>,
    /// The signal that stops it, without `SIG` (default `KILL`).
    pub interrupt_signal: String,
    /// Send standard output (default true).
    pub want_stdout: bool,
    /// Send standard error (default true).
    pub want_stderr: bool,
    /// Show the environment in the log's header (default true).
    pub log_environ: bool,
    /// Text for standard input.
    pub initial_stdin: Option<String>,
    /// Run it on a pseudo terminal (default false); not with `initial_stdin`, and not on Windows: the
    /// worker then says so and does without.
    pub use_pty: bool,
    /// Files that it writes and that are read along, by the names of their logs.
    pub logfiles: BTreeMap<String, LogFile>,
    /// Such a log is opened only when there is something in it.
    pub lazylogfiles: bool,
    /// The encoding of what it writes; none = UTF-8.
    pub log_encoding: Option<String>,
    /// It runs on the master's own machine, with its environment, relative to its base directory;
    /// no worker gets it.
    pub on_master: bool,
}

/// A file that becomes a log while the command writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its path, relative to the working directory.
    pub filename: String,
    /// What it held before the command wrote to it is left out.
    pub follow: bool,
}

/// How a program is named.
#[derive(Clone, Debug)]
pub enum CommandLine {
    /// `/bin/sh -c TEXT`, on Windows `%COMSPEC% /c TEXT`.
    Shell(String),
    /// A program and its arguments, run directly.
    Argv(Vec<Argument>),
}

/// An argument of a program.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Shown as it is.
    Plain(String),
    /// Shown as the second text.
    Obfuscated(Secret, String),
}

impl Argument {
    /// Its length, in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an argument may be empty like any other")]
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Obfuscated(real, _) => real.expose().len(),
        }
    }
}

/// What a program is given when nothing is said.
impl ShellCommand {
    /// A command with Buildbot's defaults.
    #[must_use]
    pub fn new(command: CommandLine, workdir: &str) -> Self {
        Self {
            command,
            workdir: workdir.to_owned(),
            env: BTreeMap::new(),
            timeout: Some(1200.0),
            max_time: None,
            max_lines: None,
            sigterm_time: None,
            interrupt_signal: "KILL".to_owned(),
            want_stdout: true,
            want_stderr: true,
            log_environ: true,
            initial_stdin: None,
            use_pty: false,
            logfiles: BTreeMap::new(),
            lazylogfiles: false,
            log_encoding: None,
            on_master: false,
        }
    }
}

/// What a worker knows of a path: the ten numbers of `stat`, those that Buildbot uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// Type and permission bits.
    pub mode: u32,
    /// Length in bytes.
    pub size: u64,
    /// Last modification, seconds since the epoch.
    pub mtime: i64,
}

impl FileStat {
    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }
}
