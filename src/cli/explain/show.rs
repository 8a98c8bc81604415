//! A rehearsal's account as people read it: schedulers with their verdicts, builds, and per step what
//! it is, whether it runs and what it sends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::Explained;
use crate::base::results::Results;
use crate::base::text::{count, shorten};
use crate::cli::terminal::Paint;
use crate::model::config::{Config, LockMode};
use crate::rehearsal::account::{
    BuildAccount, LockAccount, RequestAccount, Status, StepAccount, TriggeredAccount, unusual,
};
use crate::rehearsal::record::Sent;
use crate::rehearsal::{ChangeAccount, EventAccount};

/// The whole account.
pub(super) fn explained(explained: &Explained, config: &Config, with_steps: bool) -> String {
    let paint = Paint::for_output();
    let mut out = String::new();
    if let Some(event) = &explained.event {
        self::event(&mut out, event, config, paint);
    }
    requests(&mut out, explained, with_steps, paint);
    if !explained.unanswered.is_empty() {
        let _ = writeln!(out, "\n{}", paint.bold("Not asked: a rehearsal has no network"));
        for line in &explained.unanswered {
            let _ = writeln!(out, "  {line}");
        }
    }
    out.trim_start_matches('\n').to_owned()
}

fn event(out: &mut String, event: &EventAccount, config: &Config, paint: Paint) {
    if event.failed {
        let _ = writeln!(out, "{} {}", paint.red("The event could not be read:"), event.verdict);
    } else if !event.verdict.is_empty() {
        let _ = writeln!(out, "{}", event.verdict);
    }
    for change in &event.changes {
        let _ = writeln!(out, "\n{}", paint.bold(&headline(change)));
        let mut rows = Vec::new();
        for scheduler in &config.schedulers {
            let verdict = change.verdicts.iter().find(|v| v.scheduler == scheduler.name);
            let words = match verdict {
                Some(v) if v.taken && v.why == "taken" => paint.green("takes it"),
                Some(v) if v.why == "taken as unimportant" => {
                    paint.green("takes it, but it is unimportant")
                }
                Some(v) if v.taken => {
                    let then = v.why.strip_prefix("taken").unwrap_or(&v.why);
                    format!("{}{then}", paint.green("takes it"))
                }
                Some(v) if v.why.starts_with("failed: ") => {
                    let why = v.why.strip_prefix("failed: ").unwrap_or(&v.why);
                    format!("{} {why}", paint.red("fails:"))
                }
                Some(v) => format!("{} {}", paint.red("refuses it:"), v.why),
                None => paint.dim("does not look at changes"),
            };
            rows.push([scheduler.name.clone(), scheduler.kind.word().to_owned(), words]);
        }
        table(out, &rows);
    }
}

fn headline(account: &ChangeAccount) -> String {
    let change = &account.change;
    let mut words = vec!["Change".to_owned()];
    let of = if change.project.is_empty() { &change.repository } else { &change.project };
    if !of.is_empty() {
        words.push(format!("of {of}"));
    }
    if let Some(branch) = &change.branch {
        words.push(format!("on {branch}"));
    }
    if let Some(revision) = &change.revision {
        words.push(format!("at {}", shorten(revision, 12)));
    }
    if let Some(category) = change.category.as_deref().filter(|c| !c.is_empty()) {
        words.push(format!("({category})"));
    }
    if !change.files.is_empty() {
        words.push(format!("touching {}", count(change.files.len(), "file")));
    }
    words.join(" ")
}

/// Rows of three columns, the first two aligned.
fn table(out: &mut String, rows: &[[String; 3]]) {
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [one, two, three] in rows {
        let _ = writeln!(out, "  {one:first$}  {two:second$}  {three}");
    }
}

