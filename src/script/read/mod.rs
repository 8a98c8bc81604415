//! Lua tables → `model::config`. [`Reader`] is what all readers share: the state, the problems, the
//! functions, and which tables are objects that `ci` made. One file per thing that is read.

pub(super) mod authz;
pub(super) mod builder;
pub(super) mod callbacks;
mod canceller;
pub(super) mod check;
pub(super) mod config;
pub(super) mod fields;
pub(super) mod filter;
pub(super) mod force;
mod formatter;
mod generator;
pub(super) mod group;
pub(super) mod hook;
pub(super) mod later;
pub(super) mod listen;
pub(super) mod lock;
mod object;
pub(super) mod outline;
mod parameter;
pub(super) mod provider;
pub(super) mod render;
pub(super) mod reporter;
pub(super) mod scheduler;
pub(super) mod scripted;
pub(super) mod secret;
pub(super) mod settings;
mod source;
pub(super) mod step;
pub(super) mod worker;
pub(super) mod www;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, Lua, Table, Value};

pub(super) use self::object::{Object, object};
use super::anchor::Key;
use super::convert::{self, Items, Left};
use super::fingerprint::Fingerprints;
use super::ground::Ground;
use super::slots::Slots;
use crate::base::secret::Secret;
use crate::model::config::{Callback, LockConfig, Site};

/// An option that names another object.
pub(super) struct Reference {
    /// Whose option.
    pub(super) owner: String,
    /// What is named: builder, worker, scheduler.
    pub(super) kind: &'static str,
    /// The name.
    pub(super) name: String,
    /// Whose value it is in.
    pub(super) key: Rc<Key>,
}

/// The tables that callbacks get back, by name.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) builders: BTreeMap<String, Table>,
    pub(super) workers: BTreeMap<String, Table>,
    pub(super) schedulers: BTreeMap<String, Table>,
    /// By builder, in the order of the factory.
    pub(super) steps: BTreeMap<String, Vec<Table>>,
    /// Those that were added to builds.
    pub(super) late: std::rc::Weak<super::late::Late>,
}

/// How deep objects stand in objects of their kind.
const DEEPEST: usize = 32;
/// How often such objects are read in one load; one that stands in many places counts in each.
const MOST_INSIDE: usize = 100_000;

/// What all readers share.
pub(super) struct Reader<'l> {
    pub(super) lua: &'l Lua,
    pub(super) ground: Rc<Ground>,
    pub(super) slots: Rc<Slots>,
    pub(super) native: Table,
    pub(super) objects: RefCell<Objects>,
    /// Locks in the order they were first met, and the index of each by its table.
    pub(super) locks: RefCell<(Vec<LockConfig>, HashMap<*const c_void, usize>)>,
    /// Where the first lock of each name is.
    pub(super) lock_sites: RefCell<HashMap<String, Site>>,
    pub(super) types: RefCell<HashMap<*const c_void, Rc<step::StepType>>>,
    pub(super) scripted: RefCell<HashMap<*const c_void, Rc<scripted::ScriptedType>>>,
    pub(super) steps: RefCell<HashMap<*const c_void, Arc<crate::model::config::StepConfig>>>,
    pub(super) groups: RefCell<HashMap<*const c_void, Rc<group::Group>>>,
    /// What is read after the load is lent; none = what is kept is kept for good.
    lent: Option<RefCell<Vec<Callback>>>,
    /// Objects that were read, so that what nobody uses can be checked at the end.
    pub(super) seen: RefCell<std::collections::HashSet<*const c_void>>,
    /// What options name other objects.
    pub(super) references: RefCell<Vec<Reference>>,
    /// Where the list stands whose plain tables are being read.
    pub(super) plain_key: RefCell<Option<Rc<Key>>>,
    /// Objects that are being read, each inside the one before.
    inside: RefCell<Vec<*const c_void>>,
    /// How many there were, and whether it was told that it is too much.
    entered: Cell<(usize, bool)>,
    /// Parts of texts whose mistake was recorded.
    pub(super) told: RefCell<BTreeSet<(std::sync::Arc<str>, u32, usize)>>,
    /// The lists of the configuration that hold something wrong, so that what they lack may be that.
    open: RefCell<BTreeSet<String>>,
    /// What `c.secrets_providers` have, by name.
    pub(super) secrets: RefCell<BTreeMap<String, Secret>>,
}

