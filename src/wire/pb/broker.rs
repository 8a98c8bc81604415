//! The broker: both ends call methods on each other's objects, each call is answered once, and each
//! side counts what the other holds of its objects. Bytes and calls go in, [`Event`]s and bytes come
//! out; what the methods mean is not known here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};

use super::banana::{Banana, Decoder, encode};
use super::jelly::{Failure, Jelly};

/// The one version there is.
const VERSION: i128 = 6;
const DIALECT: &str = "pb";
/// Calls of the peer that may wait for their answers.
const MAX_DUE: usize = 1 << 16;
/// Objects that a peer may hold. Real peers allow 1,024 and hold two or three for each command.
const MAX_HELD: usize = 1 << 14;

/// What the peer wants or says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It calls a method of ours. One answer is due, unless `request` is none.
    Call {
        /// What to answer under.
        request: Option<i64>,
        /// The object; none = the root, which everybody knows.
        object: Option<i64>,
        /// The method.
        method: String,
        /// The arguments by place.
        args: Vec<Jelly>,
        /// The arguments by name, a dictionary.
        named: Jelly,
    },
    /// It answers a call of ours.
    Answer {
        /// The call's number.
        request: i64,
        /// What it says.
        result: Result<Jelly, Failure>,
    },
}

/// How far the beginning has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer is to choose one of the dialects, or to offer some.
    Choosing {
        offered: bool,
    },
    /// The peer is to say its version.
    Versions,
    Talking,
}

/// An object of ours that the peer holds.
#[derive(Debug)]
struct Held {
    /// How often it was sent and not given back.
    count: u32,
    /// It is still of use here: a worker may give an object back before it is done with it.
    in_use: bool,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Broker {
    decoder: Decoder,
    phase: Phase,
    out: BytesMut,
    calls: BTreeSet<i64>,
    next_call: i64,
    due: BTreeSet<i64>,
    held: BTreeMap<i64, Held>,
    next_object: i64,
}

impl Broker {
    /// The master's end, which speaks first.
    #[must_use]
    pub fn master() -> Self {
        let mut broker = Self::new(true);
        // Short: it always fits.
        let _ = encode(&Banana::List(vec![Banana::word(DIALECT)]), false, &mut broker.out);
        broker
    }

    /// The worker's end.
    #[must_use]
    pub fn worker() -> Self {
        Self::new(false)
    }

    fn new(offered: bool) -> Self {
        Self {
            decoder: Decoder::default(),
            phase: Phase::Choosing { offered },
            out: BytesMut::new(),
            calls: BTreeSet::new(),
            next_call: 1,
            due: BTreeSet::new(),
            held: BTreeMap::new(),
            next_object: 1,
        }
    }

    /// What is to be sent; none = nothing.
    pub fn take(&mut self) -> Option<Bytes> {
        (!self.out.is_empty()).then(|| self.out.split().freeze())
    }

    /// More bytes have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// The next event; none = more bytes are needed.
    ///
    /// # Errors
    /// Why the connection must end.
    #[expect(clippy::should_implement_trait, reason = "none is not the end here")]
    pub fn next(&mut self) -> Result<Option<Event>, String> {
        while let Some(value) = self.decoder.next().map_err(|error| error.to_string())? {
            match (self.phase, value) {
                (Phase::Choosing { offered: true }, Banana::Bytes(choice))
                    if choice.as_ref() == DIALECT.as_bytes() =>
                {
                    self.begin();
                }
                (Phase::Choosing { offered: false }, Banana::List(offers))
                    if offers.contains(&Banana::word(DIALECT)) =>
                {
                    let _ = encode(&Banana::word(DIALECT), false, &mut self.out);
                    self.begin();
                }
                (Phase::Choosing { .. }, _) => {
                    return Err("it speaks no dialect that is spoken here".to_owned());
                }
                (Phase::Versions, Banana::List(parts))
                    if parts == [Banana::word("version"), Banana::Int(VERSION)] =>
                {
                    self.phase = Phase::Talking;
                }
                (Phase::Versions, _) => {
                    return Err(format!("it did not say that its broker is version {VERSION}"));
                }
                (Phase::Talking, Banana::List(parts)) => {
                    if let Some(event) = self.on_message(&parts)? {
                        return Ok(Some(event));
                    }
                }
                (Phase::Talking, _) => {
                    return Err("it sent something that is no message".to_owned());
                }
            }
        }
        Ok(None)
    }

