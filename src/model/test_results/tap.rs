//! The Test Anything Protocol, versions 12 to 14: `ok` and `not ok` with descriptions, directives and
//! YAML blocks; subtests are told by the line of their parent. A plan that is not kept fails.

use super::{Lines, Outcome, Test, Tests};

/// Reads TAP.
#[derive(Debug, Default)]
pub(super) struct Tap {
    /// The test that lines may still belong to.
    last: Option<Test>,
    planned: Option<u64>,
    seen: u64,
    in_yaml: bool,
}

impl Tap {
    fn flush(&mut self, tests: &mut Tests) {
        if let Some(test) = self.last.take() {
            tests.push(test);
        }
    }

    fn test(&mut self, rest: &str, is_ok: bool, tests: &mut Tests) {
        self.flush(tests);
        self.seen += 1;
        let (what, directive) = split_directive(rest.trim_start());
        let digits = what.bytes().take_while(u8::is_ascii_digit).count();
        let (number, description) = what.split_at(digits);
        let description = description.trim().trim_start_matches("- ").trim();
        let name = if description.is_empty() {
            let number = number.parse().unwrap_or(self.seen);
            format!("test {number}")
        } else {
            description.replace("\\#", "#")
        };
        let word: String = directive.chars().take_while(|c| !c.is_whitespace()).collect();
        let outcome = match word.to_ascii_lowercase().as_str() {
            // A test to be written yet is not expected to pass.
            "todo" => Outcome::Skipped,
            word if word.starts_with("skip") => Outcome::Skipped,
            _ if is_ok => Outcome::Passed,
            _ => Outcome::Failed,
        };
        self.last = Some(Test::new(name, outcome));
    }
}

impl Lines for Tap {
    fn line(&mut self, line: &str, tests: &mut Tests) {
        let line = line.trim_end();
        if self.in_yaml {
            if line.trim() == "..." {
                self.in_yaml = false;
            } else if let Some(test) = &mut self.last {
                if let Some(ms) = line.trim().strip_prefix("duration_ms:") {
                    test.seconds = ms.trim().parse::<f64>().ok().map(|ms| ms / 1000.0);
                } else if test.outcome == Outcome::Failed {
                    test.say(line.trim_start());
                    test.say("\n");
                }
            }
        } else if line.trim() == "---" && line.starts_with(' ') && self.last.is_some() {
            self.in_yaml = true;
        } else if let Some(rest) = word(line, "ok") {
            self.test(rest, true, tests);
        } else if let Some(rest) = word(line, "not ok") {
            self.test(rest, false, tests);
        } else if let Some(plan) = line.strip_prefix("1..") {
            let end = plan.bytes().take_while(u8::is_ascii_digit).count();
            self.planned = plan[..end].parse().ok();
        } else if let Some(why) = line.strip_prefix("Bail out!") {
            self.flush(tests);
            let mut test = Test::new("Bail out!", Outcome::Failed);
            test.say(why.trim());
            self.last = Some(test);
            self.planned = None;
        } else if let (Some(said), Some(test)) = (line.strip_prefix('#'), &mut self.last)
            && test.outcome == Outcome::Failed
        {
            test.say(said.trim_start());
            test.say("\n");
        }
    }

    fn end(&mut self, tests: &mut Tests) {
        self.flush(tests);
        if let Some(planned) = self.planned.take()
            && planned > self.seen
        {
            let mut test = Test::new("TAP plan", Outcome::Failed);
            test.say(&format!("{planned} tests were planned, {} were run.", self.seen));
            tests.push(test);
        }
        *self = Self::default();
    }
}

/// What follows a word at the beginning of a line.
fn word<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
}

/// The description and what follows the first `#` that is not escaped.
fn split_directive(text: &str) -> (&str, &str) {
    let hash = text.match_indices('#').find(|(at, _)| !text[..*at].ends_with('\\'));
    hash.map_or((text, ""), |(at, _)| (&text[..at], text[at + 1..].trim_start()))
}
