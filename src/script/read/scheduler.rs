//! `ci.schedulers.*`.

use jiff::tz::TimeZone;
use mlua::{Table, Value};

use super::{Reader, callbacks, filter, force, scripted};
use crate::base::secret::Secret;
use crate::model::config::{
    BranchScheduler, Choices, CodebaseConfig, DependentScheduler, Priority, SchedulerConfig,
    SchedulerKind, TimedScheduler, Times, TriggerableScheduler, TryScheduler, Wanted,
};
use crate::model::cron::{Cron, Part, Unit};
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;
use crate::script::spelling::suggestion;

/// What every scheduler that waits for changes takes.
pub(super) const BRANCH_OPTIONS: &[&str] = &[
    "name",
    "builders",
    "properties",
    "codebases",
    "reason",
    "priority",
    "change_filter",
    "file_is_important",
    "only_important",
    "tree_stable_timer",
    "create_absolute_source_stamps",
    "data",
];
pub(super) const PERIODIC_OPTIONS: &[&str] = &[
    "name",
    "builders",
    "properties",
    "codebases",
    "reason",
    "priority",
    "period",
    "only_if_changed",
    "branch",
    "change_filter",
    "file_is_important",
    "only_important",
    "create_absolute_source_stamps",
    "data",
];
pub(super) const NIGHTLY_OPTIONS: &[&str] = &[
    "name",
    "builders",
    "properties",
    "codebases",
    "reason",
    "priority",
    "minute",
    "hour",
    "day_of_month",
    "month",
    "day_of_week",
    "timezone",
    "force_at_minute",
    "force_at_hour",
    "force_at_day_of_month",
    "force_at_month",
    "force_at_day_of_week",
    "only_if_changed",
    "branch",
    "change_filter",
    "file_is_important",
    "only_important",
    "create_absolute_source_stamps",
    "data",
];
pub(super) const DEPENDENT_OPTIONS: &[&str] =
    &["name", "builders", "properties", "codebases", "reason", "priority", "upstream", "data"];

pub(super) const TRIGGERABLE_OPTIONS: &[&str] =
    &["name", "builders", "properties", "codebases", "reason", "priority", "data"];
pub(super) const NIGHTLY_TRIGGERABLE_OPTIONS: &[&str] = &[
    "name",
    "builders",
    "properties",
    "codebases",
    "reason",
    "priority",
    "minute",
    "hour",
    "day_of_month",
    "month",
    "day_of_week",
    "timezone",
    "data",
];
pub(super) const TRY_OPTIONS: &[&str] =
    &["name", "builders", "properties", "reason", "priority", "users", "port", "data"];

/// Priorities that may be given.
const PRIORITIES: std::ops::RangeInclusive<i64> = -Priority::MOST..=Priority::MOST;

/// The kinds that steps trigger.
pub(in crate::script) const TRIGGERABLES: &[&str] = &["triggerable", "nightly_triggerable"];

/// Every kind of scheduler.
pub(super) const KINDS: &[&str] = &[
    "any_branch",
    "single_branch",
    "dependent",
    "periodic",
    "nightly",
    "nightly_triggerable",
    "triggerable",
    "try_userpass",
    "force",
    "scheduler",
];

/// Reads a scheduler; none when `table` is something else.
pub(in crate::script) fn read(reader: &Reader<'_>, table: &Table) -> Option<SchedulerConfig> {
    let object = reader.object(table)?;
    if object.kind == "scheduler" {
        return scripted::scheduler(reader, &object, table);
    }
    if !KINDS.contains(&object.kind.as_str()) {
        return None;
    }
    reader.seen.borrow_mut().insert(table.to_pointer());
    let mut f = Fields::of(reader, &object);
    f.owner = format!("{} scheduler", object.kind);
    let site = f.site();
    let name = f.name();
    // A form's properties are what it asks for.
    let is_form = object.kind == "force";
    let is_try = object.kind == "try_userpass";
    // Who tries chooses among the builders, and waits for the answer; so does a step that triggers.
    let is_prompt = is_try || TRIGGERABLES.contains(&object.kind.as_str());
    let choices =
        if is_form || is_prompt { Choices::default() } else { callbacks::of_scheduler(&mut f) };
    let builders = if choices.builders.is_some() { Vec::new() } else { builders(&mut f) };
    let properties = if is_form { Default::default() } else { f.properties("properties") };
    let (codebases, reason, kind) = if is_form {
        (Vec::new(), None, SchedulerKind::Force(force::read(&mut f, &name)))
    } else if is_try {
        (Vec::new(), f.text("reason"), SchedulerKind::Try(TryScheduler { users: users(&mut f) }))
    } else {
        let (codebases, reason) = (codebases(&mut f), f.text("reason"));
        let kind = match object.kind.as_str() {
            "dependent" => {
                SchedulerKind::Dependent(DependentScheduler { upstream: upstream(&mut f) })
            }
            "periodic" => SchedulerKind::Timed(periodic(&mut f)),
            "nightly" => SchedulerKind::Timed(nightly(&mut f)),
            "triggerable" => SchedulerKind::Triggerable(triggerable(&mut f, None)),
            "nightly_triggerable" => {
                let (times, timezone) = (Box::new(cron(&mut f, "")), zone(&mut f));
                let times = Times::Cron { times, force_at: None, timezone };
                SchedulerKind::Triggerable(triggerable(&mut f, Some(times)))
            }
            kind => SchedulerKind::Branch(branch(&mut f, kind == "single_branch")),
        };
        (codebases, reason, kind)
    };
    let priority = match is_form {
        true => Priority::default(),
        false if is_prompt => Priority::Fixed(f.integer("priority", PRIORITIES).unwrap_or(0)),
        false => callbacks::priority(&mut f),
    };
    f.know(["data"]);
    f.finish();
    Some(SchedulerConfig {
        name,
        builders,
        choices,
        properties,
        codebases,
        reason,
        priority,
        kind,
        site,
    })
}

