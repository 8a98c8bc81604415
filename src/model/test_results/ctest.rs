//! The `Test.xml` that `ctest -T Test` writes below `Testing/`.

use std::collections::BTreeMap;

use super::xml::{Handler, walk};
use super::{Outcome, Test, Tests};

/// Reads a report.
///
/// # Errors
/// Why it is none.
pub(super) fn read(text: &str, tests: &mut Tests) -> Result<(), String> {
    let mut ctest = Ctest { tests, test: None, is_report: false, measure: String::new() };
    walk(text, &mut ctest)?;
    if ctest.is_report { Ok(()) } else { Err("it has no <Testing>".to_owned()) }
}

struct Ctest<'t> {
    tests: &'t mut Tests,
    /// The test that is being read.
    test: Option<Test>,
    is_report: bool,
    /// The measurement whose value comes next.
    measure: String,
}

impl Handler for Ctest<'_> {
    fn start(&mut self, name: &str, attributes: &BTreeMap<String, String>) {
        match name {
            "Testing" => self.is_report = true,
            // The list of names has elements of the same name, without a status.
            "Test" => {
                self.test = attributes.get("Status").map(|status| {
                    let outcome = match status.as_str() {
                        "passed" => Outcome::Passed,
                        "notrun" | "disabled" => Outcome::Skipped,
                        _ => Outcome::Failed,
                    };
                    Test::new("", outcome)
                });
            }
            "NamedMeasurement" | "Measurement" => {
                self.measure = attributes.get("name").cloned().unwrap_or_default();
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str, text: &str) {
        let Some(test) = &mut self.test else { return };
        match name {
            "Name" => text.clone_into(&mut test.name),
            "Value" if self.measure == "Execution Time" => test.seconds = text.trim().parse().ok(),
            // A test that could not be started is listed as not run.
            "Value" if self.measure == "Completion Status" => {
                let was_off = ["Disabled", "SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION"];
                if test.outcome == Outcome::Skipped
                    && !was_off.iter().any(|off| text.contains(off))
                    && text != "Not Run"
                {
                    test.outcome = Outcome::Failed;
                    test.say(text);
                }
            }
            "Value" if self.measure.is_empty() && test.outcome == Outcome::Failed => test.say(text),
            "NamedMeasurement" | "Measurement" => self.measure.clear(),
            "Test" => {
                if let Some(test) = self.test.take() {
                    self.tests.push(test);
                }
            }
            _ => {}
        }
    }
}
