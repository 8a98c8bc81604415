//! `artifact`: lists and downloads what builds have kept. A download is asked for block by block, so
//! that one that breaks goes on where it stopped, also when it is asked for again, and takes its name
//! only when its hash is right.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::failure::Failure;
use super::{remote, terminal};
use crate::base::partial::{Content, Partial, Sum};
use crate::base::text;
use crate::http::{Answer, Client, ErrorKind, Request};
use crate::model::artifact::{Which, check_name};

/// Bytes of a block.
const BLOCK: u64 = 8 << 20;
/// Waits before another attempt at a block.
const AGAIN: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// List or download the artifacts of a build.
///
/// What a build keeps with the step `artifact` stays at the master, for as long as the step says. The
/// build is named by its builder and its number, or as latest-success: the newest that has succeeded.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci artifact list linux@17\n          \
                        halide-ci artifact get linux@latest-success")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    List(List),
    Get(Get),
}

/// Where the master is, and which build is meant.
#[derive(Clone, Debug, clap::Args)]
struct From {
    /// The builder's name and, after an @, latest-success (the default) or the number of a build.
    #[arg(value_name = "BUILDER[@BUILD]")]
    build: String,
    /// The master's address.
    #[arg(long, default_value = "http://localhost:8012/", value_name = "URL")]
    url: String,
    /// For latest-success: of this branch (default: of any, but of no pull request).
    #[arg(long, short = 'b', value_name = "BRANCH")]
    branch: Option<String>,
    /// The user to log in as, where reading needs one.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file with that user's password (default: the variable HALIDE_CI_PASSWORD).
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

/// List the artifacts of a build.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci artifact list linux@17 --url https://ci.example.org/")]
struct List {
    #[command(flatten)]
    from: From,
    /// Print {"builderid": ..., "number": ..., "artifacts": [...]} as JSON.
    #[arg(long)]
    json: bool,
}

/// Download the artifacts of a build, each verified by its SHA-256.
///
/// All of them, or those whose names or whose steps' names fit. Files that are there already are
/// overwritten, unless their content is the same.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci artifact get linux@latest-success\n          \
                        halide-ci artifact get linux@17 'Halide-*.tar.gz' --output packages\n          \
                        halide-ci artifact get linux package --output - | tar xz")]
struct Get {
    #[command(flatten)]
    from: From,
    /// Names, with * and ?, or names of the steps that have kept them (default: all).
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The directory to write into; - writes a single artifact to standard output.
    #[arg(long, short = 'o', default_value = ".", value_name = "DIR")]
    output: PathBuf,
}

/// What the master says of a build.
#[derive(Debug, Deserialize)]
struct Listing {
    number: i64,
    artifacts: Vec<Artifact>,
}

#[derive(Debug, Deserialize)]
struct Artifact {
    name: String,
    size: u64,
    sha256: String,
    step_name: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::List(args) => remote::run(list(args)),
        What::Get(args) => remote::run(get(args)),
    }
}

async fn list(args: &List) -> Result<(), Failure> {
    let answer = ask(args.from.list()?).await?;
    if args.json {
        terminal::say(answer.text().trim_end());
        return Ok(());
    }
    let listing = listing(&answer)?;
    let width = listing.artifacts.iter().map(|a| a.name.chars().count()).max().unwrap_or(0);
    for Artifact { name, size, step_name, .. } in &listing.artifacts {
        let size = text::bytes(i64::try_from(*size).unwrap_or(i64::MAX));
        terminal::say(&format!("{name:width$}  {size:>8}  {step_name}"));
    }
    if listing.artifacts.is_empty() {
        terminal::say(&format!("Build {} has kept nothing.", listing.number));
    }
    Ok(())
}

async fn get(args: &Get) -> Result<(), Failure> {
    let listing = listing(&ask(args.from.list()?).await?)?;
    let is_wanted = |artifact: &&Artifact| {
        args.names.is_empty()
            || args
                .names
                .iter()
                .any(|name| text::wildcard(name, &artifact.name) || *name == artifact.step_name)
    };
    let wanted: Vec<&Artifact> = listing.artifacts.iter().filter(is_wanted).collect();
    let number = listing.number;
    if wanted.is_empty() {
        let names: Vec<&str> = listing.artifacts.iter().map(|a| a.name.as_str()).collect();
        let failure = Failure::failed(format!("Build {number} has kept no such artifact."));
        return Err(match names.as_slice() {
            [] => failure,
            names => failure.hint(format!("It has {}.", names.join(", "))),
        });
    }
    if args.output.as_os_str() == "-" {
        let [artifact] = wanted.as_slice() else {
            let text =
                format!("{} artifacts do not go to standard output: name one.", wanted.len());
            return Err(Failure::usage(text));
        };
        return print(&args.from, number, artifact).await;
    }
    for artifact in wanted {
        let path = args.output.join(safe(&artifact.name)?);
        let size = text::bytes(i64::try_from(artifact.size).unwrap_or(i64::MAX));
        if content_of(&path).is_some_and(|there| there.sha256() == artifact.sha256) {
            terminal::say(&format!("{} is the same already, {size}", path.display()));
            continue;
        }
        save(&args.from, number, artifact, &path).await?;
        terminal::say(&format!("{}  {size}  #{number}", path.display()));
    }
    Ok(())
}

impl From {
    /// The address of the build's artifacts; none = `build` is not one.
    fn address(&self, build: &str, name: Option<&str>) -> Result<String, Failure> {
        let (builder, _) = self.parts()?;
        let plain = |part: &str| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string();
        let mut out =
            format!("{}/artifacts/{}/{build}", self.url.trim_end_matches('/'), plain(builder));
        for part in name.into_iter().flat_map(|name| name.split('/')) {
            out.push('/');
            out.push_str(&plain(part));
        }
        Ok(out)
    }

