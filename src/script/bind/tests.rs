//! Test results in a step: `step:add_test_result_set`, `step:add_test_result`, and the option
//! `test_results`, which reads what a command reports after it has ended.

use mlua::{Table, UserDataMethods, Value};
use serde_json::Value as Json;

use super::step::{Step, ask, unexpected};
use crate::base::results::Results;
use crate::engine::desk::{StepAnswer, StepRequest};
use crate::model::log::{LogKind, Stream};
use crate::model::test_results::{Lines, NewSet, Outcome, Test, TestResult, TestSource, Tests};
use crate::script::convert::a_type;

/// The largest report, in bytes.
const LARGEST: u64 = 64 << 20;
/// Reports of one command.
const MOST_FILES: usize = 10_000;
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

impl Step {
    /// Reads, stores and sums up the tests of a command that ended with `results`.
    pub(super) async fn tests_of(
        &self,
        mut wanted: WantedTests,
        results: Results,
    ) -> mlua::Result<Results> {
        let mut problems = Vec::new();
        if wanted.are_in_output() {
            wanted.end();
        } else {
            for pattern in wanted.source.paths.clone() {
                self.read_reports(&pattern, &mut wanted, &mut problems).await?;
            }
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
        let count = |outcome| tests.list.iter().filter(|test| test.outcome == outcome).count();
        let (failed, skipped) = (count(Outcome::Failed), count(Outcome::Skipped));
        let total = tests.list.len() - skipped;
        if tests.list.is_empty() {
            if !problems.is_empty() {
                let text = format!("{}: no test results: {}", self.name, problems[0]);
                self.done(StepRequest::SetSummary { text }).await?;
            }
            return Ok(results);
        }
        let set = self.open_set(&self.name, "pass_fail", "boolean").await?;
        let list: Vec<TestResult> = tests.list.iter().filter_map(Test::result).collect();
        self.done(StepRequest::AddTestResults { set, results: list }).await?;
        for (name, value) in [
            ("tests-total", total),
            ("tests-failed", failed),
            ("tests-passed", total - failed),
            ("tests-skipped", skipped),
        ] {
            let (name, value) = (name.to_owned(), value as f64);
            let before =
                match ask(&self.desk, StepRequest::GetStatistic { name: name.clone() }).await? {
                    StepAnswer::Value(before) => before.as_f64().unwrap_or(0.0),
                    other => return Err(unexpected(&other)),
                };
            self.done(StepRequest::SetStatistic { name, value: before + value }).await?;
        }
        let text = self.summed_up(failed, total).await?;
        self.done(StepRequest::SetSummary { text }).await?;
        let fails = wanted.source.fail_on_failed_tests && failed > 0;
        Ok(if fails && results == Results::Success { Results::Failure } else { results })
    }

    async fn summed_up(&self, failed: usize, total: usize) -> mlua::Result<String> {
        let against = match ask(&self.desk, StepRequest::CompareTests).await? {
            StepAnswer::Value(against) => against,
            other => return Err(unexpected(&other)),
        };
        let number = |name: &str| against.get(name).and_then(Json::as_i64).unwrap_or(0);
        let mut text = match failed {
            0 => format!("{}: {} tests passed", self.name, grouped(total)),
            _ => format!("{}: {} of {} tests failed", self.name, grouped(failed), grouped(total)),
        };
        if number("newly_failed") > 0 {
            text.push_str(&format!(" ({} new)", number("newly_failed")));
        }
        if number("fixed") > 0 {
            text.push_str(&format!(", {} fixed", number("fixed")));
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
                    let text = String::from_utf8_lossy(&data);
                    wanted.source.format.read(&text, &mut wanted.tests).err()
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

/// 1200 as 1,200.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
