//! What can happen in a random story: one act after the other, as a seed decides. What was
//! acknowledged is noted, for it must be there in the end; what was not may be there or not.

use std::future::poll_fn;
use std::task::Poll;

use halide_ci::base::id::{BuildId, BuildsetId, RequestId, SchedulerId, WorkerId};
use halide_ci::base::random::Random;
use halide_ci::engine::Refusal;
use halide_ci::engine::input::{Delivered, Force, WorkerOrder};
use halide_ci::model::sourcestamp::Sourcestamp;
use serde_json::Value as Json;

use crate::sim::fake_github::Fault;
use crate::sim::payload::{self, REPOSITORY};
use crate::sim::world::World;

pub(super) const WORKERS: [&str; 4] = ["w1", "w2", "w3", "w4"];
const BUILDERS: [&str; 8] = ["linux", "mac", "llvm", "pack", "left", "right", "docs", "release"];

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Ids of deliveries.
    pub(super) deliveries: Vec<String>,
    /// Requests that were answered to somebody.
    pub(super) requests: Vec<RequestId>,
    /// Builds that somebody stopped, and when, in microseconds.
    pub(super) stops: Vec<(BuildId, i64)>,
}

/// A story under way.
pub(super) struct Story<'w> {
    pub(super) world: &'w mut World,
    pub(super) random: Random,
    pub(super) config: String,
    pub(super) told: Told,
    /// Deliveries so far: id, event, body.
    sent: Vec<(String, &'static str, Json)>,
    acts: usize,
    hands: usize,
}

impl<'w> Story<'w> {
    pub(super) fn new(world: &'w mut World, random: Random, config: &str) -> Self {
        let (config, told) = (config.to_owned(), Told::default());
        Self { world, random, config, told, sent: Vec::new(), acts: 0, hands: 0 }
    }

    /// One thing happens.
    pub(super) async fn act(&mut self) {
        self.acts += 1;
        match self.random.below(28) {
            0..=4 => self.push().await,
            5..=7 => self.pull_request().await,
            8 => self.redeliver().await,
            9..=12 => self.connect().await,
            13 => {
                let worker = self.worker();
                self.world.cut_if_there(worker).await;
            }
            14 | 15 => self.force().await,
            16 => self.stop_a_build().await,
            17 => {
                let build = self.some_build().await;
                self.note_started(self.world.engine().rebuild(build, "operator".to_owned()).await);
            }
            18 => {
                let request = RequestId(self.recent("buildrequests").await);
                drop(self.world.engine().cancel(request, "a whim".to_owned()).await);
            }
            19 => {
                let faults = [Fault::None, Fault::Outage, Fault::ReplyLost, Fault::Busy(90)];
                self.world.github.fault(faults[self.random.below(4)].clone());
            }
            20 => self.reload().await,
            21 => {
                self.world.stop().await;
                self.start().await;
            }
            22 => self.die_in_a_delivery().await,
            23 => self.order_a_worker().await,
            24 => self.switch_a_scheduler().await,
            25 => {
                let request = RequestId(self.recent("buildrequests").await);
                let priority = self.random.below(5) as i64 - 2;
                drop(self.world.engine().set_priority(request, priority).await);
            }
            26 => {
                let set = BuildsetId(self.recent("buildsets").await);
                drop(self.world.engine().cancel_buildset(set, "a whim".to_owned()).await);
            }
            _ => {
                self.world.crash().await;
                self.start().await;
            }
        }
        if !self.world.is_up() {
            self.world.crash().await;
            self.start().await;
        }
    }

    /// The next life; in one of three a commit fails soon.
    async fn start(&mut self) {
        if self.random.below(3) == 0 {
            self.world.fail_turn(1 + self.random.below(60) as u64);
        }
        self.world.start().await;
    }

