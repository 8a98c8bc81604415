//! Commands about files and directories of the worker: what is moved, and in which direction. Apart
//! from programs, because they have no output of their own.

use std::fs::File;

use bytes::Bytes;

use super::{Blame, End, Flight, LogUse, Wants};
use crate::base::partial::Content;
use crate::engine::desk::{DeskError, StepAnswer};
use crate::engine::logs::Use;
use crate::engine::transfer::Transfer;
use crate::engine::tree::Tree;
use crate::engine::upload::Upload;
use crate::model::command::CommandKind;

/// Bytes of a block of a file that is read or written.
const BLOCK: u64 = 256 << 10;

impl Flight {
    /// A command that only succeeds or fails.
    pub(in crate::engine) async fn simple(&mut self, kind: CommandKind) -> End {
        self.moving(kind, &mut Transfer::None).await
    }

    /// The same with a file that moves.
    async fn moving(&mut self, kind: CommandKind, transfer: &mut Transfer) -> End {
        let blame = Blame::of(&kind);
        let name = kind.name();
        match self.command(kind, LogUse::WhenThereIsAny, Wants::default(), transfer).await {
            Err(end) => end,
            Ok(done) => End::Answered(done.checked(name, blame).map(|()| StepAnswer::Done)),
        }
    }

    pub(in crate::engine) async fn stat(&mut self, path: String) -> End {
        let kind = CommandKind::Stat { path };
        match self
            .command(kind, LogUse::WhenThereIsAny, Wants::default(), &mut Transfer::None)
            .await
        {
            Err(end) => end,
            // Whatever the reason, to the step there is nothing to see.
            Ok(done) => End::Answered(Ok(StepAnswer::Stat(done.stat))),
        }
    }

    pub(in crate::engine) async fn files(&mut self, kind: CommandKind) -> End {
        let name = kind.name();
        match self
            .command(kind, LogUse::WhenThereIsAny, Wants::default(), &mut Transfer::None)
            .await
        {
            Err(end) => end,
            Ok(done) => End::Answered(
                done.checked(name, Blame::Failed(name))
                    .map(|()| StepAnswer::Files(done.files.unwrap_or_default())),
            ),
        }
    }

    /// A file that is read into memory.
    pub(in crate::engine) async fn read(&mut self, path: String, most: u64) -> End {
        // A worker calls a file too large that is exactly as large as it may be.
        let max_size = Some(most.saturating_add(1));
        let (block_size, keep_stamp) = (BLOCK, false);
        let kind = CommandKind::UploadFile { path, block_size, max_size, keep_stamp };
        let mut transfer = Transfer::Memory { data: Vec::new(), most };
        match self.moving(kind, &mut transfer).await {
            End::Answered(Ok(_)) => {
                let Transfer::Memory { data, .. } = transfer else { return End::Abandoned };
                End::Answered(Ok(StepAnswer::Data(data.into())))
            }
            end => end,
        }
    }

    /// A file that is written from memory.
    pub(in crate::engine) async fn write(
        &mut self,
        path: String,
        data: Bytes,
        mode: Option<u32>,
    ) -> End {
        let mut kind = CommandKind::download(path, BLOCK, mode);
        if let CommandKind::DownloadFile { content, .. } = &mut kind
            && self.verifies_files
        {
            *content = Content::of(&data[..]).ok();
        }
        self.moving(kind, &mut Transfer::text(data)).await
    }

    /// A file of the master that becomes one of the worker's.
    pub(in crate::engine) async fn send(&mut self, kind: CommandKind, file: File) -> End {
        if !self.verifies_files {
            return self.moving(kind, &mut Transfer::Source(file)).await;
        }
        match self.store.beside(move || Ok((Content::of(&file)?, file))).await {
            Ok((content, file)) => self.send_known(kind, file, content).await,
            Err(error) => {
                let text = format!("the master's file cannot be read: {error}");
                End::Answered(Err(DeskError::Failed(text)))
            }
        }
    }

    /// The same with a file whose content is known.
    pub(super) async fn send_known(
        &mut self,
        mut kind: CommandKind,
        file: File,
        known: Content,
    ) -> End {
        if let CommandKind::DownloadFile { content, resumes, .. } = &mut kind
            && self.verifies_files
        {
            (*content, *resumes) = (Some(known), true);
        }
        self.moving(kind, &mut Transfer::Source(file)).await
    }

    /// A directory that becomes one of the master's.
    pub(in crate::engine) async fn upload_directory(
        &mut self,
        kind: CommandKind,
        log: Use,
        tree: Tree,
    ) -> End {
        let name = kind.name();
        let mut transfer = Transfer::Directory(tree);
        let done = self.command(kind, LogUse::Named(log), Wants::default(), &mut transfer).await;
        let done = match done {
            Err(end) => return end,
            Ok(done) => done,
        };
        let Transfer::Directory(tree) = transfer else { return End::Abandoned };
        End::Answered(match done.check(name) {
            Ok(()) => match self.store.beside(move || Ok(tree.publish())).await {
                Ok(published) => published.map(|()| StepAnswer::Done).map_err(DeskError::Failed),
                Err(error) => Err(DeskError::Failed(error.to_string())),
            },
            Err(error) => Err(error),
        })
    }

    /// A file that becomes one of the master's.
    pub(in crate::engine) async fn upload(
        &mut self,
        kind: CommandKind,
        log: Use,
        upload: Upload,
    ) -> End {
        let name = kind.name();
        let mut transfer = Transfer::File(upload);
        let done = self.command(kind, LogUse::Named(log), Wants::default(), &mut transfer).await;
        let done = match done {
            Err(end) => return end,
            Ok(done) => done,
        };
        let Transfer::File(upload) = transfer else { return End::Abandoned };
        End::Answered(match done.check(name) {
            // Syncing may take long; no other task shall wait for it.
            Ok(()) => match self.store.beside(move || Ok(upload.publish())).await {
                Ok(published) => published.map(|()| StepAnswer::Done).map_err(DeskError::Failed),
                Err(error) => Err(DeskError::Failed(error.to_string())),
            },
            Err(error) => Err(error),
        })
    }
}
