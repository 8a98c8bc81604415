//! `stop`: asks a master over its control socket, else by SIGTERM, and waits until it has ended.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::control::{self, Order};
use super::failure::Failure;
use super::pidfile::{self, Found};
use super::place::{Place, Role};
use super::terminal;

/// How long a process may take to end when nothing is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// Stop a master or a worker.
///
/// It hands out no new work and ends in seconds; the builds that run are queued again. With
/// --drain it waits until they have ended.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci stop --drain master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    pub(super) dir: PathBuf,
    /// Wait until the running builds have ended (masters only).
    #[arg(long)]
    pub(super) drain: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::find(&args.dir)?;
    let pid = stop(&place, args.drain)?;
    terminal::say(&format!("The {place} (process {pid}) has stopped."));
    Ok(())
}

/// Stops the process that serves `place`; returns its number.
pub(super) fn stop(place: &Place, drain: bool) -> Result<u32, Failure> {
    if drain && place.role == Role::Worker {
        let message = format!("{} belongs to a worker, which cannot drain.", place.dir.display());
        return Err(Failure::usage(message).hint("Stop its master with --drain instead."));
    }
    let pid = running(place)?;
    let asked = match place.role {
        Role::Master => control::order(place, &Order::Stop { drain }).map(drop),
        Role::Worker => signal(place, pid),
    };
    match asked {
        // A master without its socket still understands a signal, which is not to drain.
        Err(_) if !drain => signal(place, pid)?,
        asked => asked?,
    }
    if pidfile::wait_until_gone(place, (!drain).then_some(LIMIT)) {
        return Ok(pid);
    }
    let seconds = LIMIT.as_secs();
    Err(Failure::failed(format!("The {place} (process {pid}) has not ended in {seconds} s."))
        .hint(format!("See {}, or end it now: kill -9 {pid}", place.log_file().display())))
}

/// The number of the process that serves `place`.
pub(super) fn running(place: &Place) -> Result<u32, Failure> {
    match pidfile::look(place) {
        Found::Running(pid) => Ok(pid),
        Found::Nobody => Err(Failure::unreachable(format!("The {place} is not running."))),
        Found::Hidden => Err(Failure::failed(format!(
            "Whether the {place} runs cannot be seen: its directory is another user's."
        ))
        .hint("Ask as the user that started it.")),
        Found::Stale(pid) => Err(Failure::unreachable(format!(
            "The {place} is not running: the process {pid} ended without cleaning up."
        ))
        .hint(format!("Start it with: halide-ci start {}", place.dir.display()))),
    }
}

fn signal(place: &Place, pid: u32) -> Result<(), Failure> {
    let cannot = |why: String| {
        Failure::failed(format!("The {place} (process {pid}) cannot be signalled: {why}."))
    };
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let number = number.ok_or_else(|| cannot("its number is unknown".to_owned()))?;
    kill_process(number, Signal::TERM).map_err(|e| cannot(e.to_string()))
}
