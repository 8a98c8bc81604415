//! The pollers' git against real repositories in a folder: what is new, whatever is done to branches,
//! tags and the mirror itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use halide_ci::model::config::GitPoller;
use halide_ci::poll::Mirrors;
use halide_ci::poll::git::Git as _;

/// A repository, and a poller that looks at it.
struct Place {
    dir: tempfile::TempDir,
    mirrors: Mirrors,
    poller: GitPoller,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("r");
        std::fs::create_dir(&repo).unwrap();
        let poller = GitPoller {
            repo: repo.to_str().unwrap().to_owned(),
            git: "git".to_owned(),
            ..GitPoller::default()
        };
        let mirrors = Mirrors { base_dir: dir.path().join("base") };
        let place = Self { dir, mirrors, poller };
        place.git(&["init", "--quiet", "--initial-branch", "main"]);
        place
    }

    fn repo(&self) -> &Path {
        Path::new(&self.poller.repo)
    }

    fn git(&self, args: &[&str]) -> String {
        let out = Command::new("git")
            .args(["-c", "user.name=Ann Å", "-c", "user.email=ann@example.org"])
            .args(args)
            .current_dir(self.repo())
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    fn commit(&self, file: &str, message: &str) -> String {
        let path = self.repo().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, message).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Fetches `head` and tells what is new by it: the first lines of messages, and the files.
    async fn news(&self, head: &str, known: &[String]) -> Vec<String> {
        let moved = [head.to_owned()];
        let now = self.mirrors.fetch(&self.poller, &moved, &BTreeMap::new()).await.unwrap();
        let commits = self.mirrors.commits(&self.poller, &now[head], Some(known)).await.unwrap();
        commits
            .iter()
            .map(|c| {
                let subject = c.comments.lines().next().unwrap_or_default();
                format!("{subject}: {}", c.files.join(" "))
            })
            .collect()
    }
}

#[tokio::test]
async fn commits_come_with_their_authors_messages_and_files() {
    let place = Place::new();
    let first = place.commit("a file.txt", "one");
    let heads = place.mirrors.heads(&place.poller).await.unwrap();
    assert_eq!(heads.default.as_deref(), Some("refs/heads/main"));
    assert_eq!(heads.refs, BTreeMap::from([("refs/heads/main".to_owned(), first.clone())]));
    place.git(&["switch", "--quiet", "--create", "topic"]);
    place.commit("src/\u{fc}.cpp", "two\n\nwith a body");
    place.git(&["switch", "--quiet", "main"]);
    let third = place.commit("b.txt", "three");
    place.git(&["merge", "--quiet", "--no-ff", "--message", "merged", "topic"]);
    let main = "refs/heads/main".to_owned();
    let news = place.news(&main, std::slice::from_ref(&first)).await;
    assert_eq!(news, ["three: b.txt", "merged: src/\u{fc}.cpp"], "a merge is one change");
    assert_eq!(place.news(&main, &[first.clone(), third]).await, ["merged: src/\u{fc}.cpp"]);
    assert_eq!(
        place.news("refs/heads/topic", std::slice::from_ref(&first)).await,
        ["two: src/\u{fc}.cpp"]
    );
    let head = place.git(&["rev-parse", "topic"]);
    let commit = place.mirrors.commits(&place.poller, &head, None).await.unwrap().remove(0);
    assert_eq!(commit.comments, "two\n\nwith a body");
    assert_eq!(commit.author, "Ann \u{c5} <ann@example.org>");
    assert_eq!(commit.revision, head);
}