    fn begin(&mut self) {
        self.phase = Phase::Versions;
        self.send(vec![Banana::word("version"), Banana::Int(VERSION)]);
    }

    fn on_message(&mut self, parts: &[Banana]) -> Result<Option<Event>, String> {
        let odd = |word: &[u8]| format!("its {} makes no sense", String::from_utf8_lossy(word));
        let Some((Banana::Bytes(word), rest)) = parts.split_first() else {
            return Err("it sent a message without a word".to_owned());
        };
        match (word.as_ref(), rest) {
            (
                b"message",
                [
                    Banana::Int(request),
                    object,
                    Banana::Bytes(method),
                    Banana::Int(wanted),
                    args,
                    named,
                ],
            ) => {
                let request = i64::try_from(*request).map_err(|_| odd(word))?;
                let request = (*wanted != 0).then_some(request);
                let object = match object {
                    Banana::Bytes(root) if root.as_ref() == b"root" => None,
                    Banana::Int(luid) => Some(i64::try_from(*luid).unwrap_or(-1)),
                    _ => return Err(odd(word)),
                };
                self.on_call(request, object, method, (args, named))
            }
            (b"answer", [Banana::Int(request), result]) => {
                let result = Jelly::read(result).map_err(|error| insecure(&error.to_string()));
                self.on_answer(*request, result).map(Some)
            }
            (b"error", [Banana::Int(request), failure]) => {
                let failure = match Jelly::read(failure) {
                    Ok(Jelly::Failure(failure)) => *failure,
                    Ok(other) => Failure::new(
                        "twisted.spread.pb.Error",
                        other.as_text().unwrap_or("an error without words"),
                    ),
                    Err(error) => insecure(&error.to_string()),
                };
                self.on_answer(*request, Err(failure)).map(Some)
            }
            (b"decref", [Banana::Int(luid)]) => {
                self.on_decref(*luid);
                Ok(None)
            }
            (b"message" | b"answer" | b"error" | b"decref" | b"version", _) => Err(odd(word)),
            (b"didNotUnderstand", _) => Ok(None),
            _ => {
                self.send(vec![Banana::word("didNotUnderstand"), Banana::Bytes(word.clone())]);
                Ok(None)
            }
        }
    }

    fn on_call(
        &mut self,
        request: Option<i64>,
        object: Option<i64>,
        method: &[u8],
        (args, named): (&Banana, &Banana),
    ) -> Result<Option<Event>, String> {
        if let Some(request) = request {
            if !self.due.insert(request) {
                return Err("it used the number of a call twice".to_owned());
            }
            if self.due.len() > MAX_DUE {
                return Err("it waits for the answers to too many calls".to_owned());
            }
        }
        if object.is_some_and(|luid| !self.held.contains_key(&luid)) {
            let failure = Failure::new("twisted.spread.pb.Error", "Invalid Object ID");
            self.settle(request, Err(failure));
            return Ok(None);
        }
        let read = Jelly::read(args).and_then(|args| Ok((args, Jelly::read(named)?)));
        let (args, named) = match read {
            Ok((Jelly::Tuple(args), named)) => (args, named),
            Ok(_) => return Err("the arguments of its call are no tuple".to_owned()),
            Err(error) => {
                self.settle(request, Err(insecure(&error.to_string())));
                return Ok(None);
            }
        };
        let method = String::from_utf8_lossy(method).into_owned();
        Ok(Some(Event::Call { request, object, method, args, named }))
    }

