//! A real `buildbot-worker` against our master's side. Runs only when the variable
//! `HALIDE_CI_BUILDBOT_WORKER` names the program (a virtual environment's, say) and ignored tests
//! are asked for.

use std::process::Stdio;
use std::time::Duration;

use halide_ci::base::secret::Secret;
use halide_ci::model::command::{
    Argument, CommandKind, CommandLine, Compression, LogFile, ShellCommand,
};
use halide_ci::model::worker::WorkerInfo;
use tokio::process::{Child, Command};

use crate::wire::gate::{DOWNLOAD, FakeGate, finish, kind, master, run, shell, start};

#[expect(clippy::disallowed_methods, reason = "the test is told where the foreign program is")]
fn program() -> String {
    std::env::var("HALIDE_CI_BUILDBOT_WORKER").expect("HALIDE_CI_BUILDBOT_WORKER is not set")
}

const MSGPACK: &str = "msgpack_experimental_v7";
const PB: &str = "pb";

/// A real worker in `dir`, running until it is dropped.
async fn worker(protocol: &str, dir: &std::path::Path, port: u16, password: &str) -> Child {
    // Old versions speak it without being told, and have no such option.
    let protocol: &[&str] = if protocol == PB { &[] } else { &["--protocol", protocol] };
    let made = Command::new(program())
        .args(["create-worker", "--maxdelay", "1", "--allow-shutdown", "signal"])
        .args(protocol)
        .arg(dir)
        .args([&format!("127.0.0.1:{port}"), "w", password])
        .stdout(Stdio::null())
        .status()
        .await
        .unwrap();
    assert!(made.success());
    Command::new(program())
        .args(["start", "--nodaemon"])
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "needs buildbot-worker"]
async fn a_real_buildbot_worker_does_all_that_we_ask() {
    does_all_that_we_ask(MSGPACK).await;
}

#[tokio::test]
#[ignore = "needs buildbot-worker"]
async fn a_real_buildbot_worker_does_all_that_we_ask_over_perspective_broker() {
    does_all_that_we_ask(PB).await;
}

async fn does_all_that_we_ask(protocol: &str) {
    let gate = FakeGate::new(&[("w", "pass")]);
    let (tasks, port) = master(&gate).await;
    let dir = tempfile::tempdir().unwrap();
    let mut child = worker(protocol, dir.path(), port, "pass").await;
    let (link, info) = gate.come_in("w", 1).await;
    assert!(info.worker_commands.contains_key("shell"), "{info:?}");
    assert!(dir.path().join("builder").is_dir());

    let hello =
        run(&link, 1, kind(shell("printf 'hello\\nw\u{f6}rld\\nno newline'; echo e >&2; exit 3")))
            .await;
    // Version 3 ends the last line.
    assert_eq!(hello.stdout.trim_ascii_end(), "hello\nwörld\nno newline".as_bytes());
    assert_eq!((hello.stderr.as_slice(), hello.rc, hello.failure), (&b"e\n"[..], Some(3), None));

    let argv = ["sh", "-c", "seq 1 40000"].map(|a| Argument::Plain(a.to_owned())).to_vec();
    let many = run(&link, 2, kind(ShellCommand::new(CommandLine::Argv(argv), "build"))).await;
    let wanted: String = (1..=40_000).map(|n| format!("{n}\n")).collect();
    assert!(many.stdout == wanted.as_bytes());

    let slow = start(&link, 3, kind(shell("echo a; sleep 50")));
    let quick = run(&link, 4, kind(shell("true"))).await;
    assert_eq!(quick.rc, Some(0));
    link.interrupt(3, "enough");
    let slow = finish(slow).await;
    assert_eq!((slow.rc, slow.stdout.as_slice()), (Some(-1), &b"a\n"[..]));

    let mut limited = shell("sleep 30");
    limited.timeout = Some(1.0);
    let limited = run(&link, 5, kind(limited)).await;
    let reason = says_why(&info).then_some("timeout_without_output");
    assert_eq!((limited.failure_reason.as_deref(), limited.rc), (reason, Some(-1)));

    files(&link, dir.path()).await;
    assert!(link.ping().await);
    link.shutdown();
    tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    tasks.end().await;
}

