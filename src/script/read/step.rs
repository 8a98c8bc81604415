//! Steps and their types: `ci.step_type` and what its constructor makes. The type's own options are
//! checked against their declared shapes; those that every step takes are listed here.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use mlua::{Function, MultiValue, Table, Value};
use serde_json::Value as Json;

use super::{Reader, callbacks, lock, scripted};
use crate::base::encoding::Encoding;
use crate::base::results::Results;
use crate::model::config::{
    Callback, Retry, RetryOn, StepConfig, StepFlags, StepOption, check_step_name,
};
use crate::model::render::Renderable;
use crate::model::test_results::{RetryFailed, TestSource};
use crate::script::bind::command;
use crate::script::convert::a_type;
use crate::script::raised::Raised;
use crate::script::read::fields::Fields;
use crate::script::read::fields::given::Given;
use crate::script::shape::Shape;

/// What every step takes, and the shape of those that are handed on to commands.
pub(in crate::script) const OPTIONS: &[&str] = &[
    "always_run",
    "data",
    "decode_rc",
    "description",
    "description_done",
    "description_suffix",
    "do_step_if",
    "env",
    "flunk_on_failure",
    "flunk_on_warnings",
    "halt_on_failure",
    "hide_step_if",
    "initial_stdin",
    "interrupt_signal",
    "lazylogfiles",
    "locks",
    "log_encoding",
    "log_environ",
    "logfiles",
    "max_lines",
    "max_time",
    "name",
    "retry",
    "retry_failed_tests",
    "sigterm_time",
    "test_results",
    "timeout",
    "use_pty",
    "want_stderr",
    "want_stdout",
    "warn_on_failure",
    "warn_on_warnings",
    "workdir",
];

/// The options that `step:run` uses unless told otherwise.
pub(in crate::script) const COMMAND: &[(&str, &str)] = &[
    ("env", "map?"),
    ("workdir", "string?"),
    ("timeout", "number?"),
    ("max_time", "number?"),
    ("max_lines", "integer?"),
    ("sigterm_time", "number?"),
    ("interrupt_signal", "string?"),
    ("log_environ", "boolean?"),
    ("want_stdout", "boolean?"),
    ("want_stderr", "boolean?"),
    ("initial_stdin", "string?"),
    ("use_pty", "boolean?"),
    ("logfiles", "map?"),
    ("lazylogfiles", "boolean?"),
    ("log_encoding", "string?"),
    ("test_results", "(string|map)?"),
    ("retry_failed_tests", "(integer|map)?"),
];

