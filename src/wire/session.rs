//! One conversation with a worker, without sockets and clocks: messages, orders and the time go
//! in, [`Output`]s come out. It knows the attach sequence, the commands that run, which answers
//! are due in each direction, and when a silent worker is given up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Protocol;
use super::attach::{Attach, Finding, Question};
use super::msgpack::codec::Value;
use super::msgpack::message::{EXTENSION_VERSION, Message, NEWLINE_RE, WINDOW};
use super::names::Peer;
use super::reading::Reading;
use super::transfers::{self, Awaited};
use super::updates::{self, Said};
use crate::engine::ports::{Ack, CommandEvent};
use crate::model::command::Command;
use crate::model::worker::WorkerInfo;

/// Silence after which the worker is pinged.
pub const PING_AFTER: Duration = Duration::from_secs(10);
/// Silence after which it is given up.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);
/// How long the attach sequence may take; removing left-over directories may be slow.
const ATTACH_LIMIT: Duration = Duration::from_secs(600);
/// What our worker may exceed its window by: one message that was on its way.
const WINDOW_SLACK: usize = 1 << 20;

/// What the session wants done.
#[derive(Debug)]
pub enum Output {
    /// Ask the worker for this, under this number.
    Request(&'static str, i64, Vec<(&'static str, Value)>),
    /// Answer the worker's message of this number.
    Response(i64, Result<Value, String>),
    /// Make the worker say anything.
    Ping,
    /// Give this to the command's sink.
    Event(u64, CommandEvent),
    /// Call [`Session::settle`] with the number and the answer.
    Await(i64, Awaited),
    /// The worker is ready for work.
    Ready(Box<WorkerInfo>),
    /// The ping of this number was answered.
    Pong(u64),
    /// The worker wants to end when its builds have ended.
    Retire,
    /// End the connection, for this reason.
    Close(String),
}

/// The conversation.
pub struct Session {
    protocol: Protocol,
    out: VecDeque<Output>,
    acks: mpsc::UnboundedSender<i64>,
    next_seq: i64,
    waiting: BTreeMap<i64, Waiting>,
    running: BTreeMap<String, Running>,
    /// Bytes of output by the worker's number of the update, until that is answered.
    unanswered: BTreeMap<i64, (String, usize)>,
    attach: Attach,
    attach_until: Option<Instant>,
    native: bool,
    heard: Instant,
    bytes: u64,
    pinged: u32,
    strays: u64,
}

/// What an answer of the worker belongs to.
enum Waiting {
    Attach,
    Start(String),
    Ping(u64),
    Nothing,
}

struct Running {
    owner: Owner,
    /// Bytes of output sent and not yet answered.
    unanswered: usize,
    /// Bytes of output so far, which our worker counts too.
    offset: u64,
    /// Makes text of them.
    reading: Reading,
}

enum Owner {
    Attach(Finding),
    Sink(u64),
}

/// Answers an update when the last event of it was let go.
struct Due {
    seq: i64,
    acks: mpsc::UnboundedSender<i64>,
}

impl Drop for Due {
    fn drop(&mut self) {
        // A closed channel means that the connection is over.
        let _ = self.acks.send(self.seq);
    }
}

impl Session {
    /// A session that begins at `now` and makes `builddirs` on the worker. The numbers that come
    /// out of `acks` belong into [`Self::settle`].
    #[must_use]
    pub fn new(
        protocol: Protocol,
        builddirs: Vec<String>,
        acks: mpsc::UnboundedSender<i64>,
        now: Instant,
    ) -> Self {
        let mut session = Self {
            protocol,
            out: VecDeque::new(),
            acks,
            next_seq: 0,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            attach: Attach::new(protocol, builddirs),
            attach_until: Some(now + ATTACH_LIMIT),
            native: false,
            heard: now,
            bytes: 0,
            pinged: 0,
            strays: 0,
        };
        session.ask_next();
        session
    }

