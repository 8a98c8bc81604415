//! Test results: what a step stores of its tests, and the formats in which programs report them. One
//! format is one file; each reads hostile input with limits and never fails as a whole on one bad
//! line.

mod cargo;
mod ctest;
mod go;
mod junit;
mod pytest;
mod retried;
mod subunit;
mod tap;
mod xml;

pub use self::retried::RetryFailed;

use serde_json::Value as Json;

/// Results that one step stores.
pub const MOST: usize = 100_000;
/// Bytes of a name or a path.
const LONGEST_NAME: usize = 1000;
/// Bytes of a message.
const LONGEST_MESSAGE: usize = 4000;

/// A set of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSet {
    /// What they are results of.
    pub description: String,
    /// What kind: `pass_fail`, `performance` …
    pub category: String,
    /// What the values are: `boolean`, `second` …
    pub value_unit: String,
}

impl NewSet {
    /// Whether its results can be counted as passed and failed.
    #[must_use]
    pub fn is_about_passing(&self) -> bool {
        ["pass_fail", "pass_only", "fail_only"].contains(&self.category.as_str())
    }
}

/// One result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestResult {
    /// The test.
    pub name: Option<String>,
    /// The file it is in.
    pub path: Option<String>,
    /// The line there.
    pub line: Option<i64>,
    /// How long it took, in nanoseconds.
    pub duration_ns: Option<i64>,
    /// The value, in the set's unit.
    pub value: String,
    /// What it said.
    pub message: Option<String>,
    /// It failed, and passed when it was run again.
    pub is_flaky: bool,
}

impl TestResult {
    /// Whether it passed; none = its set is not about that.
    #[must_use]
    pub fn passed(&self, category: &str) -> Option<bool> {
        match category {
            "pass_fail" => Some(self.value == "1"),
            "pass_only" => Some(true),
            "fail_only" => Some(false),
            _ => None,
        }
    }

    /// The same with every text changed, and cut to the length that is stored.
    #[must_use]
    pub fn map_texts(self, change: impl Fn(&str) -> String) -> Self {
        let cut = |text: String, most: usize| cut(&change(&text), most);
        Self {
            name: self.name.map(|text| cut(text, LONGEST_NAME)),
            path: self.path.map(|text| cut(text, LONGEST_NAME)),
            value: cut(self.value, LONGEST_NAME),
            message: self.message.map(|text| cut(text, LONGEST_MESSAGE)),
            ..self
        }
    }
}

/// At most `most` bytes of `text`.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed, or could not be run.
    Failed,
    /// It was not run, or nobody expects it to pass.
    Skipped,
}

/// A test in a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// The file it is in.
    pub path: Option<String>,
    /// The line there.
    pub line: Option<i64>,
    /// What it said.
    pub message: String,
    /// It failed, and passed when it was run again.
    pub is_flaky: bool,
}

impl Test {
    fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        let (path, line, message) = (None, None, String::new());
        Self { name: name.into(), outcome, seconds: None, path, line, message, is_flaky: false }
    }

    /// Adds to what it said, as long as that is stored.
    fn say(&mut self, text: &str) {
        if self.message.len() < LONGEST_MESSAGE {
            self.message.push_str(&cut(text, LONGEST_MESSAGE));
        }
    }

    /// As it is stored; none = it was not run.
    #[must_use]
    pub fn result(&self) -> Option<TestResult> {
        let value = match self.outcome {
            Outcome::Passed => "1",
            Outcome::Failed => "0",
            Outcome::Skipped => return None,
        };
        let message = self.message.trim();
        let nanos = self.seconds.filter(|s| s.is_finite() && *s >= 0.0).map(|s| s * 1e9);
        Some(TestResult {
            name: Some(self.name.clone()),
            path: self.path.clone(),
            line: self.line,
            // Too large a number becomes the largest.
            duration_ns: nanos.map(|n| n.round() as i64),
            value: value.to_owned(),
            message: (!message.is_empty()).then(|| message.to_owned()),
            is_flaky: self.is_flaky,
        })
    }
}

/// The tests of reports, as far as they can be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tests {
    /// In the order of the reports.
    pub list: Vec<Test>,
    /// How many more there were.
    pub left_out: usize,
    /// Tests that passed, of which the report has only the number.
    pub nameless: usize,
}

impl Tests {
    fn push(&mut self, test: Test) {
        if self.list.len() < MOST {
            self.list.push(test);
        } else {
            self.left_out += 1;
        }
    }
}

/// Reads reports line by line.
pub trait Lines: std::fmt::Debug + Send {
    /// Takes a line without its end.
    fn line(&mut self, line: &str, tests: &mut Tests);
    /// There are no more lines.
    fn end(&mut self, tests: &mut Tests);
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `JUnit`'s XML, as many programs write it.
    Junit,
    /// The `Test.xml` of `CTest`.
    Ctest,
    /// The Test Anything Protocol, 12 to 14.
    Tap,
    /// What `cargo test` prints, or the JSON of libtest.
    Cargo,
    /// What `go test -v` prints, or `go test -json`.
    Go,
    /// What `pytest` prints: its short summary, the lines of `-v`.
    Pytest,
    /// subunit: version 1, and in files version 2.
    Subunit,
}

