//! `JUnit`'s XML: that of surefire, gradle, pytest, gtest and `ctest --output-junit`. Suites may be
//! nested or missing; a test is named by its class and its name.

use std::collections::BTreeMap;

use super::xml::{Handler, walk};
use super::{Outcome, Test, Tests};

/// Reads a report.
///
/// # Errors
/// Why it is none.
pub(super) fn read(text: &str, tests: &mut Tests) -> Result<(), String> {
    let mut junit = Junit { tests, suites: Vec::new(), test: None, is_report: false };
    walk(text, &mut junit)?;
    if junit.is_report { Ok(()) } else { Err("it has no <testsuite>".to_owned()) }
}

struct Junit<'t> {
    tests: &'t mut Tests,
    suites: Vec<String>,
    /// The test that is being read.
    test: Option<Test>,
    is_report: bool,
}

impl Handler for Junit<'_> {
    fn start(&mut self, name: &str, attributes: &BTreeMap<String, String>) {
        let get = |name: &str| attributes.get(name).map(String::as_str).filter(|v| !v.is_empty());
        match name {
            "testsuites" => self.is_report = true,
            "testsuite" => {
                self.is_report = true;
                self.suites.push(get("name").unwrap_or_default().to_owned());
            }
            "testcase" => {
                let own = get("name").unwrap_or("?");
                let suite = self.suites.last().map(String::as_str).filter(|s| !s.is_empty());
                let full = match get("classname").or(suite) {
                    Some(class) if class != own => format!("{class}.{own}"),
                    _ => own.to_owned(),
                };
                // gtest's word for a test that is switched off.
                let is_off = get("status") == Some("notrun") || get("status") == Some("disabled");
                let outcome = if is_off { Outcome::Skipped } else { Outcome::Passed };
                let mut test = Test::new(full, outcome);
                test.seconds = get("time").and_then(|t| t.replace(',', "").parse().ok());
                test.path = get("file").map(str::to_owned);
                test.line = get("line").and_then(|line| line.parse().ok());
                self.test = Some(test);
            }
            "failure" | "error" | "skipped" => {
                let Some(test) = &mut self.test else { return };
                test.outcome = match name {
                    "skipped" if test.outcome == Outcome::Failed => Outcome::Failed,
                    "skipped" => Outcome::Skipped,
                    _ => Outcome::Failed,
                };
                if let Some(message) = get("message") {
                    test.say(message);
                    test.say("\n");
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str, text: &str) {
        match name {
            "testsuite" => drop(self.suites.pop()),
            "testcase" => {
                if let Some(test) = self.test.take() {
                    self.tests.push(test);
                }
            }
            "failure" | "error" => {
                // gtest says the same twice.
                if let Some(test) = &mut self.test
                    && test.message.trim() != text.trim()
                {
                    test.say(text);
                }
            }
            _ => {}
        }
    }
}
