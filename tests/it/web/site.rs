//! A web server over a small world of rows: one builder, one worker, a change, a failed build with
//! a log. The engine behind it is the real one; only Lua is missing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::random::Random;
use halide_ci::base::results::Results;
use halide_ci::base::secret::Secret;
use halide_ci::engine::input::{NewGeneration, Reloaded};
use halide_ci::engine::ports::OnMaster;
use halide_ci::engine::ports::{Argument, Future, ScriptError, Scripts, StepRun};
use halide_ci::engine::recover::{self, Parts};
use halide_ci::engine::tasks::Tasks;
use halide_ci::engine::{Engine, Generation, Sabotage};
use halide_ci::http;
use halide_ci::model::change::NewChange;
use halide_ci::model::config::{
    Authz, BuilderConfig, COOKIE_SECONDS, Callback, Config, ForceScheduler, GitPoller, GithubHook,
    Grant, Hooks, PollTimes, Role, Rule, SchedulerConfig, SchedulerKind, SourceConfig, SourceKind,
    WorkerConfig, Www,
};
use halide_ci::model::delivery::{Delivery, Reading};
use halide_ci::model::log::{LogKind, Stream};
use halide_ci::model::property::Properties;
use halide_ci::script::load::{LoadOptions, Mount, load};
use halide_ci::store::blobs::Blobs;
use halide_ci::store::frames::{self, NewFrame};
use halide_ci::store::{
    Store, StoreOptions, Writer, builders, builds, buildsets, changes, generations, logs, requests,
    schedulers, steps, workers,
};
use halide_ci::web::{self, Web};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The secret of the hook.
pub(crate) const HOOK_SECRET: &str = "It's a Secret to Everybody";
/// What a log, a branch, a name try to do to the page.
pub(crate) const EVIL: &str = "<img src=x onerror=alert(1)>\u{1b}[31m\"'";
/// 2023-11-14 22:13:20 UTC and a half.
pub(crate) const EPOCH: Timestamp = Timestamp(1_700_000_000_500_000);

struct NoScripts;

impl Scripts for NoScripts {
    fn call(&self, _: &Callback, _: Vec<Argument>) -> Future<'_, Result<Json, ScriptError>> {
        Box::pin(async { Ok(Json::Null) })
    }
    fn run_step(&self, _: StepRun) -> Future<'_, Result<Option<Results>, ScriptError>> {
        Box::pin(async { Ok(None) })
    }
    fn read_delivery(&self, _: Delivery) -> Future<'_, Result<Reading, ScriptError>> {
        Box::pin(async { Ok(Reading::default()) })
    }
}

/// A configuration with the builder `linux` (and `windows`), users, a hook and a force scheduler.
pub(crate) fn config() -> Config {
    let builder = |name: &str| BuilderConfig {
        workers: vec!["w1".to_owned()],
        tags: vec!["t1".to_owned(), "a \"b\"".to_owned()],
        description: Some(EVIL.to_owned()),
        ..BuilderConfig::new(name)
    };
    Config {
        title: "Test".to_owned(),
        url: "http://ci.example/".to_owned(),
        www: Some(Www {
            scripted: Vec::new(),
            artifacts: halide_ci::model::config::Artifacts::default(),
            port: 0,
            interface: "127.0.0.1".to_owned(),
            users: vec![
                ("ann".to_owned(), Secret::new("secret: of ann")),
                ("bob".to_owned(), Secret::new("secret of bob")),
            ],
            authz: Authz {
                allow: BTreeMap::from([(
                    "control".to_owned(),
                    vec![Rule::of(Grant::Role("admins".to_owned()))],
                )]),
                roles: BTreeMap::from([("admins".to_owned(), Role::of_users(["ann"]))]),
            },
            cookie_expiration_time: COOKIE_SECONDS,
            allowed_origins: None,
            change_hook_auth: Vec::new(),
            hooks: Hooks {
                github: Some(GithubHook {
                    secret: Secret::new(HOOK_SECRET),
                    allow_sha1: false,
                    codebase: None,
                    property_whitelist: Vec::new(),
                    skips: Vec::new(),
                    api: "http://127.0.0.1:9".to_owned(),
                    pullrequest_ref: "merge".to_owned(),
                    token: None,
                    reconcile: None,
                    cancel_on_close: true,
                    on_push: None,
                    on_pull_request: None,
                    on_event: None,
                }),
                ..Hooks::default()
            },
        }),
        workers: vec![WorkerConfig {
            max_builds: Some(2),
            ..WorkerConfig::new("w1", Secret::new("w"))
        }],
        builders: vec![builder("linux"), builder("windows")],
        schedulers: vec![SchedulerConfig::new(
            "force",
            &["linux"],
            SchedulerKind::Force(ForceScheduler {
                button_name: "Force".to_owned(),
                ..ForceScheduler::plain("force")
            }),
        )],
        change_sources: vec![SourceConfig {
            name: "origin".to_owned(),
            kind: SourceKind::GitPoller(GitPoller::default()),
            times: PollTimes {
                poll_interval: 600.0,
                poll_at_launch: false,
                poll_random_delay_min: 0.0,
                poll_random_delay_max: 0.0,
            },
            category: None,
            project: None,
            codebase: None,
            site: halide_ci::model::config::Site::default(),
        }],
        ..Config::default()
    }
}

