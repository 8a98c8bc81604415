//! What a running step and a log do not have: names that nobody has, told with the nearest one. Lua
//! itself would only say that it called a nil value.

use mlua::{MetaMethod, UserDataMethods, Value};

use super::log::Log;
use super::step::Step;
use crate::script::embed::META;
use crate::script::spelling::suggestion;

/// For steps.
pub(super) fn of_step<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_meta_method(MetaMethod::Index, |_, _, key: Value| {
        unknown("step", "RunningStep", &key)
    });
}

/// For logs.
pub(super) fn of_log<M: UserDataMethods<Log>>(methods: &mut M) {
    methods.add_meta_method(MetaMethod::Index, |_, _, key: Value| unknown("log", "Log", &key));
}

/// `class` is the annotated one, whose members are the known names.
fn unknown(what: &str, class: &str, key: &Value) -> mlua::Result<Value> {
    let name = key.to_string()?;
    let near = suggestion(&name, &members(class));
    let near = near.map_or(String::new(), |near| format!(" {near}"));
    Err(mlua::Error::runtime(format!("a {what} has no `{name}`.{near}")))
}

/// The names that the type definitions give a class.
fn members(class: &str) -> Vec<String> {
    let (method, head) = (format!("function {class}:"), format!("---@class ci.{class}"));
    let word = |rest: &str| rest.split(['(', ' ', '?']).next().unwrap_or_default().to_owned();
    let mut out = Vec::new();
    for (_, text) in META {
        let mut is_inside = false;
        for line in text.lines() {
            if line.starts_with("---@class ") {
                is_inside = line.trim_end() == head;
            } else if let Some(field) = line.strip_prefix("---@field ").filter(|_| is_inside) {
                out.push(word(field));
            } else if let Some(rest) = line.strip_prefix(&method) {
                out.push(word(rest));
            }
        }
    }
    out
}
