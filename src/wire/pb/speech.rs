//! Buildbot's conversation over a broker, in the words of the session: its requests become calls on
//! the worker's bot and builders, and the worker's calls on command, writer and reader objects become
//! its messages. Without IO.
//!
//! `startBuild` is not called: no worker since 0.8 does anything with it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::banana::MAX_SIZE;
use super::broker::{Broker, Event};
use super::door::Visitor;
use super::jelly::{Failure, Jelly};
use super::places::Places;
use super::values;
use crate::wire::Protocol;
use crate::wire::msgpack::codec::Value;
use crate::wire::msgpack::message::Message;
use crate::wire::speech::Speech;

/// A worker that has shown who it is.
pub(in crate::wire) struct Perspective {
    broker: Broker,
    /// The worker's object.
    bot: i64,
    /// What stands for the master.
    avatar: i64,
    /// Objects of ours by their number, with the command they belong to.
    objects: BTreeMap<i64, (Kind, String)>,
    /// What answers belong to, by our call.
    calls: BTreeMap<i64, Call>,
    /// How the worker's calls are answered, by its number.
    due: BTreeMap<i64, Due>,
    places: Places,
    /// `setBuilderList` is under way.
    is_placing: bool,
    /// Commands that wait for a place.
    waiting: VecDeque<Start>,
    heard: VecDeque<Message>,
    broken: Option<String>,
}

/// What an object of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Command,
    Writer,
    Reader,
}

/// What a call of ours is for.
enum Call {
    /// The session's request of this number.
    Request(i64),
    /// The start of this command, by the session's number.
    Start(i64, String),
    /// The list of builders, if the session asked for it by its number.
    Builders(Option<i64>),
    /// A sign of life.
    Life,
}

/// The form of an answer.
enum Due {
    /// The highest number of the updates, which is 0.
    Zero,
    /// What the session says.
    Value,
}

/// A command that is to be started.
struct Start {
    seq: i64,
    id: String,
    name: String,
    directory: String,
    arguments: Vec<(Jelly, Jelly)>,
}

