//! A configuration takes effect: compared with the one before, its rows made, the mirror changed,
//! all in one turn. Builds under way keep the generation they began with; requests, timers and
//! counters of what keeps its name carry on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use crate::base::id::WorkerId;
use crate::base::secret::Secret;
use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, NewGeneration, Reloaded};
use crate::engine::state::{Builder, Scheduler, Worker};
use crate::engine::{Generation, Refusal};
use crate::model::config::{Config, WorkerConfig};
use crate::model::event::Event;
use crate::store::{Result, builders, generations, schedulers, workers};

impl Turn<'_> {
    pub(super) fn generation_loaded(
        &mut self,
        new: NewGeneration,
        answer: Answer<Reloaded>,
    ) -> Result<()> {
        let old = self.state.generation.clone();
        if new.generation.config.db_url != old.config.db_url {
            let text = "c.db has changed; a database is changed by a restart, not by a reload.";
            self.answer(answer, Err(Refusal::Invalid(text.to_owned())));
            return Ok(());
        }
        let mut changes = compare(&old.config, &new.generation.config);
        if changes.is_empty() {
            changes = changed_files(&old.config, &new.generation.config);
        }
        self.activate(new, &changes)?;
        self.answer(answer, Ok(Reloaded { changes }));
        Ok(())
    }

    /// Puts a generation into effect; also the last part of the start.
    pub(super) fn activate(&mut self, new: NewGeneration, changes: &[String]) -> Result<()> {
        let NewGeneration { mut generation, files } = new;
        generation.id = generations::activate(self.conn, &files, &changes.join("\n"), self.now)?;
        let generation = Arc::new(generation);
        self.activate_workers(&generation)?;
        self.activate_builders(&generation)?;
        self.activate_schedulers(&generation)?;
        self.announce(Event::GenerationActivated { generation: generation.id });
        self.state.generation = generation;
        self.out.acts.push(Act::ShowGeneration);
        Ok(())
    }

    fn activate_workers(&mut self, generation: &Generation) -> Result<()> {
        workers::unconfigure_all(self.conn)?;
        let old = self.state.generation.clone();
        let mut configured = BTreeSet::new();
        for config in &generation.config.workers {
            let id = workers::ensure(self.conn, &config.name)?;
            configured.insert(id);
            let (is_paused, is_graceful) = workers::flags(self.conn, id)?;
            let worker = self.state.workers.entry(id).or_insert_with(|| Worker {
                name: config.name.clone(),
                is_configured: true,
                connection: None,
                is_paused,
                is_graceful,
                running: BTreeSet::new(),
            });
            worker.is_configured = true;
            let before = old.config.worker(&config.name);
            let is_idle = worker.running.is_empty();
            if is_idle && before.is_some_and(|b| !has_same_password(b, config)) {
                // A busy one proves the new password when it connects the next time.
                self.lose(id, "the worker's password was changed")?;
            }
        }
        let removed: Vec<WorkerId> =
            self.state.workers.keys().filter(|id| !configured.contains(id)).copied().collect();
        for id in removed {
            if let Some(worker) = self.state.workers.get_mut(&id) {
                worker.is_configured = false;
                // What runs on it ends with its own generation; then the worker is let go.
                if worker.running.is_empty() {
                    self.lose(id, "the worker was removed from the configuration")?;
                }
            }
        }
        Ok(())
    }

    fn activate_builders(&mut self, generation: &Generation) -> Result<()> {
        builders::unconfigure_all(self.conn)?;
        for builder in self.state.builders.values_mut() {
            builder.is_configured = false;
        }
        for (position, config) in (0..).zip(&generation.config.builders) {
            let id = builders::ensure(self.conn, config, position)?;
            let builder = Builder { name: config.name.clone(), is_configured: true };
            self.state.builders.insert(id, builder);
            let workers: Vec<WorkerId> =
                config.workers.iter().filter_map(|name| self.state.worker_id(name)).collect();
            workers::set_builder_workers(self.conn, id, &workers)?;
        }
        Ok(())
    }

    fn activate_schedulers(&mut self, generation: &Generation) -> Result<()> {
        schedulers::unconfigure_all(self.conn)?;
        for scheduler in self.state.schedulers.values_mut() {
            scheduler.is_configured = false;
        }
        for config in &generation.config.schedulers {
            let (id, is_enabled) = schedulers::ensure(self.conn, &config.name, config.kind.word())?;
            let scheduler = self.state.schedulers.entry(id).or_insert_with(|| Scheduler {
                name: config.name.clone(),
                is_enabled,
                is_configured: true,
                held: Vec::new(),
            });
            scheduler.name.clone_from(&config.name);
            scheduler.is_enabled = is_enabled;
            scheduler.is_configured = true;
        }
        self.begin_timers(generation)
    }

    pub(super) fn generation_refused(
        &mut self,
        error: &str,
        files: &[(String, Option<String>)],
        answer: Answer<()>,
    ) -> Result<()> {
        let id = generations::reject(self.conn, error, files, self.now)?;
        self.announce(Event::GenerationRejected { generation: id });
        self.answer(answer, Ok(()));
        Ok(())
    }
}

fn has_same_password(a: &WorkerConfig, b: &WorkerConfig) -> bool {
    a.password.matches(b.password.expose())
}