/// A running site.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    pub(crate) tasks: Tasks,
    dir: tempfile::TempDir,
}

/// Runs `test` against a site with `config`.
pub(crate) fn with(config: Config, test: impl AsyncFnOnce(&Site)) {
    with_scripts(async || (config, Arc::new(NoScripts) as Arc<dyn Scripts>), test);
}

/// Runs `test` against a site with the configuration that `text` is.
pub(crate) fn with_text(text: &str, test: impl AsyncFnOnce(&Site)) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("master.lua");
    std::fs::write(&file, text).unwrap();
    let options = LoadOptions {
        file,
        base_dir: dir.path().to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Local,
    };
    let load = async || {
        let loaded = load(options).await.unwrap_or_else(|error| panic!("{error}"));
        (loaded.config, loaded.scripts)
    };
    with_scripts(load, test);
}

/// Runs `test` against a site with a configuration and its functions.
pub(crate) fn with_scripts(
    load: impl AsyncFnOnce() -> (Config, Arc<dyn Scripts>),
    test: impl AsyncFnOnce(&Site),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let (config, scripts) = load().await;
        let site = start(config, scripts).await;
        test(&site).await;
        tokio::time::timeout(std::time::Duration::from_secs(5), site.tasks.end()).await.unwrap();
    });
}

async fn start(config: Config, scripts: Arc<dyn Scripts>) -> Site {
    let dir = tempfile::tempdir().unwrap();
    let options =
        StoreOptions { path: dir.path().join("state.sqlite"), durable: false, inline: true };
    let mut opened = Store::open(&options).unwrap();
    fill(&mut opened.state, &mut opened.logs, &config);
    let tasks = Tasks::new();
    let started = recover::start(Parts {
        opened,
        generation: NewGeneration {
            generation: Generation::new(config, scripts),
            files: Vec::new(),
        },
        master_name: "host:/dir".to_owned(),
        base_dir: Some(dir.path().to_owned()),
        on_master: OnMaster::Nobody,
        artifacts: Some(Arc::new(Blobs::open(&dir.path().join("artifacts")).unwrap())),
        clock: Clock::system(),
        random: Random::seeded(7),
        tasks: tasks.clone(),
        observer: None,
        sabotage: Sabotage::default(),
    })
    .unwrap();
    let engine = started.engine.clone();
    let (beat, token) = (started.beat, tasks.token());
    tokio::task::spawn_local(async move { beat.serve(token).await.unwrap() });
    tokio::task::spawn_local(started.log_loop.serve());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let reload: halide_ci::engine::Reload =
        Arc::new(|_| Box::pin(async { Ok(Reloaded { changes: vec!["+ builder x".to_owned()] }) }));
    let web = Web { engine: engine.clone(), reload, tasks: tasks.clone() };
    tasks.spawn("web", web::serve(listener, web, tasks.clone()));
    Site { engine, address, tasks, dir }
}

