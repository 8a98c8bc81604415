//! Between Python's values and those of the session, which has msgpack's: what a worker on Python 2
//! sends as bytes is text, and an object has no place in data.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::jelly::Jelly;
use crate::wire::msgpack::codec::Value;

/// `jelly` as data; the error says what is in it that is none.
pub(super) fn data(jelly: &Jelly) -> Result<Value, String> {
    let list = |parts: &[Jelly]| parts.iter().map(data).collect::<Result<_, _>>();
    Ok(match jelly {
        Jelly::None => Value::Nil,
        Jelly::Bool(yes) => Value::Bool(*yes),
        Jelly::Int(n) => Value::Int(*n),
        Jelly::Float(float) => Value::Float(*float),
        Jelly::Text(text) => Value::Str(text.clone()),
        Jelly::Bytes(bytes) => match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Value::Str(text),
            Err(_) => Value::Bin(bytes.clone()),
        },
        Jelly::List(parts) | Jelly::Tuple(parts) => Value::Array(list(parts)?),
        Jelly::Dict(pairs) => {
            let mut map = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                let key = key.as_text().ok_or("a key that is no text")?;
                map.push((Utf8Bytes::from(key), data(value)?));
            }
            Value::Map(map)
        }
        Jelly::Remote(_) | Jelly::Local(_) => return Err("an object among data".to_owned()),
        Jelly::Failure(failure) => Value::text(&failure.to_string()),
    })
}

/// A block of a file: bytes, or text from a worker that sends its bytes so.
pub(super) fn block(jelly: &Jelly) -> Option<Value> {
    match jelly {
        Jelly::Bytes(bytes) => Some(Value::Bin(bytes.clone())),
        Jelly::Text(text) => Some(Value::Bin(Bytes::from(text.clone()))),
        _ => None,
    }
}

/// The same from data.
pub(super) fn jelly(value: &Value) -> Jelly {
    match value {
        Value::Nil => Jelly::None,
        Value::Bool(yes) => Jelly::Bool(*yes),
        Value::Int(n) => Jelly::Int(*n),
        Value::Float(float) => Jelly::Float(*float),
        Value::Str(text) => Jelly::Text(text.clone()),
        Value::Bin(bytes) => Jelly::Bytes(bytes.clone()),
        Value::Array(items) => Jelly::List(items.iter().map(jelly).collect()),
        Value::Map(pairs) => {
            Jelly::Dict(pairs.iter().map(|(k, v)| (Jelly::Text(k.clone()), jelly(v))).collect())
        }
    }
}

/// The arguments of a command. What an argv holds beside texts are tuples: the worker knows a text
/// that must not be shown by that.
pub(super) fn arguments(value: &Value) -> Vec<(Jelly, Jelly)> {
    let Value::Map(pairs) = value else { return Vec::new() };
    let argument = |item: &Value| match jelly(item) {
        Jelly::List(parts) => Jelly::Tuple(parts),
        other => other,
    };
    let pair = |(key, value): &(Utf8Bytes, Value)| {
        let value = match value {
            Value::Array(items) if key.as_str() == "command" => {
                Jelly::List(items.iter().map(argument).collect())
            }
            other => jelly(other),
        };
        (Jelly::Text(key.clone()), value)
    };
    pairs.iter().map(pair).collect()
}
