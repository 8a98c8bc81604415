//! `ci.worker_lock`, `ci.master_lock` and `lock:access`. Accesses refer to locks by index; a lock is
//! numbered when it is first met.

use std::collections::BTreeMap;

use mlua::{Table, Value};

use super::{Object, Reader};
use crate::engine::render::Purpose;
use crate::model::config::{LockAccess, LockConfig, LockList, LockMode};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;
use crate::script::spelling::suggestion;

pub(super) const WORKER_OPTIONS: &[&str] = &["name", "max_count", "max_count_for_worker"];
pub(super) const MASTER_OPTIONS: &[&str] = &["name", "max_count"];

/// The index of the lock `table`, which is read when it is new.
pub(in crate::script) fn index(reader: &Reader<'_>, table: &Table) -> Option<usize> {
    if let Some(index) = reader.locks.borrow().1.get(&table.to_pointer()) {
        return Some(*index);
    }
    let object = reader.object(table)?;
    reader.seen.borrow_mut().insert(table.to_pointer());
    let for_master = match object.kind.as_str() {
        "worker_lock" => false,
        "master_lock" => true,
        _ => return None,
    };
    let mut f = Fields::of(reader, &object);
    let name = f.name();
    let first = reader.lock_sites.borrow().get(&name).cloned();
    match first {
        Some(first) if !name.is_empty() => {
            let message = format!("there are two locks named {name:?}; the other is at {first}.");
            f.problem("name", message);
        }
        _ => {
            reader.lock_sites.borrow_mut().insert(name.clone(), object.site.clone());
        }
    }
    let count = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
    let max_count = count(f.integer("max_count", 1..=i64::from(u32::MAX))).unwrap_or(1);
    let mut max_count_for_worker = BTreeMap::new();
    if !for_master {
        let counts = f.data("max_count_for_worker");
        f.refer("max_count_for_worker", "worker", counts.keys().cloned().collect());
        for (worker, n) in counts {
            match n.as_i64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0) {
                Some(n) => {
                    max_count_for_worker.insert(worker, n);
                }
                None => f.problem(
                    &worker,
                    format!("`max_count_for_worker` of {} must hold counts, not {n}.", f.owner),
                ),
            }
        }
    }
    let spot = f.spot();
    f.finish();
    if reader.is_late() {
        let message = format!(
            "the lock {name:?} was made in a callback; locks are made while the configuration loads."
        );
        reader.ground.problem(&spot, message, Vec::new());
        return None;
    }
    let mut locks = reader.locks.borrow_mut();
    locks.0.push(LockConfig { name, max_count, max_count_for_worker, for_master });
    let index = locks.0.len() - 1;
    locks.1.insert(table.to_pointer(), index);
    // For what functions of the build name.
    let numbers = reader.native.get::<Table>("lock_numbers").ok()?;
    numbers.raw_set(table, index).ok()?;
    Some(index)
}

/// The option `locks` of a builder or step.
pub(in crate::script) fn accesses(f: &mut Fields<'_, '_>) -> LockList {
    let mut out = LockList::default();
    for value in f.list("locks").unwrap_or_default() {
        if depends_on_build(f.reader, &value) {
            out.rendered.extend(f.to_renderable_for(Purpose::Locks, "locks", &value));
        } else if let Some(access) = access(f, &value) {
            add(f, access, &mut out.fixed);
        }
    }
    out
}

/// The option `locks` of a worker: there is no build when they are taken.
pub(in crate::script) fn fixed_accesses(f: &mut Fields<'_, '_>) -> Vec<LockAccess> {
    let LockList { fixed, rendered } = accesses(f);
    if !rendered.is_empty() {
        let message = format!("`locks` of {} cannot depend on the build.", f.owner);
        let hint = "A builder's and a step's can: give the function to those.".to_owned();
        f.problem_with("locks", message, vec![hint]);
    }
    fixed
}

fn depends_on_build(reader: &Reader<'_>, value: &Value) -> bool {
    match value {
        Value::Function(_) => true,
        Value::Table(table) => reader.is_renderable(table),
        _ => false,
    }
}

