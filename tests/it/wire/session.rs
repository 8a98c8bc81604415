//! The master's session without sockets: against conversations recorded with Buildbot 4.3.0 (see
//! `recorded/`, one message a line), and against peers that misbehave.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use halide_ci::engine::ports::CommandEvent;
use halide_ci::model::command::{Argument, Command, CommandKind, CommandLine, ShellCommand};
use halide_ci::model::worker::WorkerInfo;
use halide_ci::wire::Protocol;
use halide_ci::wire::msgpack::codec::{Value, decode, encode};
use halide_ci::wire::msgpack::message;
use halide_ci::wire::session::{Output, Session};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::gate::{Outcome, command};

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => i.into(),
            None => n.as_f64().unwrap().into(),
        },
        Json::String(s) => Value::text(s),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(map) => match map.get("bin") {
            Some(hexed) => Value::Bin(hex::decode(hexed.as_str().unwrap()).unwrap().into()),
            None => Value::map(map.iter().map(|(k, v)| (k.as_str(), value(v)))),
        },
    }
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(b) => json!(b),
        Value::Int(i) => json!(i64::try_from(*i).unwrap()),
        Value::Float(f) => json!(f),
        Value::Str(s) => json!(s.as_str()),
        Value::Bin(b) => json!({ "bin": hex::encode(b) }),
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Map(pairs) => pairs.iter().map(|(k, v)| (k.to_string(), json_of(v))).collect(),
    }
}

/// A session with the world around it.
struct Rig {
    session: Session,
    acks: mpsc::UnboundedReceiver<i64>,
    now: Instant,
    requests: VecDeque<Json>,
    responses: BTreeMap<i64, Json>,
    events: BTreeMap<u64, Vec<CommandEvent>>,
    outcomes: BTreeMap<u64, Outcome>,
    ready: Option<WorkerInfo>,
    pings: u32,
    pongs: Vec<u64>,
    retiring: bool,
    closed: Option<String>,
    /// Keep events instead of taking them, so that nothing is acknowledged.
    keeps: bool,
}

impl Rig {
    fn new(builddirs: &[&str]) -> Self {
        let (tx, acks) = mpsc::unbounded_channel();
        let now = Instant::now();
        let dirs = builddirs.iter().map(|d| (*d).to_owned()).collect();
        let mut rig = Self {
            session: Session::new(Protocol::Msgpack, dirs, tx, now),
            acks,
            now,
            requests: VecDeque::new(),
            responses: BTreeMap::new(),
            events: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            ready: None,
            pings: 0,
            pongs: Vec::new(),
            retiring: false,
            closed: None,
            keeps: false,
        };
        rig.settle();
        rig
    }

    fn settle(&mut self) {
        loop {
            while let Some(output) = self.session.poll() {
                self.on(output);
            }
            match self.acks.try_recv() {
                Ok(seq) => self.session.settle(seq, Ok(Value::Nil)),
                Err(_) => return,
            }
        }
    }

    fn on(&mut self, output: Output) {
        match output {
            Output::Request(op, seq, fields) => {
                let bytes = message::request(op, seq, fields);
                self.requests.push_back(json_of(&decode(&bytes).unwrap()));
            }
            Output::Response(seq, result) => {
                let sent = json_of(&decode(&message::response(seq, result)).unwrap());
                assert!(self.responses.insert(seq, sent).is_none(), "answered twice: {seq}");
            }
            Output::Ping => self.pings += 1,
            Output::Event(key, event) if self.keeps => {
                self.events.entry(key).or_default().push(event);
            }
            Output::Event(key, event) => {
                self.outcomes.entry(key).or_default().take(event);
            }
            Output::Await(seq, awaited) => {
                let answer = awaited.answer().now_or_never().unwrap();
                self.session.settle(seq, answer);
            }
            Output::Ready(info) => self.ready = Some(*info),
            Output::Pong(number) => self.pongs.push(number),
            Output::Retire => self.retiring = true,
            Output::Close(why) => self.closed = Some(why),
        }
    }