/// The same, read.
static COMMAND_SHAPES: LazyLock<Vec<(&str, Shape)>> = LazyLock::new(|| {
    let read = |(name, shape): &(&'static str, &str)| Some((*name, Shape::parse(shape).ok()?));
    COMMAND.iter().filter_map(read).collect()
});

/// A type of steps.
pub(in crate::script) struct StepType {
    pub(in crate::script) name: String,
    pub(in crate::script) shapes: BTreeMap<String, Shape>,
    pub(in crate::script) run: Option<Callback>,
    check: Option<Function>,
    rename: Option<Function>,
    defaults: Given,
}

impl StepType {
    /// The shape of an option, own or common.
    pub(in crate::script) fn shape(&self, name: &str) -> Option<Shape> {
        self.shapes.get(name).cloned().or_else(|| {
            COMMAND_SHAPES.iter().find(|(known, _)| *known == name).map(|(_, s)| s.clone())
        })
    }
}

/// Reads a step type; the same table is read once.
pub(in crate::script) fn step_type(reader: &Reader<'_>, table: &Table) -> Option<Rc<StepType>> {
    if let Some(known) = reader.types.borrow().get(&table.to_pointer()) {
        return Some(known.clone());
    }
    let mut f = reader.fields(table, "step type")?;
    let name = f.name();
    let shapes = scripted::shapes(&mut f, "step", OPTIONS);
    let run = match f.value("run") {
        Some(Value::Function(run)) => {
            Some(reader.slots.keep_own(&run, &run, || f.key_spot("run").site))
        }
        Some(other) => {
            f.problem(
                "run",
                format!("`run` of {} must be a function, not {}.", f.owner, a_type(&other)),
            );
            None
        }
        None => {
            f.missing("run");
            None
        }
    };
    let mut function = |key: &str| match f.callback(key) {
        Some(callback) => reader.slots.get(&callback).map(|(function, _)| function),
        None => None,
    };
    let (check, rename) = (function("check"), function("rename"));
    let defaults = match f.value("defaults") {
        Some(Value::Table(defaults)) => Given::of(&defaults),
        Some(other) => {
            f.problem("defaults", format!("`defaults` must be a table, not {}.", a_type(&other)));
            Given::default()
        }
        None => Given::default(),
    };
    f.finish();
    let read = Rc::new(StepType { name, shapes, run, check, rename, defaults });
    reader.types.borrow_mut().insert(table.to_pointer(), read.clone());
    Some(read)
}

/// Reads a step; none when `table` is something else. The same step may stand in many factories.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<Arc<StepConfig>> {
    if let Some(known) = reader.steps.borrow().get(&table.to_pointer()) {
        return Some(known.clone());
    }
    let object = reader.object(table).filter(|o| o.kind == "step")?;
    reader.seen.borrow_mut().insert(table.to_pointer());
    let kind = step_type(reader, object.step_type.as_ref()?)?;
    let mut f = Fields::of(reader, &object);
    f.owner = format!("step {:?}", kind.name);
    let site = object.site.clone();
    let name = step_name(&mut f, &kind, &object.options);
    let options = options(&mut f, &kind);
    let step = Arc::new(StepConfig {
        kind: kind.name.clone(),
        name: Some(name),
        run: kind.run.clone().unwrap_or(Callback { slot: 0, site: site.clone(), fingerprint: 0 }),
        options,
        flags: flags(&mut f, &kind),
        do_step_if: callbacks::condition(&mut f, "do_step_if"),
        hide_step_if: callbacks::condition(&mut f, "hide_step_if"),
        locks: lock::accesses(&mut f),
        description: described(&mut f, &kind, "description"),
        description_done: described(&mut f, &kind, "description_done"),
        description_suffix: described(&mut f, &kind, "description_suffix"),
        retry: retry(&mut f),
        group: None,
        site,
    });
    f.know(["data"]);
    check(&f, &kind, &object.options);
    f.finish();
    reader.steps.borrow_mut().insert(table.to_pointer(), step.clone());
    Some(step)
}

/// The name as it is shown: the given one or the type's, through the type's `rename`.
fn step_name(f: &mut Fields<'_, '_>, kind: &StepType, options: &Table) -> Renderable {
    let given = f.renderable("name").unwrap_or_else(|| Renderable::text(&kind.name));
    if let Some(Json::String(name)) = given.as_constant() {
        f.owner = format!("step {name:?}");
        if let Err(what) = check_step_name(name) {
            f.problem("name", format!("`name` of a step {what}."));
        }
    } else if given.as_constant().is_some() {
        f.problem("name", format!("`name` of {} must be a string.", f.owner));
    }
    let (Some(rename), Some(Json::String(name))) = (&kind.rename, given.as_constant()) else {
        return given;
    };
    match rename.call::<String>((name.as_str(), options.clone())) {
        Ok(name) => Renderable::text(&name),
        Err(error) => {
            let why = Raised::from(&error).line();
            let message = format!("`rename` of the step type {:?} failed: {why}.", kind.name);
            f.reader.ground.problem(&f.spot(), message, Vec::new());
            given
        }
    }
}

/// Own options and those for commands.
fn options(f: &mut Fields<'_, '_>, kind: &StepType) -> BTreeMap<String, StepOption> {
    let mut out = BTreeMap::new();
    for (name, shape) in &kind.shapes {
        match option(f, name, shape) {
            Some(value) => {
                if let (StepOption::Value(value), true) = (&value, shape.names_schedulers()) {
                    f.refer(name, "triggerable", constants(value));
                }
                out.insert(name.clone(), value);
            }
            None if !shape.is_optional()
                && f.value(name).is_none()
                && f.raw(name).is_none_or(|v| !f.reader.is_broken(&v)) =>
            {
                f.missing(name);
            }
            None => {}
        }
    }
    for (name, shape) in COMMAND_SHAPES.iter() {
        if let Some(value) = option(f, name, shape) {
            if let StepOption::Value(Renderable::Constant(constant)) = &value
                && let Err(what) = check_command_option(name, constant)
            {
                f.problem(name, format!("`{name}` of {} {what}.", f.owner));
            }
            out.insert((*name).to_owned(), value);
        } else if let Some(default) = default_of(f, kind, name) {
            out.insert((*name).to_owned(), StepOption::Value(default));
        }
    }
    if let Some(table) = decode_rc(f) {
        out.insert("decode_rc".to_owned(), StepOption::Value(Renderable::Constant(table)));
    }
    out
}