pub(super) fn builders(f: &mut Fields<'_, '_>) -> Vec<String> {
    let given = f.list("builders").unwrap_or_default();
    let builders = f.names("builders", &["builder"]);
    match &builders {
        Some(builders) if builders.is_empty() && given.is_empty() => {
            f.problem("builders", format!("{} names no builder.", f.owner));
        }
        Some(builders) if builders.len() < given.len() => f.reader.leave_open("schedulers"),
        Some(_) => {}
        None => {
            f.reader.leave_open("schedulers");
            f.missing("builders");
        }
    }
    let builders = builders.unwrap_or_default();
    f.refer("builders", "builder", builders.clone());
    builders
}

/// A list of names, or a table of names and what is built of each.
pub(super) fn codebases(f: &mut Fields<'_, '_>) -> Vec<CodebaseConfig> {
    let mut out = Vec::new();
    if !f.has_names("codebases") {
        let names = f.texts("codebases").unwrap_or_default();
        for name in names {
            if out.iter().any(|known: &CodebaseConfig| known.name == name) {
                let message = format!("`codebases` of {} names {name:?} twice.", f.owner);
                f.problem_at("codebases", &name, message, Vec::new());
            }
            out.push(named(name));
        }
        return out;
    }
    let owner = format!("`codebases` of {}", f.owner);
    let Some(mut given) = f.nested("codebases", "codebases", &owner) else { return out };
    for name in given.given() {
        let owner = format!("codebase {name:?} of {}", f.owner);
        let Some(mut codebase) = given.nested(&name, "codebase", &owner) else { continue };
        out.push(CodebaseConfig {
            name,
            repository: codebase.text("repository").unwrap_or_default(),
            branch: codebase.text("branch"),
            revision: codebase.text("revision"),
        });
        codebase.finish();
    }
    given.finish();
    out
}

fn named(name: String) -> CodebaseConfig {
    CodebaseConfig { name, ..CodebaseConfig::default() }
}

fn wanted(f: &mut Fields<'_, '_>) -> Wanted {
    let is_absolute = f.boolean("create_absolute_source_stamps", false);
    if is_absolute && f.raw("codebases").is_none() {
        let message = format!(
            "`create_absolute_source_stamps` of {} says nothing without `codebases`.",
            f.owner
        );
        let hint = "It is about the codebases of a build that have no change.";
        f.problem_with("create_absolute_source_stamps", message, vec![hint.to_owned()]);
    }
    Wanted {
        create_absolute_source_stamps: is_absolute,
        change_filter: filter::read(f, "change_filter"),
        file_is_important: f.callback("file_is_important"),
        only_important: f.boolean("only_important", false),
    }
}

fn branch(f: &mut Fields<'_, '_>, single: bool) -> BranchScheduler {
    let tree_stable_timer = f.seconds("tree_stable_timer");
    BranchScheduler { single, tree_stable_timer, wanted: wanted(f) }
}

fn triggerable(f: &mut Fields<'_, '_>, times: Option<Times>) -> TriggerableScheduler {
    TriggerableScheduler { inherits_priority: f.value("priority").is_none(), times }
}

fn upstream(f: &mut Fields<'_, '_>) -> String {
    let names = f.names("upstream", KINDS);
    match names.as_deref() {
        Some([one]) => {
            f.refer("upstream", "scheduler", vec![one.clone()]);
            return one.clone();
        }
        Some([]) => {}
        Some(_) => {
            let message = format!("`upstream` of {} must be one scheduler.", f.owner);
            f.problem("upstream", message);
            return String::new();
        }
        None => f.missing("upstream"),
    }
    String::new()
}

