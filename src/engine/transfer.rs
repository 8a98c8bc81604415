//! What a command moves between the worker and the master: a file to a file, a file to the step, or
//! the step's text to a file. The worker sets the pace; each block is answered. Our own worker says
//! first what it sends, and what is there already it does not send again.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use bytes::Bytes;

use crate::base::partial::Content;
use crate::engine::artifacts::Arrival;
use crate::engine::ports::CommandEvent;
use crate::engine::tree::Tree;
use crate::engine::upload::Upload;
use crate::store::Store;

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
    /// What is left to send of a text, and all of it.
    Text { all: Bytes, left: Bytes },
    /// From a file of the master, from where it stands.
    Source(File),
}

impl Transfer {
    /// To send a text.
    pub(super) fn text(text: Bytes) -> Self {
        Self::Text { left: text.clone(), all: text }
    }

    /// Takes an event of the transfer; others are ignored.
    pub(super) async fn note(&mut self, event: CommandEvent, store: &Store) {
        // Who waits for an answer may be gone.
        match event {
            CommandEvent::UploadBegins { content, answer } => {
                let _ = answer.send(self.begin(content, store).await);
            }
            CommandEvent::UploadBlock { data, answer } => {
                let _ = answer.send(self.write(&data));
            }
            CommandEvent::UploadClosed { content, answer } => {
                let _ = answer.send(self.close(content.as_ref()));
            }
            CommandEvent::UploadTimes { accessed, modified, answer } => {
                let _ = answer.send(match self {
                    Self::File(upload) => upload.set_times(accessed, modified),
                    Self::Memory { .. } => Ok(()),
                    _ => unexpected(),
                });
            }
            CommandEvent::DownloadBlock { length, offset, answer } => {
                let _ = answer.send(match self {
                    Self::Text { all, left } => Ok(part(all, left, length, offset)),
                    Self::Source(file) => read(file, length, offset),
                    _ => unexpected(),
                });
            }
            _ => {}
        }
    }

    /// What the worker is about to send; the answer is the byte from which on it sends it.
    async fn begin(&mut self, content: Content, store: &Store) -> Result<u64, String> {
        // What is there is read, which may take long; no other task shall wait for it.
        let mut this = std::mem::replace(self, Self::None);
        let begun = store.beside(move || {
            let offset = match &mut this {
                Self::File(upload) => upload.begin(&content),
                Self::Artifact(arrival) => arrival.begin(&content),
                Self::Memory { most, .. } if content.size > *most => Err(too_large(*most)),
                Self::Memory { .. } => Ok(0),
                _ => unexpected(),
            };
            Ok((this, offset))
        });
        let (this, offset) = begun.await.map_err(|error| error.to_string())?;
        *self = this;
        offset
    }

    fn write(&mut self, block: &[u8]) -> Result<(), String> {
        match self {
            Self::File(upload) => upload.write(block),
            Self::Directory(tree) => tree.write(block),
            Self::Artifact(arrival) => arrival.write(block),
            Self::Memory { data, most } => {
                let size = u64::try_from(data.len() + block.len()).unwrap_or(u64::MAX);
                if size > *most {
                    return Err(too_large(*most));
                }
                data.extend_from_slice(block);
                Ok(())
            }
            _ => unexpected(),
        }
    }

    /// The worker has sent all of it, and it is what was announced.
    fn close(&mut self, announced: Option<&Content>) -> Result<(), String> {
        match self {
            Self::File(upload) => upload.close(announced),
            Self::Directory(tree) => tree.close(announced),
            Self::Artifact(arrival) => arrival.close(announced),
            Self::Memory { data, .. } => match announced {
                Some(announced) => Content::of(&data[..])
                    .map_err(|error| error.to_string())?
                    .check(announced)
                    .map_err(|what| format!("the file {what}")),
                None => Ok(()),
            },
            _ => unexpected(),
        }
    }
}

fn too_large(most: u64) -> String {
    format!("the file has more than {most} bytes")
}

/// The next bytes of a text, or those from `offset` on; none are left when there are none.
fn part(all: &Bytes, left: &mut Bytes, length: usize, offset: Option<u64>) -> Bytes {
    if let Some(offset) = offset {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        *left = all.slice(offset..);
    }
    left.split_to(length.min(left.len()))
}

/// The next bytes of a file, or those from `offset` on; none are left when there are none.
fn read(file: &mut File, length: usize, offset: Option<u64>) -> Result<Bytes, String> {
    let mut block = Vec::new();
    let most = u64::try_from(length.min(MAX_BLOCK)).unwrap_or(u64::MAX);
    let sought = offset.map_or(Ok(0), |offset| file.seek(SeekFrom::Start(offset)));
    let read = sought.and_then(|_| file.take(most).read_to_end(&mut block));
    read.map(|_| block.into()).map_err(|e| format!("the master's file cannot be read: {e}"))
}

