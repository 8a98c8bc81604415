//! A worker of Perspective Broker made of calls, on a clock that a test owns: who speaks first,
//! logins, duplicates, silence, several commands at once, and calls that make no sense.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use halide_ci::engine::ports::Link;
use halide_ci::engine::tasks::Tasks;
use halide_ci::model::command::CommandKind;
use halide_ci::wire::pb::broker::{Broker, Event};
use halide_ci::wire::pb::jelly::{Failure, Jelly};
use halide_ci::wire::serve_stream;
use md5::{Digest as _, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::gate::{FakeGate, Outcome, finish, kind, run, shell};

/// Starts a command and gathers what it says in the meantime.
#[expect(clippy::disallowed_methods, reason = "the test plays the worker meanwhile")]
fn start(link: &Arc<dyn Link>, key: u64, what: CommandKind) -> JoinHandle<Outcome> {
    tokio::spawn(finish(super::gate::start(link, key, what)))
}

fn world() -> (FakeGate, Tasks) {
    (FakeGate::new(&[("w", "pass")]), Tasks::new())
}

/// A stream to a master that serves `gate`.
pub(crate) fn dial(gate: &FakeGate, tasks: &Tasks) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    tasks.spawn("master", serve_stream(theirs, gate.clone(), tasks.clone()));
    ours
}

/// A call of the master.
#[derive(Debug)]
struct Call {
    request: Option<i64>,
    object: Option<i64>,
    method: String,
    args: Vec<Jelly>,
    named: Jelly,
}

/// The number of the first builder's object.
const FIRST_BUILDER: i64 = 2;

struct PbWorker {
    stream: DuplexStream,
    broker: Broker,
    calls: VecDeque<Call>,
    answers: BTreeMap<i64, Result<Jelly, Failure>>,
    avatar: i64,
    builders: usize,
    /// Bytes that are sent at once.
    piece: usize,
}

fn dict<const N: usize>(pairs: [(&str, Jelly); N]) -> Jelly {
    Jelly::Dict(pairs.map(|(key, value)| (Jelly::text(key), value)).into())
}

/// An update of a command.
fn says<const N: usize>(pairs: [(&str, Jelly); N]) -> Vec<Jelly> {
    vec![Jelly::List(vec![Jelly::List(vec![dict(pairs), Jelly::Int(0)])])]
}

impl PbWorker {
    fn new(stream: DuplexStream) -> Self {
        Self {
            stream,
            broker: Broker::worker(),
            calls: VecDeque::new(),
            answers: BTreeMap::new(),
            avatar: 0,
            builders: 0,
            piece: usize::MAX,
        }
    }

    /// Sends what is to be sent and reads once; false = the connection is over.
    async fn pump(&mut self) -> bool {
        if let Some(bytes) = self.broker.take() {
            for piece in bytes.chunks(self.piece) {
                if self.stream.write_all(piece).await.is_err() {
                    return false;
                }
            }
        }
        let mut bytes = vec![0; 64 << 10];
        let Ok(count) = self.stream.read(&mut bytes).await else { return false };
        self.broker.feed(&bytes[..count]);
        while let Some(event) = self.broker.next().unwrap() {
            match event {
                Event::Call { request, object, method, args, named } => {
                    self.calls.push_back(Call { request, object, method, args, named });
                }
                Event::Answer { request, result } => {
                    self.answers.insert(request, result);
                }
            }
        }
        count > 0
    }

    async fn next(&mut self) -> Option<Call> {
        while self.calls.is_empty() {
            if !self.pump().await {
                return None;
            }
        }
        self.calls.pop_front()
    }

    /// The next call, which must be of this method.
    async fn expect(&mut self, method: &str) -> Call {
        let call = self.next().await.unwrap_or_else(|| panic!("{method} was not called"));
        assert_eq!(call.method, method, "{call:?}");
        call
    }

    fn answer(&mut self, call: &Call, value: Jelly) {
        self.broker.settle(call.request, Ok(value));
    }

    /// Calls the master and waits for its answer.
    async fn ask(
        &mut self,
        object: Option<i64>,
        method: &'static str,
        args: Vec<Jelly>,
    ) -> Result<Jelly, Failure> {
        let request = self.broker.call(object, method, args, Vec::new()).unwrap();
        while !self.answers.contains_key(&request) {
            assert!(self.pump().await, "{method} was not answered");
        }
        self.answers.remove(&request).unwrap()
    }

