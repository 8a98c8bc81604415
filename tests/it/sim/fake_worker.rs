//! A worker made of protocol bytes: it speaks to the master over any stream, a pipe in memory for
//! the simulator, and does only what its test tells it. Message by message with [`FakeWorker::next`]
//! and [`FakeWorker::say`], or as a worker that lives by itself with [`FakeWorker::live`].

use std::collections::BTreeMap;

use futures_util::{SinkExt, StreamExt};
use halide_ci::base::secret::Secret;
use halide_ci::wire::msgpack::codec::{Value, encode};
use halide_ci::wire::msgpack::message::{self, Message};
use halide_ci::wire::msgpack::websocket::{Credentials, HandshakeError, Socket, connect};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message as Frame;

/// A request of the master.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) op: String,
    pub(crate) seq: i64,
    pub(crate) body: Value,
}

impl Request {
    /// A text of the request.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A worker.
pub(crate) struct FakeWorker {
    socket: Socket<DuplexStream>,
    next_seq: i64,
    /// Answers of the master to what the worker sent, by number.
    pub(crate) answers: BTreeMap<i64, Result<Value, String>>,
}

/// How a living fake worker carries out a command.
pub(crate) enum Reply {
    /// With these updates, and then its end.
    Done(Vec<(&'static str, Value)>),
    /// Not: it runs until it is interrupted, and ends with -1 then.
    Runs,
}

/// A line as a stock worker sends it.
pub(crate) fn line(text: &str) -> Value {
    let end = text.chars().count() as u64;
    let whole = format!("{text}\n");
    Value::Array(vec![
        Value::text(&whole),
        Value::Array(vec![end.into()]),
        Value::Array(vec![1_795_356_740.5f64.into()]),
    ])
}

/// What a stock worker in `/w` says about itself.
pub(crate) fn stock_info() -> Value {
    Value::map([
        ("basedir", Value::text("/w")),
        ("system", Value::text("posix")),
        ("version", Value::text("4.3.0")),
        ("environ", Value::Map(Vec::new())),
        ("delete_leftover_dirs", false.into()),
    ])
}

impl FakeWorker {
    /// Connects as `name`; `boot` is for a worker of our own.
    pub(crate) async fn connect(
        stream: DuplexStream,
        name: &str,
        password: &str,
        boot: Option<&str>,
    ) -> Result<Self, HandshakeError> {
        let credentials = Credentials {
            name: name.to_owned(),
            password: Secret::new(password),
            boot: boot.map(ToOwned::to_owned),
        };
        let socket = connect(stream, "master", 9990, &credentials).await?;
        Ok(Self { socket, next_seq: 0, answers: BTreeMap::new() })
    }

    /// The master's next request; none = the connection ended.
    pub(crate) async fn next(&mut self) -> Option<Request> {
        loop {
            match self.socket.next().await? {
                Ok(Frame::Binary(bytes)) => match message::parse(&bytes).unwrap() {
                    Message::Request { op, seq, body } => return Some(Request { op, seq, body }),
                    Message::Response { seq, result } => {
                        self.answers.insert(seq, result);
                    }
                },
                Ok(Frame::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The master's next request, which must be `op`.
    pub(crate) async fn expect(&mut self, op: &str) -> Request {
        let request =
            self.next().await.unwrap_or_else(|| panic!("the connection ended before {op}"));
        assert_eq!(request.op, op);
        request
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, request: &Request, result: Value) {
        self.frame(Frame::Binary(message::response(request.seq, Ok(result)))).await;
    }

    /// Sends a request of its own, and returns its number.
    pub(crate) async fn say(&mut self, op: &str, id: &str, args: Value) -> i64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let pairs = [
            ("op", Value::text(op)),
            ("seq_number", seq.into()),
            ("command_id", Value::text(id)),
            ("args", args),
        ];
        self.frame(Frame::Binary(encode(&Value::map(pairs)))).await;
        seq
    }

    /// Sends an update of one pair.
    pub(crate) async fn update(&mut self, id: &str, key: &str, value: Value) -> i64 {
        let pair = Value::Array(vec![Value::text(key), value]);
        self.say("update", id, Value::Array(vec![pair])).await
    }

    /// Sends a frame. An ended connection shows when the worker reads.
    pub(crate) async fn frame(&mut self, frame: Frame) {
        let _ = self.socket.send(frame).await;
    }

    /// Answers the master's greeting until work may begin.
    pub(crate) async fn greet(&mut self, info: Value) {
        let request = self.expect("print").await;
        self.answer(&request, Value::Nil).await;
        let request = self.expect("get_worker_info").await;
        self.answer(&request, info).await;
        let request = self.expect("set_worker_settings").await;
        self.answer(&request, Value::Nil).await;
        for (name, updates) in [
            ("listdir", vec![("files", Value::Array(Vec::new())), ("rc", 0i64.into())]),
            ("mkdir", vec![("rc", 0i64.into())]),
        ] {
            let request = self.expect("start_command").await;
            assert_eq!(request.text("command_name"), name);
            self.carry_out(&request, updates).await;
        }
        let request = self.expect("print").await;
        self.answer(&request, Value::Nil).await;
    }

    /// Carries out a command with these updates.
    pub(crate) async fn carry_out(&mut self, request: &Request, updates: Vec<(&str, Value)>) {
        self.answer(request, Value::Nil).await;
        let id = request.text("command_id").to_owned();
        for (key, value) in updates {
            self.update(&id, key, value).await;
        }
        self.say("complete", &id, Value::Nil).await;
    }

    /// Lives until the connection ends: answers everything, and carries out commands as `on` says
    /// for each name and arguments.
    pub(crate) async fn live(mut self, info: Value, mut on: impl FnMut(&str, &Value) -> Reply) {
        while let Some(request) = self.next().await {
            match request.op.as_str() {
                "get_worker_info" => self.answer(&request, info.clone()).await,
                "start_command" => {
                    let args = request.body.get("args").cloned().unwrap_or(Value::Nil);
                    match on(request.text("command_name"), &args) {
                        Reply::Done(updates) => self.carry_out(&request, updates).await,
                        Reply::Runs => self.answer(&request, Value::Nil).await,
                    }
                }
                "interrupt_command" => {
                    self.answer(&request, Value::Nil).await;
                    let id = request.text("command_id").to_owned();
                    self.update(&id, "rc", (-1i64).into()).await;
                    self.say("complete", &id, Value::Nil).await;
                }
                _ => self.answer(&request, Value::Nil).await,
            }
        }
    }
}
