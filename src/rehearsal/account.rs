//! What came of a rehearsal, as data: for the terminal, for `--json` and for tests in Lua. Secrets are
//! masked here, once and for all.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::record::{Record, Run, Sent};
use crate::base::id::{BuildId, RequestId};
use crate::base::results::Results;
use crate::base::tree::Tree;
use crate::engine::{Engine, Generation};
use crate::model::config::{
    Callback, Condition, Config, LockAccess, LockList, LockMode, Site, StepConfig, StepFlags,
};
use crate::model::render::Renderable;
use crate::store::views::rehearsal::Asked;
use crate::store::views::steps::Shown;
use crate::store::views::triggers::{self, Child};
use crate::store::views::{builds, properties, rehearsal, steps};
use crate::store::{self, frames};

/// Lines of a log that are shown.
const LINES: i64 = 10_000;

/// A request and the builds that it led to.
#[derive(Clone, Debug, Serialize)]
pub struct RequestAccount {
    /// The builder.
    pub builder: String,
    /// Why it was asked.
    pub reason: String,
    /// Which scheduler asked; none: the command line or the test itself.
    pub scheduler: Option<String>,
    /// `done`, `waiting`, `running`, or why it ended without a build.
    pub state: String,
    /// Its result, once it has one.
    pub results: Option<Results>,
    /// Its builds, oldest first; all but the last were tried again.
    pub builds: Vec<BuildAccount>,
}

/// A build.
#[derive(Clone, Debug, Serialize)]
pub struct BuildAccount {
    /// The builder.
    pub builder: String,
    /// Number within the builder.
    pub number: i64,
    /// Where it ran.
    pub worker: String,
    /// How it ended; none = it runs.
    pub results: Option<Results>,
    /// What it says of itself.
    pub text: String,
    /// Why.
    pub reason: String,
    /// The scheduler that asked for it.
    pub scheduler: Option<String>,
    /// Locks of the builder and of the worker.
    pub locks: Vec<LockAccount>,
    /// Every property at the end.
    pub properties: BTreeMap<String, Json>,
    /// Every step of the factory, those that were not reached too.
    pub steps: Vec<StepAccount>,
}

/// How a lock is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockAccount {
    /// Its name; for those that a function of the build names, the function's place.
    pub lock: String,
    /// How, as far as that is known without the function.
    #[serde(flatten)]
    pub mode: Option<LockMode>,
}

/// Whether a step ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran.
    Ran,
    /// Its `do_step_if` said no.
    Skipped,
    /// It could not even begin: an option cannot be rendered.
    Broken,
    /// The build ended before it.
    NotReached,
}

/// A request that a step has triggered; its builds are accounts of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TriggeredAccount {
    /// The builder.
    pub builder: String,
    /// Through which scheduler.
    pub scheduler: Option<String>,
    /// The number of its last build.
    pub number: Option<i64>,
    /// Whether the step waits for it.
    pub waited_for: bool,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub struct StepAccount {
    /// Its name, rendered if it was reached.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Where it is written.
    pub site: String,
    /// Whether it ran.
    pub status: Status,
    /// Why it did not, or what went wrong.
    pub why: Option<String>,
    /// How it ended.
    pub results: Option<Results>,
    /// What its page says.
    pub text: Option<String>,
    /// Hidden on the page.
    pub hidden: bool,
    /// Locks held while it runs.
    pub locks: Vec<LockAccount>,
    /// What its result means for the build.
    #[serde(flatten)]
    pub flags: StepFlags,
    /// Where it works.
    pub workdir: Option<String>,
    /// Its options, rendered.
    pub options: BTreeMap<String, Json>,
    /// What it sent to the worker.
    pub commands: Vec<Sent>,
    /// What it triggered.
    pub triggered: Vec<TriggeredAccount>,
    /// Its logs, by name.
    pub logs: BTreeMap<String, String>,
}

impl From<&Child> for TriggeredAccount {
    fn from(child: &Child) -> Self {
        Self {
            builder: child.builder.clone(),
            scheduler: child.scheduler.clone(),
            number: child.number,
            waited_for: child.is_waited_for,
        }
    }
}

/// The flags of a step that are not the usual ones: `halt_on_failure`, `flunk_on_failure = false`.
#[must_use]
pub fn unusual(flags: StepFlags) -> Vec<String> {
    let (usual, given) = (Tree::of(&StepFlags::default()), Tree::of(&flags));
    let Tree::Map(entries) = given else { return Vec::new() };
    let differs = |(name, value): &(String, Tree)| usual.get(name) != Some(value);
    let words = |(name, value): (String, Tree)| match value {
        Tree::Plain(Json::Bool(true)) => name,
        _ => format!("{name} = false"),
    };
    entries.into_iter().filter(differs).map(words).collect()
}

