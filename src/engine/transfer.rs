//! What a command moves between the worker and the master: a file to a file, a file to the step, or
//! the step's text to a file. The worker sets the pace; each block is answered.

use bytes::Bytes;

use crate::engine::artifacts::Arrival;
use crate::engine::ports::CommandEvent;
use crate::engine::tree::Tree;
use crate::engine::upload::Upload;

/// The largest block that is sent at once, whatever a worker asks for.
const MAX_BLOCK: usize = 16 << 20;

/// The master's end of a transfer.
pub(super) enum Transfer {
    /// The command moves nothing.
    None,
    /// Into a file of the master.
    File(Upload),
    /// Into a directory of the master.
    Directory(Tree),
    /// Into memory, at most so many bytes.
    Memory { data: Vec<u8>, most: u64 },
    /// Into the store of artifacts.
    Artifact(Arrival),
    /// What is left to send.
    Text(Bytes),
    /// From a file of the master, from where it stands.
    Source(std::fs::File),
}

impl Transfer {
    /// Takes an event of the transfer; others are ignored.
    pub(super) fn note(&mut self, event: CommandEvent) {
        // Who waits for an answer may be gone.
        match event {
            CommandEvent::UploadBlock { data, answer } => {
                let _ = answer.send(self.write(&data));
            }
            CommandEvent::UploadClosed { answer } => {
                let _ = answer.send(match self {
                    Self::File(upload) => upload.close(),
                    Self::Directory(_) | Self::Artifact(_) => Ok(()),
                    Self::Memory { .. } => Ok(()),
                    _ => unexpected(),
                });
            }
            CommandEvent::UploadTimes { accessed, modified, answer } => {
                let _ = answer.send(match self {
                    Self::File(upload) => upload.set_times(accessed, modified),
                    Self::Memory { .. } => Ok(()),
                    _ => unexpected(),
                });
            }
            CommandEvent::DownloadBlock { length, answer } => {
                let _ = answer.send(match self {
                    Self::Text(rest) => Ok(rest.split_to(length.min(rest.len()))),
                    Self::Source(file) => read(file, length),
                    _ => unexpected(),
                });
            }
            _ => {}
        }
    }

    fn write(&mut self, block: &[u8]) -> Result<(), String> {
        match self {
            Self::File(upload) => upload.write(block),
            Self::Directory(tree) => tree.write(block),
            Self::Artifact(arrival) => arrival.write(block),
            Self::Memory { data, most } => {
                let size = u64::try_from(data.len() + block.len()).unwrap_or(u64::MAX);
                if size > *most {
                    return Err(format!("the file has more than {most} bytes"));
                }
                data.extend_from_slice(block);
                Ok(())
            }
            _ => unexpected(),
        }
    }
}

/// The next bytes of a file; none are left when there are none.
fn read(file: &std::fs::File, length: usize) -> Result<Bytes, String> {
    use std::io::Read as _;
    let mut block = Vec::new();
    let most = u64::try_from(length.min(MAX_BLOCK)).unwrap_or(u64::MAX);
    let read = file.take(most).read_to_end(&mut block);
    read.map(|_| block.into()).map_err(|e| format!("the master's file cannot be read: {e}"))
}

fn unexpected<T>() -> Result<T, String> {
    Err("no file was expected".to_owned())
}
