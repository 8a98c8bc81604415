//! What a worker says about a file that moves: each such message is an event for the command's step,
//! and waits for the step's answer. Apart from the session, which knows the commands and the order of
//! things, but nothing of files.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::msgpack::codec::Value;
use crate::base::partial::Content;
use crate::engine::ports::CommandEvent;

/// An answer to the worker that the command's step gives.
#[derive(Debug)]
pub enum Awaited {
    /// That something was done.
    Done(oneshot::Receiver<Result<(), String>>),
    /// The byte of a file from which on the worker sends it.
    Offset(oneshot::Receiver<Result<u64, String>>),
    /// Bytes of a file.
    Block(oneshot::Receiver<Result<Bytes, String>>),
}

impl Awaited {
    /// The answer.
    ///
    /// # Errors
    /// What the step refuses, or that it is gone.
    pub async fn answer(self) -> Result<Value, String> {
        match self {
            Self::Done(answer) => given(answer).await.map(|()| Value::Nil),
            Self::Offset(answer) => given(answer).await.map(Value::from),
            Self::Block(answer) => given(answer).await.map(Value::Bin),
        }
    }
}

async fn given<T>(answer: oneshot::Receiver<Result<T, String>>) -> Result<T, String> {
    let gone = |_| Err("the master does not want this file any more".to_owned());
    answer.await.unwrap_or_else(gone)
}

/// What a message about a file asks.
///
/// # Errors
/// What is wrong with it, or that it is about no file.
pub(super) fn read(op: &str, body: &Value) -> Result<(CommandEvent, Awaited), String> {
    match op {
        "update_upload_file_begin" => {
            let content = announced(body)?.ok_or("the content of a file is not announced")?;
            let (answer, offset) = oneshot::channel();
            Ok((CommandEvent::UploadBegins { content, answer }, Awaited::Offset(offset)))
        }
        "update_upload_file_write" | "update_upload_directory_write" => {
            let Some(Value::Bin(data)) = body.get("args") else {
                return Err("a block of a file is not bytes".to_owned());
            };
            let data = data.clone();
            Ok(done(|answer| CommandEvent::UploadBlock { data, answer }))
        }
        "update_upload_file_close" | "update_upload_directory_unpack" => {
            let content = announced(body)?;
            Ok(done(|answer| CommandEvent::UploadClosed { content, answer }))
        }
        "update_upload_file_utime" => {
            let time = |name| body.get(name).and_then(Value::as_number);
            let times = time("access_time").zip(time("modified_time"));
            let (accessed, modified) = times.ok_or("a file's times are not numbers")?;
            Ok(done(|answer| CommandEvent::UploadTimes { accessed, modified, answer }))
        }
        "update_read_file" => {
            let count = |name| body.get(name).and_then(Value::as_int);
            let length = count("length").and_then(|n| usize::try_from(n).ok());
            let length = length.ok_or("the length of a block is no count")?;
            let offset = match count("offset").map(u64::try_from) {
                None => None,
                Some(Ok(offset)) => Some(offset),
                Some(Err(_)) => return Err("a block begins before its file".to_owned()),
            };
            let (answer, block) = oneshot::channel();
            Ok((CommandEvent::DownloadBlock { length, offset, answer }, Awaited::Block(block)))
        }
        _ => Err(format!("The command did not ask for {op}.")),
    }
}

fn done(
    event: impl FnOnce(oneshot::Sender<Result<(), String>>) -> CommandEvent,
) -> (CommandEvent, Awaited) {
    let (answer, answered) = oneshot::channel();
    (event(answer), Awaited::Done(answered))
}

/// The content that our own worker announces; none = it does not.
fn announced(body: &Value) -> Result<Option<Content>, String> {
    let Some(sha256) = body.get("sha256") else { return Ok(None) };
    let size = body.get("size").and_then(Value::as_int).and_then(|n| u64::try_from(n).ok());
    let content = size.zip(sha256.as_str()).and_then(|(size, hash)| Content::new(size, hash));
    content.map(Some).ok_or_else(|| "a file's size and SHA-256 make no sense".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let hash = "ab".repeat(32);
        let text = |text: &str| Value::text(text);
        let wrong: &[(&str, Vec<(&str, Value)>)] = &[
            ("update_upload_file_begin", vec![]),
            ("update_upload_file_begin", vec![("sha256", text(&hash))]),
            ("update_upload_file_begin", vec![("sha256", text("../x")), ("size", 1u64.into())]),
            ("update_upload_file_begin", vec![("sha256", text(&hash)), ("size", (-1i64).into())]),
            ("update_upload_file_close", vec![("sha256", 7u64.into()), ("size", 1u64.into())]),
            ("update_upload_directory_unpack", vec![("sha256", text(""))]),
            ("update_upload_file_write", vec![("args", text("no bytes"))]),
            ("update_upload_file_utime", vec![("access_time", 1.5.into())]),
            ("update_read_file", vec![]),
            ("update_read_file", vec![("length", (-1i64).into())]),
            ("update_read_file", vec![("length", 1u64.into()), ("offset", (-1i64).into())]),
            ("update_something", vec![]),
        ];
        for (op, body) in wrong {
            let read = read(op, &Value::map(body.clone()));
            assert!(read.is_err(), "{op} {body:?}");
        }
        let body = [("sha256", text(&hash)), ("size", 5u64.into())];
        let begins = read("update_upload_file_begin", &Value::map(body));
        let Ok((CommandEvent::UploadBegins { content, .. }, Awaited::Offset(_))) = begins else {
            panic!("{begins:?}");
        };
        assert_eq!((content.size, content.sha256()), (5, hash.as_str()));
    }
}
