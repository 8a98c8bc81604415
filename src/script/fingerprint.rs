//! By what a function is known over reloads: what its text means, and what its variables hold.
//! Moving it to another line changes nothing; another value in a variable, a table or a function
//! that it uses does. Each value is looked at to a fixed depth, so that the result depends neither
//! on circles nor on the order in which functions are met.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;

use mlua::{Function, Lua, Table, Value};
use sha2::{Digest as _, Sha256};

use super::compiled::Compiled;
use super::convert;
use super::read;
use super::upvalues::upvalues;

/// How many tables and functions deep values count.
const DEEP: u32 = 6;
/// Entries of one table that count; of a larger one, only how many it has.
const MOST_ENTRIES: usize = 10_000;
/// Entries of all tables that count in one load.
const MOST_IN_ALL: usize = 500_000;

type Print = u128;

/// The fingerprints of one Lua state.
pub(super) struct Fingerprints {
    lua: Lua,
    /// Of tables and functions, at each depth.
    known: RefCell<HashMap<(*const c_void, u32), Print>>,
    compiled: RefCell<HashMap<*const c_void, Rc<Compiled>>>,
    left: Cell<usize>,
}

fn digest(kind: &str, parts: &[&[u8]]) -> Print {
    let mut hash = Sha256::new();
    for part in std::iter::once(&kind.as_bytes()).chain(parts) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let (half, _) = bytes.split_at(16);
    half.iter().fold(0, |print, byte| print << 8 | Print::from(*byte))
}

impl Fingerprints {
    pub(super) fn new(lua: Lua) -> Self {
        Self {
            lua,
            known: RefCell::default(),
            compiled: RefCell::default(),
            left: Cell::new(MOST_IN_ALL),
        }
    }

    /// The fingerprint of a function.
    pub(super) fn of(&self, function: &Function) -> u64 {
        let print = self.function(function, DEEP);
        u64::try_from(print >> 64).unwrap_or_default()
    }

    fn value(&self, value: &Value, depth: u32) -> Print {
        match value {
            Value::Nil => digest("nil", &[]),
            Value::Boolean(b) => digest("boolean", &[&[u8::from(*b)]]),
            Value::Integer(i) => digest("integer", &[&i.to_le_bytes()]),
            Value::Number(n) => digest("number", &[&n.to_bits().to_le_bytes()]),
            Value::String(s) => digest("text", &[&s.as_bytes()]),
            Value::Function(f) => self.function(f, depth),
            Value::Table(t) => self.table(t, depth),
            other => digest(other.type_name(), &[]),
        }
    }

    fn once(&self, at: *const c_void, depth: u32, make: impl FnOnce() -> Print) -> Print {
        if let Some(known) = self.known.borrow().get(&(at, depth)) {
            return *known;
        }
        let print = make();
        self.known.borrow_mut().insert((at, depth), print);
        print
    }

    fn function(&self, function: &Function, depth: u32) -> Print {
        let Some(below) = depth.checked_sub(1) else { return digest("function", &[]) };
        self.once(function.to_pointer(), depth, || {
            let info = function.info();
            if info.what == "C" {
                return digest("native function", &[]);
            }
            let Some(compiled) = self.compiled(function) else { return digest("function", &[]) };
            let is_own = info.source.is_some_and(|source| source.starts_with('@'));
            let mut print = digest("function", &[&compiled.digest]);
            let globals = self.lua.globals();
            for (n, (is_environment, value)) in
                upvalues(&self.lua, function).unwrap_or_default().iter().enumerate()
            {
                // The modules of `ci` share tables that grow with the configuration.
                let counts = match value {
                    Value::Table(t) => is_own && !(*is_environment && *t == globals),
                    _ => true,
                };
                if counts {
                    let value = self.value(value, below);
                    print = digest("upvalue", &[&pair(print, value), &n.to_le_bytes()]);
                }
            }
            if is_own {
                for name in &compiled.texts {
                    if let Ok(value) = globals.raw_get::<Value>(name.as_str())
                        && !value.is_nil()
                    {
                        let value = self.value(&value, below);
                        print = digest("global", &[&pair(print, value), name.as_bytes()]);
                    }
                }
            }
            print
        })
    }

    fn compiled(&self, function: &Function) -> Option<Rc<Compiled>> {
        let at = function.to_pointer();
        if let Some(known) = self.compiled.borrow().get(&at) {
            return Some(known.clone());
        }
        let compiled = Rc::new(Compiled::read(&function.dump(true))?);
        self.compiled.borrow_mut().insert(at, compiled.clone());
        Some(compiled)
    }

    fn table(&self, table: &Table, depth: u32) -> Print {
        let Some(below) = depth.checked_sub(1) else { return digest("table", &[]) };
        self.once(table.to_pointer(), depth, || {
            let object = read::object(&self.lua, table);
            let kind = object.as_ref().map_or("table", |o| o.kind.as_str());
            let entries = match &object {
                // What the configuration holds is told for itself.
                Some(object) if object.kind == "config" => None,
                Some(object) => Some(self.entries(&object.options, below)),
                None => Some(self.entries(table, below)),
            };
            let print = digest(kind, &[&entries.unwrap_or_default().to_le_bytes()]);
            match (object, table.metatable()) {
                (None, Some(meta)) => {
                    let name = convert::kind_of(table).unwrap_or_default();
                    // What `ci` protects is known by its name; `__index` of one's own counts.
                    let is_open = matches!(meta.raw_get("__metatable"), Ok(Value::Nil));
                    let meta = if is_open { self.table(&meta, below) } else { 0 };
                    digest("with metatable", &[&pair(print, meta), name.as_bytes()])
                }
                _ => print,
            }
        })
    }

    /// The entries, in no order.
    fn entries(&self, table: &Table, depth: u32) -> Print {
        let (mut sum, mut count): (Print, usize) = (0, 0);
        for (key, value) in table.pairs::<Value, Value>().flatten() {
            count += 1;
            if count > MOST_ENTRIES || self.left.get() == 0 {
                return digest("many", &[&table.raw_len().to_le_bytes()]);
            }
            self.left.set(self.left.get() - 1);
            let (key, value) = (self.value(&key, depth), self.value(&value, depth));
            sum = sum.wrapping_add(digest("entry", &[&pair(key, value)]));
        }
        sum
    }
}

fn pair(a: Print, b: Print) -> [u8; 32] {
    let mut out = [0; 32];
    for (half, print) in out.chunks_mut(16).zip([a, b]) {
        half.copy_from_slice(&print.to_le_bytes());
    }
    out
}
