//! `upload_file`: sends a file to the master, one block at a time; the next goes when the last
//! was taken. The file is closed on the master whatever happens on the way.

use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::arguments::Arguments;
use super::{Context, reason};
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
}

impl Upload {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        arguments.required("maxsize")?;
        Ok(Self {
            path: arguments.text("path")?,
            block_size: arguments.count("blocksize")?.unwrap_or(262_144).clamp(1, MAX_BLOCK),
            max_size: arguments.count("maxsize")?,
            keep_stamp: arguments.flag("keepstamp", false),
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        context.report.header(&format!("sending {}\n", self.path));
        let sent = match File::open(&self.path).await {
            Ok(file) => self.send(file, context).await,
            Err(error) => {
                let text =
                    format!("Cannot open file '{}' for upload: {}\n", self.path, reason(&error));
                Ok(Sent { problem: Some(text), times: None })
            }
        };
        let closed = ask(context, "update_upload_file_close", Vec::new()).await;
        let sent = match (sent, closed) {
            (Ok(sent), Ok(())) => sent,
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
            if context.interrupt.asked.is_cancelled() || context.interrupt.lost.is_cancelled() {
                return Ok(Sent { problem: Some("Upload interrupted\n".to_owned()), times: None });
            }
            let most = left.map_or(self.block_size, |left| left.min(self.block_size));
            if most == 0 {
                let text = format!("Maximum filesize reached, truncating file '{}'\n", self.path);
                return Ok(Sent { problem: Some(text), times });
            }
            let mut block = Vec::new();
            match (&mut file).take(most).read_to_end(&mut block).await {
                Ok(0) => return Ok(Sent { problem: None, times }),
                Ok(_) => {}
                Err(error) => {
                    let text = format!("Cannot read file '{}': {}\n", self.path, reason(&error));
                    return Ok(Sent { problem: Some(text), times: None });
                }
            }
            left = left.map(|left| left - block.len() as u64);
            let block = vec![("args", Value::Bin(block.into()))];
            ask(context, "update_upload_file_write", block).await?;
        }
    }
}

/// What became of the blocks.
struct Sent {
    /// What went wrong here, for standard error.
    problem: Option<String>,
    /// Times of access and modification, if they are wanted.
    times: Option<(f64, f64)>,
}

async fn ask(
    context: &Context,
    op: &'static str,
    fields: Vec<(&'static str, Value)>,
) -> Result<(), String> {
    let id = ("command_id", Value::text(context.report.id()));
    context.report.uplink().ask(op, fields.into_iter().chain([id])).await.map(|_| ())
}

#[expect(clippy::cast_precision_loss, reason = "the protocol has times as floats")]
async fn times(file: &File) -> Option<(f64, f64)> {
    use std::os::unix::fs::MetadataExt;
    let about = file.metadata().await.ok()?;
    let time = |secs: i64, nanos: i64| secs as f64 + nanos as f64 / 1e9;
    Some((time(about.atime(), about.atime_nsec()), time(about.mtime(), about.mtime_nsec())))
}