async fn files(link: &std::sync::Arc<dyn halide_ci::engine::ports::Link>, dir: &std::path::Path) {
    let text = |t: &str| t.to_owned();
    let made = run(link, 10, CommandKind::MakeDirectory { paths: vec![text("d/e")] }).await;
    assert_eq!(made.rc, Some(0));
    std::fs::write(dir.join("builder/d/f"), "0123456789").unwrap();
    let stat = run(link, 11, CommandKind::Stat { path: text("d/f") }).await;
    assert_eq!(stat.stat.unwrap().size, 10);
    let list = run(link, 12, CommandKind::ListDirectory { path: text("d/e") }).await;
    assert_eq!((list.rc, list.files.len()), (Some(0), 0));
    let glob = run(link, 13, CommandKind::Glob { path: text("d/*") }).await;
    assert_eq!(glob.files.len(), 2);
    let upload = CommandKind::UploadFile {
        path: text("d/f"),
        block_size: 4,
        max_size: None,
        keep_stamp: true,
    };
    let upload = run(link, 14, upload).await;
    assert_eq!((upload.blocks.concat().as_slice(), upload.rc), (&b"0123456789"[..], Some(0)));
    assert!(upload.closed && upload.times.is_some());
    let download = CommandKind::download(text("d/g"), 4, None);
    assert_eq!(run(link, 17, download).await.rc, Some(0));
    assert_eq!(std::fs::read(dir.join("builder/d/g")).unwrap(), DOWNLOAD);
    let copy = CommandKind::CopyDirectory { from: text("d"), to: text("d2"), timeout: None };
    assert_eq!(run(link, 18, copy).await.rc, Some(0));
    assert!(dir.join("builder/d2/g").exists());
    let rm = run(link, 15, CommandKind::RemoveFile { path: text("d/f") }).await;
    assert_eq!(rm.rc, Some(0));
    let paths = vec![text("d")];
    let rm = run(link, 16, CommandKind::RemoveDirectory { paths, timeout: None }).await;
    assert!(rm.rc == Some(0) && !dir.join("builder/d").exists());
}

#[tokio::test]
#[ignore = "needs buildbot-worker"]
async fn a_real_buildbot_worker_with_a_wrong_password_keeps_trying() {
    keeps_trying(MSGPACK).await;
}

#[tokio::test]
#[ignore = "needs buildbot-worker"]
async fn a_real_buildbot_worker_with_a_wrong_password_keeps_trying_over_perspective_broker() {
    keeps_trying(PB).await;
}

async fn keeps_trying(protocol: &str) {
    let gate = FakeGate::new(&[("w", "pass")]);
    let (tasks, port) = master(&gate).await;
    let dir = tempfile::tempdir().unwrap();
    let mut child = worker(protocol, dir.path(), port, "wrong").await;
    gate.refused(2).await;
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().await.unwrap();
    tasks.end().await;
}

#[tokio::test]
#[ignore = "needs buildbot-worker"]
async fn a_real_worker_of_perspective_broker_goes_through_the_rest_of_the_checklist() {
    let gate = FakeGate::new(&[("w", "pass")]);
    let (tasks, port) = master(&gate).await;
    let dir = tempfile::tempdir().unwrap();
    let mut child = worker(PB, dir.path(), port, "pass").await;
    let (link, info) = gate.come_in("w", 1).await;
    assert!(!info.version.is_empty() && info.system == "posix", "{info:?}");

    shells(&link, &info).await;
    failing_files(&link, dir.path()).await;

    // Far more commands than the objects that a worker may hold.
    for key in 100..1300 {
        let outcome = run(&link, key, CommandKind::Stat { path: ".".to_owned() }).await;
        assert_eq!(outcome.rc, Some(0), "{key}");
    }

    // A second one of the same name is sent away, lives on, and comes in when the first has gone.
    let other = tempfile::tempdir().unwrap();
    let mut second = worker(PB, other.path(), port, "pass").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(link.ping().await);
    assert_eq!(second.try_wait().unwrap(), None);

    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    gate.retiring().await;
    link.shutdown();
    tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    let (link, _) = gate.come_in("w", 2).await;
    let running = start(&link, 1, kind(shell("sleep 60")));
    second.kill().await.unwrap();
    assert!(finish(running).await.lost);
    tasks.end().await;
}

/// Whether this version says why it has killed a command.
fn says_why(info: &WorkerInfo) -> bool {
    info.worker_commands["shell"].as_str() >= "3.2"
}

