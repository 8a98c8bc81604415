//! `upload_directory`: sends a directory to the master as a tar archive, one block at a time. The archive
//! is made as it is sent, by a thread of its own that waits while a block is on its way.

use std::io::{self, Write};
use std::path::Path;

use tokio::sync::mpsc;

use super::arguments::Arguments;
use super::upload::{announced, ask};
use super::{Context, reason};
use crate::base::partial::Sum;
use crate::model::command::Compression;
use crate::model::log::Stream;
use crate::wire::msgpack::codec::Value;

/// The largest block that is sent at once, whatever the master asks for.
const MAX_BLOCK: u64 = 16 << 20;

#[derive(Debug)]
pub(in crate::worker) struct UploadDirectory {
    path: String,
    block_size: usize,
    max_size: Option<u64>,
    compress: Option<Compression>,
    /// The master wants to know what has come.
    verify: bool,
}

impl UploadDirectory {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        arguments.required("maxsize")?;
        let block = arguments.count("blocksize")?.unwrap_or(16_384).clamp(1, MAX_BLOCK);
        let compress = match arguments.get("compress").map(Value::as_str) {
            None => None,
            Some(word) => Some(
                word.and_then(Compression::of)
                    .ok_or_else(|| format!("This worker cannot compress by {word:?}."))?,
            ),
        };
        Ok(Self {
            path: arguments.text("path")?,
            block_size: usize::try_from(block).unwrap_or(16_384),
            max_size: arguments.count("maxsize")?,
            compress,
            verify: arguments.flag("verify", false),
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        context.report.header(&format!("sending {}\n", self.path));
        let problem = match std::fs::read_dir(&self.path) {
            Ok(_) => self.send(context).await,
            Err(error) => {
                let why = reason(&error);
                let text = format!("Cannot read directory '{}' for upload: {why}\n", self.path);
                Ok(Some(text))
            }
        };
        let problem = match problem {
            Ok(problem) => problem,
            Err(why) => {
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

    /// Sends the archive; some = what went wrong here.
    async fn send(&self, context: &Context) -> Result<Option<String>, String> {
        let (blocks, mut made) = mpsc::channel(2);
        let (path, size, compress) = (self.path.clone(), self.block_size, self.compress);
        let maker = tokio::task::spawn_blocking(move || {
            pack(Path::new(&path), compress, Blocks::new(blocks, size))
        });
        let (mut left, mut sum) = (self.max_size, Sum::default());
        while let Some(block) = made.recv().await {
            if context.interrupt.asked.is_cancelled() || context.interrupt.lost.is_cancelled() {
                return Ok(Some("Upload interrupted\n".to_owned()));
            }
            let length = u64::try_from(block.len()).unwrap_or(u64::MAX);
            match left.map(|left| left.checked_sub(length)) {
                Some(None) => {
                    return Ok(Some(format!(
                        "Maximum filesize reached, truncating '{}'\n",
                        self.path
                    )));
                }
                Some(rest) => left = rest,
                None => {}
            }
            if self.verify {
                sum.add(&block);
            }
            let block = vec![("args", Value::Bin(block.into()))];
            ask(context, "update_upload_directory_write", block).await?;
        }
        match maker.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let why = reason(&error);
                return Ok(Some(format!("Cannot pack directory '{}': {why}\n", self.path)));
            }
            Err(error) => return Err(error.to_string()),
        }
        let content = self.verify.then(|| sum.content());
        ask(context, "update_upload_directory_unpack", announced(content.as_ref())).await?;
        Ok(None)
    }
}

/// Writes the archive of a directory.
fn pack(dir: &Path, compress: Option<Compression>, out: Blocks) -> io::Result<()> {
    fn archive<W: Write>(dir: &Path, out: W) -> io::Result<W> {
        let mut archive = tar::Builder::new(out);
        archive.follow_symlinks(false);
        archive.append_dir_all("", dir)?;
        archive.into_inner()
    }
    let mut out = match compress {
        None => archive(dir, out)?,
        Some(Compression::Gz) => {
            archive(dir, flate2::write::GzEncoder::new(out, flate2::Compression::default()))?
                .finish()?
        }
        Some(Compression::Bz2) => {
            archive(dir, bzip2::write::BzEncoder::new(out, bzip2::Compression::default()))?
                .finish()?
        }
    };
    out.flush()
}

/// Collects what is written into blocks, and waits for who sends them.
struct Blocks {
    to: mpsc::Sender<Vec<u8>>,
    size: usize,
    block: Vec<u8>,
}

impl Blocks {
    fn new(to: mpsc::Sender<Vec<u8>>, size: usize) -> Self {
        Self { to, size, block: Vec::new() }
    }

    fn send(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block);
        self.to.blocking_send(block).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Blocks {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = (self.size - self.block.len()).min(data.len());
        self.block.extend_from_slice(&data[..room]);
        if self.block.len() == self.size {
            self.send()?;
        }
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.block.is_empty() { Ok(()) } else { self.send() }
    }
}
