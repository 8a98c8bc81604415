//! A pseudo terminal for a program that wants one: it leads a session of its own whose terminal this
//! is, and its input, output and errors are the same. Apart from the pipes, because descriptors of
//! terminals are born open to every child that is started at that moment.

use std::io;
use std::os::fd::AsFd;
use std::sync::{PoisonError, RwLock};

use pty_process::{Pts, Pty, Size};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, tcgetattr, tcsetattr};
use tokio::process::{Child, Command};

/// Rows and columns, as terminals have had them for fifty years.
const SIZE: (u16, u16) = (24, 80);

/// Held for writing while a terminal is opened: its descriptor is closed to children only afterwards.
static STARTING: RwLock<()> = RwLock::new(());

/// Starts `command`, whose pipes are its own business.
pub(super) fn with_pipes(command: &mut Command) -> io::Result<Child> {
    let _others = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Starts `command` on a new terminal, and returns the end at which its output comes out.
pub(super) fn with_terminal(command: Command) -> io::Result<(Child, Pty)> {
    let (ours, its) = open()?;
    let _others = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let child = pty_process::Command::from(command).spawn(its).map_err(plain)?;
    Ok((child, ours))
}

/// A terminal that does not repeat its input, and whose lines end as those of a pipe do.
fn open() -> io::Result<(Pty, Pts)> {
    let (ours, its) = {
        let _alone = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        pty_process::open().map_err(plain)?
    };
    ours.resize(Size::new(SIZE.0, SIZE.1)).map_err(plain)?;
    let mut modes = tcgetattr(&its)?;
    modes.local_modes.remove(LocalModes::ECHO);
    modes.output_modes.remove(OutputModes::ONLCR);
    tcsetattr(&its, OptionalActions::Now, &modes)?;
    Ok((ours, its))
}

/// The name under which processes hold the program's end of `ours`; none = it is no terminal.
pub(super) fn name(ours: impl AsFd) -> Option<String> {
    let name = rustix::pty::ptsname(ours, Vec::new()).ok()?;
    name.into_string().ok()
}

fn plain(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(error) => error.into(),
        other => io::Error::other(other),
    }
}
