//! What differs between two configurations, a line each, in the words of the configuration: `+` came,
//! `-` went, `~` changed. Objects are the same when their names are; places do not count, so a
//! line added above changes nothing. The options that differ are found by the objects' [`Outline`].

mod steps;

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::base::secret::Secret;
use crate::model::config::{BuilderConfig, Config, LockAccess, LockConfig};
use crate::model::outline::{self, Outline};

/// Options that the process takes when it begins, by the key of `c` that they stand in.
const AT_START: [(&str, &[&str]); 2] =
    [("protocols", &["port", "interface"]), ("www", &["port", "interface"])];
/// Parts of an object that are no options themselves, but hold some.
const HOLDERS: [&str; 9] =
    ["kind", "flags", "options", "decisions", "choices", "times", "wanted", "access", "hooks"];
/// So many builders with the same difference are told one by one.
const FEW: usize = 3;

/// The lines; none = nothing differs.
#[must_use]
pub fn lines(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = settings(old, new);
    let locks = Locks::new(&old.locks, &new.locks);
    named("worker", (&old.workers, &new.workers), |w| &w.name, &locks, &mut lines);
    named("lock", (&old.locks, &new.locks), |l| &l.name, &locks, &mut lines);
    builders(old, new, &locks, &mut lines);
    named("scheduler", (&old.schedulers, &new.schedulers), |s| &s.name, &locks, &mut lines);
    let sources = (&*old.change_sources, &*new.change_sources);
    named("change source", sources, |s| &s.name, &locks, &mut lines);
    named("reporter", (&old.reporters, &new.reporters), |r| &r.name, &locks, &mut lines);
    named("canceller", (&old.cancellers, &new.cancellers), |c| &c.name, &locks, &mut lines);
    if lines.is_empty() && have_other_secrets(old, new) {
        lines.push("~ secrets".to_owned());
    }
    if lines.is_empty() {
        lines = files(old, new);
    }
    lines
}

/// What is set once for the whole configuration, by its key.
fn keys(config: &Config) -> Vec<(&'static str, Outline)> {
    // Every key is named: one that is new does not compile before it is compared.
    let Config {
        title,
        title_url,
        url,
        db_url: _,
        db_site: _,
        protocols,
        www,
        workers: _,
        builders: _,
        schedulers: _,
        change_sources: _,
        reporters: _,
        cancellers: _,
        locks: _,
        decisions,
        properties,
        logs,
        log_encoding,
        validation,
        limits,
        provided: _,
        secrets: _,
        files: _,
    } = config;
    vec![
        ("title", Outline::of(title)),
        ("title_url", Outline::of(title_url)),
        ("url", Outline::of(url)),
        ("protocols", Outline::of(protocols)),
        ("www", Outline::of(www)),
        ("prioritize_builders", Outline::of(&decisions.prioritize_builders)),
        ("select_next_worker", Outline::of(&decisions.select_next_worker)),
        ("collapse_requests", Outline::of(&decisions.collapse_requests)),
        ("codebase_generator", Outline::of(&decisions.codebase_generator)),
        ("revlink", Outline::of(&decisions.revlink)),
        ("properties", Outline::of(properties)),
        ("log_max_size", Outline::of(&logs.log_max_size)),
        ("log_max_tail_size", Outline::of(&logs.log_max_tail_size)),
        ("log_encoding", Outline::of(log_encoding)),
        ("validation", Outline::of(validation)),
        ("limits", Outline::of(limits)),
    ]
}

fn settings(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for ((key, a), (_, b)) in keys(old).into_iter().zip(keys(new)) {
        if a == b {
            continue;
        }
        let options = options(&a, &b);
        let at_start = AT_START.iter().find(|(k, _)| *k == key).map_or(&[][..], |(_, names)| names);
        // A server that comes or goes as a whole has no options to name.
        let waits: Vec<&str> = match options.is_empty() {
            true if at_start.is_empty() => Vec::new(),
            true => vec!["it"],
            false => options.iter().map(String::as_str).filter(|o| at_start.contains(o)).collect(),
        };
        let mut line = match options.is_empty() {
            true => format!("~ {key}"),
            false => format!("~ {key}: {}", options.join(", ")),
        };
        if let Some((last, before)) = waits.split_last() {
            let (names, verb) = match before {
                [] => ((*last).to_owned(), "takes"),
                _ => (format!("{} and {last}", before.join(", ")), "take"),
            };
            line += &format!(" ({names} {verb} effect after a restart: halide-ci restart)");
        }
        lines.push(line);
    }
    lines
}

/// The objects of a list that came, changed or went.
fn named<T: Debug>(
    kind: &str,
    (old, new): (&[T], &[T]),
    name: fn(&T) -> &String,
    locks: &Locks<'_>,
    lines: &mut Vec<String>,
) {
    let before: BTreeMap<&String, &T> = old.iter().map(|t| (name(t), t)).collect();
    let after: BTreeMap<&String, &T> = new.iter().map(|t| (name(t), t)).collect();
    for t in new {
        let Some(b) = before.get(name(t)) else {
            lines.push(format!("+ {kind} {}", name(t)));
            continue;
        };
        if let Some((a, b)) = locks.differing(*b, t) {
            let options = options(&a, &b);
            lines.push(format!("~ {kind} {}: {}", name(t), options.join(", ")));
        }
    }
    let gone = old.iter().filter(|t| !after.contains_key(name(t)));
    lines.extend(gone.map(|t| format!("- {kind} {}", name(t))));
}

