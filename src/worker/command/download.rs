//! `download_file`: takes a file from the master, one block at a time, until an empty one. What stood
//! there before is replaced from the first byte on, as with Buildbot's worker. Our own master says
//! what comes: then it is replaced at once, when all of it is there and is that.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::arguments::Arguments;
use super::upload::ask;
use super::{Context, reason};
use crate::base::partial::{Content, Partial};
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
    /// What comes, if the master has said it.
    content: Option<Content>,
    /// What has come stays when the connection is cut.
    resume: bool,
}

impl Download {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        arguments.required("maxsize")?;
        arguments.required("mode")?;
        let mode = arguments.count("mode")?.map(u32::try_from).transpose();
        let content = match arguments.get("sha256") {
            None => None,
            Some(sha256) => {
                let size = arguments.count("size")?;
                let content = size.zip(sha256.as_str());
                let content = content.and_then(|(size, sha256)| Content::new(size, sha256));
                Some(content.ok_or("The arguments `size` and `sha256` make no sense.")?)
            }
        };
        Ok(Self {
            content,
            resume: arguments.flag("resume", false),
            path: arguments.text("path")?,
            block_size: arguments.count("blocksize")?.unwrap_or(16_384).clamp(1, MAX_BLOCK),
            max_size: arguments.count("maxsize")?,
            mode: mode.map_err(|_| "The argument `mode` is too large.".to_owned())?,
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        context.report.header(&format!("downloading to {}\n", self.path));
        let dir = Path::new(&self.path).parent().unwrap_or(Path::new("")).to_path_buf();
        tokio::fs::create_dir_all(&dir)
            .await
            .map_err(|e| format!("Cannot make {}: {}.", dir.display(), reason(&e)))?;
        let taken = match &self.content {
            Some(content) => self.take_rest(content, dir, context).await,
            None => match self.open().await {
                Ok(file) => self.take(file, context).await,
                Err(error) => Ok(Some(self.unopened(&error))),
            },
        };
        let closed = ask(context, "update_read_file_close", Vec::new()).await;
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
            let block = block(context, vec![("length", most.into())]).await?;
            let result =
                if block.is_empty() { file.flush().await } else { file.write_all(&block).await };
            if let Err(error) = result {
                return Ok(Some(self.unwritten(&error)));
            }
            if block.is_empty() {
                return Ok(None);
            }
            left = left.map(|left| left.saturating_sub(block.len() as u64));
        }
    }

    /// Takes what is lacking of `content`, and puts it into its place; some = what went wrong here.
    async fn take_rest(
        &self,
        content: &Content,
        dir: PathBuf,
        context: &mut Context,
    ) -> Result<Option<String>, String> {
        if self.max_size.is_some_and(|most| content.size > most) {
            return Ok(Some(format!("Maximum filesize reached: file '{}'\n", self.path)));
        }
        // New files are as readable as the umask says; one with a mode of its own may be a secret.
        let (mode, known) = (if self.mode.is_some() { 0o600 } else { 0o666 }, content.clone());
        let resume = self.resume;
        // What is there is read, which may take long.
        let opened = tokio::task::spawn_blocking(move || {
            if resume { Partial::resume(&dir, &known, mode) } else { Partial::begin(&dir, mode) }
        });
        let mut partial = match opened.await.map_err(std::io::Error::other).and_then(|p| p) {
            Ok(partial) => partial,
            Err(error) => return Ok(Some(self.unopened(&error))),
        };
        if partial.size() > 0 {
            let (there, all) = (partial.size(), content.size);
            context.report.header(&format!("{there} of {all} bytes are there already\n"));
        }
        // Whoever watches sees what takes so long.
        context.report.flush().await;
        while partial.size() < content.size {
            if context.interrupt.asked.is_cancelled() || context.interrupt.lost.is_cancelled() {
                return Ok(Some("Download interrupted\n".to_owned()));
            }
            let most = self.block_size.min(content.size - partial.size());
            let fields = vec![("length", most.into()), ("offset", partial.size().into())];
            let block = block(context, fields).await?;
            if block.is_empty() || block.len() as u64 > most {
                return Err("The master's file is not as long as it said.".to_owned());
            }
            if let Err(error) = partial.write(&block) {
                return Ok(Some(self.unwritten(&error)));
            }
        }
        if let Err(what) = partial.content().check(content) {
            partial.discard();
            return Ok(Some(format!("File '{}' {what}\n", self.path)));
        }
        let placed = partial.persist(Path::new(&self.path), self.mode);
        Ok(placed.err().map(|error| self.unwritten(&error)))
    }

    fn unopened(&self, error: &std::io::Error) -> String {
        format!("Cannot open file '{}' for download: {}\n", self.path, reason(error))
    }

    fn unwritten(&self, error: &std::io::Error) -> String {
        format!("Cannot write file '{}': {}\n", self.path, reason(error))
    }
}

/// The next bytes of the file; empty = that was all.
async fn block(context: &Context, fields: Vec<(&'static str, Value)>) -> Result<Bytes, String> {
    match ask(context, "update_read_file", fields).await? {
        Value::Bin(block) => Ok(block),
        // Buildbot's master 4.3 answers nothing at all: the file would be empty.
        _ => Err("The master sent no bytes of the file.".to_owned()),
    }
}
