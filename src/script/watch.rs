//! Watches the files of a configuration. Editors replace a file by renaming, deployments swap a
//! link or a whole folder, so what is watched is every entry on the way to a file that could be
//! replaced; and as some file systems tell nothing, the entries are looked at now and then too.
//! A change counts once nothing more has come for the settling time. Whether anything is different
//! is for the reader to find out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::base::clock::Clock;

/// How often the entries are looked at without being told to.
const LOOK: Duration = Duration::from_secs(5);
/// After how long a storm of changes counts although it has not ended.
const STORM: Duration = Duration::from_secs(5);
/// How many entries at the end of a path are watched although they are no links: the file, its
/// folder, and the folder of that. Further up nothing is replaced under a running master.
const ENTRIES: usize = 3;
/// More links on the way to a file are a circle.
const MOST_LINKS: usize = 40;

/// The entries that matter.
type Entries = Arc<Mutex<BTreeSet<PathBuf>>>;

/// A watch; dropping it ends it.
pub struct Watcher {
    inner: notify::RecommendedWatcher,
    entries: Entries,
    /// The watched folders, and which folder it was: another of the same name is watched anew.
    folders: BTreeMap<PathBuf, (u64, u64)>,
}

/// Calls `on_change` (on a thread of the watch) when one of `files` may have been written,
/// replaced, made or removed, and nothing more has happened for `settle`.
///
/// # Errors
/// When the system cannot watch, as a sentence.
pub fn watch(
    files: &BTreeSet<PathBuf>,
    settle: Duration,
    clock: Clock,
    on_change: impl Fn() + Send + 'static,
) -> Result<Watcher, String> {
    let entries = Entries::default();
    let (changed, changes) = mpsc::channel();
    let known = entries.clone();
    let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let matters = match &event {
            Ok(event) => concerns(event, &known.lock().unwrap_or_else(PoisonError::into_inner)),
            // Something was missed.
            Err(_) => true,
        };
        if matters {
            // The receiver ends only together with this closure.
            let _ = changed.send(());
        }
    })
    .map_err(|error| format!("files cannot be watched: {error}."))?;
    let mut watcher = Watcher { inner, entries: entries.clone(), folders: BTreeMap::new() };
    watcher.set_files(files);
    std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || attend(&changes, &entries, settle, clock, on_change))
        .map_err(|error| format!("files cannot be watched: {error}."))?;
    Ok(watcher)
}

fn concerns(event: &notify::Event, entries: &BTreeSet<PathBuf>) -> bool {
    let is_read = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    };
    !is_read && (event.need_rescan() || event.paths.iter().any(|path| entries.contains(path)))
}