fn builders(old: &Config, new: &Config, locks: &Locks<'_>, lines: &mut Vec<String>) {
    let before: BTreeMap<&str, _> = old.builders.iter().map(|b| (b.name.as_str(), b)).collect();
    // Builders share steps: what is the same in many of them is told once.
    let mut shared: Vec<(String, Vec<&str>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for builder in &new.builders {
        let Some(b) = before.get(builder.name.as_str()) else {
            lines.push(format!("+ builder {}", builder.name));
            continue;
        };
        let bare = |b: &BuilderConfig| BuilderConfig { steps: Vec::new(), ..b.clone() };
        let differing = locks.differing(&bare(b), &bare(builder));
        let options = differing.map(|(a, b)| options(&a, &b).join(", "));
        for text in options.into_iter().chain(steps::lines(&b.steps, &builder.steps, locks)) {
            let place = *places.entry(text.clone()).or_insert_with(|| {
                shared.push((text, Vec::new()));
                shared.len() - 1
            });
            shared[place].1.push(&builder.name);
        }
    }
    for (text, names) in shared {
        if names.len() <= FEW {
            lines.extend(names.iter().map(|name| format!("~ builder {name}: {text}")));
        } else {
            let (few, others) = (names[..FEW].join(", "), names.len() - FEW);
            lines.push(format!("~ builders {few} and {others} more: {text}"));
        }
    }
    let gone = old.builders.iter().filter(|b| new.builder(&b.name).is_none());
    lines.extend(gone.map(|b| format!("- builder {}", b.name)));
    let common = |config: &'_ Config, other: &Config| -> Vec<String> {
        let names = config.builders.iter().map(|b| b.name.clone());
        names.filter(|name| other.builder(name).is_some()).collect()
    };
    if common(old, new) != common(new, old) {
        lines.push("~ the order of the builders".to_owned());
    }
}

/// The options in which two objects differ. None when they are different as a whole.
fn options(a: &Outline, b: &Outline) -> Vec<String> {
    let (a, b) = (a.inner(), b.inner());
    let (Outline::Braces(name_a, entries_a), Outline::Braces(name_b, entries_b)) = (a, b) else {
        return Vec::new();
    };
    if name_a != name_b {
        return Vec::new();
    }
    let mut out = Vec::new();
    let added = entries_b.iter().filter(|(key, _)| a.get(key.word()).is_none());
    for (key, _) in entries_a.iter().chain(added) {
        let key = key.word();
        match (a.get(key), b.get(key)) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) if HOLDERS.contains(&key) => match options(x, y) {
                inner if inner.is_empty() => out.push(key.to_owned()),
                inner => out.extend(inner),
            },
            _ => out.push(key.to_owned()),
        }
    }
    out
}

/// The locks of both configurations: accesses hold an index, and mean a name.
struct Locks<'a> {
    old: &'a [LockConfig],
    new: &'a [LockConfig],
    are_same: bool,
}

impl<'a> Locks<'a> {
    fn new(old: &'a [LockConfig], new: &'a [LockConfig]) -> Self {
        let are_same = old.iter().map(|l| &l.name).eq(new.iter().map(|l| &l.name));
        Self { old, new, are_same }
    }

    /// Whether accesses of the old and the new configuration mean the same.
    fn are_same_accesses(&self, old: &[LockAccess], new: &[LockAccess]) -> bool {
        let named = |access: &LockAccess, locks: &'a [LockConfig]| {
            (locks.get(access.lock).map(|lock| lock.name.as_str()), access.mode)
        };
        old.iter().map(|a| named(a, self.old)).eq(new.iter().map(|a| named(a, self.new)))
    }

    /// The shapes of two objects, when they differ.
    fn differing<T: Debug>(&self, old: &T, new: &T) -> Option<(Outline, Outline)> {
        if self.are_same && outline::text(old) == outline::text(new) {
            return None;
        }
        let (mut a, mut b) = (Outline::of(old), Outline::of(new));
        if !self.are_same {
            a.replace(&|part| named_access(part, self.old));
            b.replace(&|part| named_access(part, self.new));
        }
        (a != b).then_some((a, b))
    }
}

fn named_access(part: &Outline, locks: &[LockConfig]) -> Option<Outline> {
    let Outline::Braces(name, _) = part else { return None };
    if name != "LockAccess" {
        return None;
    }
    let lock = locks.get(part.get("lock")?.word().parse::<usize>().ok()?)?;
    let mode = part.get("mode")?.clone();
    Some(Outline::Sequence(format!("{}(", lock.name), vec![mode]))
}

fn have_other_secrets(old: &Config, new: &Config) -> bool {
    let are_same = |(a, b): (&Secret, &Secret)| a.matches(b.expose());
    old.secrets.len() != new.secrets.len() || !old.secrets.iter().zip(&new.secrets).all(are_same)
}

/// Files whose text changed although no option did.
fn files(old: &Config, new: &Config) -> Vec<String> {
    let name = |path: &std::path::Path| path.file_name().unwrap_or_default().display().to_string();
    new.files
        .iter()
        .filter(|file| {
            let before = old.files.iter().find(|f| f.path == file.path);
            before.is_some_and(|b| b.text != file.text)
        })
        .map(|file| format!("~ file {}", name(&file.path)))
        .collect()
}

#[cfg(test)]
mod tests;
