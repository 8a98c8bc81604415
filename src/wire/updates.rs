//! What a worker says about a running command, from the pairs of an `update` to neutral events.
//! It tolerates what real workers send: unknown keys, missing line times, tuples as lists.

use bytes::Bytes;

use super::msgpack::codec::Value;
use crate::model::command::FileStat;
use crate::model::log::Stream;

/// One thing that an update says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Output, in the order of its stream.
    Output(Stream, Bytes),
    /// What a command wrote to a log file, by the log's name.
    Log(String, Bytes),
    /// The exit code.
    Rc(i64),
    /// Why the worker killed it.
    FailureReason(String),
    /// The answer to stat.
    Stat(FileStat),
    /// The answer to listdir and glob.
    Files(Vec<String>),
}

impl Said {
    /// Bytes of output.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Output(_, data) | Self::Log(_, data) => data.len(),
            _ => 0,
        }
    }
}

/// What the `args` of an update say, in order.
///
/// # Errors
/// A sentence about the first pair that makes no sense; none of them is applied then.
pub fn read(args: &Value) -> Result<Vec<Said>, String> {
    let pairs = args.as_array().ok_or("the arguments of an update are not a list")?;
    let mut out = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let Some([key, value]) = pair.as_array() else {
            return Err("an update holds something that is not a pair".to_owned());
        };
        let key = key.as_str().ok_or("a key of an update is not text")?;
        let odd = || format!("the value of `{key}` in an update makes no sense");
        match key {
            "stdout" => out.push(Said::Output(Stream::Stdout, text(value).ok_or_else(odd)?)),
            "stderr" => out.push(Said::Output(Stream::Stderr, text(value).ok_or_else(odd)?)),
            "header" => out.push(Said::Output(Stream::Header, text(value).ok_or_else(odd)?)),
            "log" => {
                let Some([name, value]) = value.as_array() else { return Err(odd()) };
                let name = name.as_str().ok_or_else(odd)?.to_owned();
                out.push(Said::Log(name, text(value).ok_or_else(odd)?));
            }
            "rc" => out.push(Said::Rc(value.as_int().ok_or_else(odd)?)),
            "failure_reason" => {
                out.push(Said::FailureReason(value.as_str().ok_or_else(odd)?.to_owned()));
            }
            "stat" => out.push(Said::Stat(stat(value).ok_or_else(odd)?)),
            "files" => out.push(Said::Files(names(value).ok_or_else(odd)?)),
            // `elapsed` is measured here too; anything else is a newer worker's.
            _ => {}
        }
    }
    Ok(out)
}

/// Text is `[text, indexes, times]` from a stock worker and bytes from ours. Where the lines end
/// is found again when they are stored, because workers are known to get it wrong.
fn text(value: &Value) -> Option<Bytes> {
    match value {
        Value::Bin(bytes) => Some(bytes.clone()),
        Value::Str(text) => Some(text.clone().into()),
        Value::Array(parts) => match parts.first()? {
            Value::Str(text) => Some(text.clone().into()),
            _ => None,
        },
        _ => None,
    }
}

fn stat(value: &Value) -> Option<FileStat> {
    let numbers = value.as_array()?;
    let whole = |at: usize| match numbers.get(at)? {
        Value::Int(i) => Some(*i),
        #[expect(clippy::cast_possible_truncation, reason = "a time, whose fraction is dropped")]
        Value::Float(f) => Some(*f as i128),
        _ => None,
    };
    Some(FileStat {
        mode: u32::try_from(whole(0)?).ok()?,
        size: u64::try_from(whole(6)?).ok()?,
        mtime: i64::try_from(whole(8)?).ok()?,
    })
}

fn names(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|name| name.as_str().map(ToOwned::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: Value) -> Value {
        Value::Array(vec![Value::text(key), value])
    }

    #[test]
    fn streams_keep_their_order_and_unknown_keys_are_tolerated() {
        let triple = |t: &str| {
            Value::Array(vec![Value::text(t), Value::Array(vec![]), Value::Array(vec![])])
        };
        let said = read(&Value::Array(vec![
            pair("header", triple("h\n")),
            pair("stdout", triple("a\n")),
            pair("log", Value::Array(vec![Value::text("l"), triple("x\n")])),
            pair("new_thing", Value::Nil),
            pair("rc", (-1i64).into()),
            pair("stderr", Value::Bin(Bytes::from_static(b"\xff"))),
        ]));
        assert_eq!(
            said.unwrap(),
            [
                Said::Output(Stream::Header, "h\n".into()),
                Said::Output(Stream::Stdout, "a\n".into()),
                Said::Log("l".to_owned(), "x\n".into()),
                Said::Rc(-1),
                Said::Output(Stream::Stderr, Bytes::from_static(b"\xff")),
            ]
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        let odd = Value::Array(vec![pair("rc", Value::text("zero"))]);
        assert_eq!(read(&odd).unwrap_err(), "the value of `rc` in an update makes no sense");
        assert!(read(&Value::Nil).is_err());
    }

    #[test]
    fn stat_reads_the_numbers_that_are_used() {
        let numbers = [16877, 1, 2, 3, 0, 0, 4096, 7, 8, 9i64].map(Value::from).to_vec();
        let said = read(&Value::Array(vec![pair("stat", Value::Array(numbers))])).unwrap();
        assert_eq!(said, [Said::Stat(FileStat { mode: 16877, size: 4096, mtime: 8 })]);
    }
}