    fn on_answer(
        &mut self,
        request: i128,
        result: Result<Jelly, Failure>,
    ) -> Result<Event, String> {
        let known = i64::try_from(request).ok().filter(|request| self.calls.remove(request));
        let request = known.ok_or("it answered a call that was never made")?;
        Ok(Event::Answer { request, result })
    }

    fn on_decref(&mut self, luid: i128) {
        // One for an object that is gone already does no harm.
        let Ok(luid) = i64::try_from(luid) else { return };
        if let Some(held) = self.held.get_mut(&luid) {
            held.count = held.count.saturating_sub(1);
            if held.count == 0 && !held.in_use {
                self.held.remove(&luid);
            }
        }
    }

    /// Calls a method of the peer's object (none = its root), and returns the number under which the
    /// answer comes. A worker's end first takes the master's offer, which it gets unasked.
    ///
    /// # Errors
    /// That an argument is too long for the peer; nothing was sent.
    pub fn call(
        &mut self,
        object: Option<i64>,
        method: &'static str,
        args: Vec<Jelly>,
        named: Vec<(Jelly, Jelly)>,
    ) -> Result<i64, String> {
        let request = self.next_call;
        let object = object.map_or(Banana::word("root"), |luid| Banana::Int(luid.into()));
        let sent = self.send(vec![
            Banana::word("message"),
            Banana::Int(request.into()),
            object,
            Banana::word(method),
            Banana::Int(1),
            Jelly::Tuple(args).write(),
            Jelly::Dict(named).write(),
        ]);
        if !sent {
            return Err(format!(
                "something is longer than the {} bytes that this worker takes",
                super::banana::MAX_SIZE
            ));
        }
        self.next_call += 1;
        self.calls.insert(request);
        Ok(request)
    }

    /// Answers a call of the peer, if an answer is due.
    pub fn settle(&mut self, request: Option<i64>, result: Result<Jelly, Failure>) {
        let Some(request) = request.filter(|request| self.due.remove(request)) else { return };
        let (word, value) = match result {
            Ok(value) => ("answer", value),
            Err(failure) => ("error", Jelly::Failure(Box::new(failure))),
        };
        let number = Banana::Int(request.into());
        if !self.send(vec![Banana::word(word), number.clone(), value.write()]) {
            let failure = Failure::new("twisted.spread.banana.BananaError", "too long to be sent");
            let value = Jelly::Failure(Box::new(failure)).write();
            self.send(vec![Banana::word("error"), number, value]);
        }
    }

    /// A new object that is about to be sent to the peer, once.
    ///
    /// # Errors
    /// That the peer holds too many.
    pub fn lend(&mut self) -> Result<i64, String> {
        if self.held.len() >= MAX_HELD {
            return Err("it holds too many objects and gives none of them back".to_owned());
        }
        let luid = self.next_object;
        self.next_object += 1;
        self.held.insert(luid, Held { count: 1, in_use: true });
        Ok(luid)
    }

    /// An object of ours is of no use any more. It stays until the peer gives it back.
    pub fn retire(&mut self, luid: i64) {
        if let Some(held) = self.held.get_mut(&luid) {
            held.in_use = false;
            if held.count == 0 {
                self.held.remove(&luid);
            }
        }
    }

    /// Objects of ours that are of use or held by the peer.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Gives an object back to the peer that it sent once.
    pub fn release(&mut self, luid: i64) {
        self.send(vec![Banana::word("decref"), Banana::Int(luid.into())]);
    }

