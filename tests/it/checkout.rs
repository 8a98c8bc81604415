//! The step `git` with real git: what it asks for is really done, in a scratch directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use halide_ci::engine::desk::{Desk, Ran, StepAnswer, StepRequest};
use halide_ci::engine::ports::{StepRun, StepValue};
use halide_ci::model::build::BuildView;
use halide_ci::model::command::{Argument, CommandLine, FileStat, ShellCommand};
use halide_ci::model::config::StepOption;
use halide_ci::model::sourcestamp::{PatchRef, Sourcestamp};
use halide_ci::model::step::StepView;
use halide_ci::script::load::Mount;
use serde_json::Value as Json;

use crate::scripts::load_steps;

/// Runs git in `dir` and returns its output.
fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with some commits of one file, and a pull request's merge ref.
struct Origin(tempfile::TempDir);

impl Origin {
    fn new(commits: usize) -> Self {
        let origin = Self(tempfile::tempdir().unwrap());
        git(origin.path(), &["init", "--quiet"]);
        for n in 1..=commits {
            origin.commit(&n.to_string());
        }
        origin
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn commit(&self, text: &str) -> String {
        std::fs::write(self.path().join("file.txt"), text).unwrap();
        git(self.path(), &["add", "."]);
        git(self.path(), &["commit", "--quiet", "--message", text]);
        git(self.path(), &["rev-parse", "HEAD"])
    }
}

fn run(command: &ShellCommand) -> Ran {
    let CommandLine::Argv(argv) = &command.command else { panic!("a shell command") };
    let words: Vec<&str> = argv
        .iter()
        .map(|a| match a {
            Argument::Plain(text) => text.as_str(),
            Argument::Obfuscated(_, shown) => shown,
        })
        .collect();
    std::fs::create_dir_all(&command.workdir).unwrap();
    let output = Command::new(words[0])
        .args(&words[1..])
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(&command.workdir)
        .output()
        .unwrap();
    Ran {
        rc: output.status.code().unwrap_or(-1).into(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        failure_reason: None,
    }
}

/// A worker's directory in which checkouts are made.
struct Checkout {
    dir: tempfile::TempDir,
    /// What somebody tries: a patch, and how many parts of its paths are left out.
    patch: Option<(String, u32)>,
}

impl Checkout {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), patch: None }
    }

    fn dir(&self) -> PathBuf {
        self.dir.path().join("build")
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.dir().join("file.txt")).unwrap()
    }

    fn answer(&self, request: &StepRequest, got_revision: &mut Option<String>) -> StepAnswer {
        match request {
            StepRequest::WritePatch { path, codebase } => {
                assert_eq!(codebase, "");
                let (patch, _) = self.patch.as_ref().unwrap();
                std::fs::write(path, patch).unwrap();
                StepAnswer::Value(true.into())
            }
            StepRequest::Run { command, .. } => StepAnswer::Ran(run(command)),
            StepRequest::Stat { path } => {
                let found = Path::new(path).exists();
                StepAnswer::Stat(found.then_some(FileStat { mode: 0, size: 0, mtime: 0 }))
            }
            StepRequest::RemoveDirectory { paths, .. } => {
                // Missing directories are fine.
                paths.iter().for_each(|path| drop(std::fs::remove_dir_all(path)));
                StepAnswer::Done
            }
            StepRequest::SetProperty { value, .. } => {
                *got_revision = value.as_str().map(str::to_owned);
                StepAnswer::Done
            }
            other => panic!("unexpected: {other:?}"),
        }
    }

    /// Plays `step`; the revision that was got, or what went wrong.
    fn make(
        &self,
        step: &str,
        branch: Option<&str>,
        revision: Option<&str>,
    ) -> Result<String, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let loaded = load_steps(Mount::Local, "", step).await;
            let config = &loaded.config.builders[0].steps[0];
            let constant = |option: &StepOption| match option {
                StepOption::Value(value) => StepValue::Json(value.as_constant().unwrap().clone()),
                StepOption::Function(_) => StepValue::Json(Json::Null),
            };
            let stamp = Sourcestamp {
                branch: branch.map(str::to_owned),
                revision: revision.map(str::to_owned),
                patch: self.patch.as_ref().map(|(_, level)| PatchRef {
                    id: 1,
                    level: *level,
                    subdir: String::new(),
                }),
                ..Sourcestamp::default()
            };
            let build = BuildView { sourcestamps: Arc::new(vec![stamp]), ..BuildView::default() };
            let (desk, mut inbox) = Desk::new();
            let job = StepRun {
                run: config.run.clone(),
                view: StepView {
                    build,
                    workdir: self.dir().display().to_string(),
                    ..StepView::default()
                },
                options: config.options.iter().map(|(n, o)| (n.clone(), constant(o))).collect(),
                desk,
            };
            let mut got_revision = None;
            let serve = async {
                while let Some(wish) = inbox.recv().await {
                    let answer = self.answer(&wish.request, &mut got_revision);
                    let _ = wish.answer.send(Ok(answer));
                }
            };
            let (results, ()) = tokio::join!(loaded.scripts.run_step(job), serve);
            match (results, got_revision) {
                (Ok(_), Some(revision)) => Ok(revision),
                (Ok(results), None) => Err(format!("{results:?}")),
                (Err(error), _) => Err(error.to_string()),
            }
        })
    }
}