/// What differs between two configurations, a line each.
fn compare(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let settings = |c: &Config| {
        vec![
            ("title", format!("{} {}", c.title, c.title_url)),
            ("url", c.url.clone()),
            ("protocols", format!("{:?}", c.protocols)),
            ("www", format!("{:?}", c.www)),
            ("properties", format!("{:?}", c.properties)),
            ("limits", format!("{:?}", c.limits)),
        ]
    };
    for ((name, a), (_, b)) in settings(old).into_iter().zip(settings(new)) {
        if a != b {
            lines.push(format!("~ {name}"));
        }
    }
    let are_same = |(a, b): (&Secret, &Secret)| a.matches(b.expose());
    let has_new_secrets = old.secrets.len() != new.secrets.len()
        || !old.secrets.iter().zip(&new.secrets).all(are_same);
    if has_new_secrets {
        lines.push("~ secrets".to_owned());
    }
    lines.extend(waiting_for_a_restart(old, new));
    compare_named("worker", &old.workers, &new.workers, |w| &w.name, &mut lines);
    compare_named("lock", &old.locks, &new.locks, |l| &l.name, &mut lines);
    compare_named("builder", &old.builders, &new.builders, |b| &b.name, &mut lines);
    compare_named("scheduler", &old.schedulers, &new.schedulers, |s| &s.name, &mut lines);
    compare_named("reporter", &old.reporters, &new.reporters, |r| &r.name, &mut lines);
    lines
}

/// What the process took when it began and takes anew only when it begins again.
fn waiting_for_a_restart(old: &Config, new: &Config) -> Vec<String> {
    let web = |c: &Config| c.www.as_ref().map(|www| (www.interface.clone(), www.port));
    let workers = |c: &Config| (c.protocols.interface.clone(), c.protocols.port);
    let changed = [
        ("c.www", "pages are served", web(old) != web(new)),
        ("c.protocols", "workers are awaited", workers(old) != workers(new)),
    ];
    let sentence = |(option, what, _)| {
        format!("! {option} moves where {what}: that takes a restart (halide-ci restart)")
    };
    changed.into_iter().filter(|(_, _, is_changed)| *is_changed).map(sentence).collect()
}

fn compare_named<T: Debug>(
    kind: &str,
    old: &[T],
    new: &[T],
    name: fn(&T) -> &String,
    lines: &mut Vec<String>,
) {
    let before: BTreeMap<&String, &T> = old.iter().map(|t| (name(t), t)).collect();
    let after: BTreeMap<&String, &T> = new.iter().map(|t| (name(t), t)).collect();
    for t in new {
        match before.get(name(t)) {
            None => lines.push(format!("+ {kind} {}", name(t))),
            Some(b) => {
                let fields = changed_fields(*b, t);
                if !fields.is_empty() {
                    lines.push(format!("~ {kind} {}: {}", name(t), fields.join(", ")));
                }
            }
        }
    }
    lines.extend(
        old.iter()
            .filter(|t| !after.contains_key(name(t)))
            .map(|t| format!("- {kind} {}", name(t))),
    );
}

/// The names of the fields in which two values of one struct differ, by their `Debug` text.
fn changed_fields<T: Debug>(a: &T, b: &T) -> Vec<String> {
    let (a, b) = (format!("{a:#?}"), format!("{b:#?}"));
    if a == b {
        return Vec::new();
    }
    let (a, b) = (top_fields(&a), top_fields(&b));
    a.into_iter().filter(|(name, text)| b.get(name) != Some(text)).map(|(name, _)| name).collect()
}

/// The fields of a pretty `Debug` text: lines indented by exactly four spaces begin one.
fn top_fields(text: &str) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        let is_top = line.starts_with("    ") && !line.starts_with("     ");
        if let Some((name, _)) = line.trim_start().split_once(": ").filter(|_| is_top) {
            current = name.to_owned();
        }
        let field = fields.entry(current.clone()).or_default();
        field.push_str(line);
        field.push('\n');
    }
    fields.remove("");
    fields
}

/// Files whose text changed although no option did: the change is inside functions.
fn changed_files(old: &Config, new: &Config) -> Vec<String> {
    new.files
        .iter()
        .filter(|file| {
            let before = old.files.iter().find(|f| f.path == file.path);
            before.is_some_and(|b| b.text != file.text)
        })
        .map(|file| {
            format!("~ file {}", file.path.file_name().unwrap_or_default().to_string_lossy())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Site;

    fn worker(name: &str, max_builds: u32, line: u32) -> WorkerConfig {
        WorkerConfig {
            name: name.to_owned(),
            password: Secret::new("x"),
            max_builds: Some(max_builds),
            properties: BTreeMap::new(),
            locks: Vec::new(),
            site: Site { file: "master.lua".into(), line },
        }
    }

    #[test]
    fn a_reload_names_what_changed_and_ignores_where_it_stands() {
        let old =
            Config { workers: vec![worker("a", 1, 3), worker("b", 1, 4)], ..Config::default() };
        let new = Config {
            workers: vec![worker("b", 1, 9), worker("c", 1, 10)],
            title: "T".to_owned(),
            ..Config::default()
        };
        assert_eq!(compare(&old, &new), ["~ title", "+ worker c", "- worker a"]);
        let newer = Config { workers: vec![worker("b", 2, 9)], ..Config::default() };
        let older = Config { workers: vec![worker("b", 1, 1)], ..Config::default() };
        assert_eq!(compare(&older, &newer), ["~ worker b: max_builds"]);
    }

    #[test]
    fn a_new_secret_is_named_and_a_port_is_said_to_wait_for_a_restart() {
        let old = Config::default();
        let mut new = Config::default();
        new.protocols.port += 1;
        let lines = compare(&old, &new);
        let secrets = Config { secrets: vec![Secret::new("x")], ..Config::default() };
        assert_eq!(compare(&old, &secrets), ["~ secrets"]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "~ protocols");
        assert!(lines[1].starts_with("! c.protocols") && lines[1].contains("restart"), "{lines:?}");
    }
}
