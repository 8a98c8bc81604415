//! The bytes of artifacts: files named by their SHA-256, so that equal ones are stored once. A file
//! is whole and on the disk before its name exists; a row may name it from then on. Apart from
//! `artifacts`, which is the rows: a crash between the two leaves a file without a row, never a row
//! without a file, and [`Blobs::old`] finds such files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::base::partial::{Content, Partial};

/// Where files are while they come in; no hash begins like this.
const INCOMING: &str = "incoming";

/// Nobody else reads them; the master gives them out.
const PRIVATE: u32 = 0o600;

/// A directory of files by hash.
#[derive(Debug)]
pub struct Blobs {
    dir: PathBuf,
    /// Held while a name appears or disappears: a file that has just been given again is not
    /// collected for its age.
    names: Mutex<()>,
}

impl Blobs {
    /// The files in `dir`, which is made when it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir.join(INCOMING))?;
        Ok(Self { dir: dir.to_path_buf(), names: Mutex::new(()) })
    }

    /// Begins to receive a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn receive(&self) -> io::Result<Partial> {
        Partial::begin(&self.dir.join(INCOMING), PRIVATE)
    }

    /// Begins to receive this content, or goes on where that was cut. Takes its time.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn resume(&self, content: &Content) -> io::Result<Partial> {
        Partial::resume(&self.dir.join(INCOMING), content, PRIVATE)
    }

    /// Keeps a received file: when this returns, a power failure does not lose it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keep(&self, incoming: Partial, now: SystemTime) -> io::Result<Content> {
        let content = incoming.content();
        let path = self.path(content.sha256());
        let path = path.ok_or(io::ErrorKind::InvalidData)?;
        let parent = path.parent().unwrap_or(&self.dir);
        incoming.file().set_modified(now)?;
        incoming.file().sync_all()?;
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(parent)?;
        // Over an equal file too: its age begins anew.
        incoming.persist(&path, None)?;
        File::open(parent)?.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        Ok(content)
    }

    /// Opens the file with a hash, to be read.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(&self, sha256: &str) -> io::Result<File> {
        self.path(sha256).map_or_else(|| Err(io::ErrorKind::NotFound.into()), File::open)
    }

    /// The hashes of files older than `grace` at `now`. What uploads have left that a crash ended is
    /// removed; `grace` must be longer than an upload may pause between two blocks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn old(&self, now: SystemTime, grace: Duration) -> io::Result<Vec<String>> {
        let mut out = Vec::new();
        for folder in fs::read_dir(&self.dir)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(folder.path())? {
                let path = entry?.path();
                if !is_old(&path, now, grace)? {
                    continue;
                }
                if folder.file_name() == INCOMING {
                    fs::remove_file(&path)?;
                    continue;
                }
                let rest = path.file_name().unwrap_or_default().to_string_lossy();
                let sha256 = format!("{}{rest}", folder.file_name().to_string_lossy());
                // What people have put there is theirs.
                if self.path(&sha256).as_deref() == Some(&path) {
                    out.push(sha256);
                }
            }
        }
        Ok(out)
    }

    /// Removes a file, unless it is not older than `grace` any more: the same bytes may have come in
    /// meanwhile. `grace` must be longer than a commit takes. Says whether it did.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove(&self, sha256: &str, now: SystemTime, grace: Duration) -> io::Result<bool> {
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match self.path(sha256) {
            Some(path) if is_old(&path, now, grace)? => fs::remove_file(path).map(|()| true),
            _ => Ok(false),
        }
    }

    /// The place of a hash; none = it is no hash, and must not become a path.
    fn path(&self, sha256: &str) -> Option<PathBuf> {
        Content::new(0, sha256)?;
        let (folder, rest) = sha256.split_at(2);
        Some(self.dir.join(folder).join(rest))
    }
}

/// Whether a file is older than `grace`; one that is gone is not.
fn is_old(path: &Path, now: SystemTime, grace: Duration) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(now.duration_since(about.modified()?).is_ok_and(|age| age > grace)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn put(blobs: &Blobs, text: &str, now: SystemTime) -> Content {
        let mut incoming = blobs.receive().unwrap();
        for byte in text.bytes() {
            incoming.write(&[byte]).unwrap();
        }
        blobs.keep(incoming, now).unwrap()
    }

    #[test]
    fn equal_files_are_one_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let now = SystemTime::UNIX_EPOCH + HOUR * 24;
        let blob = put(&blobs, "abc", now);
        assert_eq!(
            blob.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!((blob.size, put(&blobs, "abc", now)), (3, blob.clone()));
        let mut text = String::new();
        blobs.read(blob.sha256()).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        assert!(blobs.read("../../etc/passwd").is_err());
    }

    #[test]
    fn only_what_is_old_goes() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let start = SystemTime::UNIX_EPOCH + HOUR * 24;
        let (named, orphan) = (put(&blobs, "named", start), put(&blobs, "orphan", start));
        let again = put(&blobs, "again", start);
        let later = start + HOUR * 2;
        put(&blobs, "again", later);
        fs::write(dir.path().join("ba").with_file_name("README"), "mine").unwrap();
        // As a crash leaves it.
        let path = dir.path().join(INCOMING).join("cut");
        fs::write(&path, "x").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(start).unwrap();

        assert_eq!(blobs.old(start + HOUR, HOUR).unwrap(), Vec::<String>::new());
        assert!(path.exists());
        let mut old = blobs.old(later, HOUR).unwrap();
        old.sort();
        let mut expected = vec![named.sha256().to_owned(), orphan.sha256().to_owned()];
        expected.sort();
        assert_eq!(old, expected);
        // The same bytes come in while the rows are read.
        put(&blobs, "named", later);
        assert!(!blobs.remove(named.sha256(), later, HOUR).unwrap());
        assert!(blobs.remove(orphan.sha256(), later, HOUR).unwrap());
        assert!(!blobs.remove(orphan.sha256(), later, HOUR).unwrap());
        assert!(blobs.read(named.sha256()).is_ok());
        assert!(blobs.read(again.sha256()).is_ok());
        assert!(blobs.read(orphan.sha256()).is_err());
        assert!(!path.exists());
        assert!(dir.path().join("README").exists());
    }
}