/// What one field of a request says.
fn text(fields: &[(&'static str, Value)], key: &str) -> String {
    let value = fields.iter().find(|(name, _)| *name == key).and_then(|(_, v)| v.as_str());
    value.unwrap_or_default().to_owned()
}

impl Perspective {
    /// Goes on where the login has ended.
    pub(in crate::wire) fn new(visitor: Visitor) -> Self {
        let Visitor { mut broker, bot, respond, avatar } = visitor;
        broker.settle(respond, Ok(Jelly::Remote(avatar)));
        Self {
            broker,
            bot,
            avatar,
            objects: BTreeMap::new(),
            calls: BTreeMap::new(),
            due: BTreeMap::new(),
            places: Places::default(),
            is_placing: false,
            waiting: VecDeque::new(),
            heard: VecDeque::new(),
            broken: None,
        }
    }

    fn call(&mut self, object: i64, method: &'static str, args: Vec<Jelly>, call: Call) {
        match self.broker.call(Some(object), method, args, Vec::new()) {
            Ok(number) => {
                self.calls.insert(number, call);
            }
            Err(why) => self.on_answer(call, Err(Failure::new("builtins.ValueError", &why))),
        }
    }

    /// `print` takes its text by name, as the real master gives it.
    fn print(&mut self, seq: i64, message: &str) {
        let named = vec![(Jelly::text("message"), Jelly::text(message))];
        if let Ok(number) = self.broker.call(Some(self.bot), "print", Vec::new(), named) {
            self.calls.insert(number, Call::Request(seq));
        }
    }

    fn ask_for_places(&mut self, seq: Option<i64>) {
        let pair = |(name, directory): (&str, &str)| {
            Jelly::Tuple(vec![Jelly::text(name), Jelly::text(directory)])
        };
        let list = Jelly::List(self.places.list().map(pair).collect());
        self.is_placing = true;
        self.call(self.bot, "setBuilderList", vec![list], Call::Builders(seq));
    }

    /// Starts what waits, as far as there are places, and asks for more.
    fn place(&mut self) {
        let mut wants_more = false;
        for start in std::mem::take(&mut self.waiting) {
            match self.places.take(&start.directory, &start.id) {
                Some(builder) => self.launch(builder, start),
                None => {
                    wants_more |= !self.is_placing && self.places.add(&start.directory);
                    self.waiting.push_back(start);
                }
            }
        }
        if wants_more {
            self.ask_for_places(None);
        }
    }

    fn launch(&mut self, builder: i64, start: Start) {
        let Start { seq, id, name, mut arguments, .. } = start;
        let Some(command) = self.lend(Kind::Command, &id) else { return };
        let file = match name.as_str() {
            "uploadFile" | "uploadDirectory" => Some(("writer", Kind::Writer)),
            "downloadFile" => Some(("reader", Kind::Reader)),
            _ => None,
        };
        if let Some((key, kind)) = file {
            let Some(luid) = self.lend(kind, &id) else { return };
            arguments.push((Jelly::text(key), Jelly::Remote(luid)));
        }
        let args = vec![
            Jelly::Remote(command),
            Jelly::text(&id),
            Jelly::text(&name),
            Jelly::Dict(arguments),
        ];
        self.call(builder, "startCommand", args, Call::Start(seq, id));
    }

    fn lend(&mut self, kind: Kind, id: &str) -> Option<i64> {
        match self.broker.lend() {
            Ok(luid) => {
                self.objects.insert(luid, (kind, id.to_owned()));
                Some(luid)
            }
            Err(why) => {
                self.broken = Some(why);
                None
            }
        }
    }

    /// A command has ended: its objects are nobody's, and its place is free.
    fn end(&mut self, id: &str) {
        let over = self.objects.iter().filter(|(_, (_, of))| of == id).map(|(luid, _)| *luid);
        for luid in over.collect::<Vec<_>>() {
            self.objects.remove(&luid);
            self.broker.retire(luid);
        }
        self.places.free(id);
    }

    fn interrupt(&mut self, seq: i64, id: &str, why: &str) {
        if let Some(builder) = self.places.of(id) {
            let args = vec![Jelly::text(id), Jelly::text(why)];
            return self.call(builder, "interruptCommand", args, Call::Request(seq));
        }
        self.tell(seq, Ok(Value::Nil));
        // One that waits for a place ends without having begun.
        let Some(at) = self.waiting.iter().position(|start| start.id == id) else { return };
        if let Some(start) = self.waiting.remove(at) {
            self.tell(start.seq, Ok(Value::Nil));
            // No call of the worker has this number, so what the session answers goes nowhere.
            self.forward("complete", -1, id, [("args", Value::Nil)]);
        }
    }

    /// Answers the session.
    fn tell(&mut self, seq: i64, result: Result<Value, String>) {
        self.heard.push_back(Message::Response { seq, result });
    }

    /// Hands a call of the worker to the session.
    fn forward(
        &mut self,
        op: &str,
        seq: i64,
        id: &str,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let fields = std::iter::once(("command_id", Value::text(id))).chain(fields);
        let body = Value::map(fields);
        self.heard.push_back(Message::Request { op: op.to_owned(), seq, body });
    }

    fn on_answer(&mut self, call: Call, result: Result<Jelly, Failure>) {
        let told = |result: Result<Jelly, Failure>| match result {
            Ok(value) => values::data(&value),
            Err(failure) => Err(failure.to_string()),
        };
        match call {
            Call::Request(seq) => self.tell(seq, told(result)),
            Call::Start(seq, id) => {
                if result.is_err() {
                    self.end(&id);
                }
                self.tell(seq, told(result.map(|_| Jelly::None)));
                self.place();
            }
            Call::Builders(seq) => self.on_builders(seq, result),
            Call::Life => {}
        }
    }

    fn on_builders(&mut self, seq: Option<i64>, result: Result<Jelly, Failure>) {
        self.is_placing = false;
        let result = match result {
            Ok(Jelly::Dict(builders)) => {
                for (name, builder) in builders {
                    if let (Some(name), Jelly::Remote(luid)) = (name.as_text(), builder)
                        && !self.places.made(name, luid)
                    {
                        // Each time it is sent, it is to be given back.
                        self.broker.release(luid);
                    }
                }
                Ok(Value::Nil)
            }
            Ok(_) => Err("its answer to setBuilderList is no dictionary".to_owned()),
            Err(failure) => Err(failure.to_string()),
        };
        let result = match (self.places.forget_missing(), result) {
            (true, Ok(_)) => Err("it has not made all builders of setBuilderList".to_owned()),
            (_, result) => result,
        };
        match (seq, &result) {
            (Some(seq), _) => self.tell(seq, result),
            (None, Err(why)) => {
                // Whoever waits has no place.
                for start in std::mem::take(&mut self.waiting) {
                    self.tell(start.seq, Err(why.clone()));
                }
            }
            (None, Ok(_)) => {}
        }
        self.place();
    }

    fn on_call(&mut self, request: Option<i64>, object: Option<i64>, method: &str, args: &[Jelly]) {
        if object == Some(self.avatar) {
            return self.on_avatar(request, method);
        }
        let known = object.and_then(|luid| self.objects.get(&luid));
        let Some((kind, id)) = known.cloned() else {
            let failure = Failure::new("twisted.spread.pb.Error", "the command has ended");
            return self.broker.settle(request, Err(failure));
        };
        // Whether an answer is wanted or not, the session has one for each message.
        let seq = request.unwrap_or(-1);
        match self.on_object(kind, &id, seq, method, args) {
            Ok(due) => {
                self.due.extend(request.map(|request| (request, due)));
                if (kind, method) == (Kind::Command, "complete") {
                    self.end(&id);
                    self.place();
                }
            }
            Err(failure) => self.broker.settle(request, Err(failure)),
        }
    }

    fn on_avatar(&mut self, request: Option<i64>, method: &str) {
        match method {
            "keepalive" => self.broker.settle(request, Ok(Jelly::None)),
            "shutdown" => {
                self.due.extend(request.map(|request| (request, Due::Value)));
                self.forward("shutdown", request.unwrap_or(-1), "", []);
            }
            _ => {
                let text = format!("the master has no method {method}");
                self.broker.settle(request, Err(Failure::new("builtins.AttributeError", &text)));
            }
        }
    }

    fn on_object(
        &mut self,
        kind: Kind,
        id: &str,
        seq: i64,
        method: &str,
        args: &[Jelly],
    ) -> Result<Due, Failure> {
        let odd = || {
            let text = format!("the arguments of {method} make no sense");
            Failure::new("builtins.TypeError", &text)
        };
        match (kind, method, args) {
            (Kind::Command, "update", [updates]) => {
                let pairs = pairs(updates).ok_or_else(odd)?;
                self.forward("update", seq, id, [("args", pairs)]);
                return Ok(Due::Zero);
            }
            (Kind::Command, "complete", [failure]) => {
                let failure = values::data(failure).map_err(|_| odd())?;
                self.forward("complete", seq, id, [("args", failure)]);
            }
            (Kind::Writer, "write", [block]) => {
                let block = values::block(block).ok_or_else(odd)?;
                self.forward("update_upload_file_write", seq, id, [("args", block)]);
            }
            (Kind::Writer, "close", []) => self.forward("update_upload_file_close", seq, id, []),
            (Kind::Writer, "unpack", []) => {
                self.forward("update_upload_directory_unpack", seq, id, []);
            }
            (Kind::Writer, "utime", [times]) => {
                let [accessed, modified] = times.as_list().ok_or_else(odd)? else {
                    return Err(odd());
                };
                let time = |time| values::data(time).map_err(|_| odd());
                let times = [("access_time", time(accessed)?), ("modified_time", time(modified)?)];
                self.forward("update_upload_file_utime", seq, id, times);
            }
            (Kind::Reader, "read", [length]) => {
                let length = length.as_int().ok_or_else(odd)?.min(MAX_SIZE as i64);
                self.forward("update_read_file", seq, id, [("length", length.into())]);
            }
            (Kind::Reader, "close", []) => self.forward("update_read_file_close", seq, id, []),
            _ => {
                let text = format!("No such method: remote_{method}");
                return Err(Failure::new("twisted.spread.flavors.NoSuchMethod", &text));
            }
        }
        Ok(Due::Value)
    }
}

/// Updates come as dictionaries, each with a number; what they say is one list.
fn pairs(updates: &Jelly) -> Option<Value> {
    let mut out = Vec::new();
    for update in updates.as_list()? {
        let [said, _number] = update.as_list()? else { return None };
        let Jelly::Dict(said) = said else { return None };
        for (key, value) in said {
            let value = values::data(value).ok()?;
            out.push(Value::Array(vec![Value::text(key.as_text()?), value]));
        }
    }
    Some(Value::Array(out))
}

impl Speech for Perspective {
    const PROTOCOL: Protocol = Protocol::Perspective;

    type Piece = Bytes;

    fn request(&mut self, op: &'static str, seq: i64, mut fields: Vec<(&'static str, Value)>) {
        match op {
            "print" => self.print(seq, &text(&fields, "message")),
            "get_worker_info" => {
                self.call(self.bot, "getWorkerInfo", Vec::new(), Call::Request(seq));
            }
            "set_builder_list" => {
                let list = fields.iter().find_map(|(_, list)| list.as_array()).unwrap_or_default();
                for directory in list.iter().filter_map(Value::as_str) {
                    self.places.add(directory);
                }
                self.ask_for_places(Some(seq));
            }
            "start_command" => {
                let (id, name) = (text(&fields, "command_id"), text(&fields, "command_name"));
                let directory = text(&fields, "builddir");
                fields.retain(|(key, _)| *key == "args");
                let arguments = fields.first().map(|(_, args)| values::arguments(args));
                let arguments = arguments.unwrap_or_default();
                self.waiting.push_back(Start { seq, id, name, directory, arguments });
                self.place();
            }
            "interrupt_command" => {
                self.interrupt(seq, &text(&fields, "command_id"), &text(&fields, "why"));
            }
            "shutdown" => self.call(self.bot, "shutdown", Vec::new(), Call::Request(seq)),
            other => {
                let why = format!("Perspective Broker has nothing for {other}");
                self.tell(seq, Err(why));
            }
        }
    }

    fn response(&mut self, seq: i64, result: Result<Value, String>) {
        let Some(due) = self.due.remove(&seq) else { return };
        let result = match (due, result) {
            (Due::Zero, Ok(_)) => Ok(Jelly::Int(0)),
            (Due::Value, Ok(value)) => Ok(values::jelly(&value)),
            (_, Err(why)) => Err(Failure::new("builtins.OSError", &why)),
        };
        self.broker.settle(Some(seq), result);
    }

    fn ping(&mut self) {
        // Unlike `print`, it leaves no line in the worker's log.
        self.call(self.bot, "getVersion", Vec::new(), Call::Life);
    }

    fn hear(&mut self, piece: Bytes) -> Result<(), String> {
        self.broker.feed(&piece);
        while let Some(event) = self.broker.next()? {
            match event {
                Event::Call { request, object, method, args, .. } => {
                    self.on_call(request, object, &method, &args);
                }
                Event::Answer { request, result } => {
                    if let Some(call) = self.calls.remove(&request) {
                        self.on_answer(call, result);
                    }
                }
            }
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    fn heard(&mut self) -> Option<Message> {
        self.heard.pop_front()
    }

    fn said(&mut self) -> Option<Frame> {
        self.broker.take().map(Frame::Binary)
    }
}
