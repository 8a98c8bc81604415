//! `explain`: what the master would do, without doing it. An event, a change or a builder goes
//! through a rehearsal; `show.rs` tells people what came of it.

mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value as Json;

use super::failure::Failure;
use super::{checkconfig, logging, order, terminal};
use crate::base::clock::Clock;
use crate::base::tree::Tree;
use crate::engine::input::BuildOrder;
use crate::model::change::NewChange;
use crate::rehearsal::account::{RequestAccount, Status};
use crate::rehearsal::{self, EventAccount, Options, Rehearsal, RehearsalError, github};

/// Say what the master would do, without doing it.
///
/// The configuration runs in the real engine, but in memory: workers only note down the commands
/// they get (each succeeds and says nothing; no file exists on them), time passes at once, there is
/// no network, and a secret file that does not exist is made up. Secrets are never shown.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci explain --event push.json\n          \
                        halide-ci explain --change change.json --steps\n          \
                        halide-ci explain --builder linux --property branch=main")]
#[command(after_long_help = SHAPE)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["event", "change", "builder"])))]
pub(super) struct Args {
    /// A configuration, or a base directory [default: master, else master.lua].
    #[arg(default_value = checkconfig::DEFAULT, hide_default_value = true)]
    path: PathBuf,
    /// The configuration [default: DIR/master.lua, else master.lua beside DIR].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A webhook's payload, as JSON: who takes it, who does not and why, what is built.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// The event of the payload (X-GitHub-Event) [default: what the payload looks like].
    #[arg(long, value_name = "NAME", requires = "event")]
    event_name: Option<String>,
    /// The hook that gets the payload, by the name under which it is mounted.
    #[arg(long, value_name = "NAME", requires = "event", default_value = rehearsal::GITHUB)]
    hook: String,
    /// A change: a JSON object with branch, revision, files, category, project, repository,
    /// codebase, author, comments, properties.
    #[arg(long, value_name = "FILE")]
    change: Option<PathBuf>,
    /// A builder: every step of a build, and every command.
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// The worker that builds [default: the one the master would choose].
    #[arg(long, value_name = "NAME", requires = "builder")]
    worker: Option<String>,
    /// A property of the build; the value is JSON, or else text. `branch`, `revision`,
    /// `repository`, `project` and `codebase` are those of its source.
    #[arg(long = "property", value_name = "NAME=VALUE", requires = "builder")]
    properties: Vec<String>,
    /// Show every step of every build.
    #[arg(long)]
    steps: bool,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--help` says of the output.
const SHAPE: &str = "\
Examples: halide-ci explain --event push.json
          halide-ci explain --change change.json --steps
          halide-ci explain --builder linux --property branch=main

--json prints
  { \"verdict\": what the hook made of the event, \"failed\": true when reading it failed,
    \"changes\": [ the change, with \"verdicts\": [ { scheduler, kind, taken, why } ] ],
    \"requests\": [ { builder, reason, scheduler, state, results, builds: [ {
      builder, number, worker, results, text, reason, scheduler, locks, properties, steps: [ {
        name, kind, site, status (ran, skipped, broken, not_reached), why, results, text, hidden,
        locks, halt_on_failure and the other flags, workdir, options, logs, commands: [ {
          kind, command, workdir, env, timeout, max_time, stdin, on_master } ] } ] } ] } ],
    \"unanswered\": [ requests to the network ] }
with verdict and changes for events and changes only. Exit status: 0; 1 when the configuration is
broken, the event cannot be read or a step ends with an exception; 2 for wrong usage.";

/// What was explained.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    event: Option<EventAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Vec<RequestAccount>>,
    unanswered: Vec<String>,
}

impl Explained {
    fn requests(&self) -> &[RequestAccount] {
        let of_event = self.event.as_ref().map(|event| &event.requests);
        of_event.or(self.requests.as_ref()).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (file, base_dir) = checkconfig::find_master(&args.path, args.config.as_deref())?;
    // What is wrong with the question is told before the configuration runs.
    let question = Question::read(args)?;
    logging::start_quietly();
    let now = Clock::system().now();
    let options = Options { file, base_dir, now, trusts_requests: true };
    rehearsal::block_on(explain(args, question, options))
        .map_err(|e| Failure::failed(format!("No runtime can be made: {e}.")))?
}

/// What is asked.
enum Question {
    Event(String, Json),
    Change(Box<NewChange>),
    Builder(BuildOrder),
}

impl Question {
    fn read(args: &Args) -> Result<Self, Failure> {
        if let Some(path) = &args.event {
            let payload: Json = json(path)?;
            let name = match (&args.event_name, guess(&payload)) {
                (Some(name), _) => name.clone(),
                (None, Some(guess)) => guess.to_owned(),
                (None, None) if args.hook != rehearsal::GITHUB => "request".to_owned(),
                (None, None) => {
                    let text = format!("{} does not say which event it is of.", path.display());
                    return Err(Failure::usage(text).hint("Give --event-name, such as push."));
                }
            };
            return Ok(Self::Event(name, payload));
        }
        if let Some(path) = &args.change {
            return json(path).map(Box::new).map(Self::Change);
        }
        let builder = args.builder.as_deref().unwrap_or_default();
        Ok(Self::Builder(order::of(builder, "explain", &args.properties)?))
    }
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("{shown} cannot be read: {e}.")))?;
    serde_json::from_str(&text).map_err(|e| Failure::usage(format!("{shown} is not right: {e}.")))
}

/// The event that a payload looks like.
fn guess(payload: &Json) -> Option<&'static str> {
    let has = |name: &str| payload.get(name).is_some();
    match () {
        () if has("pull_request") && has("number") => Some("pull_request"),
        () if has("ref") && has("commits") => Some("push"),
        () if has("issue") && has("comment") => Some("issue_comment"),
        () if has("zen") => Some("ping"),
        () => None,
    }
}

async fn explain(args: &Args, question: Question, options: Options) -> Result<(), Failure> {
    let mut rehearsal = match &args.worker {
        None => Rehearsal::start(options).await.map_err(|e| failed(&e))?,
        Some(worker) => {
            let mut alone = Rehearsal::start_alone(options).await.map_err(|e| failed(&e))?;
            order::known_worker(
                alone.config(),
                args.builder.as_deref().unwrap_or_default(),
                worker,
            )?;
            alone.connect(worker).await.map_err(|e| failed(&e))?;
            alone
        }
    };
    let (mut event, mut requests) = (None, None);
    match question {
        Question::Event(name, payload) => {
            let github = rehearsal.config().www.as_ref().and_then(|www| www.hooks.github.as_ref());
            let api = github.map(|hook| hook.api.clone()).unwrap_or_default();
            for canned in github::presumed(&api, &payload) {
                rehearsal.lay_out(canned);
            }
            event = Some(
                rehearsal
                    .deliver(&args.hook, &name, BTreeMap::new(), &payload)
                    .await
                    .map_err(|e| failed(&e))?,
            );
        }
        Question::Change(change) => {
            event = Some(rehearsal.change(&change).await.map_err(|e| failed(&e))?);
        }
        Question::Builder(order) => {
            order::known_builder(rehearsal.config(), &order.builder)?;
            requests = Some(rehearsal.build(order).await.map_err(|e| failed(&e))?);
        }
    }
    let explained = Explained { event, requests, unanswered: rehearsal.unanswered() };
    if args.json {
        let mut tree = Tree::of(&explained);
        tree.walk(&mut |node| {
            if let Tree::Text(text) = node {
                *text = rehearsal.masked(text);
            }
        });
        terminal::say(&tree.pretty());
    } else {
        let with_steps = args.steps || args.builder.is_some();
        let text = show::explained(&explained, rehearsal.config(), with_steps);
        terminal::say(&rehearsal.masked(&text));
    }
    let steps = explained.requests().iter().flat_map(|r| &r.builds).flat_map(|b| &b.steps);
    let mut broken = steps.filter(|s| {
        s.status == Status::Broken || s.results == Some(crate::base::results::Results::Exception)
    });
    if explained.event.as_ref().is_some_and(|event| event.failed) || broken.next().is_some() {
        // It has been told above.
        return Err(Failure { message: String::new(), ..Failure::failed("") });
    }
    Ok(())
}

fn failed(error: &RehearsalError) -> Failure {
    Failure::failed(error.to_string())
}
