//! Tests that failed and are run again: which, whether that is worth it, and what is known of them
//! afterwards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Outcome, Tests};
use crate::base::text;

/// So many failed tests are always worth another run.
const FEW: usize = 20;
/// The most runs after the first.
const MOST_RUNS: u64 = 10;

/// The option `retry_failed_tests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryFailed {
    /// Runs after the first.
    pub max: u64,
    /// With more failed tests there is none (default: with more than 20 that are also more than a tenth).
    pub at_most: Option<usize>,
}

impl RetryFailed {
    /// Reads the option; none = tests are run once.
    ///
    /// # Errors
    /// The end of a sentence that begins with the option's name.
    pub fn read(value: &Json) -> Result<Option<Self>, String> {
        let runs = |value: &Json| {
            let runs = value.as_u64().filter(|runs| *runs <= MOST_RUNS);
            runs.ok_or_else(|| format!("is a number of runs up to {MOST_RUNS}, not {value}"))
        };
        let (max, at_most) = match value {
            Json::Null => return Ok(None),
            Json::Object(map) => {
                const KNOWN: [&str; 2] = ["at_most", "max"];
                if let Some(key) = map.keys().find(|key| !KNOWN.contains(&key.as_str())) {
                    let near = text::nearest(key, KNOWN);
                    let near = near.map_or(String::new(), |n| format!("; perhaps `{n}` is meant"));
                    return Err(format!("has no field `{key}`{near}"));
                }
                let max = map.get("max").ok_or("needs `max`, a number of runs")?;
                let at_most = match map.get("at_most") {
                    None | Some(Json::Null) => None,
                    Some(value) => {
                        let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
                        let wrong =
                            || format!("has {value} as `at_most`, which is a number of tests");
                        Some(number.ok_or_else(wrong)?)
                    }
                };
                (runs(max).map_err(|what| format!("has a `max` that {what}"))?, at_most)
            }
            value => (runs(value)?, None),
        };
        Ok((max > 0).then_some(Self { max, at_most }))
    }

    /// Whether `failed` of `total` tests are few enough: with many, something else is broken.
    #[must_use]
    pub fn is_worth_it(self, failed: usize, total: usize) -> bool {
        let most = self.at_most.unwrap_or_else(|| FEW.max(total / 10));
        (1..=most).contains(&failed)
    }
}

impl Tests {
    /// The names of the tests that failed, each once.
    #[must_use]
    pub fn failed_names(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let failed = self.list.iter().filter(|test| test.outcome == Outcome::Failed);
        let names = failed.map(|test| test.name.as_str()).filter(|name| !name.is_empty());
        names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    /// Adds what another run of the failed tests reports. Of several reports of one test the last counts:
    /// files of the run before may lie there too. A test that passes now is flaky, and keeps what it
    /// said when it failed; one that is not reported has not passed. Passes without a name are those of
    /// the tests that are not named, if there are as many.
    pub fn add_run(&mut self, again: Self) {
        let unnamed = |name: &&String| again.list.iter().all(|test| test.name != **name);
        let missing: BTreeSet<String> =
            self.failed_names().iter().filter(unnamed).cloned().collect();
        let have_passed = !missing.is_empty() && again.nameless == missing.len();
        let last: BTreeMap<String, super::Test> =
            again.list.into_iter().map(|test| (test.name.clone(), test)).collect();
        let mut known = BTreeSet::new();
        for test in &mut self.list {
            known.insert(test.name.clone());
            if test.outcome != Outcome::Failed {
                continue;
            }
            match last.get(&test.name) {
                Some(now) if now.outcome == Outcome::Passed => {
                    (test.outcome, test.is_flaky) = (Outcome::Passed, true);
                }
                Some(now) if now.outcome == Outcome::Failed => *test = now.clone(),
                None if have_passed && missing.contains(&test.name) => {
                    (test.outcome, test.is_flaky) = (Outcome::Passed, true);
                }
                _ => {}
            }
        }
        for (name, test) in last {
            if !known.contains(&name) {
                self.push(test);
            }
        }
        self.left_out += again.left_out;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::test_results::Test;

    fn tests(list: &[(&str, Outcome)]) -> Tests {
        let list = list.iter().map(|(name, outcome)| Test::new(*name, *outcome)).collect();
        Tests { list, ..Tests::default() }
    }

    #[test]
    fn what_passes_when_it_is_run_again_is_flaky() {
        use Outcome::{Failed, Passed, Skipped};
        let mut all = tests(&[
            ("a", Passed),
            ("b", Failed),
            ("c", Failed),
            ("d", Failed),
            ("b", Failed),
            ("", Failed),
        ]);
        all.list[1].message = "why".to_owned();
        assert_eq!(all.failed_names(), ["b", "c", "d"]);
        // The older report of `b` lies there too, `a` is not asked for, and `d` is not run.
        all.add_run(tests(&[
            ("b", Failed),
            ("b", Passed),
            ("c", Failed),
            ("a", Failed),
            ("d", Skipped),
            ("e", Failed),
        ]));
        let now: Vec<_> =
            all.list.iter().map(|t| (t.name.as_str(), t.outcome, t.is_flaky)).collect();
        assert_eq!(
            now,
            [
                ("a", Passed, false),
                ("b", Passed, true),
                ("c", Failed, false),
                ("d", Failed, false),
                ("b", Passed, true),
                ("", Failed, false),
                ("e", Failed, false),
            ]
        );
        assert_eq!(all.failed_names(), ["c", "d", "e"]);
        assert_eq!(all.list[1].message, "why");
        // Passes without names: too few, too many, as many as there are tests.
        for (nameless, left) in [(1, 3), (4, 3), (3, 0)] {
            all.add_run(Tests { nameless, ..Tests::default() });
            assert_eq!(all.failed_names().len(), left, "{nameless}");
        }
        assert_eq!(all.nameless, 0);
    }

    #[test]
    fn many_failures_are_not_worth_another_run() {
        let few = RetryFailed::read(&json!(2)).unwrap().unwrap();
        assert_eq!(few, RetryFailed { max: 2, at_most: None });
        let worth = [(0, 10), (1, 1), (20, 20), (21, 100), (21, 210), (100, 1000), (101, 1000)];
        assert_eq!(
            worth.map(|(failed, total)| few.is_worth_it(failed, total)),
            [false, true, true, false, true, true, false]
        );
        let most = RetryFailed::read(&json!({ "max": 1, "at_most": 3 })).unwrap().unwrap();
        assert!(most.is_worth_it(3, 3) && !most.is_worth_it(4, 1000));
        assert_eq!(RetryFailed::read(&json!(0)), Ok(None));
        assert_eq!(RetryFailed::read(&Json::Null), Ok(None));
    }

    #[test]
    fn a_wrong_option_is_told() {
        for (value, what) in [
            (json!(11), "is a number of runs up to 10, not 11"),
            (json!(-1), "is a number of runs up to 10, not -1"),
            (json!("2"), "is a number of runs up to 10, not \"2\""),
            (json!({}), "needs `max`, a number of runs"),
            (json!({ "max": 1.5 }), "has a `max` that is a number of runs up to 10, not 1.5"),
            (json!({ "max": 1, "atmost": 1 }), "has no field `atmost`; perhaps `at_most` is meant"),
            (
                json!({ "max": 1, "at_most": "x" }),
                "has \"x\" as `at_most`, which is a number of tests",
            ),
        ] {
            assert_eq!(RetryFailed::read(&value), Err(what.to_owned()));
        }
    }
}