    /// Builder and build.
    fn parts(&self) -> Result<(&str, &str), Failure> {
        let (builder, build) =
            self.build.rsplit_once('@').unwrap_or((&self.build, "latest-success"));
        if builder.is_empty() || Which::read(build).is_none() {
            return Err(Failure::usage(format!(
                "{:?} is not BUILDER, BUILDER@latest-success or BUILDER@NUMBER.",
                self.build
            )));
        }
        Ok((builder, build))
    }

    fn list(&self) -> Result<Request, Failure> {
        let mut url = self.address(self.parts()?.1, None)?;
        if let Some(branch) = &self.branch {
            url.push_str("?branch=");
            url.extend(utf8_percent_encode(branch, NON_ALPHANUMERIC));
        }
        self.sign(Request::new("GET", &url).header("accept", "application/json"))
    }

    fn sign(&self, request: Request) -> Result<Request, Failure> {
        match &self.user {
            Some(user) => remote::sign(request, user, self.password_file.as_deref()),
            None => Ok(request),
        }
    }
}

fn listing(answer: &Answer) -> Result<Listing, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        Failure::failed(format!("The master's answer is no list of artifacts: {error}."))
            .hint("Does --url lead to a halide-ci master?")
    })
}

/// Sends a request, again when nobody answers; anything but success is a failure.
async fn ask(request: Request) -> Result<Answer, Failure> {
    let client = Client::new();
    let mut waits = AGAIN.iter();
    loop {
        let last = match client.request(request.clone()).await {
            Ok(answer) if matches!(answer.status, 200..=299) => return Ok(answer),
            Ok(answer) if answer.status == 503 => Failure::unreachable(answer.text().trim_end()),
            Ok(answer) => return Err(Failure::failed(answer.text().trim_end())),
            Err(error) if error.kind == ErrorKind::Invalid => {
                return Err(Failure::usage(error.message));
            }
            Err(error) => Failure::unreachable(error.message)
                .hint("Is a master there? --url names another place."),
        };
        match waits.next() {
            Some(wait) => tokio::time::sleep(*wait).await,
            None => return Err(last),
        }
    }
}

/// Gives the bytes of an artifact from `at` on to `take`.
async fn fetch(
    from: &From,
    number: i64,
    artifact: &Artifact,
    mut at: u64,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let url = from.address(&number.to_string(), Some(&artifact.name))?;
    let tag = format!("\"{}\"", artifact.sha256);
    while at < artifact.size {
        let last = (at + BLOCK).min(artifact.size) - 1;
        let mut request = Request::new("GET", &url)
            .header("range", &format!("bytes={at}-{last}"))
            .header("if-range", &tag);
        request.timeout = Duration::from_secs(300);
        let answer = ask(from.sign(request)?).await?;
        if answer.status != 206 || answer.body.len() as u64 != last - at + 1 {
            return Err(Failure::failed(format!(
                "{} has changed on the master meanwhile.",
                artifact.name
            ))
            .hint("Ask again."));
        }
        take(&answer.body).map_err(|error| artifact.unwritten(&error))?;
        at = last + 1;
    }
    Ok(())
}

impl Artifact {
    fn unwritten(&self, error: &std::io::Error) -> Failure {
        Failure::failed(format!("{} cannot be written: {error}.", self.name))
    }

    /// An error when what has come is not what the master has hashed.
    fn check(&self, content: &Content) -> Result<(), Failure> {
        if content.sha256() == self.sha256 {
            return Ok(());
        }
        let text = format!("{} is damaged: its SHA-256 is another one.", self.name);
        Err(Failure::failed(text).hint("Ask again."))
    }
}

/// Writes an artifact to standard output.
async fn print(from: &From, number: i64, artifact: &Artifact) -> Result<(), Failure> {
    let (mut out, mut sum) = (std::io::stdout().lock(), Sum::default());
    let take = |block: &[u8]| {
        sum.add(block);
        out.write_all(block)
    };
    fetch(from, number, artifact, 0, take).await?;
    out.flush().map_err(|error| artifact.unwritten(&error))?;
    artifact.check(&sum.content())
}

/// Downloads an artifact beside its place, and puts it there when it is whole.
async fn save(from: &From, number: i64, artifact: &Artifact, path: &Path) -> Result<(), Failure> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = |error| artifact.unwritten(&error);
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let content = Content::new(artifact.size, &artifact.sha256);
    let content = content.ok_or_else(|| {
        Failure::failed(format!("The master's SHA-256 of {} is none.", artifact.name))
    })?;
    // As readable as other new files.
    let mut file = Partial::resume(dir, &content, 0o666).map_err(cannot)?;
    let at = file.size();
    if at > 0 {
        let there = text::bytes(i64::try_from(at).unwrap_or(i64::MAX));
        terminal::say(&format!("{}: {there} are there already", path.display()));
    }
    fetch(from, number, artifact, at, |block| file.write(block)).await?;
    if let Err(failure) = artifact.check(&file.content()) {
        file.discard();
        return Err(failure);
    }
    file.persist(path, None).map_err(cannot)
}

/// The name as a path below the output directory: a master is not believed about that.
fn safe(name: &str) -> Result<&Path, Failure> {
    check_name(name).map_err(|what| {
        Failure::failed(format!("The artifact's name {name:?} {what}; nothing is written."))
    })?;
    Ok(Path::new(name))
}

/// What a file holds; none = there is none that can be read.
fn content_of(path: &Path) -> Option<Content> {
    Content::of(std::fs::File::open(path).ok()?).ok()
}
