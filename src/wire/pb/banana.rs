//! Banana, the encoding under Perspective Broker: numbers, byte strings and nested lists. The decoder
//! takes bytes as they come, in pieces of any size, and is bounded in every direction, because there is
//! no outer length and the peer has not said yet who it is.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest string and the longest list, as Twisted has it.
pub const MAX_SIZE: usize = 640 * 1024;
/// The longest number before a type byte, as Twisted has it.
const MAX_PREFIX: usize = 64;
/// How deep lists may be nested. A value of Buildbot's takes two or three levels.
pub const MAX_DEPTH: usize = 96;
/// What one value at the top may cost in all: its strings, and for each of its parts what it takes
/// here rather than on the wire.
pub const MAX_COST: usize = 32 << 20;
const COST_OF_PART: usize = 64;

const LIST: u8 = 0x80;
const INT: u8 = 0x81;
const STRING: u8 = 0x82;
const NEG: u8 = 0x83;
const FLOAT: u8 = 0x84;
const LONGINT: u8 = 0x85;
const LONGNEG: u8 = 0x86;
const VOCAB: u8 = 0x87;

/// The words of the dialect `pb`; the first is number 1.
const WORDS: [&[u8]; 31] = [
    b"None",
    b"class",
    b"dereference",
    b"reference",
    b"dictionary",
    b"function",
    b"instance",
    b"list",
    b"module",
    b"persistent",
    b"tuple",
    b"unpersistable",
    b"copy",
    b"cache",
    b"cached",
    b"remote",
    b"local",
    b"lcache",
    b"version",
    b"login",
    b"password",
    b"challenge",
    b"logged_in",
    b"not_logged_in",
    b"cachemessage",
    b"message",
    b"answer",
    b"error",
    b"decref",
    b"decache",
    b"uncache",
];

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Banana {
    /// A whole number, of any of the four forms.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Bytes, written out or as a word's number.
    Bytes(Bytes),
    /// A list.
    List(Vec<Self>),
}

impl Banana {
    /// A string.
    #[must_use]
    pub fn word(word: &'static str) -> Self {
        Self::Bytes(Bytes::from_static(word.as_bytes()))
    }
}

/// Why bytes are no banana. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BananaError {
    /// A number of more than 64 digits, or one that no peer needs.
    Number,
    /// A string or list that is longer than [`MAX_SIZE`].
    Size,
    /// Lists nested deeper than [`MAX_DEPTH`].
    Depth,
    /// A value that costs more than [`MAX_COST`].
    Cost,
    /// A type or word that does not exist.
    Unknown(u8),
}

impl fmt::Display for BananaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("a number is too long"),
            Self::Size => write!(f, "a string or list is longer than {MAX_SIZE}"),
            Self::Depth => write!(f, "lists are nested deeper than {MAX_DEPTH}"),
            Self::Cost => write!(f, "one value takes more than {} MiB", MAX_COST >> 20),
            Self::Unknown(byte) => write!(f, "there is no type or word {byte:#04x}"),
        }
    }
}

impl std::error::Error for BananaError {}

/// Makes values of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: BytesMut,
    /// The lists that are not complete, outermost first, with how many parts each still lacks.
    open: Vec<(usize, Vec<Banana>)>,
    /// What the value under way has cost.
    cost: usize,
    failed: Option<BananaError>,
}

