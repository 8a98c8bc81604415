//! The files of one load. Each is read once, however often the configuration asks for it, so that a
//! file that changes meanwhile is never seen in two states; and what was read, or looked for in
//! vain, is remembered: a watcher knows what to watch, and a reload whether anything is different.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use crate::base::clock::{Clock, Timestamp};

/// Largest file that a configuration reads.
const LARGEST: u64 = 16 << 20;

/// What came of reading a file.
type Read = Result<Arc<[u8]>, (ErrorKind, String)>;

/// The files of a load, by path, and when it began: who loads with the same texts again gets the
/// same configuration. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Texts(Arc<Known>);

#[derive(Default)]
struct Known {
    files: Mutex<BTreeMap<PathBuf, Read>>,
    began: OnceLock<Timestamp>,
}

impl Texts {
    /// The file's bytes: those of the first time it was asked for.
    ///
    /// # Errors
    /// When it cannot be read, is no ordinary file, or is larger than 16 MiB.
    pub(super) fn read(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        let mut known = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        let read = known.entry(path.to_owned()).or_insert_with(|| read(path));
        read.clone().map_err(|(kind, text)| io::Error::new(kind, text))
    }

    /// When the first load with these texts began.
    pub(super) fn began(&self, clock: Clock) -> Timestamp {
        *self.0.began.get_or_init(|| clock.now())
    }

    /// How the files stood.
    pub(super) fn tree(&self) -> Tree {
        let known = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        Tree(known.iter().map(|(path, read)| (path.clone(), Stand::of(read))).collect())
    }
}

/// The file's bytes, read now.
///
/// # Errors
/// As [`Texts::read`].
pub(super) fn read_now(path: &Path) -> io::Result<Arc<[u8]>> {
    read(path).map_err(|(kind, text)| io::Error::new(kind, text))
}

fn read(path: &Path) -> Read {
    let told = |error: io::Error| (error.kind(), error.to_string());
    // Opening a pipe would wait for a writer, and a device has no end.
    if !std::fs::metadata(path).map_err(told)?.is_file() {
        return Err((ErrorKind::InvalidInput, "it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(told)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > LARGEST {
        let text = format!("it is larger than {} MiB", LARGEST >> 20);
        return Err((ErrorKind::FileTooLarge, text));
    }
    Ok(bytes.into())
}

/// Whether an error means that there is no such file.
pub(super) fn is_missing(error: &io::Error) -> bool {
    is_absence(error.kind())
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput)
}

/// How one file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// It has a text with this digest.
    Text([u8; 32]),
    /// There is none.
    Missing,
    /// It is there and cannot be read.
    Unreadable,
}

impl Stand {
    fn of(read: &Read) -> Self {
        match read {
            Ok(bytes) => Self::Text(Sha256::digest(bytes).into()),
            Err((kind, _)) if is_absence(*kind) => Self::Missing,
            Err(_) => Self::Unreadable,
        }
    }
}

/// How the files of a load stand at one moment; equal when a load would read the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Stand>);

impl Tree {
    /// Every file that was read or looked for.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// How the same files stand now. Reads them, so it is for threads that may block.
    #[must_use]
    pub fn now(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), Stand::of(&read(path)))).collect())
    }

    /// When one of the files was last written to. A file that was renamed into its place keeps the
    /// time of its last writing: it came whole.
    #[must_use]
    pub fn written_at(&self) -> Option<Timestamp> {
        self.paths().filter_map(written_at).max()
    }

    /// The file that was last written to.
    #[must_use]
    pub fn newest(&self) -> Option<&Path> {
        self.paths().max_by_key(|path| written_at(path))
    }
}

fn written_at(path: &Path) -> Option<Timestamp> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_and_its_tree_tells_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let (file, missing) = (dir.path().join("a.lua"), dir.path().join("sub/b.lua"));
        std::fs::write(&file, "1").unwrap();
        let texts = Texts::default();
        assert_eq!(&*texts.read(&file).unwrap(), b"1");
        assert!(is_missing(&texts.read(&missing).unwrap_err()));
        assert!(is_missing(&texts.read(dir.path()).unwrap_err()));
        let tree = texts.tree();
        assert_eq!(tree, tree.now());
        std::fs::write(&file, "2").unwrap();
        assert_eq!(&*texts.read(&file).unwrap(), b"1", "as it stood the first time");
        assert_ne!(tree, tree.now());
        std::fs::write(&file, "1").unwrap();
        assert_eq!(tree, tree.now(), "a touch is no change");
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(&missing, "new").unwrap();
        assert_ne!(tree, tree.now(), "what was looked for is there");
    }

    #[test]
    fn devices_and_giants_are_refused() {
        assert!(read_now(Path::new("/dev/zero")).is_err());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("giant");
        File::create(&file).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(read_now(&file).unwrap_err().to_string().contains("larger than 16 MiB"));
    }
}