    /// The worker sends this.
    fn says(&mut self, message: &Json) {
        let bytes = encode(&value(message));
        self.session.on(message::parse(&bytes).unwrap());
        self.settle();
    }

    /// The worker answers the session's oldest request, which must be `op`.
    fn answers(&mut self, op: &str, result: &Json) -> Json {
        let request = self.requests.pop_front().unwrap_or_else(|| panic!("no {op} was sent"));
        assert_eq!(request["op"], op);
        self.says(
            &json!({"op": "response", "seq_number": request["seq_number"], "result": result}),
        );
        request
    }

    /// The worker carries out the session's oldest request, a command, with these updates.
    fn carries_out(&mut self, name: &str, seq: i64, updates: &Json) -> Json {
        let request = self.requests.pop_front().unwrap_or_else(|| panic!("no {name} was sent"));
        assert_eq!(
            (&request["op"], &request["command_name"]),
            (&json!("start_command"), &json!(name))
        );
        let id = &request["command_id"];
        self.says(&json!({"op": "update", "seq_number": seq, "command_id": id, "args": updates}));
        self.says(
            &json!({"op": "complete", "seq_number": seq + 1, "command_id": id, "args": null}),
        );
        self.says(&json!({"op": "response", "seq_number": request["seq_number"], "result": null}));
        request
    }

    /// The greeting up to the point where work may begin.
    fn greeted(builddirs: &[&str], info: &Json) -> Self {
        let mut rig = Self::new(builddirs);
        rig.answers("print", &Json::Null);
        rig.answers("get_worker_info", info);
        rig.answers("set_worker_settings", &Json::Null);
        rig.carries_out("listdir", 0, &json!([["files", ["info"]], ["rc", 0]]));
        rig.answers("print", &Json::Null);
        assert!(rig.ready.is_some());
        rig
    }

    fn pass(&mut self, seconds: u64, bytes: u64) {
        self.now += Duration::from_secs(seconds);
        while self.closed.is_none() && self.session.poll_timeout() <= self.now {
            let at = self.session.poll_timeout();
            self.session.tick(at, bytes);
            self.settle();
        }
    }
}

fn native() -> Json {
    json!({"basedir": "/w", "system": "posix", "halide_ci": {"version": 1, "raw_output": true}})
}

fn stock() -> Json {
    json!({"basedir": "/w", "system": "posix", "environ": {}})
}

fn stat_of(path: &str) -> CommandKind {
    CommandKind::Stat { path: path.to_owned() }
}

/// The neutral form of a recorded command; none = nothing here asks for such a one yet.
fn neutral(name: &str, args: &Json) -> Option<CommandKind> {
    let path = || args["path"].as_str().unwrap().to_owned();
    let paths = || serde_json::from_value(args["paths"].clone()).unwrap();
    Some(match name {
        "mkdir" => CommandKind::MakeDirectory { paths: paths() },
        "rmdir" => {
            CommandKind::RemoveDirectory { paths: paths(), timeout: args["timeout"].as_f64() }
        }
        "stat" => stat_of(&path()),
        "glob" => CommandKind::Glob { path: path() },
        "listdir" => CommandKind::ListDirectory { path: path() },
        "rmfile" => CommandKind::RemoveFile { path: path() },
        "upload_file" => CommandKind::UploadFile {
            path: path(),
            block_size: args["blocksize"].as_u64().unwrap(),
            max_size: args["maxsize"].as_u64(),
            keep_stamp: args["keepstamp"].as_bool().unwrap(),
        },
        "shell" if args["logfiles"] == json!({}) => {
            let line = match &args["command"] {
                Json::String(text) => CommandLine::Shell(text.clone()),
                items => CommandLine::Argv(
                    items
                        .as_array()?
                        .iter()
                        .map(|i| Argument::Plain(i.as_str().unwrap().to_owned()))
                        .collect(),
                ),
            };
            let mut shell = ShellCommand::new(line, args["workdir"].as_str().unwrap());
            shell.env = serde_json::from_value(args["env"].clone()).unwrap();
            shell.timeout = args["timeout"].as_f64();
            shell.max_time = args["maxTime"].as_f64();
            shell.max_lines = args["max_lines"].as_u64();
            shell.sigterm_time = args["sigtermTime"].as_f64();
            shell.want_stdout = args["want_stdout"].as_bool().unwrap();
            shell.want_stderr = args["want_stderr"].as_bool().unwrap();
            shell.log_environ = args["logEnviron"].as_bool().unwrap();
            shell.use_pty = args["usePTY"].as_bool().unwrap();
            shell.initial_stdin = args["initial_stdin"].as_str().map(ToOwned::to_owned);
            CommandKind::Shell(Box::new(shell))
        }
        _ => return None,
    })
}

