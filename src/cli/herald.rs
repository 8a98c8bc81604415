//! How a process tells that it serves, or why not: in the background to the `start` that waits for
//! it, over the pipe that is its standard output; in the foreground to systemd and the log.

use std::io::Write as _;

use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::terminal;

/// The one line that a process in the background sends to the `start` that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Report {
    /// It serves; the text says where.
    Serving(String),
    /// It does not, and why.
    Failed(String),
}

/// Tells once whether the process serves.
#[derive(Debug)]
pub(super) struct Herald {
    is_detached: bool,
}

impl Herald {
    pub(super) fn new(is_detached: bool) -> Self {
        Self { is_detached }
    }

    /// The process serves; `text` says where.
    pub(super) fn serving(&self, text: &str) {
        tracing::info!("{text}");
        if self.is_detached {
            send(&Report::Serving(text.to_owned()));
        }
        notify(&[NotifyState::Ready, NotifyState::Status(text)]);
    }

    /// The process has not come to serve, or ends because of `failure`.
    pub(super) fn failed(&self, failure: &Failure) {
        if self.is_detached {
            tracing::error!("{failure}");
            send(&Report::Failed(failure.to_string()));
        } else {
            terminal::fail(&failure.to_string());
        }
    }

    /// The configuration is being loaded afresh.
    pub(super) fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
    }

    /// The configuration has been loaded afresh, or the old one stays.
    pub(super) fn reloaded(&self) {
        notify(&[NotifyState::Ready]);
    }

    /// The process ends.
    pub(super) fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }
}

fn send(report: &Report) {
    let line = serde_json::to_string(report).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    // The `start` that waited may have been interrupted; the process serves all the same.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    // What is written to standard output from now on must not find a broken pipe.
    if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to be told.
    let _ = sd_notify::notify(states);
}
