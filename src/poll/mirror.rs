//! A poller's bare mirror of its repository, worked by the program git. Only what a poller needs is
//! in it, under refs of our own; a mirror that is broken is thrown away, because the next look makes
//! a new one.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::git::{Commit, Git, Heads};
use super::program::{self, Call};
use crate::base::text::slug;
use crate::engine::ports::Future;
use crate::model::config::{Encoding, GitPoller};

/// For what needs no network.
const LOCAL: Duration = Duration::from_secs(300);
/// For the list of refs.
const LISTING: Duration = Duration::from_secs(120);
/// For commits: the first time, all of them come.
const FETCHING: Duration = Duration::from_secs(3600);
/// The most commits of a branch that one look makes changes of.
pub(super) const MOST: usize = 1000;

/// The program git, and where mirrors are.
pub struct Mirrors {
    /// The base directory.
    pub base_dir: PathBuf,
}

/// One mirror.
struct Mirror<'a> {
    poller: &'a GitPoller,
    dir: PathBuf,
    /// Where keys are while git runs; gone with it.
    _keys: Option<tempfile::TempDir>,
    env: Vec<(String, String)>,
}

impl Git for Mirrors {
    fn heads<'a>(&'a self, poller: &'a GitPoller) -> Future<'a, Result<Heads, String>> {
        Box::pin(async move { self.open(poller).await?.heads().await })
    }

    fn fetch<'a>(
        &'a self,
        poller: &'a GitPoller,
        moved: &'a [String],
        rest: &'a BTreeMap<String, String>,
    ) -> Future<'a, Result<BTreeMap<String, String>, String>> {
        Box::pin(async move {
            let mirror = self.open(poller).await?;
            let fetched = mirror.fetch(moved, rest).await;
            fetched.inspect_err(|why| mirror.discard_if_broken(why))
        })
    }

    fn commits<'a>(
        &'a self,
        poller: &'a GitPoller,
        head: &'a str,
        known: Option<&'a [String]>,
    ) -> Future<'a, Result<Vec<Commit>, String>> {
        Box::pin(async move {
            let mirror = self.open(poller).await?;
            let commits = mirror.commits(head, known).await;
            commits.inspect_err(|why| mirror.discard_if_broken(why))
        })
    }
}

impl Mirrors {
    /// The mirror of a poller, made if it is not there.
    async fn open<'a>(&self, poller: &'a GitPoller) -> Result<Mirror<'a>, String> {
        let place = match &poller.workdir {
            Some(path) => self.base_dir.join(path),
            None => {
                let digest = hex::encode(Sha256::digest(poller.repo.as_bytes()));
                self.base_dir.join("pollers").join(format!(
                    "{}-{}",
                    slug(&poller.repo),
                    &digest[..8]
                ))
            }
        };
        let fail = |e: std::io::Error| format!("{} cannot be used: {e}.", place.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&place).map_err(fail)?;
        let (keys, env) = proofs(poller).map_err(fail)?;
        let mirror = Mirror { poller, dir: place.join("mirror.git"), _keys: keys, env };
        if !mirror.dir.join("HEAD").exists() {
            mirror.git(&["init", "--quiet", "--bare", "--template="], String::new(), LOCAL).await?;
        }
        Ok(mirror)
    }
}