    /// What the master says to this name and password.
    async fn log_in(&mut self, name: &str, password: &str) -> Option<Result<Jelly, Failure>> {
        // The master speaks first.
        assert!(self.pump().await);
        let name = Jelly::Bytes(name.to_owned().into());
        let challenged = self.ask(None, "login", vec![name]).await.unwrap();
        let [Jelly::Bytes(challenge), Jelly::Remote(challenger)] = challenged.as_list().unwrap()
        else {
            panic!("{challenged:?}");
        };
        let digest = Md5::digest([&Md5::digest(password)[..], &challenge[..]].concat());
        let bot = self.broker.lend().unwrap();
        let args = vec![Jelly::Bytes(digest.to_vec().into()), Jelly::Remote(bot)];
        let request = self.broker.call(Some(*challenger), "respond", args, vec![]).unwrap();
        self.broker.release(*challenger);
        while !self.answers.contains_key(&request) {
            if !self.pump().await {
                return None;
            }
        }
        self.answers.remove(&request)
    }

    /// The greeting up to the point where work may begin.
    async fn greet(&mut self) {
        let Some(Ok(Jelly::Remote(avatar))) = self.log_in("w", "pass").await else {
            panic!("it was not let in");
        };
        self.avatar = avatar;
        let attached = self.expect("print").await;
        assert_eq!(attached.named, dict([("message", Jelly::text("attached"))]));
        self.answer(&attached, Jelly::None);
        let info = self.expect("getWorkerInfo").await;
        // As a worker on Python 2 says it: ASCII is bytes.
        let said = [("basedir", "/w"), ("system", "posix"), ("version", "2.10.5")]
            .map(|(key, value)| (Jelly::Bytes(key.into()), Jelly::Bytes(value.into())));
        self.answer(&info, Jelly::Dict(said.into()));
        self.make_builders(&["builder"]).await;
        let attached = self.expect("print").await;
        self.answer(&attached, Jelly::None);
    }

    /// Makes these builders, and no other are wanted.
    async fn make_builders(&mut self, names: &[&str]) {
        let list = self.expect("setBuilderList").await;
        let wanted: Vec<_> = list.args[0]
            .as_list()
            .unwrap()
            .iter()
            .map(|pair| pair.as_list().unwrap()[0].as_text().unwrap().to_owned())
            .collect();
        assert_eq!(wanted, names);
        // After the bot, which is 1; one that was there before is the same again.
        while self.builders < wanted.len() {
            self.broker.lend().unwrap();
            self.builders += 1;
        }
        let made = wanted.iter().zip(FIRST_BUILDER..);
        let made = made.map(|(name, luid)| (Jelly::text(name), Jelly::Remote(luid)));
        let made = Jelly::Dict(made.collect());
        self.answer(&list, made);
    }

    /// Takes the start of a command, and returns the builder and the command's object.
    async fn begin(&mut self) -> (i64, i64) {
        let call = self.expect("startCommand").await;
        let Jelly::Remote(command) = call.args[0] else { panic!("{call:?}") };
        self.answer(&call, Jelly::None);
        (call.object.unwrap(), command)
    }

    /// Ends a command with success.
    async fn end(&mut self, command: i64) {
        self.ask(Some(command), "update", says([("rc", Jelly::Int(0))])).await.unwrap();
        self.ask(Some(command), "complete", vec![Jelly::None]).await.unwrap();
        self.broker.release(command);
    }
}

async fn come_in(gate: &FakeGate, tasks: &Tasks) -> PbWorker {
    let mut worker = PbWorker::new(dial(gate, tasks));
    worker.greet().await;
    worker
}

