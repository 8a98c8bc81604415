//! How a command ended: what is gathered of it on its way, and whose fault it is when it went wrong.
//! Apart from the command's life, which knows when, not what.

use crate::engine::desk::DeskError;
use crate::engine::ports::CommandEvent;
use crate::engine::transfer::Transfer;
use crate::model::command::{CommandKind, FileStat};
use crate::model::log::Stream;
use crate::store::Store;

/// Bytes of a stream that a step may have as text.
const COLLECT: usize = 16 << 20;

/// When a command that goes wrong is the worker's fault: its disk is full, say.
#[derive(Clone, Copy)]
pub(super) enum Blame {
    Never,
    /// When it could not be carried out at all; an exit code is the build's business.
    Failed(&'static str),
    /// Also when it did not succeed: a directory can always be made.
    Unsuccessful(&'static str),
}

impl Blame {
    pub(super) fn of(kind: &CommandKind) -> Self {
        match kind {
            CommandKind::MakeDirectory { .. } | CommandKind::RemoveDirectory { .. } => {
                Self::Unsuccessful(kind.name())
            }
            // What fails may be the master's end of it.
            CommandKind::UploadFile { .. }
            | CommandKind::UploadDirectory { .. }
            | CommandKind::DownloadFile { .. } => Self::Never,
            _ => Self::Failed(kind.name()),
        }
    }
}

/// How a command ended.
#[derive(Default)]
pub(super) struct Finished {
    pub(super) rc: Option<i64>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// What the worker said about it; the reason when it fails.
    said: String,
    pub(super) failure_reason: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) stat: Option<FileStat>,
    pub(super) files: Option<Vec<String>>,
}

impl Finished {
    /// Takes an event that needs no waiting.
    pub(super) async fn note(
        &mut self,
        event: CommandEvent,
        transfer: &mut Transfer,
        store: &Store,
    ) {
        match event {
            CommandEvent::Rc(rc) => self.rc = Some(rc),
            CommandEvent::FailureReason(reason) => self.failure_reason = Some(reason),
            CommandEvent::Stat(stat) => self.stat = Some(stat),
            CommandEvent::Files(files) => self.files = Some(files),
            other => transfer.note(other, store).await,
        }
    }

    /// What the worker could not do although every worker can.
    pub(super) fn blame(&self, blame: Blame) -> Option<String> {
        match (&self.failure, self.rc, blame) {
            (_, _, Blame::Never) | (None, Some(0), _) | (None, _, Blame::Failed(_)) => None,
            (Some(failure), _, Blame::Failed(name) | Blame::Unsuccessful(name)) => {
                Some(format!("{name}: {failure}"))
            }
            (None, _, Blame::Unsuccessful(name)) => self.check(name).err().map(|e| e.to_string()),
        }
    }

    pub(super) fn keep(&mut self, stream: Stream, data: &[u8], collect: bool) {
        match stream {
            Stream::Stdout if collect => extend(&mut self.stdout, data, COLLECT),
            Stream::Stderr if collect => extend(&mut self.stderr, data, COLLECT),
            Stream::Stdout => {}
            Stream::Stderr | Stream::Header => {
                if self.said.len() < 4096 {
                    self.said.push_str(&String::from_utf8_lossy(data));
                }
            }
        }
    }

    /// Success, or why not and whether that is the worker's fault.
    pub(super) fn checked(&self, name: &str, blame: Blame) -> Result<(), DeskError> {
        self.check(name).map_err(|error| match self.blame(blame) {
            Some(_) => DeskError::Worker(error.to_string()),
            None => error,
        })
    }

    /// Success, or why not.
    pub(super) fn check(&self, name: &str) -> Result<(), DeskError> {
        let said = self.said.trim();
        match (&self.failure, self.rc) {
            (Some(failure), _) => Err(DeskError::Failed(format!("{name}: {failure}"))),
            (None, Some(0)) => Ok(()),
            (None, rc) => {
                let rc = rc.map_or("no exit code".to_owned(), |rc| format!("exit code {rc}"));
                let text = if said.is_empty() {
                    format!("{name}: {rc}")
                } else {
                    format!("{name}: {rc}: {said}")
                };
                Err(DeskError::Failed(text))
            }
        }
    }
}

fn extend(out: &mut Vec<u8>, data: &[u8], limit: usize) {
    let room = limit.saturating_sub(out.len());
    out.extend_from_slice(&data[..data.len().min(room)]);
}
