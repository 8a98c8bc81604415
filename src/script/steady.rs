//! Loads a configuration whose files have come to rest. A file that is being written, or a tree that
//! is being checked out, must not be taken in a state between two: what was read has to stand
//! unchanged, and the last writing has to be a while ago, before a load counts.

use std::path::Path;
use std::time::Duration;

use super::fault::{LoadError, Problem};
use super::load::{LoadOptions, Loaded, load_tree};
use super::texts::Tree;
use crate::base::clock::{Clock, Timestamp};
use crate::model::config::Site;

/// How long files that never rest are waited for.
const LONGEST: Duration = Duration::from_secs(10);

/// What has become of the files of a load.
enum Rest {
    /// They stand as they were read.
    Same,
    /// They rest, and differ.
    Different,
    /// They are still being written.
    Never,
}

/// Loads until the files have rested for `settle` and stand as they were read. `noted` is told the
/// files of each load before they are looked at again, so that it can watch them: a change
/// is seen either here or by the watch.
pub async fn load_steady(
    options: LoadOptions,
    settle: Duration,
    mut noted: impl FnMut(&Tree),
) -> (Result<Loaded, LoadError>, Tree) {
    let clock = options.clock;
    let end = clock.now() + LONGEST;
    loop {
        let (loaded, tree) = load_tree(options.clone()).await;
        noted(&tree);
        match rest(&tree, settle, clock, end).await {
            Rest::Same => return (loaded, tree),
            Rest::Different if clock.now() < end => {}
            Rest::Different | Rest::Never => return (Err(restless(&options.file, &tree)), tree),
        }
    }
}

async fn rest(tree: &Tree, settle: Duration, clock: Clock, end: Timestamp) -> Rest {
    loop {
        let before = tree.clone();
        let look = move || (before.now() == before, before.written_at());
        // A look that panicked is looked again.
        let (is_same, written) = tokio::task::spawn_blocking(look).await.unwrap_or((false, None));
        let now = clock.now();
        // A time in the future says nothing: clocks differ between machines.
        let age = written.filter(|at| *at <= now).map(|at| now.since(at));
        match age {
            Some(age) if age < settle && now >= end => return Rest::Never,
            Some(age) if age < settle => tokio::time::sleep(settle.saturating_sub(age)).await,
            _ if is_same => return Rest::Same,
            _ => return Rest::Different,
        }
    }
}

fn restless(file: &Path, tree: &Tree) -> LoadError {
    let newest = tree.newest().and_then(Path::file_name).unwrap_or_default();
    let message = format!(
        "the files of the configuration have not rested for {} s: {} keeps changing.",
        LONGEST.as_secs(),
        newest.display()
    );
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let problem = Problem::new(Site { file: name.into(), line: 0 }, message);
    LoadError::one(problem.hint("Write to a new file and rename it, or wait, and reload."))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::http;
    use crate::script::load::Mount;

    const SETTLE: Duration = Duration::from_millis(100);

    fn options(file: PathBuf) -> LoadOptions {
        LoadOptions {
            base_dir: file.parent().unwrap().to_owned(),
            file,
            clock: Clock::system(),
            http: http::Client::new(),
            secrets: crate::script::load::Secrets::Files,
            mount: Mount::Thread,
        }
    }

    fn text(title: &str) -> String {
        let start = format!("local c = require('ci').config()\nc.title = '{title}'\n");
        start
            + r#"c.workers = { require("ci").worker { name = "w", password = "p-of-w" } }
c.builders = { require("ci").builder { name = "b", workers = { "w" }, factory = { require("ci").steps.shell { command = "x" } } } }
c.schedulers = { require("ci").schedulers.force { name = "f", builders = { "b" } } }
return c
"#
    }

    #[tokio::test]
    async fn a_state_between_two_is_never_taken() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.lua");
        std::fs::write(&file, text("old")).unwrap();
        let written = file.clone();
        // A valid text first, which is only half of what is meant.
        let writer = std::thread::spawn(move || {
            for title in ["half", "nearly", "whole"] {
                std::fs::write(&written, text(title)).unwrap();
                std::thread::sleep(SETTLE / 2);
            }
        });
        std::thread::sleep(SETTLE / 4);
        let (loaded, tree) = load_steady(options(file), SETTLE, |_| {}).await;
        assert_eq!(loaded.map_err(|e| e.to_string()).map(|l| l.config.title).unwrap(), "whole");
        assert_eq!(tree, tree.now());
        writer.join().unwrap();
    }

    #[tokio::test]
    async fn files_that_rest_are_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.lua");
        std::fs::write(&file, text("old")).unwrap();
        tokio::time::sleep(SETTLE).await;
        let (loaded, _) = tokio::time::timeout(LONGEST, load_steady(options(file), SETTLE, |_| {}))
            .await
            .unwrap();
        assert_eq!(loaded.map_err(|e| e.to_string()).unwrap().config.title, "old");
    }
}
