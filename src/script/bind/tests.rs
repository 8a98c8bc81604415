//! Test results in a step: `step:add_test_result_set`, `step:add_test_result`, and the option
//! `test_results`, which reads what a command reports after it has ended.

use mlua::{Function, Lua, Table, UserDataMethods, Value};
use serde_json::Value as Json;

use super::command::{self, Rerun, Wanted};
use super::step::{Step, ask, unexpected};
use crate::base::results::Results;
use crate::base::text::grouped;
use crate::engine::desk::{StepAnswer, StepRequest};
use crate::model::command::{Argument, CommandLine, ShellCommand};
use crate::model::log::{LogKind, STDIO, Stream};
use crate::model::test_results::{Lines, NewSet, Outcome, Test, TestResult, TestSource, Tests};
use crate::script::convert::a_type;

/// The largest report, in bytes.
const LARGEST: u64 = 64 << 20;
/// Reports of one command.
const MOST_FILES: usize = 10_000;
/// The longest command that runs tests again, in bytes; systems have limits of their own.
const LONGEST_COMMAND: usize = 100_000;
/// The longest line of output in which tests are looked for, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// The tests of a command, while it runs and afterwards.
#[derive(Debug)]
pub(super) struct WantedTests {
    source: TestSource,
    /// Reads what it prints.
    reader: Option<Box<dyn Lines>>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    tests: Tests,
}

impl WantedTests {
    /// Reads the option, which has been checked; none = there is none.
    pub(super) fn read(value: &Json) -> Option<Self> {
        let source = TestSource::read(value).ok()?;
        let reader = source.format.lines();
        Some(Self { source, reader, begun: Vec::new(), tests: Tests::default() })
    }

    /// The same, of which nothing has been read.
    fn again(&self) -> Self {
        let (source, reader) = (self.source.clone(), self.source.format.lines());
        Self { source, reader, begun: Vec::new(), tests: Tests::default() }
    }

    /// Whether they stand in what the command prints.
    pub(super) fn are_in_output(&self) -> bool {
        self.source.paths.is_empty()
    }

    /// Takes what the command prints.
    pub(super) fn take(&mut self, stream: Stream, data: &[u8]) {
        if !self.are_in_output() || stream != Stream::Stdout {
            return;
        }
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.line();
            }
        }
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if let Some(reader) = &mut self.reader {
            let line = String::from_utf8_lossy(&line);
            reader.line(line.trim_end_matches(['\n', '\r']), &mut self.tests);
        }
    }

    fn end(&mut self) {
        if !self.begun.is_empty() {
            self.line();
        }
        if let Some(reader) = &mut self.reader {
            reader.end(&mut self.tests);
        }
    }
}

/// What is needed to run some of a command's tests again.
pub(super) struct Again {
    pub(super) rerun: Rerun,
    pub(super) command: ShellCommand,
    pub(super) log: Option<String>,
    pub(super) decode_rc: Option<Json>,
}

/// What became of the tests of a command.
pub(super) struct Told {
    /// The command's result, after all its runs.
    pub(super) results: Results,
    counts: Counts,
    failed: Vec<String>,
}

impl Told {
    /// As Lua gets it.
    pub(super) fn table(&self, lua: &Lua) -> mlua::Result<Table> {
        let Counts { total, failed, skipped, flaky } = self.counts;
        let numbers = [
            ("total", total),
            ("failed", failed),
            ("passed", total - failed),
            ("skipped", skipped),
            ("flaky", flaky),
        ];
        let table = lua.create_table_from(numbers)?;
        table.set("failed_names", self.failed.as_slice())?;
        Ok(table)
    }
}

/// How many tests there were.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// Without the skipped ones.
    total: usize,
    failed: usize,
    skipped: usize,
    /// They failed, and passed when they were run again.
    flaky: usize,
}

impl Counts {
    fn of(tests: &Tests) -> Self {
        let count = |outcome| tests.list.iter().filter(|test| test.outcome == outcome).count();
        let (failed, skipped) = (count(Outcome::Failed), count(Outcome::Skipped));
        let flaky = tests.list.iter().filter(|test| test.is_flaky).count();
        let total = tests.list.len() - skipped + tests.nameless;
        Self { total, failed, skipped, flaky }
    }
}

