//! The open logs of one step, shared by its desk and its commands, several of which may write at
//! once. A log is opened when something first needs it, and finished once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use crate::base::id::{LogId, StepId};
use crate::engine::Refusal;
use crate::engine::attempt::Running;
use crate::engine::build_report::BuildReport;
use crate::engine::mask::Masker;
use crate::engine::output::{LogHandle, LogWriter};
use crate::engine::ports::Ack;
use crate::engine::teller::Teller;
use crate::model::config::LogLimits;
use crate::model::log::{LogKind, STDIO, Stream};

/// The logs. Clones are the same logs.
#[derive(Clone)]
pub(super) struct Logs(Arc<Inner>);

struct Inner {
    teller: Teller,
    step: StepId,
    writer: LogWriter,
    masker: Arc<Masker>,
    limits: LogLimits,
    /// Which attempt of the step writes, from 1.
    attempt: AtomicU32,
    open: Mutex<BTreeMap<String, LogHandle>>,
    /// The logs of the commands under way.
    used: std::sync::Mutex<BTreeSet<String>>,
}

/// A log that a command writes to; free again when this is dropped.
pub(super) struct Use {
    logs: Logs,
    pub(super) name: String,
    is_first: bool,
}

/// The open logs, while one may be added.
pub(super) struct Opening<'a> {
    logs: &'a Inner,
    open: MutexGuard<'a, BTreeMap<String, LogHandle>>,
}

impl Opening<'_> {
    /// The name, without secrets, of a log that is not open.
    pub(super) fn missing(&self, name: &str) -> Option<String> {
        (!self.open.contains_key(name)).then(|| self.logs.shown(name))
    }

    /// Adds a log that the engine has opened.
    pub(super) fn add(&mut self, name: &str, id: LogId) -> LogHandle {
        let Inner { writer, step, masker, limits, .. } = self.logs;
        let handle = writer.open(id, *step, masker.clone(), *limits);
        self.open.insert(name.to_owned(), handle.clone());
        handle
    }
}

impl Inner {
    /// What people call the log `name`.
    fn shown(&self, name: &str) -> String {
        let name = self.masker.text(name);
        match self.attempt.load(Ordering::Relaxed) {
            ..=1 => name,
            attempt => format!("{name}_attempt_{attempt}"),
        }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        if self.is_first {
            self.logs.0.used.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        }
    }
}

impl Logs {
    pub(super) fn new(running: &Running, step: StepId) -> Self {
        let attempt = &running.attempt;
        Self(Arc::new(Inner {
            teller: running.teller(),
            step,
            writer: attempt.logs.clone(),
            masker: running.masker().clone(),
            limits: running.attempt.generation.config.logs,
            attempt: AtomicU32::new(1),
            open: Mutex::default(),
            used: std::sync::Mutex::default(),
        }))
    }

    /// Ends every open log; those that are opened from now on are of the next attempt.
    pub(super) async fn begin_attempt(&self, attempt: u32) {
        self.finish_all().await;
        self.0.attempt.store(attempt, Ordering::Relaxed);
    }

    /// Hides secrets.
    pub(super) fn masker(&self) -> &Masker {
        &self.0.masker
    }

    /// A log for a command: the one it names, else `stdio`, or `stdio_2` and so on while others
    /// that run at the same time have it.
    pub(super) fn take(&self, named: Option<String>) -> Use {
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        let name = named.unwrap_or_else(|| {
            let mut others = (2..).map(|n| format!("{STDIO}_{n}"));
            let first = Some(STDIO.to_owned()).filter(|name| !used.contains(name));
            first.or_else(|| others.find(|name| !used.contains(name))).unwrap_or_default()
        });
        let is_first = used.insert(name.clone());
        Use { logs: self.clone(), name, is_first }
    }

    /// Looks at the open logs; others who want one wait as long as the result lives.
    pub(super) async fn opening(&self) -> Opening<'_> {
        Opening { logs: &self.0, open: self.0.open.lock().await }
    }

    /// The open log `name`, opened if it is not.
    pub(super) async fn open(&self, name: &str, kind: LogKind) -> Result<LogHandle, Refusal> {
        let mut opening = self.opening().await;
        if let Some(known) = opening.open.get(name) {
            return Ok(known.clone());
        }
        let (step, name_shown) = (self.0.step, self.0.shown(name));
        let opened = |answer| BuildReport::LogOpened { step, name: name_shown, kind, answer };
        let id = self.0.teller.ask(opened).await?;
        Ok(opening.add(name, id))
    }

    /// Writes to a log, opened if it is not. When it is finished meanwhile, the rest goes to a new
    /// one of the same name. Returns the number of the line in which it begins, if that is known.
    pub(super) async fn append(
        &self,
        name: &str,
        kind: LogKind,
        stream: Stream,
        mut data: Bytes,
        mut ack: Ack,
    ) -> Option<i64> {
        while let Ok(log) = self.open(name, kind).await {
            match log.append(stream, data, ack).await {
                Ok(line) => return line,
                Err(back) => (data, ack) = back,
            }
        }
        None
    }

    /// Ends a log; returns when all of it is on disk.
    pub(super) async fn finish(&self, name: &str) {
        let log = self.0.open.lock().await.remove(name);
        if let Some(log) = log {
            log.finish().await;
        }
    }

    /// Ends every open log; returns when all is on disk.
    pub(super) async fn finish_all(&self) {
        let open = std::mem::take(&mut *self.0.open.lock().await);
        for log in open.into_values() {
            log.finish().await;
        }
    }
}
