//! The real binary, as a user runs it: texts, exit statuses and files.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A folder to work in, with the program; masters and workers in it are ended with it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halide-ci"));
        command
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env_remove("HALIDE_BB_WORKER_NAME")
            .env_remove("HALIDE_CI_LOG")
            .env_remove("NOTIFY_SOCKET");
        command
    }

    /// Runs a verb; returns its exit status, standard output and standard error.
    fn run(&self, line: &str) -> (i32, String, String) {
        outcome(&self.command(line).output().unwrap())
    }

    /// Runs a verb that must succeed; returns its standard output.
    fn done(&self, line: &str) -> String {
        let (code, out, err) = self.run(line);
        assert_eq!(code, 0, "{line}: {err}");
        out
    }

    /// Runs a verb that must fail with `code`; returns the one line that says why.
    fn fails(&self, line: &str, code: i32) -> String {
        let (actual, out, err) = self.run(line);
        assert_eq!((actual, out.as_str()), (code, ""), "{line}: {err}");
        assert_eq!(err.trim_end().lines().count(), 1, "{line}: {err}");
        err.trim_end().to_owned()
    }

    /// Makes `master` with the starter configuration, on free ports.
    fn master(&self) {
        self.done("create-master master");
        self.edit("master/master.lua", "port = 9990", "port = 0");
        self.edit("master/master.lua", "port = 8012", "port = 0");
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(self.path(name), text.replace(from, to)).unwrap();
    }

    fn pid(&self, dir: &str) -> i32 {
        let text = std::fs::read_to_string(self.path(dir).join("halide-ci.pid")).unwrap();
        text.trim().parse().unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for dir in ["master", "worker"] {
            if self.path(dir).join("halide-ci.pid").exists() {
                let _ = self.run(&format!("stop {dir}"));
            }
        }
    }
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn ended(child: &mut Child) -> i32 {
    for _ in 0..1000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("the process did not end within 10 s");
}

#[test]
fn a_new_master_starts_reloads_and_stops() {
    let desk = Desk::new();
    desk.master();
    assert!(desk.done("checkconfig").contains("master.lua is fine: 1 worker, 1 builder"));
    assert!(desk.done("upgrade-master master").contains("has a new database"));
    assert!(desk.done("upgrade-master master").contains("is up to date"));
    let serving = desk.done("start master");
    let pid = desk.pid("master");
    assert!(serving.starts_with(&format!("The master in master serves as process {pid}: web on")));
    let status = desk.done("status --json master");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["pid"], &status["workers_configured"]), (&pid.into(), &1.into()));
    assert!(desk.fails("start master", 1).contains("already running as process"));
    assert!(desk.fails("upgrade-master master", 1).contains("already running as process"));
    assert_eq!(desk.done("reload master").trim(), "Nothing changed.");
    desk.edit("master/master.lua", "\"My project\"", "\"My project");
    let (code, _, err) = desk.run("reload master");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("master.lua:") && err.contains("The old configuration stays"), "{err}");
    let status = desk.done("status master");
    assert!(status.contains("  refused   the newest configuration; the one"), "{status}");
    assert!(status.contains("\n    master.lua:"), "{status}");
    let why = desk.fails("reload --dry-run --config master master", 1);
    assert!(why.ends_with("/master is not a file."), "{why}");
    assert_eq!(desk.run("restart master").0, 1);
    assert_eq!(desk.pid("master"), pid, "a broken file stops nobody");
    desk.edit("master/master.lua", "\"My project", "\"My project\"");
    desk.done("restart master");
    assert!(!desk.done("status master").contains("refused"));
    assert_ne!(desk.pid("master"), pid);
    let pid = desk.pid("master");
    assert!(desk.done("stop master").contains(&format!("(process {pid}) has stopped")));
    assert!(!desk.path("master/halide-ci.pid").exists());
    assert!(!desk.path("master/control.sock").exists());
    assert!(desk.fails("status master", 3).contains("is not running"));
}

