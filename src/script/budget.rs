//! What Lua may spend: computing time between two waits, measured per poll, and memory. An overrun
//! is an error that no `pcall` of the user's keeps: while it lasts the hook raises it again, and
//! the sandbox's `pcall` passes it on. Waiting costs nothing.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use mlua::{HookTriggers, Lua, VmState};

use super::sandbox::user_site;
use crate::base::clock::CpuWatch;
use crate::model::config::Site;

/// Errors that end the whole call, whatever the user's code does with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fatal {
    /// Computed for too long.
    Overrun(Duration, Site),
    /// The step is being stopped.
    Stopped,
    /// `step:fail(text)`.
    Failed(String),
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun(limit, _) => write!(
                f,
                "computed for more than {} s without waiting (the limit is `cpu_seconds` in \
                 c.limits).",
                limit.as_secs_f64()
            ),
            Self::Stopped => f.write_str("the step was stopped"),
            Self::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Fatal {}

impl Fatal {
    /// The fatal error inside `error`, if it is one.
    pub(super) fn of(error: &mlua::Error) -> Option<&Self> {
        match error {
            mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => {
                Self::of(cause)
            }
            mlua::Error::ExternalError(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

/// The budget of one Lua state.
#[derive(Clone)]
pub(super) struct Budget(Rc<State>);

/// How a Lua state is seen from other threads: whether it computes, and where.
#[derive(Default)]
pub(super) struct Pulse {
    busy: AtomicBool,
    beats: AtomicU64,
    site: Mutex<Site>,
}

impl Pulse {
    /// The number of the present slice's last sign of life, while one runs.
    pub(super) fn busy(&self) -> Option<u64> {
        self.busy.load(Ordering::Acquire).then(|| self.beats.load(Ordering::Acquire))
    }

    /// Where the last slice began.
    pub(super) fn site(&self) -> Site {
        self.site.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct State {
    pulse: Arc<Pulse>,
    limit: Cell<Duration>,
    running: Cell<Option<CpuWatch>>,
    overrun: Cell<bool>,
    /// Lines printed in this slice.
    printed: Cell<u32>,
}

/// How many instructions run between two looks at the clock: few, because one of them may copy a
/// text of many megabytes.
const STRIDE: u32 = 1000;
/// How deep functions may call each other; the looks find it a little later. Who fails pays for each
/// level, so that the overrun of a stack as deep as Lua lets it be would take minutes to be told.
const DEEPEST: usize = 4000;
/// How many lines a slice may print.
const MOST_PRINTED: u32 = 1000;

/// What becomes of a line that is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printing {
    Shown,
    /// It is left out, and that is said once.
    FirstLeftOut,
    LeftOut,
}

impl Budget {
    /// Installs a budget on `lua`; it takes effect inside [`Budget::within`] and [`Slice`].
    pub(super) fn install(
        lua: &Lua,
        limit: Duration,
        memory: usize,
        pulse: Arc<Pulse>,
    ) -> mlua::Result<Self> {
        let state = State {
            pulse,
            limit: Cell::new(limit),
            running: Cell::new(None),
            overrun: Cell::new(false),
            printed: Cell::new(0),
        };
        let budget = Self(Rc::new(state));
        let hooked = budget.clone();
        let triggers = HookTriggers::new().every_nth_instruction(STRIDE);
        lua.set_global_hook(triggers, move |lua, _| {
            hooked.check(lua).map_err(mlua::Error::external)?;
            match lua.inspect_stack(DEEPEST, |_| ()) {
                Some(()) => Err(mlua::Error::runtime(format!(
                    "stack overflow (functions call each other more than {DEEPEST} deep)"
                ))),
                None => Ok(VmState::Continue),
            }
        })?;
        lua.set_memory_limit(memory)?;
        Ok(budget)
    }

    /// Other limits from now on.
    pub(super) fn set_limit(&self, limit: Duration) {
        self.0.limit.set(limit);
    }

    /// Whether the present slice is used up.
    pub(super) fn check(&self, lua: &Lua) -> Result<(), Fatal> {
        let limit = self.0.limit.get();
        // What gets here is alive, however slow the machine: the budget will end it.
        self.0.pulse.beats.fetch_add(1, Ordering::AcqRel);
        if self.0.overrun.get() || self.0.running.get().is_some_and(|w| w.exceeds(limit)) {
            self.0.overrun.set(true);
            return Err(Fatal::Overrun(limit, user_site(lua)));
        }
        Ok(())
    }

    /// Whether this slice has overrun; then nothing the user catches may be kept.
    pub(super) fn is_overrun(&self) -> bool {
        self.0.overrun.get()
    }

    /// Counts a line that is printed, so that a loop cannot fill the disk.
    pub(super) fn print(&self) -> Printing {
        let n = self.0.printed.get().saturating_add(1);
        self.0.printed.set(n);
        match n {
            ..=MOST_PRINTED => Printing::Shown,
            n if n == MOST_PRINTED + 1 => Printing::FirstLeftOut,
            _ => Printing::LeftOut,
        }
    }

    /// Runs `f` as one slice; `site` is what a silent state is remembered by.
    pub(super) fn within<R>(&self, site: &Site, f: impl FnOnce() -> R) -> R {
        let pulse = &self.0.pulse;
        self.0.overrun.set(false);
        self.0.printed.set(0);
        self.0.running.set(Some(CpuWatch::start()));
        site.clone_into(&mut pulse.site.lock().unwrap_or_else(PoisonError::into_inner));
        pulse.beats.fetch_add(1, Ordering::AcqRel);
        pulse.busy.store(true, Ordering::Release);
        let out = f();
        pulse.busy.store(false, Ordering::Release);
        self.0.running.set(None);
        self.0.overrun.set(false);
        out
    }

    /// `future` with a fresh slice for each poll.
    pub(super) fn slices<F: Future>(&self, site: &Site, future: F) -> Slice<F> {
        Slice { budget: self.clone(), site: site.clone(), future: Box::pin(future) }
    }
}

/// A future each of whose polls is one slice of a budget.
pub(super) struct Slice<F> {
    budget: Budget,
    site: Site,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Slice<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let budget = this.budget.clone();
        budget.within(&this.site, || this.future.as_mut().poll(cx))
    }
}
