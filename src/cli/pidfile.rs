//! `halide-ci.pid`: which process serves a directory. The process holds a lock on the file for as
//! long as it lives, so a number that a dead process left behind is never mistaken for a living
//! one, whoever has that number now.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::Failure;
use super::place::Place;

/// The file of this process; removed when it is dropped.
pub(super) struct PidFile {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// Who serves a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody, and nobody left anything behind.
    Nobody,
    /// Nobody; a process that ended without cleaning up had this number.
    Stale(u32),
    /// This process.
    Running(u32),
    /// Nobody knows: this user may not look.
    Hidden,
}

impl PidFile {
    /// Becomes the one process that serves `place`. Also returns the number that a dead one left.
    ///
    /// # Errors
    /// When another process serves it, or the directory is not writable.
    pub(super) fn take(place: &Place) -> Result<(Self, Option<u32>), Failure> {
        let path = place.pid_file();
        // Somebody who only looks holds the lock for a moment: try again.
        for _ in 0..10 {
            let mut file = open(&path).map_err(|e| unwritable(place, &e))?;
            match file.try_lock() {
                Ok(()) => {
                    if !is_still_there(&file, &path) {
                        continue;
                    }
                    let stale = read(&mut file);
                    write(&mut file).map_err(|e| unwritable(place, &e))?;
                    return Ok((Self { path, _file: file }, stale));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::Error(e)) => return Err(unwritable(place, &e)),
            }
        }
        Err(already(place, look(place)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A file that stays behind is harmless: its lock is free.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Who serves `place`.
pub(super) fn look(place: &Place) -> Found {
    let mut file = match File::open(place.pid_file()) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Found::Hidden,
        Err(_) => return Found::Nobody,
    };
    let number = read(&mut file);
    match (file.try_lock_shared(), number) {
        (Err(TryLockError::WouldBlock), number) => Found::Running(number.unwrap_or(0)),
        (_, Some(number)) => Found::Stale(number),
        (_, None) => Found::Nobody,
    }
}

/// Waits until the process that serves `place` has ended; false when `limit` passed before. No
/// limit: as long as it takes.
pub(super) fn wait_until_gone(place: &Place, limit: Option<Duration>) -> bool {
    let Ok(file) = File::open(place.pid_file()) else { return true };
    let (tell, told) = std::sync::mpsc::channel();
    // The kernel wakes the thread when the lock is free; it ends with this process otherwise.
    std::thread::spawn(move || tell.send(file.lock_shared().is_ok()));
    match limit {
        Some(limit) => told.recv_timeout(limit).unwrap_or(false),
        None => told.recv().unwrap_or(false),
    }
}

/// That somebody serves `place` already.
pub(super) fn already(place: &Place, found: Found) -> Failure {
    let who = match found {
        Found::Running(pid) if pid > 0 => format!("process {pid}"),
        _ => "another process".to_owned(),
    };
    Failure::failed(format!("The {place} is already running as {who}."))
        .hint(format!("Stop it with: halide-ci stop {}", place.dir.display()))
}

/// That the directory of `place` cannot be written.
pub(super) fn unwritable(place: &Place, error: &std::io::Error) -> Failure {
    let dir = place.dir.display();
    Failure::failed(format!("The directory {dir} is not writable: {error}.")).hint(format!(
        "Give it to the user that runs halide-ci: chown -R USER {dir} && chmod u+rwx {dir}"
    ))
}

fn open(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether `path` is still the file that was locked: its last owner may just have removed it.
fn is_still_there(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

fn read(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::place::Role;

    fn place(dir: &tempfile::TempDir) -> Place {
        Place { dir: dir.path().to_owned(), role: Role::Master }
    }

    #[test]
    fn only_one_process_serves_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        assert_eq!(look(&place), Found::Nobody);
        let (held, stale) = PidFile::take(&place).unwrap();
        assert_eq!(stale, None);
        assert_eq!(look(&place), Found::Running(std::process::id()));
        let failure = PidFile::take(&place).err().unwrap();
        assert!(failure.message.contains("already running as process"), "{failure}");
        assert!(!wait_until_gone(&place, Some(Duration::from_millis(10))));
        drop(held);
        assert_eq!(look(&place), Found::Nobody);
        assert!(wait_until_gone(&place, None));
    }

    #[test]
    fn the_number_of_a_dead_process_is_stale_even_if_somebody_has_it_now() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        // Process 1 always lives.
        std::fs::write(place.pid_file(), "1\n").unwrap();
        assert_eq!(look(&place), Found::Stale(1));
        assert_eq!(PidFile::take(&place).unwrap().1, Some(1));
    }
}