/// Plays a recorded conversation: what the worker said goes in; what the master said must come
/// out in substance. Returns what each command said, by its recorded id.
fn replay(recording: &str) -> BTreeMap<String, Outcome> {
    let builders = [
        "mpw-m",
        "mpw-shell",
        "mpw-shell2",
        "mpw-fs",
        "mpw-xfer",
        "mpw-big",
        "mpw-unk",
        "mpw-long",
        "mpw-raw",
    ];
    let mut rig = Rig::new(&[]);
    let (mut seqs, mut ids) = (BTreeMap::new(), BTreeMap::new());
    let (mut keys, mut next_key, mut asked) = (BTreeMap::new(), 1, Vec::new());
    for line in recording.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let mut message = line["message"].clone();
        let op = message["op"].as_str().unwrap().to_owned();
        let seq = message["seq_number"].as_i64().unwrap();
        let id = message["command_id"].as_str().map(ToOwned::to_owned);
        if line["from"] == "worker" {
            if op == "response" {
                let Some(ours) = seqs.get(&seq) else { continue };
                message["seq_number"] = json!(ours);
            } else {
                let Some(ours) = ids.get(&id.clone().unwrap()) else { continue };
                message["command_id"] = json!(ours);
                asked.push(seq);
            }
            rig.says(&message);
            continue;
        }
        match op.as_str() {
            "start_command" if message["builder_name"].is_string() => {
                let name = message["command_name"].as_str().unwrap();
                let Some(what) = neutral(name, &message["args"]) else { continue };
                let builder = message["builder_name"].as_str().unwrap();
                assert!(builders.contains(&builder));
                let command = Command {
                    builder: builder.to_owned(),
                    builddir: builder.to_owned(),
                    step: "step".to_owned(),
                    what,
                };
                rig.session.start(next_key, &command);
                keys.insert(next_key, id.clone().unwrap());
                next_key += 1;
            }
            "interrupt_command" => {
                let (key, _) = keys.iter().find(|(_, i)| Some(*i) == id.as_ref()).unwrap();
                rig.session.interrupt(*key, message["why"].as_str().unwrap());
            }
            "response" => continue,
            "print" if seq > 0 => continue,
            _ => {}
        }
        rig.settle();
        while rig.requests.front().is_some_and(|r| r["op"] == "print" && op != "print") {
            rig.requests.pop_front();
        }
        let ours = rig.requests.pop_front().unwrap_or_else(|| panic!("nothing sent for {message}"));
        assert_alike(&ours, &message);
        seqs.insert(seq, ours["seq_number"].clone());
        if op == "start_command" {
            ids.insert(id.unwrap(), ours["command_id"].clone());
        }
    }
    assert_eq!(rig.closed, None);
    let info = rig.ready.as_ref().expect("the worker never came in");
    assert_eq!((info.basedir.as_str(), info.numcpus), ("/w/mpw", Some(2)));
    for seq in asked {
        assert!(rig.responses[&seq].get("is_exception").is_none(), "{}", rig.responses[&seq]);
    }
    rig.outcomes.into_iter().map(|(key, outcome)| (keys[&key].clone(), outcome)).collect()
}

