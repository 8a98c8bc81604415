//! `try`: has a working tree built before it is committed. The difference to a commit that the
//! builders can get goes to a `try_userpass` scheduler; whoever waits is told what became of it.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value as Json, json};

use super::failure::Failure;
use super::remote::{self, PASSWORD};
use super::terminal;
use crate::base::results::Results;
use crate::http::{Answer, Client, ErrorKind, Request};

/// How often the master is asked whether it is done.
const LOOK: Duration = Duration::from_secs(1);
/// How long a master may be away while it is waited for.
const AWAY: u32 = 300;

/// Have a working tree built before it is committed.
///
/// The difference to a commit that the builders can get is sent to a scheduler of the master:
/// ci.schedulers.try_userpass { name = "try", builders = { … }, users = { ann = … } }. The password
/// of --user is read from --password-file or the variable HALIDE_CI_PASSWORD. Exit status with
/// --wait: 0 when all is well, 1 when something failed.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples: halide-ci try --url https://ci.example.org/ --user ann -b linux --wait
          git diff main | halide-ci try --user ann --diff - --baserev main"
)]
pub(super) struct Args {
    /// The master's address.
    #[arg(long, default_value = "http://localhost:8012/", value_name = "URL")]
    url: String,
    /// The scheduler.
    #[arg(long, default_value = "try", value_name = "NAME")]
    scheduler: String,
    /// A user of the scheduler.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The file with that user's password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A builder; may be given several times (default: all of the scheduler's).
    #[arg(long = "builder", short = 'b', value_name = "NAME")]
    builders: Vec<String>,
    /// A file with the patch, - for standard input (default: the difference of the working tree to
    /// the base).
    #[arg(long, value_name = "FILE", requires = "baserev")]
    diff: Option<PathBuf>,
    /// Parts of the patch's paths that are left out.
    #[arg(long, default_value_t = 1, value_name = "N")]
    patchlevel: u32,
    /// A folder of the source in which the patch is applied.
    #[arg(long, default_value = "", value_name = "FOLDER")]
    subdir: String,
    /// The commit that the patch is made against (default: where this branch left its upstream).
    #[arg(long, value_name = "REVISION")]
    baserev: Option<String>,
    /// The branch (default: the upstream's).
    #[arg(long)]
    branch: Option<String>,
    /// The URL of the repository.
    #[arg(long, default_value = "")]
    repository: String,
    /// The project.
    #[arg(long, default_value = "")]
    project: String,
    /// The codebase.
    #[arg(long, default_value = "")]
    codebase: String,
    /// A property; may be given several times.
    #[arg(long = "property", short = 'p', value_name = "NAME:VALUE")]
    properties: Vec<String>,
    /// Who tries (default: the user).
    #[arg(long, value_name = "AUTHOR")]
    who: Option<String>,
    /// What is tried.
    #[arg(long, short = 'm', default_value = "")]
    comment: String,
    /// Wait for the end.
    #[arg(long)]
    wait: bool,
    /// Show the patch and send nothing.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Show the builders that may be chosen.
    #[arg(long, conflicts_with_all = ["wait", "dry_run"])]
    get_builder_names: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A patch and what it applies to.
struct Patch {
    base: String,
    branch: Option<String>,
    body: Vec<u8>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.get_builder_names {
        return remote::run(names(args));
    }
    let patch = patch(args)?;
    if patch.body.is_empty() {
        return Err(Failure::usage(format!("nothing differs from {}.", patch.base))
            .hint("Files that git does not know are left out: git add -N FILE."));
    }
    if args.dry_run {
        terminal::say(&String::from_utf8_lossy(&patch.body));
        return Ok(());
    }
    remote::run(send(args, &patch))
}

async fn names(args: &Args) -> Result<(), Failure> {
    let answer = ask(args, Request::new("GET", &address(args))).await?;
    match answer["builders"].as_array().filter(|_| !args.json) {
        None => terminal::say(&answer.to_string()),
        Some(names) => names.iter().filter_map(Json::as_str).for_each(terminal::say),
    }
    Ok(())
}

async fn send(args: &Args, patch: &Patch) -> Result<(), Failure> {
    let body = base64::engine::general_purpose::STANDARD.encode(&patch.body);
    let wish = json!({
        "builders": args.builders, "revision": patch.base, "branch": patch.branch,
        "repository": args.repository, "project": args.project, "codebase": args.codebase,
        "who": args.who, "comment": args.comment,
        "properties": remote::properties(&args.properties)?,
        "patch": { "level": args.patchlevel, "subdir": args.subdir, "body_base64": body },
    });
    let started = ask(args, Request::new("POST", &address(args)).json(&wish)).await?;
    let none = Map::new();
    let requests = started["buildrequests"].as_object().unwrap_or(&none);
    if !args.json {
        for (builder, request) in requests {
            terminal::say(&format!("{builder}: {}buildrequests/{request}", root(args)));
        }
    }
    if !args.wait {
        if args.json {
            terminal::say(&started.to_string());
        }
        return Ok(());
    }
    let results = wait(args, requests).await?;
    let mut worst = Results::Success;
    for results in results.values() {
        worst = worst.worse(*results);
    }
    if args.json {
        let words: Map<String, Json> =
            results.iter().map(|(name, r)| (name.clone(), r.word().into())).collect();
        terminal::say(&json!({ "bsid": started["bsid"], "results": words }).to_string());
    }
    match worst {
        Results::Success | Results::Warnings | Results::Skipped => Ok(()),
        _ => Err(Failure::failed(format!("the try ended as {}.", worst.word()))),
    }
}

/// Tells each builder's end as it comes.
async fn wait(
    args: &Args,
    requests: &Map<String, Json>,
) -> Result<std::collections::BTreeMap<String, Results>, Failure> {
    let mut out = std::collections::BTreeMap::new();
    let mut away = 0;
    while out.len() < requests.len() {
        tokio::time::sleep(LOOK).await;
        for (builder, request) in requests {
            if out.contains_key(builder) {
                continue;
            }
            let url = format!("{}api/v2/buildrequests/{request}", root(args));
            // Anybody may read; the scheduler's users are not the pages' users.
            let answer = match exchange(args, Request::new("GET", &url)).await {
                Ok(answer) => answer,
                // A master that restarts comes back, and the request with it.
                Err(failure)
                    if failure.kind == super::failure::Kind::Unreachable && away < AWAY =>
                {
                    away += 1;
                    break;
                }
                Err(failure) => return Err(failure),
            };
            away = 0;
            let row = &answer["buildrequests"][0];
            if row["complete"] == Json::Bool(true) {
                let code = row["results"].as_i64().and_then(Results::from_code);
                let results = code.unwrap_or(Results::Exception);
                if !args.json {
                    terminal::say(&format!("{builder}: {}", results.word()));
                }
                out.insert(builder.clone(), results);
            }
        }
    }
    Ok(out)
}

async fn ask(args: &Args, request: Request) -> Result<Json, Failure> {
    exchange(args, remote::sign(request, &args.user, args.password_file.as_deref())?).await
}

async fn exchange(args: &Args, request: Request) -> Result<Json, Failure> {
    match Client::new().request(request).await {
        Ok(answer) => told(args, &answer),
        Err(error) if error.kind == ErrorKind::Invalid => Err(Failure::usage(error.message)),
        Err(error) => Err(Failure::unreachable(error.message)
            .hint(format!("Is a master at {}? --url names another place.", args.url))),
    }
}

fn told(args: &Args, answer: &Answer) -> Result<Json, Failure> {
    let text = answer.text();
    // The data API says it in JSON, the rest in words.
    let json = serde_json::from_str::<Json>(&text).ok();
    let words = json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or(text.trim());
    let failure = Failure::failed(words);
    Err(match (answer.status, json.clone()) {
        (200..=299, Some(json)) => return Ok(json),
        (401, _) => failure.hint(format!(
            "Users of the scheduler {:?} and their passwords stand in master.lua; the password of \
             --user is read from --password-file or {PASSWORD}.",
            args.scheduler
        )),
        (404, _) => failure.hint(format!(
            "In master.lua: ci.schedulers.try_userpass {{ name = {:?}, … }}.",
            args.scheduler
        )),
        (503, _) => Failure::unreachable(words),
        _ => failure,
    })
}

fn root(args: &Args) -> String {
    format!("{}/", args.url.trim_end_matches('/'))
}

fn address(args: &Args) -> String {
    let name =
        percent_encoding::utf8_percent_encode(&args.scheduler, percent_encoding::NON_ALPHANUMERIC);
    format!("{}api/v2/tryschedulers/{name}", root(args))
}

/// The patch that was given, or that the working tree is.
fn patch(args: &Args) -> Result<Patch, Failure> {
    if let (Some(file), Some(base)) = (&args.diff, &args.baserev) {
        let body = if file.as_os_str() == "-" {
            let mut body = Vec::new();
            std::io::stdin()
                .read_to_end(&mut body)
                .map_err(|e| Failure::usage(format!("standard input cannot be read: {e}.")))?;
            body
        } else {
            std::fs::read(file)
                .map_err(|e| Failure::usage(format!("{} cannot be read: {e}.", file.display())))?
        };
        return Ok(Patch { base: full(base)?, branch: args.branch.clone(), body });
    }
    let top = words(&["rev-parse", "--show-toplevel"]).map_err(|failure| {
        failure.hint("try sends the git working tree that it is called in, or --diff FILE.")
    })?;
    let upstream =
        words(&["rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}"]).ok();
    let base = match (&args.baserev, &upstream) {
        (Some(base), _) => full(base)?,
        (None, Some(_)) => words(&["merge-base", "HEAD", "@{upstream}"])?,
        (None, None) => {
            return Err(Failure::usage("this branch has no upstream.")
                .hint("--baserev names the commit that the builders can get."));
        }
    };
    // `origin/main` is the branch `main` of the master's repository.
    let of_upstream = upstream.as_deref().and_then(|name| name.split_once('/')).map(|(_, b)| b);
    let branch = args.branch.clone().or_else(|| of_upstream.map(str::to_owned));
    let shown = ["-C", &top, "diff", "--binary", "--no-color", "--no-ext-diff", &base, "--"];
    let body = git(&shown)?;
    Ok(Patch { base, branch, body })
}

/// The full hash of a revision that git knows here; others are sent as they are.
fn full(revision: &str) -> Result<String, Failure> {
    if revision.starts_with('-') {
        return Err(Failure::usage(format!("{revision:?} is no revision.")));
    }
    let commit = format!("{revision}^{{commit}}");
    Ok(words(&["rev-parse", "--verify", "--quiet", &commit])
        .unwrap_or_else(|_| revision.to_owned()))
}

fn words(args: &[&str]) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&git(args)?).trim().to_owned())
}

fn git(args: &[&str]) -> Result<Vec<u8>, Failure> {
    let out = Command::new("git").args(args).stdin(Stdio::null()).output().map_err(|e| {
        Failure::failed(format!("git cannot be run: {e}.")).hint("Install it, or give --diff FILE.")
    })?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let text = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    Err(Failure::failed(if text.is_empty() {
        format!("git {} failed.", args.join(" "))
    } else {
        text
    }))
}