impl Step {
    /// Reads the tests of a command that ended with `results`, runs those again that failed, if that is
    /// wanted, stores them and sums them up.
    pub(super) async fn tests_of(
        &self,
        lua: &Lua,
        mut wanted: WantedTests,
        mut results: Results,
        again: Option<Again>,
    ) -> mlua::Result<Told> {
        let mut problems = Vec::new();
        self.read_tests(&mut wanted, &mut problems).await?;
        let mut given_up = false;
        if let Some(again) = again {
            (results, given_up) =
                self.run_again(lua, &mut wanted, &mut problems, results, again).await?;
        }
        let tests = &wanted.tests;
        if tests.left_out > 0 {
            problems.push(format!("{} more tests are not stored.", tests.left_out));
        }
        for problem in &problems {
            let log = "test results".to_owned();
            self.done(StepRequest::AddLog { name: log.clone(), kind: LogKind::Text }).await?;
            let text = format!("{problem}\n");
            self.done(StepRequest::WriteLog { name: log, stream: Stream::Stdout, text }).await?;
        }
        let counts = Counts::of(tests);
        let mut told = Told { results, counts, failed: tests.failed_names() };
        if tests.list.is_empty() && tests.nameless == 0 {
            if !problems.is_empty() {
                let text = format!("{}: no test results: {}", self.name, problems[0]);
                self.done(StepRequest::SetSummary { text }).await?;
            }
            return Ok(told);
        }
        let set = self.open_set(&self.name, "pass_fail", "boolean").await?;
        let list: Vec<TestResult> = tests.list.iter().filter_map(Test::result).collect();
        self.done(StepRequest::AddTestResults { set, results: list }).await?;
        for (name, value) in [
            ("tests-total", counts.total),
            ("tests-failed", counts.failed),
            ("tests-passed", counts.total - counts.failed),
            ("tests-skipped", counts.skipped),
            // Buildbot's word for what is neither good nor bad.
            ("tests-warnings", counts.flaky),
        ] {
            let (name, value) = (name.to_owned(), value as f64);
            let before =
                match ask(&self.desk, StepRequest::GetStatistic { name: name.clone() }).await? {
                    StepAnswer::Value(before) => before.as_f64().unwrap_or(0.0),
                    other => return Err(unexpected(&other)),
                };
            self.done(StepRequest::SetStatistic { name, value: before + value }).await?;
        }
        let mut text = self.summed_up(counts).await?;
        if given_up {
            text.push_str(", too many to run again");
        }
        self.done(StepRequest::SetSummary { text }).await?;
        if wanted.source.fail_on_failed_tests && counts.failed > 0 && results == Results::Success {
            told.results = Results::Failure;
        }
        Ok(told)
    }

    /// Reads what a command has reported.
    async fn read_tests(
        &self,
        wanted: &mut WantedTests,
        problems: &mut Vec<String>,
    ) -> mlua::Result<()> {
        if wanted.are_in_output() {
            wanted.end();
            return Ok(());
        }
        for pattern in wanted.source.paths.clone() {
            self.read_reports(&pattern, wanted, problems).await?;
        }
        Ok(())
    }

    /// Runs those tests again that failed, each time into a log of its own. Returns the result of all
    /// runs together, and whether there were too many.
    async fn run_again(
        &self,
        lua: &Lua,
        wanted: &mut WantedTests,
        problems: &mut Vec<String>,
        first: Results,
        again: Again,
    ) -> mlua::Result<(Results, bool)> {
        let Again { rerun, command, log, decode_rc } = again;
        let native: Table = lua.named_registry_value("ci.native")?;
        let guarded: Function = native.get("guarded")?;
        let log = log.unwrap_or_else(|| STDIO.to_owned());
        let mut last = first;
        for run in 1..=rerun.retry.max {
            let (names, counts) = (wanted.tests.failed_names(), Counts::of(&wanted.tests));
            if names.is_empty() {
                break;
            }
            if !rerun.retry.is_worth_it(counts.failed, counts.total) {
                return Ok((first, true));
            }
            let made: Value = guarded.call_async((rerun.command.clone(), names, run)).await?;
            let line = super::step::json(lua, "what `retry_command` returns", &made)?;
            let line = command::command_line("retry_command", Some(&line));
            let line = line.map_err(mlua::Error::runtime)?;
            if let CommandLine::Argv(arguments) = &line
                && arguments.iter().map(Argument::len).sum::<usize>() > LONGEST_COMMAND
            {
                return Ok((first, true));
            }
            let mut now = wanted.again();
            let once_more = Wanted {
                command: ShellCommand { command: line, ..command.clone() },
                log: Some(format!("{log}_retry_{run}")),
                collect: false,
                decode_rc: None,
                on_line: None,
                tests: None,
                line_filter: None,
                rerun: None,
            };
            let ran = self.ran(lua, once_more, Some(&mut now)).await?;
            last = command::results(&ran, decode_rc.as_ref());
            self.read_tests(&mut now, problems).await?;
            wanted.tests.add_run(now.tests);
            if ran.failure_reason.is_some() {
                break;
            }
        }
        let counts = Counts::of(&wanted.tests);
        Ok(match last {
            Results::Success if counts.failed == 0 && counts.flaky > 0 => {
                (Results::Warnings, false)
            }
            // One that was not reported again has not passed.
            Results::Success => (first, false),
            last => (last, false),
        })
    }

