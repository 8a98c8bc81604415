//! One conversation with a master, from the handshake to the end: answers its requests, runs its
//! commands, and watches that it is alive. When the conversation ends, every command is killed
//! before this returns, so that the next one never finds an old command in its directory.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;

use super::command::{Context, Host, Interrupt, Job};
use super::report::{Dialect, Report};
use super::uplink::Uplink;
use super::{Surroundings, info};
use crate::model::worker::WorkerSettings;
use crate::wire::msgpack::codec::Value;
use crate::wire::msgpack::message::{self, EXTENSION_VERSION, Message, WINDOW};
use crate::wire::msgpack::outbox::{Outbox, outbox};
use crate::wire::msgpack::websocket::{Socket, Traffic};

/// Our own master pings after 10 s of silence; this is for when it does not.
const MASTER_SILENCE: Duration = Duration::from_secs(15);
/// How long an answer to a ping may take, whoever is asked.
const PONG_LIMIT: Duration = Duration::from_secs(30);
/// How long the last bytes may take to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The master wants this worker's process to end.
    Shutdown,
    /// This side is ending.
    Cancelled,
    /// The connection is gone; and whether the master had greeted us before.
    Lost { why: String, greeted: bool },
}

struct Conversation<'a> {
    settings: &'a WorkerSettings,
    surroundings: &'a Surroundings,
    boot: &'a str,
    outbox: Outbox,
    uplink: Uplink,
    dialect: Dialect,
    running: BTreeMap<String, CancellationToken>,
    lost: CancellationToken,
    commands: JoinSet<String>,
    greeted: bool,
    /// When the master was last heard of, and whether it owes us a pong.
    heard: Instant,
    bytes: u64,
    pinged: bool,
}

/// Talks over `socket` until it ends or `shutdown` is cancelled.
pub(super) async fn converse<S>(
    socket: Socket<S>,
    settings: &WorkerSettings,
    surroundings: &Surroundings,
    boot: &str,
    shutdown: &CancellationToken,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let traffic = socket.get_ref().traffic();
    let (sink, frames) = socket.split();
    let (outbox, outgoing) = outbox();
    // Commands and the writer live in sets of their own: whatever happens here, they end with it.
    let mut writer = JoinSet::new();
    writer.spawn(outgoing.write_to(sink, traffic.clone()));
    let mut conversation = Conversation {
        settings,
        surroundings,
        boot,
        uplink: Uplink::new(outbox.clone()),
        outbox,
        dialect: Dialect::default(),
        running: BTreeMap::new(),
        lost: CancellationToken::new(),
        commands: JoinSet::new(),
        greeted: false,
        heard: Instant::now(),
        bytes: 0,
        pinged: false,
    };
    let end = conversation.run(frames, &traffic, &mut writer, shutdown).await;
    conversation.finish().await;
    // The last answers get a moment to leave.
    let _ = tokio::time::timeout(FAREWELL, writer.join_next()).await;
    end
}

