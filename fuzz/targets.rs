//! What strangers may send, byte by byte: each function takes anything, and panics only when something
//! is wrong with the program. `cargo +nightly fuzz run banana` (and so on) looks for such bytes; what
//! it has found and what real peers have sent stands in `corpus/`, which `cargo test` feeds to the same
//! functions.

use bytes::{Bytes, BytesMut};
use halide_ci::model::command::{Command, CommandKind, CommandLine, ShellCommand};
use halide_ci::model::test_results::{Test, TestSource, Tests};
use halide_ci::wire::Protocol;
use halide_ci::wire::msgpack::codec;
use halide_ci::wire::msgpack::message;
use halide_ci::wire::pb::banana::{Banana, Decoder, encode};
use halide_ci::wire::pb::broker::Broker;
use halide_ci::wire::pb::jelly::Jelly;
use halide_ci::wire::session::{Output, Session};

/// The values of Perspective Broker: fed in pieces they are what they are at once, what is written again
/// is read again, and what they stand for is read or refused.
pub(super) fn banana(data: &[u8]) {
    let all = values(data, data.len().max(1));
    assert_eq!(all, values(data, 1));
    assert_eq!(all, values(data, 7));
    for value in all {
        // Recursion and memory are bounded before that.
        let _ = Jelly::read(&value).map(|jelly| jelly.write());
        let mut out = BytesMut::new();
        if encode(&value, false, &mut out).is_ok() {
            let again = values(&out, out.len().max(1));
            assert_eq!(again.len(), 1);
            // What is not a number is not equal to itself.
            assert_eq!(format!("{:?}", again[0]), format!("{value:?}"));
        }
    }
}

fn values(data: &[u8], size: usize) -> Vec<Banana> {
    let mut decoder = Decoder::default();
    let mut out = Vec::new();
    for piece in data.chunks(size) {
        decoder.feed(piece);
        while let Ok(Some(value)) = decoder.next() {
            out.push(value);
        }
    }
    out
}

/// A master's end of Perspective Broker; each call of the peer is answered.
pub(super) fn broker(data: &[u8]) {
    let mut broker = Broker::master();
    for piece in data.chunks(97) {
        broker.feed(piece);
        loop {
            match broker.next() {
                Ok(Some(halide_ci::wire::pb::broker::Event::Call { request, .. })) => {
                    let lent = broker.lend().map(Jelly::Remote).unwrap_or(Jelly::None);
                    broker.settle(request, Ok(lent));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        broker.take();
    }
}

/// A message of the msgpack protocol: what is read is written, and read again.
pub(super) fn msgpack(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let _ = message::parse(&bytes);
    if let Ok(value) = codec::decode(&bytes) {
        let again = codec::decode(&codec::encode(&value));
        let again = again.expect("what was written is read");
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }
}

/// A conversation: messages, each with its length before it in two bytes. The master answers what is
/// asked, and starts a command when the worker is ready.
pub(super) fn session(data: &[u8]) {
    let now = tokio::time::Instant::now();
    let (acks, mut acked) = tokio::sync::mpsc::unbounded_channel();
    let mut session = Session::new(Protocol::Msgpack, vec!["b".to_owned()], acks, now);
    let mut rest = data;
    while let Some((length, more)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(more.len());
        let (message, more) = more.split_at(length);
        rest = more;
        let Ok(message) = message::parse(&Bytes::copy_from_slice(message)) else { continue };
        session.on(message);
        while let Some(output) = session.poll() {
            match output {
                Output::Ready(_) => session.start(1, &command()),
                Output::Await(seq, _) => session.settle(seq, Err("no".to_owned())),
                Output::Close(_) => return,
                _ => {}
            }
        }
        while let Ok(seq) = acked.try_recv() {
            session.settle(seq, Ok(codec::Value::Nil));
        }
    }
    session.tick(now, 0);
}

fn command() -> Command {
    let shell = ShellCommand::new(CommandLine::Shell("make".to_owned()), "build");
    Command {
        builder: "b".to_owned(),
        builddir: "b".to_owned(),
        step: "s".to_owned(),
        what: CommandKind::Shell(Box::new(shell)),
    }
}

/// Reports of tests, in every format.
pub(super) fn reports(data: &[u8]) {
    for format in ["cargo", "ctest", "go", "junit", "pytest", "subunit", "tap"] {
        let source = TestSource::read(&serde_json::json!({ "format": format, "paths": ["x"] }));
        let mut tests = Tests::default();
        // One that cannot be read says why.
        let _ = source.expect("a format").format.read(data, &mut tests);
        let results: Vec<_> = tests.list.iter().filter_map(Test::result).collect();
        assert!(results.len() <= tests.list.len());
        let again = tests.clone();
        tests.add_run(again);
    }
}
