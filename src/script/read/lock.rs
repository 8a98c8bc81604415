//! `ci.worker_lock`, `ci.master_lock` and `lock:access`. Accesses refer to locks by index; a lock is
//! numbered when it is first met.

use std::collections::BTreeMap;

use mlua::{Table, Value};

use super::{Reader, suggestion};
use crate::model::config::{LockAccess, LockConfig, LockMode};
use crate::script::convert::a_type;
use crate::script::fields::Fields;

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
    if reader.locks.borrow().0.iter().any(|l| l.name == name) && !name.is_empty() {
        f.problem("name", format!("there are two locks named {name:?}."));
    }
    let count = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
    let max_count = count(f.integer("max_count", 1..=i64::from(u32::MAX))).unwrap_or(1);
    let mut max_count_for_worker = BTreeMap::new();
    if !for_master {
        for (worker, n) in f.data("max_count_for_worker") {
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
    f.finish();
    let mut locks = reader.locks.borrow_mut();
    locks.0.push(LockConfig { name, max_count, max_count_for_worker, for_master });
    let index = locks.0.len() - 1;
    locks.1.insert(table.to_pointer(), index);
    Some(index)
}

/// The option `locks` of anything.
pub(in crate::script) fn accesses(f: &mut Fields<'_, '_>) -> Vec<LockAccess> {
    let mut out: Vec<LockAccess> = Vec::new();
    for value in f.list("locks").unwrap_or_default() {
        let Some(access) = access(f, &value) else { continue };
        if out.iter().any(|a| a.lock == access.lock) {
            let name = f.reader.locks.borrow().0[access.lock].name.clone();
            f.problem("locks", format!("{} takes the lock {name:?} twice.", f.owner));
        } else {
            out.push(access);
        }
    }
    out
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
    let at = object.site.clone().into();
    let count = match object.options.raw_get::<Value>("count") {
        Ok(Value::Integer(n)) if (0..=i64::from(u32::MAX)).contains(&n) => {
            u32::try_from(n).unwrap_or(1)
        }
        Ok(Value::Nil) => 1,
        _ => {
            let message = "the second argument of lock:access is a count of at least 0.";
            f.reader.ground.problem(&at, message, Vec::new());
            1
        }
    };
    let mode = object.options.raw_get::<Value>("mode").unwrap_or(Value::Nil);
    let word = mode.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default();
    match word.as_str() {
        "counting" => {
            let locks = f.reader.locks.borrow();
            let config = &locks.0[lock];
            let most = config
                .max_count_for_worker
                .values()
                .copied()
                .max()
                .unwrap_or(0)
                .max(config.max_count);
            if count > most {
                let message = format!(
                    "an access counts {count}, but the lock {:?} has only {most}: it would wait \
                     forever.",
                    config.name
                );
                f.reader.ground.problem(&at, message, Vec::new());
            }
            Some(LockAccess { lock, mode: LockMode::Counting(count) })
        }
        "exclusive" => Some(LockAccess { lock, mode: LockMode::Exclusive }),
        other => {
            let known = ["counting", "exclusive"].map(str::to_owned);
            let message = if mode.is_string() {
                format!("{other:?} is not a way to hold a lock: \"counting\" or \"exclusive\".")
            } else {
                "lock:access takes \"counting\" or \"exclusive\".".to_owned()
            };
            f.reader.ground.problem(&at, message, suggestion(other, &known).into_iter().collect());
            None
        }
    }
}
