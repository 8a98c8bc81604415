//! `artifact`: lists and downloads what builds have kept. A download is asked for block by block, so
//! that one that breaks goes on where it stopped, and takes its name only when its hash is right.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::failure::Failure;
use super::{remote, terminal};
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
        let mut out = std::io::stdout().lock();
        return fetch(&args.from, number, artifact, &mut out).await;
    }
    for artifact in wanted {
        let path = args.output.join(safe(&artifact.name)?);
        let size = text::bytes(i64::try_from(artifact.size).unwrap_or(i64::MAX));
        if hash_of(&path).is_some_and(|hash| hash == artifact.sha256) {
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

/// Writes an artifact to `out`; an error when its bytes are not those that the master has hashed.
async fn fetch(
    from: &From,
    number: i64,
    artifact: &Artifact,
    out: &mut dyn std::io::Write,
) -> Result<(), Failure> {
    let url = from.address(&number.to_string(), Some(&artifact.name))?;
    let unwritten =
        |error| Failure::failed(format!("{} cannot be written: {error}.", artifact.name));
    let tag = format!("\"{}\"", artifact.sha256);
    let (mut at, mut hash) = (0, Sha256::new());
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
        hash.update(&answer.body);
        out.write_all(&answer.body).map_err(unwritten)?;
        at = last + 1;
    }
    out.flush().map_err(unwritten)?;
    if hex::encode(hash.finalize()) == artifact.sha256 {
        return Ok(());
    }
    Err(Failure::failed(format!("{} is damaged: its SHA-256 is another one.", artifact.name)))
}

/// Downloads an artifact beside its place, and puts it there when it is whole.
async fn save(from: &From, number: i64, artifact: &Artifact, path: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("{} cannot be written: {error}.", path.display()))
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let mut file = NamedTempFile::with_prefix_in(".partial-", dir).map_err(cannot)?;
    fetch(from, number, artifact, &mut file).await?;
    open_to_all(file.as_file()).map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}

/// Temporary files are private; a download is as readable as others.
#[cfg(unix)]
fn open_to_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_all(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// The name as a path below the output directory: a master is not believed about that.
fn safe(name: &str) -> Result<&Path, Failure> {
    check_name(name).map_err(|what| {
        Failure::failed(format!("The artifact's name {name:?} {what}; nothing is written."))
    })?;
    Ok(Path::new(name))
}

/// The hash of a file; none = there is none that can be read.
fn hash_of(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block).ok()? {
            0 => return Some(hex::encode(hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}
