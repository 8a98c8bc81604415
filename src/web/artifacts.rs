//! Artifacts as downloads: stable addresses by the builder's name, ranges so that a download goes on
//! where it stopped, and headers that keep a browser from running what a build has made.

use std::io::{Seek as _, SeekFrom};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::Site;
use super::call::{Call, Problem, see_other};
use super::headers::{set, typed};
use crate::base::id::BuilderId;
use crate::model::artifact::Which;
use crate::store::artifacts::{self, Artifact};
use crate::store::builders;

/// What a browser may do with an artifact: nothing.
const CONTENT_POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";
const NO_BUILDER: &str = "There is no builder of this name.";
const NO_BUILD: &str = "This builder has no build of this number.";
const NO_SUCCESS: &str = "No build of this builder has succeeded and kept artifacts (pull requests do not count; ?branch=NAME asks for one branch).";
/// Bytes that are read at once.
const BLOCK: usize = 128 << 10;

/// The artifacts of a build.
struct Found {
    builder: BuilderId,
    number: i64,
    artifacts: Vec<Artifact>,
}

/// `GET /artifacts/{builder}/{build}`: JSON for programs that ask for it, else the build's page
pub(super) async fn list(site: Site, call: Call) -> Result<Response, Problem> {
    let wanted = Wanted::of(&call)?;
    let Found { builder, number, artifacts } = wanted.find(&site).await?;
    if call.header("accept").is_some_and(|accept| accept.contains("application/json")) {
        let shown = |a: &Artifact| {
            json!({ "artifactid": a.id, "name": a.name, "size": a.size, "sha256": a.sha256,
                    "step_name": a.step, "created_at": a.created_at.secs() })
        };
        let all: Vec<_> = artifacts.iter().map(shown).collect();
        let body = json!({ "builderid": builder.0, "number": number, "artifacts": all });
        return Ok(typed(StatusCode::OK, "application/json; charset=utf-8", body.to_string()));
    }
    let root = call.root();
    Ok(see_other(&format!("{root}builders/{builder}/builds/{number}#artifacts")))
}

/// `GET /artifacts/{builder}/{build}/{name}`
pub(super) async fn get(site: Site, call: Call) -> Result<Response, Problem> {
    let wanted = Wanted::of(&call)?;
    let Found { artifacts, number, .. } = wanted.find(&site).await?;
    let name = call.param(2);
    let artifact = named(&artifacts, name).ok_or_else(|| {
        let names: Vec<_> = artifacts.iter().map(|a| a.name.as_str()).take(20).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let text = format!("Build {number} has kept no {name}; it has {names}.");
        Problem::new(StatusCode::NOT_FOUND, text)
    })?;
    send(&site, &call.parts.headers, artifact).await
}

/// The artifact of this name or, if the step of this name has kept only one, that one.
fn named<'a>(artifacts: &'a [Artifact], name: &str) -> Option<&'a Artifact> {
    let by_name = artifacts.iter().find(|a| a.name == name);
    by_name.or_else(|| {
        let mut of_step = artifacts.iter().filter(|a| a.step == name);
        of_step.next().filter(|_| of_step.next().is_none())
    })
}

/// Which build is asked for.
struct Wanted {
    builder: String,
    which: Which,
    branch: Option<String>,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, Problem> {
        let which = Which::read(call.param(1)).ok_or_else(|| {
            let text = "Say latest-success or the number of a build: /artifacts/BUILDER/latest-success/NAME.";
            Problem::new(StatusCode::NOT_FOUND, text)
        })?;
        let branch = call.asked("branch").filter(|branch| !branch.is_empty());
        Ok(Self { builder: call.param(0).to_owned(), which, branch })
    }

    async fn find(self, site: &Site) -> Result<Found, Problem> {
        let Self { builder, which, branch } = self;
        let found = site.engine().store().read(move |conn| {
            let Some(builder) = builders::id_of(conn, &builder)? else {
                return Ok(Err(NO_BUILDER));
            };
            let Some(build) = artifacts::find(conn, builder, which, branch.as_deref())? else {
                return Ok(Err(match which {
                    Which::LatestSuccess => NO_SUCCESS,
                    Which::Number(_) => NO_BUILD,
                }));
            };
            let artifacts = artifacts::of_build(conn, build)?;
            let number = match which {
                Which::Number(number) => number,
                Which::LatestSuccess => artifacts.first().map_or(0, |a| a.number),
            };
            Ok(Ok(Found { builder, number, artifacts }))
        });
        found.await?.map_err(|text| Problem::new(StatusCode::NOT_FOUND, text))
    }
}

/// The bytes, or those of them that are asked for.
async fn send(site: &Site, headers: &HeaderMap, artifact: &Artifact) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", artifact.sha256);
    let asked = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let size = u64::try_from(artifact.size).unwrap_or(0);
    let known =
        |names: &str| names.split(',').any(|name| matches!(name.trim(), n if n == tag || n == "*"));
    if asked(header::IF_NONE_MATCH).is_some_and(known) {
        return Ok(dressed(typed(StatusCode::NOT_MODIFIED, KIND, Body::empty()), artifact, &tag));
    }
    // A part of what has changed meanwhile would be no part of it.
    let is_same = asked(header::IF_RANGE).is_none_or(|known| known == tag);
    let ranges = asked(header::RANGE).filter(|_| is_same);
    let ranges = ranges.and_then(|text| http_range_header::parse_range_header(text).ok());
    let part = match ranges.map(|ranges| ranges.validate(size)) {
        Some(Err(_)) => {
            let empty = typed(StatusCode::RANGE_NOT_SATISFIABLE, KIND, Body::empty());
            let mut response = dressed(empty, artifact, &tag);
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
        // Whoever asks for several parts at once gets all of it, as anybody may answer.
        Some(Ok(ranges)) => <[_; 1]>::try_from(ranges).ok().map(|[range]| range),
        None => None,
    };
    let (first, length) =
        part.as_ref().map_or((0, size), |r| (*r.start(), r.end() - r.start() + 1));
    let gone = || {
        let text = "The file of this artifact is gone from the master's disk.";
        Problem::new(StatusCode::GONE, text)
    };
    let blobs = site.engine().artifacts().cloned().ok_or_else(gone)?;
    let sha256 = artifact.sha256.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let mut file = blobs.read(&sha256)?;
        file.seek(SeekFrom::Start(first))?;
        std::io::Result::Ok(file)
    });
    let Ok(Ok(file)) = opened.await else {
        tracing::error!(artifact = artifact.name, sha256 = artifact.sha256, "its file is gone");
        return Err(gone());
    };
    let file = tokio::fs::File::from_std(file).take(length);
    let body = Body::from_stream(ReaderStream::with_capacity(file, BLOCK));
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = dressed(typed(status, KIND, body), artifact, &tag);
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    if part.is_some() {
        let last = first + length - 1;
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
    }
    Ok(response)
}

const KIND: &str = "application/octet-stream";

fn dressed(mut response: Response, artifact: &Artifact, tag: &str) -> Response {
    set(&mut response, header::ETAG, tag);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    // Most artifacts are compressed already, and lengths and ranges are those of the file.
    set(&mut response, header::CONTENT_ENCODING, "identity");
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    set(&mut response, header::CONTENT_DISPOSITION, &disposition(&artifact.name));
    response
}

/// The name to save it under, for old and new clients.
fn disposition(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let plain: String = last
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-+ ".contains(c) { c } else { '_' })
        .collect();
    let full = percent_encoding::utf8_percent_encode(last, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}")
}
