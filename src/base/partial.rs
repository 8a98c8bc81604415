//! Files on their way: written beside their place under another name, and put there when they are
//! whole, so that nobody ever sees half of one. Where the content is known from the beginning, what
//! has come outlives a cut connection, and the next transfer of the same content goes on there. Apart
//! from who sends and who receives: the master, its store, the worker and the command line do this alike.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

/// What the names of files on their way begin with.
const PREFIX: &str = ".partial-";
/// Bytes from which on it is worth keeping what has come.
const WORTH: u64 = 1 << 20;
/// How long it is kept.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// In bytes.
    pub size: u64,
    /// 64 hexadecimal digits, small letters.
    sha256: String,
}

impl Content {
    /// A content that somebody announces; none = that is no SHA-256.
    #[must_use]
    pub fn new(size: u64, sha256: &str) -> Option<Self> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let is_hash = sha256.len() == 64 && sha256.bytes().all(is_digit);
        is_hash.then(|| Self { size, sha256: sha256.to_owned() })
    }

    /// What `reader` holds from where it stands. Takes its time.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(reader: impl Read) -> io::Result<Self> {
        let mut sum = Sum::default();
        sum.add_all(reader)?;
        Ok(sum.content())
    }

    /// Its SHA-256: 64 hexadecimal digits, small letters.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Checks what has come against what was announced.
    ///
    /// # Errors
    /// The end of a sentence that begins with the file's name.
    pub fn check(&self, announced: &Self) -> Result<(), String> {
        if self == announced {
            return Ok(());
        }
        let shown = |content: &Self| format!("{} bytes, SHA-256 {}", content.size, content.sha256);
        Err(format!(
            "has changed on its way or while it was sent: {} came, {} was announced",
            shown(self),
            shown(announced)
        ))
    }
}

/// Adds up a content block by block.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    hash: Sha256,
    size: u64,
}

impl Sum {
    /// Adds a block.
    pub fn add(&mut self, block: &[u8]) {
        self.hash.update(block);
        self.size = self.size.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
    }

    fn add_all(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut block = vec![0; 256 << 10];
        loop {
            match reader.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(read) => self.add(&block[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The content so far.
    #[must_use]
    pub fn content(&self) -> Content {
        Content { size: self.size, sha256: hex::encode(self.hash.clone().finalize()) }
    }
}

/// A file on its way. Dropped, it is gone, unless it can be continued.
#[derive(Debug)]
pub struct Partial {
    file: NamedTempFile,
    sum: Sum,
    /// It stays when it is dropped.
    continues: bool,
}

impl Partial {
    /// An empty one for a file in `dir`, which must exist. `mode` are its permission bits on the way,
    /// less the umask.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(dir: &Path, mode: u32) -> io::Result<Self> {
        let mut named = tempfile::Builder::new();
        named.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            named.permissions(fs::Permissions::from_mode(mode));
        }
        #[cfg(not(unix))]
        let _ = mode;
        let file = named.tempfile_in(dir)?;
        Ok(Self { file, sum: Sum::default(), continues: false })
    }

    /// The one for this content, with all that came when a transfer of it was cut within the last day;
    /// an empty one when nothing did, or another transfer of it is under way. It stays for the next
    /// when it is dropped. Takes its time: what is there is read.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn resume(dir: &Path, content: &Content, mode: u32) -> io::Result<Self> {
        if content.size < WORTH {
            return Self::begin(dir, mode);
        }
        match open_again(dir, content, mode)? {
            Some(partial) => Ok(partial),
            None => Self::begin(dir, mode),
        }
    }

    /// Bytes that are there.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.sum.size
    }

    /// What is there.
    #[must_use]
    pub fn content(&self) -> Content {
        self.sum.content()
    }

    /// The file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Appends a block.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn write(&mut self, block: &[u8]) -> io::Result<()> {
        if self.continues {
            self.file.disable_cleanup(true);
        }
        self.file.write_all(block)?;
        self.sum.add(block);
        Ok(())
    }

    /// Nothing of it can be used.
    pub fn discard(mut self) {
        self.file.disable_cleanup(false);
    }

    /// Puts it into its place, over what is there, with these permission bits (none = those it has).
    /// Both are in the same directory.
    ///
    /// # Errors
    /// When it cannot be put there; then it is gone.
    pub fn persist(mut self, target: &Path, mode: Option<u32>) -> io::Result<()> {
        self.file.disable_cleanup(false);
        #[cfg(unix)]
        if let Some(mode) = mode {
            use std::os::unix::fs::PermissionsExt as _;
            self.file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        }
        #[cfg(not(unix))]
        let _ = mode;
        self.file.persist(target).map(drop).map_err(|error| error.error)
    }
}