#[test]
fn what_a_master_writes_is_its_owners_alone() {
    let desk = Desk::new();
    desk.master();
    desk.done("start master");
    for name in [
        "halide_bb_pass.txt",
        "webhook_token.txt",
        "buildbot_www_pass.txt",
        "state.sqlite",
        "logs.sqlite",
        "master.log",
        "halide-ci.pid",
        "control.sock",
    ] {
        assert_eq!(mode(&desk.path("master").join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&desk.path("master")), 0o700);
    let secret = |name: &str| std::fs::read_to_string(desk.path("master").join(name)).unwrap();
    assert_eq!(secret("halide_bb_pass.txt").trim().len(), 64);
    assert_ne!(secret("halide_bb_pass.txt"), secret("webhook_token.txt"));
    let log = std::fs::read_to_string(desk.path("master/master.log")).unwrap();
    assert!(!log.contains(secret("webhook_token.txt").trim()));
}

#[test]
fn create_master_keeps_what_is_there() {
    let desk = Desk::new();
    std::fs::write(desk.path("master.lua"), "return {}").unwrap();
    std::fs::create_dir(desk.path("master")).unwrap();
    std::fs::write(desk.path("master/webhook_token.txt"), "mine\n").unwrap();
    let said = desk.done("create-master master");
    assert!(said.contains("kept     webhook_token.txt"), "{said}");
    assert!(!desk.path("master/master.lua").exists(), "one stands beside it");
    assert_eq!(std::fs::read_to_string(desk.path("master/webhook_token.txt")).unwrap(), "mine\n");
    assert!(desk.path("master/halide-ci-master.service").exists());
}

#[test]
fn types_renews_the_definitions_and_keeps_the_settings() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("ci")).unwrap();
    let said = desk.done("types ci");
    assert!(said.contains("ci/.luarc.json: written."), "{said}");
    let definitions = std::fs::read_to_string(desk.path("ci/.types/ci.lua")).unwrap();
    assert!(definitions.contains("function ci.builder(options)"), "{definitions}");
    std::fs::write(desk.path("ci/.types/ci.lua"), "old").unwrap();
    std::fs::write(desk.path("ci/.luarc.json"), "{}").unwrap();
    let said = desk.done("types ci");
    assert!(said.contains(": 1 of "), "{said}");
    assert!(said.contains("workspace.library"), "{said}");
    assert_eq!(std::fs::read_to_string(desk.path("ci/.types/ci.lua")).unwrap(), definitions);
    assert_eq!(std::fs::read_to_string(desk.path("ci/.luarc.json")).unwrap(), "{}");
    let (code, _, said) = desk.run("types nowhere");
    assert_eq!(code, 1);
    assert!(said.contains("nowhere is not a directory"), "{said}");
}

#[test]
fn a_dead_masters_pid_is_noticed_and_does_no_harm() {
    let desk = Desk::new();
    desk.master();
    desk.done("start master");
    let pid = desk.pid("master");
    signal(pid, rustix::process::Signal::KILL);
    // The kernel frees the lock with the process.
    let is_gone = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        desk.run("status master").2.contains("ended without cleaning up")
    });
    assert!(is_gone);
    let why = desk.fails("stop master", 3);
    assert!(why.contains(&format!("the process {pid} ended without cleaning up")), "{why}");
    let (code, _, err) = desk.run("start master");
    assert_eq!(code, 0, "{err}");
    assert_eq!(err.trim(), format!("The last master (process {pid}) ended without cleaning up."));
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let desk = Desk::new();
    desk.done("create-master master");
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    desk.edit("master/master.lua", "port = 9990", &format!("port = {port}"));
    desk.edit("master/master.lua", "port = 8012", "port = 0");
    let why = desk.fails("start master", 1);
    assert!(why.contains(&port.to_string()) && why.contains("protocols.port"), "{why}");
    assert!(!desk.path("master/halide-ci.pid").exists());
}

