//! Writing to the terminal. The one place that prints: a reader that has gone away (`| head`) is no
//! error, and a failure is marked in the same way everywhere.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;

/// Why standard output did not take what was printed.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints a line to standard output.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", line.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        // Nobody reads any more: nothing is left to be told.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // The first reason is the one to tell.
            let _ = UNWRITTEN.set(error.to_string());
        }
        _ => {}
    }
}

/// Why something that was said has been lost: a full disk. Who asked for it must not take what is
/// there for the whole.
pub(super) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Prints a line to standard error.
pub(super) fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.trim_end_matches('\n'));
}

/// Prints why a verb failed.
pub(super) fn fail(text: &str) {
    if has_colour() {
        warn(&format!("\x1b[31;1merror:\x1b[0m {text}"));
    } else {
        warn(&format!("error: {text}"));
    }
}

/// Whether standard error takes colours: a terminal, and no `NO_COLOR`.
pub(super) fn has_colour() -> bool {
    std::io::stderr().is_terminal() && !is_colour_refused()
}

fn is_colour_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// Colours for standard output, where it takes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    is_on: bool,
}

impl Paint {
    /// For standard output as it is.
    pub(super) fn for_output() -> Self {
        Self { is_on: std::io::stdout().is_terminal() && !is_colour_refused() }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }
}