/// Build 1 of `linux` failed in its second step; its log has two streams.
fn fill(state: &mut Writer, log_file: &mut Writer, config: &Config) {
    let now = EPOCH;
    let log = state
        .transaction(|c| {
            let master = generations::master(c, "host:/dir", now)?;
            let generation = generations::activate(c, &[], "", now)?;
            let builder = builders::ensure(c, &config.builders[0], 0)?;
            builders::ensure(c, &config.builders[1], 1)?;
            let worker = workers::ensure(c, "w1")?;
            workers::set_builder_workers(c, builder, &[worker])?;
            schedulers::ensure(c, "force", "force")?;
            let change = NewChange {
                author: "A <a@x>".to_owned(),
                comments: format!("{EVIL}\nmore"),
                files: vec!["n.txt".to_owned(), EVIL.to_owned()],
                revision: Some("abcdef0123456789".to_owned()),
                when_timestamp: Some(1_600_000_000),
                branch: Some("main\u{202e}".to_owned()),
                revlink: Some("javascript:alert(1)".to_owned()),
                properties: BTreeMap::from([("event".to_owned(), "push".into())]),
                repository: "https://github.com/o/n".to_owned(),
                project: "o/n".to_owned(),
                ..NewChange::default()
            };
            let verdicts = BTreeMap::from([("force".to_owned(), EVIL.to_owned())]);
            let id = changes::insert(c, &change, None, &verdicts, now)?;
            let mut properties = Properties::default();
            properties.set("owner", "ann".into(), "Force Build Form");
            let set = buildsets::insert(
                c,
                &buildsets::NewBuildset {
                    reason: "because".to_owned(),
                    sourcestamps: vec![change.sourcestamp()],
                    changes: vec![id],
                    properties: properties.clone(),
                    ..buildsets::NewBuildset::default()
                },
                now,
            )?;
            let request = requests::insert(c, set, builder, 0, now)?;
            let build = builds::insert(
                c,
                &builds::NewBuild {
                    builder,
                    filed: builder,
                    request,
                    worker,
                    master,
                    generation,
                    attempt: 1,
                },
                now,
            )?;
            requests::claim(c, request, build.id, master, now)?;
            properties.set("branch", EVIL.into(), "Build");
            builds::set_properties(c, build.id, &properties)?;
            let first = steps::insert(c, build.id, 0, "worker_preparation", "pending", now)?;
            steps::finish(c, first, (Results::Success, None), "worker w1 ready", false, now)?;
            let second = steps::insert(c, build.id, 1, "make", EVIL, now)?;
            steps::set_urls(
                c,
                second,
                &serde_json::json!([{"name": EVIL, "url": "javascript:alert(1)"}]),
            )?;
            let log = logs::insert(c, second, "stdio", LogKind::Stdio)?;
            logs::grew(c, log, 4, 0, true)?;
            let report = logs::insert(c, first, "report", LogKind::Html)?;
            logs::grew(c, report, 1, 0, true)?;
            let later = Timestamp(now.0 + 2_700_000);
            steps::finish(c, second, (Results::Failure, None), "'make' (failure)", false, later)?;
            builds::finish(c, build.id, Results::Failure, "failed 'make' (failure)", later)?;
            requests::complete(c, request, Results::Failure, None, later)?;
            buildsets::complete_if_done(c, set, later)?;
            // And one that waits.
            let set = buildsets::insert(c, &buildsets::NewBuildset::default(), now)?;
            requests::insert(c, set, builder, 5, now)?;
            Ok(log)
        })
        .unwrap();
    let mut segments = Vec::new();
    frames::push_segment(&mut segments, Stream::Header, b"make\n");
    frames::push_segment(&mut segments, Stream::Stdout, b"one\npart");
    frames::push_segment(&mut segments, Stream::Stderr, EVIL.as_bytes());
    let bytes = i64::try_from(segments.len()).unwrap() - 15;
    let data = frames::pack(&segments).unwrap();
    let frame = NewFrame {
        log,
        seq: 0,
        first_line: 0,
        open_line: None,
        first_byte: 0,
        lines: 3,
        bytes,
        time: now,
        data,
    };
    log_file.transaction(|c| frames::insert(c, frame)).unwrap();
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Site {
    /// The master's base directory.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    /// The JSON at a path of the data API.
    pub(crate) async fn api(&self, path: &str) -> Json {
        let answer = self.get(&format!("/api/v2/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("Host: ci.example\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" && !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-length"))
        {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        // A server that refuses by the head alone may close before it has read everything.
        let _ = stream.write_all(body).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        answer(&bytes)
    }

    /// Logs in; returns the cookie.
    pub(crate) async fn log_in(&self, user: &str, password: &str) -> String {
        let body = format!("username={user}&password={}", password.replace(' ', "+"));
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", "http://ci.example"),
        ];
        let answer = self.ask("POST", "/auth/login", &headers, body.as_bytes()).await;
        assert_eq!(answer.status, 302, "{}", answer.text());
        let cookie = answer.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

fn answer(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|v| v == "chunked") {
        body = joined(&body);
    }
    Answer { status, headers, body }
}

fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
        if size == 0 {
            break;
        }
    }
    out
}
