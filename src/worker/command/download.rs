//! `download_file`: takes a file from the master, one block at a time, until an empty one. What stood
//! there before is replaced from the first byte on, as with Buildbot's worker.

use std::path::Path;

use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::arguments::Arguments;
use super::{Context, reason};
use crate::model::log::Stream;
use crate::wire::msgpack::codec::Value;

/// The largest block that is asked for, whatever the master says.
const MAX_BLOCK: u64 = 16 << 20;

#[derive(Debug)]
pub(in crate::worker) struct Download {
    path: String,
    block_size: u64,
    max_size: Option<u64>,
    mode: Option<u32>,
}

impl Download {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        arguments.required("maxsize")?;
        arguments.required("mode")?;
        let mode = arguments.count("mode")?.map(u32::try_from).transpose();
        Ok(Self {
            path: arguments.text("path")?,
            block_size: arguments.count("blocksize")?.unwrap_or(16_384).clamp(1, MAX_BLOCK),
            max_size: arguments.count("maxsize")?,
            mode: mode.map_err(|_| "The argument `mode` is too large.".to_owned())?,
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        context.report.header(&format!("downloading to {}\n", self.path));
        if let Some(parent) = Path::new(&self.path).parent() {
            tokio::fs::create_dir_all(parent)
                .await
                .map_err(|e| format!("Cannot make {}: {}.", parent.display(), reason(&e)))?;
        }
        let taken = match self.open().await {
            Ok(file) => self.take(file, context).await,
            Err(error) => {
                let why = reason(&error);
                Ok(Some(format!("Cannot open file '{}' for download: {why}\n", self.path)))
            }
        };
        let closed = ask(context, "update_read_file_close", None).await;
        let problem = match (taken, closed) {
            (Ok(problem), Ok(_)) => problem,
            (Err(why), _) | (Ok(_), Err(why)) => {
                context.report.tell("rc", 1i64.into());
                return Err(why);
            }
        };
        if let Some(text) = &problem {
            context.report.output(Stream::Stderr, text.as_bytes());
        }
        let failed = problem.is_some() || context.interrupt.asked.is_cancelled();
        context.report.tell("rc", i64::from(failed).into());
        Ok(())
    }

    async fn open(&self) -> std::io::Result<File> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).open(&self.path).await?;
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(std::fs::Permissions::from_mode(mode)).await?;
        }
        Ok(file)
    }

    /// Writes what comes; some = what went wrong here.
    async fn take(&self, mut file: File, context: &Context) -> Result<Option<String>, String> {
        let mut left = self.max_size;
        loop {
            if context.interrupt.asked.is_cancelled() || context.interrupt.lost.is_cancelled() {
                return Ok(Some("Download interrupted\n".to_owned()));
            }
            let most = left.map_or(self.block_size, |left| left.min(self.block_size));
            if most == 0 {
                let path = &self.path;
                return Ok(Some(format!("Maximum filesize reached, truncating file '{path}'\n")));
            }
            let answer = ask(context, "update_read_file", Some(("length", most.into()))).await?;
            let Value::Bin(block) = answer else {
                // Buildbot's master 4.3 answers nothing at all: the file would be empty.
                return Err("The master sent no bytes of the file.".to_owned());
            };
            let result =
                if block.is_empty() { file.flush().await } else { file.write_all(&block).await };
            if let Err(error) = result {
                let why = reason(&error);
                return Ok(Some(format!("Cannot write file '{}': {why}\n", self.path)));
            }
            if block.is_empty() {
                return Ok(None);
            }
            left = left.map(|left| left.saturating_sub(block.len() as u64));
        }
    }
}

async fn ask(
    context: &Context,
    op: &'static str,
    field: Option<(&'static str, Value)>,
) -> Result<Value, String> {
    let id = ("command_id", Value::text(context.report.id()));
    context.report.uplink().ask(op, field.into_iter().chain([id])).await
}
