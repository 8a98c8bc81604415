//! MessagePack as Buildbot's workers speak it: text, bytes, numbers, lists, and maps with text keys.
//! Decoding is strict and bounded, because the bytes come from a machine that runs anybody's code:
//! no extension types, no duplicate keys, limited depth and number of values, and no allocation
//! that the bytes at hand do not pay for. Text and bytes are slices of the message, not copies.

use std::collections::HashSet;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How deep lists and maps may be nested.
pub const MAX_DEPTH: usize = 32;
/// How many values one message may hold.
pub const MAX_VALUES: usize = 1 << 20;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number; wide enough for both the signed and the unsigned form.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Str(Utf8Bytes),
    /// Bytes.
    Bin(Bytes),
    /// A list.
    Array(Vec<Self>),
    /// A map in the order of arrival; keys are unique.
    Map(Vec<(Utf8Bytes, Self)>),
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Str(Utf8Bytes::from(text))
    }

    /// A list of texts.
    #[must_use]
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Array(texts.into_iter().map(Self::text).collect())
    }

    /// A map from pairs; the caller gives each key once.
    #[must_use]
    pub fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(k, v)| (Utf8Bytes::from(k), v)).collect())
    }

    /// The value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(pairs) => pairs.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The whole number, if this is one that fits.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => i64::try_from(*i).ok(),
            _ => None,
        }
    }

    /// The number, whole or not.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Float(f) => Some(*f),
            #[expect(clippy::cast_precision_loss, reason = "seconds and sizes, far below 2^53")]
            Self::Int(i) => Some(*i as f64),
            _ => None,
        }
    }

    /// Python's idea of truth for what a peer may send as a flag.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.as_str().is_empty(),
            Self::Bin(b) => !b.is_empty(),
            Self::Array(a) => !a.is_empty(),
            Self::Map(m) => !m.is_empty(),
        }
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i.into())
    }
}

impl From<u64> for Value {
    fn from(i: u64) -> Self {
        Self::Int(i.into())
    }
}

impl From<f64> for Value {
    fn from(f: f64) -> Self {
        Self::Float(f)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Nil, Into::into)
    }
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The message ends in the middle of a value, or claims more than it holds.
    Short,
    /// Bytes follow the value.
    Trailing,
    /// A type that the protocol does not have.
    Type(u8),
    /// Text that is not UTF-8.
    Text,
    /// A map key that is not text.
    Key,
    /// A map with the same key twice.
    Duplicate,
    /// Nested too deep.
    Depth,
    /// Too many values.
    Many,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the message ends in the middle of a value"),
            Self::Trailing => f.write_str("bytes follow the message's value"),
            Self::Type(byte) => write!(f, "a value of the unknown type 0x{byte:02x}"),
            Self::Text => f.write_str("a text that is not UTF-8"),
            Self::Key => f.write_str("a map key that is not text"),
            Self::Duplicate => f.write_str("a map with the same key twice"),
            Self::Depth => write!(f, "values nested deeper than {MAX_DEPTH}"),
            Self::Many => write!(f, "more than {MAX_VALUES} values"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The one value that `bytes` hold.
///
/// # Errors
/// What is wrong with them.
pub fn decode(bytes: &Bytes) -> Result<Value, DecodeError> {
    let mut reader = Reader { bytes, at: 0, values: 0 };
    let value = reader.value(0)?;
    if reader.at == bytes.len() { Ok(value) } else { Err(DecodeError::Trailing) }
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    values: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::Depth);
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(DecodeError::Many);
        }
        let [kind] = self.fixed::<1>()?;
        Ok(match kind {
            0x00..=0x7f => Value::Int(kind.into()),
            0xe0..=0xff => Value::Int(i8::from_be_bytes([kind]).into()),
            0x80..=0x8f => self.pairs(usize::from(kind & 0x0f), depth)?,
            0x90..=0x9f => self.items(usize::from(kind & 0x0f), depth)?,
            0xa0..=0xbf => self.text(usize::from(kind & 0x1f))?,
            0xc0 => Value::Nil,
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(1 << (kind - 0xc4))?;
                Value::Bin(self.slice(length)?)
            }
            0xca => Value::Float(f32::from_be_bytes(self.fixed()?).into()),
            0xcb => Value::Float(f64::from_be_bytes(self.fixed()?)),
            0xcc => Value::Int(u8::from_be_bytes(self.fixed()?).into()),
            0xcd => Value::Int(u16::from_be_bytes(self.fixed()?).into()),
            0xce => Value::Int(u32::from_be_bytes(self.fixed()?).into()),
            0xcf => Value::Int(u64::from_be_bytes(self.fixed()?).into()),
            0xd0 => Value::Int(i8::from_be_bytes(self.fixed()?).into()),
            0xd1 => Value::Int(i16::from_be_bytes(self.fixed()?).into()),
            0xd2 => Value::Int(i32::from_be_bytes(self.fixed()?).into()),
            0xd3 => Value::Int(i64::from_be_bytes(self.fixed()?).into()),
            0xd9..=0xdb => {
                let length = self.length(1 << (kind - 0xd9))?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let count = self.length(2 << (kind - 0xdc))?;
                self.items(count, depth)?
            }
            0xde | 0xdf => {
                let count = self.length(2 << (kind - 0xde))?;
                self.pairs(count, depth)?
            }
            // 0xc1 is unused; the rest are extension types.
            _ => return Err(DecodeError::Type(kind)),
        })
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let found = self.bytes.get(self.at..self.at + N).ok_or(DecodeError::Short)?;
        self.at += N;
        found.try_into().map_err(|_| DecodeError::Short)
    }

    fn length(&mut self, width: usize) -> Result<usize, DecodeError> {
        let found = self.bytes.get(self.at..self.at + width).ok_or(DecodeError::Short)?;
        self.at += width;
        Ok(found.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.left() {
            return Err(DecodeError::Short);
        }
        let out = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(out)
    }

    fn utf8(&mut self, length: usize) -> Result<Utf8Bytes, DecodeError> {
        Utf8Bytes::try_from(self.slice(length)?).map_err(|_| DecodeError::Text)
    }

    fn text(&mut self, length: usize) -> Result<Value, DecodeError> {
        Ok(Value::Str(self.utf8(length)?))
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<Value, DecodeError> {
        // Each item takes at least one byte: a larger claim is a lie, found before allocating.
        if count > self.left() {
            return Err(DecodeError::Short);
        }
        let mut out = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            out.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(out))
    }

    fn pairs(&mut self, count: usize, depth: usize) -> Result<Value, DecodeError> {
        if count > self.left() / 2 {
            return Err(DecodeError::Short);
        }
        let mut out: Vec<(Utf8Bytes, Value)> = Vec::with_capacity(count.min(256));
        let mut seen = HashSet::new();
        for _ in 0..count {
            let Value::Str(key) = self.value(depth + 1)? else {
                return Err(DecodeError::Key);
            };
            // Messages have a handful of keys, an environment a hundred: look first, hash later.
            let known = if count <= 16 {
                out.iter().any(|(k, _)| *k == key)
            } else {
                !seen.insert(key.clone())
            };
            if known {
                return Err(DecodeError::Duplicate);
            }
            let value = self.value(depth + 1)?;
            out.push((key, value));
        }
        Ok(Value::Map(out))
    }
}

