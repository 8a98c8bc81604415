//! A directory on its way from a worker to the master: an archive that is kept beside its place until
//! the command has succeeded, then unpacked there and moved into place. Whoever made the archive is
//! not trusted: nothing of it leaves the directory, whatever names and links it holds.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _};
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use crate::base::partial::{Content, Partial};
use crate::engine::upload;
use crate::model::command::Compression;

/// The most that an archive may hold when no `max_size` says less: a small one can be made of that
/// many zeros.
const MOST_BYTES: u64 = 64 << 30;
/// The most entries.
const MOST_ENTRIES: u32 = 1_000_000;

/// A directory that is being received.
pub(super) struct Tree {
    target: PathBuf,
    /// Nothing is written.
    is_rehearsal: bool,
    compress: Option<Compression>,
    most: u64,
    archive: Option<Partial>,
}

impl Tree {
    /// A directory that will be `target` (relative to `base_dir`; none = it is thrown away), of at
    /// most `max_size` bytes.
    ///
    /// # Errors
    /// When the target has `..` in it: it may be made of what a change says.
    pub(super) fn new(
        base_dir: Option<&Path>,
        target: &str,
        compress: Option<Compression>,
        max_size: Option<u64>,
    ) -> Result<Self, String> {
        Ok(Self {
            target: upload::place(base_dir, target)?,
            is_rehearsal: base_dir.is_none(),
            compress,
            most: max_size.unwrap_or(MOST_BYTES),
            archive: None,
        })
    }

    /// Appends a block of the archive.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), String> {
        if self.is_rehearsal {
            return Ok(());
        }
        let target = self.target.display().to_string();
        let cannot = |e: io::Error| format!("{target} cannot be written: {e}");
        if self.archive.is_none() {
            let parent = self.target.parent().unwrap_or(&self.target);
            fs::create_dir_all(parent).map_err(cannot)?;
            self.archive = Some(Partial::begin(parent, 0o600).map_err(cannot)?);
        }
        match &mut self.archive {
            Some(archive) => archive.write(data).map_err(cannot),
            None => Ok(()),
        }
    }

    /// The worker has sent all of it, and it is what was announced.
    pub(super) fn close(&self, announced: Option<&Content>) -> Result<(), String> {
        match (&self.archive, announced) {
            (Some(archive), Some(announced)) => archive
                .content()
                .check(announced)
                .map_err(|what| format!("the archive of {} {what}", self.target.display())),
            _ => Ok(()),
        }
    }

    /// Unpacks the archive and puts the directory in its place. Takes its time.
    ///
    /// # Errors
    /// What is wrong with the archive, or with the place.
    pub(super) fn publish(self) -> Result<(), String> {
        if self.is_rehearsal {
            return Ok(());
        }
        let target = self.target.display().to_string();
        let cannot = |e: io::Error| format!("{target} cannot be stored: {e}");
        let Some(archive) = self.archive else {
            return Err(format!("{target} cannot be stored: the worker has sent nothing"));
        };
        let mut file = archive.file();
        file.rewind().map_err(cannot)?;
        let parent = self.target.parent().unwrap_or(&self.target);
        let unpacked = tempfile::Builder::new().prefix(".partial-").tempdir_in(parent);
        let unpacked = unpacked.map_err(cannot)?;
        let read = io::BufReader::new(file);
        match self.compress {
            None => unpack(read, unpacked.path(), self.most),
            Some(Compression::Gz) => {
                unpack(flate2::read::MultiGzDecoder::new(read), unpacked.path(), self.most)
            }
            Some(Compression::Bz2) => {
                unpack(bzip2::read::MultiBzDecoder::new(read), unpacked.path(), self.most)
            }
        }
        .map_err(cannot)?;
        place(unpacked, &self.target).map_err(cannot)
    }
}

/// Moves an unpacked directory to `target`; into it, if it is there.
fn place(unpacked: TempDir, target: &Path) -> io::Result<()> {
    sync(unpacked.path())?;
    if fs::symlink_metadata(target).is_err() {
        readable(unpacked.path())?;
        fs::rename(unpacked.path(), target)?;
        // It has another name now.
        let _ = unpacked.keep();
    } else {
        merge(unpacked.path(), target)?;
    }
    // The names are as durable as the bytes.
    File::open(target.parent().unwrap_or(target))?.sync_all()
}

