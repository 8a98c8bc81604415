//! Watches the files of a configuration. Editors replace a file by renaming, so the folders are
//! watched; a change counts once nothing more has come for the settling time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher as _};

/// A watch; dropping it ends it.
pub struct Watcher {
    inner: notify::RecommendedWatcher,
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    folders: BTreeSet<PathBuf>,
}

/// Calls `on_change` (on a thread of the watch) when one of `files` was written, replaced, made or
/// removed, and nothing more has happened for `settle`.
///
/// # Errors
/// When the system cannot watch, as a sentence.
pub fn watch(
    files: Vec<PathBuf>,
    settle: Duration,
    on_change: impl Fn() + Send + 'static,
) -> Result<Watcher, String> {
    let watched: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
    let (changed, changes) = mpsc::channel();
    let known = watched.clone();
    let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if event.paths.iter().any(|path| known.contains(path)) {
            // The receiver ends only together with this closure.
            let _ = changed.send(());
        }
    })
    .map_err(|error| format!("files cannot be watched: {error}."))?;
    std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || settled(&changes, settle, on_change))
        .map_err(|error| format!("files cannot be watched: {error}."))?;
    let mut watcher = Watcher { inner, files: watched, folders: BTreeSet::new() };
    watcher.set_files(files);
    Ok(watcher)
}

fn settled(changes: &mpsc::Receiver<()>, settle: Duration, on_change: impl Fn()) {
    while changes.recv().is_ok() {
        loop {
            match changes.recv_timeout(settle) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        on_change();
    }
}

impl Watcher {
    /// Watches these files instead. A folder that cannot be watched is said in the log.
    pub fn set_files(&mut self, files: Vec<PathBuf>) {
        let mut wanted = BTreeSet::new();
        for file in files {
            // Both the link and what it points to: either may be replaced.
            wanted.extend(file.canonicalize().ok());
            wanted.insert(file);
        }
        let folders: BTreeSet<PathBuf> =
            wanted.iter().filter_map(|f| f.parent()).map(Path::to_owned).collect();
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        for gone in self.folders.difference(&folders) {
            // It may have been removed; then there is nothing to end.
            let _ = self.inner.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for folder in folders {
            let is_new = !self.folders.contains(&folder);
            match if is_new {
                self.inner.watch(&folder, RecursiveMode::NonRecursive)
            } else {
                Ok(())
            } {
                Ok(()) => {
                    watched.insert(folder);
                }
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "a folder of the configuration is not watched");
                }
            }
        }
        self.folders = watched;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_by_renaming_is_told_once_and_strangers_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let file = root.join("master.lua");
        std::fs::write(&file, "1").unwrap();
        let (tx, rx) = mpsc::channel();
        let watcher =
            watch(vec![file.clone()], Duration::from_millis(100), move || tx.send(()).unwrap())
                .unwrap();
        std::fs::write(root.join("other.txt"), "x").unwrap();
        assert_eq!(rx.recv_timeout(Duration::from_millis(400)), Err(RecvTimeoutError::Timeout));
        std::fs::write(root.join("new.lua"), "2").unwrap();
        std::fs::rename(root.join("new.lua"), &file).unwrap();
        std::fs::write(&file, "3").unwrap();
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Ok(()));
        assert_eq!(rx.recv_timeout(Duration::from_millis(400)), Err(RecvTimeoutError::Timeout));
        drop(watcher);
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Err(RecvTimeoutError::Disconnected));
    }
}