fn requests(out: &mut String, explained: &Explained, with_steps: bool, paint: Paint) {
    let requests = explained.requests();
    if requests.is_empty() {
        let _ = writeln!(out, "\nNothing is built.");
        return;
    }
    if with_steps {
        for request in requests {
            for build in &request.builds {
                self::build(out, build, paint);
            }
            if request.builds.is_empty() {
                let _ = writeln!(out, "\n{}", paint.bold(&unbuilt(request)));
            }
        }
        return;
    }
    let _ = writeln!(out, "\n{}", paint.bold("Builds"));
    let mut rows = Vec::new();
    for request in requests {
        let asked = request.scheduler.as_deref().unwrap_or("-").to_owned();
        let words = match request.builds.last() {
            Some(build) => format!("on {}: {}", build.worker, results(build.results, paint)),
            None => format!("{} {}", paint.red("not built:"), request.state),
        };
        rows.push([request.builder.clone(), asked, words]);
    }
    table(out, &rows);
}

fn unbuilt(request: &RequestAccount) -> String {
    format!("{} is not built: {}", request.builder, request.state)
}

fn results(results: Option<Results>, paint: Paint) -> String {
    match results {
        None => paint.dim("not ended"),
        Some(r @ (Results::Success | Results::Skipped)) => paint.green(r.word()),
        Some(r) => paint.red(r.word()),
    }
}

fn build(out: &mut String, build: &BuildAccount, paint: Paint) {
    let BuildAccount { builder, number, worker, .. } = build;
    let head = paint.bold(&format!("{builder}, build {number} on {worker}"));
    let asked = build.scheduler.as_ref().map_or(String::new(), |s| format!(", asked by {s}"));
    let _ = writeln!(out, "\n{head}{asked}: {}", results(build.results, paint));
    if !build.locks.is_empty() {
        let _ = writeln!(out, "  {} {}", paint.dim("locks"), locks(&build.locks));
    }
    let width = build.steps.len().to_string().len();
    let mut env = BTreeMap::new();
    for (number, step) in (1..).zip(&build.steps) {
        let _ = writeln!(out, "  {number:width$}  {}", title(step, paint));
        body(out, &" ".repeat(width + 4), step, &mut env, paint);
    }
}

fn locks(locks: &[LockAccount]) -> String {
    let words = |lock: &LockAccount| match lock.mode {
        Some(LockMode::Exclusive) => format!("{} (exclusive)", lock.lock),
        Some(LockMode::Counting(1)) => format!("{} (counting)", lock.lock),
        Some(LockMode::Counting(n)) => format!("{} (counting {n})", lock.lock),
        None => lock.lock.clone(),
    };
    locks.iter().map(words).collect::<Vec<_>>().join(", ")
}

/// Its name, and what is unusual about it.
fn title(step: &StepAccount, paint: Paint) -> String {
    let mut about = vec![step.kind.clone()];
    about.extend(unusual(step.flags));
    if !step.locks.is_empty() {
        about.push(format!("locks {}", locks(&step.locks)));
    }
    about.push(step.site.clone());
    format!("{}  {}", paint.bold(&step.name), paint.dim(&about.join("; ")))
}

/// The variables of a command.
type Env = BTreeMap<String, Json>;

/// What it does, or why it does nothing. `env` is what was shown last.
fn body(out: &mut String, pad: &str, step: &StepAccount, env: &mut Env, paint: Paint) {
    let why = step.why.as_deref().unwrap_or_default();
    match (step.status, step.results) {
        (Status::NotReached, _) => {
            let _ = writeln!(out, "{pad}{}", paint.dim("is not reached"));
        }
        (Status::Skipped, _) => {
            let _ = writeln!(out, "{pad}{} {why}", paint.dim("does not run:"));
        }
        (Status::Broken, _) | (Status::Ran, Some(Results::Exception)) => {
            commands(out, pad, step, env, paint);
            let why = why.replace('\n', &format!("\n{pad}"));
            let _ = writeln!(out, "{pad}{} {why}", paint.red("fails:"));
        }
        (Status::Ran, ended) => {
            commands(out, pad, step, env, paint);
            let text = step.text.as_deref().unwrap_or_default();
            if !matches!(ended, Some(Results::Success)) {
                let _ = writeln!(out, "{pad}{} {text}", paint.red("ends:"));
            } else if step.commands.is_empty()
                && step.triggered.is_empty()
                && text != step.name
                && text != step.kind
            {
                // Nothing else tells what it does.
                let _ = writeln!(out, "{pad}{}", paint.dim(text));
            }
        }
    }
}

