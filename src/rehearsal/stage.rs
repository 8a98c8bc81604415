//! Masters for tests in Lua: what `ci.test` asks, by verb. Arguments and answers are JSON; their
//! names are documented in `lua/ci/meta/test.lua`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::sync::Mutex;

use super::account::RequestAccount;
use super::github::{PullRequest, Push};
use super::network::Canned;
use super::worker::{Answer, Rule};
use super::{EventAccount, GITHUB, Options, Rehearsal, RehearsalError};
use crate::api::forces;
use crate::base::clock::Timestamp;
use crate::base::text::nearest;
use crate::engine::input::BuildOrder;
use crate::http;
use crate::model::change::NewChange;
use crate::model::config::{Parameter, ParameterKind};
use crate::model::property::Properties;
use crate::model::sourcestamp::Sourcestamp;
use crate::script::testing::{Asked, Stage};

/// When masters begin unless a test says otherwise: 2026-01-01 00:00:00 UTC.
const EPOCH: i64 = 1_767_225_600;

/// The masters of one test file.
pub struct Masters(Rc<Inner>);

struct Inner {
    /// The configuration that tests get unless they name another.
    file: PathBuf,
    base_dir: PathBuf,
    /// Where the test is: names of files are relative to it.
    folder: PathBuf,
    masters: RefCell<BTreeMap<u64, Rc<Mutex<Rehearsal>>>>,
    next: Cell<u64>,
    /// For commits that nobody named.
    commits: Cell<u64>,
}

impl Masters {
    /// No masters yet; tests in `folder` get the configuration `file`.
    #[must_use]
    pub fn new(file: PathBuf, base_dir: PathBuf, folder: PathBuf) -> Self {
        Self(Rc::new(Inner {
            file,
            base_dir,
            folder,
            masters: RefCell::default(),
            next: Cell::new(1),
            commits: Cell::new(1),
        }))
    }
}

impl Stage for Masters {
    fn ask(&self, verb: &str, arguments: Json) -> Asked {
        let (inner, verb) = (self.0.clone(), verb.to_owned());
        // In a task of its own: the engine's work is not the test's computing time.
        let work = tokio::task::spawn_local(async move { inner.answer(&verb, arguments).await });
        Box::pin(async move {
            work.await.unwrap_or_else(|_| Err("a bug ended the rehearsal.".to_owned()))
        })
    }
}

/// Empty Lua tables are maps; where a list belongs, they are empty lists.
fn options<T: DeserializeOwned>(what: &str, mut json: Json) -> Result<T, String> {
    if let Some(map) = json.as_object_mut() {
        for (_, value) in
            map.iter_mut().filter(|(name, _)| !["properties", "headers"].contains(&name.as_str()))
        {
            if value.as_object().is_some_and(Map::is_empty) {
                *value = Json::Array(Vec::new());
            }
        }
    }
    serde_json::from_value(json).map_err(|error| format!("{what} cannot be read: {error}."))
}

fn shown<T: Serialize>(value: T) -> Result<Json, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn failed(error: RehearsalError) -> String {
    match error {
        RehearsalError::Config(error) => format!("the configuration is broken:\n{error}"),
        RehearsalError::Other(text) => text,
    }
}

