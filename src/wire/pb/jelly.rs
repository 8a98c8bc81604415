//! Jelly, the Python values inside Perspective Broker's messages, in the forms that Buildbot's peers
//! use. A list headed by any other word is refused: nothing is ever built because a peer named its
//! type. The one exception that travels, a failure, is read as a few texts.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::banana::Banana;

/// How many values one message may hold once everything that it repeats is written out.
const MAX_VALUES: usize = 1 << 19;

const FAILURE: &str = "twisted.spread.pb.CopyableFailure";

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Jelly {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Bytes; from a worker on Python 2 also text.
    Bytes(Bytes),
    /// Text.
    Text(Utf8Bytes),
    /// A list, and what is one to us: a set.
    List(Vec<Self>),
    /// A tuple.
    Tuple(Vec<Self>),
    /// A dictionary, in the order of arrival.
    Dict(Vec<(Self, Self)>),
    /// An object of who sends this.
    Remote(i64),
    /// An object of who receives this.
    Local(i64),
    /// An exception.
    Failure(Box<Failure>),
}

/// An exception that one side tells the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Its class, with the module.
    pub class: String,
    /// Its text.
    pub value: String,
    /// Where it happened; may be empty.
    pub traceback: String,
    /// The classes above it, by which the peer sorts it.
    pub above: &'static [&'static str],
}

impl Failure {
    /// A failure that the master tells.
    #[must_use]
    pub fn new(class: &str, value: &str) -> Self {
        Self {
            class: class.to_owned(),
            value: value.to_owned(),
            traceback: String::new(),
            above: &["builtins.Exception", "builtins.BaseException", "builtins.object"],
        }
    }

    /// The refusal of a login, after which a worker tries again later. Any other ends its process.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self {
            above: &[
                "twisted.cred.error.LoginFailed",
                "twisted.cred.error.Unauthorized",
                "builtins.Exception",
                "builtins.BaseException",
                "builtins.object",
            ],
            ..Self::new("twisted.cred.error.UnauthorizedLogin", "")
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class.rsplit('.').next().unwrap_or(&self.class);
        if self.value.is_empty() {
            f.write_str(class)
        } else {
            write!(f, "{class}: {}", self.value)
        }
    }
}

/// Why a message holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JellyError {
    /// A list whose head is none of the forms.
    Unknown(String),
    /// One of the forms, with something wrong in it.
    Odd(&'static str),
    /// Too many values, or one that holds itself.
    TooMuch,
}

impl fmt::Display for JellyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(head) => write!(f, "a value of the type {head:?} is not taken"),
            Self::Odd(form) => write!(f, "a {form} makes no sense"),
            Self::TooMuch => {
                f.write_str("a message holds too many values, or one that holds itself")
            }
        }
    }
}

impl std::error::Error for JellyError {}

impl Jelly {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(Utf8Bytes::from(text))
    }

    /// The value that this banana stands for.
    ///
    /// # Errors
    /// [`JellyError`].
    pub fn read(banana: &Banana) -> Result<Self, JellyError> {
        Reader::default().value(banana)
    }

    /// Text, if this is some; bytes are taken for UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The whole number, if this is one that fits.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => i64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The parts of a list or tuple.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(parts) | Self::Tuple(parts) => Some(parts),
            _ => None,
        }
    }

    /// The value under `key`, if this is a dictionary that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dict(pairs) => {
                pairs.iter().find(|(k, _)| k.as_text() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The banana for this value.
    #[must_use]
    pub fn write(&self) -> Banana {
        let form = |head: &'static str, parts: &[Self]| {
            let parts = parts.iter().map(Self::write);
            Banana::List(std::iter::once(Banana::word(head)).chain(parts).collect())
        };
        let pair = |head: &'static str, part: Banana| Banana::List(vec![Banana::word(head), part]);
        match self {
            Self::None => form("None", &[]),
            Self::Bool(yes) => pair("boolean", Banana::word(if *yes { "true" } else { "false" })),
            Self::Int(n) => Banana::Int(*n),
            Self::Float(float) => Banana::Float(*float),
            Self::Bytes(bytes) => Banana::Bytes(bytes.clone()),
            Self::Text(text) => pair("unicode", Banana::Bytes(Bytes::from(text.clone()))),
            Self::List(parts) => form("list", parts),
            Self::Tuple(parts) => form("tuple", parts),
            Self::Dict(pairs) => {
                let pairs = pairs.iter().map(|(k, v)| Banana::List(vec![k.write(), v.write()]));
                let head = std::iter::once(Banana::word("dictionary"));
                Banana::List(head.chain(pairs).collect())
            }
            Self::Remote(luid) => pair("remote", Banana::Int((*luid).into())),
            Self::Local(luid) => pair("local", Banana::Int((*luid).into())),
            Self::Failure(failure) => pair(FAILURE, failure.state().write()),
        }
    }
}