#[test]
fn a_missing_secret_is_named() {
    let desk = Desk::new();
    desk.master();
    std::fs::remove_file(desk.path("master/webhook_token.txt")).unwrap();
    // The same report as that of `checkconfig`, with the line of the file.
    let (code, _, why) = desk.run("start master");
    assert_eq!(code, 1, "{why}");
    assert!(why.starts_with("error: master.lua:") && why.contains("webhook_token.txt"), "{why}");
    assert_eq!(desk.run("checkconfig master").2.replace("master/", ""), why.replace("master/", ""));
}

#[test]
fn a_secret_that_others_can_read_is_tightened_and_that_is_said() {
    let desk = Desk::new();
    desk.master();
    let secret = desk.path("master/webhook_token.txt");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, err) = desk.run("start master");
    assert_eq!(code, 0, "{err}");
    assert_eq!(mode(&secret), 0o600);
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("webhook_token.txt"), "{err}");
    desk.done("stop master");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, err) = desk.run("upgrade-master master");
    assert_eq!((code, err.lines().count(), mode(&secret)), (0, 1, 0o600), "{err}");
    assert!(err.contains("webhook_token.txt"), "{err}");
}

#[test]
fn an_unwritable_directory_is_one_clear_line() {
    let desk = Desk::new();
    desk.master();
    // Nobody, root included, can write to /proc.
    let why = desk.fails("start /proc --config master/master.lua", 1);
    assert!(why.contains("/proc is not writable") && why.contains("chown"), "{why}");
}