/// The requests as an outcome.
fn outcome(requests: &[RequestAccount]) -> Result<Json, String> {
    Ok(json!({ "requests": shown(requests)? }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MasterOptions {
    file: Option<PathBuf>,
    now: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BuildOptions {
    branch: Option<String>,
    revision: Option<String>,
    repository: String,
    project: String,
    codebase: String,
    properties: BTreeMap<String, Json>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ForceOptions {
    builders: Vec<String>,
    user: Option<String>,
}

impl BuildOptions {
    fn sourcestamp(&self) -> Sourcestamp {
        Sourcestamp {
            branch: self.branch.clone(),
            revision: self.revision.clone(),
            repository: self.repository.clone(),
            project: self.project.clone(),
            codebase: self.codebase.clone(),
            patch: None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EventOptions {
    hook: Option<String>,
    headers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HttpAnswer {
    status: Option<u16>,
    body: Option<String>,
    json: Option<Json>,
    headers: BTreeMap<String, String>,
}

/// The words of a rule: a list, or a text whose words they are.
fn words(json: &Json) -> Result<Vec<String>, String> {
    let wrong = || "worker:on takes the first words of a command: a text or a list.".to_owned();
    match json {
        Json::String(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Json::Array(items) => items
            .iter()
            .map(|item| match item {
                Json::String(text) => Ok(text.clone()),
                Json::Number(number) => Ok(number.to_string()),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

fn time(now: Option<&Json>) -> Result<Timestamp, String> {
    let wrong = || {
        "`now` of t.master is a time such as \"2026-01-01T00:00:00Z\", or seconds since 1970."
            .to_owned()
    };
    match now {
        None => Ok(Timestamp::from_secs(EPOCH)),
        Some(Json::Number(seconds)) => seconds.as_i64().map(Timestamp::from_secs).ok_or_else(wrong),
        Some(Json::String(text)) => {
            let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
            Ok(Timestamp(parsed.as_microsecond()))
        }
        Some(_) => Err(wrong()),
    }
}

impl Inner {
    /// A commit's hash that no other has.
    fn fresh(&self) -> String {
        let number = self.commits.replace(self.commits.get() + 1);
        format!("{number:040x}")
    }

    async fn answer(&self, verb: &str, mut arguments: Json) -> Result<Json, String> {
        match verb {
            "end" => {
                self.masters.borrow_mut().clear();
                return Ok(Json::Null);
            }
            "start" => return self.start(arguments["options"].take()).await,
            _ => {}
        }
        let id = arguments["master"].as_u64().unwrap_or(0);
        let master = self.masters.borrow().get(&id).cloned();
        let Some(master) = master else {
            return Err("this master belongs to a test that has ended.".to_owned());
        };
        let mut master = master.lock().await;
        let mut argument = |name: &str| arguments.get_mut(name).map(Json::take).unwrap_or_default();
        let worker = argument("worker").as_str().unwrap_or_default().to_owned();
        match verb {
            "push" => {
                let push: Push = options("push", argument("options"))?;
                let payload = push.payload(&self.fresh());
                github(&mut master, "push", &payload).await
            }
            "pull_request" => {
                let pull: PullRequest = options("pull_request", argument("options"))?;
                let fresh = self.fresh();
                for canned in pull.answers(&api(&master), &fresh) {
                    master.lay_out(canned);
                }
                github(&mut master, "pull_request", &pull.payload(&fresh)).await
            }
            "event" => {
                let name = argument("name").as_str().unwrap_or_default().to_owned();
                let payload = self.payload(argument("payload"))?;
                let given: EventOptions = options("the options of event", argument("options"))?;
                let hook = given.hook.as_deref().unwrap_or(GITHUB);
                event(master.deliver(hook, &name, given.headers, &payload).await)
            }
            "change" => {
                let change: NewChange = options("change", argument("options"))?;
                event(master.change(&change).await)
            }
            "force" => {
                let scheduler = argument("scheduler").as_str().unwrap_or_default().to_owned();
                let given = options("the options of master:force", argument("options"))?;
                let form = argument("form");
                let empty = Map::new();
                force(&mut master, &scheduler, form.as_object().unwrap_or(&empty), given).await
            }
            "run" => {
                let builder = argument("builder").as_str().unwrap_or_default().to_owned();
                run(&mut master, builder, argument("options")).await
            }
            "advance" => {
                let seconds = argument("seconds").as_f64().unwrap_or(-1.0);
                let time = Duration::try_from_secs_f64(seconds)
                    .map_err(|_| "master:advance takes seconds.".to_owned())?;
                outcome(&master.advance(time).await.map_err(failed)?)
            }
            "all" => outcome(&master.all().await.map_err(failed)?),
            "on" => {
                let words = words(&argument("words"))?;
                let answer: Answer = options("the answer of worker:on", argument("answer"))?;
                master.on(&worker, Rule { words, answer }).map_err(failed)?;
                Ok(Json::Null)
            }
            "worker" => {
                let news = argument("info");
                master.inform(&worker, &news).await.map_err(failed)?;
                Ok(Json::Null)
            }
            "connect" => {
                master.connect(&worker).await.map_err(failed)?;
                master.settle().await.map_err(failed)?;
                Ok(Json::Null)
            }
            "disconnect" => {
                master.disconnect(&worker).await.map_err(failed)?;
                Ok(Json::Null)
            }
            "http" => {
                let text = |json: Json| json.as_str().unwrap_or_default().to_owned();
                let (method, url) = (text(argument("method")), text(argument("url")));
                let answer: HttpAnswer = http_answer(argument("answer"))?;
                let mut body = answer.body.unwrap_or_default().into_bytes();
                let mut headers: Vec<(String, String)> =
                    answer.headers.into_iter().map(|(n, v)| (n.to_lowercase(), v)).collect();
                if let Some(json) = answer.json {
                    body = json.to_string().into_bytes();
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                let status = answer.status.unwrap_or(200);
                let answer = http::Answer { status, headers, body };
                master.lay_out(Canned { method, url, answer });
                Ok(Json::Null)
            }
            "unanswered" => shown(master.unanswered()),
            "config" => shown(master.config().to_json()),
            "now" => Ok(Json::from(master.now().secs())),
            other => Err(format!("there is no {other:?} to be done with a master.")),
        }
    }

    async fn start(&self, json: Json) -> Result<Json, String> {
        let given: MasterOptions = options("the options of t.master", json)?;
        let file = given.file.map_or_else(|| self.file.clone(), |file| self.folder.join(file));
        let now = time(given.now.as_ref())?;
        let base_dir = self.base_dir.clone();
        let options = Options { file, base_dir, now, trusts_requests: false };
        let master = Rehearsal::start(options).await.map_err(failed)?;
        let id = self.next.replace(self.next.get() + 1);
        self.masters.borrow_mut().insert(id, Rc::new(Mutex::new(master)));
        Ok(Json::from(id))
    }

    /// A payload given as it is, or as a file.
    fn payload(&self, given: Json) -> Result<Json, String> {
        let Json::String(name) = &given else { return Ok(given) };
        let path = self.folder.join(name);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{name} is not JSON: {error}."))
    }
}

/// Maps stay maps in it: `json = {}` is an object, as everywhere in Lua.
fn http_answer(json: Json) -> Result<HttpAnswer, String> {
    serde_json::from_value(json).map_err(|error| format!("the answer cannot be read: {error}."))
}

/// The base URL of the hook's API.
fn api(master: &Rehearsal) -> String {
    let hook = master.config().www.as_ref().and_then(|www| www.hooks.github.as_ref());
    hook.map(|hook| hook.api.clone()).unwrap_or_default()
}

fn event(account: Result<EventAccount, RehearsalError>) -> Result<Json, String> {
    shown(account.map_err(failed)?)
}

async fn github(master: &mut Rehearsal, name: &str, payload: &Json) -> Result<Json, String> {
    event(master.deliver(GITHUB, name, BTreeMap::new(), payload).await)
}

/// Fills in the form of a force scheduler, as a page or a client of the data API would.
async fn force(
    master: &mut Rehearsal,
    name: &str,
    form: &Map<String, Json>,
    given: ForceOptions,
) -> Result<Json, String> {
    let config = master.config();
    let Some((scheduler, force)) = forces::find(config, name) else {
        return Err(match config.scheduler(name) {
            Some(other) => format!("{name} is not a force scheduler, it is {}.", other.kind.word()),
            None => {
                let known = config.schedulers.iter().map(|s| s.name.as_str());
                format!("there is no scheduler {name:?}.{}", near(name, known))
            }
        });
    };
    let mut known = Vec::new();
    force.fields.iter().for_each(|field| full_names(field, &mut known));
    if let Some(wrong) = form.keys().find(|key| !known.contains(&key.as_str())) {
        let near = near(wrong, known.iter().copied());
        let known = known.join(", ");
        return Err(format!("the form of {name} has no field `{wrong}`.{near} It has {known}."));
    }
    let user = given.user.as_deref();
    let (builders, validation) = (given.builders, &config.validation);
    let wish =
        forces::fill_in(scheduler, force, builders, form, validation, user).map_err(|errors| {
            let lines: Vec<String> =
                errors.into_iter().map(|(field, what)| format!("  {field}: {what}")).collect();
            format!("the form of {name} is not right:\n{}", lines.join("\n"))
        })?;
    outcome(&master.force(wish).await.map_err(failed)?)
}

/// The names of a form's fields, as they are filled in.
fn full_names<'a>(field: &'a Parameter, out: &mut Vec<&'a str>) {
    match &field.kind {
        ParameterKind::Nested { fields, .. } => fields.iter().for_each(|f| full_names(f, out)),
        _ => out.push(&field.full_name),
    }
}

fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or(String::new(), |near| format!(" Did you mean `{near}`?"))
}

async fn run(master: &mut Rehearsal, builder: String, json: Json) -> Result<Json, String> {
    let given: BuildOptions = options("the options of master:run", json)?;
    let known = master.config().builders.iter().map(|b| b.name.as_str());
    if !known.clone().any(|name| name == builder) {
        let hint = match nearest(&builder, known.clone()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("The builders are {}.", known.collect::<Vec<_>>().join(", ")),
        };
        return Err(format!("there is no builder {builder:?}. {hint}"));
    }
    let order = BuildOrder {
        builder,
        reason: "test".to_owned(),
        sourcestamps: vec![given.sourcestamp()],
        properties: Properties::from_values(&given.properties, "test"),
    };
    outcome(&master.build(order).await.map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::script::META;

    /// The fields of an annotated class of `ci.test`.
    fn annotated(class: &str) -> BTreeSet<String> {
        let meta = META.iter().find(|(name, _)| *name == "test.lua").unwrap().1;
        let start = meta.find(&format!("---@class ci.test.{class}\n")).unwrap();
        let lines = meta[start..].lines().skip(1);
        lines
            .map_while(|line| line.strip_prefix("---@field "))
            .map(|rest| rest.split(['?', ' ']).next().unwrap().to_owned())
            .collect()
    }

    /// The fields that are read: an unknown one is answered with the list of them.
    fn read<T: DeserializeOwned>() -> BTreeSet<String> {
        let wrong = serde_json::from_value::<T>(json!({ "no such field": 1 }));
        let text = wrong.err().unwrap().to_string();
        text.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_option_of_a_test_is_annotated_and_read() {
        assert_eq!(read::<MasterOptions>(), annotated("MasterOptions"));
        assert_eq!(read::<Push>(), annotated("Push"));
        assert_eq!(read::<PullRequest>(), annotated("PullRequest"));
        assert_eq!(read::<NewChange>(), annotated("Change"));
        assert_eq!(read::<EventOptions>(), annotated("EventOptions"));
        assert_eq!(read::<HttpAnswer>(), annotated("HttpAnswer"));
        assert_eq!(read::<Answer>(), annotated("Answer"));
        assert_eq!(read::<BuildOptions>(), annotated("Run"));
        assert_eq!(read::<ForceOptions>(), annotated("ForceOptions"));
    }
}