/// Shell commands in their rarer forms.
async fn shells(link: &std::sync::Arc<dyn halide_ci::engine::ports::Link>, info: &WorkerInfo) {
    // Several in one directory, at once.
    let events: Vec<_> = (20..24)
        .map(|key| start(link, key, kind(shell(&format!("sleep 1; echo {key}")))))
        .collect();
    for (key, events) in (20..24).zip(events) {
        assert_eq!(finish(events).await.stdout, format!("{key}\n").as_bytes());
    }
    let argv = [
        Argument::Plain("echo".to_owned()),
        Argument::Obfuscated(Secret::new("message"), "XXX".to_owned()),
        Argument::Plain("h\u{e9} list".to_owned()),
    ];
    let hidden = ShellCommand::new(CommandLine::Argv(argv.to_vec()), "build");
    let hidden = run(link, 30, kind(hidden)).await;
    assert_eq!(hidden.stdout, "message h\u{e9} list\n".as_bytes());
    assert!(hidden.header.contains("XXX") && !hidden.header.contains("message"));

    let mut environ = shell("echo $A/$B/${HOME-none}; cat; echo log > log");
    environ.env = [
        ("A".to_owned(), serde_json::json!(["x", "${NO_SUCH}y"])),
        ("B".to_owned(), serde_json::json!("message")),
        ("HOME".to_owned(), serde_json::Value::Null),
    ]
    .into();
    environ.initial_stdin = Some("input".to_owned());
    let log = LogFile { filename: "log".to_owned(), follow: false };
    environ.logfiles = [("l".to_owned(), log)].into();
    let environ = run(link, 31, kind(environ)).await;
    assert_eq!(environ.stdout.trim_ascii_end(), b"x:y/message/none\ninput");
    assert_eq!(environ.logs["l"], b"log\n");

    let mut limited = shell("sleep 30");
    limited.max_time = Some(1.0);
    limited.sigterm_time = Some(1.0);
    let limited = run(link, 32, kind(limited)).await;
    let reason = says_why(info).then_some("timeout");
    assert_eq!((limited.failure_reason.as_deref(), limited.rc), (reason, Some(-1)));
    // What older ones do not know they do not heed.
    if info.worker_commands["shell"].as_str() >= "3.3" {
        let mut limited = shell("yes");
        limited.max_lines = Some(10);
        let limited = run(link, 33, kind(limited)).await;
        assert_eq!(limited.failure_reason.as_deref(), Some("max_lines_failure"));
    }
    let long = run(link, 34, kind(shell("head -c 3000000 /dev/zero | tr '\\0' '\\n'"))).await;
    assert_eq!((long.stdout.len(), long.rc), (3_000_000, Some(0)));
    let missing = ShellCommand::new(
        CommandLine::Argv(vec![Argument::Plain("/no/such/program".to_owned())]),
        "build",
    );
    assert_ne!(run(link, 35, kind(missing)).await.rc, Some(0));
}

/// Files that are not there, and directories as one.
async fn failing_files(
    link: &std::sync::Arc<dyn halide_ci::engine::ports::Link>,
    dir: &std::path::Path,
) {
    let text = |t: &str| t.to_owned();
    let upload = |path: &str, block_size, max_size| CommandKind::UploadFile {
        path: text(path),
        block_size,
        max_size,
        keep_stamp: false,
    };
    let stat = run(link, 40, CommandKind::Stat { path: text("missing") }).await;
    assert_eq!((stat.rc, stat.stat), (Some(2), None));
    let missing = run(link, 41, upload("missing", 4, None)).await;
    assert!(missing.rc == Some(1) && missing.stderr.starts_with(b"Cannot open file '"));
    std::fs::create_dir_all(dir.join("builder/tree/empty")).unwrap();
    std::fs::write(dir.join("builder/tree/list"), "list").unwrap();
    std::fs::write(dir.join("builder/tree/big"), vec![7; 2_000_000]).unwrap();
    // A block beyond what the protocol allows is made smaller.
    let big = run(link, 42, upload("tree/big", 1 << 20, None)).await;
    assert_eq!((big.blocks.concat().len(), big.rc), (2_000_000, Some(0)));
    let word = run(link, 43, upload("tree/list", 100, None)).await;
    assert_eq!(word.blocks.concat(), b"list");
    let short = run(link, 44, upload("tree/big", 1000, Some(1500))).await;
    assert_eq!((short.blocks.concat().len(), short.rc), (1500, Some(1)));
    for (key, compress) in [(45, None), (46, Some(Compression::Gz)), (47, Some(Compression::Bz2))] {
        let tree = CommandKind::UploadDirectory {
            path: text("tree"),
            block_size: 16_384,
            max_size: None,
            compress,
        };
        let tree = run(link, key, tree).await;
        assert!(tree.closed && tree.rc == Some(0) && !tree.blocks.is_empty(), "{compress:?}");
    }
    let onto = run(link, 48, CommandKind::download(text("tree"), 100, None)).await;
    assert!(onto.rc != Some(0), "{onto:?}");
    let paths = vec![text("tree"), text("missing")];
    let gone = run(link, 49, CommandKind::RemoveDirectory { paths, timeout: None }).await;
    assert!(gone.rc == Some(0) && !dir.join("builder/tree").exists());
    let several = CommandKind::MakeDirectory { paths: vec![text("a"), text("b")] };
    assert!(run(link, 50, several).await.refused.is_some());
}

