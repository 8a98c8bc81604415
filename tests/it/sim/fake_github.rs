//! A GitHub with state instead of canned answers: repositories, commits, pull requests, statuses.
//! Tests put things in and look at what is there in the end; faults are switched on and off. It
//! answers in process (`client`, for the simulator's clock) or over TCP (`listen`), with the same
//! rules: unknown repositories and commits, limits of lengths, a token that must be right.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use halide_ci::http::{Answer, Client, ErrorKind, Future, HttpError, Request, Transport};
use serde_json::{Value as Json, json};

/// What GitHub does instead of answering well.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Fault {
    /// Nothing is wrong.
    #[default]
    None,
    /// Answers 500 to everything.
    Outage,
    /// Answers 503 and asks to come back after so many seconds.
    Busy(u64),
    /// Answers 403 until this moment, in seconds since the epoch: the rate limit is used up.
    Limited(i64),
    /// Takes the request and never answers.
    Hang,
    /// Does what it is asked, but the answer is lost.
    ReplyLost,
}

/// A status as GitHub keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) context: String,
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) target_url: String,
}

#[derive(Default)]
struct Repository {
    /// Message by sha.
    commits: BTreeMap<String, String>,
    pulls: BTreeMap<i64, Vec<Json>>,
    /// Comments of each pull request: (id, body).
    comments: BTreeMap<i64, Vec<(i64, String)>>,
    /// Pull requests as they are told.
    told: BTreeMap<i64, Json>,
    branches: BTreeMap<String, String>,
    /// Every status that was posted, by sha, in order.
    statuses: BTreeMap<String, Vec<Status>>,
}

#[derive(Default)]
struct World {
    token: Option<String>,
    repositories: BTreeMap<String, Repository>,
    fault: Fault,
    requests: Vec<String>,
    /// What was posted to `/inbox`, and how that answers.
    inbox: Vec<Json>,
    inbox_answers: u16,
    inbox_headers: BTreeMap<String, String>,
}

/// The fake; clones are the same GitHub.
#[derive(Clone, Default)]
pub(crate) struct FakeGithub(Arc<Mutex<World>>);

impl FakeGithub {
    /// An empty GitHub that lets everybody in.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// From now on requests need this token.
    pub(crate) fn require_token(&self, token: &str) {
        self.world().token = Some(token.to_owned());
    }

    /// Adds a commit, and its repository if it is new.
    pub(crate) fn commit(&self, repository: &str, sha: &str, message: &str) {
        let mut world = self.world();
        let repository = world.repositories.entry(repository.to_owned()).or_default();
        repository.commits.insert(sha.to_owned(), message.to_owned());
    }

    /// Adds or replaces a pull request with these changed files.
    pub(crate) fn pull_request(&self, repository: &str, number: i64, files: &[&str]) {
        let files = files.iter().map(|f| json!({ "filename": f, "status": "modified" })).collect();
        let mut world = self.world();
        let repository = world.repositories.entry(repository.to_owned()).or_default();
        repository.pulls.insert(number, files);
    }

    /// Puts `branch` at a commit, or deletes it.
    pub(crate) fn branch(&self, repository: &str, branch: &str, sha: Option<&str>) {
        let mut world = self.world();
        let branches = &mut world.repositories.entry(repository.to_owned()).or_default().branches;
        match sha {
            Some(sha) => branches.insert(branch.to_owned(), sha.to_owned()),
            None => branches.remove(branch),
        };
    }

    /// What is told of a pull request.
    pub(crate) fn pull(&self, repository: &str, number: i64, pull: Json) {
        let mut world = self.world();
        world.repositories.entry(repository.to_owned()).or_default().told.insert(number, pull);
    }

    /// Adds a renamed file to a pull request.
    pub(crate) fn rename(&self, repository: &str, number: i64, from: &str, to: &str) {
        let mut world = self.world();
        let repository = world.repositories.entry(repository.to_owned()).or_default();
        repository
            .pulls
            .entry(number)
            .or_default()
            .push(json!({ "filename": to, "previous_filename": from, "status": "renamed" }));
    }

    /// Switches to a fault, or back to [`Fault::None`].
    pub(crate) fn fault(&self, fault: Fault) {
        self.world().fault = fault;
    }

    /// Every status of a commit in the order posted.
    pub(crate) fn history(&self, repository: &str, sha: &str) -> Vec<Status> {
        let world = self.world();
        let repository = world.repositories.get(repository);
        repository.and_then(|r| r.statuses.get(sha)).cloned().unwrap_or_default()
    }

    /// What a visitor of the commit sees: the newest state of each context.
    pub(crate) fn statuses(&self, repository: &str, sha: &str) -> BTreeMap<String, String> {
        self.history(repository, sha).into_iter().map(|s| (s.context, s.state)).collect()
    }

    /// The comments of a pull request.
    pub(crate) fn comments(&self, repository: &str, number: i64) -> Vec<String> {
        let world = self.world();
        let comments = world.repositories.get(repository).and_then(|r| r.comments.get(&number));
        comments.into_iter().flatten().map(|(_, body)| body.clone()).collect()
    }