/// Moves what is in `from` into the directory `into`, over what is there.
fn merge(from: &Path, into: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(into)?.is_dir() {
        return Err(refused(&format!("{} is not a directory", into.display())));
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = into.join(entry.file_name());
        let is_there = fs::symlink_metadata(&to).ok();
        match is_there {
            Some(there) if entry.file_type()?.is_dir() && there.is_dir() => {
                merge(&entry.path(), &to)?;
            }
            Some(there) if there.is_dir() => {
                return Err(refused(&format!("{} is a directory", to.display())));
            }
            _ => fs::rename(entry.path(), &to)?,
        }
    }
    File::open(into)?.sync_all()
}

/// Writes everything below a directory to disk.
fn sync(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(dir)?.sync_all()
}

/// Unpacks an archive into `root`, which is empty.
fn unpack(archive: impl Read, root: &Path, most: u64) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    let (mut bytes, mut entries) = (0u64, 0u32);
    for entry in archive.entries()? {
        let mut entry = entry?;
        entries += 1;
        bytes = bytes.saturating_add(entry.size());
        if bytes > most {
            return Err(refused(&format!("the archive holds more than {most} bytes")));
        }
        if entries > MOST_ENTRIES {
            return Err(refused(&format!("the archive has more than {MOST_ENTRIES} entries")));
        }
        let name = entry.path()?.into_owned();
        let parts = parts(&name)?;
        let kind = entry.header().entry_type();
        let Some((last, folders)) = parts.split_last() else {
            if kind.is_dir() {
                continue;
            }
            return Err(refused("the archive has an entry without a name"));
        };
        let mut path = root.to_path_buf();
        for folder in folders {
            path.push(folder);
            make_directory(&path)?;
        }
        path.push(last);
        if kind.is_dir() {
            make_directory(&path)?;
        } else if kind.is_file() {
            let mode = entry.header().mode()?;
            // New, so that it is written through no link.
            let mut file = File::options().write(true).create_new(true).open(&path)?;
            io::copy(&mut entry, &mut file)?;
            set_mode(&file, mode)?;
        } else if kind.is_symlink() {
            let to = entry.link_name()?.unwrap_or_default().into_owned();
            link(&to, folders.len(), &path, &name)?;
        } else {
            return Err(refused(&format!(
                "{} is neither file, directory nor link",
                name.display()
            )));
        }
    }
    Ok(())
}

/// A name in an archive, part by part.
fn parts(name: &Path) -> io::Result<Vec<&std::ffi::OsStr>> {
    let mut out = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::CurDir => {}
            _ => return Err(refused(&format!("{} leads out of the archive", name.display()))),
        }
    }
    Ok(out)
}

/// A directory, or one that is there; never a link to one.
fn make_directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(refused(&format!("{} is not a directory", path.display()))),
        Err(_) => {
            fs::create_dir(path)?;
            readable(path)
        }
    }
}