    /// Whether the message could be sent.
    fn send(&mut self, message: Vec<Banana>) -> bool {
        let before = self.out.len();
        let sent = encode(&Banana::List(message), true, &mut self.out).is_ok();
        if !sent {
            self.out.truncate(before);
        }
        sent
    }
}

fn insecure(text: &str) -> Failure {
    Failure::new("twisted.spread.jelly.InsecureJelly", text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Moves bytes both ways until nothing is left, `size` at a time, and gathers the events of both.
    fn carry(a: &mut Broker, b: &mut Broker, size: usize) -> (Vec<Event>, Vec<Event>) {
        let mut events = (Vec::new(), Vec::new());
        loop {
            let (to_b, to_a) = (a.take(), b.take());
            if to_a.is_none() && to_b.is_none() {
                return events;
            }
            for piece in to_b.unwrap_or_default().chunks(size) {
                b.feed(piece);
                while let Some(event) = b.next().unwrap() {
                    events.1.push(event);
                }
            }
            for piece in to_a.unwrap_or_default().chunks(size) {
                a.feed(piece);
                while let Some(event) = a.next().unwrap() {
                    events.0.push(event);
                }
            }
        }
    }

    fn pair() -> (Broker, Broker) {
        let (mut master, mut worker) = (Broker::master(), Broker::worker());
        let events = carry(&mut master, &mut worker, 1);
        assert_eq!(events, (vec![], vec![]));
        assert_eq!((master.phase, worker.phase), (Phase::Talking, Phase::Talking));
        (master, worker)
    }

    #[test]
    fn calls_go_both_ways_and_are_answered_in_any_order() {
        let (mut master, mut worker) = pair();
        let name = Jelly::Bytes("w".into());
        assert_eq!(worker.call(None, "login", vec![name.clone()], vec![]), Ok(1));
        assert_eq!(worker.call(None, "two", vec![], vec![]), Ok(2));
        let (calls, _) = carry(&mut master, &mut worker, 3);
        let Event::Call { request: Some(1), object: None, method, args, .. } = &calls[0] else {
            panic!("{calls:?}");
        };
        assert_eq!((method.as_str(), args), ("login", &vec![name]));
        master.settle(Some(2), Err(Failure::new("builtins.KeyError", "x")));
        master.settle(Some(1), Ok(Jelly::None));
        // Nothing more is due.
        master.settle(Some(1), Ok(Jelly::None));
        let (_, answers) = carry(&mut master, &mut worker, 100);
        let [
            Event::Answer { request: 2, result: Err(failure) },
            Event::Answer { request: 1, result },
        ] = &answers[..]
        else {
            panic!("{answers:?}");
        };
        assert_eq!((failure.to_string().as_str(), result), ("KeyError: x", &Ok(Jelly::None)));
    }

    #[test]
    fn objects_stay_while_they_are_of_use_or_held() {
        let (mut master, mut worker) = pair();
        let calls_object = |master: &mut Broker, worker: &mut Broker, luid| {
            worker.call(Some(luid), "x", vec![], vec![]).unwrap();
            let (calls, answers) = carry(master, worker, 7);
            (calls.len(), answers)
        };
        let early = master.lend().unwrap();
        worker.release(early);
        assert_eq!(calls_object(&mut master, &mut worker, early).0, 1);
        master.retire(early);
        let late = master.lend().unwrap();
        master.retire(late);
        assert_eq!(master.held(), 1);
        worker.release(late);
        // Again, and one that never was: no harm.
        worker.release(late);
        worker.release(99);
        let (called, answers) = calls_object(&mut master, &mut worker, late);
        assert_eq!((called, master.held()), (0, 0));
        let Event::Answer { result: Err(failure), .. } = &answers[0] else { panic!("{answers:?}") };
        assert_eq!(failure.value, "Invalid Object ID");
        for _ in 0..MAX_HELD {
            master.lend().unwrap();
        }
        assert!(master.lend().is_err());
    }

    #[test]
    fn what_cannot_be_read_is_answered_and_what_cannot_be_sent_is_refused() {
        let (mut master, mut worker) = pair();
        let mut evil = BytesMut::new();
        let bad = Banana::List(vec![Banana::word("instance"), Banana::word("os")]);
        let args = Banana::List(vec![Banana::word("tuple"), bad]);
        let call = |number, args: Banana| {
            Banana::List(vec![
                Banana::word("message"),
                Banana::Int(number),
                Banana::word("root"),
                Banana::word("login"),
                Banana::Int(1),
                args,
                Banana::List(vec![Banana::word("dictionary")]),
            ])
        };
        encode(&call(1, args), true, &mut evil).unwrap();
        encode(&Banana::List(vec![Banana::word("newword")]), true, &mut evil).unwrap();
        master.feed(&evil);
        assert_eq!(master.next(), Ok(None));
        worker.calls.insert(1);
        let (_, answers) = carry(&mut master, &mut worker, 50);
        let [Event::Answer { result: Err(failure), .. }] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!(failure.class, "twisted.spread.jelly.InsecureJelly");

        let long = Jelly::Bytes(vec![0; 700_000].into());
        assert!(worker.call(None, "x", vec![long.clone()], vec![]).is_err());
        assert!(worker.take().is_none());
        assert_eq!(worker.call(None, "y", vec![], vec![]), Ok(1));
        carry(&mut master, &mut worker, 50);
        master.settle(Some(1), Ok(long));
        let (_, answers) = carry(&mut master, &mut worker, 1000);
        assert!(matches!(&answers[..], [Event::Answer { result: Err(_), .. }]), "{answers:?}");
    }

    #[test]
    fn what_ends_a_connection() {
        let mut message = BytesMut::new();
        let mut wrong = |broker: &mut Broker, parts: Vec<Banana>| {
            message.clear();
            encode(&Banana::List(parts), true, &mut message).unwrap();
            broker.feed(&message);
            broker.next().unwrap_err()
        };
        let mut master = Broker::master();
        master.feed(b"\x04\x82none");
        assert_eq!(master.next().unwrap_err(), "it speaks no dialect that is spoken here");
        let mut master = Broker::master();
        master.feed(b"\x02\x82pb");
        let version = vec![Banana::word("version"), Banana::Int(5)];
        assert!(wrong(&mut master, version).contains("version 6"));
        let (mut master, _) = pair();
        let answer = vec![Banana::word("answer"), Banana::Int(7), Banana::Int(0)];
        assert_eq!(wrong(&mut master, answer), "it answered a call that was never made");
        let (mut master, _) = pair();
        assert_eq!(wrong(&mut master, vec![Banana::word("decref")]), "its decref makes no sense");
        let (mut master, _) = pair();
        master.feed(&[0; 70]);
        assert_eq!(master.next().unwrap_err(), "a number is too long");
    }

    fn any_message() -> impl Strategy<Value = Banana> {
        let words = ["message", "answer", "error", "decref", "version", "root", "tuple", "None"];
        let leaf = prop_oneof![
            prop::sample::select(words.map(Banana::word).to_vec()),
            (0i128..4).prop_map(Banana::Int),
            Just(Banana::List(vec![Banana::word("tuple")])),
            Just(Banana::List(vec![Banana::word("dictionary")])),
        ];
        let inner = leaf.clone().prop_recursive(3, 20, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Banana::List)
        });
        let call = (0i128..9, inner.clone(), 0i128..2, inner.clone()).prop_map(
            |(number, object, wanted, args)| {
                let named = Banana::List(vec![Banana::word("dictionary")]);
                let head = [Banana::word("message"), Banana::Int(number), object];
                let tail = [Banana::word("m"), Banana::Int(wanted), args, named];
                Banana::List(head.into_iter().chain(tail).collect())
            },
        );
        prop_oneof![call, prop::collection::vec(inner, 0..8).prop_map(Banana::List)]
    }

    proptest! {
        #[test]
        fn any_messages_are_taken_or_end_the_connection(
            messages in prop::collection::vec(any_message(), 0..12),
        ) {
            let (mut master, _) = pair();
            master.lend().unwrap();
            let mut bytes = BytesMut::new();
            for message in &messages {
                encode(message, true, &mut bytes).unwrap();
            }
            master.feed(&bytes);
            let mut events = 0;
            while let Ok(Some(event)) = master.next() {
                events += 1;
                if let Event::Call { request, .. } = event {
                    master.settle(request, Ok(Jelly::None));
                }
            }
            prop_assert!(events <= messages.len());
        }
    }
}