/// The bytes of `value`, in the shortest form.
#[must_use]
pub fn encode(value: &Value) -> Bytes {
    let mut out = BytesMut::with_capacity(size_hint(value) + 16);
    put(&mut out, value);
    out.freeze()
}

fn size_hint(value: &Value) -> usize {
    match value {
        Value::Str(s) => s.as_str().len() + 5,
        Value::Bin(b) => b.len() + 5,
        Value::Array(items) => items.iter().map(size_hint).sum::<usize>() + 5,
        Value::Map(pairs) => {
            pairs.iter().map(|(k, v)| k.as_str().len() + 5 + size_hint(v)).sum::<usize>() + 5
        }
        _ => 9,
    }
}

fn put(out: &mut BytesMut, value: &Value) {
    match value {
        Value::Nil => out.put_u8(0xc0),
        Value::Bool(b) => out.put_u8(if *b { 0xc3 } else { 0xc2 }),
        Value::Int(i) => put_int(out, *i),
        Value::Float(f) => {
            out.put_u8(0xcb);
            out.put_f64(*f);
        }
        Value::Str(text) => put_text(out, text.as_str()),
        Value::Bin(bytes) => {
            put_length(out, bytes.len(), None, &[0xc4, 0xc5, 0xc6]);
            out.put_slice(bytes);
        }
        Value::Array(items) => {
            put_length(out, items.len(), Some((0x90, 15)), &[0, 0xdc, 0xdd]);
            for item in items {
                put(out, item);
            }
        }
        Value::Map(pairs) => {
            put_length(out, pairs.len(), Some((0x80, 15)), &[0, 0xde, 0xdf]);
            for (key, value) in pairs {
                put_text(out, key.as_str());
                put(out, value);
            }
        }
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    put_length(out, text.len(), Some((0xa0, 31)), &[0xd9, 0xda, 0xdb]);
    out.put_slice(text.as_bytes());
}

/// The head of something counted. `short` is the one-byte form and its largest count; `long` are
/// the markers for one, two and four bytes of count, 0 where the format has none.
fn put_length(out: &mut BytesMut, n: usize, short: Option<(u8, u8)>, long: &[u8; 3]) {
    match (u8::try_from(n), u16::try_from(n)) {
        (Ok(small), _) if short.is_some_and(|(_, most)| small <= most) => {
            out.put_u8(short.map_or(0, |(base, _)| base | small));
        }
        (Ok(small), _) if long[0] != 0 => {
            out.put_u8(long[0]);
            out.put_u8(small);
        }
        (_, Ok(medium)) => {
            out.put_u8(long[1]);
            out.put_u16(medium);
        }
        _ => {
            out.put_u8(long[2]);
            // Messages are limited to 64 MiB, so that no count is larger.
            out.put_u32(u32::try_from(n).unwrap_or(u32::MAX));
        }
    }
}

fn put_int(out: &mut BytesMut, i: i128) {
    if let Ok(small) = i8::try_from(i) {
        if small < -32 {
            out.put_u8(0xd0);
        }
        out.put_i8(small);
    } else if let Ok(byte) = u8::try_from(i) {
        out.put_slice(&[0xcc, byte]);
    } else if let Ok(n) = u16::try_from(i) {
        out.put_u8(0xcd);
        out.put_u16(n);
    } else if let Ok(n) = i16::try_from(i) {
        out.put_u8(0xd1);
        out.put_i16(n);
    } else if let Ok(n) = u32::try_from(i) {
        out.put_u8(0xce);
        out.put_u32(n);
    } else if let Ok(n) = i32::try_from(i) {
        out.put_u8(0xd2);
        out.put_i32(n);
    } else if i >= 0 {
        out.put_u8(0xcf);
        out.put_u64(u64::try_from(i).unwrap_or(u64::MAX));
    } else {
        out.put_u8(0xd3);
        out.put_i64(i64::try_from(i).unwrap_or(i64::MIN));
    }
}

#[cfg(test)]
mod tests;
