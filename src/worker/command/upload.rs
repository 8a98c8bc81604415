//! `upload_file`: sends a file to the master, one block at a time; the next goes when the last
//! was taken. The file is closed on the master whatever happens on the way. Our own master is told
//! first what comes, and says what it has of it already.

use std::io;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::arguments::Arguments;
use super::{Context, reason};
use crate::base::partial::{Content, Sum};
use crate::model::log::Stream;
use crate::wire::msgpack::codec::Value;

/// The largest block that is read at once, whatever the master asks for.
const MAX_BLOCK: u64 = 16 << 20;

#[derive(Debug)]
pub(in crate::worker) struct Upload {
    path: String,
    block_size: u64,
    max_size: Option<u64>,
    keep_stamp: bool,
    /// The master wants to know what comes.
    verify: bool,
}

impl Upload {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        arguments.required("maxsize")?;
        Ok(Self {
            path: arguments.text("path")?,
            block_size: arguments.count("blocksize")?.unwrap_or(262_144).clamp(1, MAX_BLOCK),
            max_size: arguments.count("maxsize")?,
            keep_stamp: arguments.flag("keepstamp", false),
            verify: arguments.flag("verify", false),
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        context.report.header(&format!("sending {}\n", self.path));
        let sent = match File::open(&self.path).await {
            Ok(file) if self.verify => self.send_rest(file, context).await,
            Ok(file) => self.send(file, context).await,
            Err(error) => {
                let text =
                    format!("Cannot open file '{}' for upload: {}\n", self.path, reason(&error));
                Ok(Sent::failed(text))
            }
        };
        // Only a whole one is to be checked.
        let whole = sent.as_ref().ok().and_then(|sent| sent.content.as_ref());
        let closed = ask(context, "update_upload_file_close", announced(whole)).await;
        let sent = match (sent, closed) {
            (Ok(sent), Ok(_)) => sent,
            (Err(why), _) | (Ok(_), Err(why)) => {
                context.report.tell("rc", 1i64.into());
                return Err(why);
            }
        };
        if let Some((accessed, modified)) = sent.times {
            let times = vec![("access_time", accessed.into()), ("modified_time", modified.into())];
            ask(context, "update_upload_file_utime", times).await?;
        }
        if let Some(text) = &sent.problem {
            context.report.output(Stream::Stderr, text.as_bytes());
        }
        let failed = sent.problem.is_some() || context.interrupt.asked.is_cancelled();
        context.report.tell("rc", i64::from(failed).into());
        Ok(())
    }

    async fn send(&self, mut file: File, context: &Context) -> Result<Sent, String> {
        let mut left = self.max_size;
        let times = if self.keep_stamp { times(&file).await } else { None };
        loop {
            if is_over(context) {
                return Ok(Sent::interrupted());
            }
            let most = left.map_or(self.block_size, |left| left.min(self.block_size));
            if most == 0 {
                let text = format!("Maximum filesize reached, truncating file '{}'\n", self.path);
                return Ok(Sent { problem: Some(text), times, content: None });
            }
            let mut block = Vec::new();
            match (&mut file).take(most).read_to_end(&mut block).await {
                Ok(0) => return Ok(Sent { problem: None, times, content: None }),
                Ok(_) => {}
                Err(error) => return Ok(self.unreadable(&error)),
            }
            left = left.map(|left| left - block.len() as u64);
            let block = vec![("args", Value::Bin(block.into()))];
            ask(context, "update_upload_file_write", block).await?;
        }
    }

    /// Announces the file and sends what the master lacks of it.
    async fn send_rest(&self, mut file: File, context: &mut Context) -> Result<Sent, String> {
        let times = if self.keep_stamp { times(&file).await } else { None };
        let content = match content(&mut file, context).await {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(Sent::interrupted()),
            Err(error) => return Ok(self.unreadable(&error)),
        };
        if let Some(most) = self.max_size.filter(|most| content.size > *most) {
            let (path, size) = (&self.path, content.size);
            let text = format!(
                "Maximum filesize reached: '{path}' has {size} bytes, {most} may be sent\n"
            );
            return Ok(Sent::failed(text));
        }
        let answer = ask(context, "update_upload_file_begin", announced(Some(&content))).await?;
        let offset = answer.as_int().and_then(|n| u64::try_from(n).ok());
        let mut at = offset
            .filter(|at| *at <= content.size)
            .ok_or("The master does not say where the file shall begin.")?;
        if at > 0 {
            context.report.header(&format!("{at} of {} bytes are there already\n", content.size));
        }
        // Whoever watches sees what takes so long.
        context.report.flush().await;
        if let Err(error) = file.seek(io::SeekFrom::Start(at)).await {
            return Ok(self.unreadable(&error));
        }
        while at < content.size {
            if is_over(context) {
                return Ok(Sent::interrupted());
            }
            let most = self.block_size.min(content.size - at);
            let mut block = Vec::new();
            match (&mut file).take(most).read_to_end(&mut block).await {
                Ok(0) => {
                    let text = format!("File '{}' became shorter while it was sent\n", self.path);
                    return Ok(Sent::failed(text));
                }
                Ok(_) => {}
                Err(error) => return Ok(self.unreadable(&error)),
            }
            at += block.len() as u64;
            let block = vec![("args", Value::Bin(block.into()))];
            ask(context, "update_upload_file_write", block).await?;
        }
        Ok(Sent { problem: None, times, content: Some(content) })
    }

    fn unreadable(&self, error: &io::Error) -> Sent {
        Sent::failed(format!("Cannot read file '{}': {}\n", self.path, reason(error)))
    }
}

/// What became of the blocks.
struct Sent {
    /// What went wrong here, for standard error.
    problem: Option<String>,
    /// Times of access and modification, if they are wanted.
    times: Option<(f64, f64)>,
    /// What was announced and is sent.
    content: Option<Content>,
}

impl Sent {
    fn failed(text: String) -> Self {
        Self { problem: Some(text), times: None, content: None }
    }