    /// Somebody comments on a pull request.
    pub(crate) fn write_comment(&self, repository: &str, number: i64, body: &str) {
        let mut world = self.world();
        let repository = world.repositories.get_mut(repository).unwrap();
        let body = json!({ "body": body }).to_string();
        repository.comment("POST", &[&number.to_string(), "comments"], "", body.as_bytes());
    }

    /// What arrived at `/inbox`, which is no part of GitHub: any server that takes JSON.
    pub(crate) fn inbox(&self) -> Vec<Json> {
        self.world().inbox.clone()
    }

    /// The headers of the newest request over TCP to `/inbox`.
    pub(crate) fn inbox_headers(&self) -> BTreeMap<String, String> {
        self.world().inbox_headers.clone()
    }

    /// From now on `/inbox` answers so; nothing arrives unless that is 200.
    pub(crate) fn inbox_answers(&self, status: u16) {
        self.world().inbox_answers = status;
    }

    /// Every request so far: `GET /repos/o/n/commits/abc`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.world().requests.clone()
    }

    /// A client that reaches this GitHub at any URL, in process, on the simulated clock.
    pub(crate) fn client(&self) -> Client {
        Client::with_transport(Arc::new(self.clone()))
    }

    /// Serves over TCP on a free port of loopback, for as long as the runtime lives.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = self.clone();
        let app = axum::Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let fake = fake.clone();
                async move {
                    let token = headers.get("authorization").and_then(|v| v.to_str().ok());
                    let path = uri.path_and_query().map_or("/", |p| p.as_str());
                    if uri.path() == "/inbox" {
                        let text = |v: &axum::http::HeaderValue| v.to_str().unwrap().to_owned();
                        let headers = headers.iter().map(|(n, v)| (n.to_string(), text(v)));
                        fake.world().inbox_headers = headers.collect();
                    }
                    fake.respond(method.as_str(), path, token, &body).await
                }
            },
        );
        #[expect(clippy::disallowed_methods, reason = "the fake is no part of the program")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    async fn respond(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Response {
        match self.answer(method, path, token, body) {
            Reply::Answer(answer) => {
                let mut response = Response::builder().status(answer.status);
                for (name, value) in answer.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(answer.body)).unwrap()
            }
            Reply::Never => std::future::pending().await,
            Reply::Lost => {
                let broken = futures_util::stream::once(async {
                    Err::<Bytes, _>(std::io::Error::other("the connection breaks"))
                });
                Response::builder().status(201).body(Body::from_stream(broken)).unwrap()
            }
        }
    }

    fn answer(&self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Reply {
        let mut world = self.world();
        world.requests.push(format!("{method} {path}"));
        match world.fault.clone() {
            Fault::None => Reply::Answer(world.serve(method, path, token, body)),
            Fault::Outage => Reply::Answer(error(500, "We are looking into it", &[])),
            Fault::Busy(seconds) => {
                Reply::Answer(error(503, "Busy", &[("retry-after", seconds.to_string())]))
            }
            Fault::Limited(reset) => {
                let headers = [
                    ("x-ratelimit-remaining", "0".to_owned()),
                    ("x-ratelimit-reset", reset.to_string()),
                ];
                Reply::Answer(error(403, "API rate limit exceeded", &headers))
            }
            Fault::Hang => Reply::Never,
            Fault::ReplyLost => {
                world.serve(method, path, token, body);
                Reply::Lost
            }
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

enum Reply {
    Answer(Answer),
    Never,
    Lost,
}

impl Transport for FakeGithub {
    fn send(&self, request: Request) -> Future<'_, Result<Answer, HttpError>> {
        Box::pin(async move {
            let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
            let token = request.headers.iter().find(|(n, _)| n == "authorization");
            let token = token.map(|(_, v)| v.as_str());
            match self.answer(&request.method, &format!("/{path}"), token, &request.body) {
                Reply::Answer(answer) => Ok(answer),
                Reply::Never => std::future::pending().await,
                Reply::Lost => Err(HttpError::new(ErrorKind::Unreachable, "The connection broke.")),
            }
        })
    }
}

impl World {
    fn serve(&mut self, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
        if let Some(wanted) = self.token.as_ref().filter(|_| !path.starts_with("/inbox")) {
            let given = token.and_then(|t| t.split_once(' ')).map(|(_, given)| given);
            if given != Some(wanted) {
                return error(401, "Bad credentials", &[]);
            }
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path == "/inbox" {
            if !matches!(self.inbox_answers, 0 | 200) {
                return error(self.inbox_answers, "No", &[]);
            }
            let text = || Json::from(String::from_utf8_lossy(body).into_owned());
            self.inbox.push(serde_json::from_slice(body).unwrap_or_else(|_| text()));
            return ok(200, &json!({}));
        }
        // Gitea has the same shape below another path.
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        let whole = path.trim_start_matches("/repos/").to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let ["repos", owner, name, rest @ ..] = &*parts else {
            return error(404, "Not Found", &[]);
        };
        let Some(repository) = self.repositories.get_mut(&format!("{owner}/{name}")) else {
            return error(404, "Not Found", &[]);
        };
        match (method, rest) {
            ("GET", ["commits", sha]) => match repository.commits.get(*sha) {
                Some(message) => {
                    let person = json!({
                        "name": "A. Contributor", "email": "a@example.org", "date": "2026-01-02T03:04:05Z",
                    });
                    let commit =
                        json!({ "message": message, "author": person, "committer": person });
                    let link = format!("https://github.com/{owner}/{name}/commit/{sha}");
                    ok(200, &json!({ "sha": sha, "html_url": link, "commit": commit }))
                }
                None => error(422, &format!("No commit found for SHA: {sha}"), &[]),
            },
            ("GET", ["pulls", number, "files"]) => {
                let number = number.parse().unwrap_or(-1);
                match repository.pulls.get(&number) {
                    Some(files) => ok(200, &page(files, query)),
                    None => error(404, "Not Found", &[]),
                }
            }
            (_, ["issues", rest @ ..]) => repository.comment(method, rest, query, body),
            ("GET", []) => {
                let link = format!("https://github.com/{whole}");
                ok(200, &json!({ "full_name": whole, "name": name, "html_url": link }))
            }
            ("GET", ["branches"]) => {
                let told = |(name, sha): (&String, &String)| json!({ "name": name, "commit": { "sha": sha } });
                ok(200, &page(&repository.branches.iter().map(told).collect::<Vec<_>>(), query))
            }
            ("GET", ["pulls"]) => {
                let open = repository.told.values().filter(|pull| pull["state"] == "open");
                ok(200, &page(&open.rev().cloned().collect::<Vec<_>>(), query))
            }
            ("GET", ["pulls", number]) => {
                match repository.told.get(&number.parse().unwrap_or(-1)) {
                    Some(pull) => ok(200, pull),
                    None => error(404, "Not Found", &[]),
                }
            }
            ("GET", ["compare", _]) => {
                ok(200, &json!({ "files": [{ "filename": "src/IR.cpp", "status": "modified" }] }))
            }
            ("POST", ["statuses", sha]) => repository.post_status(sha, body),
            _ => error(404, "Not Found", &[]),
        }
    }
}

impl Repository {
    fn comment(&mut self, method: &str, rest: &[&str], query: &str, body: &[u8]) -> Answer {
        let shown = |(id, body): &(i64, String)| json!({ "id": id, "body": body });
        let body: Json = serde_json::from_slice(body).unwrap_or_default();
        let text = body["body"].as_str().map(str::to_owned);
        match (method, rest, text) {
            ("GET", [number, "comments"], _) => {
                let comments = self.comments.entry(number.parse().unwrap()).or_default();
                ok(200, &page(&comments.iter().map(shown).collect::<Vec<_>>(), query))
            }
            ("POST", [number, "comments"], Some(text)) => {
                let id = 1 + self.comments.values().map(Vec::len).sum::<usize>() as i64;
                let comments = self.comments.entry(number.parse().unwrap()).or_default();
                comments.push((id, text));
                ok(201, &json!({ "id": id }))
            }
            ("PATCH", ["comments", id], Some(text)) => {
                let id: i64 = id.parse().unwrap();
                let mut all = self.comments.values_mut().flatten();
                match all.find(|(known, _)| *known == id) {
                    Some((_, body)) => *body = text,
                    None => return error(404, "Not Found", &[]),
                }
                ok(200, &json!({ "id": id }))
            }
            _ => error(422, "Validation Failed", &[]),
        }
    }

    fn post_status(&mut self, sha: &str, body: &[u8]) -> Answer {
        if !self.commits.contains_key(sha) {
            return error(422, &format!("No commit found for SHA: {sha}"), &[]);
        }
        let Ok(body) = serde_json::from_slice::<Json>(body) else {
            return error(400, "Problems parsing JSON", &[]);
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let status = Status {
            context: text("context"),
            state: text("state"),
            description: text("description"),
            target_url: text("target_url"),
        };
        if !["error", "failure", "pending", "success"].contains(&&*status.state) {
            return error(422, "Validation Failed: state is not included in the list", &[]);
        }
        if status.description.chars().count() > 140 || status.context.len() > 255 {
            return error(422, "Validation Failed: too long", &[]);
        }
        self.statuses.entry(sha.to_owned()).or_default().push(status);
        ok(201, &body)
    }
}

/// One page of `list`: GitHub gives 30 items unless asked for up to 100.
fn page(list: &[Json], query: &str) -> Json {
    let number = |name: &str, default: usize| {
        let value = query.split('&').filter_map(|p| p.split_once('=')).find(|(n, _)| *n == name);
        value.and_then(|(_, v)| v.parse().ok()).unwrap_or(default)
    };
    let size = number("per_page", 30).min(100);
    let first = (number("page", 1).max(1) - 1) * size;
    Json::Array(list.iter().skip(first).take(size).cloned().collect())
}

fn ok(status: u16, body: &Json) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn error(status: u16, message: &str, headers: &[(&str, String)]) -> Answer {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Answer { status, headers, body: json!({ "message": message }).to_string().into_bytes() }
}
