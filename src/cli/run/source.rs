//! A git working tree in place of a builder's repository: its commit is what the source step fetches,
//! and what is not committed, new files too, is a patch that the step applies.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::cli::failure::Failure;
use crate::engine::Engine;
use crate::engine::input::BuildOrder;
use crate::model::config::{Config, StepConfig, StepOption};
use crate::model::render::Renderable;
use crate::model::sourcestamp::NewPatch;
use crate::store::patches;

/// The steps that get a source with git.
const SOURCES: &[&str] = &["git", "github"];

/// Variables by which git finds another repository than the one it is called in.
pub(super) const OF_REPOSITORY: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_QUARANTINE_PATH",
];

/// A working tree.
pub(super) struct WorkingTree {
    codebase: Option<String>,
    top: PathBuf,
    branch: String,
    commit: String,
    /// What differs from the commit.
    patch: Vec<u8>,
}

/// What is not committed, for which codebase.
pub(super) struct Patch {
    codebase: String,
    body: Vec<u8>,
}

impl WorkingTree {
    /// Looks at `DIR` or `CODEBASE=DIR`. Nothing in it is changed, not even git's index.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let (codebase, dir) = match text.split_once('=') {
            Some((codebase, dir)) if !Path::new(text).exists() => (Some(codebase.to_owned()), dir),
            _ => (None, text),
        };
        let dir = Path::new(dir);
        let top = line(dir, &["rev-parse", "--show-toplevel"])
            .map_err(|f| f.hint("--worktree takes a directory that git knows."))?;
        let top = PathBuf::from(top);
        let commit = line(&top, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
            .map_err(|_| Failure::usage(format!("{} has no commit yet.", top.display())))?;
        let branch = line(&top, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
        let branch = branch.unwrap_or_else(|_| "HEAD".to_owned());
        let patch = difference(&top)?;
        Ok(Self { codebase, top, branch, commit, patch })
    }

    /// Lets the builder's source step fetch from here, and orders a build of what is here.
    pub(super) fn put_into(
        self,
        config: &mut Config,
        order: &mut BuildOrder,
    ) -> Result<Patch, Failure> {
        let builder = config.builders.iter_mut().find(|b| b.name == order.builder);
        let steps = builder.map(|b| &mut b.steps).into_iter().flatten();
        let mut sources: Vec<&mut Arc<StepConfig>> =
            steps.filter(|step| SOURCES.contains(&step.kind.as_str())).collect();
        let mut known: Vec<String> = sources.iter().map(|step| codebase(step)).collect();
        known.sort();
        known.dedup();
        let codebase = match (&self.codebase, known.as_slice()) {
            (_, []) => {
                let text = format!("Builder {} has no step that gets a source.", order.builder);
                return Err(Failure::usage(text).hint("Leave --worktree out."));
            }
            (Some(wanted), known) if known.contains(wanted) => wanted.clone(),
            (None, [one]) => one.clone(),
            (_, known) => {
                let text = "The builder gets the sources of several codebases, or of another.";
                let hint =
                    format!("Write --worktree CODEBASE=DIR with one of {}.", known.join(", "));
                return Err(Failure::usage(text).hint(hint));
            }
        };
        let repository = format!("file://{}", self.top.display());
        for step in sources.iter_mut().filter(|step| self::codebase(step) == codebase) {
            let repo = StepOption::Value(Renderable::text(&repository));
            Arc::make_mut(step).options.insert("repo".to_owned(), repo);
        }
        let mut stamp = order.sourcestamps.pop().unwrap_or_default();
        stamp.branch = Some(self.branch);
        stamp.revision = Some(self.commit);
        stamp.repository = repository;
        stamp.codebase.clone_from(&codebase);
        order.sourcestamps = vec![stamp];
        Ok(Patch { codebase, body: self.patch })
    }
}

impl Patch {
    /// Stores the patch, and orders the source with it.
    pub(super) async fn store(
        self,
        engine: &Engine,
        order: &mut BuildOrder,
    ) -> Result<(), Failure> {
        if self.body.is_empty() {
            return Ok(());
        }
        let author = "halide-ci run".to_owned();
        let comment = "what is not committed".to_owned();
        let patch = NewPatch { level: 1, subdir: String::new(), author, comment, body: self.body };
        let now = engine.clock().now();
        let stored = engine.write(move |conn| patches::insert(conn, &patch, now)).await;
        let stored = stored.map_err(|e| Failure::failed(e.to_string()))?;
        for stamp in order.sourcestamps.iter_mut().filter(|s| s.codebase == self.codebase) {
            stamp.patch = Some(stored.clone());
        }
        Ok(())
    }
}

/// Which codebase a source step gets.
fn codebase(step: &StepConfig) -> String {
    match step.options.get("codebase") {
        Some(StepOption::Value(value)) => value.as_constant().and_then(|v| v.as_str()),
        _ => None,
    }
    .unwrap_or_default()
    .to_owned()
}

/// What differs from the commit: an index of its own takes in everything that git does not ignore,
/// and what it takes in lies beside it.
fn difference(top: &Path) -> Result<Vec<u8>, Failure> {
    let scratch = tempfile::tempdir()
        .map_err(|e| Failure::failed(format!("no scratch directory can be made: {e}")))?;
    let objects = line(top, &["rev-parse", "--path-format=absolute", "--git-path", "objects"])?;
    let with_index = |args: &[&str]| git(top, args, Some((scratch.path(), &objects)));
    with_index(&["read-tree", "HEAD"])?;
    with_index(&["add", "--all", "--", "."])?;
    with_index(&["diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "HEAD", "--"])
}

fn line(dir: &Path, args: &[&str]) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&git(dir, args, None)?).trim().to_owned())
}

/// Runs git in `dir`; `apart` = where it writes, and the objects that it reads besides.
fn git(dir: &Path, args: &[&str], apart: Option<(&Path, &str)>) -> Result<Vec<u8>, Failure> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(args).stdin(Stdio::null());
    for of_hook in OF_REPOSITORY {
        command.env_remove(of_hook);
    }
    if let Some((scratch, objects)) = apart {
        command.env("GIT_INDEX_FILE", scratch.join("index"));
        command.env("GIT_OBJECT_DIRECTORY", scratch);
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects);
    }
    let out = command
        .output()
        .map_err(|e| Failure::failed(format!("git cannot be run: {e}.")).hint("Install it."))?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let text = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    let text = if text.is_empty() { format!("git {} failed.", args.join(" ")) } else { text };
    Err(Failure::failed(text))
}