    fn interrupted() -> Self {
        Self::failed("Upload interrupted\n".to_owned())
    }
}

/// Whether nobody waits for it any more.
fn is_over(context: &Context) -> bool {
    context.interrupt.asked.is_cancelled() || context.interrupt.lost.is_cancelled()
}

/// What a file holds; none = nobody wants to know any more.
async fn content(file: &mut File, context: &Context) -> io::Result<Option<Content>> {
    let (mut sum, mut block) = (Sum::default(), Vec::new());
    while !is_over(context) {
        block.clear();
        if (&mut *file).take(1 << 20).read_to_end(&mut block).await? == 0 {
            return Ok(Some(sum.content()));
        }
        sum.add(&block);
    }
    Ok(None)
}

/// A content in the words of our extension.
pub(super) fn announced(content: Option<&Content>) -> Vec<(&'static str, Value)> {
    let fields = |content: &Content| {
        vec![("size", content.size.into()), ("sha256", Value::text(content.sha256()))]
    };
    content.map(fields).unwrap_or_default()
}

pub(super) async fn ask(
    context: &Context,
    op: &'static str,
    fields: Vec<(&'static str, Value)>,
) -> Result<Value, String> {
    let id = ("command_id", Value::text(context.report.id()));
    context.report.uplink().ask(op, fields.into_iter().chain([id])).await
}

#[expect(clippy::cast_precision_loss, reason = "the protocol has times as floats")]
async fn times(file: &File) -> Option<(f64, f64)> {
    use std::os::unix::fs::MetadataExt;
    let about = file.metadata().await.ok()?;
    let time = |secs: i64, nanos: i64| secs as f64 + nanos as f64 / 1e9;
    Some((time(about.atime(), about.atime_nsec()), time(about.mtime(), about.mtime_nsec())))
}