#[tokio::test(start_paused = true)]
async fn the_master_speaks_first_to_who_waits_and_not_for_ever() {
    let (gate, tasks) = world();
    let mut stream = dial(&gate, &tasks);
    let began = Instant::now();
    let mut banner = [0; 6];
    stream.read_exact(&mut banner).await.unwrap();
    assert_eq!((&banner, began.elapsed().as_secs()), (b"\x01\x80\x02\x82pb", 1));
    assert_eq!(stream.read(&mut banner).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), 10);
    // TLS is not there, and noise is nobody's protocol.
    for first in [&b"\x16\x03\x01\x02\x00\x01"[..], b"hello"] {
        let mut stream = dial(&gate, &tasks);
        let began = Instant::now();
        stream.write_all(first).await.unwrap();
        assert_eq!(stream.read(&mut banner).await.unwrap(), 0);
        assert_eq!(began.elapsed().as_secs(), 0);
    }
    let mut stream = dial(&gate, &tasks);
    stream.read_exact(&mut banner).await.unwrap();
    stream.write_all(b"\x04\x82none").await.unwrap();
    assert_eq!(stream.read(&mut banner).await.unwrap(), 0);
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_and_unknown_names_look_the_same() {
    let (gate, tasks) = world();
    for (name, password) in [("w", "wrong"), ("nobody", "pass"), ("", "")] {
        let mut worker = PbWorker::new(dial(&gate, &tasks));
        let Some(Err(failure)) = worker.log_in(name, password).await else {
            panic!("{name} was let in");
        };
        assert_eq!(failure.class, "twisted.cred.error.UnauthorizedLogin");
        // The worker has a moment to go by itself.
        let began = Instant::now();
        assert!(worker.next().await.is_none());
        // Its object was given back.
        worker.broker.retire(1);
        assert_eq!((began.elapsed().as_secs(), worker.broker.held()), (4, 0));
    }
    gate.refused(3).await;
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_runs_byte_by_byte() {
    let (gate, tasks) = world();
    let mut worker = PbWorker::new(dial(&gate, &tasks));
    worker.piece = 1;
    worker.greet().await;
    let (link, info) = gate.come_in("w", 1).await;
    assert_eq!((info.version.as_str(), info.basedir.as_str()), ("2.10.5", "/w"));
    let events = start(&link, 1, kind(shell("x")));
    let (builder, command) = worker.begin().await;
    assert_eq!(builder, FIRST_BUILDER);
    let both = says([("stdout", Jelly::text("a\r")), ("stderr", Jelly::Bytes("message".into()))]);
    assert_eq!(worker.ask(Some(command), "update", both).await, Ok(Jelly::Int(0)));
    let log = Jelly::Tuple(vec![Jelly::text("l"), Jelly::text("h\u{e9}")]);
    worker.ask(Some(command), "update", says([("log", log)])).await.unwrap();
    worker.end(command).await;
    let outcome = events.await.unwrap();
    assert_eq!(
        (outcome.stdout.as_slice(), outcome.stderr.as_slice()),
        (&b"a\r"[..], &b"message"[..])
    );
    assert_eq!((outcome.logs["l"].as_slice(), outcome.rc), ("h\u{e9}".as_bytes(), Some(0)));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn several_commands_of_one_directory_get_builders_of_their_own() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks).await;
    let (link, _) = gate.come_in("w", 1).await;
    let first = start(&link, 1, kind(shell("a")));
    let second = start(&link, 2, kind(shell("b")));
    let (at, one) = worker.begin().await;
    assert_eq!(at, FIRST_BUILDER);
    worker.make_builders(&["builder", "builder (2)"]).await;
    let (at, two) = worker.begin().await;
    assert_eq!(at, FIRST_BUILDER + 1);
    // The third waits for its builder and is not wanted any more.
    let third = start(&link, 3, kind(shell("c")));
    let list = worker.expect("setBuilderList").await;
    link.interrupt(3, "enough");
    let third = third.await.unwrap();
    assert_eq!((third.rc, third.failure), (None, None));
    worker.broker.settle(list.request, Err(Failure::new("builtins.OSError", "disk full")));
    // An interrupt goes to the builder of its command.
    link.interrupt(1, "why");
    let interrupt = worker.expect("interruptCommand").await;
    assert_eq!((interrupt.object, &interrupt.args[1]), (Some(FIRST_BUILDER), &Jelly::text("why")));
    worker.answer(&interrupt, Jelly::None);
    worker.end(two).await;
    worker.end(one).await;
    assert_eq!(first.await.unwrap().rc, Some(0));
    assert_eq!(second.await.unwrap().rc, Some(0));
    // Both are free again.
    let again = start(&link, 4, kind(shell("d")));
    let (at, command) = worker.begin().await;
    assert_eq!(at, FIRST_BUILDER);
    worker.end(command).await;
    assert_eq!(again.await.unwrap().rc, Some(0));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_builder_is_refused() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks).await;
    let (link, _) = gate.come_in("w", 1).await;
    let first = start(&link, 1, kind(shell("a")));
    let second = start(&link, 2, kind(shell("b")));
    let (_, one) = worker.begin().await;
    worker.make_builders(&["builder", "builder (2)"]).await;
    let second_command = worker.begin().await.1;
    let third = start(&link, 3, kind(shell("c")));
    // It leaves the new one out.
    let list = worker.expect("setBuilderList").await;
    worker.answer(&list, dict([("builder", Jelly::Remote(FIRST_BUILDER))]));
    let third = tokio::select! {
        third = third => third.unwrap(),
        call = worker.next() => panic!("{call:?}"),
    };
    assert!(third.refused.unwrap().contains("has not made all builders"));
    worker.end(one).await;
    worker.end(second_command).await;
    assert!(first.await.unwrap().rc == Some(0) && second.await.unwrap().rc == Some(0));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_a_command_with_its_words() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks).await;
    let (link, _) = gate.come_in("w", 1).await;
    let events = start(&link, 1, kind(shell("a")));
    let (_, command) = worker.begin().await;
    let failure = Failure::new("builtins.OSError", "no space left");
    let failure = Jelly::Failure(Box::new(failure));
    worker.ask(Some(command), "complete", vec![failure]).await.unwrap();
    assert_eq!(events.await.unwrap().failure.as_deref(), Some("OSError: no space left"));
    // Its object is kept for what comes late, and says no.
    assert!(worker.ask(Some(command), "complete", vec![Jelly::None]).await.is_err());
    let events = start(&link, 2, kind(shell("a")));
    let call = worker.expect("startCommand").await;
    let failure = Failure::new("buildbot_worker.base.UnknownCommand", "no shell here");
    worker.broker.settle(call.request, Err(failure));
    let refused = tokio::select! {
        outcome = events => outcome.unwrap().refused.unwrap(),
        call = worker.next() => panic!("{call:?}"),
    };
    assert_eq!(refused, "UnknownCommand: no shell here");
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_make_no_sense_are_answered_and_the_connection_lives() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks).await;
    let (link, _) = gate.come_in("w", 1).await;
    let upload = CommandKind::UploadFile {
        path: "f".to_owned(),
        block_size: 1 << 30,
        max_size: None,
        keep_stamp: true,
    };
    let events = start(&link, 1, upload);
    let call = worker.expect("startCommand").await;
    assert_eq!(call.args[3].get("blocksize"), Some(&Jelly::Int(655_360)));
    let Some(Jelly::Remote(writer)) = call.args[3].get("writer") else { panic!("{call:?}") };
    let Jelly::Remote(command) = call.args[0] else { panic!("{call:?}") };
    worker.answer(&call, Jelly::None);
    let update = says([("rc", Jelly::text("zero"))]);
    let number = || vec![Jelly::Int(1)];
    let calls: [(Option<i64>, &'static str, Vec<Jelly>); 9] = [
        (None, "login", vec![Jelly::text("w")]),
        (Some(999), "update", vec![]),
        (Some(worker.avatar), "callRemote", vec![]),
        (Some(command), "write", number()),
        (Some(command), "update", number()),
        (Some(command), "update", update),
        (Some(command), "complete", vec![Jelly::Remote(5)]),
        (Some(*writer), "write", number()),
        (Some(*writer), "utime", vec![Jelly::Tuple(number())]),
    ];
    for (object, method, args) in calls {
        let answer = worker.ask(object, method, args).await;
        assert!(answer.is_err(), "{method}: {answer:?}");
    }
    let block = Jelly::Bytes("list".into());
    assert_eq!(worker.ask(Some(*writer), "write", vec![block]).await, Ok(Jelly::None));
    assert_eq!(worker.ask(Some(*writer), "close", vec![]).await, Ok(Jelly::None));
    let times = Jelly::Tuple(vec![Jelly::Float(1.5), Jelly::Int(2)]);
    assert_eq!(worker.ask(Some(*writer), "utime", vec![times]).await, Ok(Jelly::None));
    worker.end(command).await;
    let outcome = events.await.unwrap();
    assert_eq!(
        (outcome.blocks.concat().as_slice(), outcome.times),
        (&b"list"[..], Some((1.5, 2.0)))
    );
    assert_eq!(worker.ask(Some(worker.avatar), "keepalive", vec![]).await, Ok(Jelly::None));
    assert_eq!(worker.ask(Some(worker.avatar), "shutdown", vec![]).await, Ok(Jelly::None));
    gate.retiring().await;
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_live_worker_keeps_its_place_and_a_frozen_one_loses_it() {
    let (gate, tasks) = world();
    let mut first = come_in(&gate, &tasks).await;
    let (link, _) = gate.come_in("w", 1).await;
    let mut second = PbWorker::new(dial(&gate, &tasks));
    // It is sent away without a word: an error would end its process.
    let (answer, ()) = tokio::join!(second.log_in("w", "pass"), async {
        let print = first.expect("print").await;
        assert_eq!(
            print.named,
            dict([("message", Jelly::text("master got a duplicate connection"))])
        );
        first.answer(&print, Jelly::None);
        // Its next call shows that the answer has arrived.
        first.ask(Some(first.avatar), "keepalive", vec![]).await.unwrap();
    });
    assert_eq!(answer, None);
    let lost = start(&link, 1, kind(shell("sleep")));
    let began = Instant::now();
    let third = come_in(&gate, &tasks).await;
    assert_eq!(began.elapsed().as_secs(), 11);
    gate.come_in("w", 2).await;
    assert!(lost.await.unwrap().lost);
    drop((first, third));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_without_a_line_in_the_workers_log_and_ends_after_thirty_seconds() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks).await;
    let (link, _) = gate.come_in("w", 1).await;
    let began = Instant::now();
    for seconds in [10, 20] {
        let version = worker.expect("getVersion").await;
        assert_eq!(began.elapsed().as_secs(), seconds);
        worker.answer(&version, Jelly::text("4.3.0"));
    }
    // From here on it says nothing more.
    assert!(run(&link, 1, kind(shell("sleep"))).await.lost);
    tasks.end().await;
    assert!(!gate.is_present("w"));
}