#[test]
fn a_checkout_follows_its_branch_and_goes_back_to_old_commits() {
    let origin = Origin::new(3);
    let newest = git(origin.path(), &["rev-parse", "HEAD"]);
    let oldest = git(origin.path(), &["rev-parse", "HEAD~2"]);
    for repo in [origin.path().display().to_string(), format!("file://{}", origin.path().display())]
    {
        let checkout = Checkout::new();
        let step = format!("ci.steps.git {{ repo = {repo:?}, branch = 'main' }}");
        assert_eq!(checkout.make(&step, None, None).unwrap(), newest);
        std::fs::write(checkout.dir().join("untracked"), "kept").unwrap();
        std::fs::write(checkout.dir().join("file.txt"), "changed by the build").unwrap();
        assert_eq!(checkout.make(&step, Some("main"), Some(&oldest)).unwrap(), oldest);
        assert_eq!(checkout.file(), "1");
        assert_eq!(checkout.make(&step, Some("main"), None).unwrap(), newest);
        assert!(checkout.dir().join("untracked").exists());
    }
    let checkout = Checkout::new();
    let step = format!("ci.steps.git {{ repo = {:?} }}", origin.path());
    checkout.make(&step, Some("main"), None).unwrap();
    let later = origin.commit("4");
    assert_eq!(checkout.make(&step, Some("main"), Some(&later)).unwrap(), later);
    assert_eq!(checkout.file(), "4");
}

#[test]
fn full_checkouts_clean_and_strangers_files_do_not_hinder_a_clone() {
    let origin = Origin::new(1);
    let checkout = Checkout::new();
    std::fs::create_dir(checkout.dir()).unwrap();
    std::fs::write(checkout.dir().join("stranger"), "x").unwrap();
    for method in ["fresh", "clean", "clobber"] {
        let step = format!(
            "ci.steps.git {{ repo = {:?}, mode = 'full', method = {method:?} }}",
            origin.path()
        );
        checkout.make(&step, Some("main"), None).unwrap();
        assert!(!checkout.dir().join("stranger").exists(), "{method}");
        std::fs::write(checkout.dir().join("stranger"), "x").unwrap();
    }
}

#[test]
fn a_shallow_checkout_still_reaches_an_old_commit() {
    let origin = Origin::new(5);
    let oldest = git(origin.path(), &["rev-parse", "HEAD~4"]);
    let checkout = Checkout::new();
    let step =
        format!("ci.steps.git {{ repo = 'file://{}', shallow = true }}", origin.path().display());
    checkout.make(&step, Some("main"), None).unwrap();
    assert_eq!(git(&checkout.dir(), &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(checkout.make(&step, Some("main"), Some(&oldest)).unwrap(), oldest);
}

#[test]
fn a_pull_requests_merge_ref_is_taken_at_its_tip() {
    let origin = Origin::new(2);
    let head = git(origin.path(), &["rev-parse", "HEAD~1"]);
    let merge = git(origin.path(), &["rev-parse", "HEAD"]);
    git(origin.path(), &["update-ref", "refs/pull/7/merge", &merge]);
    let checkout = Checkout::new();
    let step = format!("ci.steps.github {{ repo = {:?} }}", origin.path());
    let got = checkout.make(&step, Some("refs/pull/7/merge"), Some(&head)).unwrap();
    assert_eq!(got, merge);
}

#[test]
fn a_branch_that_is_not_there_is_a_failure() {
    let origin = Origin::new(1);
    let step = format!("ci.steps.git {{ repo = {:?} }}", origin.path());
    let error = Checkout::new().make(&step, Some("gone"), None).unwrap_err();
    assert_eq!(error, "Some(Failure)");
}

#[test]
fn a_patch_is_applied_and_gone_with_the_next_checkout() {
    let origin = Origin::new(2);
    let base = git(origin.path(), &["rev-parse", "HEAD"]);
    let tree = tempfile::tempdir().unwrap();
    let from = origin.path().display().to_string();
    git(tree.path(), &["clone", "--quiet", &from, "."]);
    std::fs::write(tree.path().join("file.txt"), "tried").unwrap();
    std::fs::create_dir(tree.path().join("new")).unwrap();
    std::fs::write(tree.path().join("new/binary"), [0u8, 159, 146, 150]).unwrap();
    git(tree.path(), &["add", "."]);
    // Its last line must end in one.
    let patch = git(tree.path(), &["diff", "--cached", "--binary"]) + "\n\n";
    let mut checkout = Checkout::new();
    checkout.patch = Some((patch, 1));
    let step = format!("ci.steps.git {{ repo = {from:?} }}");
    assert_eq!(checkout.make(&step, Some("main"), Some(&base)).unwrap(), base);
    assert_eq!(checkout.file(), "tried");
    assert_eq!(std::fs::read(checkout.dir().join("new/binary")).unwrap(), [0u8, 159, 146, 150]);
    // The same again, and then without it.
    checkout.make(&step, Some("main"), Some(&base)).unwrap();
    assert_eq!(checkout.file(), "tried");
    checkout.patch = None;
    checkout.make(&step, Some("main"), Some(&base)).unwrap();
    assert_eq!(checkout.file(), "2");
    assert!(!checkout.dir().join("new/binary").exists(), "a new file of the patch is gone");
    checkout.patch =
        Some(("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".to_owned(), 1));
    let error = checkout.make(&step, Some("main"), Some(&base)).unwrap_err();
    assert!(error.contains("the patch does not apply"), "{error}");
}