fn unexpected<T>() -> Result<T, String> {
    Err("no file was expected".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::store::StoreOptions;
    use crate::store::blobs::Blobs;

    const MIB: usize = 1 << 20;

    fn store() -> Store {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        Store::open(&StoreOptions { path, durable: false, inline: false }).unwrap().store
    }

    fn noise(size: usize) -> Vec<u8> {
        (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    async fn begin(transfer: &mut Transfer, content: &Content) -> Result<u64, String> {
        let (answer, answered) = oneshot::channel();
        transfer
            .note(CommandEvent::UploadBegins { content: content.clone(), answer }, &store())
            .await;
        answered.await.unwrap()
    }

    async fn send(transfer: &mut Transfer, data: &[u8]) {
        let (answer, answered) = oneshot::channel();
        let data = data.to_vec().into();
        transfer.note(CommandEvent::UploadBlock { data, answer }, &store()).await;
        answered.await.unwrap().unwrap();
    }

    async fn close(transfer: &mut Transfer, content: &Content) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let content = Some(content.clone());
        transfer.note(CommandEvent::UploadClosed { content, answer }, &store()).await;
        answered.await.unwrap()
    }

    fn upload(dir: &Path) -> Transfer {
        Transfer::File(Upload::new(Some(dir), "out/f", None, Some(4 * MIB as u64)).unwrap())
    }

    fn files(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[tokio::test]
    async fn an_upload_that_was_cut_goes_on_and_only_what_was_announced_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let (data, out) = (noise(3 * MIB), dir.path().join("out"));
        let content = Content::of(&data[..]).unwrap();
        let mut cut = upload(dir.path());
        assert_eq!(begin(&mut cut, &content).await, Ok(0));
        send(&mut cut, &data[..MIB]).await;
        drop(cut);
        assert_eq!(files(&out), 1);

        // The rest of it, with a flipped byte: nothing is left, and nothing is there.
        let mut damaged = upload(dir.path());
        assert_eq!(begin(&mut damaged, &content).await, Ok(MIB as u64));
        send(&mut damaged, &data[..2 * MIB]).await;
        let why = close(&mut damaged, &content).await.unwrap_err();
        assert!(why.contains("out/f has changed on its way"), "{why}");
        drop(damaged);
        assert_eq!(files(&out), 0);

        let mut whole = upload(dir.path());
        assert_eq!(begin(&mut whole, &content).await, Ok(0));
        send(&mut whole, &data).await;
        close(&mut whole, &content).await.unwrap();
        let Transfer::File(whole) = whole else { panic!("it was a file") };
        whole.publish().unwrap();
        assert!(std::fs::read(out.join("f")).unwrap() == data);
        assert_eq!(files(&out), 1);
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_before_it_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let large = Content::new(5 * MIB as u64, &"0".repeat(64)).unwrap();
        let why = begin(&mut upload(dir.path()), &large).await.unwrap_err();
        assert!(why.ends_with("out/f is larger than max_size"), "{why}");
        let mut memory = Transfer::Memory { data: Vec::new(), most: MIB as u64 };
        assert!(begin(&mut memory, &large).await.is_err());
        let blobs = Arc::new(Blobs::open(dir.path()).unwrap());
        let mut arrival = Transfer::Artifact(Arrival::new(Some(blobs), "f.tar", MIB as u64));
        let why = begin(&mut arrival, &large).await.unwrap_err();
        assert!(why.contains("which is `max_size`"), "{why}");
        assert!(begin(&mut Transfer::None, &large).await.is_err());
    }

    #[tokio::test]
    async fn an_artifact_goes_on_too() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::open(dir.path()).unwrap());
        let arrival = || {
            let blobs = Some(blobs.clone());
            Transfer::Artifact(Arrival::new(blobs, "f.tar", 2 * MIB as u64))
        };
        let data = noise(2 * MIB);
        let content = Content::of(&data[..]).unwrap();
        let mut cut = arrival();
        assert_eq!(begin(&mut cut, &content).await, Ok(0));
        send(&mut cut, &data[..MIB]).await;
        drop(cut);
        let mut rest = arrival();
        assert_eq!(begin(&mut rest, &content).await, Ok(MIB as u64));
        send(&mut rest, &data[MIB..]).await;
        close(&mut rest, &content).await.unwrap();
    }

    #[tokio::test]
    async fn a_text_is_sent_from_where_it_is_asked_for() {
        let mut text = Transfer::text(Bytes::from_static(b"abcdef"));
        for (offset, expected) in
            [(None, "abc"), (None, "def"), (Some(1), "bcd"), (None, "ef"), (Some(u64::MAX), "")]
        {
            let (answer, answered) = oneshot::channel();
            text.note(CommandEvent::DownloadBlock { length: 3, offset, answer }, &store()).await;
            assert_eq!(answered.await.unwrap().unwrap(), expected);
        }
    }
}
