//! What Lua may spend: computing time between two waits, measured per poll, and memory. An overrun
//! is an error that no `pcall` of the user's keeps: while it lasts the hook raises it again, and
//! the sandbox's `pcall` passes it on. Waiting costs nothing.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use mlua::function::AsyncCallFuture;
use mlua::{Function, HookTriggers, IntoLuaMulti, Lua, Value, VmState};

use super::stack::user_site;
use crate::base::clock::CpuWatch;
use crate::model::config::Site;

/// Errors that end the whole call, whatever the user's code does with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fatal {
    /// Computed for too long.
    Overrun(Duration, Site),
    /// Functions called each other too deep.
    TooDeep(Site),
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
            Self::TooDeep(_) => {
                write!(f, "stack overflow (functions call each other more than {DEEPEST} deep).")
            }
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

/// Why a slice is over before its code is.
#[derive(Clone, Copy)]
enum End {
    Overrun,
    TooDeep,
}

impl End {
    fn told(self, budget: &Budget, lua: &Lua) -> Fatal {
        match self {
            Self::Overrun => Fatal::Overrun(budget.0.limit.get(), user_site(lua)),
            Self::TooDeep => Fatal::TooDeep(user_site(lua)),
        }
    }
}

struct State {
    pulse: Arc<Pulse>,
    limit: Cell<Duration>,
    running: Cell<Option<CpuWatch>>,
    /// Why this slice is over, if it is.
    ended: Cell<Option<End>>,
    /// How often the hook has looked since the last slice, if there has been one.
    outside: Cell<Option<u32>>,
    /// Lines printed in this slice.
    printed: Cell<u32>,
    /// What calls the user's functions, once there is one.
    guard: RefCell<Option<Function>>,
}

/// How many instructions run between two looks at the clock: few, because one of them may copy a
/// text of many megabytes.
const STRIDE: u32 = 1000;
/// How deep functions may call each other; the looks find it a little later. An error costs time for
/// each level, so that one on a stack as deep as Lua lets it be would take minutes to be told.
const DEEPEST: usize = 2000;
/// The most looks of the hook between two slices.
const MOST_OUTSIDE: u32 = 100;
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
            ended: Cell::new(None),
            outside: Cell::new(None),
            printed: Cell::new(0),
            guard: RefCell::default(),
        };
        let budget = Self(Rc::new(state));
        let hooked = budget.clone();
        let triggers = HookTriggers::new().every_nth_instruction(STRIDE);
        lua.set_global_hook(triggers, move |lua, _| {
            hooked.check(lua).map_err(mlua::Error::external)?;
            if lua.inspect_stack(DEEPEST, |_| ()).is_some() {
                hooked.0.ended.set(Some(End::TooDeep));
                return Err(mlua::Error::external(End::TooDeep.told(&hooked, lua)));
            }
            Ok(VmState::Continue)
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
        let is_used_up = match self.0.running.get() {
            Some(watch) => watch.exceeds(limit),
            // Only our own code runs outside of a slice, and not for long once there has been one.
            None => self.0.outside.get().is_some_and(|looks| {
                self.0.outside.set(Some(looks.saturating_add(1)));
                looks > MOST_OUTSIDE
            }),
        };
        let end = self.0.ended.get().or(is_used_up.then_some(End::Overrun));
        self.0.ended.set(end);
        end.map_or(Ok(()), |end| Err(end.told(self, lua)))
    }

    /// Whether this slice is over; then nothing the user catches may be kept.
    pub(super) fn is_over(&self) -> bool {
        self.0.ended.get().is_some()
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
        // What is dropped inside a slice belongs to it.
        if self.0.running.get().is_some() {
            return f();
        }
        let pulse = &self.0.pulse;
        self.0.ended.set(None);
        self.0.printed.set(0);
        self.0.running.set(Some(CpuWatch::start()));
        self.0.outside.set(Some(0));
        site.clone_into(&mut pulse.site.lock().unwrap_or_else(PoisonError::into_inner));
        pulse.beats.fetch_add(1, Ordering::AcqRel);
        pulse.busy.store(true, Ordering::Release);
        let out = f();
        pulse.busy.store(false, Ordering::Release);
        self.0.running.set(None);
        self.0.ended.set(None);
        out
    }

    /// Calls through `guard` from now on; see `ci/strict/errors.lua`.
    pub(super) fn set_guard(&self, guard: Function) {
        self.0.guard.replace(Some(guard));
    }

    /// Calls `function`, which may wait, inside of [`Budget::slices`].
    pub(super) fn call(
        &self,
        function: &Function,
        args: impl IntoLuaMulti,
    ) -> AsyncCallFuture<Value> {
        match &*self.0.guard.borrow() {
            Some(guard) => guard.call_async((function, args)),
            None => function.call_async(args),
        }
    }

    /// `future` with a fresh slice for each poll.
    pub(super) fn slices<F: Future>(&self, site: &Site, future: F) -> Slice<F> {
        Slice { budget: self.clone(), site: site.clone(), future: Some(Box::pin(future)) }
    }
}

/// A future each of whose polls is one slice of a budget, and its end another: a coroutine that is
/// given up closes what it holds, which is code of the user's too.
pub(super) struct Slice<F> {
    budget: Budget,
    site: Site,
    future: Option<Pin<Box<F>>>,
}

impl<F> Drop for Slice<F> {
    fn drop(&mut self) {
        let future = self.future.take();
        self.budget.within(&self.site, || drop(future));
    }
}

impl<F: Future> Future for Slice<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let budget = this.budget.clone();
        match &mut this.future {
            Some(future) => budget.within(&this.site, || future.as_mut().poll(cx)),
            // It is taken only by the drop.
            None => Poll::Pending,
        }
    }
}
