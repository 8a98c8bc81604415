//! `ci.generators.*`: of which builds, requests, buildsets and workers a reporter tells, and in which
//! words.

use mlua::{Table, Value};

use super::outline::check;
use super::{Reader, formatter, scheduler};
use crate::model::config::{Formatter, Generator, GeneratorKind, Logs};
use crate::model::telling::{Mode, Scope};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

/// What tells of builds takes to choose them, and then its own.
macro_rules! options {
    ($($own:literal),*) => {
        &["builders", "tags", "branches", "schedulers", "add_logs", "add_patch", $($own),*]
    };
}

pub(super) const BUILD_STATUS_OPTIONS: &[&str] =
    options!["mode", "message_formatter", "report_new"];
pub(super) const START_END_OPTIONS: &[&str] = options!["start_formatter", "end_formatter"];
pub(super) const REQUEST_OPTIONS: &[&str] = options!["formatter"];
pub(super) const BUILDSET_OPTIONS: &[&str] = options!["mode", "message_formatter"];
pub(super) const COMBINED_OPTIONS: &[&str] = &["message_formatter"];
pub(super) const WORKER_OPTIONS: &[&str] = &["workers", "message_formatter"];

/// The kinds, and what messages call them.
const KINDS: [(&str, &str); 6] = [
    ("build_status_generator", "ci.generators.build_status"),
    ("build_start_end_generator", "ci.generators.build_start_end"),
    ("build_request_generator", "ci.generators.build_request"),
    ("buildset_status_generator", "ci.generators.buildset_status"),
    ("buildset_combined_status_generator", "ci.generators.buildset_combined_status"),
    ("worker_missing_generator", "ci.generators.worker_missing"),
];

/// What messages call an object of `kind`; none for other kinds.
pub(super) fn called(kind: &str) -> Option<&'static str> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, called)| *called)
}

/// Reads a generator; none when `table` is something else.
pub(super) fn read(reader: &Reader<'_>, table: &Table) -> Option<Generator> {
    let object = reader.object(table)?;
    let called = called(&object.kind)?;
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    called.clone_into(&mut f.owner);
    let site = f.site();
    let of_builds = !matches!(
        called,
        "ci.generators.worker_missing" | "ci.generators.buildset_combined_status"
    );
    let (mut chosen, mut add_logs) = (Scope::default(), Logs::None);
    if of_builds {
        chosen = scope(&mut f);
        add_logs = formatter::logs(&mut f, "add_logs");
        f.boolean("add_patch", false);
    }
    let kind = match called {
        "ci.generators.build_status" => GeneratorKind::BuildStatus {
            mode: modes(&mut f),
            report_new: f.boolean("report_new", false),
            message_formatter: words(&mut f, "message_formatter"),
        },
        "ci.generators.build_start_end" => GeneratorKind::BuildStartEnd {
            start_formatter: words(&mut f, "start_formatter"),
            end_formatter: words(&mut f, "end_formatter"),
        },
        "ci.generators.build_request" => {
            GeneratorKind::BuildRequest { formatter: words(&mut f, "formatter") }
        }
        "ci.generators.buildset_status" => GeneratorKind::BuildsetStatus {
            mode: modes(&mut f),
            message_formatter: words(&mut f, "message_formatter"),
        },
        "ci.generators.buildset_combined_status" => GeneratorKind::BuildsetCombinedStatus {
            message_formatter: words(&mut f, "message_formatter"),
        },
        _ => GeneratorKind::WorkerMissing {
            workers: workers(&mut f),
            message_formatter: formatter::option(
                &mut f,
                "message_formatter",
                formatter::About::Worker,
            ),
        },
    };
    f.finish();
    Some(Generator { kind, scope: chosen, add_logs, site })
}

fn words(f: &mut Fields<'_, '_>, key: &str) -> Option<Formatter> {
    formatter::option(f, key, formatter::About::Build)
}

/// Which builds: the options that reporters and generators share.
pub(super) fn scope(f: &mut Fields<'_, '_>) -> Scope {
    let builders = f.names("builders", &["builder"]);
    f.refer("builders", "builder", builders.clone().unwrap_or_default());
    let (tags, branches) = (f.texts("tags"), f.texts("branches"));
    let schedulers = f.names("schedulers", scheduler::KINDS);
    f.refer("schedulers", "scheduler", schedulers.clone().unwrap_or_default());
    Scope { builders, tags, branches, schedulers }
}

fn modes(f: &mut Fields<'_, '_>) -> Vec<Mode> {
    let known = Mode::ALL.map(Mode::word);
    let Some(words) = f.texts("mode") else { return Mode::DEFAULT.to_vec() };
    if words.is_empty() {
        let message =
            format!("`mode` of {} names no mode, so that it would tell nothing.", f.owner);
        f.problem("mode", message);
    }
    for word in &words {
        check::one_of(f, "mode", word, &known);
    }
    words.iter().filter_map(|word| Mode::from_word(word)).collect()
}

/// Names of workers; none = all, for which Buildbot's word is "all".
fn workers(f: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    if matches!(f.value("workers"), Some(Value::String(s)) if s.to_string_lossy() == "all") {
        return None;
    }
    let workers = f.names("workers", &["worker"]);
    f.refer("workers", "worker", workers.clone().unwrap_or_default());
    workers
}

/// The option `generators` of a reporter that can tell with those that `takes` knows; none = it is
/// not given.
pub(super) fn generators(
    f: &mut Fields<'_, '_>,
    takes: fn(&GeneratorKind) -> bool,
) -> Option<Vec<Generator>> {
    f.value("generators")?;
    let mut out = Vec::new();
    f.each("generators", |f, _, item| {
        let read = match &item {
            Value::Table(table) => read(f.reader, table).map(|generator| (generator, table)),
            _ => None,
        };
        let owner = &f.owner;
        match read {
            Some((generator, _)) if takes(&generator.kind) => out.push(generator),
            Some((_, table)) => {
                let kind = f.reader.object(table).map(|object| object.kind).unwrap_or_default();
                let called = called(&kind).unwrap_or_default();
                let message = format!("{owner} cannot tell what {called} makes.");
                f.problem("generators", message);
            }
            None if f.reader.is_broken(&item) => {}
            None => {
                let got = a_type(&item);
                let message = format!(
                    "`generators` of {owner} holds {got}; it takes what ci.generators.* makes."
                );
                f.problem("generators", message);
            }
        }
    });
    Some(out)
}
