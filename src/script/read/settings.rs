//! The keys of the configuration that are no objects: tables of a few options each, and limits.

use regex::Regex;

use super::scheduler::cron;
use super::step::check_command_option;
use super::{filter, listen};
use crate::model::config::{Limits, LogLimits, Protocols, Validation};
use crate::script::read::fields::Fields;

pub(super) const PROTOCOLS_OPTIONS: &[&str] = &["port", "interface", "require_tls"];
pub(super) const VALIDATION_OPTIONS: &[&str] =
    &["branch", "revision", "property_name", "property_value"];
pub(super) const JANITOR_OPTIONS: &[&str] = &[
    "log_horizon",
    "build_data_horizon",
    "minute",
    "hour",
    "day_of_month",
    "month",
    "day_of_week",
];

/// The last bytes of every log that is being written are held in memory.
const MOST_TAIL: i64 = 64 << 20;

pub(super) fn database(f: &mut Fields<'_, '_>) -> String {
    let default = "sqlite:///state.sqlite";
    let Some(mut db) = f.nested("db", "db", "c.db") else { return default.to_owned() };
    let url = db.text("url").unwrap_or_else(|| default.to_owned());
    if !url.starts_with("sqlite:///") {
        let message = format!("`url` of c.db must begin with sqlite:///, not {:?}.", scheme(&url));
        let hint = "A path after three slashes is relative to the base directory.".to_owned();
        db.problem_with("url", message, vec![hint]);
    }
    db.finish();
    url
}

/// A database URL without what follows its scheme, which may hold a password.
fn scheme(url: &str) -> String {
    url.split_once("://").map_or_else(|| url.to_owned(), |(scheme, _)| format!("{scheme}://…"))
}

pub(super) fn protocols(f: &mut Fields<'_, '_>) -> Protocols {
    let default = Protocols::default();
    let Some(mut p) = f.nested("protocols", "protocols", "c.protocols") else { return default };
    let (port, interface) = listen::place(&mut p, default.port, &default.interface);
    p.boolean("require_tls", false);
    p.finish();
    Protocols { port, interface }
}

pub(super) fn limits(f: &mut Fields<'_, '_>) -> Limits {
    let default = Limits::default();
    let Some(mut l) = f.nested("limits", "limits", "c.limits") else { return default };
    let cpu_seconds = l.seconds("cpu_seconds").unwrap_or(default.cpu_seconds);
    if cpu_seconds < 0.01 {
        l.problem("cpu_seconds", "`cpu_seconds` of c.limits must be at least 0.01.");
    }
    let memory = l.integer("memory_bytes", (16 << 20)..=i64::MAX);
    let memory_bytes = memory.and_then(|m| usize::try_from(m).ok()).unwrap_or(default.memory_bytes);
    l.finish();
    Limits { cpu_seconds: cpu_seconds.max(0.01), memory_bytes }
}

/// How long logs may get.
pub(super) fn logs(f: &mut Fields<'_, '_>) -> LogLimits {
    let mut size = |key: &str, range| f.integer(key, range).and_then(|n| usize::try_from(n).ok());
    let limits = LogLimits {
        log_max_size: size("log_max_size", 1..=i64::MAX),
        log_max_tail_size: size("log_max_tail_size", 1..=MOST_TAIL),
    };
    if f.value("log_max_size").is_none() && f.value("log_max_tail_size").is_some() {
        let hint = "Logs of any length are kept whole.".to_owned();
        let message = "`log_max_tail_size` of c says nothing without `log_max_size`.";
        f.problem_with("log_max_tail_size", message, vec![hint]);
    }
    limits
}

/// The encoding of what commands write.
pub(super) fn log_encoding(f: &mut Fields<'_, '_>) -> Option<String> {
    let name = f.text("log_encoding")?;
    if let Err(what) = check_command_option("log_encoding", &name.as_str().into()) {
        f.problem("log_encoding", format!("`log_encoding` of c {what}."));
    }
    Some(name)
}

/// What users may say who force builds.
pub(super) fn validation(f: &mut Fields<'_, '_>) -> Validation {
    let Some(mut v) = f.nested("validation", "validation", "c.validation") else {
        return Validation::default();
    };
    let mut pattern = |key: &str| -> Option<Regex> {
        let mut patterns = filter::patterns(&mut v, key)?;
        if patterns.len() > 1 {
            v.problem(key, format!("`{key}` of c.validation must be one regular expression."));
        }
        patterns.pop()
    };
    let validation = Validation {
        branch: pattern("branch"),
        revision: pattern("revision"),
        property_name: pattern("property_name"),
        property_value: pattern("property_value"),
    };
    v.finish();
    validation
}

/// When old logs go; the options are only checked.
pub(super) fn janitor(f: &mut Fields<'_, '_>) {
    let Some(mut j) = f.nested("janitor", "janitor", "c.janitor") else { return };
    let horizons = ["log_horizon", "build_data_horizon"];
    for key in horizons {
        j.seconds(key);
    }
    if horizons.iter().all(|key| j.value(key).is_none()) {
        let message = "c.janitor needs `log_horizon` or `build_data_horizon`, in seconds.";
        let spot = j.spot();
        j.reader.ground.problem(&spot, message, Vec::new());
    }
    cron(&mut j, "");
    j.finish();
}
