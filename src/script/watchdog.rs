//! Watches a Lua state from another thread. A state that computes inside C, where no hook fires, is
//! silent: whoever waits for it is answered with an error, because the engine must never hang
//! because of Lua.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::budget::Pulse;
use crate::engine::ports::ScriptError;

/// How often the watchdog looks.
const TICK: Duration = Duration::from_secs(1);
/// After how many looks at the same sign of life a state counts as silent.
pub(super) const PATIENCE: u32 = 10;

/// What the threads of one Lua state share.
pub(super) struct Shared {
    pub(super) pulse: Arc<Pulse>,
    silent: CancellationToken,
    waiting: AtomicUsize,
    ended: Mutex<bool>,
    wake: Condvar,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            pulse: Arc::default(),
            silent: CancellationToken::new(),
            waiting: AtomicUsize::new(0),
            ended: Mutex::new(false),
            wake: Condvar::new(),
        })
    }

    /// Whether the state has been given up.
    pub(super) fn is_silent(&self) -> bool {
        self.silent.is_cancelled()
    }

    /// Waits for `future`, but not longer than the state answers.
    pub(super) async fn unless_silent<T>(
        &self,
        future: impl std::future::Future<Output = T>,
    ) -> Result<T, ScriptError> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            self.nudge();
        }
        let _waiting = Waiting(&self.waiting);
        tokio::select! {
            biased;
            out = future => Ok(out),
            () = self.silent.cancelled() => Err(ScriptError {
                message: "the Lua state has not answered for 10 s; it is computing where no budget \
                          reaches. What waited for it has failed."
                    .to_owned(),
                site: Some(self.pulse.site()),
                is_failure: false,
            }),
        }
    }

    /// The watchdog, on a thread of its own: nothing else moves when the state's thread does not.
    fn watch(&self, tick: Duration, patience: u32) {
        let mut seen = (None, 0);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended && !self.is_silent() {
            if self.waiting.load(Ordering::Acquire) == 0 {
                seen = (None, 0);
                ended = self.wake.wait(ended).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let slept = self.wake.wait_timeout(ended, tick);
            let (guard, timeout) = slept.unwrap_or_else(PoisonError::into_inner);
            ended = guard;
            if !timeout.timed_out() {
                continue;
            }
            let sign = self.pulse.busy();
            let times = if sign.is_some() && sign == seen.0 { seen.1 + 1 } else { 0 };
            seen = (sign, times);
            if times >= patience {
                let site = self.pulse.site();
                tracing::error!(%site, "a Lua state has fallen silent; its calls fail");
                self.silent.cancel();
            }
        }
    }

    fn nudge(&self) {
        let _ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        self.wake.notify_all();
    }

    pub(super) fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Starts the watchdog's thread.
///
/// # Errors
/// When the system has no thread left.
pub(super) fn start(shared: &Arc<Shared>, patience: u32) -> std::io::Result<()> {
    let shared = shared.clone();
    std::thread::Builder::new()
        .name("lua-watchdog".to_owned())
        .spawn(move || shared.watch(TICK, patience))
        .map(|_| ())
}
