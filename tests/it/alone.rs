//! `halide-ci run` as a contributor uses it: one builder's steps here, now, with no master around.

use std::path::Path;
use std::process::Command;

const CONFIG: &str = r#"
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w1", password = ci.secret_file "w1.txt" }, ci.worker { name = "w2", password = "p" } }
local token = ci.secret_file "token.txt"
local other = ci.schedulers.triggerable { name = "other", builders = { "app" } }
c.builders = { ci.builder { name = "app", workers = { "w1", "w2" }, factory = {
  ci.steps.git { name = "Get source", repo = "https://ci.invalid/app.git", branch = "main" },
  ci.steps.shell { name = "Show", command = ci.interpolate "cat *.txt; echo %(prop:colour)s, as %(prop:workername)s" },
  ci.steps.shell { name = "Token", command = 'echo "it is $TOKEN"; test "$TOKEN" = correct', env = { TOKEN = token } },
  ci.steps.file_upload { workersrc = "new.txt", masterdest = "kept/new.txt", flunk_on_failure = false },
  ci.steps.shell { name = "Make", command = "mkdir -p sub/deep && echo deep > sub/deep/f && ln -sf deep/f sub/l" },
  ci.steps.directory_upload { workersrc = "sub", masterdest = "kept/plain" },
  ci.steps.directory_upload { workersrc = "sub", masterdest = "kept/gz", compress = "gz", block_size = 100 },
  ci.steps.directory_upload { workersrc = "sub", masterdest = "kept/bz2", compress = "bz2" },
  ci.steps.directory_upload { name = "Gone", workersrc = "gone", masterdest = "x", flunk_on_failure = false, halt_on_failure = false },
  ci.steps.directory_upload { name = "Large", workersrc = "sub", masterdest = "x", max_size = 100, flunk_on_failure = false, halt_on_failure = false },
  ci.steps.trigger { name = "Release", schedulers = { other } },
  ci.steps.master_shell_command { name = "Prune", command = "touch pruned; false" },
} } }
c.schedulers = { other, ci.schedulers.periodic { name = "always", builders = { "app" }, period = 1 } }
c.reporters = { ci.reporters.github_status { token = token } }
c.www = { port = 1 }
return c
"#;

/// A working tree with a commit, something changed and something new; and the configuration.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        std::fs::write(bench.path("master.lua"), CONFIG).unwrap();
        let tree = bench.path("tree");
        std::fs::create_dir(&tree).unwrap();
        git(&tree, &["init", "--quiet", "--initial-branch=topic"]);
        std::fs::write(tree.join("old.txt"), "one\n").unwrap();
        std::fs::write(tree.join(".gitignore"), "*.log\n").unwrap();
        git(&tree, &["add", "."]);
        git(&tree, &["commit", "--quiet", "-m", "one"]);
        std::fs::write(tree.join("old.txt"), "changed\n").unwrap();
        std::fs::write(tree.join("new.txt"), "new\n").unwrap();
        std::fs::write(tree.join("x.log"), "ignored\n").unwrap();
        bench
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Runs `halide-ci run …`: its exit status, output and errors.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
            .arg("run")
            .args(arguments)
            .current_dir(self.0.path())
            .env("GIT_DIR", "/nowhere")
            .env_remove("HALIDE_CI_LOG")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_working_tree_is_built_as_it_is_and_left_as_it_was() {
    let bench = Bench::new();
    let before = git(&bench.path("tree"), &["status", "--porcelain"]);
    let tree = ["--worktree", "tree", "-p", "colour=red", "--secret", "token.txt=correct"];
    let arguments = [&["app"], tree.as_slice(), &["--keep", "kept", "--worker", "w2"]].concat();
    let (code, out, err) = bench.run(&arguments);
    assert_eq!(code, 0, "{out}{err}");
    for line in ["│ changed", "│ new", "│ red, as w2", "✓ Token", "The build is a success"]
    {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(!out.contains("correct") && out.contains("it is *****"), "{out}");
    assert!(!out.contains("ignored"), "{out}");
    assert!(err.contains("Step \"Release\" needs a master: it is skipped."), "{err}");
    assert!(err.contains("Step \"Prune\" needs a master"), "{err}");
    assert!(out.contains("▸ 12/12 Prune") && !out.contains("▸ 13/"), "{out}");
    for (name, text) in [("Gone", "Cannot read directory"), ("Large", "Maximum filesize reached")] {
        assert!(out.contains(&format!("✗ {name}")) && out.contains(text), "{out}");
    }
    for kind in ["plain", "gz", "bz2"] {
        let place = bench.path("kept/kept").join(kind);
        assert_eq!(
            std::fs::read_to_string(place.join("l")).unwrap(),
            "deep
",
            "{kind}"
        );
        assert!(place.join("l").is_symlink() && !place.join("deep/f").is_symlink(), "{kind}");
    }
    assert!(!bench.path("kept/x").exists(), "half a directory is none");
    let uploaded = bench.path("kept/kept/new.txt");
    assert_eq!(std::fs::read_to_string(uploaded).unwrap(), "new\n");
    assert_eq!(git(&bench.path("tree"), &["status", "--porcelain"]), before);
    // The same place again builds on what is there.
    std::fs::write(bench.path("tree/new.txt"), "newer\n").unwrap();
    let (code, out, err) = bench.run(&arguments);
    assert!(code == 0 && out.contains("│ newer"), "{out}{err}");
}

#[test]
fn a_build_that_fails_is_the_exit_status_and_secrets_are_made_up() {
    let bench = Bench::new();
    std::fs::write(bench.path("token"), "wrong-secret\n").unwrap();
    for secret in [&[][..], &["--secret", "token.txt=@token"]] {
        let (code, out, err) = bench.run(&[&["app", "--worktree", "tree"], secret].concat());
        assert_eq!(code, 1, "{out}{err}");
        assert!(out.contains("✗ Token") && out.contains("as w1"), "{out}");
        assert!(!out.contains("wrong-secret") && !out.contains("made up"), "{out}");
        assert!(err.contains("The build ended with failure."), "{err}");
        assert!(err.contains("What the build uploaded is removed; --keep DIR keeps it."), "{err}");
    }
}

#[test]
fn what_cannot_be_built_is_said_before_anything_runs() {
    let bench = Bench::new();
    let fails = |arguments: &[&str], code: i32, text: &str| {
        let (actual, out, err) = bench.run(arguments);
        assert!(actual == code && err.contains(text), "{arguments:?}: {actual} {out}{err}");
        assert_eq!(out, "");
    };
    fails(&["ap"], 2, "There is no builder \"ap\". Did you mean \"app\"?");
    fails(&["app", "--worker", "w3"], 2, "Builder app has no worker \"w3\"");
    fails(&["app", "--worktree", "nowhere"], 1, "--worktree takes a directory that git knows");
    fails(&["app", "--worktree", "llvm=tree"], 2, "several codebases, or of another");
    fails(&["app", "--property", "=x"], 2, "has no name and value");
    fails(&["app", "--secret", "hush-hush"], 2, "Write --secret NAME=VALUE");
    let (_, _, err) = bench.run(&["app", "--secret", "hush-hush"]);
    assert!(!err.contains("hush"), "{err}");
    std::fs::write(bench.path("master.lua"), "local ci = require 'ci'\nreturn { builder = 1 }\n")
        .unwrap();
    fails(&["app"], 1, "master.lua:2");
}
