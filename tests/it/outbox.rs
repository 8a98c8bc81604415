//! Statuses on their way out, with the real engine and store but no Lua: rows go into the outbox as
//! the engine's turns put them there, and in the end GitHub must show what the rows say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::id::{BuildId, BuilderId, GenerationId, MasterId, WorkerId};
use halide_ci::base::random::Random;
use halide_ci::base::results::Results;
use halide_ci::base::secret::Secret;
use halide_ci::engine::input::{Force, NewGeneration};
use halide_ci::engine::ports::OnMaster;
use halide_ci::engine::ports::{Argument, Future, ScriptError, Scripts, StepRun};
use halide_ci::engine::recover::{self, Parts};
use halide_ci::engine::tasks::Tasks;
use halide_ci::engine::{Engine, Generation, Sabotage};
use halide_ci::http::Client;
use halide_ci::model::config::{
    BuilderConfig, Callback, Config, ForceScheduler, GithubComment, GithubStatus, HttpReporter,
    ReporterConfig, ReporterKind, SchedulerConfig, SchedulerKind, Site, WorkerConfig,
};
use halide_ci::model::delivery::{Delivery, Reading};
use halide_ci::model::property::Properties;
use halide_ci::model::render::Renderable;
use halide_ci::model::sourcestamp::Sourcestamp;
use halide_ci::model::telling::Scope;
use halide_ci::store::builds::NewBuild;
use halide_ci::store::buildsets::NewBuildset;
use halide_ci::store::outbox::{self, About, Kind, New, Trouble, Word};
use halide_ci::store::{Conn, Store, StoreOptions, builds, buildsets, requests};
use halide_ci::{params, report};
use serde_json::Value as Json;

use crate::sim::fake_github::{FakeGithub, Fault};

const REPOSITORY: &str = "halide/Halide";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A configuration without functions.
struct NoScripts;

impl Scripts for NoScripts {
    fn call(&self, _: &Callback, _: Vec<Argument>) -> Future<'_, Result<Json, ScriptError>> {
        Box::pin(async { panic!("there are no functions") })
    }

    fn run_step(&self, _: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>> {
        Box::pin(async { panic!("there are no steps") })
    }

    fn read_delivery(&self, _: Delivery) -> Future<'_, Result<Reading, ScriptError>> {
        Box::pin(async { panic!("there is no hook") })
    }
}

fn config() -> Config {
    let builder = |name: &str| BuilderConfig {
        workers: vec!["w".to_owned()],
        decisions: halide_ci::model::config::Decisions {
            collapse_requests: Some(halide_ci::model::config::Collapse::Never),
            ..Default::default()
        },
        ..BuilderConfig::new(name)
    };
    let context = Renderable::Concat(vec![
        Renderable::text("buildbot/"),
        Renderable::Property { name: "buildername".to_owned(), default: None },
    ]);
    let status = GithubStatus {
        token: Secret::new("t0ken"),
        api: "https://api.github.com".to_owned(),
        context,
        pending: Some(Renderable::text("Build pending.")),
        start: Renderable::text("Build started."),
        finish: Renderable::text("Build done."),
        verbose: false,
    };
    Config {
        url: "http://ci.example/".to_owned(),
        db_url: "sqlite:///state.sqlite".to_owned(),
        workers: vec![WorkerConfig::new("w", Secret::new("x"))],
        builders: vec![builder("linux"), builder("quiet")],
        schedulers: vec![SchedulerConfig::new(
            "force",
            &["linux", "quiet"],
            SchedulerKind::Force(ForceScheduler::plain("force")),
        )],
        reporters: vec![ReporterConfig {
            name: "github".to_owned(),
            kind: ReporterKind::GithubStatus(status),
            scope: Scope { builders: Some(vec!["linux".to_owned()]), ..Scope::default() },
            generators: None,
            site: Site::default(),
        }],
        ..Config::default()
    }
}

/// A life of a master on what is in a directory.
struct Master {
    engine: Engine,
    tasks: Tasks,
}

impl Master {
    fn start(dir: &Path, github: &FakeGithub, clock: Clock) -> Self {
        Self::start_with(dir, config(), github.client(), clock)
    }