fn option(f: &mut Fields<'_, '_>, name: &str, shape: &Shape) -> Option<StepOption> {
    let value = if shape.takes_boolean() { f.raw(name) } else { f.value(name) }?;
    if let (Value::Function(function), true) = (&value, shape.takes_function()) {
        return Some(StepOption::Function(f.keep(name, function)));
    }
    let rendered = f.to_renderable(name, &value)?;
    let rendered = if shape.is_list() { flattened(rendered) } else { rendered };
    let Some(constant) = rendered.as_constant() else { return Some(StepOption::Value(rendered)) };
    match shape.settle(constant.clone()) {
        Ok(settled) => Some(StepOption::Value(Renderable::Constant(settled))),
        Err(what) => {
            f.problem(name, format!("`{name}` of {}: {what}.", f.owner));
            None
        }
    }
}

/// The texts in `value` that are known when the configuration loads.
fn constants(value: &Renderable) -> Vec<String> {
    match value {
        Renderable::Constant(Json::String(text)) => vec![text.clone()],
        Renderable::Constant(Json::Array(items)) => {
            items.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        }
        Renderable::List(items) => items.iter().flat_map(constants).collect(),
        _ => Vec::new(),
    }
}

/// A list without lists in it, as far as it is known; the rest is done when it is rendered.
fn flattened(value: Renderable) -> Renderable {
    fn add(value: Renderable, out: &mut Vec<Renderable>) {
        match value {
            Renderable::List(items) => items.into_iter().for_each(|item| add(item, out)),
            Renderable::Constant(Json::Array(items)) => {
                items.into_iter().for_each(|item| add(Renderable::Constant(item), out));
            }
            Renderable::Constant(Json::Null | Json::Bool(false)) => {}
            other => out.push(other),
        }
    }
    match value {
        Renderable::List(_) => {
            let mut out = Vec::new();
            add(value, &mut out);
            Renderable::List(out)
        }
        other => other,
    }
}

fn default_of(f: &Fields<'_, '_>, kind: &StepType, name: &str) -> Option<Renderable> {
    f.to_renderable(name, &kind.defaults.peek(name)?)
}

fn described(f: &mut Fields<'_, '_>, kind: &StepType, name: &str) -> Option<Renderable> {
    f.renderable(name).or_else(|| default_of(f, kind, name))
}

fn flags(f: &mut Fields<'_, '_>, kind: &StepType) -> StepFlags {
    let standard = StepFlags::default();
    let mut flag = |name: &str, standard: bool| {
        let default = match kind.defaults.peek(name) {
            Some(Value::Boolean(b)) => b,
            _ => standard,
        };
        f.boolean(name, default)
    };
    StepFlags {
        halt_on_failure: flag("halt_on_failure", standard.halt_on_failure),
        flunk_on_failure: flag("flunk_on_failure", standard.flunk_on_failure),
        flunk_on_warnings: flag("flunk_on_warnings", standard.flunk_on_warnings),
        warn_on_failure: flag("warn_on_failure", standard.warn_on_failure),
        warn_on_warnings: flag("warn_on_warnings", standard.warn_on_warnings),
        always_run: flag("always_run", standard.always_run),
    }
}

/// Options of `retry`.
pub(in crate::script) const RETRY_OPTIONS: &[&str] = &["delay", "max", "on"];
/// More attempts than this are a slip.
const MOST_ATTEMPTS: i64 = 100;

fn retry(f: &mut Fields<'_, '_>) -> Option<Retry> {
    let owner = format!("`retry` of {}", f.owner);
    let mut r = f.nested("retry", "retry", &owner)?;
    let max = r.integer("max", 2..=MOST_ATTEMPTS);
    if max.is_none() && r.value("max").is_none() {
        r.missing("max");
    }
    let on = match r.value("on") {
        None => None,
        Some(Value::Function(function)) => Some(RetryOn::Callback(r.keep("on", &function))),
        Some(_) => {
            let words = r.texts("on").unwrap_or_default();
            let known = words.iter().map(|word| match Results::from_word(word) {
                Some(Results::Success | Results::Skipped | Results::Cancelled) | None => {
                    let message = format!(
                        "`on` of {owner} holds {word:?}; it takes a function or some of \"warnings\", \
                         \"failure\", \"exception\", \"retry\"."
                    );
                    r.problem_at("on", word, message, Vec::new());
                    Results::Failure
                }
                Some(results) => results,
            });
            Some(RetryOn::Results(known.collect()))
        }
    };
    let delay = r.seconds("delay").unwrap_or(0.0);
    r.finish();
    Some(Retry { max: u32::try_from(max.unwrap_or(2)).unwrap_or(2), on, delay })
}

