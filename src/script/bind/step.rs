//! `step` in a step type's `run`: every method is a request to the engine's desk, and suspends this
//! step alone. A step that is being stopped gets an error that it cannot catch.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;

use mlua::{Lua, LuaString, Table, UserData, UserDataFields, UserDataMethods, Value};
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::command::{self, Place, Wanted};
use super::files;
use super::log::Log;
use super::observe::Observer;
use super::tests::{Again, WantedTests};
use super::{artifacts, missing, tests, trigger};
use crate::engine::desk::{After, Desk, DeskError, Output, Ran, StepAnswer, StepRequest};
use crate::model::log::LogKind;
use crate::script::budget::Fatal;
use crate::script::convert::{self, a_type};
use crate::script::late::Late;

/// The handle.
pub(in crate::script) struct Step {
    pub(in crate::script) desk: OpenDesk,
    pub(in crate::script) name: String,
    pub(in crate::script) number: i64,
    pub(in crate::script) workdir: String,
    pub(in crate::script) build: Table,
    pub(in crate::script) data: Value,
    pub(in crate::script) late: Rc<Late>,
    /// The step's own options for commands, rendered.
    pub(in crate::script) standard: BTreeMap<String, Json>,
}

/// A desk that closes with its step: what Lua keeps of the step afterwards can ask nothing.
pub(in crate::script) type OpenDesk = Rc<RefCell<Option<Desk>>>;

/// Asks the desk; a stop is fatal, everything else an error that may be caught.
pub(super) async fn ask(desk: &OpenDesk, request: StepRequest) -> mlua::Result<StepAnswer> {
    let open = desk.borrow().clone();
    let Some(desk) = open else { return Err(mlua::Error::external(Fatal::Stopped)) };
    desk.ask(request).await.map_err(|error| match error {
        DeskError::Stopped => mlua::Error::external(Fatal::Stopped),
        DeskError::Failed(text) | DeskError::Worker(text) => mlua::Error::runtime(text),
    })
}

/// An answer of the wrong kind is a bug of the engine; it must not pass as success.
pub(super) fn unexpected(answer: &StepAnswer) -> mlua::Error {
    mlua::Error::runtime(format!("the engine gave an unexpected answer: {answer:?}"))
}

impl Step {
    pub(super) async fn done(&self, request: StepRequest) -> mlua::Result<()> {
        ask(&self.desk, request).await.map(|_| ())
    }

    pub(super) async fn ran(
        &self,
        lua: &Lua,
        wanted: Wanted,
        mut tests: Option<&mut WantedTests>,
    ) -> mlua::Result<Ran> {
        let mut observer = match wanted.on_line {
            None => None,
            Some(on_line) => Some(Observer::new(lua, on_line, wanted.line_filter)?),
        };
        let is_watched =
            observer.is_some() || tests.as_ref().is_some_and(|tests| tests.are_in_output());
        let (lines, mut output) = if is_watched {
            let (lines, output) = mpsc::channel(4);
            (Some(lines), Some(output))
        } else {
            (None, None)
        };
        let request = StepRequest::Run {
            command: Box::new(wanted.command),
            log: wanted.log,
            collect: wanted.collect,
            lines,
        };
        let mut asked = pin!(ask(&self.desk, request));
        let answer = loop {
            tokio::select! {
                // An answer may come before the last lines have been taken.
                biased;
                Some(said) = next(output.as_mut()), if output.is_some() => {
                    if let Some(tests) = &mut tests {
                        tests.take(said.stream, &said.data);
                    }
                    if let Some(observer) = &mut observer {
                        observer.take(lua, &said).await?;
                    }
                }
                answer = &mut asked => break answer?,
            }
        };
        if let Some(output) = &mut output {
            while let Some(said) = output.recv().await {
                if let Some(tests) = &mut tests {
                    tests.take(said.stream, &said.data);
                }
                if let Some(observer) = &mut observer {
                    observer.take(lua, &said).await?;
                }
            }
        }
        if let Some(observer) = &mut observer {
            observer.end(lua).await?;
        }
        match answer {
            StepAnswer::Ran(ran) => Ok(ran),
            other => Err(unexpected(&other)),
        }
    }

    async fn add_steps(&self, lua: &Lua, steps: &Value, after: After) -> mlua::Result<()> {
        let (steps, lease) = self.late.read(lua, steps).map_err(mlua::Error::runtime)?;
        self.done(StepRequest::AddSteps { steps, after, lease }).await
    }

    /// Runs a command; what came of it, as Lua gets it.
    async fn run(&self, lua: &Lua, options: &Value, place: Place<'_>) -> mlua::Result<Table> {
        let Value::Table(options) = options else {
            let (method, got) = (place.method(), a_type(options));
            return Err(mlua::Error::runtime(format!("{method} takes a table, not {got}.")));
        };
        let wanted = command::read(lua, options, &self.standard, place);
        let mut wanted = wanted.map_err(mlua::Error::runtime)?;
        let (collect, decode_rc) = (wanted.collect, wanted.decode_rc.clone());
        let rerun = wanted.rerun.take().map(|rerun| Again {
            rerun,
            command: wanted.command.clone(),
            log: wanted.log.clone(),
            decode_rc: decode_rc.clone(),
        });
        let mut tests = wanted.tests.take();
        let ran = self.ran(lua, wanted, tests.as_mut()).await?;
        let out = lua.create_table()?;
        out.set("rc", ran.rc)?;
        let mut results = command::results(&ran, decode_rc.as_ref());
        if let Some(tests) = tests {
            // What was cut off has not told all of its tests.
            let rerun = rerun.filter(|_| ran.failure_reason.is_none());
            let told = self.tests_of(lua, tests, results, rerun).await?;
            results = told.results;
            out.set("tests", told.table(lua)?)?;
        }
        out.set("results", results.word())?;
        out.set("failure_reason", ran.failure_reason)?;
        if collect {
            out.set("stdout", ran.stdout)?;
            out.set("stderr", ran.stderr)?;
        }
        Ok(out)
    }