/// Steps for our worker; the last one shows that all before it went well.
const MASTER: &str = r#"
from buildbot.plugins import *
c = BuildmasterConfig = {}
c['workers'] = [worker.Worker("w", "pass")]
c['protocols'] = {'msgpack_experimental_v7': {'port': PORT}}
f = util.BuildFactory()
def step(s): f.addStep(s)
step(steps.MakeDirectory(dir='build/md'))
step(steps.ShellCommand(command="printf 'hello\nw\303\266rld'; echo e >&2", env={'A': ['x', '${PATH}']}))
step(steps.ShellCommand(command=['sh', '-c', 'seq 1 20000; head -c 10000 /dev/zero | tr "\\0" A; echo x > f']))
step(steps.FileExists(file='build/f'))
step(steps.CopyDirectory(src='build/md', dest='md2'))
step(steps.RemoveDirectory(dir='build/md'))
step(steps.SetPropertyFromCommand(command='cat f; test ! -d md; ls ..', property='seen'))
step(steps.ShellCommand(command=['sh', '-c', util.Interpolate('echo "%(prop:seen)s" > result')]))
step(steps.FileUpload(workersrc='result', masterdest='RESULT', blocksize=3))
c['builders'] = [util.BuilderConfig(name="b", workernames=["w"], factory=f)]
c['schedulers'] = [schedulers.Periodic(name="p", builderNames=["b"], periodicBuildTimer=3600)]
c['db'] = {'db_url': "sqlite:///state.sqlite"}
c['buildbotNetUsageData'] = None
"#;

#[tokio::test]
#[ignore = "needs buildbot, named by HALIDE_CI_BUILDBOT"]
#[expect(clippy::disallowed_methods, reason = "the test is told where the foreign program is")]
async fn our_worker_does_all_that_a_real_buildbot_master_asks() {
    let program = std::env::var("HALIDE_CI_BUILDBOT").expect("HALIDE_CI_BUILDBOT is not set");
    let dir = tempfile::tempdir().unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let result = dir.path().join("result");
    let base = dir.path().join("master");
    let made = Command::new(&program).args(["create-master", "-q"]).arg(&base).status().await;
    assert!(made.unwrap().success());
    let config = MASTER.replace("PORT", &port.to_string());
    std::fs::write(base.join("master.cfg"), config.replace("RESULT", result.to_str().unwrap()))
        .unwrap();
    let mut master = Command::new(&program)
        .args(["start", "--nodaemon"])
        .arg(&base)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let place = dir.path().join("worker");
    std::fs::create_dir(&place).unwrap();
    let password = Secret::new("pass");
    let mut settings =
        halide_ci::model::worker::WorkerSettings::new("w", password, "127.0.0.1", port, place);
    settings.max_delay = Duration::from_secs(1);
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = halide_ci::worker::run(settings, crate::wire::gate::surroundings(), stop.clone());
    let watch = async {
        let done = async {
            while !result.exists() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), done).await;
        stop.cancel();
        in_time
    };
    let (ended, in_time) = tokio::join!(worker, watch);
    ended.unwrap();
    if in_time.is_err() {
        let log = std::fs::read_to_string(base.join("twistd.log")).unwrap_or_default();
        panic!("the build did not get to its last step:\n{log}");
    }
    assert_eq!(std::fs::read_to_string(&result).unwrap(), "x\nbuild\nmd2\n");
    master.kill().await.unwrap();
}