/// What the types of the options for commands do not say.
///
/// # Errors
/// The end of a sentence that begins with the option's name.
pub(in crate::script) fn check_command_option(name: &str, value: &Json) -> Result<(), String> {
    match (name, value) {
        ("timeout" | "max_time" | "sigterm_time", Json::Number(n))
            if n.as_f64().is_none_or(|n| n < 0.0) =>
        {
            Err(format!("must be a number of seconds, not {n}; ci.null means without end"))
        }
        ("max_lines", Json::Number(n)) if n.as_i64().is_none_or(|n| n < 1) => {
            Err(format!("must be at least 1, not {n}"))
        }
        ("interrupt_signal", Json::String(signal)) => {
            let plain = signal.trim_start_matches("SIG");
            if SIGNALS.contains(&plain) {
                return Ok(());
            }
            let near = crate::base::text::nearest(plain, SIGNALS);
            let near = near.map_or(String::new(), |n| format!("; did you mean {n:?}?"));
            Err(format!("must be a signal's name such as \"TERM\", not {signal:?}{near}"))
        }
        ("log_encoding", Json::String(name)) if Encoding::named(name).is_none() => Err(format!(
            "must be the name of an encoding such as \"latin-1\", \"cp1252\" or \"shift_jis\", not \
             {name:?}"
        )),
        ("logfiles", Json::Object(files)) => {
            files.iter().try_for_each(|(log, file)| command::log_file(log, file).map(drop))
        }
        ("test_results", value) if !value.is_null() => TestSource::read(value).map(drop),
        ("retry_failed_tests", value) => RetryFailed::read(value).map(drop),
        ("workdir", Json::String(dir)) if dir.is_empty() => {
            Err("must not be empty; `.` is the build's directory".to_owned())
        }
        _ => Ok(()),
    }
}

/// The signals that workers on every system know by these names, and those of POSIX.
const SIGNALS: [&str; 15] = [
    "ABRT", "ALRM", "BREAK", "CONT", "HUP", "INT", "KILL", "PIPE", "QUIT", "STOP", "TERM", "TSTP",
    "USR1", "USR2", "WINCH",
];

/// `decode_rc = { [77] = "skipped" }`: exit codes and the results they mean.
fn decode_rc(f: &mut Fields<'_, '_>) -> Option<Json> {
    let value = f.value("decode_rc")?;
    let Value::Table(table) = &value else {
        let got = a_type(&value);
        f.problem("decode_rc", format!("`decode_rc` of {} must be a table, not {got}.", f.owner));
        return None;
    };
    let mut out = serde_json::Map::new();
    for (rc, word) in table.pairs::<Value, Value>().flatten() {
        let results = word.as_string().and_then(|w| Results::from_word(&w.to_string_lossy()));
        match (rc.as_integer(), results) {
            (Some(rc), Some(results)) => {
                out.insert(rc.to_string(), Json::from(results.word()));
            }
            _ => f.problem(
                "decode_rc",
                format!(
                    "`decode_rc` of {} maps exit codes to results: [77] = \"skipped\" (success, \
                     warnings, failure, skipped, exception, retry, cancelled).",
                    f.owner
                ),
            ),
        }
    }
    Some(Json::Object(out))
}

/// The type's own check of its options, as they were written.
fn check(f: &Fields<'_, '_>, kind: &StepType, options: &Table) {
    let Some(check) = &kind.check else { return };
    match check.call::<MultiValue>(options.clone()) {
        Ok(mut answer) => {
            let fine =
                answer.pop_front().is_none_or(|v| v.as_boolean() != Some(false) && !v.is_nil());
            if !fine {
                let message = answer
                    .pop_front()
                    .and_then(|v| v.as_string().map(mlua::LuaString::to_string_lossy));
                let message =
                    message.unwrap_or_else(|| "its options do not fit together".to_owned());
                let message = format!("{}: {}.", f.owner, message.trim_end_matches('.'));
                f.reader.ground.problem(&f.spot(), message, Vec::new());
            }
        }
        Err(error) => {
            let why = Raised::from(&error).line();
            let message = format!("`check` of the step type {:?} failed: {why}.", kind.name);
            f.reader.ground.problem(&f.spot(), message, Vec::new());
        }
    }
}