impl Failure {
    /// What a peer needs of it: Twisted takes `parents` for granted, and fills the rest in.
    fn state(&self) -> Jelly {
        let own = std::iter::once(self.class.as_str());
        let parents = own.chain(self.above.iter().copied()).map(Jelly::text).collect();
        let state = [
            ("type", Jelly::Bytes(Bytes::copy_from_slice(self.class.as_bytes()))),
            ("value", Jelly::text(&self.value)),
            ("traceback", Jelly::text(&self.traceback)),
            ("parents", Jelly::List(parents)),
            ("tb", Jelly::None),
            ("frames", Jelly::List(Vec::new())),
            ("stack", Jelly::List(Vec::new())),
            ("count", Jelly::Int(1)),
            ("captureVars", Jelly::Bool(false)),
            ("pickled", Jelly::Int(1)),
        ];
        Jelly::Dict(state.map(|(key, value)| (Jelly::text(key), value)).into())
    }

    fn read(state: &Jelly) -> Self {
        let text = |key| state.get(key).and_then(Jelly::as_text).unwrap_or_default().to_owned();
        Self { class: text("type"), value: text("value"), traceback: text("traceback"), above: &[] }
    }
}

/// Reads one value and what is repeated in it.
#[derive(Default)]
struct Reader {
    /// What has a number, with how many values it takes; none = it is not whole yet.
    named: BTreeMap<i128, Option<(Jelly, usize)>>,
    values: usize,
}

impl Reader {
    fn count(&mut self, values: usize) -> Result<(), JellyError> {
        self.values += values;
        if self.values > MAX_VALUES { Err(JellyError::TooMuch) } else { Ok(()) }
    }

    // Not deeper than `banana::MAX_DEPTH`, which the decoder has seen to.
    fn value(&mut self, banana: &Banana) -> Result<Jelly, JellyError> {
        self.count(1)?;
        let list = match banana {
            Banana::Int(n) => return Ok(Jelly::Int(*n)),
            Banana::Float(float) => return Ok(Jelly::Float(*float)),
            Banana::Bytes(bytes) => return Ok(Jelly::Bytes(bytes.clone())),
            Banana::List(list) => list,
        };
        let Some((Banana::Bytes(head), parts)) = list.split_first() else {
            return Err(JellyError::Odd("value without a type"));
        };
        match (head.as_ref(), parts) {
            (b"None", []) => Ok(Jelly::None),
            (b"boolean", [Banana::Bytes(word)]) if word.as_ref() == b"true" => {
                Ok(Jelly::Bool(true))
            }
            (b"boolean", [Banana::Bytes(word)]) if word.as_ref() == b"false" => {
                Ok(Jelly::Bool(false))
            }
            (b"unicode", [Banana::Bytes(text)]) => Utf8Bytes::try_from(text.clone())
                .map(Jelly::Text)
                .map_err(|_| JellyError::Odd("text")),
            (b"list" | b"set" | b"frozenset", parts) => Ok(Jelly::List(self.values(parts)?)),
            (b"tuple", parts) => Ok(Jelly::Tuple(self.values(parts)?)),
            (b"dictionary", parts) => {
                let mut pairs = Vec::new();
                for pair in parts {
                    let Banana::List(pair) = pair else {
                        return Err(JellyError::Odd("dictionary"));
                    };
                    let [key, value] = pair.as_slice() else {
                        return Err(JellyError::Odd("dictionary"));
                    };
                    pairs.push((self.value(key)?, self.value(value)?));
                }
                Ok(Jelly::Dict(pairs))
            }
            (b"remote", [Banana::Int(luid)]) => luid_of(*luid).map(Jelly::Remote),
            (b"local", [Banana::Int(luid)]) => luid_of(*luid).map(Jelly::Local),
            (b"reference", [Banana::Int(id), value]) => {
                if self.named.insert(*id, None).is_some() {
                    return Err(JellyError::Odd("reference"));
                }
                let before = self.values;
                let value = self.value(value)?;
                self.named.insert(*id, Some((value.clone(), self.values - before)));
                Ok(value)
            }
            (b"dereference", [Banana::Int(id)]) => match self.named.get(id) {
                Some(Some((value, size))) => {
                    let (value, size) = (value.clone(), *size);
                    self.count(size)?;
                    Ok(value)
                }
                Some(None) => Err(JellyError::TooMuch),
                None => Err(JellyError::Odd("dereference")),
            },
            (b"datetime" | b"date" | b"time" | b"timedelta", [Banana::Bytes(text)]) => {
                Ok(Jelly::Bytes(text.clone()))
            }
            (head, [state]) if head == FAILURE.as_bytes() => {
                Ok(Jelly::Failure(Box::new(Failure::read(&self.value(state)?))))
            }
            (head, _) => {
                let head = String::from_utf8_lossy(head).chars().take(80).collect();
                Err(JellyError::Unknown(head))
            }
        }
    }

