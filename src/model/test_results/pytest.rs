//! pytest: the lines of its short summary (`FAILED tests/a.py::test - why`, with `-rA` also `PASSED …`)
//! and of `-v`, and the numbers of its last line. A report in JUnit's XML says more; this is what there
//! is without one.

use super::{Lines, Outcome, Test, Tests};

/// Reads what pytest prints.
#[derive(Debug, Default)]
pub(super) struct Pytest {
    /// Where the tests of this run are in the list, by name.
    known: std::collections::BTreeMap<String, usize>,
    /// The last line: how many passed, whatever their names are.
    passed: usize,
}

impl Pytest {
    fn note(&mut self, name: &str, outcome: Outcome, why: &str, tests: &mut Tests) {
        if let Some(test) = self.known.get(name).and_then(|at| tests.list.get_mut(*at)) {
            // The summary repeats what `-v` has said, and knows why.
            test.outcome = outcome;
            test.say(why);
            return;
        }
        let mut test = Test::new(name, outcome);
        test.path = name.split_once("::").map(|(path, _)| path.to_owned());
        test.say(why);
        self.known.insert(name.to_owned(), tests.list.len());
        tests.push(test);
    }
}

/// What a word of pytest's means.
fn outcome(word: &str) -> Option<Outcome> {
    match word {
        "PASSED" | "XPASS" => Some(Outcome::Passed),
        "FAILED" | "ERROR" => Some(Outcome::Failed),
        "SKIPPED" | "XFAIL" => Some(Outcome::Skipped),
        _ => None,
    }
}

impl Lines for Pytest {
    fn line(&mut self, line: &str, tests: &mut Tests) {
        // Of xdist: `[gw0] [ 50%] PASSED tests/a.py::test_a`, with blanks at the end.
        let line = match line.split_once("%] ") {
            Some((before, rest)) if before.starts_with("[gw") => rest.trim_end(),
            _ => line,
        };
        if let Some((word, rest)) = line.split_once(' ')
            && let Some(outcome) = outcome(word)
        {
            let (name, why) = summarized(rest);
            // `SKIPPED [2] tests/a.py:3: reason` counts places, not tests.
            if !name.starts_with('[') && name.contains(".py") {
                self.note(name, outcome, why, tests);
            }
        } else if let Some((name, outcome)) = verbose(line) {
            self.note(name, outcome, "", tests);
        } else if let Some(text) = last_line(line) {
            let number = text.split(", ").find_map(|part| part.strip_suffix(" passed"));
            self.passed = number.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
        }
    }

    fn end(&mut self, tests: &mut Tests) {
        // Tests that passed have no names without `-v` or `-rA`; they count all the same.
        let named = self.known.values().filter_map(|at| tests.list.get(*at));
        let named = named.filter(|test| test.outcome == Outcome::Passed).count();
        tests.nameless += self.passed.saturating_sub(named);
        *self = Self::default();
    }
}

/// The name and the reason in `tests/a.py::test[a - b] - why`.
fn summarized(rest: &str) -> (&str, &str) {
    // What stands in brackets may hold anything.
    let end = match rest.find('[') {
        Some(_) => rest.find("] - ").map(|at| at + 1),
        None => rest.find(" - "),
    };
    let (name, why) = end.map_or((rest, ""), |at| rest.split_at(at));
    (name.trim(), why.strip_prefix(" - ").unwrap_or(why))
}

/// The name and what became of it in `tests/a.py::test PASSED [ 12%]`.
fn verbose(line: &str) -> Option<(&str, Outcome)> {
    let from = line.find("::")?;
    let mut found = line[from..].match_indices(' ').filter_map(|(at, _)| {
        let (name, rest) = line.split_at(from + at);
        let word = rest[1..].split(' ').next()?;
        Some((name, outcome(word)?))
    });
    found.next()
}

/// The numbers of `===== 1 failed, 3 passed in 0.12s =====`, also without the frame (`-q`).
fn last_line(line: &str) -> Option<&str> {
    let line = line.trim_matches('=').trim();
    let (numbers, time) = line.rsplit_once(" in ")?;
    let begins_with_a_number = numbers.starts_with(|c: char| c.is_ascii_digit());
    (begins_with_a_number && time.starts_with(|c: char| c.is_ascii_digit())).then_some(numbers)
}
