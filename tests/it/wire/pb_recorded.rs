//! Perspective Broker as real peers have spoken it (`recorded/pb/`, one gzip'd connection a file: a
//! byte for who, the time, a length, the bytes): every message byte for byte, and the workers' side of
//! whole conversations played against our master, which must ask for the same things.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use halide_ci::base::secret::Secret;
use halide_ci::engine::ports::Link;
use halide_ci::engine::tasks::Tasks;
use halide_ci::model::command::{
    Argument, CommandKind, CommandLine, Compression, LogFile, ShellCommand,
};
use halide_ci::wire::pb::banana::{Banana, Decoder, encode};
use halide_ci::wire::pb::jelly::Jelly;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::gate::{FakeGate, Outcome, finish, start};
use super::pb::dial;

/// A recorded connection: who (`W` or `M`) sent which bytes.
fn recorded(name: &str) -> Vec<(u8, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wire/recorded/pb");
    let packed = std::fs::read(folder.join(format!("{name}.cap.gz"))).unwrap();
    let mut all = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut all).unwrap();
    let (mut rest, mut out) = (&all[..], Vec::new());
    while let Some((head, more)) = rest.split_first_chunk::<13>() {
        let length = u32::from_be_bytes(*head.last_chunk().unwrap()) as usize;
        // One that was cut while it was written ends early.
        let length = length.min(more.len());
        out.push((head[0], more[..length].to_vec()));
        rest = &more[length..];
    }
    out
}

/// The values of both sides, in order of arrival.
fn values(name: &str) -> Vec<(u8, Banana)> {
    let mut decoders = [(b'W', Decoder::default()), (b'M', Decoder::default())];
    let mut out = Vec::new();
    for (who, bytes) in recorded(name) {
        let (_, decoder) = decoders.iter_mut().find(|(w, _)| *w == who).unwrap();
        decoder.feed(&bytes);
        while let Some(value) = decoder.next().unwrap() {
            out.push((who, value));
        }
    }
    out
}

/// The names of all recordings.
fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wire/recorded/pb");
    let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
    let mut names: Vec<String> =
        files.filter_map(|f| Some(f.to_str()?.strip_suffix(".cap.gz")?.to_owned())).collect();
    names.sort();
    names
}

fn parts(value: &Banana) -> &[Banana] {
    match value {
        Banana::List(parts) => parts,
        _ => &[],
    }
}

/// Whether there is something in it of which not all is kept: a failure, or what is meant again.
fn is_read_only(value: &Banana) -> bool {
    let head = word(parts(value).first());
    ["reference", "twisted.spread.pb.CopyableFailure"].contains(&head)
        || parts(value).iter().any(is_read_only)
}

#[test]
fn every_recorded_byte_is_written_again_as_it_was() {
    let names = names();
    assert!(names.len() >= 19, "{names:?}");
    for name in &names {
        for who in *b"WM" {
            let (mut wanted, mut decoder) = (Vec::new(), Decoder::default());
            let (mut written, mut count) = (BytesMut::new(), 0);
            for (_, bytes) in recorded(name).iter().filter(|(w, _)| *w == who) {
                wanted.extend_from_slice(bytes);
                decoder.feed(bytes);
                while let Some(value) = decoder.next().unwrap() {
                    // Words are agreed upon by what comes first.
                    encode(&value, count > 0, &mut written).unwrap();
                    count += 1;
                    // All that holds Python's values stands from the third place on.
                    for part in parts(&value).iter().skip(2) {
                        let read = Jelly::read(part).unwrap();
                        assert!(is_read_only(part) || read.write() == *part, "{name}: {part:?}");
                    }
                }
            }
            assert!(count > 2, "{name}");
            assert_eq!(written[..], wanted[..written.len()], "{name}");
            assert!(wanted.len() - written.len() < 2000, "{name}");
        }
    }
}

/// What the recorded worker did with one command.
#[derive(Debug, Default)]
struct Play {
    name: String,
    arguments: Option<Jelly>,
    /// The recorded numbers of the command's object and of the file's.
    objects: Vec<i64>,
    /// The answer to the start without its number, and everything said to these objects.
    says: VecDeque<Banana>,
}

