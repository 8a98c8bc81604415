//! Steps that a running step adds to its build: made by a function while it runs, read as those of a
//! factory are, and forgotten when the build has ended. Their functions have lent numbers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Lua, Table, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::convert::a_type;
use super::ground::Ground;
use super::host::{Job, Posted};
use super::read::step::StepType;
use super::read::{Reader, group};
use super::slots::Slots;
use crate::engine::desk::{AddedStep, Lease};
use crate::engine::ports::Ack;
use crate::model::config::{Callback, LockConfig};
use crate::model::step::ADDED;

/// The most steps that one call may add.
const MOST: usize = 1000;

/// What a generation keeps of its load to read steps later.
pub(super) struct Late {
    pub(super) ground: Rc<Ground>,
    pub(super) slots: Rc<Slots>,
    pub(super) types: RefCell<HashMap<*const c_void, Rc<StepType>>>,
    pub(super) locks: (Vec<LockConfig>, HashMap<*const c_void, usize>),
    pub(super) mailbox: mpsc::WeakUnboundedSender<Posted>,
    /// The objects of steps that were added, by place.
    pub(super) tables: RefCell<HashMap<usize, Table>>,
    pub(super) next: Cell<usize>,
}

impl Late {
    /// Reads `steps`; they are forgotten when the lease goes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(&self, lua: &Lua, steps: &Value) -> Result<(Vec<AddedStep>, Lease), String> {
        let native: Table = lua.named_registry_value("ci.native").map_err(|e| e.to_string())?;
        let (locks, types) = (self.locks.clone(), self.types.borrow().clone());
        let reader =
            Reader::late(lua, self.ground.clone(), native, self.slots.clone(), locks, types);
        let mut values = Vec::new();
        let flat = reader.flatten(steps, &mut values);
        let mut read = Vec::new();
        let mut wrong = flat.err().map(|what| format!("the steps hold {what}."));
        for (at, value) in values.iter().enumerate() {
            if !group::add(&reader, value, &mut read) {
                let (number, got) = (at + 1, a_type(value));
                let text = format!(
                    "item {number} of the steps is {got}; made by ci.steps.shell {{ … }} it is one."
                );
                wrong.get_or_insert(text);
            }
        }
        let problems = std::mem::take(&mut *self.ground.problems.borrow_mut());
        if let Some(problem) = problems.first() {
            wrong = Some(problem.plain());
        }
        if read.len() > MOST {
            wrong.get_or_insert(format!(
                "these are {} steps; {MOST} at once are enough.",
                read.len()
            ));
        }
        let lent = reader.lent();
        self.types.replace(reader.types.take());
        if let Some(wrong) = wrong {
            self.slots.give_back(&lent);
            return Err(wrong);
        }
        let mut added = Vec::new();
        for (config, table) in read {
            let place = ADDED + self.next.get();
            self.next.set(self.next.get() + 1);
            self.tables.borrow_mut().insert(place, table);
            added.push(AddedStep { place, config });
        }
        let places = added.iter().map(|step| step.place).collect();
        Ok((added, self.lease(lent, places)))
    }

    fn lease(&self, callbacks: Vec<Callback>, places: Vec<usize>) -> Lease {
        let mailbox = self.mailbox.clone();
        Arc::new(Ack::new(move || {
            let job = Job::Forget { callbacks, places };
            if let Some(mailbox) = mailbox.upgrade() {
                // Without the state there is nothing to forget.
                let _ = mailbox.send(Posted { job, given_up: CancellationToken::new() });
            }
        }))
    }

    /// The build has ended that these were for.
    pub(super) fn forget(&self, callbacks: &[Callback], places: &[usize]) {
        self.slots.give_back(callbacks);
        let mut tables = self.tables.borrow_mut();
        places.iter().for_each(|place| drop(tables.remove(place)));
    }

    /// The step type whose `run` has this number, of one that nobody used while the file was loaded.
    pub(super) fn type_of(&self, slot: u32) -> Option<Rc<StepType>> {
        let types = self.types.borrow();
        types.values().find(|t| t.run.as_ref().is_some_and(|run| run.slot == slot)).cloned()
    }
}