    /// The next thing to do; none = wait for something.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::tick`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let quiet = self.heard + (PING_AFTER * (self.pinged + 1)).min(DEAD_AFTER);
        self.attach_until.map_or(quiet, |until| until.min(quiet))
    }

    /// Whether it is our own worker, which keeps to a window of its own.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.native
    }

    /// Messages about commands that this session does not know.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Time has passed; `bytes` is how many have been read in all. Slow bytes are life too.
    pub fn tick(&mut self, now: Instant, bytes: u64) {
        if bytes != self.bytes {
            self.alive(now, bytes);
        }
        if self.attach_until.is_some_and(|until| until <= now) {
            self.close("it did not finish the greeting in time");
        } else if now >= self.heard + DEAD_AFTER {
            self.close(&format!("it was silent for {} s", DEAD_AFTER.as_secs()));
        } else if now >= self.heard + PING_AFTER * (self.pinged + 1) {
            self.pinged += 1;
            self.out.push_back(Output::Ping);
        }
    }

    /// Something was read, or could not be because nobody reads at the moment; `bytes` have been
    /// read in all.
    pub fn alive(&mut self, now: Instant, bytes: u64) {
        self.heard = now;
        self.bytes = bytes;
        self.pinged = 0;
    }

    /// Starts `command` under the caller's number `key`.
    pub fn start(&mut self, key: u64, command: &Command) {
        let peer = Peer { info: self.attach.info(), protocol: self.protocol, native: self.native };
        let (name, arguments) = match peer.order(command) {
            Ok(order) => order,
            Err(text) => {
                self.out.push_back(Output::Event(key, CommandEvent::Refused(text)));
                return;
            }
        };
        let place = match self.protocol {
            Protocol::Msgpack => ("builder_name", Value::text(&command.builder)),
            // Its builders stand for directories.
            Protocol::Perspective => ("builddir", Value::text(&command.builddir)),
        };
        // A stock worker sends text, decoded already.
        let reading = if self.native { Reading::of(command) } else { Reading::default() };
        let owner = (Owner::Sink(key), reading);
        self.launch(key.to_string(), owner, name, arguments, Some(place));
    }

    /// Asks the worker to stop a command; one that has ended is left alone.
    pub fn interrupt(&mut self, key: u64, why: &str) {
        let id = key.to_string();
        if self.running.contains_key(&id) {
            let fields = [("command_id", Value::text(&id)), ("why", Value::text(why))];
            self.request("interrupt_command", Waiting::Nothing, fields);
        }
    }

    /// Asks whether the worker still answers; [`Output::Pong`] brings `number` back.
    pub fn ping(&mut self, number: u64) {
        // The words that a stock master says to the old connection of a worker that comes again.
        let text = Value::text("master got a duplicate connection");
        self.request("print", Waiting::Ping(number), [("message", text)]);
    }

    /// Asks the worker to end its process.
    pub fn shutdown(&mut self) {
        self.request("shutdown", Waiting::Nothing, []);
    }

    /// Answers the worker's message number `seq`.
    pub fn settle(&mut self, seq: i64, result: Result<Value, String>) {
        if let Some((id, size)) = self.unanswered.remove(&seq)
            && let Some(running) = self.running.get_mut(&id)
        {
            running.unanswered = running.unanswered.saturating_sub(size);
        }
        self.respond(seq, result);
    }

    /// A message arrived.
    pub fn on(&mut self, message: Message) {
        match message {
            Message::Response { seq, result } => self.on_response(seq, result),
            Message::Request { op, seq, body } => self.on_request(&op, seq, &body),
        }
    }

    fn on_response(&mut self, seq: i64, result: Result<Value, String>) {
        let Some(waiting) = self.waiting.remove(&seq) else {
            return self.close("it answered a message that was never sent");
        };
        match (waiting, result) {
            (Waiting::Attach, Ok(value)) => {
                if matches!(self.attach.next(), Question::Info) {
                    self.native = is_native(&value);
                }
                match self.attach.on_answer(&value) {
                    Ok(()) => self.ask_next(),
                    Err(why) => self.close(&why),
                }
            }
            (Waiting::Attach, Err(why)) => {
                self.close(&format!("it refused a message of the greeting: {why}"));
            }
            (Waiting::Start(id), Err(why)) => match self.running.remove(&id).map(|r| r.owner) {
                Some(Owner::Sink(key)) => {
                    self.out.push_back(Output::Event(key, CommandEvent::Refused(why)));
                }
                Some(Owner::Attach(_)) => self.ended_in_attach(&Finding::default()),
                None => {}
            },
            // An error shows life as well.
            (Waiting::Ping(number), _) => self.out.push_back(Output::Pong(number)),
            (Waiting::Start(_) | Waiting::Nothing, _) => {}
        }
    }

    fn on_request(&mut self, op: &str, seq: i64, body: &Value) {
        if op == "shutdown" {
            self.out.push_back(Output::Retire);
            return self.respond(seq, Ok(Value::Nil));
        }
        let known = ["update", "complete"].contains(&op) || op.starts_with("update_");
        if !known {
            return self.respond(seq, Err(format!("Command {op} does not exist.")));
        }
        let id = body.get("command_id").and_then(Value::as_str).unwrap_or_default();
        let Some(running) = self.running.get(id) else {
            // Of a connection before this one, or made up: never applied.
            self.strays += 1;
            return self.respond(seq, Err("unknown \"command_id\"".to_owned()));
        };
        let key = match running.owner {
            Owner::Sink(key) => Some(key),
            Owner::Attach(_) => None,
        };
        match (op, key) {
            ("update", _) => self.on_update(seq, id, body),
            ("complete", _) => self.on_complete(seq, id, body),
            ("update_read_file_close", Some(_)) => self.respond(seq, Ok(Value::Nil)),
            (_, Some(key)) => match transfers::read(op, body) {
                Ok((event, answer)) => {
                    self.out.push_back(Output::Event(key, event));
                    self.out.push_back(Output::Await(seq, answer));
                }
                Err(why) => self.respond(seq, Err(why)),
            },
            _ => self.respond(seq, Err(format!("The command did not ask for {op}."))),
        }
    }

    fn on_update(&mut self, seq: i64, id: &str, body: &Value) {
        let said = match updates::read(body.get("args").unwrap_or(&Value::Nil)) {
            Ok(said) => said,
            Err(why) => return self.respond(seq, Err(why)),
        };
        let size = said.iter().map(Said::size).sum();
        if let Err(why) = self.account(seq, id, size, body.get("offset").and_then(Value::as_int)) {
            return self.close(&why);
        }
        let due = Arc::new(Due { seq, acks: self.acks.clone() });
        let Some(running) = self.running.get_mut(id) else {
            return;
        };
        for said in said {
            let said = running.reading.read(said);
            match &mut running.owner {
                Owner::Attach(finding) => match said {
                    Said::Rc(rc) => finding.rc = Some(rc),
                    Said::Files(files) => finding.files = files,
                    Said::Stat(stat) => finding.stat = Some(stat),
                    Said::Output(..) | Said::Log(..) | Said::FailureReason(_) => {}
                },
                Owner::Sink(key) => self.out.push_back(Output::Event(*key, event(said, &due))),
            }
        }
    }

    /// Counts an update of `size` bytes of output that begins at `offset`, and refuses a peer of
    /// ours that lost some or takes more than its window.
    fn account(
        &mut self,
        seq: i64,
        id: &str,
        size: usize,
        offset: Option<i64>,
    ) -> Result<(), String> {
        let Some(running) = self.running.get_mut(id) else {
            return Ok(());
        };
        if let Some(offset) = offset
            && u64::try_from(offset) != Ok(running.offset)
        {
            return Err(format!(
                "output of a command is missing: it is at byte {offset} instead of {}",
                running.offset
            ));
        }
        running.offset += size as u64;
        running.unanswered += size;
        if self.native && running.unanswered > WINDOW + WINDOW_SLACK {
            return Err("it sent more output than its window allows".to_owned());
        }
        if size > 0 {
            self.unanswered.insert(seq, (id.to_owned(), size));
        }
        Ok(())
    }

    fn on_complete(&mut self, seq: i64, id: &str, body: &Value) {
        let offset = body.get("offset").and_then(Value::as_int);
        if let Err(why) = self.account(seq, id, 0, offset) {
            return self.close(&why);
        }
        let Some(mut running) = self.running.remove(id) else {
            return;
        };
        let failure = match body.get("args") {
            None | Some(Value::Nil) => None,
            Some(Value::Str(text)) => Some(text.as_str().to_owned()),
            Some(other) => Some(format!("{other:?}")),
        };
        match running.owner {
            Owner::Sink(key) => {
                let due = Arc::new(Due { seq, acks: self.acks.clone() });
                let rest = running.reading.rest();
                self.out.extend(rest.map(|said| Output::Event(key, event(said, &due))));
                let ack = Ack::new(move || drop(due));
                self.out.push_back(Output::Event(key, CommandEvent::Complete { failure, ack }));
            }
            Owner::Attach(finding) => {
                self.respond(seq, Ok(Value::Nil));
                self.ended_in_attach(&finding);
            }
        }
    }

    fn ended_in_attach(&mut self, finding: &Finding) {
        match self.attach.on_command(finding) {
            Ok(()) => self.ask_next(),
            Err(why) => self.close(&why),
        }
    }

    /// Asks the next question of the attach sequence.
    fn ask_next(&mut self) {
        match self.attach.next() {
            Question::Print => {
                let text = Value::text("attached");
                self.request("print", Waiting::Attach, [("message", text)]);
            }
            Question::Info => self.request("get_worker_info", Waiting::Attach, []),
            Question::Settings => {
                let args = settings(self.native);
                self.request("set_worker_settings", Waiting::Attach, [("args", args)]);
            }
            Question::Builders(directories) => {
                let list = Value::texts(directories.iter().map(String::as_str));
                self.request("set_builder_list", Waiting::Attach, [("builders", list)]);
            }
            Question::Command(name, arguments) => {
                let id = format!("attach-{}", self.next_seq);
                let owner = (Owner::Attach(Finding::default()), Reading::default());
                self.launch(id, owner, name, arguments, None);
            }
            Question::Nothing => {
                self.attach_until = None;
                let text = Value::text("attached");
                self.request("print", Waiting::Nothing, [("message", text)]);
                self.out.push_back(Output::Ready(Box::new(self.attach.info().clone())));
            }
        }
    }

    fn launch(
        &mut self,
        id: String,
        (owner, reading): (Owner, Reading),
        name: &str,
        arguments: Value,
        place: Option<(&'static str, Value)>,
    ) {
        let fields = [
            ("command_id", Value::text(&id)),
            ("command_name", Value::text(name)),
            ("args", arguments),
        ];
        self.running.insert(id.clone(), Running { owner, unanswered: 0, offset: 0, reading });
        self.request("start_command", Waiting::Start(id), place.into_iter().chain(fields));
    }

    fn request(
        &mut self,
        op: &'static str,
        waiting: Waiting,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.waiting.insert(seq, waiting);
        self.out.push_back(Output::Request(op, seq, fields.into_iter().collect()));
    }

    fn respond(&mut self, seq: i64, result: Result<Value, String>) {
        self.out.push_back(Output::Response(seq, result));
    }

    fn close(&mut self, why: &str) {
        self.out.push_back(Output::Close(why.to_owned()));
    }
}

