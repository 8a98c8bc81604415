//! The commands that the worker knows, one file each. A command's arguments are read before it is
//! started, because a wrong one makes the start fail; what happens later is its result.

mod arguments;
mod cpdir;
mod directory;
mod download;
mod glob;
mod listdir;
mod logfile;
mod mkdir;
mod program;
mod rmdir;
mod rmfile;
mod shell;
mod stat;
mod upload;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::arguments::Arguments;
use super::report::Report;
use crate::base::random::Random;
use crate::wire::msgpack::codec::Value;

/// Their names. Buildbot's master looks for the old spelling of the upload before it sends the new.
pub(super) const COMMANDS: [&str; 14] = [
    "uploadFile",
    "shell",
    "upload_file",
    "uploadDirectory",
    "upload_directory",
    "downloadFile",
    "download_file",
    "mkdir",
    "rmdir",
    "cpdir",
    "stat",
    "glob",
    "listdir",
    "rmfile",
];

/// Where commands run.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// The worker's directory.
    pub(super) base_dir: PathBuf,
    /// The worker's environment.
    pub(super) environ: BTreeMap<String, String>,
    /// For the cookies.
    pub(super) random: Random,
}

/// How a command is told to stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt {
    /// The master wants it to stop.
    pub(super) asked: CancellationToken,
    /// The connection is gone, or the worker is ending: at once.
    pub(super) lost: CancellationToken,
}

/// All that a running command needs.
pub(super) struct Context {
    pub(super) report: Report,
    pub(super) interrupt: Interrupt,
    pub(super) host: Host,
}

/// A command with its arguments.
#[derive(Debug)]
pub(super) enum Job {
    Shell(Box<shell::Shell>),
    Mkdir(mkdir::Mkdir),
    Rmdir(rmdir::Rmdir),
    Cpdir(cpdir::Cpdir),
    Stat(stat::Stat),
    Listdir(listdir::Listdir),
    Glob(glob::Glob),
    Rmfile(rmfile::Rmfile),
    Upload(upload::Upload),
    UploadDirectory(directory::UploadDirectory),
    Download(download::Download),
}

impl Job {
    /// Reads a command.
    ///
    /// # Errors
    /// A sentence: there is no such command, or an argument is missing.
    pub(super) fn read(name: &str, arguments: &Value) -> Result<Self, String> {
        let arguments = Arguments::new(name, arguments)?;
        Ok(match name {
            "shell" => Self::Shell(Box::new(shell::Shell::read(&arguments)?)),
            "mkdir" => Self::Mkdir(mkdir::Mkdir::read(&arguments)?),
            "rmdir" => Self::Rmdir(rmdir::Rmdir::read(&arguments)?),
            "cpdir" => Self::Cpdir(cpdir::Cpdir::read(&arguments)?),
            "stat" => Self::Stat(stat::Stat::read(&arguments)?),
            "listdir" => Self::Listdir(listdir::Listdir::read(&arguments)?),
            "glob" => Self::Glob(glob::Glob::read(&arguments)?),
            "rmfile" => Self::Rmfile(rmfile::Rmfile::read(&arguments)?),
            "upload_file" | "uploadFile" => Self::Upload(upload::Upload::read(&arguments)?),
            "upload_directory" | "uploadDirectory" => {
                Self::UploadDirectory(directory::UploadDirectory::read(&arguments)?)
            }
            "download_file" | "downloadFile" => {
                Self::Download(download::Download::read(&arguments)?)
            }
            _ => return Err(format!("This worker does not know the command `{name}`.")),
        })
    }

    /// Carries it out and reports its end.
    pub(super) async fn perform(self, mut context: Context) {
        let began = Instant::now();
        let outcome = match self {
            Self::Shell(shell) => shell.run(&mut context).await,
            Self::Rmdir(rmdir) => rmdir.run(&mut context).await,
            Self::Cpdir(cpdir) => cpdir.run(&mut context).await,
            Self::Upload(upload) => upload.run(&mut context).await,
            Self::UploadDirectory(upload) => upload.run(&mut context).await,
            Self::Download(download) => download.run(&mut context).await,
            Self::Mkdir(mkdir) => on_files(&mut context, move || mkdir.run()).await,
            Self::Stat(stat) => on_files(&mut context, move || stat.run()).await,
            Self::Listdir(listdir) => on_files(&mut context, move || listdir.run()).await,
            Self::Glob(glob) => on_files(&mut context, move || glob.run()).await,
            Self::Rmfile(rmfile) => on_files(&mut context, move || rmfile.run()).await,
        };
        if !context.interrupt.asked.is_cancelled() {
            context.report.tell("elapsed", began.elapsed().as_secs_f64().into());
        }
        context.report.complete(outcome.err()).await;
    }
}

/// What a command that only looks at files has found.
#[derive(Debug, Default, PartialEq)]
struct Found {
    /// What it says besides its exit code.
    value: Option<(&'static str, Value)>,
    /// The exit code.
    rc: i64,
    /// A line for the header, if it failed.
    header: String,
}

impl Found {
    fn value(key: &'static str, value: Value) -> Self {
        Self { value: Some((key, value)), ..Self::default() }
    }

    /// `command: what: path`, with the error's number as exit code.
    fn failed(command: &str, path: &str, error: &io::Error) -> Self {
        let rc = error.raw_os_error().map_or(1, i64::from);
        Self { value: None, rc, header: format!("{command}: {}: {path}\n", reason(error)) }
    }
}

/// The system's words for an error, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Runs `work` where it may block. An interrupted command has no result.
async fn on_files(
    context: &mut Context,
    work: impl FnOnce() -> Found + Send + 'static,
) -> Result<(), String> {
    let found = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    if context.interrupt.asked.is_cancelled() {
        context.report.mute();
    }
    if let Some((key, value)) = found.value {
        context.report.tell(key, value);
    }
    context.report.tell("rc", found.rc.into());
    context.report.header(&found.header);
    Ok(())
}
