//! A stock worker made of bytes, on a clock that a test owns: handshakes to the byte, duplicates,
//! silence, and a master that stops reading when nobody takes the output.

use std::time::Duration;

use halide_ci::engine::tasks::Tasks;
use halide_ci::model::command::CommandKind;
use halide_ci::wire::msgpack::codec::Value;
use halide_ci::wire::serve_stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::gate::{FakeGate, finish, kind, run, shell, start};
use crate::sim::fake_worker::{FakeWorker, Reply, line, stock_info};

/// A stream to a master that serves `gate`.
fn dial(gate: &FakeGate, tasks: &Tasks) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    tasks.spawn("master", serve_stream(theirs, gate.clone(), tasks.clone()));
    ours
}

fn world() -> (FakeGate, Tasks) {
    (FakeGate::new(&[("w", "pass")]), Tasks::new())
}

async fn come_in(gate: &FakeGate, tasks: &Tasks, boot: Option<&str>) -> FakeWorker {
    let mut worker = FakeWorker::connect(dial(gate, tasks), "w", "pass", boot).await.unwrap();
    worker.greet(stock_info()).await;
    worker
}

/// What a master answers to these bytes before it closes.
async fn raw(gate: &FakeGate, tasks: &Tasks, request: &str) -> String {
    let mut stream = dial(gate, tasks);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn handshake(path: &str, authorization: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nUser-Agent: AutobahnPython/26.10.2\r\nHost: 127.0.0.1:19902\r\n\
         Upgrade: WebSocket\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
         {authorization}Sec-WebSocket-Key: 9iMFRxo6SjMWJUS9rJHRzg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_are_answered_with_the_bare_bytes() {
    let (gate, tasks) = world();
    // w:nope, and x:pass
    for basic in ["dzpub3Bl", "eDpwYXNz"] {
        let answer =
            raw(&gate, &tasks, &handshake("/", &format!("Authorization: Basic {basic}\r\n"))).await;
        assert_eq!(answer, "HTTP/1.1 401 Unauthorized\r\n\r\n");
    }
    let answer = raw(&gate, &tasks, &handshake("/", "")).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let answer = raw(&gate, &tasks, &handshake("/", "Authorization: Basic ???\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_recorded_handshake_is_accepted_on_any_path() {
    let (gate, tasks) = world();
    let mut stream = dial(&gate, &tasks);
    // w:pass
    let request = handshake("/behind/a/proxy", "Authorization: Basic dzpwYXNz\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let n = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..n]).to_lowercase();
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert!(answer.contains("sec-websocket-accept: zibqgjxqtaar/8gre7q8pyqkq2s=\r\n"), "{answer}");
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_is_dropped() {
    let (gate, tasks) = world();
    let mut stream = dial(&gate, &tasks);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), 10);
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stock_worker_comes_in_and_works() {
    let (gate, tasks) = world();
    let worker = FakeWorker::connect(dial(&gate, &tasks), "w", "pass", None).await.unwrap();
    tasks.spawn(
        "worker",
        worker.live(stock_info(), |name, args| match name {
            "listdir" => {
                Reply::Done(vec![("files", Value::Array(Vec::new())), ("rc", 0i64.into())])
            }
            "shell" if args.get("command").and_then(Value::as_str) == Some("sleep") => Reply::Runs,
            "shell" => Reply::Done(vec![
                ("stdout", line("hé")),
                ("stderr", line("e")),
                ("rc", 3i64.into()),
            ]),
            _ => Reply::Done(vec![("rc", 0i64.into())]),
        }),
    );
    let (link, info) = gate.come_in("w", 1).await;
    assert_eq!((info.version.as_str(), info.basedir.as_str()), ("4.3.0", "/w"));
    let outcome = run(&link, 1, kind(shell("anything"))).await;
    assert_eq!(
        (outcome.stdout.as_slice(), outcome.stderr.as_slice()),
        ("hé\n".as_bytes(), &b"e\n"[..])
    );
    assert_eq!(outcome.rc, Some(3));
    let running = start(&link, 2, kind(shell("sleep")));
    link.interrupt(2, "enough");
    assert_eq!(finish(running).await.rc, Some(-1));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_falls_silent_loses_its_commands_after_thirty_seconds() {
    let (gate, tasks) = world();
    let worker = come_in(&gate, &tasks, None).await;
    let (link, _) = gate.come_in("w", 1).await;
    let began = tokio::time::Instant::now();
    let outcome = finish(start(&link, 1, kind(shell("sleep")))).await;
    assert!(outcome.lost);
    assert!((30..32).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    drop(worker);
    tasks.end().await;
    assert!(!gate.is_present("w"));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_worker_is_replaced_after_ten_seconds_and_its_commands_are_lost() {
    let (gate, tasks) = world();
    let frozen = come_in(&gate, &tasks, None).await;
    let (link, _) = gate.come_in("w", 1).await;
    let running = start(&link, 1, kind(shell("sleep")));
    let began = tokio::time::Instant::now();
    let fresh = come_in(&gate, &tasks, None).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(finish(running).await.lost);
    gate.come_in("w", 2).await;
    assert!(gate.is_present("w"));
    drop((frozen, fresh));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_process_replaces_its_own_connection_at_once() {
    let (gate, tasks) = world();
    let old = come_in(&gate, &tasks, Some("boot-1")).await;
    gate.come_in("w", 1).await;
    let began = tokio::time::Instant::now();
    let new = come_in(&gate, &tasks, Some("boot-1")).await;
    gate.come_in("w", 2).await;
    assert_eq!(began.elapsed().as_secs(), 0);
    drop((old, new));
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_closed_without_a_word_while_the_first_answers() {
    let (gate, tasks) = world();
    let mut first = come_in(&gate, &tasks, Some("boot-1")).await;
    let (link, _) = gate.come_in("w", 1).await;
    let dialled = dial(&gate, &tasks);
    let (second, ()) = tokio::join!(
        async {
            let mut second =
                FakeWorker::connect(dialled, "w", "pass", Some("boot-2")).await.unwrap();
            second.next().await
        },
        async {
            let request = first.expect("print").await;
            assert_eq!(request.text("message"), "master got a duplicate connection");
            first.answer(&request, Value::Nil).await;
        }
    );
    assert!(second.is_none(), "{second:?}");
    let (alive, ()) = tokio::join!(link.ping(), async {
        let request = first.expect("print").await;
        first.answer(&request, Value::Nil).await;
    });
    assert!(alive);
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_master_whose_output_nobody_takes_stops_reading_and_loses_nothing() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks, None).await;
    let (link, _) = gate.come_in("w", 1).await;
    let events = start(&link, 1, kind(shell("flood")));
    let request = worker.expect("start_command").await;
    worker.answer(&request, Value::Nil).await;
    let text = "y".repeat(60_000);
    let mut sent = 0;
    let flood = async {
        for _ in 0..400 {
            worker.update("1", "stdout", line(&text)).await;
            sent += 1;
        }
    };
    // Longer than any silence: a peer that is not read is not dead.
    assert!(tokio::time::timeout(Duration::from_secs(300), flood).await.is_err());
    assert!(sent < 30, "{sent} messages were taken while the sink was full");
    let (outcome, ()) = tokio::join!(finish(events), async {
        // The message that was cut off by the time is still in the socket's buffer.
        for _ in sent + 1..400 {
            worker.update("1", "stdout", line(&text)).await;
        }
        worker.update("1", "rc", 0i64.into()).await;
        worker.say("complete", "1", Value::Nil).await;
        // Reading lets the master's answers through.
        assert!(tokio::time::timeout(Duration::from_secs(1), worker.next()).await.is_err());
    });
    assert_eq!((outcome.stdout.len(), outcome.rc), (400 * 60_001, Some(0)));
    assert_eq!(worker.answers.values().filter(|a| a.is_err()).count(), 0);
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn text_frames_are_ignored_and_nonsense_ends_the_connection() {
    let (gate, tasks) = world();
    let mut worker = come_in(&gate, &tasks, None).await;
    let (link, _) = gate.come_in("w", 1).await;
    worker.frame(Frame::text("hello")).await;
    let events = start(&link, 1, CommandKind::Stat { path: "x".to_owned() });
    assert_eq!(worker.expect("start_command").await.text("command_name"), "stat");
    worker.frame(Frame::binary(vec![0xc1])).await;
    assert!(worker.next().await.is_none());
    assert!(finish(events).await.lost);
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_speaks_the_protocol_before_the_greeting_is_done() {
    let (gate, tasks) = world();
    let mut worker = FakeWorker::connect(dial(&gate, &tasks), "w", "pass", None).await.unwrap();
    let seq = worker.say("complete", "1", Value::Nil).await;
    worker.greet(stock_info()).await;
    gate.come_in("w", 1).await;
    assert!(worker.answers[&seq].is_err());
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_changed_during_the_greeting_holds() {
    let (gate, tasks) = world();
    let mut worker = FakeWorker::connect(dial(&gate, &tasks), "w", "pass", None).await.unwrap();
    gate.change_password("w", "another");
    worker.greet(stock_info()).await;
    gate.refused(1).await;
    assert!(!gate.is_present("w"));
}
