//! The demo's project: a local git repository with one C file, and the push that tells of it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::cli::failure::Failure;

const SOURCE: &str = r#"#include <stdio.h>

int main(void) {
    for (int i = 1; i <= 3; i++)
        printf("Hello from the demo, line %d\n", i);
    return 0;
}
"#;

/// A commit in the repository.
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) message: String,
}

/// Makes the repository.
pub(super) fn make(dir: &Path) -> Result<Commit, Failure> {
    let fail =
        |e: std::io::Error| Failure::failed(format!("{} cannot be made: {e}", dir.display()));
    std::fs::create_dir_all(dir).map_err(fail)?;
    std::fs::write(dir.join("hello.c"), SOURCE).map_err(fail)?;
    let message = "Say hello three times".to_owned();
    git(dir, &["init", "--quiet"])?;
    git(dir, &["symbolic-ref", "HEAD", "refs/heads/main"])?;
    git(dir, &["add", "hello.c"])?;
    git(dir, &["commit", "--quiet", "--message", &message])?;
    let id = git(dir, &["rev-parse", "HEAD"])?.trim().to_owned();
    Ok(Commit { id, message })
}

fn git(dir: &Path, args: &[&str]) -> Result<String, Failure> {
    // The user's own settings (signing, hooks, templates) have no part in the demo.
    let out = Command::new("git")
        .args([
            "-c",
            "user.name=Demo",
            "-c",
            "user.email=demo@localhost",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| {
            Failure::failed(format!("git cannot be run: {e}"))
                .hint("The demo needs git; install it.")
        })?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    Err(Failure::failed(format!("git {} failed: {text}", args.join(" "))))
}

impl Commit {
    /// What GitHub would post of it.
    pub(super) fn push_payload(&self) -> Json {
        let commit = json!({
            "id": self.id, "message": self.message, "timestamp": "2026-01-01T00:00:00Z",
            "url": "https://github.com/demo/hello", "distinct": true,
            "author": { "name": "Demo", "email": "demo@localhost" },
            "committer": { "name": "Demo", "email": "demo@localhost" },
            "added": ["hello.c"], "removed": [], "modified": [],
        });
        json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": self.id,
            "created": false, "deleted": false, "forced": false,
            "repository": {
                "full_name": "demo/hello", "html_url": "https://github.com/demo/hello", "name": "hello",
            },
            "pusher": { "name": "demo" }, "sender": { "login": "demo" },
            "head_commit": commit.clone(), "commits": [commit],
        })
    }
}
