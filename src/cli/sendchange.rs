//! `sendchange`: tells a master of a change, through its hook `base`. The proof of who sends it comes
//! from a file or the environment, never from an argument, which everybody on the machine can
//! read.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::failure::Failure;
use super::remote::{self, PASSWORD};
use super::terminal;
use crate::base::random::Random;
use crate::http::{Client, ErrorKind, Request};

/// The bearer token, when no file is named.
const SECRET: &str = "HALIDE_CI_HOOK_SECRET";
/// Waits before another attempt, when the master cannot be reached.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Tell a master of a change.
///
/// The master's hook `base` must be configured: c.www.change_hooks = { base = ci.hooks.base { secret = … } }.
/// Its secret is read from --secret-file or the variable HALIDE_CI_HOOK_SECRET; where hooks want a name
/// and a password (c.www.change_hook_auth), these are --user with --password-file or
/// HALIDE_CI_PASSWORD. An attempt that is repeated makes no second change.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: halide-ci sendchange --url https://ci.example.org/ --secret-file hook.txt --who ann \
                        --branch main --revision 1a2b3c --comments 'Fix it' src/a.cpp"
)]
pub(super) struct Args {
    /// The master's address.
    #[arg(long, default_value = "http://localhost:8012/", value_name = "URL")]
    url: String,
    /// The file with the hook's secret.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The user of c.www.change_hook_auth.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file with that user's password.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Who made the change: `Name <email>`.
    #[arg(long, short = 'W', visible_alias = "author", value_name = "AUTHOR")]
    who: Option<String>,
    /// Who committed it.
    #[arg(long, value_name = "COMMITTER")]
    committer: Option<String>,
    /// The URL of the repository.
    #[arg(long, short = 'R')]
    repository: Option<String>,
    /// The project.
    #[arg(long, short = 'P')]
    project: Option<String>,
    /// The branch.
    #[arg(long, short = 'b')]
    branch: Option<String>,
    /// The category.
    #[arg(long, short = 'C')]
    category: Option<String>,
    /// The codebase.
    #[arg(long)]
    codebase: Option<String>,
    /// The revision.
    #[arg(long, short = 'r')]
    revision: Option<String>,
    /// A file that holds the revision.
    #[arg(long, value_name = "FILE", conflicts_with = "revision")]
    revision_file: Option<PathBuf>,
    /// A property; may be given several times.
    #[arg(long, short = 'p', value_name = "NAME:VALUE")]
    property: Vec<String>,
    /// The message.
    #[arg(long, short = 'c', short_alias = 'm')]
    comments: Option<String>,
    /// A file that holds the message; - for standard input.
    #[arg(long, short = 'F', value_name = "FILE", conflicts_with = "comments")]
    logfile: Option<PathBuf>,
    /// When the change was made, in seconds since 1970.
    #[arg(long)]
    when: Option<f64>,
    /// A page that shows the change.
    #[arg(long, short = 'l')]
    revlink: Option<String>,
    /// The files that it touches.
    #[arg(value_name = "FILE")]
    files: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let request = request(args)?;
    let text = remote::run(send(&args.url, request))?;
    terminal::say(text.trim_end());
    Ok(())
}

async fn send(url: &str, request: Request) -> Result<String, Failure> {
    let client = Client::new();
    let mut waits = AGAIN.iter();
    loop {
        let last = match client.request(request.clone()).await {
            Ok(answer) if answer.status == 503 => Failure::unreachable(answer.text()),
            Ok(answer) => return told(answer.status, answer.text()),
            Err(error) if error.kind == ErrorKind::Invalid => {
                return Err(Failure::usage(error.message));
            }
            Err(error) => Failure::unreachable(error.message)
                .hint(format!("Is a master at {url}? --url names another place.")),
        };
        match waits.next() {
            Some(wait) => tokio::time::sleep(*wait).await,
            None => return Err(last),
        }
    }
}

fn told(status: u16, text: String) -> Result<String, Failure> {
    let failure = Failure::failed(text.trim_end());
    Err(match status {
        200..=299 => return Ok(text),
        401 => failure.hint(format!(
            "The secret is read from --secret-file or {SECRET}, the password of --user from \
             --password-file or {PASSWORD}."
        )),
        404 => failure.hint("In master.lua: c.www.change_hooks = { base = ci.hooks.base { … } }."),
        _ => failure,
    })
}

fn request(args: &Args) -> Result<Request, Failure> {
    let url = format!("{}/change_hook/base", args.url.trim_end_matches('/'));
    let mut request = Request::new("POST", &url)
        .header("idempotency-key", &Random::system().token())
        .json(&change(args)?);
    if let Some(user) = &args.user {
        request = remote::sign(request, user, args.password_file.as_deref())?;
    }
    if let Some(secret) = remote::proof(args.secret_file.as_deref(), SECRET)? {
        request = match &args.user {
            None => request.header("authorization", &format!("Bearer {secret}")),
            // That header is taken; the same secret signs the body.
            Some(_) => {
                let signature = signature(&secret, &request.body)?;
                request.header("x-hub-signature-256", &signature)
            }
        };
    }
    Ok(request)
}

fn signature(secret: &str, body: &[u8]) -> Result<String, Failure> {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|e| Failure::usage(format!("the secret cannot be used: {e}")))?;
    Ok(format!("sha256={}", hex::encode(mac.chain_update(body).finalize().into_bytes())))
}

fn change(args: &Args) -> Result<Json, Failure> {
    let mut out = Map::new();
    let revision = match &args.revision_file {
        Some(file) => Some(remote::read(file)?.trim().to_owned()),
        None => args.revision.clone(),
    };
    let comments = match &args.logfile {
        Some(file) if file.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|e| Failure::usage(format!("standard input cannot be read: {e}.")))?;
            Some(text)
        }
        Some(file) => Some(remote::read(file)?),
        None => args.comments.clone(),
    };
    let texts = [
        ("author", args.who.clone()),
        ("committer", args.committer.clone()),
        ("repository", args.repository.clone()),
        ("project", args.project.clone()),
        ("branch", args.branch.clone()),
        ("category", args.category.clone()),
        ("codebase", args.codebase.clone()),
        ("revision", revision),
        ("comments", comments),
        ("revlink", args.revlink.clone()),
    ];
    for (name, text) in texts {
        out.extend(text.map(|text| (name.to_owned(), Json::from(text))));
    }
    out.extend(args.when.map(|when| ("when_timestamp".to_owned(), Json::from(when))));
    let properties = remote::properties(&args.property)?;
    if out.is_empty() {
        return Err(Failure::usage("a change needs at least --who, --revision or --branch."));
    }
    out.insert("properties".to_owned(), Json::Object(properties));
    out.insert("files".to_owned(), json!(args.files));
    Ok(Json::Object(out))
}
