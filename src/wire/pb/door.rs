//! The login over Perspective Broker: a challenge for whoever names a worker, known or not, and an
//! answer that only the password makes. Nothing but this can be called before. Without IO.

use super::broker::{Broker, Event};
use super::jelly::{Failure, Jelly};
use crate::wire::gate::{Claim, Proof};

/// Longer names are nobody's, and are not kept.
const MAX_NAME: usize = 1024;

/// A connection before its login.
#[derive(Debug)]
pub(in crate::wire) struct Door {
    broker: Broker,
    challenge: [u8; 16],
    /// The name, and the object that takes the answer.
    challenged: Option<(String, i64)>,
    /// The worker's object, and its call that waits.
    respond: Option<(i64, Option<i64>)>,
}

/// A connection whose claim holds.
#[derive(Debug)]
pub(in crate::wire) struct Visitor {
    /// The rest of the conversation.
    pub(super) broker: Broker,
    /// The worker's object.
    pub(super) bot: i64,
    /// Its call that waits for the avatar.
    pub(super) respond: Option<i64>,
    /// The avatar.
    pub(super) avatar: i64,
}

impl Door {
    /// The master speaks first; `challenge` is for this connection alone.
    pub(in crate::wire) fn new(challenge: [u8; 16]) -> Self {
        Self { broker: Broker::master(), challenge, challenged: None, respond: None }
    }

    /// What is to be sent.
    pub(in crate::wire) fn take(&mut self) -> Option<bytes::Bytes> {
        self.broker.take()
    }

    /// More bytes have come; some = somebody says to be a worker, and waits for [`Self::open`] or
    /// [`Self::refuse`].
    pub(in crate::wire) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Claim>, String> {
        self.broker.feed(bytes);
        while let Some(event) = self.broker.next()? {
            let Event::Call { request, object, method, args, .. } = event else { continue };
            match (object, method.as_str(), args.as_slice()) {
                (None, "login", [name]) if self.challenged.is_none() => {
                    let name = name.as_text().filter(|name| name.len() <= MAX_NAME);
                    let name = name.ok_or("the name of its login makes no sense")?.to_owned();
                    let challenger = self.broker.lend()?;
                    let challenge = Jelly::Bytes(self.challenge.to_vec().into());
                    let answer = Jelly::Tuple(vec![challenge, Jelly::Remote(challenger)]);
                    self.broker.settle(request, Ok(answer));
                    self.challenged = Some((name, challenger));
                }
                (Some(luid), "respond", [Jelly::Bytes(digest), Jelly::Remote(bot)])
                    if self.challenged.as_ref().is_some_and(|(_, c)| *c == luid) =>
                {
                    let name = self.challenged.take().map(|(name, _)| name).unwrap_or_default();
                    self.broker.retire(luid);
                    self.respond = Some((*bot, request));
                    let (challenge, digest) = (self.challenge, digest.to_vec());
                    let proof = Proof::Answer { challenge, digest };
                    // What follows is for who comes after the door; a refused one says nothing more.
                    return Ok(Some(Claim { name, proof, boot: None }));
                }
                _ => self.broker.settle(request, Err(Failure::unauthorized())),
            }
        }
        Ok(None)
    }

    /// The claim does not hold. The worker closes the connection itself, and tries again later.
    pub(in crate::wire) fn refuse(&mut self) {
        if let Some((bot, request)) = self.respond.take() {
            self.broker.settle(request, Err(Failure::unauthorized()));
            self.broker.release(bot);
        }
    }

    /// The claim holds; none = there is none.
    pub(in crate::wire) fn open(mut self) -> Option<Visitor> {
        let (bot, respond) = self.respond.take()?;
        let avatar = self.broker.lend().ok()?;
        Some(Visitor { broker: self.broker, bot, respond, avatar })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a worker calls, and what it hears.
    fn say(door: &mut Door, worker: &mut Broker) -> (Option<Claim>, Vec<Event>) {
        let mut claim = None;
        let mut events = Vec::new();
        loop {
            let (there, back) = (worker.take(), door.take());
            if there.is_none() && back.is_none() {
                return (claim, events);
            }
            claim = claim.or(door.feed(&there.unwrap_or_default()).unwrap());
            worker.feed(&back.unwrap_or_default());
            while let Some(event) = worker.next().unwrap() {
                events.push(event);
            }
        }
    }

    /// Both, once they have agreed upon what they speak.
    fn at_the_door() -> (Door, Broker) {
        let (mut door, mut worker) = (Door::new([7; 16]), Broker::worker());
        let (claim, events) = say(&mut door, &mut worker);
        assert!(claim.is_none() && events.is_empty());
        (door, worker)
    }

    #[test]
    fn a_name_is_challenged_and_its_answer_is_a_claim() {
        let (mut door, mut worker) = at_the_door();
        worker.call(None, "login", vec![Jelly::Bytes("w".into())], vec![]).unwrap();
        let (claim, events) = say(&mut door, &mut worker);
        assert!(claim.is_none());
        let [Event::Answer { result: Ok(answer), .. }] = &events[..] else { panic!("{events:?}") };
        let [Jelly::Bytes(challenge), Jelly::Remote(challenger)] = answer.as_list().unwrap() else {
            panic!("{answer:?}");
        };
        assert_eq!(challenge.as_ref(), [7; 16]);
        let bot = worker.lend().unwrap();
        let args = vec![Jelly::Bytes("digest".into()), Jelly::Remote(bot)];
        worker.call(Some(*challenger), "respond", args, vec![]).unwrap();
        let (claim, events) = say(&mut door, &mut worker);
        let claim = claim.unwrap();
        assert_eq!((claim.name.as_str(), events), ("w", vec![]));
        assert!(matches!(claim.proof, Proof::Answer { challenge, .. } if challenge == [7; 16]));
        door.refuse();
        let (_, events) = say(&mut door, &mut worker);
        let [Event::Answer { result: Err(failure), .. }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(failure.class, "twisted.cred.error.UnauthorizedLogin");
        assert!(door.open().is_none());
    }

    #[test]
    fn nothing_else_can_be_called_before() {
        let (mut door, mut worker) = at_the_door();
        let long = Jelly::Bytes("x".repeat(2000).into());
        worker.call(None, "loginAnonymous", vec![Jelly::None], vec![]).unwrap();
        worker.call(None, "shutdown", vec![], vec![]).unwrap();
        let (claim, events) = say(&mut door, &mut worker);
        assert!(claim.is_none());
        assert!(events.iter().all(|e| matches!(e, Event::Answer { result: Err(_), .. })));
        assert_eq!(events.len(), 2);
        worker.call(None, "login", vec![long], vec![]).unwrap();
        assert!(door.feed(&worker.take().unwrap()).is_err());
    }
}