fn event(said: Said, due: &Arc<Due>) -> CommandEvent {
    match said {
        Said::Output(stream, data) => {
            let due = due.clone();
            CommandEvent::Output { stream, data, ack: Ack::new(move || drop(due)) }
        }
        Said::Log(name, data) => {
            let due = due.clone();
            CommandEvent::LogFile { name, data, ack: Ack::new(move || drop(due)) }
        }
        Said::Rc(rc) => CommandEvent::Rc(rc),
        Said::FailureReason(why) => CommandEvent::FailureReason(why),
        Said::Stat(stat) => CommandEvent::Stat(stat),
        Said::Files(files) => CommandEvent::Files(files),
    }
}

/// Whether the worker's answer to `get_worker_info` announces our extension in a version we speak.
fn is_native(info: &Value) -> bool {
    let extension = info.get("halide_ci");
    let version = extension.and_then(|e| e.get("version")).and_then(Value::as_int);
    version.is_some_and(|v| v >= EXTENSION_VERSION)
        && extension.and_then(|e| e.get("raw_output")).is_some_and(Value::is_truthy)
}

/// Buildbot's settings, and for our own worker what this master offers.
fn settings(native: bool) -> Value {
    let mut pairs = vec![
        ("newline_re", Value::text(NEWLINE_RE)),
        ("max_line_length", 4096i64.into()),
        ("buffer_timeout", 5i64.into()),
        ("buffer_size", 65_536i64.into()),
    ];
    if native {
        let offer = Value::map([
            ("version", EXTENSION_VERSION.into()),
            ("raw_output", true.into()),
            ("window", (WINDOW as u64).into()),
        ]);
        pairs.push(("halide_ci", offer));
    }
    Value::map(pairs)
}
