//! Writing to the terminal. The one place that prints: a reader that has gone away (`| head`) is no
//! error, and a failure is marked in the same way everywhere.

use std::io::{IsTerminal as _, Write as _};

/// Prints a line to standard output.
pub(super) fn say(line: &str) {
    // Nobody reads any more: nothing is left to be told.
    let _ = writeln!(std::io::stdout().lock(), "{}", line.trim_end_matches('\n'));
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
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    std::io::stderr().is_terminal() && !is_refused
}
