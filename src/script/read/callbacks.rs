//! The options that let functions decide: of the configuration, of a builder, of a scheduler. Where
//! Buildbot takes either a value or a callable, so do these.

use mlua::Value;

use crate::model::config::{Callback, Choices, Collapse, Condition, Decisions, MasterDecisions};
use crate::script::convert::a_type;
use crate::script::fields::Fields;

/// Those of `c`.
pub(super) fn of_master(f: &mut Fields<'_, '_>) -> MasterDecisions {
    MasterDecisions {
        prioritize_builders: f.callback("prioritize_builders"),
        select_next_worker: f.callback("select_next_worker"),
        collapse_requests: collapse(f).unwrap_or_default(),
        codebase_generator: f.callback("codebase_generator"),
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
    Choices { builders: function(f, "builders"), priority: function(f, "priority") }
}

/// The function under `key`, if it is one.
fn function(f: &mut Fields<'_, '_>, key: &str) -> Option<Callback> {
    match f.value(key)? {
        Value::Function(function) => Some(f.keep(key, &function)),
        _ => None,
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
    match f.raw(key)? {
        Value::Function(function) => Some(Condition::Callback(f.keep(key, &function))),
        value => f.to_renderable(key, &value).map(Condition::Value),
    }
}