#[test]
fn missing_directories_and_configurations_say_what_to_do() {
    let desk = Desk::new();
    let why = desk.fails("start nowhere", 1);
    assert_eq!(
        why,
        "error: The directory nowhere does not exist. \
         Make one with: halide-ci create-master nowhere (or create-worker)"
    );
    std::fs::write(desk.path("file"), "").unwrap();
    assert!(desk.fails("start file", 1).contains("file is a file, not a directory."));
    std::fs::create_dir(desk.path("empty")).unwrap();
    let why = desk.fails("start empty", 1);
    assert!(why.contains("There is no empty/master.lua and no master.lua."), "{why}");
    assert!(desk.fails("checkconfig nowhere.lua", 1).contains("nowhere.lua"));
    assert!(desk.fails("reload empty", 3).contains("is not running"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let desk = Desk::new();
    for line in ["", "strat master", "start --frobnicate", "create-worker w --master a\"b"] {
        assert_eq!(desk.run(line).0, 2, "{line}");
    }
    desk.done("create-worker worker");
    assert_eq!(desk.run("reload worker").0, 2);
    assert_eq!(desk.run("stop --drain worker").0, 2);
}

#[test]
fn every_verb_has_help_with_an_example() {
    let desk = Desk::new();
    let help = desk.done("--help");
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help" && verb.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect();
    assert!(verbs.len() >= 9, "{help}");
    for verb in verbs {
        let help = desk.done(&format!("{verb} --help"));
        assert!(help.contains("Example"), "{verb}: {help}");
    }
}

#[test]
fn a_worker_needs_its_name() {
    let desk = Desk::new();
    desk.done("create-worker worker");
    std::fs::write(desk.path("worker/halide_bb_pass.txt"), "secret\n").unwrap();
    let (code, _, why) = desk.run("start worker");
    assert_eq!(code, 1, "{why}");
    assert!(why.contains("HALIDE_BB_WORKER_NAME is not set"), "{why}");
    assert!(why.contains("export HALIDE_BB_WORKER_NAME="), "{why}");
}

#[test]
fn a_starter_workers_wrong_port_is_named_instead_of_ignored() {
    let desk = Desk::new();
    desk.done("create-worker worker");
    std::fs::write(desk.path("worker/halide_bb_pass.txt"), "secret\n").unwrap();
    let mut start = desk.command("start worker");
    start.env("HALIDE_BB_WORKER_NAME", "worker-1").env("HALIDE_BB_MASTER_PORT", "99x0");
    let (code, _, err) = outcome(&start.output().unwrap());
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("worker.lua:") && err.contains("99x0"), "{err}");
}

#[test]
fn a_file_that_is_no_database_is_refused_with_what_to_do_and_is_left_alone() {
    let desk = Desk::new();
    desk.master();
    std::fs::write(desk.path("master/state.sqlite"), "somebody's letters, 1998\n").unwrap();
    let err = desk.fails("start master", 1);
    assert!(err.contains("state.sqlite") && err.contains("backup"), "{err}");
    let text = std::fs::read_to_string(desk.path("master/state.sqlite")).unwrap();
    assert_eq!(text, "somebody's letters, 1998\n");
}

#[test]
fn the_log_of_a_master_tells_what_happens() {
    let desk = Desk::new();
    desk.master();
    desk.done("start master");
    let log = || std::fs::read_to_string(desk.path("master/master.log")).unwrap();
    let status: serde_json::Value =
        serde_json::from_str(&desk.done("status --json master")).unwrap();
    let address = status["worker_port"].as_str().unwrap();
    desk.done("create-worker worker --secret-file master/halide_bb_pass.txt");
    let mut start = desk.command("start worker");
    start.env("HALIDE_BB_WORKER_NAME", "worker-1");
    start.env("HALIDE_BB_MASTER_PORT", address.rsplit(':').next().unwrap());
    assert_eq!(outcome(&start.output().unwrap()).0, 0);
    let is_told = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        log().contains("The worker worker-1 is connected.")
    });
    assert!(is_told, "{}", log());
    desk.edit("master/master.lua", "\"My project\"", "\"Another title\"");
    desk.edit("master/master.lua", "c.protocols = { port = ", "c.protocols = { port = 1 + ");
    desk.done("reload master");
    desk.done("stop master");
    // The save may have been noticed before the order came: the log has it either way.
    let reloads = log();
    assert!(reloads.contains("The configuration was loaded afresh:\n~ title"), "{reloads}");
    assert!(reloads.contains("port takes effect after a restart"), "{reloads}");
}

/// Forces the starter configuration's builder over the web.
fn force(web: &str, password: &str) {
    use base64::Engine as _;
    let name = base64::engine::general_purpose::STANDARD.encode(format!("admin:{password}"));
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"force","params":{"builderid":1}}"#;
    let port: u16 = web.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "POST /api/v2/forceschedulers/force HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Basic {name}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_master_that_drains_still_says_how_it_stands_and_can_be_stopped_at_once() {
    let desk = Desk::new();
    desk.master();
    let text = std::fs::read_to_string(desk.path("master/master.lua")).unwrap();
    let (head, tail) = text.split_once("hello:add(ci.steps.git").unwrap();
    let (_, tail) = tail.split_once("})\n").unwrap();
    let text =
        format!("{head}{tail}").replace(r#"{ "grep", "Hello", "README" }"#, r#"{ "sleep", "60" }"#);
    std::fs::write(desk.path("master/master.lua"), text).unwrap();
    desk.done("start master");
    let status = || -> serde_json::Value {
        serde_json::from_str(&desk.done("status --json master")).unwrap()
    };
    let until = |what: &str, wanted: serde_json::Value| {
        let is_so = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            status()[what] == wanted
        });
        assert!(is_so, "{what} did not become {wanted}: {}", status());
    };
    let (web, workers) = (status()["web"].clone(), status()["worker_port"].clone());
    desk.done("create-worker worker --secret-file master/halide_bb_pass.txt");
    let mut start = desk.command("start worker");
    start.env("HALIDE_BB_WORKER_NAME", "worker-1");
    start.env("HALIDE_BB_MASTER_PORT", workers.as_str().unwrap().rsplit(':').next().unwrap());
    assert_eq!(outcome(&start.output().unwrap()).0, 0);
    until("workers_connected", 1.into());
    let password = std::fs::read_to_string(desk.path("master/buildbot_www_pass.txt")).unwrap();
    force(web.as_str().unwrap(), password.trim());
    until("builds_running", 1.into());

    let mut drain = desk.command("stop --drain master");
    let mut drain = drain.stdout(Stdio::null()).spawn().unwrap();
    until("draining", true.into());
    assert_eq!(status()["builds_running"], 1);
    assert!(desk.done("status master").contains("when the running builds have ended"));
    let refused = desk.run("reload master");
    assert!(refused.0 == 1 && refused.2.contains("no new configuration"), "{refused:?}");
    desk.done("stop master");
    assert_eq!(ended(&mut drain), 0);
    let log = std::fs::read_to_string(desk.path("master/master.log")).unwrap();
    assert!(log.contains("Build hello/1 on worker-1 ended: retry"), "{log}");
}