fn attend(
    changes: &mpsc::Receiver<()>,
    entries: &Entries,
    settle: Duration,
    clock: Clock,
    on_change: impl Fn(),
) {
    let look = || marks(&entries.lock().unwrap_or_else(PoisonError::into_inner));
    let mut seen = look();
    loop {
        match changes.recv_timeout(LOOK) {
            Ok(()) => {
                let end = clock.now() + STORM;
                while clock.now() < end {
                    match changes.recv_timeout(settle) {
                        Ok(()) => {}
                        Err(RecvTimeoutError::Timeout) => break,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
                seen = look();
                on_change();
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = look();
                if now != seen {
                    seen = now;
                    on_change();
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What would differ if an entry were another or had another content.
type Mark = Option<(u64, u64, u64, Option<SystemTime>)>;

fn marks(entries: &BTreeSet<PathBuf>) -> Vec<Mark> {
    let mark = |path: &PathBuf| {
        let entry = std::fs::symlink_metadata(path).ok()?;
        // A folder's times change with every file in it, watched or not.
        let content = (!entry.is_dir()).then(|| (entry.len(), entry.modified().ok()));
        let (length, modified) = content.unwrap_or_default();
        Some((entry.dev(), entry.ino(), length, modified))
    };
    entries.iter().map(mark).collect()
}

impl Watcher {
    /// Watches these files instead; also to be called after a change, because what lies on the way
    /// to a file may have been replaced. A folder that cannot be watched is said in the log.
    pub fn set_files(&mut self, files: &BTreeSet<PathBuf>) {
        let wanted: BTreeSet<PathBuf> = files.iter().flat_map(|file| trail(file)).collect();
        let folders: BTreeSet<PathBuf> =
            wanted.iter().filter_map(|entry| entry.parent()).map(Path::to_owned).collect();
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        let mut before = std::mem::take(&mut self.folders);
        for folder in folders {
            let Ok(identity) = std::fs::metadata(&folder).map(|m| (m.dev(), m.ino())) else {
                continue;
            };
            let known = before.remove(&folder);
            if known.is_some_and(|known| known == identity) {
                self.folders.insert(folder, identity);
                continue;
            }
            if known.is_some() {
                // The one that was watched is gone or elsewhere.
                let _ = self.inner.unwatch(&folder);
            }
            match self.inner.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder, identity);
                }
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "a folder of the configuration is not watched; it is looked at every 5 s");
                }
            }
        }
        for gone in before.keys() {
            // It may have been removed; then there is nothing to end.
            let _ = self.inner.unwatch(gone);
        }
    }
}

/// The entries on the way to `file` that could be replaced: every link, and the last
/// [`ENTRIES`] of the place it leads to. Where the way ends because something is missing, that is
/// the last entry.
fn trail(file: &Path) -> Vec<PathBuf> {
    let mut pending: VecDeque<OsString> = names(file).collect();
    let mut at = PathBuf::from("/");
    let (mut way, mut links) = (Vec::new(), Vec::new());
    while let Some(name) = pending.pop_front() {
        if name == ".." {
            at.pop();
            way.pop();
            continue;
        }
        let entry = at.join(&name);
        match std::fs::read_link(&entry) {
            Ok(target) if links.len() < MOST_LINKS => {
                if target.is_absolute() {
                    at = PathBuf::from("/");
                    way.clear();
                }
                for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                    pending.push_front(name);
                }
                links.push(entry);
            }
            // Not a link, not there, or a circle.
            _ => {
                let is_folder = entry.is_dir();
                way.push(entry.clone());
                if !is_folder {
                    break;
                }
                at = entry;
            }
        }
    }
    links.extend(way.into_iter().rev().take(ENTRIES));
    links
}

/// The names that a path consists of.
fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A folder with a watch of `file` in it.
    struct Desk {
        root: PathBuf,
        told: mpsc::Receiver<()>,
        watcher: Watcher,
        files: BTreeSet<PathBuf>,
        _dir: tempfile::TempDir,
    }

    impl Desk {
        fn new(file: &str, prepare: impl FnOnce(&Path)) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap();
            prepare(&root);
            let (tx, told) = mpsc::channel();
            let files = BTreeSet::from([root.join(file)]);
            let settle = Duration::from_millis(100);
            let told_of = move || tx.send(()).unwrap_or_default();
            let watcher = watch(&files, settle, Clock::system(), told_of).unwrap();
            Self { root, told, watcher, files, _dir: dir }
        }

        /// Does something that must be told once.
        #[track_caller]
        fn once(&mut self, what: &str, act: impl FnOnce(&Path)) {
            act(&self.root);
            assert_eq!(self.told.recv_timeout(Duration::from_secs(5)), Ok(()), "{what}");
            self.quiet(what, |_| {});
            self.watcher.set_files(&self.files);
        }

        /// Does something that must not be told.
        #[track_caller]
        fn quiet(&self, what: &str, act: impl FnOnce(&Path)) {
            act(&self.root);
            let told = self.told.recv_timeout(Duration::from_millis(300));
            assert_eq!(told, Err(RecvTimeoutError::Timeout), "{what}");
        }
    }

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn rename(from: PathBuf, to: PathBuf) {
        std::fs::rename(from, to).unwrap();
    }

    #[test]
    fn the_ways_of_editors_are_told_once_each_and_strangers_are_ignored() {
        let mut desk = Desk::new("master.lua", |root| write(root.join("master.lua"), "1"));
        desk.quiet("a stranger", |root| write(root.join("other.txt"), "x"));
        desk.quiet("a reader", |root| drop(std::fs::read(root.join("master.lua")).unwrap()));
        desk.once("written in place", |root| write(root.join("master.lua"), "2"));
        desk.once("renamed over", |root| {
            write(root.join("new"), "3");
            rename(root.join("new"), root.join("master.lua"));
        });
        desk.once("vim's backup", |root| {
            rename(root.join("master.lua"), root.join("master.lua~"));
            write(root.join("master.lua"), "4");
            std::fs::remove_file(root.join("master.lua~")).unwrap();
        });
        desk.once("removed", |root| std::fs::remove_file(root.join("master.lua")).unwrap());
        std::thread::sleep(Duration::from_secs(1));
        desk.once("made again", |root| write(root.join("master.lua"), "5"));
    }

    #[test]
    fn another_mode_is_told_as_it_may_make_a_file_readable() {
        let mut desk = Desk::new("master.lua", |root| write(root.join("master.lua"), "1"));
        let mode = |bits| {
            move |root: &Path| {
                let mode = std::fs::Permissions::from_mode(bits);
                std::fs::set_permissions(root.join("master.lua"), mode).unwrap();
            }
        };
        desk.once("locked", mode(0o000));
        desk.once("opened again", mode(0o600));
    }

    #[test]
    fn a_swapped_link_and_a_swapped_folder_are_told() {
        // As Kubernetes mounts a ConfigMap: the file is a link through the link `..data`.
        let mut desk = Desk::new("conf/master.lua", |root| {
            write(root.join("conf/..1/master.lua"), "1");
            write(root.join("conf/..2/master.lua"), "2");
            symlink("..1", root.join("conf/..data")).unwrap();
            symlink("..data/master.lua", root.join("conf/master.lua")).unwrap();
        });
        desk.once("the link is swapped", |root| {
            symlink("..2", root.join("conf/..tmp")).unwrap();
            rename(root.join("conf/..tmp"), root.join("conf/..data"));
        });
        desk.once("the file behind it is written", |root| {
            write(root.join("conf/..2/master.lua"), "3");
        });
        desk.once("the whole folder is swapped", |root| {
            write(root.join("next/master.lua"), "4");
            rename(root.join("conf"), root.join("old"));
            rename(root.join("next"), root.join("conf"));
        });
        desk.once("the new folder is watched", |root| write(root.join("conf/master.lua"), "5"));
        desk.quiet("the old one is not", |root| write(root.join("old/..2/master.lua"), "6"));
    }

    #[test]
    fn what_was_looked_for_in_vain_is_told_when_it_comes() {
        let mut desk = Desk::new("sub/part.lua", |_| {});
        desk.once("its folder comes", |root| std::fs::create_dir(root.join("sub")).unwrap());
        desk.once("and it", |root| write(root.join("sub/part.lua"), "1"));
    }

    #[test]
    fn a_storm_is_told_a_few_times() {
        let desk = Desk::new("master.lua", |root| write(root.join("master.lua"), "1"));
        for n in 0..1000 {
            write(desk.root.join("master.lua"), &n.to_string());
        }
        assert_eq!(desk.told.recv_timeout(Duration::from_secs(10)), Ok(()));
        std::thread::sleep(Duration::from_millis(300));
        assert!(desk.told.try_iter().count() < 5);
    }

    #[test]
    fn a_circle_of_links_has_an_end() {
        let dir = tempfile::tempdir().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        assert!(trail(&dir.path().join("a")).len() < MOST_LINKS + ENTRIES + 1);
    }

    #[test]
    fn a_watch_that_is_dropped_ends() {
        let desk = Desk::new("master.lua", |root| write(root.join("master.lua"), "1"));
        let Desk { told, watcher, .. } = desk;
        drop(watcher);
        assert_eq!(told.recv_timeout(Duration::from_secs(5)), Err(RecvTimeoutError::Disconnected));
    }
}