/// The commands; the directory is said once for a step, variables when they change.
fn commands(out: &mut String, pad: &str, step: &StepAccount, env: &mut Env, paint: Paint) {
    let mut workdir = None;
    for sent in &step.commands {
        if sent.on_master {
            on_master(out, pad, sent, paint);
            continue;
        }
        if sent.workdir.is_some() && sent.workdir != workdir {
            workdir.clone_from(&sent.workdir);
            let dir = workdir.as_deref().unwrap_or_default();
            let _ = writeln!(out, "{pad}{} {dir}", paint.dim("in"));
        }
        if sent.workdir.is_some() && sent.env != *env {
            env.clone_from(&sent.env);
            if env.is_empty() {
                let _ = writeln!(out, "{pad}{}", paint.dim("env as the worker has it"));
            }
            for (name, value) in env.iter() {
                let _ = writeln!(out, "{pad}{} {name}={}", paint.dim("env"), variable(value));
            }
        }
        let _ = writeln!(out, "{pad}{}", command(sent, paint));
        if let Some(stdin) = &sent.stdin {
            let _ = writeln!(out, "{pad}{} {}", paint.dim("stdin"), shorten(&quoted(stdin), 80));
        }
    }
    for child in &step.triggered {
        let TriggeredAccount { builder, scheduler, number, waited_for } = child;
        let through = scheduler.as_deref().unwrap_or_default();
        let build = number.map_or("not built".to_owned(), |number| format!("build {number}"));
        let waits = if *waited_for { ", and waits" } else { "" };
        let _ =
            writeln!(out, "{pad}{} {builder} ({through}): {build}{waits}", paint.dim("triggers"));
    }
}

/// A command of the master's own machine: neither its directory nor its variables are the worker's.
fn on_master(out: &mut String, pad: &str, sent: &Sent, paint: Paint) {
    let dir = sent.workdir.as_deref().filter(|dir| !dir.is_empty());
    let dir = dir.unwrap_or("the base directory");
    let _ = writeln!(out, "{pad}{} {dir}", paint.dim("on the master in"));
    for (name, value) in &sent.env {
        let _ = writeln!(out, "{pad}{} {name}={}", paint.dim("env"), variable(value));
    }
    let _ = writeln!(out, "{pad}{}", command(sent, paint));
}

/// What a variable is set to.
fn variable(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Null => "(removed)".to_owned(),
        other => other.to_string(),
    }
}

fn command(sent: &Sent, paint: Paint) -> String {
    let words = match &sent.command {
        Json::Array(words) => {
            words.iter().map(|w| quoted(w.as_str().unwrap_or(""))).collect::<Vec<_>>().join(" ")
        }
        Json::String(line) if sent.kind == "shell" => line.clone(),
        Json::String(path) => quoted(path),
        other => other.to_string(),
    };
    let mark = if sent.kind == "shell" { "$" } else { sent.kind };
    let mut limits = Vec::new();
    let ordinary = if sent.on_master { None } else { Some(1200.0) };
    if sent.kind == "shell" && sent.timeout != ordinary {
        limits.push(match sent.timeout {
            Some(seconds) => format!("{seconds} s without output"),
            None => "no timeout".to_owned(),
        });
    }
    limits.extend(sent.max_time.map(|seconds| format!("{seconds} s in all")));
    let limits = match limits.is_empty() {
        true => String::new(),
        false => format!("  {}", paint.dim(&format!("({})", limits.join(", ")))),
    };
    format!("{} {words}{limits}", paint.dim(mark))
}

/// A word as one would type it in a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-+=./:,@%^~*".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