impl Decoder {
    /// More bytes have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole value; none = more bytes are needed.
    ///
    /// # Errors
    /// [`BananaError`], from then on each time.
    #[expect(clippy::should_implement_trait, reason = "none is not the end here")]
    pub fn next(&mut self) -> Result<Option<Banana>, BananaError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = self.step();
        if let Err(error) = next {
            self.failed = Some(error);
            // Nothing of it is of any use.
            self.open = Vec::new();
            self.bytes = BytesMut::new();
        }
        next
    }

    fn step(&mut self) -> Result<Option<Banana>, BananaError> {
        loop {
            let Some(mut value) = self.part()? else { return Ok(None) };
            // A list that is empty or has just become whole is a part of the one around it.
            if let Part::Opens(count) = value {
                if count > 0 {
                    if self.open.len() >= MAX_DEPTH {
                        return Err(BananaError::Depth);
                    }
                    // What the peer says is no reason to take memory: it is paid for as it comes.
                    self.open.push((count, Vec::new()));
                    continue;
                }
                value = Part::Whole(Banana::List(Vec::new()));
            }
            let Part::Whole(mut whole) = value else { continue };
            loop {
                let Some((lacks, parts)) = self.open.last_mut() else {
                    self.cost = 0;
                    return Ok(Some(whole));
                };
                parts.push(whole);
                *lacks -= 1;
                if *lacks > 0 {
                    break;
                }
                let parts = self.open.pop().map(|(_, parts)| parts).unwrap_or_default();
                whole = Banana::List(parts);
            }
        }
    }

    fn part(&mut self) -> Result<Option<Part>, BananaError> {
        let digits = self.bytes.iter().take(MAX_PREFIX + 1).take_while(|b| **b < 0x80).count();
        if digits > MAX_PREFIX {
            return Err(BananaError::Number);
        }
        let Some(&kind) = self.bytes.get(digits) else { return Ok(None) };
        let head = digits + 1;
        let count = || number(&self.bytes[..digits]);
        let size = || match usize::try_from(count()?) {
            Ok(size) if size <= MAX_SIZE => Ok(size),
            _ => Err(BananaError::Size),
        };
        let part = match kind {
            LIST => Part::Opens(size()?),
            INT | LONGINT => Part::Whole(Banana::Int(count()?)),
            NEG | LONGNEG => Part::Whole(Banana::Int(-count()?)),
            STRING => {
                let size = size()?;
                if self.bytes.len() < head + size {
                    return Ok(None);
                }
                self.pay(size)?;
                self.bytes.advance(head);
                return Ok(Some(Part::Whole(Banana::Bytes(self.taken(size)))));
            }
            FLOAT => {
                let Some(body) = self.bytes.get(head..).and_then(|b| b.first_chunk::<8>()) else {
                    return Ok(None);
                };
                let float = Banana::Float(f64::from_be_bytes(*body));
                self.pay(0)?;
                self.bytes.advance(head + 8);
                return Ok(Some(Part::Whole(float)));
            }
            VOCAB => {
                let word = usize::try_from(count()?).ok().and_then(|n| n.checked_sub(1));
                let word = word.and_then(|n| WORDS.get(n)).ok_or(BananaError::Unknown(kind))?;
                Part::Whole(Banana::Bytes(Bytes::from_static(word)))
            }
            _ => return Err(BananaError::Unknown(kind)),
        };
        self.pay(0)?;
        self.bytes.advance(head);
        Ok(Some(part))
    }

    /// `size` bytes from the front. Short ones are copied, so that a name does not keep the block
    /// that it came in.
    fn taken(&mut self, size: usize) -> Bytes {
        if size > 4096 {
            return self.bytes.split_to(size).freeze();
        }
        let copy = Bytes::copy_from_slice(&self.bytes[..size]);
        self.bytes.advance(size);
        copy
    }

    fn pay(&mut self, size: usize) -> Result<(), BananaError> {
        self.cost += size + COST_OF_PART;
        if self.cost > MAX_COST { Err(BananaError::Cost) } else { Ok(()) }
    }
}

enum Part {
    Whole(Banana),
    /// A list of so many parts begins.
    Opens(usize),
}

/// The number of these digits, the least one first.
fn number(digits: &[u8]) -> Result<i128, BananaError> {
    let mut value: i128 = 0;
    for digit in digits.iter().rev() {
        value = value
            .checked_mul(128)
            .and_then(|v| v.checked_add(i128::from(*digit)))
            .ok_or(BananaError::Number)?;
    }
    Ok(value)
}

/// Appends `value` to `out`. Words are written as such only when `words` are agreed upon.
///
/// # Errors
/// [`BananaError::Size`] if the peer would not take it; nothing useful is in `out` then.
pub fn encode(value: &Banana, words: bool, out: &mut BytesMut) -> Result<(), BananaError> {
    match value {
        Banana::Int(n) => {
            let kind = match *n {
                0..=0x7fff_ffff => INT,
                0x8000_0000.. => LONGINT,
                -0x8000_0000..0 => NEG,
                _ => LONGNEG,
            };
            prefix(n.unsigned_abs(), out);
            out.put_u8(kind);
        }
        Banana::Float(float) => {
            out.put_u8(FLOAT);
            out.put_f64(*float);
        }
        Banana::Bytes(bytes) => {
            let word = WORDS.iter().position(|word| words && *word == bytes.as_ref());
            if let Some(at) = word {
                prefix(at as u128 + 1, out);
                out.put_u8(VOCAB);
            } else {
                size(bytes.len(), out)?;
                out.put_u8(STRING);
                out.put_slice(bytes);
            }
        }
        Banana::List(parts) => {
            size(parts.len(), out)?;
            out.put_u8(LIST);
            for part in parts {
                encode(part, words, out)?;
            }
        }
    }
    Ok(())
}

fn size(size: usize, out: &mut BytesMut) -> Result<(), BananaError> {
    if size > MAX_SIZE {
        return Err(BananaError::Size);
    }
    prefix(size as u128, out);
    Ok(())
}