impl Conversation<'_> {
    async fn run<S>(
        &mut self,
        mut frames: SplitStream<Socket<S>>,
        traffic: &Traffic,
        writer: &mut JoinSet<Result<(), String>>,
        shutdown: &CancellationToken,
    ) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        loop {
            let check = self.heard + if self.pinged { PONG_LIMIT } else { self.patience() };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return End::Cancelled,
                Some(done) = self.commands.join_next() => {
                    if let Ok(id) = done {
                        self.running.remove(&id);
                    }
                }
                done = writer.join_next() => return self.lost(match done {
                    Some(Ok(Err(why))) => why,
                    _ => "nothing can be sent to it any more".to_owned(),
                }),
                () = tokio::time::sleep_until(check) => {
                    if let Some(end) = self.on_silence(traffic.read()) {
                        return end;
                    }
                }
                frame = frames.next() => {
                    self.alive(traffic.read());
                    match frame {
                        Some(Ok(Frame::Binary(bytes))) => {
                            if let Some(end) = self.on_message(&bytes) {
                                return end;
                            }
                        }
                        Some(Ok(Frame::Close(_))) | None => {
                            return self.lost("it closed the connection".to_owned());
                        }
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return self.lost(error.to_string()),
                    }
                }
            }
        }
    }

    fn lost(&self, why: String) -> End {
        End::Lost { why, greeted: self.greeted }
    }

    fn alive(&mut self, bytes: u64) {
        self.heard = Instant::now();
        self.bytes = bytes;
        self.pinged = false;
    }

    /// Silence after which the master is asked whether it is there.
    fn patience(&self) -> Duration {
        match self.dialect {
            Dialect::Raw { .. } => MASTER_SILENCE,
            Dialect::Lines { .. } => self.settings.keepalive.max(Duration::from_secs(1)),
        }
    }

    fn on_silence(&mut self, bytes: u64) -> Option<End> {
        if bytes != self.bytes {
            // A large message is on its way.
            self.alive(bytes);
            return None;
        }
        if self.pinged {
            return Some(self.lost(format!("it was silent for {} s", PONG_LIMIT.as_secs())));
        }
        self.pinged = true;
        self.heard = Instant::now();
        self.outbox.ping();
        None
    }

    fn on_message(&mut self, bytes: &bytes::Bytes) -> Option<End> {
        match message::parse(bytes) {
            Ok(Message::Response { seq, result }) => self.uplink.answered(seq, result),
            Ok(Message::Request { op, seq, body }) => {
                if op == "shutdown" && self.settings.allow_shutdown {
                    self.outbox.send(message::response(seq, Ok(Value::Nil)));
                    return Some(End::Shutdown);
                }
                let result = self.obey(&op, &body);
                self.outbox.send(message::response(seq, result));
            }
            Err(message::MessageError::Nameless) => {
                tracing::warn!("The master sent a message without a name; it was dropped.");
            }
            Err(error) => {
                return Some(self.lost(format!("it sent something unreadable: {error}")));
            }
        }
        None
    }

    fn obey(&mut self, op: &str, body: &Value) -> Result<Value, String> {
        match op {
            "print" => {
                let text = body.get("message").and_then(Value::as_str).unwrap_or_default();
                tracing::info!("The master says: {text}");
                Ok(Value::Nil)
            }
            "keepalive" => Ok(Value::Nil),
            "get_worker_info" => Ok(info::read(self.settings, self.surroundings, self.boot)),
            "set_worker_settings" => {
                self.dialect = dialect(body.get("args").unwrap_or(&Value::Nil))?;
                self.greeted = true;
                Ok(Value::Nil)
            }
            "start_command" => self.start(body).map(|()| Value::Nil),
            "interrupt_command" => {
                let id = body.get("command_id").and_then(Value::as_str).unwrap_or_default();
                if let Some(asked) = self.running.get(id) {
                    asked.cancel();
                }
                Ok(Value::Nil)
            }
            "shutdown" => Err("This worker does not let its master end it.".to_owned()),
            _ => Err(format!("Command {op} does not exist.")),
        }
    }

    fn start(&mut self, body: &Value) -> Result<(), String> {
        let text = |key: &str| {
            let value = body.get(key).and_then(Value::as_str);
            value.ok_or_else(|| format!("start_command needs the text `{key}`."))
        };
        let (id, name) = (text("command_id")?, text("command_name")?);
        if self.running.contains_key(id) {
            return Err(format!("There is a command with the id `{id}` already."));
        }
        let job = Job::read(name, body.get("args").unwrap_or(&Value::Nil))?;
        let interrupt = Interrupt { asked: CancellationToken::new(), lost: self.lost.clone() };
        self.running.insert(id.to_owned(), interrupt.asked.clone());
        let clock = self.surroundings.clock;
        let context = Context {
            report: Report::new(id.to_owned(), self.uplink.clone(), clock, self.dialect),
            interrupt,
            host: Host {
                base_dir: self.settings.base_dir.clone(),
                environ: self.surroundings.environ.clone(),
                random: self.surroundings.random.clone(),
            },
        };
        let id = id.to_owned();
        self.commands.spawn(async move {
            job.perform(context).await;
            id
        });
        Ok(())
    }

    /// Kills what runs and waits until it is gone.
    async fn finish(mut self) {
        self.uplink.end();
        self.lost.cancel();
        for asked in self.running.values() {
            asked.cancel();
        }
        while self.commands.join_next().await.is_some() {}
        self.outbox.close();
    }
}

/// The master's settings: Buildbot's four, and our own master's offer.
fn dialect(args: &Value) -> Result<Dialect, String> {
    let number = |key: &str| {
        let number = args.get(key).and_then(Value::as_number);
        number.ok_or_else(|| format!("set_worker_settings needs the number `{key}`."))
    };
    let length = number("max_line_length")?;
    let size = number("buffer_size")?;
    let timeout = number("buffer_timeout")?;
    args.get("newline_re").ok_or("set_worker_settings needs `newline_re`.")?;
    let offer = args.get("halide_ci");
    let version = offer.and_then(|o| o.get("version")).and_then(Value::as_int);
    if version.is_some_and(|v| v >= EXTENSION_VERSION) {
        let window = offer.and_then(|o| o.get("window")).and_then(Value::as_int);
        let window = window.and_then(|w| usize::try_from(w).ok()).unwrap_or(WINDOW);
        return Ok(Dialect::Raw { window: window.clamp(1 << 16, WINDOW) });
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let whole = |n: f64| n.clamp(2.0, 1e9) as usize;
    Ok(Dialect::Lines {
        max_line_length: whole(length),
        buffer_size: whole(size),
        buffer_timeout: Duration::try_from_secs_f64(timeout).unwrap_or(Duration::from_secs(5)),
    })
}