    async fn summed_up(&self, counts: Counts) -> mlua::Result<String> {
        let against = match ask(&self.desk, StepRequest::CompareTests).await? {
            StepAnswer::Value(against) => against,
            other => return Err(unexpected(&other)),
        };
        let number = |name: &str| against.get(name).and_then(Json::as_i64).unwrap_or(0);
        let Counts { total, failed, flaky, .. } = counts;
        let mut text = match failed {
            0 if total == 1 => format!("{}: 1 test passed", self.name),
            0 => format!("{}: {} tests passed", self.name, grouped(total)),
            _ => format!("{}: {} of {} tests failed", self.name, grouped(failed), grouped(total)),
        };
        if number("newly_failed") > 0 {
            text.push_str(&format!(" ({} new)", number("newly_failed")));
        }
        if number("fixed") > 0 {
            text.push_str(&format!(", {} fixed", number("fixed")));
        }
        if flaky > 0 {
            text.push_str(&format!(", {} flaky", grouped(flaky)));
        }
        Ok(text)
    }

    async fn read_reports(
        &self,
        pattern: &str,
        wanted: &mut WantedTests,
        problems: &mut Vec<String>,
    ) -> mlua::Result<()> {
        let is_absolute = pattern.starts_with(['/', '\\']) || pattern.get(1..2) == Some(":");
        let path = match is_absolute {
            true => pattern.to_owned(),
            false => format!("{}/{pattern}", self.workdir.trim_end_matches('/')),
        };
        let mut files = match ask(&self.desk, StepRequest::Glob { path }).await? {
            StepAnswer::Files(files) => files,
            other => return Err(unexpected(&other)),
        };
        files.sort();
        if files.is_empty() {
            problems.push(format!("no file is found by {pattern:?}."));
        }
        if files.len() > MOST_FILES {
            let many = files.len();
            problems.push(format!("{pattern:?} finds {many} files; {MOST_FILES} are read."));
            files.truncate(MOST_FILES);
        }
        for path in files {
            let request = StepRequest::ReadFile { path: path.clone(), max_size: LARGEST };
            let why = match ask(&self.desk, request).await {
                Ok(StepAnswer::Data(data)) => {
                    wanted.source.format.read(&data, &mut wanted.tests).err()
                }
                Ok(other) => return Err(unexpected(&other)),
                Err(mlua::Error::RuntimeError(why)) => Some(why),
                Err(error) => return Err(error),
            };
            if let Some(why) = why {
                problems.push(format!("{path}: {}.", why.trim_end_matches('.')));
            }
        }
        Ok(())
    }

    async fn open_set(&self, description: &str, category: &str, unit: &str) -> mlua::Result<i64> {
        let set = NewSet {
            description: description.to_owned(),
            category: category.to_owned(),
            value_unit: unit.to_owned(),
        };
        match ask(&self.desk, StepRequest::AddTestResultSet(set)).await? {
            StepAnswer::Value(Json::Number(id)) => Ok(id.as_i64().unwrap_or_default()),
            other => Err(unexpected(&other)),
        }
    }
}

/// The methods.
pub(super) fn add<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_async_method(
        "add_test_result_set",
        |_, step, (description, category, unit): (String, String, String)| async move {
            step.open_set(&description, &category, &unit).await
        },
    );
    methods.add_async_method(
        "add_test_result",
        |_, step, (set, value, options): (i64, Value, Option<Table>)| async move {
            let result = result(&value, options).map_err(mlua::Error::runtime)?;
            step.done(StepRequest::AddTestResults { set, results: vec![result] }).await
        },
    );
}

/// What `step:add_test_result` was given.
fn result(value: &Value, options: Option<Table>) -> Result<TestResult, String> {
    let value = match value {
        Value::Boolean(passed) => if *passed { "1" } else { "0" }.to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.to_string_lossy(),
        other => {
            let got = a_type(other);
            return Err(format!("a test result is text, a number, true or false, not {got}."));
        }
    };
    let mut out = TestResult { value, ..TestResult::default() };
    let Some(options) = options else { return Ok(out) };
    for pair in options.pairs::<String, Value>() {
        let (key, value) = pair.map_err(|error| error.to_string())?;
        let text = || value.as_string().map(mlua::LuaString::to_string_lossy);
        let wrong = |wanted: &str| {
            format!("`{key}` of step:add_test_result must be {wanted}, not {}.", a_type(&value))
        };
        match key.as_str() {
            "test_name" => out.name = Some(text().ok_or_else(|| wrong("a string"))?),
            "test_code_path" => out.path = Some(text().ok_or_else(|| wrong("a string"))?),
            "message" => out.message = Some(text().ok_or_else(|| wrong("a string"))?),
            "line" => out.line = Some(value.as_integer().ok_or_else(|| wrong("an integer"))?),
            "duration" => {
                let number = value.as_f64().or_else(|| value.as_i64().map(|n| n as f64));
                let seconds = number.filter(|n| n.is_finite() && *n >= 0.0);
                let seconds = seconds.ok_or_else(|| wrong("a number of seconds"))?;
                out.duration_ns = Some((seconds * 1e9).round() as i64);
            }
            other => return Err(format!("step:add_test_result has no option `{other}`.")),
        }
    }
    if out.name.is_none() && out.path.is_none() {
        return Err("step:add_test_result needs `test_name` or `test_code_path`.".to_owned());
    }
    Ok(out)
}