/// The same request, but for numbers, ids, and arguments that workers ignore.
fn assert_alike(ours: &Json, theirs: &Json) {
    for key in ["op", "command_name", "builder_name", "why", "message"] {
        if key != "builder_name" || ours["op"] == "start_command" {
            assert_eq!(ours[key], theirs[key], "{theirs}");
        }
    }
    let empty = serde_json::Map::new();
    let (a, b) = (ours["args"].as_object(), theirs["args"].as_object());
    let (a, b) = (a.unwrap_or(&empty), b.unwrap_or(&empty));
    let ignored = ["workdir", "workersrc", "logEnviron", "interruptSignal", "timeout", "maxTime"];
    let shell = theirs["command_name"] == "shell";
    for key in a.keys().chain(b.keys()) {
        let optional = ignored.contains(&key.as_str()) && (!shell || key == "interruptSignal");
        if !optional || (a.contains_key(key) && b.contains_key(key)) {
            assert_eq!(a.get(key), b.get(key), "{key} in {theirs}");
        }
    }
}

#[test]
fn the_recorded_attach_shell_and_upload_are_understood() {
    let outcomes = replay(include_str!("recorded/m.jsonl"));
    let shell = &outcomes["1"];
    assert_eq!((shell.stdout.as_slice(), shell.rc), (&b"hi\n"[..], Some(0)));
    assert!(shell.header.starts_with("echo hi\n in dir /w/mpw/mpw-m/build"));
    let upload = &outcomes["3"];
    assert_eq!(upload.blocks, [b"abcd".to_vec(), b"ef".to_vec()]);
    assert!(upload.closed && upload.rc == Some(0));
}

#[test]
fn the_recorded_shell_commands_are_understood() {
    let outcomes = replay(include_str!("recorded/shell.jsonl"));
    let hello = outcomes.values().find(|o| o.stdout.starts_with(b"hello")).unwrap();
    assert_eq!(hello.stdout, "hello\nwörld\nno newline\n".as_bytes());
    assert!(outcomes.values().any(|o| o.rc == Some(3)));
    let outcomes = replay(include_str!("recorded/shell2.jsonl"));
    assert_eq!(outcomes["66"].stdout, "inéput\ndone\n".as_bytes());
    assert_eq!(outcomes["70"].failure_reason.as_deref(), Some("timeout_without_output"));
    assert_eq!(outcomes["72"].failure_reason.as_deref(), Some("timeout"));
    assert_eq!(outcomes["74"].failure_reason.as_deref(), Some("max_lines_failure"));
    assert_eq!(
        (outcomes["76"].stdout.as_slice(), outcomes["76"].rc),
        (&b"a\nb\nc\nd\nend\n"[..], Some(-1))
    );
    assert_eq!(outcomes["84"].stdout, "\u{fffd}\u{fffd}bad\n".as_bytes());
}

#[test]
fn the_recorded_file_commands_are_understood() {
    let outcomes = replay(include_str!("recorded/fs.jsonl"));
    assert_eq!(outcomes["8"].rc, Some(0));
    assert!(outcomes["10"].stat.unwrap().is_directory());
    assert_eq!((outcomes["12"].rc, outcomes["12"].stat), (Some(2), None));
    assert_eq!(outcomes["14"].files, ["/w/mpw/mpw-fs/d1"]);
}

#[test]
fn the_recorded_interrupt_is_understood() {
    let outcomes = replay(include_str!("recorded/long.jsonl"));
    let stopped = &outcomes["63"];
    assert_eq!((stopped.stdout.as_slice(), stopped.rc), (&b"start\n"[..], Some(-1)));
    assert_eq!(stopped.failure, None);
}

#[test]
fn a_silent_worker_is_pinged_and_given_up_after_thirty_seconds() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.pass(9, 0);
    assert_eq!(rig.pings, 0);
    rig.pass(1, 0);
    assert_eq!(rig.pings, 1);
    rig.session.alive(rig.now, 0);
    rig.pass(29, 0);
    assert_eq!((rig.pings, &rig.closed), (3, &None));
    rig.pass(1, 0);
    assert_eq!(rig.closed.as_deref(), Some("it was silent for 30 s"));
}

#[test]
fn slow_bytes_are_life_too() {
    let mut rig = Rig::greeted(&[], &stock());
    for bytes in 1..20 {
        rig.pass(20, bytes);
    }
    assert_eq!(rig.closed, None);
}