    fn worker(&self) -> &'static str {
        WORKERS[self.random.below(WORKERS.len())]
    }

    async fn recent(&self, table: &str) -> i64 {
        let newest = self.world.int(&format!("select max(id) from {table}")).await;
        (newest - self.random.below(6) as i64).max(1)
    }

    async fn some_build(&self) -> BuildId {
        BuildId(self.recent("builds").await)
    }

    async fn push(&mut self) {
        let sha = format!("sha{}", self.acts);
        let branch = if self.random.below(5) == 0 { "release" } else { "main" };
        self.world.github.commit(REPOSITORY, &sha, "A change");
        self.deliver("push", payload::push(branch, &sha, "A change")).await;
    }

    async fn pull_request(&mut self) {
        let (sha, number) = (format!("sha{}", self.acts), self.random.below(3) as i64);
        let action = ["opened", "synchronize", "synchronize", "closed"][self.random.below(4)];
        self.world.github.commit(REPOSITORY, &sha, "A change");
        self.world.github.pull_request(REPOSITORY, number, &["src/IR.cpp"]);
        self.deliver("pull_request", payload::pull_request(action, number, &sha)).await;
    }

    async fn deliver(&mut self, event: &'static str, body: Json) {
        let guid = format!("guid-{}", self.acts);
        self.sent.push((guid.clone(), event, body.clone()));
        let delivered = self.world.deliver(&guid, event, &body).await;
        self.note_delivered(guid, &delivered);
    }

    fn note_delivered(&mut self, guid: String, delivered: &Result<Delivered, Refusal>) {
        if delivered.is_ok() {
            self.told.deliveries.push(guid);
        }
    }

    /// GitHub sends something again, as people tell it to after an outage.
    async fn redeliver(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let (guid, event, body) = self.sent[self.random.below(self.sent.len())].clone();
        let delivered = self.world.deliver(&guid, event, &body).await;
        self.note_delivered(guid, &delivered);
    }

    /// The process dies somewhere between the arrival of a delivery and its end.
    async fn die_in_a_delivery(&mut self) {
        let (guid, sha) = (format!("guid-{}", self.acts), format!("sha{}", self.acts));
        self.world.github.commit(REPOSITORY, &sha, "A change");
        let body = payload::push("main", &sha, "A change");
        self.sent.push((guid.clone(), "push", body.clone()));
        let mut left = self.random.below(12);
        let delivered = {
            let mut deliver = Box::pin(self.world.deliver(&guid, "push", &body));
            poll_fn(|context| match deliver.as_mut().poll(context) {
                Poll::Ready(delivered) => Poll::Ready(Some(delivered)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            })
            .await
        };
        if let Some(delivered) = delivered {
            self.note_delivered(guid, &delivered);
        }
        for _ in 0..self.random.below(12) {
            tokio::task::yield_now().await;
        }
        self.world.crash().await;
        self.start().await;
    }

    async fn connect(&mut self) {
        let worker = self.worker();
        self.connect_to_live(worker).await;
    }

    /// A worker that lives by itself.
    pub(super) async fn connect_to_live(&mut self, worker: &str) {
        self.hands += 1;
        let chance = Random::seeded(self.random.below(1 << 30) as u64);
        if let Ok(hand) = self.world.try_connect(worker).await {
            hand.live(chance, self.hands * 100_000);
        }
    }

    /// Whether it obeys is up to the story: one that is away cannot be stopped.
    async fn order_a_worker(&mut self) {
        let worker = WorkerId(1 + self.random.below(WORKERS.len()) as i64);
        let order = match self.random.below(5) {
            0 => WorkerOrder::Pause("a whim".to_owned()),
            1 | 2 => WorkerOrder::Unpause,
            3 => WorkerOrder::Stop,
            _ => WorkerOrder::Kill,
        };
        drop(self.world.engine().order_worker(worker, order).await);
    }

    async fn switch_a_scheduler(&mut self) {
        let scheduler = SchedulerId(1 + self.random.below(5) as i64);
        let on = self.random.below(2) == 0;
        drop(self.world.engine().switch_scheduler(scheduler, on).await);
    }

    async fn force(&mut self) {
        let revision = format!("sha{}", self.random.below(self.acts));
        self.world.github.commit(REPOSITORY, &revision, "A change");
        let builders = BUILDERS.iter().filter(|_| self.random.below(3) == 0);
        let force = Force {
            scheduler: "force".to_owned(),
            builders: builders.map(|b| (*b).to_owned()).collect(),
            reason: "a whim".to_owned(),
            owner: "operator".to_owned(),
            sourcestamps: vec![Sourcestamp {
                revision: Some(revision),
                repository: format!("https://github.com/{REPOSITORY}"),
                ..Sourcestamp::default()
            }],
            priority: self.random.below(3) as i64 - 1,
            ..Force::default()
        };
        self.note_started(self.world.engine().force(force).await);
    }

    fn note_started(&mut self, started: Result<halide_ci::engine::input::Started, Refusal>) {
        let started = started.into_iter().flat_map(|s| s.requests);
        self.told.requests.extend(started.map(|(_, request)| request));
    }

    async fn stop_a_build(&mut self) {
        let newest = "select max(id) from builds where complete_at is null";
        let running = self.world.int(newest).await;
        let build = if running > 0 { BuildId(running) } else { self.some_build().await };
        if self.world.engine().stop_build(build, "a whim".to_owned()).await.is_ok() {
            self.told.stops.push((build, self.world.now().0));
            if self.random.below(3) == 0 {
                self.world.crash().await;
                self.start().await;
            }
        }
    }

    /// The operator edits: another count of the lock, a builder that goes and comes, or a mistake.
    async fn reload(&mut self) {
        let n = self.acts;
        let count = 2 + self.random.below(2);
        let counted = self.config.replacen("max_count = 2", &format!("max_count = {count}"), 1);
        let edited = match self.random.below(4) {
            0 => counted.replace("collapse_requests = false", "collapse_requests = true"),
            1 => counted
                .replace("ci.builder { name = \"pack\"", "false and ci.builder { name = \"pack\"")
                .replace("\"llvm\", \"pack\",", "\"llvm\","),
            2 => {
                let refused = self.world.reload(&format!("{counted}\nnonsense {n}")).await;
                assert!(refused.is_err(), "a broken configuration was taken");
                self.world.save(&counted);
                return;
            }
            _ => counted,
        };
        match self.world.reload(&format!("{edited}\n-- {n}")).await {
            Ok(_) => {}
            Err(error) => assert!(!self.world.is_up(), "{error}"),
        }
    }

    /// Whatever went wrong is over; everything ends.
    pub(super) async fn come_to_rest(&mut self) {
        self.world.github.fault(Fault::None);
        loop {
            // A commit that still fails ends this life, and its reload with it.
            let config = format!("{}\n-- the end", self.config);
            if self.world.is_up() && self.world.reload(&config).await.is_ok() {
                break;
            }
            self.world.crash().await;
            self.world.start().await;
        }
        self.world.crash().await;
        self.world.start().await;
        for scheduler in 1..=7 {
            let engine = self.world.engine();
            engine.switch_scheduler(SchedulerId(scheduler), true).await.unwrap();
        }
        for (n, worker) in WORKERS.into_iter().enumerate() {
            let id = WorkerId(1 + n as i64);
            self.world.engine().order_worker(id, WorkerOrder::Unpause).await.unwrap();
            self.connect_to_live(worker).await;
        }
        self.world.settle().await;
        // What functions hold back they let go sooner or later.
        for _ in 0..1_000 {
            if self.world.requests().await.iter().all(Option::is_some) {
                return;
            }
            self.world.pass(30).await;
            self.world.settle().await;
        }
    }
}
