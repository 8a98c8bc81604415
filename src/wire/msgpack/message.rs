//! The messages of the msgpack protocol: a request has `op` and `seq_number`, a response repeats
//! the number. Both ends number their own requests from 0. What the operations mean is not known
//! here; master and worker share this file.

use std::fmt;

use bytes::Bytes;

use super::codec::{DecodeError, Value, decode, encode};

/// The settings' regular expression for line ends, as Buildbot's master writes it.
pub const NEWLINE_RE: &str =
    "(\\r\\n|\\r(?=.)|\\033\\[u|\\033\\[[0-9]+;[0-9]+[Hf]|\\033\\[2J|\\x08+)";
/// Version of our extension, under the key `halide_ci`.
pub const EXTENSION_VERSION: i64 = 1;
/// Bytes of a command's output that our worker may send without an answer.
pub const WINDOW: usize = 2 << 20;
/// The largest message either side accepts, in bytes.
pub const MAX_MESSAGE: usize = 64 << 20;
/// The handshake header in which our worker names its process: a reconnect of the same process
/// may replace its old connection at once.
pub const BOOT_HEADER: &str = "x-halide-ci-boot";

/// A message that arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The peer wants something; exactly one response is due.
    Request {
        /// What.
        op: String,
        /// The peer's number.
        seq: i64,
        /// The whole map, for the operation's keys.
        body: Value,
    },
    /// The answer to a request of ours.
    Response {
        /// Our number.
        seq: i64,
        /// The result, or the error's text.
        result: Result<Value, String>,
    },
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq)]
pub enum MessageError {
    /// Not the encoding: the connection cannot go on.
    Decode(DecodeError),
    /// Without `op` or `seq_number`; such messages are logged and dropped, as Buildbot does.
    Nameless,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Nameless => f.write_str("a message without `op` or `seq_number`"),
        }
    }
}

/// Reads one message.
///
/// # Errors
/// [`MessageError`].
pub fn parse(bytes: &Bytes) -> Result<Message, MessageError> {
    let body = decode(bytes).map_err(MessageError::Decode)?;
    let seq = body.get("seq_number").and_then(Value::as_int).ok_or(MessageError::Nameless)?;
    let op = body.get("op").and_then(Value::as_str).ok_or(MessageError::Nameless)?;
    if op != "response" {
        return Ok(Message::Request { op: op.to_owned(), seq, body });
    }
    let result = body.get("result").cloned().unwrap_or(Value::Nil);
    // Buildbot looks only at the key's presence, whatever its value.
    let result = match body.get("is_exception") {
        None => Ok(result),
        Some(_) => Err(match result.as_str() {
            Some(text) => text.to_owned(),
            None => format!("{result:?}"),
        }),
    };
    Ok(Message::Response { seq, result })
}

/// The bytes of a request.
#[must_use]
pub fn request<'a>(
    op: &'a str,
    seq: i64,
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> Bytes {
    let head = [("op", Value::text(op)), ("seq_number", seq.into())];
    encode(&Value::map(head.into_iter().chain(fields)))
}

/// The bytes of a response.
#[must_use]
pub fn response(seq: i64, result: Result<Value, String>) -> Bytes {
    let mut pairs = vec![("op", Value::text("response")), ("seq_number", seq.into())];
    match result {
        Ok(value) => pairs.push(("result", value)),
        Err(text) => {
            pairs.push(("is_exception", true.into()));
            pairs.push(("result", Value::text(&text)));
        }
    }
    encode(&Value::map(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_are_told_apart() {
        let sent = request("print", 4, [("message", Value::text("ping"))]);
        let Ok(Message::Request { op, seq, body }) = parse(&sent) else {
            panic!("not a request");
        };
        assert_eq!((op.as_str(), seq), ("print", 4));
        assert_eq!(body.get("message").and_then(Value::as_str), Some("ping"));
        assert_eq!(
            parse(&response(4, Ok(Value::Nil))),
            Ok(Message::Response { seq: 4, result: Ok(Value::Nil) })
        );
        assert_eq!(
            parse(&response(5, Err("no".to_owned()))),
            Ok(Message::Response { seq: 5, result: Err("no".to_owned()) })
        );
    }

    #[test]
    fn the_presence_of_is_exception_means_an_error_whatever_its_value() {
        let odd = encode(&Value::map([
            ("op", Value::text("response")),
            ("seq_number", 1i64.into()),
            ("is_exception", false.into()),
            ("result", Value::text("why")),
        ]));
        assert_eq!(parse(&odd), Ok(Message::Response { seq: 1, result: Err("why".to_owned()) }));
    }

    #[test]
    fn a_message_without_op_or_number_is_nameless() {
        let odd = encode(&Value::map([("op", Value::text("update"))]));
        assert_eq!(parse(&odd), Err(MessageError::Nameless));
    }
}
