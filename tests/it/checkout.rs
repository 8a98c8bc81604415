//! The step `git` with real git: what it asks for is really done, in a scratch directory.

use std::cell::RefCell;
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

fn run(command: &ShellCommand) -> (Vec<String>, Ran) {
    let CommandLine::Argv(argv) = &command.command else { panic!("a shell command") };
    let words = argv.iter().map(|a| match a {
        Argument::Plain(text) => text.clone(),
        Argument::Obfuscated(_, shown) => shown.clone(),
    });
    let words: Vec<String> = words.collect();
    std::fs::create_dir_all(&command.workdir).unwrap();
    let output = Command::new(&words[0])
        .args(&words[1..])
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(&command.workdir)
        .output()
        .unwrap();
    let ran = Ran {
        rc: output.status.code().unwrap_or(-1).into(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        failure_reason: None,
    };
    (words, ran)
}

/// The files that a pattern finds, of which only the last part has stars.
fn glob(pattern: &str) -> Vec<String> {
    let (dir, name) = pattern.rsplit_once('/').unwrap();
    let end = name.strip_prefix('*').unwrap();
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path().display().to_string());
    paths.filter(|path| path.ends_with(end)).collect()
}

/// A worker's directory in which checkouts are made.
struct Checkout {
    dir: tempfile::TempDir,
    /// Where builders have their directories; a builder's own is `builder` there.
    builder: String,
    /// What was set beside `got_revision`.
    properties: RefCell<Vec<(String, String)>>,
    /// Every command.
    commands: RefCell<Vec<String>>,
    /// What somebody tries: a patch, and how many parts of its paths are left out.
    patch: Option<(String, u32)>,
}