/// Opens what is there of a content, or makes it; none = that is somebody else's at the moment.
#[cfg(unix)]
fn open_again(dir: &Path, content: &Content, mode: u32) -> io::Result<Option<Partial>> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

    use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW, futimens};

    let path = dir.join(format!("{PREFIX}{}", content.sha256));
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(mode)
        .custom_flags(nofollow)
        .open(&path);
    let Ok(mut file) = opened else { return Ok(None) };
    // Not every file system has locks.
    if file.try_lock().is_err() {
        return Ok(None);
    }
    // Who had the lock may have put the file into its place meanwhile.
    let about = file.metadata()?;
    let is_named = fs::symlink_metadata(&path)
        .is_ok_and(|named| (named.dev(), named.ino()) == (about.dev(), about.ino()));
    if !is_named || !about.is_file() {
        return Ok(None);
    }
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    futimens(&file, &Timestamps { last_access: now, last_modification: now })?;
    sweep(dir, &file)?;
    let mut sum = Sum::default();
    if about.len() > content.size {
        file.set_len(0)?;
    } else {
        sum.add_all(&mut file)?;
    }
    let mut file = NamedTempFile::from_parts(file, tempfile::TempPath::try_from_path(path)?);
    file.disable_cleanup(sum.size > 0);
    Ok(Some(Partial { file, sum, continues: true }))
}

/// Without what tells two files apart, nothing is continued.
#[cfg(not(unix))]
fn open_again(_: &Path, _: &Content, _: u32) -> io::Result<Option<Partial>> {
    Ok(None)
}

/// Removes what transfers have left in `dir` that nobody has continued for a day; `now` has just been
/// touched.
#[cfg(unix)]
fn sweep(dir: &Path, now: &File) -> io::Result<()> {
    let now = now.metadata()?.modified()?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        // It may be gone by now.
        let Ok(about) = entry.metadata() else { continue };
        let is_stale = now.duration_since(about.modified()?).is_ok_and(|age| age > STALE);
        if about.is_file() && is_stale {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut out: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        out.sort();
        out
    }

    fn noise(size: usize) -> Vec<u8> {
        (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    #[test]
    fn a_content_is_announced_by_a_hash_and_nothing_else() {
        let abc = Content::of(&b"abc"[..]).unwrap();
        assert_eq!(
            abc.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Content::new(3, abc.sha256()), Some(abc.clone()));
        let bad = ["", "../../x", &abc.sha256()[1..], &abc.sha256().to_uppercase()];
        for sha256 in bad {
            assert_eq!(Content::new(3, sha256), None, "{sha256}");
        }
        assert_eq!(abc.check(&abc), Ok(()));
        let other = Content::of(&b"abd"[..]).unwrap();
        let why = abc.check(&other).unwrap_err();
        assert!(why.contains(abc.sha256()) && why.contains(other.sha256()), "{why}");
    }

    #[test]
    fn what_was_cut_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let data = noise(3 << 20);
        let content = Content::of(&data[..]).unwrap();
        let mut first = Partial::resume(dir.path(), &content, 0o600).unwrap();
        assert_eq!(first.size(), 0);
        first.write(&data[..1_000_000]).unwrap();
        // Another one of the same content at the same time is one of its own.
        let mut beside = Partial::resume(dir.path(), &content, 0o600).unwrap();
        assert_eq!(beside.size(), 0);
        beside.write(&data).unwrap();
        beside.persist(&dir.path().join("beside"), None).unwrap();
        drop(first);
        assert_eq!(names(dir.path()).len(), 2);

        let mut second = Partial::resume(dir.path(), &content, 0o600).unwrap();
        assert_eq!(second.size(), 1_000_000);
        second.write(&data[1_000_000..]).unwrap();
        assert_eq!(second.content(), content);
        second.persist(&dir.path().join("whole"), Some(0o644)).unwrap();
        assert_eq!(names(dir.path()), ["beside", "whole"]);
        for name in ["beside", "whole"] {
            assert!(fs::read(dir.path().join(name)).unwrap() == data);
        }
    }

    #[test]
    fn what_cannot_be_continued_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let data = noise(2 << 20);
        let content = Content::of(&data[..]).unwrap();
        // One whose content nobody knows, a small one, one that nothing was written to, one with other bytes.
        Partial::begin(dir.path(), 0o600).unwrap().write(&data).unwrap();
        let small = Content::of(&data[..10]).unwrap();
        Partial::resume(dir.path(), &small, 0o600).unwrap().write(b"x").unwrap();
        drop(Partial::resume(dir.path(), &content, 0o600).unwrap());
        let mut wrong = Partial::resume(dir.path(), &content, 0o600).unwrap();
        wrong.write(&data[1..]).unwrap();
        assert_ne!(wrong.content(), content);
        wrong.discard();
        assert_eq!(names(dir.path()), <[String; 0]>::default());
        // More than there can be is not its beginning.
        fs::write(dir.path().join(format!(".partial-{}", content.sha256())), noise(3 << 20))
            .unwrap();
        assert_eq!(Partial::resume(dir.path(), &content, 0o600).unwrap().size(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let data = noise(2 << 20);
        let content = Content::of(&data[..]).unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let name = dir.path().join(format!(".partial-{}", content.sha256()));
        std::os::unix::fs::symlink(&victim, &name).unwrap();
        let mut partial = Partial::resume(dir.path(), &content, 0o600).unwrap();
        partial.write(&data).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
        drop(partial);
        fs::remove_file(&name).unwrap();

        let (old, young) = (dir.path().join(".partial-old"), dir.path().join(".partial-young"));
        for path in [&old, &young] {
            fs::write(path, "x").unwrap();
        }
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        drop(Partial::resume(dir.path(), &content, 0o600).unwrap());
        assert_eq!(names(dir.path()), [".partial-young", "victim"]);
    }
}
