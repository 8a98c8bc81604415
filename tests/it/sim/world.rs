//! The world: builds the real program on a simulated clock, in one thread, with a seed. Stories push
//! to it, connect workers, let time pass, cut and restart, and look at the rows and at GitHub. When
//! a story ends, nothing may be left over: no surprise at a worker, no unread delivery, no unsent
//! status, no held lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::id::{BuildId, RequestId};
use halide_ci::base::random::Random;
use halide_ci::base::results::Results;
use halide_ci::engine::input::{Attached, Delivered, Input, Reloaded};
use halide_ci::engine::output::LogLoop;
use halide_ci::engine::ports::OnMaster;
use halide_ci::engine::recover::{self, Parts};
use halide_ci::engine::tasks::Tasks;
use halide_ci::engine::{Engine, Refusal, Sabotage};
use halide_ci::forge::github::payload::{facts, head};
use halide_ci::model::delivery::NewDelivery;
use halide_ci::model::worker::WorkerInfo;
use halide_ci::params;
use halide_ci::poll::Outside;
use halide_ci::script::load::{LoadOptions, Mount, load};
use halide_ci::store::blobs::Blobs;
use halide_ci::store::{Store, StoreOptions, Value};
use halide_ci::{engine, poll, report, server};
use serde_json::Value as Json;

use super::fake_git::FakeGit;
use super::fake_github::FakeGithub;
use super::hand::Hand;
use super::payload;

/// When every story begins: 2026-01-01 00:00:00 UTC, in seconds.
const EPOCH: i64 = 1_767_225_600;

/// What a story starts with.
pub(crate) struct Setting {
    pub(crate) config: String,
    pub(crate) seed: u64,
    pub(crate) sabotage: Sabotage,
    /// The log writer does not write until [`World::write_logs`].
    pub(crate) stalls_logs: bool,
}

impl Setting {
    pub(crate) fn new(config: &str) -> Self {
        Self {
            config: config.to_owned(),
            seed: 1,
            sabotage: Sabotage::default(),
            stalls_logs: false,
        }
    }

    /// Tells a story in this setting; returns its transcript.
    pub(crate) fn tell(self, story: impl AsyncFnOnce(&mut World)) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let mut world = World::new(self).await;
            story(&mut world).await;
            world.end().await
        })
    }
}

/// Tells a story with the configuration `config`.
pub(crate) fn story(config: &str, story: impl AsyncFnOnce(&mut World)) -> String {
    Setting::new(config).tell(story)
}

/// One life of the master, from a start to a stop or crash.
struct Life {
    engine: Engine,
    tasks: Tasks,
}

/// The world.
pub(crate) struct World {
    pub(crate) github: FakeGithub,
    pub(crate) git: FakeGit,
    dir: tempfile::TempDir,
    clock: Clock,
    random: Random,
    sabotage: Sabotage,
    transcript: Arc<Mutex<Vec<String>>>,
    life: Option<Life>,
    workers: BTreeMap<String, (Hand, Attached)>,
    retired: Vec<Hand>,
    deliveries: u64,
    stalls_logs: bool,
    stalled: Option<LogLoop>,
}