fn add(f: &Fields<'_, '_>, access: LockAccess, out: &mut Vec<LockAccess>) {
    if out.iter().any(|a| a.lock == access.lock) {
        let name = f.reader.locks.borrow().0[access.lock].name.clone();
        f.problem("locks", format!("{} takes the lock {name:?} twice.", f.owner));
    } else {
        out.push(access);
    }
}

fn access(f: &Fields<'_, '_>, value: &Value) -> Option<LockAccess> {
    let object = match value {
        Value::Table(table) => f.reader.object(table),
        _ => None,
    };
    let Some(object) = object else {
        let message = format!("`locks` of {} takes lock accesses, not {}.", f.owner, a_type(value));
        f.problem_with("locks", message, vec!["Write lock:access \"counting\".".to_owned()]);
        return None;
    };
    if object.kind != "access" {
        let message =
            format!("`locks` of {} holds {}, which does not say how.", f.owner, a_type(value));
        let hint = "Write lock:access \"counting\" or lock:access \"exclusive\".".to_owned();
        f.problem_with("locks", message, vec![hint]);
        return None;
    }
    let lock: Table = object.options.raw_get("lock").ok()?;
    let lock = index(f.reader, &lock)?;
    let problem = |message: String, hints: Vec<String>| {
        let call = (object.site.clone(), Some("access".to_owned()));
        f.reader.ground.problem_of_call(call, message, hints, Vec::new());
    };
    match mode_of(&object) {
        Ok(mode) => {
            let locks = f.reader.locks.borrow();
            let config = &locks.0[lock];
            let on_workers = config.max_count_for_worker.values().copied().max();
            let most = on_workers.unwrap_or(0).max(config.max_count);
            if let LockMode::Counting(count) = mode
                && count > most
            {
                let message = format!(
                    "an access counts {count}, but the lock {:?} has only {most}: it would wait \
                     forever.",
                    config.name
                );
                problem(message, Vec::new());
            }
            Some(LockAccess { lock, mode })
        }
        Err((message, hint)) => {
            problem(message, hint.into_iter().collect());
            None
        }
    }
}

/// An access that a function of the build made.
///
/// # Errors
/// A sentence: it is none, or of a lock that the configuration does not know.
pub(in crate::script) fn access_of(native: &Table, access: &Object) -> Result<LockAccess, String> {
    let lock: Table = access
        .options
        .raw_get("lock")
        .map_err(|_| "call it with a colon: lock:access(mode).".to_owned())?;
    let numbers = native.get::<Table>("lock_numbers").map_err(|e| e.to_string())?;
    let lock = numbers.raw_get::<Option<usize>>(lock).ok().flatten().ok_or_else(|| {
        "this lock was made in a callback; locks are made while the configuration loads.".to_owned()
    })?;
    let mode = mode_of(access).map_err(|(message, _)| message)?;
    Ok(LockAccess { lock, mode })
}

/// How an access holds its lock, or what is wrong and a hint.
fn mode_of(access: &Object) -> Result<LockMode, (String, Option<String>)> {
    let count = access.options.raw_get::<Value>("count").unwrap_or(Value::Nil);
    let mode = access.options.raw_get::<Value>("mode").unwrap_or(Value::Nil);
    let word = mode.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default();
    match (word.as_str(), &count) {
        ("counting", Value::Nil) => Ok(LockMode::Counting(1)),
        ("counting", Value::Integer(n)) if (0..=i64::from(u32::MAX)).contains(n) => {
            Ok(LockMode::Counting(u32::try_from(*n).unwrap_or(1)))
        }
        ("counting", _) => {
            Err(("the second argument of lock:access is a count of at least 0.".to_owned(), None))
        }
        ("exclusive", Value::Nil) => Ok(LockMode::Exclusive),
        ("exclusive", _) => Err((
            "an exclusive access has no count: it is alone.".to_owned(),
            Some("Write lock:access \"exclusive\", or lock:access(\"counting\", n).".to_owned()),
        )),
        (other, _) if mode.is_string() => {
            let known = ["counting", "exclusive"].map(str::to_owned);
            let message =
                format!("{other:?} is not a way to hold a lock: \"counting\" or \"exclusive\".");
            Err((message, suggestion(other, &known)))
        }
        _ => Err(("lock:access takes \"counting\" or \"exclusive\".".to_owned(), None)),
    }
}
