//! `test`: runs the tests of a configuration and tells how each ended, in the manner of good test
//! runners: a line per test, failures in full with their source line, and a sum.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::terminal::Paint;
use super::{checkconfig, logging, terminal};
use crate::base::text;
use crate::rehearsal::{self, stage::Masters};
use crate::script::testing::{Outcome, run_tests};

/// What the name of a test file ends in.
const ENDING: &str = "_test.lua";

/// Run the tests of a configuration: the files *_test.lua beside it.
///
/// A test feeds events, changes and time to a master whose workers only take notes, and says what
/// must come of them. Nothing is executed, nothing is left behind; secret files that do not exist
/// are made up. What tests can say is in the definitions that `halide-ci types` writes (test.lua).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci test master\n          \
                        halide-ci test pull_test.lua --filter labels\n\n\
                        Exit status: 0 all passed, 1 one failed, 2 there are none.")]
pub(super) struct Args {
    /// A base directory, a configuration, or one test file [default: master, else master.lua].
    #[arg(default_value = checkconfig::DEFAULT, hide_default_value = true)]
    path: PathBuf,
    /// The configuration [default: DIR/master.lua, else master.lua beside DIR].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only tests whose name, or whose file's name, has this in it.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print the outcome as JSON: { passed, failed, files: [ { file, problem, tests: [ { name, site,
    /// seconds, passed, failure: { site, message, details } } ] } ] }.
    #[arg(long)]
    json: bool,
}

/// How a file's tests ended.
struct Report {
    /// Its name, without folders.
    file: String,
    /// Why none of its tests ran.
    broken: Option<String>,
    outcomes: Vec<Outcome>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let plan = plan(args)?;
    if plan.tests.is_empty() {
        let folder = plan.config.parent().unwrap_or(Path::new("."));
        let message = format!("There is no file *{ENDING} beside {}.", plan.config.display());
        let example = folder.join(format!("master{ENDING}"));
        return Err(
            Failure::usage(message).hint(format!("Write one, such as {}.", example.display()))
        );
    }
    logging::start_quietly();
    let reports = rehearsal::block_on(run_all(args, &plan))
        .map_err(|e| Failure::failed(format!("No runtime can be made: {e}.")))?;
    let failed = reports.iter().map(Report::failed).sum::<usize>();
    let passed = reports.iter().map(Report::passed).sum::<usize>();
    if args.json {
        let files: Vec<Json> = reports.iter().map(Report::json).collect();
        let whole = json!({ "passed": passed, "failed": failed, "files": files });
        terminal::say(&serde_json::to_string_pretty(&whole).unwrap_or_default());
    } else if passed + failed > 0 {
        let took = reports.iter().flat_map(|r| &r.outcomes).map(|o| o.took).sum();
        terminal::say(&sum(passed, failed, took));
    }
    match (passed, failed) {
        (0, 0) => Err(Failure::usage("No test has that in its name.")),
        (_, 0) => Ok(()),
        // It has been told above.
        _ => Err(Failure::failed("")),
    }
}

/// What is tested, and with what.
struct Plan {
    config: PathBuf,
    base_dir: PathBuf,
    tests: Vec<PathBuf>,
}

fn plan(args: &Args) -> Result<Plan, Failure> {
    let is_test =
        |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().ends_with(ENDING));
    if is_test(&args.path) && args.path.is_file() {
        let folder = args.path.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let config = args.config.clone().unwrap_or_else(|| folder.join("master.lua"));
        let (config, base_dir) = checkconfig::find_master(&config, None)?;
        return Ok(Plan { config, base_dir, tests: vec![args.path.clone()] });
    }
    let (config, base_dir) = checkconfig::find_master(&args.path, args.config.as_deref())?;
    let folder = config.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unread = |e| Failure::failed(format!("{} cannot be read: {e}.", folder.display()));
    let mut tests: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(unread)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_test(path) && path.is_file())
        .collect();
    tests.sort();
    Ok(Plan { config, base_dir, tests })
}

async fn run_all(args: &Args, plan: &Plan) -> Vec<Report> {
    let paint = Paint::for_output();
    let mut reports = Vec::new();
    for path in &plan.tests {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let stage = Masters::new(plan.config.clone(), plan.base_dir.clone(), folder);
        let wanted = |name: &str| {
            args.filter.as_ref().is_none_or(|text| name.contains(text) || file.contains(text))
        };
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut ended = |outcome: Outcome| {
            if !args.json {
                if outcomes.is_empty() {
                    terminal::say(&paint.bold(&file));
                }
                terminal::say(&line(&outcome, paint));
            }
            outcomes.push(outcome);
        };
        let broken = run_tests(path, Rc::new(stage), &wanted, &mut ended).await.err();
        if let (Some(error), false) = (&broken, args.json) {
            let text = indented(&error.to_string());
            terminal::say(&format!("{}\n  {}\n{text}", paint.bold(&file), paint.red("BROKEN")));
        }
        reports.push(Report { file, broken: broken.map(|e| e.to_string()), outcomes });
    }
    reports
}

impl Report {
    fn passed(&self) -> usize {
        self.outcomes.iter().filter(|o| o.failure.is_none()).count()
    }

    /// A file that is broken is one failure.
    fn failed(&self) -> usize {
        self.outcomes.len() - self.passed() + usize::from(self.broken.is_some())
    }

    fn json(&self) -> Json {
        let test = |outcome: &Outcome| {
            json!({
                "name": outcome.name,
                "site": outcome.site.to_string(),
                "seconds": outcome.took.as_secs_f64(),
                "passed": outcome.failure.is_none(),
                "failure": outcome.failure.as_ref().map(|problem| json!({
                    "site": problem.site.to_string(),
                    "message": problem.message,
                    "details": problem.hints,
                })),
            })
        };
        let tests: Vec<Json> = self.outcomes.iter().map(test).collect();
        json!({ "file": self.file, "problem": self.broken, "tests": tests })
    }
}

/// A test in one line, and what is wrong below.
fn line(outcome: &Outcome, paint: Paint) -> String {
    let took = paint.dim(&format!("({})", text::duration(outcome.took)));
    match &outcome.failure {
        None => format!("  {}    {}  {took}", paint.green("ok"), outcome.name),
        Some(problem) => format!(
            "  {}  {}  {took}\n{}",
            paint.red("FAIL"),
            paint.bold(&outcome.name),
            indented(&problem.to_string())
        ),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}\n")).collect::<String>().trim_end().to_owned()
}

fn sum(passed: usize, failed: usize, took: Duration) -> String {
    let paint = Paint::for_output();
    let passed = paint.green(&format!("{passed} passed"));
    let failed = match failed {
        0 => String::new(),
        n => format!(", {}", paint.red(&format!("{n} failed"))),
    };
    format!("\n{passed}{failed} in {}", text::duration(took))
}