impl<'l> Reader<'l> {
    pub(super) fn new(lua: &'l Lua, ground: Rc<Ground>, native: Table) -> Self {
        Self {
            lua,
            ground,
            slots: Rc::new(Slots::new(Fingerprints::new(lua.clone()))),
            native,
            objects: RefCell::default(),
            locks: RefCell::default(),
            lock_sites: RefCell::default(),
            types: RefCell::default(),
            scripted: RefCell::default(),
            steps: RefCell::default(),
            groups: RefCell::default(),
            lent: None,
            seen: RefCell::default(),
            references: RefCell::default(),
            plain_key: RefCell::default(),
            inside: RefCell::default(),
            entered: Cell::default(),
            told: RefCell::default(),
            open: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// A reader of what functions make after the load, with what is known since.
    pub(super) fn late(
        lua: &'l Lua,
        ground: Rc<Ground>,
        native: Table,
        slots: Rc<Slots>,
        locks: (Vec<LockConfig>, HashMap<*const c_void, usize>),
        types: HashMap<*const c_void, Rc<step::StepType>>,
    ) -> Self {
        Self {
            slots,
            locks: RefCell::new(locks),
            types: RefCell::new(types),
            lent: Some(RefCell::default()),
            ..Self::new(lua, ground, native)
        }
    }

    /// Whether the load is over.
    pub(super) fn is_late(&self) -> bool {
        self.lent.is_some()
    }

    /// What was lent.
    pub(super) fn lent(&self) -> Vec<Callback> {
        self.lent.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// Gives `function` a number: for good, or, after the load, until it is given back.
    pub(super) fn keep(&self, function: &Function, site: impl Fn() -> Site) -> Callback {
        let Some(lent) = &self.lent else { return self.slots.keep(function, site) };
        let callback = self.slots.lend(function, &site(), 0);
        lent.borrow_mut().push(callback.clone());
        callback
    }

    /// Reads what stands in the object `table`, where there may be others of its kind.
    ///
    /// # Errors
    /// The object is not read: a text may put it into itself, and the stack is no place to find that
    /// out. The end of a sentence about it; none when that was told of another one.
    pub(super) fn within<T>(
        &self,
        table: &Table,
        read: impl FnOnce() -> T,
    ) -> Result<T, Option<&'static str>> {
        let at = table.to_pointer();
        let (entered, is_told) = self.entered.get();
        let depth = self.inside.borrow().len();
        if self.inside.borrow().contains(&at) {
            return Err(Some("is inside itself"));
        }
        if depth == DEEPEST || entered == MOST_INSIDE {
            self.entered.set((entered, true));
            let what = "is nested too deeply: 32 deep is enough, and 100,000 in all";
            return Err((!is_told).then_some(what));
        }
        self.entered.set((entered + 1, is_told));
        self.inside.borrow_mut().push(at);
        let read = read();
        self.inside.borrow_mut().pop();
        Ok(read)
    }

    /// The record of an object that `ci` made; none for a plain table.
    pub(super) fn object(&self, table: &Table) -> Option<Object> {
        object(self.lua, table)
    }

    /// The line of each key of a configuration object.
    pub(super) fn sites_of(&self, config: &Table) -> Option<Table> {
        self.native.get::<Table>("sites").ok()?.raw_get(config).ok()?
    }

    /// Takes note that the list `key` lacks something because of another error, which is told.
    pub(super) fn leave_open(&self, key: &str) {
        self.open.borrow_mut().insert(key.to_owned());
    }

    /// Whether what the list `key` lacks may be what another error is about.
    pub(super) fn is_open(&self, key: &str) -> bool {
        self.open.borrow().contains(key)
    }

    /// Whether `value`, or something in that list, stands for something whose error was recorded.
    pub(super) fn holds_broken(&self, value: &Value) -> bool {
        let Value::Table(table) = value else { return false };
        let mut held = table.pairs::<Value, Value>().flatten();
        self.is_broken(value)
            || (self.object(table).is_none() && held.any(|(_, held)| self.is_broken(&held)))
    }

    /// Whether `value` stands for something whose error was recorded already.
    pub(super) fn is_broken(&self, value: &Value) -> bool {
        matches!(value, Value::Table(t) if convert::kind_of(t).as_deref() == Some("broken"))
    }

    /// Whether `table` is a renderable.
    pub(super) fn is_renderable(&self, table: &Table) -> bool {
        convert::kind_of(table).is_some_and(|kind| render::KINDS.contains(&kind.as_str()))
    }

    /// `value` as a flat list: lists and factories are opened, nil and false left out.
    pub(super) fn flatten(&self, value: &Value, out: &mut Vec<Value>) -> Result<(), String> {
        self.flatten_in(value, out, 0, &mut Left::all())
    }

    fn flatten_in(
        &self,
        value: &Value,
        out: &mut Vec<Value>,
        depth: usize,
        left: &mut Left,
    ) -> Result<(), String> {
        if depth > 64 {
            return Err("a list inside itself".to_owned());
        }
        left.one()?;
        match value {
            Value::Nil | Value::Boolean(false) => Ok(()),
            value if self.is_broken(value) => Ok(()),
            Value::Table(table) => {
                let object = match convert::kind_of(table).as_deref() {
                    None => None,
                    // Most of what stands in lists.
                    Some("step" | "access") => {
                        out.push(value.clone());
                        return Ok(());
                    }
                    Some(_) => self.object(table),
                };
                let list = match &object {
                    None => table,
                    Some(object) if object.kind == "factory" => {
                        self.seen.borrow_mut().insert(table.to_pointer());
                        &object.options
                    }
                    Some(_) => {
                        out.push(value.clone());
                        return Ok(());
                    }
                };
                match convert::items(self.lua, list) {
                    Ok(Items::List(items)) => {
                        items.iter().try_for_each(|v| self.flatten_in(v, out, depth + 1, left))
                    }
                    Ok(Items::Map(items)) if items.is_empty() => Ok(()),
                    Ok(Items::Map(_)) => {
                        out.push(value.clone());
                        Ok(())
                    }
                    Err(what) => Err(what),
                }
            }
            other => {
                out.push(other.clone());
                Ok(())
            }
        }
    }

    /// Where the item `at` (from 0) of the flat list of `value` is written: positions from 1, in a
    /// list, in a list in it, and so on; none for what is no list.
    pub(super) fn path_of(&self, value: &Value, at: usize) -> Option<Vec<usize>> {
        let Value::Table(table) = value else { return None };
        let list = match self.object(table) {
            Some(object) if object.kind == "factory" => object.options,
            Some(_) => return None,
            None => table.clone(),
        };
        let Ok(Items::List(items)) = convert::items(self.lua, &list) else { return None };
        // `ci.factory { … }` keeps the list that it was given as its only item.
        if let ([only @ Value::Table(inner)], true) = (items.as_slice(), list != *table)
            && self.object(inner).is_none()
        {
            return self.path_of(only, at);
        }
        let mut left = at;
        for (position, item) in items.iter().enumerate() {
            let mut flat = Vec::new();
            let _ = self.flatten(item, &mut flat);
            if left < flat.len() {
                let mut path = vec![position + 1];
                path.extend(self.path_of(item, left).unwrap_or_default());
                return Some(path);
            }
            left -= flat.len();
        }
        None
    }

    /// Checks the objects that were made and used nowhere.
    pub(super) fn check_unused(&self) {
        let Ok(made) = self.native.get::<Table>("made") else { return };
        // Whom an object names that nobody uses is nobody's concern.
        let named = self.references.borrow().len();
        for table in made.sequence_values::<Table>().flatten() {
            if self.seen.borrow().contains(&table.to_pointer()) {
                continue;
            }
            let Some(kind) = convert::kind_of(&table) else { continue };
            match kind.as_str() {
                // What these hold is read where they are used.
                "access" | "factory" => {}
                kind if render::KINDS.contains(&kind) => {}
                "step" => {
                    step::read(self, &table);
                }
                "step_group" => {
                    group::read(self, &table);
                }
                "step type" => {
                    step::step_type(self, &table);
                }
                "scheduler type" | "reporter type" | "hook type" => {
                    scripted::read_type(self, &table);
                }
                "hook" => {
                    scripted::hook(self, "", &table);
                }
                "worker" => {
                    worker::read(self, &table);
                }
                "builder" => {
                    builder::read(self, &table);
                }
                "old_builds" | "failing_buildsets" => {
                    canceller::read(self, &table);
                }
                "git_poller" | "github_pull_request_poller" => {
                    source::read(self, &table);
                }
                kind if reporter::KINDS.contains(&kind) => {
                    reporter::read(self, &table);
                }
                "worker_lock" | "master_lock" => {
                    lock::index(self, &table);
                }
                _ => {
                    let is_read = generator::read(self, &table).is_some()
                        || formatter::read(self, &table).is_some()
                        || outline::object(self, &table, &[])
                        || parameter::look(self, &table);
                    if !is_read {
                        scheduler::read(self, &table);
                    }
                }
            }
        }
        self.references.borrow_mut().truncate(named);
    }
}

/// The options that each kind of constructor takes, for `with_defaults`, hints and the test of the
/// type definitions. The readers are checked against it in debug builds.
pub(super) const OPTIONS: &[(&str, &[&str])] = &[
    ("config", config::OPTIONS),
    ("protocols", settings::PROTOCOLS_OPTIONS),
    ("validation", settings::VALIDATION_OPTIONS),
    ("janitor", settings::JANITOR_OPTIONS),
    ("worker", worker::OPTIONS),
    ("builder", builder::OPTIONS),
    ("worker_lock", lock::WORKER_OPTIONS),
    ("master_lock", lock::MASTER_OPTIONS),
    ("change_filter", filter::OPTIONS),
    ("any_branch", scheduler::BRANCH_OPTIONS),
    ("single_branch", scheduler::BRANCH_OPTIONS),
    ("dependent", scheduler::DEPENDENT_OPTIONS),
    ("periodic", scheduler::PERIODIC_OPTIONS),
    ("nightly", scheduler::NIGHTLY_OPTIONS),
    ("triggerable", scheduler::TRIGGERABLE_OPTIONS),
    ("nightly_triggerable", scheduler::NIGHTLY_TRIGGERABLE_OPTIONS),
    ("try_userpass", scheduler::TRY_OPTIONS),
    ("force", force::OPTIONS),
    ("git_poller", source::GIT_OPTIONS),
    ("github_pull_request_poller", source::PULL_REQUEST_OPTIONS),
    ("source_stamp_filter", filter::STAMP_OPTIONS),
    ("old_builds", canceller::OLD_OPTIONS),
    ("failing_buildsets", canceller::FAILING_OPTIONS),
    ("canceller_filter", canceller::FILTER_OPTIONS),
    ("failing_filter", canceller::FAILING_FILTER_OPTIONS),
    ("www", www::OPTIONS),
    ("authz", authz::OPTIONS),
    ("rule", authz::RULE_OPTIONS),
    ("role", authz::ROLE_OPTIONS),
    ("github_hook", hook::OPTIONS),
    ("base_hook", hook::BASE_OPTIONS),
    ("poller_hook", hook::POLLER_OPTIONS),
    ("github_status", reporter::STATUS_OPTIONS),
    ("gitea_status", reporter::GITEA_OPTIONS),
    ("github_comment", reporter::COMMENT_OPTIONS),
    ("http", reporter::HTTP_OPTIONS),
    ("build_status_generator", generator::BUILD_STATUS_OPTIONS),
    ("build_start_end_generator", generator::START_END_OPTIONS),
    ("build_request_generator", generator::REQUEST_OPTIONS),
    ("buildset_status_generator", generator::BUILDSET_OPTIONS),
    ("buildset_combined_status_generator", generator::COMBINED_OPTIONS),
    ("worker_missing_generator", generator::WORKER_OPTIONS),
    ("message_formatter", formatter::MESSAGE_OPTIONS),
    ("raw_formatter", formatter::RAW_OPTIONS),
    ("missing_worker_formatter", formatter::WORKER_OPTIONS),
    ("step", step::OPTIONS),
    ("retry", step::RETRY_OPTIONS),
    ("step_group", group::OPTIONS),
    ("secret_directory", provider::OPTIONS),
    ("scheduler", scripted::SCHEDULER_OPTIONS),
    ("reporter", scripted::REPORTER_OPTIONS),
    ("hook", scripted::HOOK_OPTIONS),
    ("scheduler type", scripted::SCHEDULER_TYPE_OPTIONS),
    ("reporter type", scripted::REPORTER_TYPE_OPTIONS),
    ("hook type", scripted::HOOK_TYPE_OPTIONS),
];

/// The options of `kind`.
pub(super) fn options_of(kind: &str) -> Option<Vec<&'static str>> {
    let listed = OPTIONS.iter().find(|(known, _)| *known == kind);
    listed
        .map(|(_, options)| options.to_vec())
        .or_else(|| parameter::options(kind))
        .or_else(|| outline::of(kind).map(outline::Outline::names))
}

/// Every kind of object that has options.
#[cfg(test)]
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(kind, _)| *kind).chain(parameter::kinds()).chain(outline::kinds())
}
