//! `start`: in the background by default. The process in the background is this program again with
//! `--foreground`, in a session of its own; it says over a pipe that it serves or why not.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use process_wrap::std::{CommandWrap, ProcessSession};

use super::failure::Failure;
use super::herald::{Herald, Report};
use super::pidfile::{self, Found};
use super::place::Place;
use super::{serve, terminal};

/// Start a master or a worker, in the background.
///
/// A DIR with a worker.lua is a worker's, otherwise it is a master's. Returns when the process
/// serves, or prints why it does not.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci start master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    pub(super) dir: PathBuf,
    /// The configuration [default: DIR/master.lua, else master.lua beside DIR].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Stay in the foreground and log to standard error: for systemd and containers.
    #[arg(long)]
    pub(super) foreground: bool,
    /// Report to the `start` that made this process.
    #[arg(long, hide = true, requires = "foreground")]
    pub(super) detached: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if !args.foreground {
        let place = Place::find(&args.dir)?;
        return detach(&place, args);
    }
    let herald = Herald::new(args.detached);
    let served = Place::find(&args.dir).and_then(|place| serve::run(&place, args, &herald));
    served.map_err(|failure| {
        herald.failed(&failure);
        Failure { message: String::new(), hints: Vec::new(), site: None, ..failure }
    })
}

fn detach(place: &Place, args: &Args) -> Result<(), Failure> {
    // Both are found again by the process itself; here they save it a log file.
    place.config(args.config.as_deref())?;
    let found = pidfile::look(place);
    if matches!(found, Found::Running(_)) {
        return Err(pidfile::already(place, found));
    }
    let mut log = File::options()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(place.log_file())
        .map_err(|e| pidfile::unwritable(place, &e))?;
    let before = log.seek(SeekFrom::End(0)).unwrap_or(0);
    let report = spawn(args, &log)?;
    let mut news = String::new();
    // A log that cannot be read leaves its lines unsaid, nothing else.
    let _ = log.seek(SeekFrom::Start(before)).and_then(|_| log.read_to_string(&mut news));
    match report {
        Some(Report::Serving(text)) => {
            warnings(&news).for_each(terminal::warn);
            terminal::say(&text);
            Ok(())
        }
        Some(Report::Failed(text)) => Err(Failure::failed(text)),
        None => {
            let message = format!("The {place} ended before it served.");
            let last = news.lines().last().map(|line| format!("Its last words: {line}"));
            let hint = last.unwrap_or_else(|| format!("See {}.", place.log_file().display()));
            Err(Failure::failed(message).hint(hint))
        }
    }
}

/// Starts the process in the background and waits for its line; none = it ended without one.
fn spawn(args: &Args, log: &File) -> Result<Option<Report>, Failure> {
    let cannot = |e: std::io::Error| Failure::failed(format!("No process can be started: {e}."));
    let (reader, writer) = std::io::pipe().map_err(cannot)?;
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.arg("start").arg(&args.dir).args(["--foreground", "--detached"]);
    if let Some(config) = &args.config {
        command.arg("--config").arg(config);
    }
    command.stdin(Stdio::null()).stdout(writer).stderr(log.try_clone().map_err(cannot)?);
    let mut command = CommandWrap::from(command);
    let mut child = command.wrap(ProcessSession).spawn().map_err(cannot)?;
    // The command holds the writing end, and without its closing there is no end to read.
    drop(command);
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).map_err(cannot)?;
    let report = serde_json::from_str(&line).ok();
    if !matches!(report, Some(Report::Serving(_))) {
        // It is ending; what it wrote to its log is complete when it has.
        child.wait().map_err(cannot)?;
    }
    Ok(report)
}

/// The log lines that the user should see at once.
fn warnings(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter_map(|line| {
        let (_, text) = line.split_once(" WARN ").or_else(|| line.split_once(" ERROR "))?;
        Some(text.trim_start())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_the_log_are_shown_without_their_time() {
        let log = "2024-05-31T08:15:30Z  INFO all is well\n\
                   2024-05-31T08:15:30Z  WARN Tightened master/x.txt to 0600.\n";
        assert_eq!(warnings(log).collect::<Vec<_>>(), ["Tightened master/x.txt to 0600."]);
    }
}