    /// A number that the engine knows, or `default`.
    async fn counted(
        &self,
        lua: &Lua,
        request: StepRequest,
        default: Value,
    ) -> mlua::Result<Value> {
        match ask(&self.desk, request).await? {
            StepAnswer::Value(Json::Null) => Ok(default),
            StepAnswer::Value(value) => convert::to_lua(lua, &value),
            other => Err(unexpected(&other)),
        }
    }
}

/// The next output; none = there is no more.
async fn next(output: Option<&mut mpsc::Receiver<Output>>) -> Option<Output> {
    output?.recv().await
}

pub(super) fn json(lua: &Lua, what: &str, value: &Value) -> mlua::Result<Json> {
    convert::to_json(lua, value)
        .map_err(|found| mlua::Error::runtime(format!("{what} must be plain data, not {found}.")))
}

impl UserData for Step {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_meta_field("__name", "step");
        fields.add_field_method_get("name", |_, step| Ok(step.name.clone()));
        fields.add_field_method_get("number", |_, step| Ok(step.number));
        fields.add_field_method_get("workdir", |_, step| Ok(step.workdir.clone()));
        fields.add_field_method_get("build", |_, step| Ok(step.build.clone()));
        fields.add_field_method_get("data", |_, step| Ok(step.data.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        commands(methods);
        artifacts::add(methods);
        files::add(methods);
        records(methods);
        trigger::add(methods);
        additions(methods);
        tests::add(methods);
        missing::of_step(methods);
    }
}

fn commands<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_async_method("run", |lua, step, options: Value| async move {
        step.run(&lua, &options, Place::Worker(&step.workdir)).await
    });
    methods.add_async_method("run_on_master", |lua, step, options: Value| async move {
        step.run(&lua, &options, Place::Master).await
    });
    methods.add_method("fail", |_, _, text: Option<LuaString>| -> mlua::Result<()> {
        let text = text.map_or_else(|| "the step failed".to_owned(), |t| t.to_string_lossy());
        Err(mlua::Error::external(Fatal::Failed(text)))
    });
}

fn additions<M: UserDataMethods<Step>>(methods: &mut M) {
    methods
        .add_async_method("add_steps_after_current_step", |lua, step, steps: Value| async move {
            step.add_steps(&lua, &steps, After::Current).await
        });
    methods.add_async_method("add_steps_after_last_step", |lua, step, steps: Value| async move {
        step.add_steps(&lua, &steps, After::Last).await
    });
}

fn records<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_async_method(
        "set_property",
        |lua, step, (name, value, source): (String, Value, Option<String>)| async move {
            let value = json(&lua, "a property", &value)?;
            let source = source.unwrap_or_else(|| step.name.clone());
            step.done(StepRequest::SetProperty { name, value, source }).await
        },
    );
    methods.add_async_method(
        "set_properties",
        |lua, step, (values, source): (Table, Option<String>)| async move {
            let json = json(&lua, "properties", &Value::Table(values))?;
            let Json::Object(values) = json else {
                let text = "step:set_properties takes a table of names and values.";
                return Err(mlua::Error::runtime(text));
            };
            let values = values.into_iter().collect();
            let source = source.unwrap_or_else(|| step.name.clone());
            step.done(StepRequest::SetProperties { values, source }).await
        },
    );
    methods.add_async_method("property", |lua, step, name: String| async move {
        match ask(&step.desk, StepRequest::GetProperty { name }).await? {
            StepAnswer::Value(value) => convert::to_lua(&lua, &value),
            other => Err(unexpected(&other)),
        }
    });
    methods.add_async_method(
        "add_log",
        |lua, step, (name, kind): (String, Option<String>)| async move {
            let kind = match kind.as_deref() {
                None | Some("stdio") => LogKind::Stdio,
                Some("text") => LogKind::Text,
                Some("html") => LogKind::Html,
                Some(other) => {
                    let text = format!("{other:?} is not a kind of log: stdio, text, html.");
                    return Err(mlua::Error::runtime(text));
                }
            };
            step.done(StepRequest::AddLog { name: name.clone(), kind }).await?;
            let log = Log { desk: step.desk.clone(), name };
            super::waiting(&lua, || lua.create_userdata(log))
        },
    );
    methods.add_async_method(
        "set_statistic",
        |_, step, (name, value): (String, Value)| async move {
            let number = value.as_f64().filter(|n| n.is_finite());
            let Some(value) = number.or_else(|| value.as_i64().map(|n| n as f64)) else {
                let got = a_type(&value);
                let text = format!("step:set_statistic takes a name and a number, not {got}.");
                return Err(mlua::Error::runtime(text));
            };
            step.done(StepRequest::SetStatistic { name, value }).await
        },
    );
    methods.add_async_method(
        "statistic",
        |lua, step, (name, default): (String, Value)| async move {
            step.counted(&lua, StepRequest::GetStatistic { name }, default).await
        },
    );
    methods.add_async_method(
        "sum_statistic",
        |lua, step, (name, default): (String, Value)| async move {
            step.counted(&lua, StepRequest::SumStatistic { name }, default).await
        },
    );
    methods.add_async_method("set_summary", |_, step, text: String| async move {
        step.done(StepRequest::SetSummary { text }).await
    });
    methods.add_async_method("add_url", |_, step, (name, url): (String, String)| async move {
        step.done(StepRequest::AddUrl { name, url }).await
    });
}