/// The formats by name.
const FORMATS: [(&str, Format); 7] = [
    ("cargo", Format::Cargo),
    ("ctest", Format::Ctest),
    ("go", Format::Go),
    ("junit", Format::Junit),
    ("pytest", Format::Pytest),
    ("subunit", Format::Subunit),
    ("tap", Format::Tap),
];

impl Format {
    /// A reader of lines; none = it stands in files that are read as a whole.
    #[must_use]
    pub fn lines(self) -> Option<Box<dyn Lines>> {
        match self {
            Self::Junit | Self::Ctest => None,
            Self::Tap => Some(Box::<tap::Tap>::default()),
            Self::Cargo => Some(Box::<cargo::Cargo>::default()),
            Self::Go => Some(Box::<go::Go>::default()),
            Self::Pytest => Some(Box::<pytest::Pytest>::default()),
            // Version 2 is bytes, which do not survive as lines.
            Self::Subunit => Some(Box::<subunit::First>::default()),
        }
    }

    /// Reads a whole report.
    ///
    /// # Errors
    /// Why it is none, in words; what was read before stays in `tests`.
    pub fn read(self, data: &[u8], tests: &mut Tests) -> Result<(), String> {
        if self == Self::Subunit {
            subunit::read(data, tests);
            return Ok(());
        }
        let text = String::from_utf8_lossy(data);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        match self {
            Self::Junit => junit::read(text, tests),
            Self::Ctest => ctest::read(text, tests),
            _ => {
                if let Some(mut lines) = self.lines() {
                    for line in text.lines() {
                        lines.line(line, tests);
                    }
                    lines.end(tests);
                }
                Ok(())
            }
        }
    }
}

/// Where a step's tests are reported: the option `test_results`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestSource {
    /// In which format.
    pub format: Format,
    /// Patterns of files; none = in what the command prints.
    pub paths: Vec<String>,
    /// Failed tests fail a command that ended well.
    pub fail_on_failed_tests: bool,
}

impl TestSource {
    /// Reads the option.
    ///
    /// # Errors
    /// The end of a sentence that begins with the option's name.
    pub fn read(value: &Json) -> Result<Self, String> {
        let (format, paths, fail_on_failed_tests) = match value {
            Json::String(text) => match text.split_once(':') {
                None => (text.as_str(), Vec::new(), false),
                Some((_, "")) => return Err("names no files after the colon".to_owned()),
                Some((format, pattern)) => (format, vec![pattern.to_owned()], false),
            },
            Json::Object(map) => {
                const KNOWN: [&str; 3] = ["fail_on_failed_tests", "format", "paths"];
                if let Some(key) = map.keys().find(|key| !KNOWN.contains(&key.as_str())) {
                    let near = crate::base::text::nearest(key, KNOWN);
                    let near = near.map_or(String::new(), |n| format!("; perhaps `{n}` is meant"));
                    return Err(format!("has no field `{key}`{near}"));
                }
                let Some(Json::String(format)) = map.get("format") else {
                    return Err("needs `format`, such as \"junit\"".to_owned());
                };
                let one = |path: &Json| match path {
                    Json::String(path) if !path.is_empty() => Ok(path.clone()),
                    other => Err(format!("has {other} among its `paths`, which are patterns")),
                };
                let paths = match map.get("paths") {
                    None | Some(Json::Null) => Vec::new(),
                    Some(Json::Array(list)) => list.iter().map(one).collect::<Result<_, _>>()?,
                    Some(path) => vec![one(path)?],
                };
                let fails = match map.get("fail_on_failed_tests") {
                    None | Some(Json::Null) => false,
                    Some(Json::Bool(fails)) => *fails,
                    Some(other) => {
                        return Err(format!(
                            "has {other} as `fail_on_failed_tests`, which is true or false"
                        ));
                    }
                };
                (format.as_str(), paths, fails)
            }
            other => return Err(format!("must be text or a table, not {other}")),
        };
        let Some((name, format)) = FORMATS.into_iter().find(|(name, _)| *name == format) else {
            let names = FORMATS.map(|(name, _)| name);
            let near = crate::base::text::nearest(format, names);
            let near = near.map_or(String::new(), |n| format!("; perhaps {n:?} is meant"));
            let names = names.map(|name| format!("{name:?}")).join(", ");
            return Err(format!("knows the formats {names}, not {format:?}{near}"));
        };
        if paths.is_empty() && format.lines().is_none() {
            return Err(format!("in the format {name:?} needs files: \"{name}:PATTERN\""));
        }
        Ok(Self { format, paths, fail_on_failed_tests })
    }
}