/// A conversation of a worker, taken apart.
struct Conversation {
    challenge: [u8; 16],
    info: Banana,
    /// Dialect, version, login and response, with their exact bytes.
    login: Vec<u8>,
    plays: Vec<Play>,
}

fn luid(value: &Banana) -> Option<i64> {
    match Jelly::read(value) {
        Ok(Jelly::Remote(luid)) => Some(luid),
        _ => None,
    }
}

fn word(value: Option<&Banana>) -> &str {
    match value {
        Some(Banana::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap_or_default(),
        _ => "",
    }
}

fn conversation(name: &str) -> Conversation {
    let mut starts: BTreeMap<i128, usize> = BTreeMap::new();
    let mut plays: Vec<Play> = Vec::new();
    let (mut challenge, mut info, mut login) = ([0; 16], None, BytesMut::new());
    let (mut info_request, mut responded) = (None, false);
    for (who, value) in values(name) {
        let list = parts(&value);
        match (who, word(list.first()), word(list.get(3))) {
            (b'M', "message", "startCommand") => {
                let args = parts(&list[5]);
                let dict = Jelly::read(&args[4]).unwrap();
                let file = ["writer", "reader"].into_iter().find_map(|key| dict.get(key).cloned());
                let file = file.and_then(|file| match file {
                    Jelly::Remote(luid) => Some(luid),
                    _ => None,
                });
                let Banana::Int(request) = list[1] else { panic!("{value:?}") };
                starts.insert(request, plays.len());
                plays.push(Play {
                    name: Jelly::read(&args[3]).unwrap().as_text().unwrap().to_owned(),
                    arguments: Some(dict),
                    objects: luid(&args[1]).into_iter().chain(file).collect(),
                    says: VecDeque::new(),
                });
            }
            (b'M', "message", "getWorkerInfo") => info_request = Some(list[1].clone()),
            (b'M', "answer", _) if list[1] == Banana::Int(1) && challenge == [0; 16] => {
                let Ok(Jelly::Tuple(parts)) = Jelly::read(&list[2]) else { panic!("{value:?}") };
                let Jelly::Bytes(bytes) = &parts[0] else { panic!("{value:?}") };
                challenge.copy_from_slice(bytes);
            }
            (b'W', "answer" | "error", _) => {
                if Some(&list[1]) == info_request.as_ref() {
                    info = Some(list[2].clone());
                    info_request = None;
                } else if let Banana::Int(request) = list[1]
                    && let Some(at) = starts.remove(&request)
                {
                    plays[at].says.push_back(value);
                }
            }
            (b'W', "message", _) if responded => {
                let Banana::Int(object) = list[2] else { continue };
                let of = |play: &&mut Play| play.objects.iter().any(|o| i128::from(*o) == object);
                if let Some(play) = plays.iter_mut().rev().find(of) {
                    play.says.push_back(value);
                }
            }
            (b'W', ..) if !responded => {
                encode(&value, !login.is_empty(), &mut login).unwrap();
                responded = word(list.get(3)) == "respond";
            }
            _ => {}
        }
    }
    let info = info.unwrap_or(Banana::Int(0));
    Conversation { challenge, info, login: login.to_vec(), plays }
}

/// Which file of the builder's directory a transfer is about.
fn file(dict: &Jelly) -> Option<String> {
    let path = dict.get("workersrc").or_else(|| dict.get("workerdest"))?.as_text()?;
    match dict.get("workdir")?.as_text()? {
        "." => Some(path.to_owned()),
        workdir => Some(format!("{workdir}/{path}")),
    }
}

/// The neutral form of a recorded command; none = nothing here asks for such a one.
fn neutral(play: &Play) -> Option<CommandKind> {
    let dict = play.arguments.as_ref()?;
    let text = |key| dict.get(key).and_then(Jelly::as_text).map(ToOwned::to_owned);
    let count = |key| dict.get(key).and_then(Jelly::as_int).and_then(|n| u64::try_from(n).ok());
    let number = |key| match dict.get(key)? {
        Jelly::Float(float) => Some(*float),
        other => other.as_int().map(|n| n as f64),
    };
    let truth = |key| dict.get(key) == Some(&Jelly::Bool(true));
    Some(match play.name.as_str() {
        "mkdir" => CommandKind::MakeDirectory { paths: vec![text("dir")?] },
        "stat" => CommandKind::Stat { path: text("file")? },
        "glob" => CommandKind::Glob { path: text("path")? },
        "listdir" => CommandKind::ListDirectory { path: text("dir")? },
        "rmfile" => CommandKind::RemoveFile { path: text("path")? },
        "cpdir" => CommandKind::CopyDirectory {
            from: text("fromdir")?,
            to: text("todir")?,
            timeout: number("timeout"),
        },
        "uploadFile" => CommandKind::UploadFile {
            path: file(dict)?,
            block_size: count("blocksize")?,
            max_size: count("maxsize"),
            keep_stamp: truth("keepstamp"),
        },
        "uploadDirectory" => CommandKind::UploadDirectory {
            path: file(dict)?,
            block_size: count("blocksize")?,
            max_size: count("maxsize"),
            compress: text("compress").and_then(|word| Compression::of(&word)),
        },
        "shell" if matches!(dict.get("usePTY"), None | Some(Jelly::Bool(false))) => {
            let item = |item: &Jelly| match item {
                Jelly::Text(text) => Some(Argument::Plain(text.to_string())),
                Jelly::Tuple(parts) => Some(Argument::Obfuscated(
                    Secret::new(parts.get(1)?.as_text()?),
                    parts.get(2)?.as_text()?.to_owned(),
                )),
                _ => None,
            };
            let line = match dict.get("command")? {
                Jelly::List(items) => {
                    CommandLine::Argv(items.iter().map(item).collect::<Option<_>>()?)
                }
                line => CommandLine::Shell(line.as_text()?.to_owned()),
            };
            let mut shell = ShellCommand::new(line, &text("workdir")?);
            let none = Jelly::Dict(Vec::new());
            for (name, value) in pairs(dict.get("env").unwrap_or(&none))? {
                let value = match value {
                    Jelly::None => serde_json::Value::Null,
                    Jelly::List(items) => items.iter().map(Jelly::as_text).collect(),
                    value => serde_json::json!(value.as_text()?),
                };
                shell.env.insert(name.to_owned(), value);
            }
            for (name, file) in pairs(dict.get("logfiles").unwrap_or(&none))? {
                let filename = file.get("filename").unwrap_or(file).as_text()?.to_owned();
                let follow = file.get("follow") == Some(&Jelly::Bool(true));
                shell.logfiles.insert(name.to_owned(), LogFile { filename, follow });
            }
            shell.timeout = number("timeout");
            shell.max_time = number("maxTime");
            shell.max_lines = count("max_lines");
            shell.sigterm_time = number("sigtermTime");
            let not_off = |key| dict.get(key) != Some(&Jelly::Bool(false));
            shell.want_stdout = not_off("want_stdout");
            shell.want_stderr = not_off("want_stderr");
            shell.log_environ = not_off("logEnviron");
            shell.initial_stdin = text("initial_stdin");
            shell.interrupt_signal = text("interruptSignal").unwrap_or("KILL".to_owned());
            CommandKind::Shell(Box::new(shell))
        }
        _ => return None,
    })
}

fn pairs(dict: &Jelly) -> Option<Vec<(&str, &Jelly)>> {
    let Jelly::Dict(pairs) = dict else { return None };
    pairs.iter().map(|(key, value)| Some((key.as_text()?, value))).collect()
}

/// What the worker takes for an argument that the recorded master left out.
fn default(command: &str, key: &str) -> Jelly {
    match (command, key) {
        (_, "interruptSignal") => Jelly::text("KILL"),
        ("rmdir" | "cpdir", "timeout") => Jelly::Int(120),
        (_, "want_stdout" | "want_stderr" | "logEnviron") => Jelly::Bool(true),
        (_, "usePTY") => Jelly::Bool(false),
        (_, "env" | "logfiles") => Jelly::Dict(Vec::new()),
        _ => Jelly::None,
    }
}

/// A dictionary by its keys: their order is nobody's business.
fn sorted(value: &Jelly) -> Jelly {
    let mut value = value.clone();
    if let Jelly::Dict(pairs) = &mut value {
        pairs.sort_by(|(a, _), (b, _)| a.as_text().cmp(&b.as_text()));
    }
    value
}

/// A worker that says what was recorded.
struct Player {
    stream: DuplexStream,
    decoder: Decoder,
    info: Banana,
}

impl Player {
    async fn send(&mut self, parts: Vec<Banana>) {
        let mut bytes = BytesMut::new();
        encode(&Banana::List(parts), true, &mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next value of the master.
    async fn next(&mut self) -> Option<Banana> {
        loop {
            if let Some(value) = self.decoder.next().unwrap() {
                return Some(value);
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).await.unwrap();
            if count == 0 {
                return None;
            }
            self.decoder.feed(&bytes[..count]);
        }
    }

    /// Answers what is about no command; the next start of one, with its number and arguments.
    async fn next_start(&mut self) -> Option<(Banana, Vec<Banana>)> {
        loop {
            let value = self.next().await?;
            let list = parts(&value);
            if word(list.first()) != "message" {
                continue;
            }
            let answer = match word(list.get(3)) {
                "startCommand" => return Some((list[1].clone(), parts(&list[5])[1..].to_vec())),
                "getWorkerInfo" => self.info.clone(),
                "setBuilderList" => {
                    let Ok(Jelly::Tuple(args)) = Jelly::read(&list[5]) else { panic!("{value:?}") };
                    let made = args[0].as_list().unwrap().iter().enumerate().map(|(at, pair)| {
                        let luid = 1000 + i64::try_from(at).unwrap();
                        (pair.as_list().unwrap()[0].clone(), Jelly::Remote(luid))
                    });
                    Jelly::Dict(made.collect()).write()
                }
                _ => Jelly::None.write(),
            };
            self.send(vec![Banana::word("answer"), list[1].clone(), answer]).await;
        }
    }

    /// Plays what was recorded of a command; the master's answers must be of the recorded form.
    async fn play(&mut self, mut play: Play, number: Banana, args: &[Banana]) {
        assert_eq!(Jelly::read(&args[2]).unwrap().as_text(), Some(play.name.as_str()));
        let ours = Jelly::read(&args[3]).unwrap();
        let theirs = play.arguments.take().unwrap();
        let mut objects = vec![luid(&args[0]).unwrap()];
        for (key, value) in pairs(&ours).unwrap() {
            match (key, value) {
                ("writer" | "reader", Jelly::Remote(luid)) => objects.push(*luid),
                ("workersrc" | "workerdest", _) => assert_eq!(file(&ours), file(&theirs)),
                // The path may say all of it.
                ("workdir", _) if play.objects.len() > 1 => {}
                ("logEnviron", _) if play.name != "shell" => {}
                (key, value) => {
                    let wanted = theirs.get(key).map_or_else(|| default(&play.name, key), sorted);
                    assert_eq!(wanted, sorted(value), "{} {key}", play.name);
                }
            }
        }
        for said in play.says {
            let mut list = parts(&said).to_vec();
            if word(list.first()) != "message" {
                list[1] = number.clone();
                self.send(list).await;
                continue;
            }
            let at = play.objects.iter().position(|o| Banana::Int((*o).into()) == list[2]).unwrap();
            list[2] = Banana::Int(objects[at].into());
            let (request, method) = (list[1].clone(), word(list.get(3)).to_owned());
            self.send(list).await;
            let answer = self.next().await.unwrap();
            let wanted = match method.as_str() {
                "update" => Banana::Int(0),
                _ => Jelly::None.write(),
            };
            assert_eq!(answer, Banana::List(vec![Banana::word("answer"), request, wanted]));
        }
    }
}

/// What the recorded updates of a command say in all.
fn said(play: &Play) -> Outcome {
    let mut outcome = Outcome::default();
    for said in play.says.iter().filter(|said| word(parts(said).get(3)) == "update") {
        let Ok(Jelly::Tuple(args)) = Jelly::read(&parts(said)[5]) else { panic!("{said:?}") };
        for update in args[0].as_list().unwrap() {
            for (key, value) in pairs(&update.as_list().unwrap()[0]).unwrap() {
                let text = || value.as_text().unwrap().as_bytes();
                match key {
                    "stdout" => outcome.stdout.extend_from_slice(text()),
                    "stderr" => outcome.stderr.extend_from_slice(text()),
                    "rc" => outcome.rc = value.as_int(),
                    _ => {}
                }
            }
        }
    }
    outcome
}

/// Plays a conversation; every command that there is a neutral form of. Returns how they ended.
#[expect(clippy::disallowed_methods, reason = "the test waits for the worker to come in meanwhile")]
async fn replay(name: &str) -> Vec<(String, Outcome)> {
    let Conversation { challenge, info, login, plays } = conversation(name);
    let recorded = values(name);
    let login_call = recorded.iter().find(|(_, v)| word(parts(v).get(3)) == "login").unwrap();
    let args = Jelly::read(&parts(&login_call.1)[5]).unwrap();
    let worker = args.as_list().unwrap()[0].as_text().unwrap().to_owned();
    let (gate, tasks) = (FakeGate::new(&[(&worker, "sekrit-pbw")]), Tasks::new());
    gate.challenge_with(challenge);
    let mut player = Player { stream: dial(&gate, &tasks), decoder: Decoder::default(), info };
    // All at once and before it was asked, as the real one nearly does.
    player.next().await.unwrap();
    player.stream.write_all(&login).await.unwrap();
    let greeting = tokio::spawn(async move {
        // The greeting ends with the first command.
        let start = player.next_start().await;
        (player, start)
    });
    let (link, _): (Arc<dyn Link>, _) = gate.come_in(&worker, 1).await;
    let mut greeting = Some(greeting);
    let mut player = None;
    let mut outcomes = Vec::new();
    for (play, key) in plays.into_iter().zip(1..) {
        let Some(kind) = neutral(&play) else { continue };
        let wanted = said(&play);
        let ends = play.says.iter().any(|said| word(parts(said).get(3)) == "complete");
        let refused = play.says.iter().any(|said| word(parts(said).first()) == "error");
        if !ends && !refused {
            // The recording ends first.
            continue;
        }
        let name = play.name.clone();
        let events = start(&link, key, kind);
        let (mut playing, begun) = match greeting.take() {
            Some(greeting) => greeting.await.unwrap(),
            None => {
                let mut player: Player = player.take().unwrap();
                let begun = player.next_start().await;
                (player, begun)
            }
        };
        let (number, args) = begun.expect("the command was not started");
        let (outcome, ()) = tokio::join!(finish(events), playing.play(play, number, &args));
        player = Some(playing);
        assert_eq!(outcome.refused.is_some(), refused, "{outcome:?}");
        assert_eq!((&outcome.stdout, &outcome.stderr), (&wanted.stdout, &wanted.stderr));
        assert_eq!(outcome.rc, wanted.rc);
        outcomes.push((name, outcome));
    }
    if let Some(greeting) = greeting {
        greeting.abort();
    }
    tasks.end().await;
    outcomes
}

#[tokio::test(start_paused = true)]
async fn recorded_workers_of_three_versions_find_in_us_the_master_that_they_knew() {
    let mut counts = BTreeMap::new();
    for name in [
        "pb-worker-2.10.5",
        "pb-worker-3.1.1",
        "pbw-big",
        "pbw-fs",
        "pbw-m",
        "pbw-raw",
        "pbw-shell",
        "pbw-shell2",
        "pbw-xfer",
    ] {
        counts.insert(name, replay(name).await.len());
    }
    assert!(counts.values().all(|count| *count > 0), "{counts:?}");
    assert_eq!(counts.values().sum::<usize>(), 51, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn recorded_wrong_logins_are_refused_as_they_were() {
    for name in ["pbw-wrongpw", "pbw-unkname", "pbw-reject"] {
        let Conversation { challenge, login, .. } = conversation(name);
        let (gate, tasks) = (FakeGate::new(&[("pbw", "sekrit-pbw")]), Tasks::new());
        gate.challenge_with(challenge);
        let stream = dial(&gate, &tasks);
        let mut player = Player { stream, decoder: Decoder::default(), info: Banana::Int(0) };
        player.next().await.unwrap();
        player.stream.write_all(&login).await.unwrap();
        let mut words = Vec::new();
        while let Some(value) = player.next().await {
            words.push(word(parts(&value).first()).to_owned());
        }
        let recorded = values(name);
        let theirs = recorded.iter().filter(|(who, _)| *who == b'M').skip(1);
        let theirs: Vec<_> = theirs.map(|(_, v)| word(parts(v).first()).to_owned()).collect();
        assert_eq!(words, theirs, "{name}");
        assert_eq!(words, ["version", "answer", "error", "decref"], "{name}");
        gate.refused(1).await;
        tasks.end().await;
    }
}