/// Where the accounts are read from.
pub(super) struct Books<'a> {
    pub(super) engine: &'a Engine,
    pub(super) generation: &'a Generation,
    pub(super) record: &'a Record,
}

impl Books<'_> {
    /// The requests made after `after` that are `wanted`, with their builds.
    pub(super) async fn requests(
        &self,
        after: RequestId,
        wanted: impl Fn(&Asked) -> bool,
    ) -> store::Result<Vec<RequestAccount>> {
        let read = move |conn: &store::Conn<'_>| rehearsal::requests(conn, after);
        let mut out = Vec::new();
        for asked in self.engine.store().read(read).await?.into_iter().filter(wanted) {
            out.push(self.request(asked).await?);
        }
        Ok(out)
    }

    async fn request(&self, asked: Asked) -> store::Result<RequestAccount> {
        let mut builds = Vec::new();
        for build in &asked.builds {
            builds.extend(self.build(*build).await?);
        }
        let state = match (&asked.ended_because, asked.results) {
            (Some(because), _) => because.clone(),
            (None, Some(_)) => "done".to_owned(),
            (None, None) if builds.last().is_some_and(|b| b.results.is_none()) => {
                "running".to_owned()
            }
            (None, None) => match &asked.held_by {
                Some(held_by) => format!("waiting for {held_by}"),
                None => "waiting".to_owned(),
            },
        };
        let Asked { builder, reason, scheduler, results, .. } = asked;
        Ok(RequestAccount { builder, reason, scheduler, state, results, builds })
    }

    async fn build(&self, id: BuildId) -> store::Result<Option<BuildAccount>> {
        let read = move |conn: &store::Conn<'_>| {
            let detail = builds::detail(conn, builds::At::Id(id.0))?;
            let triggered = triggers::of_build(conn, id.0)?;
            Ok((detail, steps::of_build(conn, id.0)?, properties::of_build(conn, id.0)?, triggered))
        };
        let (detail, shown, properties, triggered) = self.engine.store().read(read).await?;
        let Some(detail) = detail else { return Ok(None) };
        let config = &self.generation.config;
        let line = detail.line;
        let builder = config.builder(&line.builder);
        let worker = config.worker(&line.worker);
        let of_builder = builder.iter().flat_map(|b| self.locks(&b.locks));
        let of_worker = worker.iter().flat_map(|w| &w.locks).map(|a| lock(config, a));
        let accesses = of_builder.chain(of_worker);
        let mut runs = self.record.of_build(&line.builder, line.number);
        let mut out = Vec::new();
        let factory = builder.map(|b| b.steps.as_slice()).unwrap_or_default();
        for (place, step) in factory.iter().enumerate() {
            let row = shown.iter().find(|row| row.place == i64::try_from(place).ok());
            let run = row.and_then(|row| runs.remove(&row.number));
            out.push((row.map(|row| row.number), self.step(step, row, run).await?));
        }
        for row in shown.iter().filter(|row| row.number > 0 && row.place.is_none()) {
            let run = runs.remove(&row.number);
            let at = out.iter().position(|(number, _)| number.is_none_or(|n| n > row.number));
            let account = self.step(&added(row, run.as_ref()), Some(row), run).await?;
            out.insert(at.unwrap_or(out.len()), (Some(row.number), account));
        }
        let mut out: Vec<StepAccount> = out.into_iter().map(|(_, account)| account).collect();
        for account in &mut out {
            let of_step = |child: &&Child| child.step.as_ref() == Some(&account.name);
            account.triggered =
                triggered.iter().filter(of_step).map(TriggeredAccount::from).collect();
        }
        let value = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Ok(Some(BuildAccount {
            locks: accesses.collect(),
            properties: properties.into_iter().map(|(name, v, _)| (name, value(&v))).collect(),
            steps: out,
            builder: line.builder,
            number: line.number,
            worker: line.worker,
            results: line.results,
            text: line.state,
            reason: detail.reason,
            scheduler: detail.scheduler,
        }))
    }

    async fn step(
        &self,
        step: &StepConfig,
        row: Option<&Shown>,
        run: Option<Run>,
    ) -> store::Result<StepAccount> {
        let mut logs = BTreeMap::new();
        for log in row.iter().flat_map(|row| &row.logs) {
            let id = log.id;
            let read = move |conn: &store::Conn<'_>| frames::lines(conn, id, 0, LINES, true);
            let lines = self.engine.store().read_logs(read).await?;
            let text: String = lines.into_iter().map(|line| line.text + "\n").collect();
            logs.insert(log.name.clone(), text);
        }
        let results = row.and_then(|row| row.results);
        let error = logs.get("error").map(|text| text.trim_end().to_owned());
        let (status, why) = match (row, &run) {
            (None, _) => (Status::NotReached, None),
            (Some(_), Some(_)) => (Status::Ran, error),
            (Some(_), None) if results == Some(Results::Skipped) => {
                (Status::Skipped, Some(refusal(step)))
            }
            (Some(_), None) => (Status::Broken, error),
        };
        let mut run = run.unwrap_or_default();
        run.options.values_mut().for_each(|value| self.mask(value));
        for sent in &mut run.commands {
            self.mask(&mut sent.command);
            sent.env.values_mut().for_each(|value| self.mask(value));
            for text in sent.workdir.iter_mut().chain(&mut sent.stdin) {
                *text = self.generation.masked(text);
            }
        }
        let name = match (row, &step.name) {
            (Some(row), _) => row.name.clone(),
            (None, Some(name)) => self.unrendered(name),
            (None, None) => step.kind.clone(),
        };
        Ok(StepAccount {
            name,
            kind: step.kind.clone(),
            site: step.site.to_string(),
            status,
            why,
            results,
            text: row.map(|row| row.state.clone()),
            hidden: row.is_some_and(|row| row.hidden),
            locks: self.locks(&step.locks),
            flags: step.flags,
            workdir: Some(self.generation.masked(&run.workdir)).filter(|dir| !dir.is_empty()),
            options: run.options,
            commands: run.commands,
            triggered: Vec::new(),
            logs,
        })
    }

    /// The locks of a list; of what is rendered, where it is written.
    fn locks(&self, list: &LockList) -> Vec<LockAccount> {
        let fixed = list.fixed.iter().map(|a| lock(&self.generation.config, a));
        let rendered = list.rendered.iter().map(|value| {
            let json = serde_json::to_value(value).unwrap_or_default();
            let lock = match json.get("$function").and_then(Json::as_str) {
                Some(site) => format!("what the function at {site} says"),
                None => json.to_string(),
            };
            LockAccount { lock, mode: None }
        });
        fixed.chain(rendered).collect()
    }

    /// A name that nobody has rendered, as it is written.
    fn unrendered(&self, name: &crate::model::render::Renderable) -> String {
        let json = serde_json::to_value(name).unwrap_or_default();
        let text = json.as_str().or_else(|| json.get("$interpolate")?.as_str());
        self.generation.masked(&text.map_or_else(|| json.to_string(), str::to_owned))
    }

    fn mask(&self, value: &mut Json) {
        match value {
            Json::String(text) => *text = self.generation.masked(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.mask(item)),
            Json::Object(map) => map.values_mut().for_each(|item| self.mask(item)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// What is known of a step that another one has added.
fn added(row: &Shown, run: Option<&Run>) -> StepConfig {
    let site = run.map(|run| run.site.as_str()).unwrap_or_default();
    let (file, line) = site.rsplit_once(':').unwrap_or((site, "0"));
    let site = Site { file: file.into(), line: line.parse().unwrap_or(0) };
    StepConfig {
        kind: "added".to_owned(),
        name: Some(Renderable::text(&row.name)),
        run: Callback { slot: 0, site: site.clone(), fingerprint: 0 },
        options: BTreeMap::new(),
        flags: StepFlags::default(),
        do_step_if: None,
        hide_step_if: None,
        locks: LockList::default(),
        description: None,
        description_done: None,
        description_suffix: None,
        retry: None,
        group: None,
        site,
    }
}

fn refusal(step: &StepConfig) -> String {
    match &step.do_step_if {
        Some(Condition::Callback(f)) => format!("do_step_if at {} says no", f.site),
        Some(Condition::Value(value)) => match serde_json::to_value(value) {
            Ok(json) if value.as_constant().is_none() => format!("do_step_if says no: {json}"),
            _ => "do_step_if = false".to_owned(),
        },
        None => "it skipped itself".to_owned(),
    }
}

fn lock(config: &Config, access: &LockAccess) -> LockAccount {
    let name = config.locks.get(access.lock).map_or("?", |lock| lock.name.as_str());
    LockAccount { lock: name.to_owned(), mode: Some(access.mode) }
}