#[test]
fn a_demo_that_is_killed_leaves_no_scratch_directory() {
    let desk = Desk::new();
    let scratch = desk.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let mut demo = desk.command("demo");
    demo.env("TMPDIR", &scratch).stdout(Stdio::piped());
    let mut child = demo.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("Master  http://"), "{first}");
    signal(i32::try_from(child.id()).unwrap(), rustix::process::Signal::TERM);
    ended(&mut child);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_worker_starts_and_stops() {
    let desk = Desk::new();
    desk.master();
    desk.done("create-worker worker --secret-file master/halide_bb_pass.txt");
    let secret = |dir: &str| std::fs::read(desk.path(dir).join("halide_bb_pass.txt")).unwrap();
    assert_eq!(secret("worker"), secret("master"));
    let started = desk
        .command("start worker")
        .env("HALIDE_BB_WORKER_NAME", "worker-1")
        .env("HALIDE_BB_MASTER_PORT", "1")
        .output();
    let (code, out, err) = outcome(&started.unwrap());
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("worker-1 for localhost:1"), "{out}");
    assert!(desk.done("status worker").contains("runs as process"));
    assert!(desk.done("stop worker").contains("has stopped"));
    assert!(desk.fails("status worker", 3).contains("is not running"));
}

#[test]
fn in_the_foreground_systemd_is_told_and_signals_are_understood() {
    let desk = Desk::new();
    desk.master();
    let socket = UnixDatagram::bind(desk.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let told = || {
        let mut buffer = [0; 1024];
        loop {
            match socket.recv(&mut buffer) {
                Ok(n) => return String::from_utf8_lossy(&buffer[..n]).into_owned(),
                // Other tests' children end meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("nothing is told: {error}"),
            }
        }
    };
    let mut child = desk
        .command("start --foreground master")
        .env("NOTIFY_SOCKET", desk.path("notify"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ready = told();
    assert!(ready.contains("READY=1") && ready.contains("STATUS=The master in"), "{ready}");
    let pid = i32::try_from(child.id()).unwrap();
    signal(pid, rustix::process::Signal::HUP);
    assert!(told().contains("RELOADING=1"));
    assert!(told().contains("READY=1"));
    signal(pid, rustix::process::Signal::TERM);
    assert!(told().contains("STOPPING=1"));
    assert_eq!(ended(&mut child), 0);
    let (_, out, err) = outcome(&child.wait_with_output().unwrap());
    assert_eq!(out, "");
    assert!(err.contains("Stopped."), "{err}");
}

#[test]
fn output_into_a_closed_pipe_is_no_panic() {
    let desk = Desk::new();
    desk.master();
    let mut child = desk
        .command("checkconfig --json master")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let (code, _, err) = outcome(&child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
    std::io::stdout().flush().unwrap();
}
