//! The options that let functions decide: of the configuration, of a builder, of a scheduler. Where
//! Buildbot takes either a value or a callable, so do these.

use mlua::Value;
use serde_json::Value as Json;

use crate::model::config::{Choices, Collapse, Condition, Decisions, MasterDecisions, Priority};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

/// Those of `c`.
pub(super) fn of_master(f: &mut Fields<'_, '_>) -> MasterDecisions {
    MasterDecisions {
        prioritize_builders: f.callback("prioritize_builders"),
        select_next_worker: f.callback("select_next_worker"),
        collapse_requests: collapse(f).unwrap_or_default(),
        codebase_generator: f.callback("codebase_generator"),
        revlink: f.callback("revlink"),
    }
}

/// Those of a builder.
pub(super) fn of_builder(f: &mut Fields<'_, '_>) -> Decisions {
    Decisions {
        next_worker: f.callback("next_worker"),
        next_build: f.callback("next_build"),
        can_start_build: f.callback("can_start_build"),
        collapse_requests: collapse(f),
        do_build_if: condition(f, "do_build_if"),
    }
}

/// What a scheduler leaves to functions; `builders` is read here only when it is one.
pub(super) fn of_scheduler(f: &mut Fields<'_, '_>) -> Choices {
    let builders = match f.value("builders") {
        Some(Value::Function(function)) => Some(f.keep("builders", &function)),
        _ => None,
    };
    Choices { builders }
}

/// The priority of a scheduler's requests.
pub(super) fn priority(f: &mut Fields<'_, '_>) -> Priority {
    match f.value("priority") {
        None => Priority::default(),
        Some(Value::Function(function)) => Priority::Ask(f.keep("priority", &function)),
        Some(Value::Integer(_) | Value::Number(_)) => {
            let range = -Priority::MOST..=Priority::MOST;
            Priority::Fixed(f.integer("priority", range).unwrap_or(0))
        }
        Some(other) => {
            let (owner, got) = (&f.owner, a_type(&other));
            let message =
                format!("`priority` of {owner} must be an integer or a function, not {got}.");
            f.problem("priority", message);
            Priority::default()
        }
    }
}

fn collapse(f: &mut Fields<'_, '_>) -> Option<Collapse> {
    let key = "collapse_requests";
    match f.raw(key)? {
        Value::Boolean(true) => Some(Collapse::Compatible),
        Value::Boolean(false) => Some(Collapse::Never),
        Value::Function(function) => Some(Collapse::Ask(f.keep(key, &function))),
        other if f.reader.is_broken(&other) => None,
        other => {
            let (owner, got) = (&f.owner, a_type(&other));
            let message =
                format!("`{key}` of {owner} must be true, false or a function, not {got}.");
            f.problem(key, message);
            None
        }
    }
}

/// A yes or no: a function of what it is about, or a value that is rendered.
pub(super) fn condition(f: &mut Fields<'_, '_>, key: &str) -> Option<Condition> {
    let value = match f.raw(key)? {
        Value::Function(function) => {
            return Some(Condition::Callback(f.keep(key, &function)));
        }
        value => value,
    };
    let condition = f.to_renderable(key, &value)?;
    match condition.as_constant() {
        // Null is what an earlier error leaves behind.
        None | Some(Json::Bool(_) | Json::Null) => {}
        Some(_) => {
            let got = a_type(&value);
            let message = format!(
                "`{key}` of {} must be true, false, a property or a function, not {got}.",
                f.owner
            );
            f.problem(key, message);
        }
    }
    Some(Condition::Value(condition))
}