impl Mirror<'_> {
    async fn git(&self, args: &[&str], input: String, limit: Duration) -> Result<Vec<u8>, String> {
        let (git, dir, env) = (&*self.poller.git, &*self.dir, &*self.env);
        program::git(Call { git, dir, args, env, input, limit }).await
    }

    async fn heads(&self) -> Result<Heads, String> {
        let which = if self.poller.only_tags { "refs/tags/*" } else { "refs/heads/*" };
        let repo = &*self.poller.repo;
        let args = ["ls-remote", "--symref", "--end-of-options", repo, "HEAD", which];
        let text = self.git(&args, String::new(), LISTING).await?;
        Ok(listed(&String::from_utf8_lossy(&text)))
    }

    async fn fetch(
        &self,
        moved: &[String],
        rest: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        // What a mirror that was made anew lacks must come again: it tells new commits from old ones.
        let known: Vec<String> = rest.values().cloned().collect();
        let there = self.resolve(&known).await?;
        let lost =
            rest.keys().zip(there).filter(|(_, found)| found.is_none()).map(|(name, _)| name);
        let wanted: Vec<&String> = moved.iter().chain(lost).collect();
        let specs: Vec<String> =
            wanted.iter().map(|name| format!("+{name}:{}\n", self.own(name))).collect();
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--stdin",
            "--end-of-options",
            &self.poller.repo,
        ];
        self.git(&args, specs.concat(), FETCHING).await?;
        let own: Vec<String> =
            moved.iter().map(|name| format!("{}^{{commit}}", self.own(name))).collect();
        let found = self.resolve(&own).await?;
        let found = moved.iter().zip(found);
        Ok(found.filter_map(|(name, sha)| Some((name.clone(), sha?))).collect())
    }

    async fn commits(&self, head: &str, known: Option<&[String]>) -> Result<Vec<Commit>, String> {
        let there: Vec<String> = match known {
            Some(known) => self.resolve(known).await?.into_iter().flatten().collect(),
            None => Vec::new(),
        };
        // With nothing to compare with, all of history would be news.
        let most = if there.is_empty() { 1 } else { MOST };
        let most = format!("--max-count={most}");
        let not: Vec<String> = there.iter().map(|sha| format!("^{sha}\n")).collect();
        let args = ["rev-list", "--first-parent", "--reverse", &most, "--stdin"];
        let list = self.git(&args, format!("{head}\n{}", not.concat()), LOCAL).await?;
        let list = String::from_utf8_lossy(&list).into_owned();
        if list.trim().is_empty() {
            return Ok(Vec::new());
        }
        let encoding = match self.poller.encoding {
            Encoding::Utf8 => "--encoding=UTF-8",
            Encoding::Latin1 => "--encoding=ISO-8859-1",
        };
        let args = [
            "log",
            "--stdin",
            "--no-walk=unsorted",
            "--no-color",
            "--no-show-signature",
            "--no-notes",
            "--no-mailmap",
            "--no-renames",
            "--diff-merges=first-parent",
            "--name-only",
            "-z",
            encoding,
            "--format=tformat:%x01%H%n%ct%n%an <%ae>%n%cn <%ce>%n%B",
        ];
        let text = self.git(&args, list.clone(), LOCAL).await?;
        let shas: Vec<&str> = list.split_whitespace().collect();
        commits_of(&shas, &text, self.poller.encoding)
    }

    /// The commit that each of `specs` names, if the mirror has it.
    async fn resolve(&self, specs: &[String]) -> Result<Vec<Option<String>>, String> {
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = specs.iter().flat_map(|spec| [spec.as_str(), "\n"]).collect();
        let text = self.git(&["cat-file", "--batch-check"], input, LOCAL).await?;
        let text = String::from_utf8_lossy(&text);
        let found = text.lines().map(|line| {
            let (sha, rest) = line.split_once(' ')?;
            rest.starts_with("commit ").then(|| sha.to_owned())
        });
        Ok(found.collect())
    }

    /// Our own ref for one of the repository's: flat, so that `a` may give way to `a/b`.
    fn own(&self, name: &str) -> String {
        let digest = Sha256::digest(format!("{} {name}", self.poller.repo));
        format!("refs/poll/{}", hex::encode(digest))
    }

    /// What a killed git leaves behind would stop every one after it.
    fn discard_if_broken(&self, why: &str) {
        let words = [".lock", "corrupt", "bad object", "unable to read", "cat-file"];
        let is_broken = words.iter().any(|word| why.contains(word))
            || why.contains(&self.dir.display().to_string());
        if is_broken {
            tracing::warn!(mirror = %self.dir.display(), why, "A mirror is broken; it is made anew.");
            // If it cannot be removed, the next look says so again.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// What `git ls-remote --symref` says.
fn listed(text: &str) -> Heads {
    let mut heads = Heads::default();
    for line in text.lines() {
        let Some((value, name)) = line.split_once('\t') else { continue };
        if let Some(target) = value.strip_prefix("ref: ").filter(|_| name == "HEAD") {
            heads.default = Some(target.to_owned());
        }
        // The commit of a tag that is an object comes after the tag itself.
        let plain = name.strip_suffix("^{}").unwrap_or(name);
        if is_ref(plain) && is_sha(value) {
            heads.refs.insert(plain.to_owned(), value.to_owned());
        }
    }
    heads
}

fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A branch or tag with a name that git itself would allow: the other side may say anything.
fn is_ref(name: &str) -> bool {
    let rest = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/"));
    let is_bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    rest.is_some_and(|rest| {
        !rest.contains(is_bad)
            && !rest.contains("..")
            && !rest.contains("@{")
            && rest.split('/').all(|part| {
                !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock")
            })
    })
}

/// The commits `shas` in the output of `git log -z --name-only`. A text counts as the beginning of a
/// commit only where that very commit comes next, so that no file name can pass for one.
fn commits_of(shas: &[&str], text: &[u8], encoding: Encoding) -> Result<Vec<Commit>, String> {
    let mut out: Vec<Commit> = Vec::new();
    for part in text.split(|byte| *byte == 0) {
        let head = shas.get(out.len()).map(|sha| format!("\u{1}{sha}\n"));
        if let Some(rest) = head.and_then(|head| part.strip_prefix(head.as_bytes())) {
            let rest = encoding.text(rest);
            let mut lines = rest.splitn(4, '\n');
            let mut line = || lines.next().unwrap_or_default().to_owned();
            out.push(Commit {
                revision: shas[out.len()].to_owned(),
                when: line().parse().unwrap_or_default(),
                author: line(),
                committer: line(),
                comments: line().trim_end().to_owned(),
                files: Vec::new(),
            });
            continue;
        }
        let Some(commit) = out.last_mut() else { continue };
        let first = commit.files.is_empty();
        let name = part.strip_prefix(b"\n").filter(|_| first).unwrap_or(part);
        if !name.is_empty() {
            commit.files.push(encoding.text(name));
        }
    }
    if out.len() != shas.len() {
        return Err(format!("git log told {} commits of {}.", out.len(), shas.len()));
    }
    Ok(out)
}

/// What git needs to prove itself: files of keys, and the environment that names them.
#[expect(clippy::type_complexity, reason = "two things that belong together, for one caller")]
fn proofs(
    poller: &GitPoller,
) -> std::io::Result<(Option<tempfile::TempDir>, Vec<(String, String)>)> {
    let access = &poller.access;
    let mut env = Vec::new();
    let user = access.auth_user.as_deref().unwrap_or("git");
    if let Some(password) = &access.auth_password {
        let pair = format!("{user}:{}", password.expose());
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        env.push(("GIT_CONFIG_COUNT".to_owned(), "1".to_owned()));
        env.push(("GIT_CONFIG_KEY_0".to_owned(), "http.extraHeader".to_owned()));
        env.push(("GIT_CONFIG_VALUE_0".to_owned(), format!("Authorization: Basic {pair}")));
    }
    let mut ssh = "ssh -o BatchMode=yes".to_owned();
    let hosts = match (&access.ssh_known_hosts, &access.ssh_host_key) {
        (Some(lines), _) => Some(format!("{}\n", lines.trim_end())),
        (None, Some(key)) => Some(format!("* {}\n", key.trim())),
        (None, None) => None,
    };
    if access.ssh_private_key.is_none() && hosts.is_none() {
        env.push(("GIT_SSH_COMMAND".to_owned(), ssh));
        return Ok((None, env));
    }
    let keys = tempfile::Builder::new().prefix("halide-ci-keys-").tempdir()?;
    let path = |name: &str| format!("'{}'", keys.path().join(name).display());
    if let Some(key) = &access.ssh_private_key {
        write(&keys.path().join("key"), &format!("{}\n", key.expose().trim_end()))?;
        ssh += &format!(" -o IdentitiesOnly=yes -i {}", path("key"));
    }
    if let Some(hosts) = hosts {
        write(&keys.path().join("hosts"), &hosts)?;
        ssh += &format!(" -o StrictHostKeyChecking=yes -o UserKnownHostsFile={}", path("hosts"));
    }
    env.push(("GIT_SSH_COMMAND".to_owned(), ssh));
    Ok((Some(keys), env))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "a107374284b145be1d4d1875bb214e71d55c91bb";
    const B: &str = "b107374284b145be1d4d1875bb214e71d55c91bb";

    #[test]
    fn the_list_of_refs_knows_the_default_branch_and_the_commits_of_tags() {
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{A}\trefs/tags/v1\n\
             {B}\trefs/tags/v1^{{}}\n"
        );
        let heads = listed(&text);
        assert_eq!(heads.default.as_deref(), Some("refs/heads/main"));
        assert_eq!(heads.refs["refs/heads/main"], A);
        assert_eq!(heads.refs["refs/tags/v1"], B);
        assert_eq!(heads.refs.len(), 2);
    }

    #[test]
    fn a_name_that_git_would_not_allow_is_no_branch() {
        for name in [
            "refs/heads/--upload-pack=x",
            "refs/heads/a/-b",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/heads/a\u{7}",
            "refs/heads/a:b",
            "refs/heads/",
            "refs/heads/a//b",
            "refs/heads/a.lock",
            "refs/heads/.a",
            "refs/notes/x",
            "HEAD",
        ] {
            assert!(!is_ref(name), "{name}");
        }
        for name in ["refs/heads/main", "refs/tags/v1.0", "refs/heads/a/b-c_ü"] {
            assert!(is_ref(name), "{name}");
        }
    }

    #[test]
    fn a_file_cannot_pass_for_a_commit() {
        let text = format!(
            "\u{1}{A}\n5\nAnn <a@b>\nBen <b@c>\nSubject\n\nBody\n\0\nx y\0\u{1}{B}x\0\u{1}{B}\n6\n\
             Ann <a@b>\nBen <b@c>\n\0"
        );
        let commits = commits_of(&[A, B], text.as_bytes(), Encoding::Utf8).unwrap();
        assert_eq!(commits[0].comments, "Subject\n\nBody");
        assert_eq!((commits[0].when, &*commits[0].author), (5, "Ann <a@b>"));
        assert_eq!(commits[0].files, ["x y".to_owned(), format!("\u{1}{B}x")]);
        assert_eq!((commits[1].comments.as_str(), commits[1].files.len()), ("", 0));
        assert!(commits_of(&[A, B], b"", Encoding::Utf8).is_err());
    }
}