    fn start_with(dir: &Path, config: Config, client: Client, clock: Clock) -> Self {
        let path = dir.join("state.sqlite");
        let generation = NewGeneration {
            generation: Generation::new(config, Arc::new(NoScripts)),
            files: Vec::new(),
        };
        let tasks = Tasks::new();
        let started = recover::start(Parts {
            opened: Store::open(&StoreOptions { path, durable: false, inline: true }).unwrap(),
            generation,
            master_name: "test".to_owned(),
            base_dir: Some(dir.to_owned()),
            on_master: OnMaster::Nobody,
            artifacts: None,
            clock,
            random: Random::seeded(7),
            tasks: tasks.clone(),
            observer: None,
            sabotage: Sabotage::default(),
        })
        .unwrap();
        let (engine, beat, logs) = (started.engine, started.beat, started.log_loop);
        let token = tasks.token();
        tasks.spawn("beat", async move { beat.serve(token).await.unwrap() });
        tasks.spawn("logs", async move { drop(logs.serve().await) });
        let reports = report::serve(engine.clone(), client, tasks.clone());
        tasks.spawn("report", reports);
        Self { engine, tasks }
    }

    /// Writes a build of `sha` that started and ended so, with the words for the reporter.
    async fn build(&self, sha: &str, results: Results) -> BuildId {
        let (sha, now) = (sha.to_owned(), self.engine.clock().now());
        let build = self.engine.write(move |c| build(c, &sha, results, now)).await.unwrap();
        self.wake().await;
        build
    }

    /// Makes an announcement by a builder that the reporter does not report.
    async fn wake(&self) {
        self.force("quiet", "f00d").await;
    }

    async fn force(&self, builder: &str, sha: &str) {
        let force = Force {
            scheduler: "force".to_owned(),
            builders: vec![builder.to_owned()],
            sourcestamps: vec![stamp(sha)],
            ..Force::default()
        };
        self.engine.force(force).await.unwrap();
    }

    async fn states(&self) -> Vec<String> {
        let sql = "select state from outbox order by id";
        self.engine.store().read(move |c| c.query(sql, params![], |r| r.text(0))).await.unwrap()
    }

    async fn troubles(&self, build: BuildId) -> Vec<Trouble> {
        self.engine.store().read(move |c| outbox::troubles(c, build)).await.unwrap()
    }

    async fn end(self) {
        drop(self.engine);
        // The log loop ends with its last sender, the rest with the token.
        self.tasks.token().cancel();
        tokio::time::sleep(SECOND).await;
    }
}

fn stamp(sha: &str) -> Sourcestamp {
    Sourcestamp {
        revision: Some(sha.to_owned()),
        project: REPOSITORY.to_owned(),
        ..Sourcestamp::default()
    }
}

fn build(
    conn: &Conn<'_>,
    sha: &str,
    results: Results,
    now: Timestamp,
) -> halide_ci::store::Result<BuildId> {
    let id = |sql: &'static str| conn.query_one(sql, params![], |r| r.int(0));
    let builder = BuilderId(id("select id from builders where name = 'linux'")?);
    let worker = WorkerId(id("select id from workers where name = 'w'")?);
    let master = MasterId(id("select id from masters")?);
    let generation = GenerationId(id("select max(id) from generations")?);
    let set = NewBuildset { sourcestamps: vec![stamp(sha)], ..NewBuildset::default() };
    let set = buildsets::insert(conn, &set, now)?;
    let request = requests::insert(conn, set, builder, 0, now)?;
    let new = NewBuild { builder, filed: builder, request, worker, master, generation, attempt: 1 };
    let build = builds::insert(conn, &new, now)?.id;
    let mut properties = Properties::default();
    properties.set("buildername", Json::from("linux"), "Builder");
    builds::set_properties(conn, build, &properties)?;
    let row = |kind, results| New {
        reporter: "github",
        word: Word::Own,
        kind,
        about: About::Request(request, Some(build)),
        results,
        previous: None,
    };
    outbox::add(conn, &row(Kind::BuildStarted, None), now)?;
    builds::finish(conn, build, results, "done", now)?;
    requests::complete(conn, request, results, None, now)?;
    outbox::add(conn, &row(Kind::BuildFinished, Some(results)), now)?;
    Ok(build)
}