    fn values(&mut self, parts: &[Banana]) -> Result<Vec<Jelly>, JellyError> {
        parts.iter().map(|part| self.value(part)).collect()
    }
}

fn luid_of(number: i128) -> Result<i64, JellyError> {
    i64::try_from(number).map_err(|_| JellyError::Odd("reference to an object"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(parts: Vec<Banana>) -> Banana {
        Banana::List(parts)
    }

    fn word(word: &'static str) -> Banana {
        Banana::word(word)
    }

    #[test]
    fn what_is_repeated_is_read_and_what_holds_itself_is_not() {
        let shared = list(vec![word("reference"), Banana::Int(1), list(vec![word("tuple")])]);
        let again = list(vec![word("dereference"), Banana::Int(1)]);
        let both = list(vec![word("list"), shared, again.clone()]);
        let empty = Jelly::Tuple(Vec::new());
        assert_eq!(Jelly::read(&both), Ok(Jelly::List(vec![empty.clone(), empty])));
        let inside =
            list(vec![word("reference"), Banana::Int(1), list(vec![word("list"), again.clone()])]);
        assert_eq!(Jelly::read(&inside), Err(JellyError::TooMuch));
        assert_eq!(Jelly::read(&again), Err(JellyError::Odd("dereference")));
    }

    #[test]
    fn a_message_that_doubles_itself_is_refused_before_it_takes_memory() {
        let mut parts = vec![word("list")];
        let mut value = list(vec![word("list"), Banana::Int(0)]);
        for id in 0..60 {
            parts.push(list(vec![word("reference"), Banana::Int(id), value]));
            let again = list(vec![word("dereference"), Banana::Int(id)]);
            value = list(vec![word("list"), again.clone(), again]);
        }
        assert_eq!(Jelly::read(&list(parts)), Err(JellyError::TooMuch));
    }

    #[test]
    fn no_other_type_is_taken() {
        for head in ["instance", "class", "module", "function", "persistent", "os.system", "copy"] {
            let wanted = list(vec![word(head), word("x")]);
            assert_eq!(Jelly::read(&wanted), Err(JellyError::Unknown(head.to_owned())));
            let deep = list(vec![word("list"), wanted]);
            assert!(Jelly::read(&deep).is_err());
        }
        assert!(Jelly::read(&list(vec![])).is_err());
        assert!(Jelly::read(&list(vec![word("boolean"), word("maybe")])).is_err());
        let bad = Banana::Bytes(Bytes::from_static(b"\xff"));
        assert_eq!(Jelly::read(&list(vec![word("unicode"), bad])), Err(JellyError::Odd("text")));
    }

    #[test]
    fn a_failure_goes_there_and_back_as_texts() {
        let failure = Failure::unauthorized();
        let Ok(Jelly::Failure(read)) = Jelly::read(&Jelly::Failure(Box::new(failure)).write())
        else {
            panic!("no failure");
        };
        assert_eq!(read.class, "twisted.cred.error.UnauthorizedLogin");
        assert_eq!(read.to_string(), "UnauthorizedLogin");
        assert_eq!(Failure::new("builtins.KeyError", "x").to_string(), "KeyError: x");
    }

    fn any_jelly() -> impl Strategy<Value = Jelly> {
        let leaf = prop_oneof![
            Just(Jelly::None),
            any::<bool>().prop_map(Jelly::Bool),
            any::<i64>().prop_map(|n| Jelly::Int(n.into())),
            (-1e9f64..1e9).prop_map(Jelly::Float),
            ".{0,8}".prop_map(|text| Jelly::text(&text)),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(|b| Jelly::Bytes(b.into())),
            any::<i64>().prop_map(Jelly::Remote),
            any::<i64>().prop_map(Jelly::Local),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Jelly::List),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Jelly::Tuple),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Jelly::Dict),
            ]
        })
    }

    fn any_banana() -> impl Strategy<Value = Banana> {
        let words = ["None", "list", "tuple", "dictionary", "reference", "dereference", "remote"]
            .map(Banana::word);
        let leaf = prop_oneof![
            prop::sample::select(words.to_vec()),
            (-2i128..4).prop_map(Banana::Int),
            Just(Banana::word("unicode")),
            Just(Banana::word("twisted.spread.pb.CopyableFailure")),
        ];
        leaf.prop_recursive(6, 60, 5, |inner| {
            prop::collection::vec(inner, 0..5).prop_map(Banana::List)
        })
    }

    proptest! {
        #[test]
        fn values_go_there_and_back(value in any_jelly()) {
            prop_assert_eq!(Jelly::read(&value.write()), Ok(value));
        }

        #[test]
        fn any_lists_are_read_or_refused(banana in any_banana()) {
            if let Err(error) = Jelly::read(&banana) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
