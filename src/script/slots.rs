//! The functions of a generation: each Lua function that the configuration names has a number, and
//! `model::config::Callback` carries that number. Functions that a callback returns at run time get
//! a number for the time of their use only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;

use mlua::Function;

use super::fingerprint::Fingerprints;
use crate::model::config::{Callback, Site};

/// Numbers from here on are lent, and given back.
const LENT: u32 = 1 << 31;

pub(super) struct Slots(RefCell<Inner>);

struct Inner {
    /// None once the configuration is in effect.
    prints: Option<Fingerprints>,
    kept: Vec<(Function, Site)>,
    known: HashMap<*const c_void, u32>,
    lent: HashMap<u32, (Function, u32)>,
    next: u32,
}

impl Slots {
    pub(super) fn new(prints: Fingerprints) -> Self {
        Self(RefCell::new(Inner {
            prints: Some(prints),
            kept: Vec::new(),
            known: HashMap::new(),
            lent: HashMap::new(),
            next: 0,
        }))
    }

    /// Ends the load: what is only needed to tell configurations apart goes.
    pub(super) fn settle(&self) {
        self.0.borrow_mut().prints = None;
    }

    /// Keeps `function` as long as the generation lives; the same function has one number.
    /// `site` is where it was given, for functions that are not written in Lua.
    pub(super) fn keep(&self, function: &Function, site: impl FnOnce() -> Site) -> Callback {
        let site = written_at(function, site);
        let mut inner = self.0.borrow_mut();
        let slot = match inner.known.get(&function.to_pointer()) {
            Some(slot) => *slot,
            None => {
                inner.kept.push((function.clone(), site.clone()));
                let slot = u32::try_from(inner.kept.len() - 1).unwrap_or(LENT - 1);
                inner.known.insert(function.to_pointer(), slot);
                slot
            }
        };
        Callback { slot, site, fingerprint: inner.print(function) }
    }

    /// Keeps `function`, which calls `written`, under a number that nothing else has.
    pub(super) fn keep_own(
        &self,
        function: &Function,
        written: &Function,
        site: impl FnOnce() -> Site,
    ) -> Callback {
        let mut inner = self.0.borrow_mut();
        let site = written_at(written, site);
        inner.kept.push((function.clone(), site.clone()));
        let slot = u32::try_from(inner.kept.len() - 1).unwrap_or(LENT - 1);
        Callback { slot, site, fingerprint: inner.print(written) }
    }

    /// Where the functions that are kept stand, by number.
    pub(super) fn sites(&self) -> Vec<Site> {
        self.0.borrow().kept.iter().map(|(_, site)| site.clone()).collect()
    }

    /// Lends a number to a function that came out of a call `depth` deep.
    pub(super) fn lend(&self, function: &Function, site: &Site, depth: u32) -> Callback {
        let mut inner = self.0.borrow_mut();
        let slot = LENT | inner.next;
        inner.next = (inner.next + 1) % LENT;
        inner.lent.insert(slot, (function.clone(), depth));
        Callback { slot, site: written_at(function, || site.clone()), fingerprint: 0 }
    }

    /// Takes lent numbers back.
    pub(super) fn give_back(&self, callbacks: &[Callback]) {
        let mut inner = self.0.borrow_mut();
        for callback in callbacks {
            inner.lent.remove(&callback.slot);
        }
    }

    /// The function of `callback`, and how deep in renderings it is.
    pub(super) fn get(&self, callback: &Callback) -> Option<(Function, u32)> {
        let inner = self.0.borrow();
        match callback.slot {
            slot if slot >= LENT => inner.lent.get(&slot).cloned(),
            slot => inner.kept.get(usize::try_from(slot).ok()?).map(|(f, _)| (f.clone(), 0)),
        }
    }
}

impl Inner {
    fn print(&self, function: &Function) -> u64 {
        self.prints.as_ref().map_or(0, |prints| prints.of(function))
    }
}

/// Where `function` stands in the user's files; `site` for functions that are not written in Lua.
pub(super) fn written_at(function: &Function, site: impl FnOnce() -> Site) -> Site {
    let info = function.info();
    let file = info.source.as_deref().and_then(|s| s.strip_prefix('@'));
    match (file, info.line_defined) {
        (Some(file), Some(line)) => {
            Site { file: file.into(), line: u32::try_from(line).unwrap_or(0) }
        }
        _ => site(),
    }
}
