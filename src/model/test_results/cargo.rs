//! `cargo test`: the lines `test NAME ... ok`, what failed tests printed, and libtest's JSON events.
//! Several test programs may speak one after the other; doc tests are tests of their own.

use serde_json::Value as Json;

use super::{Lines, Outcome, Test, Tests};

/// Reads what `cargo test` prints.
#[derive(Debug, Default)]
pub(super) struct Cargo {
    /// Tests of this program that failed: their places in the list, for what they said.
    failed: Vec<usize>,
    /// The test whose output is being read.
    speaks: Option<usize>,
}

impl Cargo {
    fn push(&mut self, test: Test, tests: &mut Tests) {
        if test.outcome == Outcome::Failed && tests.list.len() < super::MOST {
            self.failed.push(tests.list.len());
        }
        tests.push(test);
    }

    fn event(&mut self, line: &str, tests: &mut Tests) {
        let Ok(event) = serde_json::from_str::<Json>(line) else { return };
        let get = |name: &str| event.get(name).and_then(Json::as_str);
        let (Some("test"), Some(name)) = (get("type"), get("name")) else { return };
        let outcome = match get("event") {
            Some("ok") => Outcome::Passed,
            Some("ignored") => Outcome::Skipped,
            Some("failed" | "timeout") => Outcome::Failed,
            _ => return,
        };
        let mut test = Test::new(name, outcome);
        test.seconds = event.get("exec_time").and_then(Json::as_f64);
        if outcome == Outcome::Failed {
            test.say(get("message").or(get("stdout")).unwrap_or_default());
        }
        self.push(test, tests);
    }
}

impl Lines for Cargo {
    fn line(&mut self, line: &str, tests: &mut Tests) {
        if line.starts_with('{') {
            self.event(line, tests);
            return;
        }
        let section = line.strip_prefix("---- ").and_then(|rest| {
            rest.strip_suffix(" stdout ----").or(rest.strip_suffix(" stderr ----"))
        });
        if let Some(name) = section {
            let of_name = |at: &&usize| tests.list.get(**at).is_some_and(|t| t.name == name);
            self.speaks = self.failed.iter().rev().find(of_name).copied();
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.speaks = None;
            if line != "failures:" {
                self.failed.clear();
            }
        } else if let Some(test) = self.speaks.and_then(|at| tests.list.get_mut(at)) {
            test.say(line);
            test.say("\n");
        } else if let Some(rest) = line.strip_prefix("test ")
            && let Some((name, word)) = rest.rsplit_once(" ... ")
        {
            // `ignored, because …`, `ok <0.1s>`
            let (word, time) = word.split_once(" <").unwrap_or((word, ""));
            let outcome = match word.split([',', ' ']).next() {
                Some("ok") => Outcome::Passed,
                Some("ignored") => Outcome::Skipped,
                Some("FAILED") => Outcome::Failed,
                _ => return,
            };
            let name = name.strip_suffix(" - should panic").unwrap_or(name);
            let mut test = Test::new(name, outcome);
            test.seconds = time.trim_end_matches("s>").parse().ok();
            self.push(test, tests);
        }
    }

    fn end(&mut self, _tests: &mut Tests) {
        *self = Self::default();
    }
}
