//! Working trees that people try, by the program against a site.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use halide_ci::base::id::RequestId;
use serde_json::Value as Json;

use super::site::{Site, with_text};

const CONFIG: &str = r#"
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w1", password = "pw" } }
local steps = { ci.steps.shell { command = "make" } }
c.builders = {
  ci.builder { name = "linux", workers = { "w1" }, factory = steps },
  ci.builder { name = "mac", workers = { "w1" }, factory = steps },
}
c.schedulers = {
  ci.schedulers.force { name = "force", builders = c.builders },
  ci.schedulers.try_userpass { name = "try", builders = c.builders, users = { ann = "password of ann" } },
}
c.validation = { branch = "[a-z]+$" }
c.www = { port = 0 }
return c"#;

fn git(dir: &Path, arguments: &[&str]) {
    let settings = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
    let done =
        Command::new("git").args(settings).args(arguments).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A working tree with an upstream, in which something is changed.
fn working_tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let origin = dir.path().join("origin");
    std::fs::create_dir(&origin).unwrap();
    git(&origin, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(origin.join("a.txt"), "one\n").unwrap();
    git(&origin, &["add", "."]);
    git(&origin, &["commit", "--quiet", "--message", "First"]);
    git(dir.path(), &["clone", "--quiet", "origin", "tree"]);
    std::fs::write(dir.path().join("tree/a.txt"), "two\n").unwrap();
    dir
}

async fn attempt(site: &Site, dir: &Path, password: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halide-ci"));
    command.args(["try", "--url", &format!("http://{}", site.address), "--user", "ann"]);
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.env("HALIDE_CI_PASSWORD", password);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The newest request.
async fn newest(site: &Site) -> Json {
    let newest = "buildrequests?order=-buildrequestid&limit=1";
    site.api(newest).await["buildrequests"][0].clone()
}

#[test]
fn a_working_tree_is_sent_with_its_base_and_nothing_else() {
    with_text(CONFIG, async |site| {
        let dir = working_tree();
        let tree = dir.path().join("tree");
        let shown = attempt(site, &tree, "password of ann", &["--dry-run"]).await;
        assert!(text(&shown.stdout).contains("-one\n+two"), "{shown:?}");
        let names = attempt(site, &tree, "password of ann", &["--get-builder-names"]).await;
        assert_eq!(text(&names.stdout), "linux\nmac\n", "{}", text(&names.stderr));
        let args = ["-b", "linux", "-m", "Two is better", "-p", "n:2", "--who", "Ann <a@x>"];
        let sent = attempt(site, &tree, "password of ann", &args).await;
        let request = newest(site).await;
        let id = &request["buildrequestid"];
        let url = format!("linux: http://{}/buildrequests/{id}\n", site.address);
        assert_eq!(text(&sent.stdout), url, "{}", text(&sent.stderr));
        let set = &site.api(&format!("buildsets/{}", request["buildsetid"])).await["buildsets"][0];
        let stamp = &set["sourcestamps"][0];
        assert_eq!(stamp["branch"], "main");
        assert_eq!(stamp["revision"].as_str().unwrap().len(), 40);
        let patch = &stamp["patch"];
        assert_eq!((&patch["author"], &patch["level"]), (&"Ann <a@x>".into(), &1.into()));
        assert!(patch["body"].as_str().unwrap().contains("-one\n+two"), "{patch}");
        assert_eq!(set["reason"], "'try' job by user Ann <a@x>: Two is better");
        assert_eq!(patch["patchid"], 1);
        // Two tries of the same tree are two builds: patches are collapsed with nothing.
        let again = attempt(site, &tree, "password of ann", &["-b", "linux"]).await;
        assert_eq!(again.status.code(), Some(0));
        let other = newest(site).await;
        assert_ne!(other["buildrequestid"], request["buildrequestid"]);
        let first = format!("buildrequests/{}", request["buildrequestid"]);
        assert_eq!(site.api(&first).await["buildrequests"][0]["complete"], false);
    });
}

#[test]
fn what_cannot_be_tried_is_told() {
    with_text(CONFIG, async |site| {
        let dir = working_tree();
        let tree = dir.path().join("tree");
        let before = newest(site).await;
        for (password, args, code, said) in [
            ("guess", &[][..], 1, "error: The user name or the password is wrong."),
            ("", &[], 2, "--user needs --password-file or HALIDE_CI_PASSWORD"),
            ("password of ann", &["-b", "mas"], 1, "Scheduler try does not start builder \"mas\"."),
            (
                "password of ann",
                &["--scheduler", "force"],
                1,
                "The user name or the password is wrong.",
            ),
            ("password of ann", &["--branch", "Main"], 1, "c.validation.branch"),
            ("password of ann", &["--subdir", "../x"], 1, "is no folder below the source"),
            ("password of ann", &["--baserev=--output=x"], 2, "is no revision"),
        ] {
            let out = attempt(site, &tree, password, args).await;
            let told = text(&out.stderr);
            assert_eq!(out.status.code(), Some(code), "{args:?}: {told}");
            assert!(told.contains(said), "{args:?}: {told}");
            assert!(!told.contains("password of ann"), "{told}");
        }
        let mut nowhere = Command::new(env!("CARGO_BIN_EXE_halide-ci"));
        nowhere.args(["try", "--url", "http://127.0.0.1:1", "--user", "ann"]);
        nowhere.env("HALIDE_CI_PASSWORD", "password of ann").current_dir(&tree);
        let out = tokio::task::spawn_blocking(move || nowhere.output().unwrap()).await.unwrap();
        assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
        git(&tree, &["checkout", "--quiet", "--", "."]);
        let out = attempt(site, &tree, "password of ann", &[]).await;
        assert_eq!(out.status.code(), Some(2));
        assert!(text(&out.stderr).contains("nothing differs from"), "{}", text(&out.stderr));
        assert_eq!(newest(site).await, before);
    });
}

#[test]
fn whoever_waits_is_told_the_end() {
    with_text(CONFIG, async |site| {
        let dir = working_tree();
        let tree = dir.path().join("tree");
        let before = newest(site).await;
        let cancel = async {
            for _ in 0..1_000 {
                let request = newest(site).await;
                if request != before {
                    let id = RequestId(request["buildrequestid"].as_i64().unwrap());
                    return site.engine.cancel(id, "a whim".to_owned()).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("nothing was sent");
        };
        let args = ["-b", "linux", "--wait"];
        let (out, ()) = tokio::join!(attempt(site, &tree, "password of ann", &args), cancel);
        assert!(text(&out.stdout).ends_with("linux: cancelled\n"), "{out:?}");
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out.stderr).contains("the try ended as cancelled."), "{out:?}");
    });
}
