//! What a message's template or function looks at, as JSON: Buildbot's names and shapes, read from
//! the rows. `lua/ci/meta/reporters.lua` documents it (`ci.MessageContext`).

use serde_json::{Map, Value as Json, json};

use super::view::page;
use crate::base::clock::Timestamp;
use crate::base::results::Results;
use crate::engine::{Engine, Generation};
use crate::model::change::Change;
use crate::model::config::{Generator, Logs, Wants};
use crate::model::telling::{Kind, Mode, detected};
use crate::store::facts::{self, Brief, Facts, WorkerFacts};
use crate::store::views::steps;
use crate::store::{StoreError, frames};

/// The most lines of one log that a message may hold; the first and the last of a longer one.
const LINES: i64 = 1000;

/// The context of a build, a request or a buildset.
///
/// # Errors
/// What the database refuses.
pub(super) async fn of_build(
    facts: &Facts,
    generator: Option<&Generator>,
    wants: &Wants,
    engine: &Engine,
    generation: &Generation,
) -> Result<Json, StoreError> {
    let mut build = build(facts, generation);
    if !wants.want_properties {
        build["properties"] = json!({});
    }
    let none = Logs::None;
    let add_logs = generator.map_or(&none, |generator| &generator.add_logs);
    let contents = [&wants.want_logs_content, add_logs];
    let has_contents = contents.iter().any(|logs| **logs != Logs::None);
    let mut logs = Vec::new();
    if wants.want_steps || wants.want_logs || has_contents {
        let (steps, texts) = self::steps(facts, &contents, engine, generation).await?;
        (build["steps"], logs) = (steps, texts);
    }
    let is_buildset = facts.kind == Kind::BuildsetFinished;
    let builds = if is_buildset {
        let id = facts.buildset.id;
        let briefs = engine.store().read(move |conn| facts::briefs(conn, id)).await?;
        briefs.iter().map(|one| brief(one, generation)).collect()
    } else {
        vec![build.clone()]
    };
    let config = &generation.config;
    let mode: Vec<&str> =
        generator.map_or(&[Mode::All][..], Generator::modes).iter().map(|m| m.word()).collect();
    let properties = facts.properties.0.iter().filter(|_| wants.want_properties);
    let properties: Map<_, _> =
        properties.map(|(name, (value, _))| (name.clone(), value.clone())).collect();
    let mut people: Vec<&str> = facts.changes.iter().map(|c| c.what.author.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    Ok(json!({
        "event": facts.kind.word(),
        "mode": mode,
        "results": facts.results.map(Results::code),
        "result": facts.results.map(Results::word),
        "previous_results": facts.previous.map(Results::code),
        "previous_result": facts.previous.map(Results::word),
        "status_detected": status(facts),
        "summary": summary(facts),
        "buildername": facts.builder_name,
        "workername": facts.worker,
        "build": build,
        "builds": builds,
        "buildset": buildset(facts),
        "is_buildset": is_buildset,
        "build_url": page(generation, facts),
        "projects": projects(facts, &config.title),
        "blamelist": people,
        "reason": facts.reason,
        "properties": properties,
        "sourcestamps": facts.sourcestamps,
        "changes": facts.changes.iter().map(Change::view).collect::<Vec<_>>(),
        "logs": logs,
        "result_names": Results::ALL.map(Results::word),
        "buildbot_title": config.title,
        "buildbot_url": config.url,
    }))
}

/// The context of a worker.
pub(super) fn of_worker(kind: Kind, facts: &WorkerFacts, generation: &Generation) -> Json {
    let config = &generation.config;
    let notify = config.worker(&facts.name).map(|w| w.notify_on_missing.clone());
    json!({
        "event": kind.word(),
        "workername": facts.name,
        "worker": {
            "workerid": facts.id,
            "name": facts.name,
            "workerinfo": facts.info,
            "notify": notify.unwrap_or_default(),
            "last_connection": facts.last_seen.map(Timestamp::secs),
            "away_since": facts.since.secs(),
            "away_for": facts.noticed_at.since(facts.since).as_secs(),
        },
        "buildbot_title": config.title,
        "buildbot_url": config.url,
    })
}

/// A build in the shape of Buildbot's data API, with its builder, request and buildset inside; a
/// request without one looks like a build that has not begun.
pub(super) fn build(facts: &Facts, generation: &Generation) -> Json {
    let is_buildset = facts.kind == Kind::BuildsetFinished;
    let results = if is_buildset { None } else { facts.results.map(Results::code) };
    json!({
        "buildid": facts.build,
        "number": facts.number,
        "builderid": facts.builder,
        "buildrequestid": facts.request,
        "workerid": facts.worker_id,
        "workername": facts.worker,
        "started_at": facts.started_at.map(Timestamp::secs),
        "complete": facts.complete_at.is_some() || facts.kind == Kind::BuildFinished,
        "complete_at": facts.complete_at.map(Timestamp::secs),
        "state_string": facts.state_string,
        "results": results,
        "properties": facts.properties,
        "url": page(generation, facts),
        "builder": {
            "builderid": facts.builder,
            "name": facts.builder_name,
            "description": facts.builder_description,
            "tags": facts.builder_tags,
        },
        "buildrequest": {
            "buildrequestid": facts.request,
            "buildsetid": facts.buildset.id,
            "builderid": facts.builder,
            "submitted_at": facts.submitted_at.secs(),
        },
        "buildset": buildset(facts),
    })
}

fn buildset(facts: &Facts) -> Json {
    let buildset = &facts.buildset;
    json!({
        "bsid": buildset.id,
        "external_idstring": buildset.external_idstring,
        "reason": facts.reason,
        "submitted_at": buildset.submitted_at.secs(),
        "complete": buildset.complete_at.is_some(),
        "complete_at": buildset.complete_at.map(Timestamp::secs),
        "results": buildset.results.map(Results::code),
        "parent_buildid": buildset.parent_build,
        "parent_relationship": buildset.parent_relationship,
        "sourcestamps": facts.sourcestamps,
    })
}

fn brief(brief: &Brief, generation: &Generation) -> Json {
    let (id, number) = brief.build.unzip();
    json!({
        "buildid": id,
        "number": number,
        "builderid": brief.builder,
        "builder": { "builderid": brief.builder, "name": brief.builder_name },
        "results": brief.results.map(Results::code),
        "result": brief.results.map(Results::word),
        "state_string": brief.state_string,
        "url": number.map(|number| generation.config.build_url(brief.builder, number)),
    })
}

/// The steps of the build, with the text of the logs that are wanted; those also by themselves.
async fn steps(
    facts: &Facts,
    contents: &[&Logs; 2],
    engine: &Engine,
    generation: &Generation,
) -> Result<(Json, Vec<Json>), StoreError> {
    let Some(id) = facts.build else { return Ok((json!([]), Vec::new())) };
    let steps = engine.store().read(move |conn| steps::of_build(conn, id.0)).await?;
    let (mut out, mut texts) = (Vec::new(), Vec::new());
    for step in steps {
        let mut logs = Vec::new();
        for log in step.logs {
            let url =
                format!("{}/steps/{}/logs/{}", page(generation, facts), step.number, log.slug);
            let mut shown = json!({
                "name": log.name,
                "slug": log.slug,
                "stepname": step.name,
                "num_lines": log.num_lines,
                "complete": log.is_complete,
                "url": url,
            });
            if contents.iter().any(|logs| logs.has(&step.name, &log.name)) {
                let (id, lines) = (log.id, log.num_lines);
                let text = engine.store().read_logs(move |conn| content(conn, id, lines)).await?;
                shown["content"] = Json::from(generation.masked(&text));
                texts.push(shown.clone());
            }
            logs.push(shown);
        }
        out.push(json!({
            "number": step.number,
            "name": step.name,
            "started_at": step.started_at.map(Timestamp::secs),
            "complete_at": step.complete_at.map(Timestamp::secs),
            "complete": step.complete_at.is_some(),
            "results": step.results.map(Results::code),
            "result": step.results.map(Results::word),
            "state_string": step.state,
            "hidden": step.hidden,
            "urls": step.urls.iter().map(|(name, url)| json!({ "name": name, "url": url })).collect::<Vec<_>>(),
            "logs": logs,
        }));
    }
    Ok((Json::Array(out), texts))
}

fn content(
    conn: &crate::store::Conn<'_>,
    id: crate::base::id::LogId,
    lines: i64,
) -> crate::store::Result<String> {
    let join = |lines: Vec<frames::Line>| {
        lines.into_iter().map(|line| line.text + "\n").collect::<String>()
    };
    if lines <= LINES {
        return Ok(join(frames::lines(conn, id, 0, LINES, true)?));
    }
    let half = LINES / 2;
    let first = join(frames::lines(conn, id, 0, half, true)?);
    let last = join(frames::lines(conn, id, lines - half, half, true)?);
    Ok(format!("{first}… {} lines are left out …\n{last}", lines - LINES))
}

fn status(facts: &Facts) -> Option<String> {
    match facts.kind {
        Kind::RequestAdded => Some("pending build".to_owned()),
        Kind::BuildStarted => Some("build started".to_owned()),
        _ => facts.results.map(|results| detected(results, facts.previous)),
    }
}

/// One sentence.
fn summary(facts: &Facts) -> String {
    let what = if facts.kind == Kind::BuildsetFinished { "Buildset" } else { "Build" };
    let text = match facts.kind {
        Kind::RequestAdded => return "Build pending.".to_owned(),
        Kind::BuildStarted => return "Build started.".to_owned(),
        _ => match facts.results {
            Some(Results::Success) => "succeeded",
            Some(Results::Warnings) => "had warnings",
            Some(Results::Failure) => "failed",
            Some(Results::Skipped) => "was skipped",
            Some(Results::Exception) => "ended with an exception",
            Some(Results::Retry) => "is tried again",
            Some(Results::Cancelled) => "was cancelled",
            None => "ended",
        },
    };
    match &facts.state_string {
        Some(state) if what == "Build" && facts.results != Some(Results::Success) => {
            format!("{what} {text}: {state}.")
        }
        _ => format!("{what} {text}."),
    }
}

/// The projects of the source, else the title of the whole.
fn projects(facts: &Facts, title: &str) -> String {
    let mut projects: Vec<&str> =
        facts.sourcestamps.iter().map(|s| s.project.as_str()).filter(|p| !p.is_empty()).collect();
    projects.sort_unstable();
    projects.dedup();
    if projects.is_empty() { title.to_owned() } else { projects.join(", ") }
}