/// Who may try, each with a password.
fn users(f: &mut Fields<'_, '_>) -> Vec<(String, Secret)> {
    if f.value("port").is_some() {
        let message = format!("`port` of {} says nothing here.", f.owner);
        let hint =
            "Working trees come to the web server's port, which is c.www.port; leave it out.";
        f.problem_with("port", message, vec![hint.to_owned()]);
    }
    let owner = format!("`users` of {}", f.owner);
    let Some(mut given) = f.nested("users", "passwords", &owner) else {
        if f.raw("users").is_none() {
            f.missing("users");
        }
        return Vec::new();
    };
    let names = given.given();
    let users = names.into_iter().filter_map(|n| given.secret(&n).map(|s| (n, s))).collect();
    given.finish();
    users
}

fn timed(f: &mut Fields<'_, '_>, times: Times) -> TimedScheduler {
    let only_if_changed = f.boolean("only_if_changed", false);
    let scheduler =
        TimedScheduler { times, only_if_changed, branch: f.text("branch"), wanted: wanted(f) };
    let without = |f: &Fields<'_, '_>, key: &str| {
        let message = format!("`{key}` of {} says nothing without `only_if_changed`.", f.owner);
        f.problem_with(key, message, vec!["It builds at its times whatever changed.".to_owned()]);
    };
    let of_changes =
        ["change_filter", "file_is_important", "only_important", "create_absolute_source_stamps"];
    for key in of_changes {
        if !only_if_changed && f.value(key).is_some() {
            without(f, key);
        }
    }
    scheduler
}

fn periodic(f: &mut Fields<'_, '_>) -> TimedScheduler {
    let period = f.seconds("period");
    match period {
        Some(period) if period < 1.0 => {
            f.problem("period", format!("`period` of {} must be at least 1 second.", f.owner));
        }
        None if f.value("period").is_none() => f.missing("period"),
        _ => {}
    }
    timed(f, Times::Every { period: period.unwrap_or(1.0).max(1.0) })
}

fn nightly(f: &mut Fields<'_, '_>) -> TimedScheduler {
    let times = cron(f, "");
    let is_forced =
        Unit::ALL.iter().any(|unit| f.raw(&format!("force_at_{}", unit.word())).is_some());
    let forced = cron(f, "force_at_");
    let zone = zone(f);
    let times = Box::new(times);
    let forced = is_forced.then(|| Box::new(forced));
    if is_forced && !f.boolean("only_if_changed", false) {
        let key = Unit::ALL.map(|unit| format!("force_at_{}", unit.word()));
        let key = key.iter().find(|key| f.raw(key).is_some()).cloned().unwrap_or_default();
        let message = format!("`{key}` of {} says nothing without `only_if_changed`.", f.owner);
        f.problem(&key, message);
    }
    timed(f, Times::Cron { times, force_at: forced, timezone: zone })
}

/// The fields of cron; the minute is 0 and all else free where nothing is said.
pub(super) fn cron(f: &mut Fields<'_, '_>, prefix: &str) -> Cron {
    let mut part = |unit: Unit| {
        let key = format!("{prefix}{}", unit.word());
        cron_part(f, &key, unit)
    };
    let minute = part(Unit::Minute).or_else(|| Part::one(Unit::Minute, 0).ok());
    Cron {
        minute: minute.unwrap_or_else(Part::any),
        hour: part(Unit::Hour).unwrap_or_else(Part::any),
        day_of_month: part(Unit::DayOfMonth).unwrap_or_else(Part::any),
        month: part(Unit::Month).unwrap_or_else(Part::any),
        day_of_week: part(Unit::DayOfWeek).unwrap_or_else(Part::any),
    }
}

fn cron_part(f: &mut Fields<'_, '_>, key: &str, unit: Unit) -> Option<Part> {
    let values = f.list(key)?;
    let mut out = Part::none();
    for value in &values {
        let part = match value {
            Value::Integer(i) => Part::one(unit, *i),
            Value::String(s) => Part::parse(unit, &s.to_string_lossy()),
            other => Err(format!("it is {}, and takes a number or a text", a_type(other))),
        };
        match part {
            Ok(part) => out = out.with(&part),
            Err(what) => {
                let text =
                    value.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default();
                f.problem_at(key, &text, format!("`{key}` of {}: {what}.", f.owner), Vec::new());
                return None;
            }
        }
    }
    if values.is_empty() {
        f.problem(key, format!("`{key}` of {} is an empty list.", f.owner));
        return None;
    }
    Some(out)
}

/// Whose clock; the master's own where nothing is said.
pub(super) fn zone(f: &mut Fields<'_, '_>) -> TimeZone {
    let Some(name) = f.text("timezone") else { return crate::base::clock::local_zone() };
    TimeZone::get(&name).unwrap_or_else(|_| {
        let message = format!("`timezone` of {} is not known: {name:?}.", f.owner);
        let near = jiff::tz::db().available().map(|zone| zone.to_string()).collect::<Vec<_>>();
        let hint = suggestion(&name, &near)
            .unwrap_or_else(|| "It is a name such as \"Europe/Berlin\" or \"UTC\".".to_owned());
        f.problem_with("timezone", message, vec![hint]);
        TimeZone::UTC
    })
}
