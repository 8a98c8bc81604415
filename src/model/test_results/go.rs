//! `go test`: the lines of `-v`, and the events of `-json`. In text a test's package is known only
//! after its tests, so that they are kept until it is named.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Lines, Outcome, Test, Tests};

/// Most tests whose output is remembered at a time.
const REMEMBERED: usize = 10_000;

/// Reads what `go test` prints.
#[derive(Debug, Default)]
pub(super) struct Go {
    /// What running tests said, by (package, test).
    said: BTreeMap<(String, String), Test>,
    /// Tests whose package is not named yet.
    nameless: Vec<Test>,
    /// The test that runs, and what it said.
    runs: Option<Test>,
}

impl Go {
    fn event(&mut self, line: &str, tests: &mut Tests) {
        let Ok(event) = serde_json::from_str::<Json>(line) else { return };
        let get = |name: &str| event.get(name).and_then(Json::as_str);
        let (Some(action), Some(name)) = (get("Action"), get("Test")) else { return };
        let package = get("Package").unwrap_or_default();
        let key = (package.to_owned(), name.to_owned());
        let full = if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") };
        let outcome = match action {
            "output" => {
                if self.said.len() < REMEMBERED || self.said.contains_key(&key) {
                    let test = self.said.entry(key);
                    let test = test.or_insert_with(|| Test::new(full, Outcome::Passed));
                    let text = get("Output").unwrap_or_default();
                    if !["=== ", "--- "].iter().any(|head| text.trim_start().starts_with(head)) {
                        test.say(text);
                    }
                }
                return;
            }
            "pass" => Outcome::Passed,
            "skip" => Outcome::Skipped,
            "fail" => Outcome::Failed,
            _ => return,
        };
        let mut test = self.said.remove(&key).unwrap_or_else(|| Test::new(full, outcome));
        test.outcome = outcome;
        test.seconds = event.get("Elapsed").and_then(Json::as_f64);
        if outcome != Outcome::Failed {
            test.message.clear();
        }
        tests.push(test);
    }

    fn named(&mut self, package: Option<&str>, tests: &mut Tests) {
        for mut test in self.nameless.drain(..) {
            if let Some(package) = package {
                test.name = format!("{package}.{}", test.name);
            }
            tests.push(test);
        }
        self.runs = None;
    }
}

impl Lines for Go {
    fn line(&mut self, line: &str, tests: &mut Tests) {
        if line.starts_with('{') {
            self.event(line, tests);
            return;
        }
        if let Some(name) = line.strip_prefix("=== RUN") {
            self.runs = Some(Test::new(name.trim(), Outcome::Passed));
        } else if let Some((outcome, rest)) = ended(line.trim_start()) {
            let (name, time) = rest.rsplit_once(" (").unwrap_or((rest, ""));
            let said = self.runs.take().filter(|test| test.name == name).map(|test| test.message);
            let mut test = Test::new(name, outcome);
            test.seconds = time.trim_end_matches("s)").parse().ok();
            if let Some(said) = said.filter(|_| outcome == Outcome::Failed) {
                test.say(&said);
            }
            if self.nameless.len() < super::MOST {
                self.nameless.push(test);
            } else {
                tests.left_out += 1;
            }
        } else if let Some(package) = package(line) {
            self.named(Some(package), tests);
        } else if line.starts_with("=== ") {
            // PAUSE, CONT, NAME: whose output follows is not known from here.
        } else if let Some(test) = &mut self.runs {
            test.say(line.trim_start());
            test.say("\n");
        } else if let Some(test) = self.nameless.last_mut()
            && test.outcome == Outcome::Failed
            && line.starts_with(' ')
        {
            // Without -v, what a test said follows its line.
            test.say(line.trim_start());
            test.say("\n");
        }
    }

    fn end(&mut self, tests: &mut Tests) {
        let lost: Vec<Test> = self.runs.take().into_iter().collect();
        for mut test in lost {
            // It began, and the program ended.
            test.outcome = Outcome::Failed;
            self.nameless.push(test);
        }
        self.named(None, tests);
        *self = Self::default();
    }
}

/// How a test ended, and the rest of its line.
fn ended(line: &str) -> Option<(Outcome, &str)> {
    let words = [
        ("--- PASS: ", Outcome::Passed),
        ("--- FAIL: ", Outcome::Failed),
        ("--- SKIP: ", Outcome::Skipped),
    ];
    words.iter().find_map(|(word, outcome)| Some((*outcome, line.strip_prefix(word)?)))
}

/// The package of a line that sums one up: `ok` or `FAIL`, the package, how long it took.
fn package(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("ok  \t").or_else(|| line.strip_prefix("FAIL\t"))?;
    rest.split(['\t', ' ']).next().filter(|name| !name.is_empty())
}