impl World {
    async fn new(setting: Setting) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let github = FakeGithub::new();
        let mut world = Self {
            github,
            git: FakeGit::default(),
            dir,
            clock: Clock::simulated(Timestamp::from_secs(EPOCH)),
            random: Random::seeded(setting.seed),
            sabotage: setting.sabotage,
            transcript: Arc::default(),
            life: None,
            workers: BTreeMap::new(),
            retired: Vec::new(),
            deliveries: 0,
            stalls_logs: setting.stalls_logs,
            stalled: None,
        };
        world.save(&setting.config);
        world.start().await;
        world
    }

    /// Starts the master on what is on disk.
    pub(crate) async fn start(&mut self) {
        let loaded = load(self.load_options()).await.unwrap_or_else(|error| panic!("{error}"));
        let path = self.dir.path().join("state.sqlite");
        let opened = Store::open(&StoreOptions { path, durable: false, inline: true }).unwrap();
        let tasks = Tasks::new();
        let parts = Parts {
            opened,
            generation: server::new_generation(loaded),
            master_name: "sim:master".to_owned(),
            base_dir: Some(self.dir.path().to_path_buf()),
            on_master: OnMaster::Noted,
            artifacts: Some(Arc::new(Blobs::open(&self.dir.path().join("artifacts")).unwrap())),
            clock: self.clock,
            random: self.random.clone(),
            tasks: tasks.clone(),
            observer: Some(self.observer()),
            sabotage: self.sabotage,
        };
        let started = recover::start(parts).unwrap();
        let (beat, log_loop, token) = (started.beat, started.log_loop, tasks.token());
        let failed = tasks.clone();
        tasks.spawn("beat", async move {
            if beat.serve(token).await.is_err() {
                // As in the real program: a commit that fails ends the process.
                failed.kill();
            }
        });
        if self.stalls_logs {
            self.stalled = Some(log_loop);
        } else {
            tasks.spawn("logs", async move { drop(log_loop.serve().await) });
        }
        tasks.spawn("artifacts", engine::artifacts::serve(started.engine.clone(), tasks.token()));
        tasks.spawn("intake", started.intake.serve(tasks.token()));
        tasks.spawn("planner", started.planner.serve(tasks.token()));
        let reports = report::serve(started.engine.clone(), self.github.client(), tasks.clone());
        tasks.spawn("report", reports);
        let outside = Outside { http: self.github.client(), git: Arc::new(self.git.clone()) };
        tasks.spawn("poll", poll::serve(started.engine.clone(), outside, tasks.clone()));
        self.life = Some(Life { engine: started.engine, tasks });
        self.see("--- the master is up");
    }

    /// The base directory.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    fn load_options(&self) -> LoadOptions {
        LoadOptions {
            file: self.dir.path().join("master.lua"),
            base_dir: self.dir.path().to_path_buf(),
            clock: self.clock,
            http: self.github.client(),
            secrets: halide_ci::script::load::Secrets::Files,
            mount: Mount::Local,
        }
    }

    fn observer(&self) -> halide_ci::engine::beat::Observer {
        let transcript = self.transcript.clone();
        let start = Timestamp::from_secs(EPOCH);
        Arc::new(move |at, line| {
            let seconds = at.since(start).as_secs_f64();
            transcript.lock().unwrap().push(format!("{seconds:10.3} {line}"));
        })
    }

    /// Notes a line in the transcript.
    pub(crate) fn see(&self, line: &str) {
        (self.observer())(self.clock.now(), line.to_owned());
    }

    /// The transcript so far.
    pub(crate) fn transcript(&self) -> String {
        self.transcript.lock().unwrap().join("\n")
    }

    /// In the next life the commit of this turn of the beat fails, which ends that life.
    pub(crate) fn fail_turn(&mut self, turn: u64) {
        self.sabotage.failing_turn = turn;
    }

    /// Whether the process lives; a commit that fails ends it.
    pub(crate) fn is_up(&self) -> bool {
        self.life.as_ref().is_some_and(|life| !life.tasks.token().is_cancelled())
    }

    /// The engine of the present life.
    pub(crate) fn engine(&self) -> Engine {
        self.life.as_ref().expect("the master is down").engine.clone()
    }

    // ---- what GitHub does

    /// A push to `branch`; the delivery must be acknowledged.
    pub(crate) async fn push(&mut self, branch: &str, sha: &str) -> Delivered {
        self.silent_push(branch, sha);
        let body = payload::push(branch, sha, "A change");
        let guid = self.next_guid();
        self.deliver(&guid, "push", &body).await.unwrap()
    }

    /// An action on a pull request.
    pub(crate) async fn pull_request(&mut self, action: &str, number: i64, sha: &str) -> Delivered {
        self.silent_pull_request(action, number, sha);
        let body = payload::pull_request(action, number, sha);
        let guid = self.next_guid();
        self.deliver(&guid, "pull_request", &body).await.unwrap()
    }

    /// A push of which GitHub tells nobody.
    pub(crate) fn silent_push(&self, branch: &str, sha: &str) {
        self.github.commit(payload::REPOSITORY, sha, "A change");
        self.github.branch(payload::REPOSITORY, branch, Some(sha));
    }

    /// An action on a pull request of which GitHub tells nobody.
    pub(crate) fn silent_pull_request(&self, action: &str, number: i64, sha: &str) {
        self.github.commit(payload::REPOSITORY, sha, "A change");
        self.github.pull_request(payload::REPOSITORY, number, &["src/IR.cpp"]);
        let mut pull = payload::pull_request(action, number, sha)["pull_request"].take();
        pull["state"] = Json::from(if action == "closed" { "closed" } else { "open" });
        pull["user"] = serde_json::json!({ "login": "contributor" });
        let repository = &mut pull["base"]["repo"];
        repository["html_url"] = format!("https://github.com/{}", payload::REPOSITORY).into();
        repository["clone_url"] = format!("https://github.com/{}.git", payload::REPOSITORY).into();
        self.github.pull(payload::REPOSITORY, number, pull);
    }

    fn next_guid(&mut self) -> String {
        self.deliveries += 1;
        format!("guid-{}", self.deliveries)
    }

    /// A verified delivery about `line`.
    pub(crate) async fn deliver_about(&self, guid: &str, event: &str, line: &str, body: &Json) {
        let delivery = NewDelivery { line: line.to_owned(), ..delivery(guid, event, body) };
        self.engine().deliver(delivery).await.unwrap();
    }

    /// A verified delivery.
    pub(crate) async fn deliver(
        &self,
        guid: &str,
        event: &str,
        body: &Json,
    ) -> Result<Delivered, Refusal> {
        self.engine().deliver(delivery(guid, event, body)).await
    }

    // ---- workers

    /// Connects the worker `name`.
    pub(crate) async fn connect(&mut self, name: &str) -> Hand {
        self.try_connect(name).await.unwrap()
    }

    /// Connects the worker `name`, if the master lives long enough.
    pub(crate) async fn try_connect(&mut self, name: &str) -> Result<Hand, Refusal> {
        self.join(name, None).await
    }

    /// Connects the process `boot` under the name of a worker.
    pub(crate) async fn join(&mut self, name: &str, boot: Option<&str>) -> Result<Hand, Refusal> {
        let (transcript, clock) = (self.observer(), self.clock);
        let hand = Hand::new(name, boot, Arc::new(move |line| transcript(clock.now(), line)));
        let info = WorkerInfo {
            basedir: format!("/w/{name}"),
            system: "posix".to_owned(),
            version: "sim".to_owned(),
            numcpus: Some(4),
            ..WorkerInfo::default()
        };
        let link = Arc::new(hand.clone());
        let attached = self.engine().attach(name.to_owned(), info, link).await?;
        if let Some((old, _)) = self.workers.insert(name.to_owned(), (hand.clone(), attached)) {
            self.retired.push(old);
        }
        Ok(hand)
    }

    /// The connection of `name` breaks.
    pub(crate) async fn cut(&mut self, name: &str) -> Hand {
        let (hand, attached) = self.workers.remove(name).expect("no such worker");
        self.see(&format!("--- {name} is cut"));
        self.engine().detach(attached.worker, attached.epoch).await;
        self.retired.push(hand.clone());
        hand
    }

    /// Every worker that there ever was.
    pub(crate) fn hands(&self) -> impl Iterator<Item = &Hand> {
        self.workers.values().map(|(hand, _)| hand).chain(&self.retired)
    }

    /// The connection of `name` breaks, if it has one.
    pub(crate) async fn cut_if_there(&mut self, name: &str) {
        if self.workers.contains_key(name) {
            self.cut(name).await;
        }
    }

    /// The log writer, stalled until now, writes.
    pub(crate) fn write_logs(&mut self) {
        let life = self.life.as_ref().expect("the master is down");
        let log_loop = self.stalled.take().expect("the log writer is not stalled");
        life.tasks.spawn("logs", async move { drop(log_loop.serve().await) });
    }

    // ---- time

    /// Lets time pass until nothing more happens: no delivery unread, no timer running, no build
    /// under way, nothing in the outbox.
    pub(crate) async fn settle(&self) {
        for _ in 0..100_000 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if self.pending().await == 0 {
                return;
            }
        }
        panic!("the world does not come to rest:\n{}", self.transcript());
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets `seconds` pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    async fn pending(&self) -> i64 {
        self.int(
            "select (select count(*) from deliveries where state = 'stored') \
             + (select count(*) from scheduler_changes where important = 1) \
             + (select count(*) from scheduler_events) \
             + (select count(*) from builds where complete_at is null) \
             + (select count(*) from logs where complete = 0) \
             + (select count(*) from outbox where state = 'waiting')",
        )
        .await
    }

    // ---- the operator

    /// Saves another configuration.
    pub(crate) fn save(&self, config: &str) {
        std::fs::write(self.dir.path().join("master.lua"), config).unwrap();
    }

    /// Saves another configuration and reloads it.
    pub(crate) async fn reload(&self, config: &str) -> Result<Reloaded, String> {
        self.save(config);
        match load(self.load_options()).await {
            Ok(loaded) => {
                let new = server::new_generation(loaded);
                self.engine().activate(new).await.map_err(|e| e.to_string())
            }
            Err(error) => {
                let (text, files) = (error.to_string(), Vec::new());
                let engine = self.engine();
                let refused = |answer| Input::GenerationRefused { error: text, files, answer };
                // A process that is ending has nobody to tell.
                let _ = engine.ask(refused).await;
                Err(error.to_string())
            }
        }
    }

    /// A polite stop.
    pub(crate) async fn stop(&mut self) {
        self.see("--- the master is stopped");
        let life = self.life.take().expect("the master is down");
        let _ = life.engine.ask(|answer| Input::StopRequested { answer }).await;
        life.tasks.kill();
        drop(life);
        self.lose_workers();
    }

    /// The process dies where it stands.
    pub(crate) async fn crash(&mut self) {
        self.see("--- the master dies");
        // Commits that fail on purpose fail in one life; the next one reveals the damage.
        self.sabotage.fail_commit = false;
        self.sabotage.answer_before_commit = false;
        self.sabotage.failing_turn = 0;
        let life = self.life.take().expect("the master is down");
        life.tasks.kill();
        drop(life);
        // Everything of that life must be gone before the next begins.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.lose_workers();
    }

    fn lose_workers(&mut self) {
        self.retired.extend(std::mem::take(&mut self.workers).into_values().map(|(hand, _)| hand));
    }

    // ---- looking

    /// One number.
    pub(crate) async fn int(&self, sql: &str) -> i64 {
        let sql = sql.to_owned();
        self.engine()
            .store()
            .read(move |conn| conn.query_one(&sql, params![], |r| r.opt_int(0)))
            .await
            .unwrap()
            .unwrap_or(0)
    }

    /// Rows of text, columns joined by a space, nulls as `-`.
    pub(crate) async fn rows(&self, sql: &str, columns: usize) -> Vec<String> {
        let sql = sql.to_owned();
        let read = move |conn: &halide_ci::store::Conn<'_>| {
            conn.query(&sql, params![], |r| {
                let column = |i| {
                    r.value(i).map(|value| match value {
                        Value::Null => "-".to_owned(),
                        Value::Int(n) => n.to_string(),
                        Value::Real(n) => n.to_string(),
                        Value::Text(text) => text,
                        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
                    })
                };
                Ok((0..columns).map(column).collect::<Result<Vec<_>, _>>()?.join(" "))
            })
        };
        self.engine().store().read(read).await.unwrap()
    }

    /// Every build: `builder/number worker result`.
    pub(crate) async fn builds(&self) -> Vec<String> {
        let sql = "select b.name || '/' || u.number, w.name, \
             case u.results when 0 then 'success' when 1 then 'warnings' when 2 then 'failure' \
             when 3 then 'skipped' when 4 then 'exception' when 5 then 'retry' when 6 then 'cancelled' \
             else 'running' end \
             from builds u join builders b on b.id = u.builder_id join workers w on w.id = u.worker_id \
             order by u.id";
        self.rows(sql, 3).await
    }

    /// Every request's result, by id; none = it has none yet.
    pub(crate) async fn requests(&self) -> Vec<Option<Results>> {
        let read = |conn: &halide_ci::store::Conn<'_>| {
            conn.query("select results from buildrequests order by id", params![], |r| {
                r.opt_results(0)
            })
        };
        self.engine().store().read(read).await.unwrap()
    }

    /// The steps of a build: `name result text`.
    pub(crate) async fn steps(&self, build: BuildId) -> Vec<String> {
        let sql = format!(
            "select name, case results when 0 then 'success' when 2 then 'failure' when 3 then 'skipped' \
             when 4 then 'exception' when 5 then 'retry' when 6 then 'cancelled' else '?' end, \
             state_string from steps where build_id = {build} order by number"
        );
        self.rows(&sql, 3).await
    }

    /// The text of a build's log, one line each.
    pub(crate) async fn log(&self, build: BuildId, step: &str, log: &str) -> Vec<String> {
        let sql = format!(
            "select l.id from logs l join steps s on s.id = l.step_id \
             where s.build_id = {build} and s.name = '{step}' and l.name = '{log}'"
        );
        self.lines(self.int(&sql).await).await
    }

    /// The text of a log by its row, one line each.
    pub(crate) async fn lines(&self, log: i64) -> Vec<String> {
        let id = halide_ci::base::id::LogId(log);
        let read = move |conn: &halide_ci::store::Conn<'_>| {
            halide_ci::store::frames::lines(conn, id, 0, 10_000, true)
        };
        let lines = self.engine().store().read_logs(read).await.unwrap();
        lines.into_iter().map(|l| l.text).collect()
    }

    /// The newest request.
    pub(crate) async fn newest_request(&self) -> RequestId {
        RequestId(self.int("select max(id) from buildrequests").await)
    }

    async fn end(mut self) -> String {
        let mut left = Vec::new();
        if let Some(life) = self.life.take() {
            self.life = Some(Life { engine: life.engine.clone(), tasks: life.tasks.clone() });
            let pending = self.pending().await;
            if pending != 0 {
                left.push(format!("{pending} rows wait for something"));
            }
            life.tasks.kill();
        }
        left.extend(self.hands().flat_map(Hand::complaints));
        let transcript = self.transcript();
        assert!(left.is_empty(), "left over: {left:#?}\n{transcript}");
        transcript
    }
}

fn delivery(guid: &str, event: &str, body: &Json) -> NewDelivery {
    NewDelivery {
        head: facts(event, body).ok().and_then(|facts| head(&facts)),
        line: guid.to_owned(),
        dialect: "github".to_owned(),
        guid: guid.to_owned(),
        event: event.to_owned(),
        headers: BTreeMap::new(),
        body: body.to_string().into_bytes(),
    }
}