/// Makes a link that stands `depth` folders below the root and stays inside. The folders are real ones,
/// so counting says where it leads.
fn link(to: &Path, depth: usize, path: &Path, name: &Path) -> io::Result<()> {
    let outside = || refused(&format!("the link {} leads out of the archive", name.display()));
    let mut depth = depth;
    for part in to.components() {
        match part {
            // Through another link it might come out elsewhere: what goes up must do so first.
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(outside)?,
            Component::Normal(_) => break,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    let after = to.components().skip_while(|c| !matches!(c, Component::Normal(_)));
    if after.into_iter().any(|c| c == Component::ParentDir) {
        return Err(outside());
    }
    symlink(to, path)
}

fn refused(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

#[cfg(unix)]
fn symlink(to: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, path)
}

#[cfg(not(unix))]
fn symlink(_: &Path, path: &Path) -> io::Result<()> {
    Err(refused(&format!("{} is a link, which this system has none of", path.display())))
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // Nobody's program runs as another user, and nobody but the owner writes.
    file.set_permissions(fs::Permissions::from_mode(mode & 0o755 | 0o600))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// Lets others look into a directory; temporary ones are private.
#[cfg(unix)]
fn readable(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn readable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of these entries: a name, and what it is – text, `-> target`, or `dir`.
    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut out = tar::Builder::new(Vec::new());
        for (name, what) in entries {
            let mut header = tar::Header::new_gnu();
            let text: &[u8] = match (*what, what.strip_prefix("-> ")) {
                ("dir", _) => {
                    header.set_entry_type(tar::EntryType::Directory);
                    b""
                }
                ("pipe", _) => {
                    header.set_entry_type(tar::EntryType::Fifo);
                    b""
                }
                (_, Some(to)) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.as_gnu_mut().unwrap().linkname[..to.len()]
                        .copy_from_slice(to.as_bytes());
                    b""
                }
                (text, None) => text.as_bytes(),
            };
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(text.len() as u64);
            header.set_mode(0o4777);
            header.set_cksum();
            out.append(&header, text).unwrap();
        }
        out.into_inner().unwrap()
    }

    fn receive(dir: &Path, entries: &[(&str, &str)]) -> Result<(), String> {
        let mut tree = Tree::new(Some(dir), "out", None, Some(1000))?;
        archive(entries).chunks(100).try_for_each(|block| tree.write(block))?;
        tree.publish()
    }

    #[test]
    fn a_directory_is_stored_and_added_to() {
        let dir = tempfile::tempdir().unwrap();
        let text = |name: &str| fs::read_to_string(dir.path().join("out").join(name)).unwrap();
        let first = [("", "dir"), ("a/b/c.txt", "one"), ("./d", "two"), ("a/l", "-> b/c.txt")];
        receive(dir.path(), &first).unwrap();
        assert_eq!(
            (text("a/b/c.txt"), text("d"), text("a/l")),
            ("one".into(), "two".into(), "one".into())
        );
        receive(dir.path(), &[("a/b/c.txt", "new"), ("a/e", "more"), ("up/l", "-> ../d")]).unwrap();
        assert_eq!(
            (text("a/b/c.txt"), text("a/e"), text("up/l")),
            ("new".into(), "more".into(), "two".into())
        );
        assert!(receive(dir.path(), &[("a", "a file")]).is_err(), "a directory is not replaced");
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1, "nothing but the directory");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(dir.path().join("out/d")).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o755);
        }
    }

    #[test]
    fn nothing_of_a_hostile_archive_leaves_its_directory() {
        let hostile: [&[(&str, &str)]; 13] = [
            &[("../x", "evil")],
            &[("a/../../x", "evil")],
            &[("/x", "evil")],
            &[("l", "-> /etc")],
            &[("l", "-> ..")],
            &[("a/l", "-> ../../x")],
            &[("a/l", "-> b/../../../x")],
            &[("l", "-> ."), ("l/x", "evil")],
            &[("s", "-> ."), ("s/s/l", "-> ../..")],
            &[("l", "-> target"), ("l", "evil")],
            &[("a", "one"), ("a", "two")],
            &[("p", "pipe")],
            &[("big", &"x".repeat(1001))],
        ];
        for entries in hostile {
            let dir = tempfile::tempdir().unwrap();
            let error = receive(dir.path(), entries).unwrap_err();
            assert!(error.contains("out cannot be stored: "), "{entries:?}: {error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{entries:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        assert!(Tree::new(Some(dir.path()), "../x", None, None).is_err());
        let nothing = Tree::new(Some(dir.path()), "x", None, None).unwrap().publish();
        assert!(nothing.unwrap_err().contains("has sent nothing"));
    }

    #[test]
    fn compressed_archives_are_unpacked_and_bombs_are_not() {
        use std::io::Write as _;
        let plain = archive(&[("a", &"x".repeat(500))]);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&plain).unwrap();
        let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        bz2.write_all(&plain).unwrap();
        let packed =
            [(Compression::Gz, gz.finish().unwrap()), (Compression::Bz2, bz2.finish().unwrap())];
        for (compress, bytes) in packed {
            let dir = tempfile::tempdir().unwrap();
            let receive = |most: u64| {
                let mut tree = Tree::new(Some(dir.path()), "out", Some(compress), Some(most))?;
                tree.write(&bytes)?;
                tree.publish()
            };
            assert!(receive(499).unwrap_err().contains("holds more than 499 bytes"));
            receive(500).unwrap();
            assert_eq!(fs::read(dir.path().join("out/a")).unwrap().len(), 500);
        }
    }
}
