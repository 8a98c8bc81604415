//! Our worker with a stock master made of bytes: whole lines with their places, Buildbot's
//! buffering, and no trace of our extension.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use halide_ci::base::secret::Secret;
use halide_ci::model::worker::WorkerSettings;
use halide_ci::wire::msgpack::codec::Value;
use halide_ci::wire::msgpack::message::{self, Message, NEWLINE_RE};
use halide_ci::wire::msgpack::websocket::{Socket, accept};
use halide_ci::worker;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;

use super::gate::surroundings;

/// A stock master with one worker of ours.
struct Master {
    socket: Socket<TcpStream>,
    next_seq: i64,
    /// What the worker asked for and got an answer to, in order.
    updates: Vec<Value>,
    worker: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl Master {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let password = Secret::new("p");
        let settings = WorkerSettings::new("w", password, "127.0.0.1", port, dir.path().to_owned());
        let mut worker = JoinSet::new();
        worker.spawn(async move {
            worker::run(settings, surroundings(), CancellationToken::new()).await.unwrap();
        });
        let (stream, _) = listener.accept().await.unwrap();
        let (socket, credentials) = accept(stream, |_| true).await.unwrap();
        assert_eq!(credentials.name, "w");
        assert!(credentials.fits(&Secret::new("p")));
        Self { socket, next_seq: 0, updates: Vec::new(), worker, _dir: dir }
    }

    async fn with_settings() -> Self {
        let mut master = Self::new().await;
        let args = Value::map([
            ("newline_re", Value::text(NEWLINE_RE)),
            ("max_line_length", 20i64.into()),
            ("buffer_timeout", 5i64.into()),
            ("buffer_size", 65_536i64.into()),
        ]);
        master.ask("set_worker_settings", vec![("args", args)]).await.unwrap();
        master
    }

    async fn send(&mut self, op: &str, fields: Vec<(&str, Value)>) -> i64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.socket.send(Frame::Binary(message::request(op, seq, fields))).await.unwrap();
        seq
    }

    /// The worker's next message; its requests are answered.
    async fn next(&mut self) -> Message {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(30), self.socket.next()).await;
            let Frame::Binary(bytes) = frame.expect("silence").unwrap().unwrap() else { continue };
            let message = message::parse(&bytes).unwrap();
            if let Message::Request { seq, .. } = &message {
                let answer = message::response(*seq, Ok(Value::Nil));
                self.socket.send(Frame::Binary(answer)).await.unwrap();
            }
            return message;
        }
    }

    async fn ask(&mut self, op: &str, fields: Vec<(&str, Value)>) -> Result<Value, String> {
        let seq = self.send(op, fields).await;
        loop {
            match self.next().await {
                Message::Response { seq: answered, result } if answered == seq => return result,
                Message::Response { .. } => panic!("an answer to nothing"),
                Message::Request { body, .. } => self.updates.push(body),
            }
        }
    }

    async fn start(&mut self, id: &str, line: &str) {
        let args = Value::map([
            ("workdir", Value::text("build")),
            ("command", Value::text(line)),
            ("logEnviron", false.into()),
        ]);
        let fields = vec![
            ("command_id", Value::text(id)),
            ("command_name", Value::text("shell")),
            ("args", args),
        ];
        self.ask("start_command", fields).await.unwrap();
    }

    /// All pairs until the command's end, and when each came.
    async fn pairs(&mut self) -> Vec<(String, Value, Instant)> {
        let mut out = Vec::new();
        let mut taken = std::mem::take(&mut self.updates).into_iter();
        loop {
            let body = match taken.next() {
                Some(body) => body,
                None => match self.next().await {
                    Message::Request { body, .. } => body,
                    Message::Response { .. } => continue,
                },
            };
            assert_eq!(body.get("offset"), None, "a stock master knows no offsets");
            if body.get("op").and_then(Value::as_str) == Some("complete") {
                assert_eq!(body.get("args"), Some(&Value::Nil));
                return out;
            }
            for pair in body.get("args").and_then(Value::as_array).unwrap() {
                let [key, value] = pair.as_array().unwrap() else { panic!("not a pair") };
                out.push((key.as_str().unwrap().to_owned(), value.clone(), Instant::now()));
            }
        }
    }
}

