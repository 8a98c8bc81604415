//! A file on its way from a worker to the master: written beside its place under another name,
//! synced and renamed when the command has succeeded, so nobody ever sees half a file. And what may
//! go the other way.

use std::fs::{self, File, FileTimes};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::base::partial::{Content, Partial};

/// Nobody reads half a file.
const PRIVATE: u32 = 0o600;

/// A file that is being received.
pub(super) struct Upload {
    target: PathBuf,
    /// Nothing is written.
    is_rehearsal: bool,
    mode: Option<u32>,
    file: Option<Partial>,
    times: Option<FileTimes>,
    /// Bytes that may still come; none = any number.
    room: Option<u64>,
}

impl Upload {
    /// A file that will be `target` (relative to `base_dir`; none = it is thrown away), with these
    /// permission bits and at most `max_size` bytes.
    ///
    /// # Errors
    /// When the target has `..` in it: it may be made of what a change says.
    pub(super) fn new(
        base_dir: Option<&Path>,
        target: &str,
        mode: Option<u32>,
        max_size: Option<u64>,
    ) -> Result<Self, String> {
        Ok(Self {
            target: place(base_dir, target)?,
            is_rehearsal: base_dir.is_none(),
            mode,
            file: None,
            times: None,
            room: max_size,
        })
    }

    /// The worker is about to send this content; returns the byte from which on it is wanted. Takes
    /// its time: what is there is read.
    pub(super) fn begin(&mut self, content: &Content) -> Result<u64, String> {
        if self.room.is_some_and(|room| content.size > room) {
            return Err(self.too_large());
        }
        if self.is_rehearsal {
            return Ok(0);
        }
        let dir = self.dir()?;
        let file = Partial::resume(&dir, content, PRIVATE).map_err(|e| self.cannot(&e))?;
        let offset = file.size();
        self.room = self.room.map(|room| room - offset);
        self.file = Some(file);
        Ok(offset)
    }

    /// Appends a block.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), String> {
        if let Some(room) = self.room {
            let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.room = Some(room.checked_sub(size).ok_or_else(|| self.too_large())?);
        }
        if self.is_rehearsal {
            return Ok(());
        }
        let written = self.file()?.write(data);
        written.map_err(|e| self.cannot(&e))
    }

    /// The worker has sent all of it; an empty file has no block. What is not as it was announced is
    /// thrown away.
    pub(super) fn close(&mut self, announced: Option<&Content>) -> Result<(), String> {
        if self.is_rehearsal {
            return Ok(());
        }
        let file = self.file()?;
        let Some(announced) = announced else { return Ok(()) };
        let checked = file.content().check(announced);
        if checked.is_err()
            && let Some(file) = self.file.take()
        {
            file.discard();
        }
        checked.map_err(|what| format!("{} {what}", self.target.display()))
    }

    /// The file's times, in seconds since the epoch.
    pub(super) fn set_times(&mut self, accessed: f64, modified: f64) -> Result<(), String> {
        let time = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map(|d| SystemTime::UNIX_EPOCH + d)
                .map_err(|e| format!("the file's times make no sense: {e}"))
        };
        self.times =
            Some(FileTimes::new().set_accessed(time(accessed)?).set_modified(time(modified)?));
        Ok(())
    }

    /// Puts the file in its place.
    pub(super) fn publish(mut self) -> Result<(), String> {
        if self.is_rehearsal {
            return Ok(());
        }
        let shown = self.target.display().to_string();
        let fail = |e: &dyn std::fmt::Display| format!("{shown} cannot be stored: {e}");
        self.file()?;
        let Some(file) = self.file.take() else { return Err(fail(&"there is no file")) };
        if let Some(times) = self.times {
            file.file().set_times(times).map_err(|e| fail(&e))?;
        }
        file.file().sync_all().map_err(|e| fail(&e))?;
        // Without a wish the file is as readable as new files are.
        file.persist(&self.target, Some(self.mode.unwrap_or(0o644))).map_err(|e| fail(&e))?;
        if let Some(parent) = self.target.parent() {
            // The name is as durable as the bytes.
            File::open(parent).and_then(|d| d.sync_all()).map_err(|e| fail(&e))?;
        }
        Ok(())
    }

    fn file(&mut self) -> Result<&mut Partial, String> {
        if self.file.is_none() {
            let dir = self.dir()?;
            self.file = Some(Partial::begin(&dir, PRIVATE).map_err(|e| self.cannot(&e))?);
        }
        self.file.as_mut().ok_or_else(|| "there is no file".to_owned())
    }

    /// The directory of the target, made when it is missing.
    fn dir(&self) -> Result<PathBuf, String> {
        let dir = self.target.parent().unwrap_or(&self.target).to_path_buf();
        let made = fs::create_dir_all(&dir);
        made.map(|()| dir.clone()).map_err(|e| format!("{} cannot be made: {e}", dir.display()))
    }

    fn too_large(&self) -> String {
        format!("{} is larger than max_size", self.target.display())
    }

    fn cannot(&self, error: &std::io::Error) -> String {
        format!("{} cannot be written: {error}", self.target.display())
    }
}

/// Where a path leads that a step names, from `base_dir` on; an absolute one is taken as it is.
///
/// # Errors
/// When it has `..` in it: it may be made of what a change says.
pub(super) fn place(base_dir: Option<&Path>, path: &str) -> Result<PathBuf, String> {
    if Path::new(path).components().any(|c| c == Component::ParentDir) {
        return Err(format!("{path} must not contain `..`."));
    }
    Ok(base_dir.unwrap_or(Path::new("")).join(path))
}

/// Opens the file `source` (relative to `base_dir`; none = a rehearsal, in which there is none) that a
/// worker is to get.
///
/// # Errors
/// When it is no file that can be read, has `..` in its path, or is larger than `max_size`.
pub(super) fn open(
    base_dir: Option<&Path>,
    source: &str,
    max_size: Option<u64>,
) -> Result<Option<File>, String> {
    let path = place(base_dir, source)?;
    if base_dir.is_none() {
        return Ok(None);
    }
    let shown = path.display();
    let cannot = |e: std::io::Error| format!("{shown} cannot be read: {e}");
    let file = File::open(&path).map_err(cannot)?;
    let about = file.metadata().map_err(cannot)?;
    if !about.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    match max_size.filter(|most| about.len() > *most) {
        Some(most) => Err(format!("{shown} has {} bytes, more than {most}", about.len())),
        None => Ok(Some(file)),
    }
}