#[test]
fn a_greeting_that_does_not_end_is_given_up() {
    let mut rig = Rig::new(&[]);
    for bytes in 1..40 {
        rig.pass(20, bytes);
    }
    assert_eq!(rig.closed.as_deref(), Some("it did not finish the greeting in time"));
}

#[test]
fn an_update_is_answered_when_its_last_event_was_let_go() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.keeps = true;
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    let lines = |text: &str| json!([text, [], []]);
    rig.says(&json!({"op": "update", "seq_number": 10, "command_id": "7",
        "args": [["stdout", lines("a\n")], ["stderr", lines("b\n")], ["rc", 0]]}));
    rig.says(
        &json!({"op": "update", "seq_number": 11, "command_id": "7", "args": [["elapsed", 0.1]]}),
    );
    rig.says(&json!({"op": "complete", "seq_number": 12, "command_id": "7", "args": null}));
    assert!(rig.responses.contains_key(&11), "there was nothing to wait for");
    assert!(!rig.responses.contains_key(&10) && !rig.responses.contains_key(&12));
    let mut events = rig.events.remove(&7).unwrap().into_iter();
    drop(events.next());
    rig.settle();
    assert!(!rig.responses.contains_key(&10));
    drop(events.next());
    rig.settle();
    assert!(rig.responses.contains_key(&10) && !rig.responses.contains_key(&12));
    drop(events);
    rig.settle();
    assert!(rig.responses.contains_key(&12));
}

#[test]
fn what_belongs_to_no_command_is_answered_with_an_error_and_never_applied() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    for (seq, op) in ["update", "complete", "update_upload_file_write"].iter().enumerate() {
        let seq = 10 + i64::try_from(seq).unwrap();
        rig.says(&json!({"op": op, "seq_number": seq, "command_id": "8", "args": [["rc", 0]]}));
        assert_eq!(rig.responses[&seq]["is_exception"], true);
        assert_eq!(rig.responses[&seq]["result"], "unknown \"command_id\"");
    }
    rig.says(&json!({"op": "complete", "seq_number": 20, "command_id": "7", "args": null}));
    rig.says(&json!({"op": "complete", "seq_number": 21, "command_id": "7", "args": null}));
    assert_eq!(rig.responses[&21]["is_exception"], true);
    rig.says(&json!({"op": "make_coffee", "seq_number": 22}));
    assert_eq!(rig.responses[&22]["result"], "Command make_coffee does not exist.");
    assert_eq!((rig.outcomes.len(), rig.session.strays(), rig.closed), (1, 4, None));
}

#[test]
fn a_start_that_fails_refuses_the_command() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    let seq = rig.requests.pop_front().unwrap()["seq_number"].clone();
    rig.says(&json!({"op": "response", "seq_number": seq, "is_exception": true, "result": "no"}));
    assert_eq!(rig.outcomes[&7].refused.as_deref(), Some("no"));
}

#[test]
fn the_answer_to_a_start_may_come_after_the_end() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    rig.carries_out("stat", 10, &json!([["rc", 2]]));
    assert_eq!((rig.outcomes[&7].rc, rig.outcomes[&7].refused.as_deref()), (Some(2), None));
}

#[test]
fn a_command_that_the_worker_does_not_know_is_refused_without_asking() {
    let mut info = stock();
    info["worker_commands"] = json!({"shell": "3.3"});
    let mut rig = Rig::new(&[]);
    rig.answers("print", &Json::Null);
    rig.answers("get_worker_info", &info);
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    assert!(rig.outcomes[&7].refused.as_deref().unwrap().contains("`stat`"));
}

#[test]
fn only_our_own_worker_gets_the_offer_of_the_extension() {
    for (info, offered) in [(native(), true), (stock(), false)] {
        let mut rig = Rig::new(&[]);
        rig.answers("print", &Json::Null);
        rig.answers("get_worker_info", &info);
        let settings = rig.answers("set_worker_settings", &Json::Null);
        assert_eq!(settings["args"].get("halide_ci").is_some(), offered);
        assert_eq!(settings["args"]["newline_re"], message::NEWLINE_RE);
    }
}

