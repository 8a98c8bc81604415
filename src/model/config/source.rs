//! What looks for changes by itself: `ci.change_sources.*`. Hooks, which are told, are in `www.rs`.

use regex::Regex;
use serde::{Serialize, Serializer};

use super::{Callback, Site};
use crate::base::secret::Secret;

/// `ci.change_sources.*`.
#[derive(Clone, Debug, Serialize)]
pub struct SourceConfig {
    /// Unique name (default: the repository).
    pub name: String,
    /// What it looks at.
    #[serde(flatten)]
    pub kind: SourceKind,
    /// When it looks.
    #[serde(flatten)]
    pub times: Times,
    /// Category of the changes: text or a function of each change.
    pub category: Option<Said>,
    /// Project of the changes; none = what the kind knows.
    pub project: Option<String>,
    /// Codebase of the changes; none = what `codebase_generator` says.
    pub codebase: Option<String>,
    /// Where it is defined.
    pub site: Site,
}

/// When a poller looks.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// Seconds from the end of one look to the next (default 600).
    pub poll_interval: f64,
    /// Look when the master starts, too (default false).
    pub poll_at_launch: bool,
    /// The least that is added to each interval by chance, in seconds (default 0).
    pub poll_random_delay_min: f64,
    /// The most that is added to each interval by chance, in seconds (default 0).
    pub poll_random_delay_max: f64,
}

/// A text, or a function that says it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// Always this one.
    Fixed(String),
    /// What the function returns.
    Callback(Callback),
}

/// The kinds of change sources.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceKind {
    /// `git_poller`: the heads of a repository.
    GitPoller(GitPoller),
    /// `github_pull_request_poller`: a repository's open pull requests.
    GithubPullRequestPoller(PullRequestPoller),
}

impl SourceKind {
    /// What it looks at, in one text: what was seen of one subject says nothing of another.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::GitPoller(git) if git.only_tags => format!("tags of {}", git.repo),
            Self::GitPoller(git) => format!("branches of {}", git.repo),
            Self::GithubPullRequestPoller(p) => {
                format!("pull requests of {}/{} at {}", p.owner, p.repo, p.api)
            }
        }
    }

    /// The name of its constructor.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::GitPoller(_) => "git_poller",
            Self::GithubPullRequestPoller(_) => "github_pull_request_poller",
        }
    }
}

/// `ci.change_sources.git_poller`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GitPoller {
    /// URL or path of the repository.
    pub repo: String,
    /// Which branches (default: the one that the repository itself names).
    pub branches: Branches,
    /// Look at tags instead of branches.
    pub only_tags: bool,
    /// A head that moves without new commits makes a change, too.
    pub build_pushes_with_no_commits: bool,
    /// Changes get the commit's time (default true), not the time at which it was seen.
    pub use_timestamps: bool,
    /// Encoding of messages and names in the repository (default utf-8).
    pub encoding: Encoding,
    /// Where the mirror is, below the base directory; none = `pollers/NAME`.
    pub workdir: Option<String>,
    /// The program (default `git`).
    pub git: String,
    /// How the repository is reached.
    #[serde(flatten)]
    pub access: GitAccess,
}

/// How texts of a repository are read where they are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Encoding {
    /// What is no UTF-8 is replaced.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Each byte is a character.
    #[serde(rename = "latin-1")]
    Latin1,
}

impl Encoding {
    /// `bytes` as text.
    #[must_use]
    pub fn text(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        }
    }
}

/// How git proves itself and knows the other side.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GitAccess {
    /// The private key for SSH.
    pub ssh_private_key: Option<Secret>,
    /// The server's key, as `ssh-keyscan` prints it without the name.
    pub ssh_host_key: Option<String>,
    /// Lines of a `known_hosts` file.
    pub ssh_known_hosts: Option<String>,
    /// User name for HTTP.
    pub auth_user: Option<String>,
    /// Password or token for HTTP.
    pub auth_password: Option<Secret>,
}

/// Which branches a poller looks at.
#[derive(Clone, Debug, Default)]
pub enum Branches {
    /// The one that the repository's HEAD names.
    #[default]
    Default,
    /// Every one.
    All,
    /// Those that a pattern matches: a name, `*` for any text, or a regular expression.
    Matching(Vec<BranchPattern>),
    /// Those of which a function says yes; it gets the full ref.
    Callback(Callback),
}

/// A pattern of names of branches.
#[derive(Clone, Debug)]
pub struct BranchPattern {
    /// As it was written.
    pub text: String,
    /// What it means: the whole name must match.
    pub regex: Regex,
}

impl Branches {
    /// Whether the branch called `name` is meant; none = the function must be asked.
    #[must_use]
    pub fn take(&self, name: &str, default: Option<&str>) -> Option<bool> {
        match self {
            Self::Default => Some(default == Some(name)),
            Self::All => Some(true),
            Self::Matching(patterns) => Some(patterns.iter().any(|p| p.regex.is_match(name))),
            Self::Callback(_) => None,
        }
    }
}

/// As the option takes them.
impl Serialize for Branches {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Default => serializer.serialize_none(),
            Self::All => serializer.serialize_bool(true),
            Self::Matching(patterns) => serializer.collect_seq(patterns.iter().map(|p| &p.text)),
            Self::Callback(function) => function.serialize(serializer),
        }
    }
}

/// `ci.change_sources.github_pull_request_poller`.
#[derive(Clone, Debug, Serialize)]
pub struct PullRequestPoller {
    /// The owner of the repository.
    pub owner: String,
    /// Its name.
    pub repo: String,
    /// Only pull requests into these branches; none = all.
    pub branches: Option<Vec<String>>,
    /// Base URL of GitHub's API (default `https://api.github.com`), without a final `/`.
    pub api: String,
    /// Called with a pull request as GitHub tells it; only those it says yes to count.
    pub pull_request_filter: Option<Callback>,
    /// Token for API calls.
    pub token: Option<Secret>,
    /// Changes name the pull request's own ref in the base repository, not the head's repository
    /// and branch.
    pub magic_link: bool,
    /// Which of the repository's addresses changes name (default `https`).
    pub repository_type: RepositoryType,
    /// fnmatch patterns of fields of the pull request that become properties.
    pub github_property_whitelist: Vec<String>,
}

/// Which address of a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryType {
    /// `clone_url`
    #[default]
    Https,
    /// `svn_url`
    Svn,
    /// `git_url`
    Git,
    /// `ssh_url`
    Ssh,
}

impl RepositoryType {
    /// The field of GitHub's answer.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Https => "clone_url",
            Self::Svn => "svn_url",
            Self::Git => "git_url",
            Self::Ssh => "ssh_url",
        }
    }
}