fn whole(pairs: &[(String, Value, Instant)], stream: &str) -> (String, Vec<i64>, usize) {
    let (mut text, mut ends, mut times) = (String::new(), Vec::new(), 0);
    for (_, value, _) in pairs.iter().filter(|(key, _, _)| key == stream) {
        let [piece, places, when] = value.as_array().unwrap() else { panic!("not a triple") };
        let before = i64::try_from(text.chars().count()).unwrap();
        text.push_str(piece.as_str().unwrap());
        ends.extend(places.as_array().unwrap().iter().map(|p| p.as_int().unwrap() + before));
        times += when.as_array().unwrap().len();
    }
    (text, ends, times)
}

#[tokio::test]
async fn a_stock_master_gets_whole_lines_with_their_places() {
    let mut master = Master::with_settings().await;
    master.start("1", "printf 'h\\303\\266\\r\\nAAAAAAAAAABBBBBBBBBBCCC\\nopen'; exit 2").await;
    let pairs = master.pairs().await;
    let (text, ends, times) = whole(&pairs, "stdout");
    assert_eq!(text, "hö\nAAAAAAAAAABBBBBBBBB\nBCCC\nopen\n");
    let places: Vec<i64> = text
        .chars()
        .enumerate()
        .filter(|(_, c)| *c == '\n')
        .map(|(i, _)| i64::try_from(i).unwrap())
        .collect();
    assert_eq!((ends, times), (places, 4));
    let keys: Vec<&str> = pairs.iter().map(|(key, _, _)| key.as_str()).collect();
    assert_eq!(keys, ["header", "stdout", "rc", "header", "elapsed", "stdout"]);
    assert_eq!(pairs[2].1, Value::from(2i64));
    // Short commands say all they have in one message.
    assert_eq!(pairs[0].2.elapsed().as_secs(), 0);
    master.worker.abort_all();
}

#[tokio::test]
async fn a_stock_master_stops_a_command_and_hears_no_elapsed_time() {
    let mut master = Master::with_settings().await;
    master.start("1", "echo begun; sleep 60").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let fields = vec![("command_id", Value::text("1")), ("why", Value::text("enough"))];
    assert_eq!(master.ask("interrupt_command", fields).await, Ok(Value::Nil));
    let pairs = master.pairs().await;
    assert_eq!(whole(&pairs, "stdout").0, "begun\n");
    assert!(pairs.iter().any(|(key, value, _)| key == "rc" && *value == Value::from(-1i64)));
    assert!(!pairs.iter().any(|(key, _, _)| key == "elapsed"));
    // One that does not exist is no error.
    let fields = vec![("command_id", Value::text("9")), ("why", Value::text("enough"))];
    assert_eq!(master.ask("interrupt_command", fields).await, Ok(Value::Nil));
    master.worker.abort_all();
}

#[tokio::test]
async fn what_a_master_gets_wrong_is_answered_with_an_error() {
    let mut master = Master::with_settings().await;
    let start = |name: &str, args: Value| {
        vec![("command_id", Value::text("5")), ("command_name", Value::text(name)), ("args", args)]
    };
    let error = master.ask("start_command", start("dance", Value::map([]))).await.unwrap_err();
    assert_eq!(error, "This worker does not know the command `dance`.");
    let error = master.ask("start_command", start("shell", Value::map([]))).await.unwrap_err();
    assert!(error.contains("`workdir`"), "{error}");
    let error = master.ask("start_command", start("mkdir", Value::Nil)).await.unwrap_err();
    assert!(error.contains("not a map"), "{error}");
    let error =
        master.ask("set_worker_settings", vec![("args", Value::map([]))]).await.unwrap_err();
    assert!(error.contains("`max_line_length`"), "{error}");
    assert!(master.ask("dance", vec![]).await.unwrap_err().contains("does not exist"));
    assert_eq!(master.ask("keepalive", vec![]).await, Ok(Value::Nil));
    assert_eq!(master.ask("print", vec![("message", Value::text("ping"))]).await, Ok(Value::Nil));
    master.worker.abort_all();
}