#[test]
fn our_own_worker_may_not_exceed_its_window_or_lose_output() {
    let update = |seq: i64, offset: usize, size: usize| {
        json!({"op": "update", "seq_number": seq, "command_id": "7", "offset": offset,
            "args": [["stdout", {"bin": "00".repeat(size)}]]})
    };
    let mut rig = Rig::greeted(&[], &native());
    rig.keeps = true;
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    let size = 1 << 20;
    for (seq, at) in [(10, 0), (11, 1), (12, 2)] {
        rig.says(&update(seq, at * size, size));
        assert_eq!(rig.closed, None);
    }
    rig.says(&update(13, 3 * size, size));
    assert_eq!(rig.closed.as_deref(), Some("it sent more output than its window allows"));

    let mut rig = Rig::greeted(&[], &native());
    rig.session.start(7, &command(stat_of("x")));
    rig.settle();
    rig.says(&update(10, 0, 5));
    rig.says(&update(11, 6, 5));
    assert!(rig.closed.unwrap().contains("it is at byte 6 instead of 5"));
}

#[test]
fn missing_directories_are_made_and_left_over_ones_removed_if_the_worker_wants_it() {
    let mut info = stock();
    info["delete_leftover_dirs"] = json!(true);
    let mut rig = Rig::new(&["b1", "b2"]);
    rig.answers("print", &Json::Null);
    rig.answers("get_worker_info", &info);
    rig.answers("set_worker_settings", &Json::Null);
    let files = json!([["files", ["b1", "old", "twistd.log", "info"]], ["rc", 0]]);
    rig.carries_out("listdir", 0, &files);
    let directory = json!([["stat", [0o040_755, 0, 0, 0, 0, 0, 0, 0, 0, 0]], ["rc", 0]]);
    let file = json!([["stat", [0o100_644, 0, 0, 0, 0, 0, 0, 0, 0, 0]], ["rc", 0]]);
    let asked = rig.carries_out("stat", 10, &file);
    assert_eq!(asked["args"]["path"], "/w/twistd.log");
    let asked = rig.carries_out("stat", 20, &directory);
    assert_eq!(asked["args"]["path"], "/w/old");
    let removed = rig.carries_out("rmdir", 30, &json!([["rc", 0]]));
    assert_eq!(removed["args"], json!({"paths": ["/w/old"]}));
    assert_eq!(rig.ready, None);
    let made = rig.carries_out("mkdir", 40, &json!([["rc", 0]]));
    assert_eq!(made["args"], json!({"paths": ["/w/b2"]}));
    assert!(rig.ready.is_some());
}

#[test]
fn a_worker_whose_directory_cannot_be_used_does_not_come_in() {
    let mut rig = Rig::new(&["b"]);
    rig.answers("print", &Json::Null);
    rig.answers("get_worker_info", &stock());
    rig.answers("set_worker_settings", &Json::Null);
    rig.carries_out("listdir", 0, &json!([["rc", 2]]));
    assert_eq!(rig.closed.as_deref(), Some("its base directory /w cannot be listed (code 2)"));
    let mut rig = Rig::new(&["b"]);
    rig.answers("print", &Json::Null);
    rig.answers("get_worker_info", &json!({"version": "4.3.0"}));
    assert!(rig.closed.unwrap().contains("no `basedir`"));
}

#[test]
fn a_ping_is_answered_by_any_answer() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.session.ping(5);
    rig.settle();
    let sent = rig.answers("print", &Json::Null);
    assert_eq!(sent["message"], "master got a duplicate connection");
    assert_eq!(rig.pongs, [5]);
}

#[test]
fn an_answer_to_nothing_ends_the_connection() {
    let mut rig = Rig::greeted(&[], &stock());
    rig.says(&json!({"op": "response", "seq_number": 999, "result": null}));
    assert_eq!(rig.closed.as_deref(), Some("it answered a message that was never sent"));
}

#[test]
fn bytes_that_are_no_message_are_an_error() {
    assert!(message::parse(&Bytes::from_static(b"\xc1")).is_err());
}