fn prefix(mut number: u128, out: &mut BytesMut) {
    loop {
        out.put_u8((number & 0x7f) as u8);
        number >>= 7;
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Result<Vec<Banana>, BananaError> {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(value) = decoder.next()? {
                out.push(value);
            }
        }
        Ok(out)
    }

    fn bytes(value: &Banana) -> BytesMut {
        let mut out = BytesMut::new();
        encode(value, true, &mut out).unwrap();
        out
    }

    #[test]
    fn every_form_has_the_bytes_of_the_real_peers() {
        let string = |s: &'static str| Banana::word(s);
        let forms: [(Banana, &str); 15] = [
            (Banana::Int(0), "0081"),
            (Banana::Int(1200), "300981"),
            (Banana::Int(-1), "0183"),
            (Banana::Int(0x7fff_ffff), "7f7f7f7f0781"),
            (Banana::Int(0x8000_0000), "000000000885"),
            (Banana::Int(-0x8000_0000), "000000000883"),
            (Banana::Int(-0x8000_0001), "010000000886"),
            (Banana::Float(f64::from_bits(0x3f89_9720_0000_0000)), "843f89972000000000"),
            (string(""), "0082"),
            (string("pb"), "02827062"),
            (string("None"), "0187"),
            (string("uncache"), "1f87"),
            (Banana::List(vec![]), "0080"),
            (Banana::List(vec![string("version"), Banana::Int(6)]), "028013870681"),
            (Banana::List(vec![Banana::List(vec![string("None")])]), "018001800187"),
        ];
        for (value, hexed) in forms {
            assert_eq!(hex::encode(bytes(&value)), hexed);
            assert_eq!(all(&[&hex::decode(hexed).unwrap()]).unwrap(), [value]);
        }
        // An empty prefix is 0, and a word may be written out.
        assert_eq!(all(&[b"\x81"]).unwrap(), [Banana::Int(0)]);
        assert_eq!(all(&[b"\x04\x82None"]).unwrap(), [string("None")]);
    }

    #[test]
    fn what_exceeds_a_limit_is_refused_without_taking_memory() {
        let refused = |bytes: &[u8]| all(&[bytes]).unwrap_err();
        // 655,360 is the longest; 655,361 is not waited for.
        assert_eq!(all(&[b"\x00\x00\x28\x82"]), Ok(vec![]));
        assert_eq!(refused(b"\x01\x00\x28\x82"), BananaError::Size);
        assert_eq!(refused(b"\x01\x00\x28\x80"), BananaError::Size);
        assert_eq!(refused(&[0; 65]), BananaError::Number);
        assert_eq!(refused(&[[0x7f; 20].as_slice(), &[INT]].concat()), BananaError::Number);
        assert_eq!(refused(b"\x00\x87"), BananaError::Unknown(VOCAB));
        assert_eq!(refused(b"\x20\x87"), BananaError::Unknown(VOCAB));
        assert_eq!(refused(b"\x00\x88"), BananaError::Unknown(0x88));
        assert_eq!(refused(&[1, LIST].repeat(MAX_DEPTH + 1)), BananaError::Depth);
        // A small number of bytes that becomes a large number of parts.
        let row = [[0, 0, 0x28, LIST].as_slice(), &[0, INT].repeat(600_000)].concat();
        assert_eq!(refused(&row), BananaError::Cost);
        let mut out = BytesMut::new();
        let long = Banana::Bytes(vec![0; MAX_SIZE + 1].into());
        assert_eq!(encode(&long, true, &mut out), Err(BananaError::Size));
    }

    fn any_value() -> impl Strategy<Value = Banana> {
        let leaf = prop_oneof![
            (-i128::MAX..).prop_map(Banana::Int),
            any::<i64>().prop_map(|n| Banana::Int(n.into())),
            (-1e300f64..1e300).prop_map(Banana::Float),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Banana::Bytes(b.into())),
            (0..WORDS.len()).prop_map(|n| Banana::Bytes(Bytes::from_static(WORDS[n]))),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop::collection::vec(inner, 0..6).prop_map(Banana::List)
        })
    }

    proptest! {
        #[test]
        fn values_go_there_and_back(value in any_value(), words: bool) {
            let mut out = BytesMut::new();
            encode(&value, words, &mut out).unwrap();
            prop_assert_eq!(all(&[&out]).unwrap(), [value]);
        }

        #[test]
        fn pieces_are_as_good_as_the_whole(
            values in prop::collection::vec(any_value(), 0..4),
            noise in prop::collection::vec(any::<u8>(), 0..8),
            size in 1usize..9,
        ) {
            let mut out = BytesMut::new();
            for value in &values {
                encode(value, true, &mut out).unwrap();
            }
            out.extend_from_slice(&noise);
            let pieces: Vec<&[u8]> = out.chunks(size).collect();
            prop_assert_eq!(all(&pieces), all(&[&out]));
        }

        #[test]
        fn any_bytes_are_taken_or_refused(noise in prop::collection::vec(any::<u8>(), 0..400)) {
            // Small numbers and existing types get further than plain noise.
            let likely: Vec<u8> =
                noise.iter().map(|b| if b % 3 == 0 { 0x80 + b % 9 } else { b % 7 }).collect();
            for bytes in [&noise, &likely] {
                if let Err(error) = all(&[bytes]) {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
