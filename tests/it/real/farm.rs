//! A real master and a real worker as processes of this machine, in a scratch directory, on free
//! ports; posts signed webhooks over TCP, reads REST, kills. Benches use it too.

#![allow(dead_code, reason = "benches and tests use different halves")]
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;

const HOOK_SECRET: &str = "secret-of-the-hook";

/// A master, a worker and where they live.
pub(crate) struct Farm {
    dir: tempfile::TempDir,
    program: PathBuf,
    master: Option<Child>,
    worker: Option<Child>,
    web: u16,
    delivered: u64,
}

impl Farm {
    /// A farm whose builders are `builders` (Lua, with `c` and `ci` at hand); nothing runs yet.
    pub(crate) fn new(program: &str, builders: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (web, port) = (free_port(), free_port());
        let base = dir.path();
        std::fs::create_dir_all(base.join("master")).unwrap();
        std::fs::create_dir_all(base.join("worker")).unwrap();
        let config = format!(
            r#"local ci = require "ci"
local c = ci.config()
c.url = "http://127.0.0.1:{web}/"
c.protocols = {{ port = {port}, interface = "127.0.0.1" }}
c.workers = {{ ci.worker {{ name = "w", password = "secret-of-the-worker" }} }}
c.www = {{ port = {web}, interface = "127.0.0.1",
  authz = ci.authz {{ allow = {{ control = "anyone" }} }},
  change_hooks = {{ github = ci.hooks.github {{ secret = "{HOOK_SECRET}" }} }} }}
{builders}
return c
"#
        );
        std::fs::write(base.join("master/master.lua"), config).unwrap();
        let worker = format!(
            r#"return {{ name = "w", password = "secret-of-the-worker", host = "127.0.0.1", port = {port}, max_delay = 1 }}
"#
        );
        std::fs::write(base.join("worker/worker.lua"), worker).unwrap();
        let program = PathBuf::from(program);
        Self { dir, program, master: None, worker: None, web, delivered: 0 }
    }

    /// A builder `name` with the steps `steps` (Lua), started by pushes to the branch of its name.
    pub(crate) fn builder(name: &str, steps: &str) -> String {
        format!(
            r#"c.builders = c.builders or {{}}
c.schedulers = c.schedulers or {{}}
c.builders[#c.builders + 1] = ci.builder {{ name = "{name}", workers = {{ "w" }}, collapse_requests = false, factory = {{ {steps} }} }}
c.schedulers[#c.schedulers + 1] = ci.schedulers.any_branch {{ name = "on {name}", builders = {{ "{name}" }}, change_filter = {{ branch = "{name}" }} }}
"#
        )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn spawn(&self, what: &str) -> Child {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path(&format!("{what}.log")))
            .unwrap();
        Command::new(&self.program)
            .args(["start", &self.path(what).to_string_lossy(), "--foreground"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Starts the master; returns how long it took until its page answered.
    pub(crate) fn start_master(&mut self) -> Duration {
        let began = Instant::now();
        self.master = Some(self.spawn("master"));
        while began.elapsed() < Duration::from_secs(30) {
            if self.get("/readyz").is_some_and(|(status, _)| status == 200) {
                return began.elapsed();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the master does not serve:\n{}", self.master_log());
    }

    /// Starts the worker and waits until the master has it.
    pub(crate) fn start_worker(&mut self) {
        self.worker = Some(self.spawn("worker"));
        self.wait_for("the worker", |farm| {
            let (_, workers) = farm.get("/api/v2/workers")?;
            let workers: Json = serde_json::from_str(&workers).ok()?;
            (!workers["workers"][0]["connected_to"].as_array()?.is_empty()).then_some(())
        });
    }

    pub(crate) fn master_pid(&self) -> u32 {
        self.master.as_ref().unwrap().id()
    }

    pub(crate) fn worker_pid(&self) -> u32 {
        self.worker.as_ref().unwrap().id()
    }

    /// What the master wrote to its log.
    pub(crate) fn master_log(&self) -> String {
        std::fs::read_to_string(self.path("master.log")).unwrap_or_default()
    }

    /// SIGKILL.
    pub(crate) fn kill_master(&mut self) {
        let mut master = self.master.take().unwrap();
        master.kill().unwrap();
        master.wait().unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill_worker(&mut self) {
        let mut worker = self.worker.take().unwrap();
        worker.kill().unwrap();
        worker.wait().unwrap();
    }

    /// Polls until `ready` has something, for a minute and a half at most.
    pub(crate) fn wait_for<T>(&self, what: &str, ready: impl Fn(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(90) {
            if let Some(out) = ready(self) {
                return out;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain for {what}:\n{}", self.master_log());
    }

    /// Posts a signed push to `branch`; the delivery id is new. Returns the id and the status, none
    /// when the connection broke.
    pub(crate) fn push(&mut self, branch: &str) -> (String, Option<u16>) {
        self.delivered += 1;
        let guid = format!("guid-{}", self.delivered);
        let status = deliver(self.web, &guid, branch);
        (guid, status)
    }

    pub(crate) fn web_port(&self) -> u16 {
        self.web
    }

    /// GET over TCP: status and body.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
        exchange(self.web, request.as_bytes())
    }

    /// POST over TCP: status and body.
    pub(crate) fn post(&self, path: &str, headers: &[&str], body: &str) -> Option<(u16, String)> {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(self.web, request.as_bytes())
    }

    /// GET of a collection of the data API.
    pub(crate) fn rows(&self, path: &str, plural: &str) -> Option<Vec<Json>> {
        let (status, body) = self.get(&format!("/api/v2/{path}"))?;
        let body: Json = serde_json::from_str(&body).ok()?;
        (status == 200).then(|| body[plural].as_array().cloned())?
    }

    /// How many requests have their result.
    pub(crate) fn completed_requests(&self) -> Option<usize> {
        self.rows("buildrequests?complete=true", "buildrequests").map(|r| r.len())
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for mut child in [self.worker.take(), self.master.take()].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Posts a signed push to `branch` of one new commit.
pub(crate) fn deliver(web: u16, guid: &str, branch: &str) -> Option<u16> {
    exchange(web, &push_request(guid, branch)).map(|(status, _)| status)
}

/// The bytes of such a post.
pub(crate) fn push_request(guid: &str, branch: &str) -> Vec<u8> {
    let commit = json!({
        "id": format!("{guid:0>40}"), "message": "A change", "timestamp": "2026-01-02T03:04:05Z",
        "url": "https://github.com/halide/Halide/commit/1", "distinct": true,
        "author": { "name": "A", "email": "a@example.org" },
        "committer": { "name": "A", "email": "a@example.org" },
        "added": [], "removed": [], "modified": ["README.md"],
    });
    let body = json!({
        "ref": format!("refs/heads/{branch}"), "before": "0", "after": "1",
        "created": false, "deleted": false, "forced": false,
        "repository": {
            "full_name": "halide/Halide", "html_url": "https://github.com/halide/Halide", "name": "Halide",
        },
        "pusher": { "name": "a" }, "sender": { "login": "a" },
        "head_commit": commit.clone(), "commits": [commit],
    })
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(HOOK_SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    format!(
        "POST /change_hook/github HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nX-GitHub-Event: push\r\n\
         X-GitHub-Delivery: {guid}\r\nX-Hub-Signature-256: sha256={signature}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn exchange(port: u16, request: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)
    } else {
        body.to_owned()
    };
    Some((status, body))
}

fn unchunk(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        out.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    out
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Resident memory of a process in kilobytes: now, and at its peak.
pub(crate) fn memory(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    let status = status.unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}