fn world(shas: &[&str]) -> (tempfile::TempDir, FakeGithub, Clock) {
    let github = FakeGithub::new();
    github.require_token("t0ken");
    shas.iter().for_each(|sha| github.commit(REPOSITORY, sha, "a commit"));
    let clock = Clock::simulated(Timestamp::from_secs(1_700_000_000));
    (tempfile::tempdir().unwrap(), github, clock)
}

fn state(github: &FakeGithub, sha: &str) -> Option<String> {
    github.statuses(REPOSITORY, sha).remove("buildbot/linux")
}

#[tokio::test(start_paused = true)]
async fn a_status_says_how_the_build_ended_and_where() {
    let (dir, github, clock) = world(&["a1"]);
    let master = Master::start(dir.path(), &github, clock);
    master.build("a1", Results::Failure).await;
    tokio::time::sleep(SECOND).await;
    let history = github.history(REPOSITORY, "a1");
    let [status] = &*history else { panic!("only the newest leaves: {history:?}") };
    assert_eq!(status.context, "buildbot/linux");
    assert_eq!((&*status.state, &*status.description), ("failure", "Build done."));
    assert_eq!(status.target_url, "http://ci.example/builders/1/builds/1");
    assert_eq!(master.states().await, ["superseded", "sent"]);
    master.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_pending_on_github() {
    let (dir, github, clock) = world(&["a1"]);
    let master = Master::start(dir.path(), &github, clock);
    master.force("linux", "a1").await;
    tokio::time::sleep(SECOND).await;
    let history = github.history(REPOSITORY, "a1");
    assert_eq!((&*history[0].state, &*history[0].description), ("pending", "Build pending."));
    assert_eq!(history[0].target_url, "http://ci.example/builders/1");
    master.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_errors_loses_no_status_over_a_restart() {
    let shas = ["a1", "b2", "c3", "d4"];
    let (dir, github, clock) = world(&shas);
    github.fault(Fault::Outage);
    let master = Master::start(dir.path(), &github, clock);
    for (sha, results) in shas.iter().zip([Results::Success, Results::Failure, Results::Exception])
    {
        master.build(sha, results).await;
        tokio::time::sleep(HOUR / 6).await;
    }
    master.end().await;
    let master = Master::start(dir.path(), &github, clock);
    tokio::time::sleep(HOUR / 2).await;
    master.build("d4", Results::Success).await;
    assert_eq!(state(&github, "a1"), None);
    let asked = github.requests().len();
    assert!(asked < 120, "an outage is not hammered: {asked} requests in an hour");
    github.fault(Fault::None);
    tokio::time::sleep(3 * 60 * SECOND).await;
    let shown = shas.map(|sha| state(&github, sha).unwrap_or_default());
    assert_eq!(shown, ["success", "failure", "error", "success"]);
    assert!(!master.states().await.contains(&"waiting".to_owned()));
    master.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_ends_in_the_same_state() {
    let (dir, github, clock) = world(&["a1"]);
    github.fault(Fault::ReplyLost);
    let master = Master::start(dir.path(), &github, clock);
    master.build("a1", Results::Success).await;
    tokio::time::sleep(SECOND).await;
    github.fault(Fault::None);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(github.history(REPOSITORY, "a1").len(), 2);
    assert_eq!(state(&github, "a1").as_deref(), Some("success"));
    assert_eq!(master.states().await, ["superseded", "sent"]);
    master.end().await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let (dir, github, clock) = world(&["a1", "b2"]);
    github.fault(Fault::Busy(600));
    let master = Master::start(dir.path(), &github, clock);
    master.build("a1", Results::Success).await;
    tokio::time::sleep(SECOND).await;
    github.fault(Fault::None);
    master.build("b2", Results::Success).await;
    tokio::time::sleep(590 * SECOND).await;
    assert_eq!(github.requests().len(), 1, "nobody asks before the time that GitHub named");
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(state(&github, "a1").as_deref(), Some("success"));
    assert_eq!(state(&github, "b2").as_deref(), Some("success"));
    master.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_commit_is_refused_once_and_visibly() {
    let (dir, github, clock) = world(&["a1"]);
    let master = Master::start(dir.path(), &github, clock);
    let lost = master.build("0000", Results::Success).await;
    master.build("a1", Results::Success).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(github.requests().len(), 2);
    let trouble = Trouble {
        reporter: "github".to_owned(),
        is_final: true,
        error: "GitHub answers 422: No commit found for SHA: 0000.".to_owned(),
    };
    assert_eq!(master.troubles(lost).await, [trouble]);
    assert_eq!(state(&github, "a1").as_deref(), Some("success"));
    master.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_day_a_status_is_given_up_visibly() {
    let (dir, github, clock) = world(&["a1"]);
    github.fault(Fault::Hang);
    let master = Master::start(dir.path(), &github, clock);
    let build = master.build("a1", Results::Success).await;
    tokio::time::sleep(23 * HOUR).await;
    let [trouble] = &*master.troubles(build).await else { panic!("the wait is visible") };
    assert!(!trouble.is_final && trouble.error.contains("did not answer within 30 s"));
    tokio::time::sleep(2 * HOUR).await;
    let [trouble] = &*master.troubles(build).await else { panic!("the end is visible") };
    assert!(trouble.is_final && trouble.error.starts_with("Given up after a day"), "{trouble:?}");
    assert_eq!(master.states().await, ["superseded", "failed"]);
    master.end().await;
}

#[tokio::test]
async fn over_real_sockets_a_commit_a_pull_request_and_any_server_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let github = FakeGithub::new();
    github.require_token("t0ken");
    github.commit(REPOSITORY, "a1", "a commit");
    let server = format!("http://{}", github.listen().await);
    let mut config = config();
    let [status] = &mut *config.reporters else { panic!("one reporter") };
    status.scope = Scope::default();
    let ReporterKind::GithubStatus(options) = &mut status.kind else { panic!("a status") };
    options.api.clone_from(&server);
    let context = options.context.clone();
    let others = [
        ReporterKind::GithubComment(GithubComment {
            token: Secret::new("t0ken"),
            api: server.clone(),
            context,
            finish: Some(Renderable::text("It is done.")),
        }),
        ReporterKind::Http(HttpReporter {
            url: format!("{server}/inbox?x=1"),
            login: Some(("me".to_owned(), Secret::new("horse"))),
            headers: [("x-from".to_owned(), "ci".to_owned())].into(),
            skip_encoding: false,
            payload: None,
        }),
    ];
    for (name, kind) in ["comment", "http"].into_iter().zip(others) {
        let (name, site) = (name.to_owned(), Site::default());
        let scope = Scope::default();
        config.reporters.push(ReporterConfig { name, kind, scope, generators: None, site });
    }
    let master = Master::start_with(dir.path(), config, Client::new(), Clock::system());
    let pull = Sourcestamp { branch: Some("refs/pull/7/merge".to_owned()), ..stamp("a1") };
    let force = Force {
        scheduler: "force".to_owned(),
        builders: vec!["linux".to_owned()],
        sourcestamps: vec![pull],
        ..Force::default()
    };
    let started = master.engine.force(force).await.unwrap();
    let (_, request) = started.requests[0];
    let tell = move |conn: &Conn<'_>| {
        for reporter in ["comment", "http"] {
            let about = About::Request(request, None);
            let results = Some(Results::Success);
            let (kind, word) = (Kind::BuildFinished, Word::Own);
            let new = New { reporter, word, kind, about, results, previous: None };
            outbox::add(conn, &new, Timestamp(0))?;
        }
        Ok(())
    };
    master.engine.write(tell).await.unwrap();
    master.wake().await;
    let is_told = || {
        github.inbox().len() == 1
            && github.comments(REPOSITORY, 7).len() == 1
            && state(&github, "a1").is_some()
    };
    for _ in 0..100 {
        if is_told() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(is_told(), "{:?}", github.requests());
    let body = &github.inbox()[0];
    assert_eq!(
        (&body["event"], &body["builder"]["name"]),
        (&"build_finished".into(), &"linux".into())
    );
    let comments = github.comments(REPOSITORY, 7);
    assert!(comments[0].starts_with("<!-- halide-ci: buildbot/linux "), "{comments:?}");
    assert!(comments[0].ends_with(" -->\nIt is done."), "{comments:?}");
    let header = |name: &str| github.inbox_headers().get(name).cloned().unwrap_or_default();
    assert_eq!(header("authorization"), "Basic bWU6aG9yc2U=");
    assert_eq!(header("x-from"), "ci");
    assert!(header("idempotency-key").starts_with("outbox-"), "{}", header("idempotency-key"));
    master.end().await;
}