#[tokio::test]
async fn a_mirror_that_is_lost_or_broken_is_made_anew_and_knows_what_is_old() {
    let place = Place::new();
    let first = place.commit("a", "one");
    place.git(&["branch", "other"]);
    let main = "refs/heads/main".to_owned();
    place.news(&main, &[]).await;
    std::fs::remove_dir_all(place.dir.path().join("base")).unwrap();
    let second = place.commit("b", "two");
    assert_eq!(place.news(&main, std::slice::from_ref(&first)).await, ["two: b"]);
    // By force, with nothing left to compare with: only the head, not all of history.
    std::fs::remove_dir_all(place.dir.path().join("base")).unwrap();
    place.git(&["reset", "--quiet", "--hard", &first]);
    place.commit("c", "three");
    place.commit("d", "four");
    let unknown = ["0123456789012345678901234567890123456789".to_owned()];
    assert_eq!(place.news(&main, &unknown).await, ["four: d"]);
    // With another branch to compare with, which is fetched for that.
    std::fs::remove_dir_all(place.dir.path().join("base")).unwrap();
    let rest = BTreeMap::from([("refs/heads/other".to_owned(), first.clone())]);
    let now = place.mirrors.fetch(&place.poller, std::slice::from_ref(&main), &rest).await.unwrap();
    let known = [second, first];
    let commits = place.mirrors.commits(&place.poller, &now[&main], Some(&known)).await.unwrap();
    assert_eq!(commits.len(), 2);
    // What a killed git leaves behind.
    let mirror = std::fs::read_dir(place.dir.path().join("base/pollers")).unwrap().next();
    let mirror = mirror.unwrap().unwrap().path().join("mirror.git");
    std::fs::write(mirror.join("objects/info/commit-graphs.lock"), "").unwrap();
    std::fs::remove_file(mirror.join("config")).unwrap();
    std::fs::write(mirror.join("config"), "[core\n").unwrap();
    let head = place.commit("e", "five");
    let moved = [main.clone()];
    let error = place.mirrors.fetch(&place.poller, &moved, &BTreeMap::new()).await.unwrap_err();
    assert!(error.contains("bad config"), "{error}");
    let now = place.mirrors.fetch(&place.poller, &moved, &BTreeMap::new()).await.unwrap();
    assert_eq!(now[&main], head);
}

#[tokio::test]
async fn a_branch_gives_way_to_a_folder_of_branches_and_tags_are_their_commits() {
    let mut place = Place::new();
    let first = place.commit("a", "one");
    place.git(&["branch", "topic"]);
    place.news("refs/heads/topic", &[]).await;
    place.git(&["branch", "--delete", "--force", "topic"]);
    place.git(&["branch", "topic/one"]);
    place.news("refs/heads/topic/one", &[]).await;
    place.git(&["tag", "--annotate", "--message", "x", "v1"]);
    place.git(&["tag", "--annotate", "--message", "x", "v2", "v1"]);
    place.poller.only_tags = true;
    let heads = place.mirrors.heads(&place.poller).await.unwrap();
    let tags = ["refs/tags/v1", "refs/tags/v2"].map(|t| (t.to_owned(), first.clone()));
    assert_eq!(heads.refs, BTreeMap::from(tags.clone()));
    let moved = tags.map(|(name, _)| name);
    let now = place.mirrors.fetch(&place.poller, &moved, &BTreeMap::new()).await.unwrap();
    assert_eq!(now, heads.refs);
}

#[tokio::test]
async fn nothing_of_the_repository_is_run_and_no_other_protocol_is_spoken() {
    let mut place = Place::new();
    place.commit("a", "one");
    let hook = place.dir.path().join("hook-ran");
    place.news("refs/heads/main", &[]).await;
    let mirror = std::fs::read_dir(place.dir.path().join("base/pollers")).unwrap().next();
    let hooks = mirror.unwrap().unwrap().path().join("mirror.git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let script = hooks.join("reference-transaction");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\n", hook.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    place.commit("b", "two");
    place.news("refs/heads/main", &[]).await;
    assert!(!hook.exists());
    place.poller.repo = format!("ext::touch {}", hook.display());
    let error = place.mirrors.heads(&place.poller).await.unwrap_err();
    assert!(error.contains("not allowed"), "{error}");
    place.poller.repo = format!("--upload-pack=touch {}", hook.display());
    assert!(place.mirrors.heads(&place.poller).await.is_err());
    assert!(!hook.exists());
    place.poller.git = "/nonexistent/git".to_owned();
    let error = place.mirrors.heads(&place.poller).await.unwrap_err();
    assert!(error.starts_with("/nonexistent/git cannot be run"), "{error}");
}