impl Checkout {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            builder: "b".to_owned(),
            properties: RefCell::default(),
            commands: RefCell::default(),
            patch: None,
        }
    }

    fn dir(&self) -> PathBuf {
        self.dir.path().join(&self.builder).join("build")
    }

    /// The commands since the last call, without `git`.
    fn ran(&self) -> Vec<String> {
        std::mem::take(&mut self.commands.borrow_mut())
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
            StepRequest::Run { command, .. } => {
                let (words, ran) = run(command);
                self.commands.borrow_mut().push(words[1..].join(" "));
                StepAnswer::Ran(ran)
            }
            StepRequest::Stat { path } => {
                let found = Path::new(path).exists();
                StepAnswer::Stat(found.then_some(FileStat { mode: 0, size: 0, mtime: 0 }))
            }
            StepRequest::RemoveDirectory { paths, .. } => {
                // Missing directories are fine.
                paths.iter().for_each(|path| drop(std::fs::remove_dir_all(path)));
                StepAnswer::Done
            }
            StepRequest::SetProperty { name, value, .. } => {
                let value = value.as_str().map(str::to_owned);
                match name.as_str() {
                    "got_revision" => *got_revision = value,
                    _ => self.properties.borrow_mut().push((name.clone(), value.unwrap())),
                }
                StepAnswer::Done
            }
            StepRequest::SetSummary { .. } => StepAnswer::Done,
            StepRequest::WriteFile { path, data, .. } => {
                std::fs::write(path, data).unwrap();
                StepAnswer::Done
            }
            StepRequest::ReadFile { path, .. } => {
                StepAnswer::Data(std::fs::read(path).unwrap().into())
            }
            StepRequest::Glob { path } => StepAnswer::Files(glob(path)),
            StepRequest::RemoveFile { path } => {
                std::fs::remove_file(path).unwrap();
                StepAnswer::Done
            }
            StepRequest::MakeDirectory { path } => {
                std::fs::create_dir_all(path).unwrap();
                StepAnswer::Done
            }
            StepRequest::CopyDirectory { from, to, .. } => {
                let copied = Command::new("cp").args(["-a", from, to]).status().unwrap();
                assert!(copied.success());
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
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
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
            let build = BuildView {
                sourcestamps: Arc::new(vec![stamp]),
                builddir: self.dir().parent().unwrap().display().to_string(),
                ..BuildView::default()
            };
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
    std::fs::create_dir_all(checkout.dir()).unwrap();
    std::fs::write(checkout.dir().join("stranger"), "x").unwrap();
    for method in ["fresh", "clean", "clobber", "copy"] {
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

#[test]
fn a_commit_that_is_there_costs_three_commands_and_no_network() {
    let origin = Origin::new(2);
    let commit = git(origin.path(), &["rev-parse", "HEAD"]);
    let checkout = Checkout::new();
    let step = format!("ci.steps.git {{ repo = {:?} }}", origin.path());
    checkout.make(&step, Some("main"), Some(&commit)).unwrap();
    checkout.ran();
    checkout.make(&step, Some("main"), Some(&commit)).unwrap();
    let expected = [
        format!("rev-parse --verify --quiet {commit}^{{commit}}"),
        format!("checkout --force --detach {commit} --"),
        "rev-parse HEAD".to_owned(),
    ];
    assert_eq!(checkout.ran(), expected);
}

#[test]
fn builders_of_a_worker_share_a_mirror_and_fetch_a_commit_once() {
    let origin = Origin::new(2);
    let first = git(origin.path(), &["rev-parse", "HEAD"]);
    let step = format!("ci.steps.git {{ repo = {:?}, mirror = true }}", origin.path());
    let mut checkout = Checkout::new();
    let fetches = |checkout: &Checkout| {
        checkout.ran().iter().filter(|line| line.contains("fetch --force")).count()
    };
    assert_eq!(checkout.make(&step, Some("main"), Some(&first)).unwrap(), first);
    assert_eq!(fetches(&checkout), 1);
    for builder in ["c", "d"] {
        checkout.builder = builder.to_owned();
        assert_eq!(checkout.make(&step, Some("main"), Some(&first)).unwrap(), first);
        assert_eq!((fetches(&checkout), checkout.file().as_str()), (0, "2"), "{builder}");
        let remote = git(&checkout.dir(), &["remote", "get-url", "origin"]);
        assert_eq!(remote, origin.path().display().to_string());
    }
    // Something new, by its branch and then by its commit.
    let second = origin.commit("3");
    assert_eq!(checkout.make(&step, Some("main"), None).unwrap(), second);
    assert_eq!(fetches(&checkout), 1);
    checkout.builder = "b".to_owned();
    assert_eq!(checkout.make(&step, Some("main"), Some(&second)).unwrap(), second);
    assert_eq!((fetches(&checkout), checkout.file().as_str()), (0, "3"));
    // A forced push and a collection of garbage take nothing from who borrows.
    git(origin.path(), &["reset", "--quiet", "--hard", "HEAD~2"]);
    let third = origin.commit("another");
    assert_eq!(checkout.make(&step, Some("main"), None).unwrap(), third);
    let mirrors = checkout.dir.path().join(".mirrors");
    let mirror = std::fs::read_dir(mirrors).unwrap().next().unwrap().unwrap().path();
    git(&mirror, &["gc", "--quiet"]);
    git(&mirror, &["prune", "--expire=never"]);
    checkout.builder = "c".to_owned();
    assert_eq!(checkout.make(&step, Some("main"), Some(&second)).unwrap(), second);
    checkout.ran();
    let again = step.replace("mirror", "retry_fetch = true, mirror");
    assert_eq!(checkout.make(&again, Some("gone"), None).unwrap_err(), "Some(Failure)");
    assert_eq!(fetches(&checkout), 3);
}

#[test]
fn a_checkout_from_before_its_mirror_borrows_from_it_and_so_does_one_of_another_repository() {
    let origin = Origin::new(2);
    let step = |origin: &Origin| format!("ci.steps.git {{ repo = {:?} }}", origin.path());
    let mirrored = |origin: &Origin| step(origin).replace(" }", ", mirror = true }");
    let checkout = Checkout::new();
    checkout.make(&step(&origin), Some("main"), None).unwrap();
    let newest = origin.commit("3");
    assert_eq!(checkout.make(&mirrored(&origin), Some("main"), Some(&newest)).unwrap(), newest);
    assert_eq!(checkout.file(), "3");
    let other = Origin::new(0);
    let strange = other.commit("strange");
    assert_eq!(checkout.make(&mirrored(&other), Some("main"), None).unwrap(), strange);
    // Each mirror is named once, however often it is borrowed from.
    checkout.make(&mirrored(&origin), Some("main"), None).unwrap();
    checkout.make(&mirrored(&other), Some("main"), None).unwrap();
    let alternates = checkout.dir().join(".git/objects/info/alternates");
    assert_eq!(std::fs::read_to_string(alternates).unwrap().lines().count(), 2);
}

#[test]
fn a_lock_that_a_killed_git_left_in_the_mirror_is_removed() {
    let origin = Origin::new(1);
    let step = format!("ci.steps.git {{ repo = {:?}, mirror = true }}", origin.path());
    let checkout = Checkout::new();
    checkout.make(&step, Some("main"), None).unwrap();
    let mirrors = checkout.dir.path().join(".mirrors");
    let mirror = std::fs::read_dir(mirrors).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read_dir(mirror.join("refs/ci")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(kept.with_extension("lock"), "").unwrap();
    let newest = origin.commit("2");
    assert_eq!(checkout.make(&step, Some("main"), None).unwrap(), newest);
}

#[test]
fn a_killed_gits_locks_and_a_broken_repository_are_healed() {
    let origin = Origin::new(2);
    let checkout = Checkout::new();
    let step = format!("ci.steps.git {{ repo = {:?} }}", origin.path());
    let newest = checkout.make(&step, Some("main"), None).unwrap();
    for lock in ["index.lock", "HEAD.lock"] {
        std::fs::write(checkout.dir().join(".git").join(lock), "").unwrap();
        assert_eq!(checkout.make(&step, Some("main"), None).unwrap(), newest, "{lock}");
    }
    std::fs::write(checkout.dir().join(".git/HEAD"), "nonsense").unwrap();
    assert_eq!(checkout.make(&step, Some("main"), None).unwrap_err(), "Some(Failure)");
    let step = format!("ci.steps.git {{ repo = {:?}, clobber_on_failure = true }}", origin.path());
    assert_eq!(checkout.make(&step, Some("main"), None).unwrap(), newest);
}

#[test]
fn parts_of_a_repository_submodules_and_tags_are_got_as_wanted() {
    let origin = Origin::new(1);
    for (name, text) in [("src/a.c", "a"), ("docs/b.md", "b")] {
        let path = origin.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git(origin.path(), &["add", "."]);
    git(origin.path(), &["commit", "--quiet", "--message", "folders"]);
    git(origin.path(), &["tag", "--annotate", "--message", "one", "v1"]);
    let commit = origin.commit("after");
    git(origin.path(), &["config", "uploadpack.allowFilter", "true"]);

    let checkout = Checkout::new();
    let step = |options: &str| {
        format!("ci.steps.git {{ repo = 'file://{}', {options} }}", origin.path().display())
    };
    checkout.make(&step("sparse = { 'src' }"), Some("main"), None).unwrap();
    let has = |name: &str| checkout.dir().join(name).exists();
    assert!(has("src/a.c") && has("file.txt") && !has("docs/b.md"));
    checkout.make(&step(""), Some("main"), None).unwrap();
    assert!(has("docs/b.md"), "what was left out is back");

    let described = "get_description = { tags = true, long = true }, tags = true";
    checkout.make(&step(described), Some("main"), None).unwrap();
    let description = format!("v1-1-g{}", &commit[..7]);
    let set = checkout.properties.borrow_mut().pop().unwrap();
    assert_eq!(set, ("commit-description".to_owned(), description));

    let lazy = Checkout::new();
    let filtered = step("filters = { 'blob:none' }, config = { ['user.name'] = 'x' }");
    lazy.make(&filtered, Some("main"), None).unwrap();
    let later = origin.commit("later");
    assert_eq!(lazy.make(&filtered, Some("main"), Some(&later)).unwrap(), later);
    assert_eq!(lazy.file(), "later");
    assert!(lazy.ran().iter().all(|line| line.starts_with("-c user.name=x ")));

    let outer = Origin::new(1);
    let inner = origin.path().display().to_string();
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &inner, "inner"];
    git(outer.path(), &add);
    git(outer.path(), &["commit", "--quiet", "--message", "inner"]);
    let with = Checkout::new();
    let step = format!(
        "ci.steps.git {{ repo = {:?}, submodules = true, mode = 'full', \
         config = {{ ['protocol.file.allow'] = 'always' }} }}",
        outer.path()
    );
    for _ in 0..2 {
        with.make(&step, Some("main"), None).unwrap();
        assert_eq!(std::fs::read_to_string(with.dir().join("inner/file.txt")).unwrap(), "later");
        std::fs::write(with.dir().join("inner/stranger"), "x").unwrap();
    }
}

#[test]
fn what_a_build_changes_is_committed_tagged_and_pushed() {
    let origin = Origin::new(1);
    let checkout = Checkout::new();
    let repo = origin.path().display().to_string();
    checkout.make(&format!("ci.steps.git {{ repo = {repo:?} }}"), Some("main"), None).unwrap();
    let commit =
        "ci.steps.git_commit { paths = { 'docs' }, messages = { 'Today', 'more' }, user = 'bot',
                                        email = 'bot@example.org', empty_commits = 'ignore' }";
    std::fs::create_dir(checkout.dir().join("docs")).unwrap();
    std::fs::write(checkout.dir().join("docs/x"), "x").unwrap();
    let ends = |step: &str| checkout.make(step, None, None).unwrap_err();
    assert_eq!(ends(commit), "Some(Success)");
    let head = git(&checkout.dir(), &["rev-parse", "HEAD"]);
    let said = git(&checkout.dir(), &["log", "-1", "--format=%an %s %b"]);
    assert_eq!(said, "bot Today more");
    assert_eq!(ends(commit), "Some(Success)");
    assert_eq!(git(&checkout.dir(), &["rev-parse", "HEAD"]), head, "there was nothing to commit");
    let strict = commit.replace("'ignore'", "'disallow'");
    assert!(ends(&strict).contains("nothing to commit"));
    assert_eq!(ends("ci.steps.git_tag { tag = 'v2' }"), "Some(Success)");
    assert_eq!(ends("ci.steps.git_tag { tag = 'v2' }"), "Some(Failure)");
    assert!(ends("ci.steps.git_tag { tag = '-d' }").contains("is no name for a tag"));
    for what in ["branch = 'pages'", "tag = 'v2'"] {
        assert_eq!(
            ends(&format!("ci.steps.git_push {{ repo = {repo:?}, {what} }}")),
            "Some(Success)"
        );
    }
    assert_eq!(git(origin.path(), &["rev-parse", "pages"]), head);
    assert_eq!(git(origin.path(), &["rev-parse", "v2"]), head);
}
