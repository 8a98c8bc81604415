//! The worker's commands and the hygiene of its processes: whatever a command starts, nothing of
//! it is left when its step has ended.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use halide_ci::model::command::{CommandKind, CommandLine, LogFile, ShellCommand};
use serde_json::json;
use tokio::time::Instant;

use crate::wire::gate::{Outcome, Pair, finish, kind, run, shell, start};

/// Waits until the file has a whole line, and returns its number.
pub(crate) async fn number(path: &Path) -> i32 {
    let since = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(path)
            && let Some(line) = text.strip_suffix('\n')
        {
            return line.trim().parse().unwrap();
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{} was not written", path.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn is_alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn one(line: &str, change: impl FnOnce(&mut ShellCommand)) -> (Outcome, Duration) {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell(line);
    change(&mut command);
    let since = Instant::now();
    let outcome = run(&link, 1, kind(command)).await;
    let took = since.elapsed();
    pair.end().await;
    (outcome, took)
}

#[tokio::test]
async fn a_double_forked_daemon_that_holds_the_output_dies_with_an_interrupt() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let daemon = "(setsid sh -c 'trap \"\" TERM HUP INT; echo $$ > ../../daemon; while :; do sleep 1; done' &) ; sleep 100";
    let events = start(&link, 1, kind(shell(daemon)));
    let pid = number(&pair.dir.path().join("daemon")).await;
    assert!(is_alive(pid));
    let since = Instant::now();
    link.interrupt(1, "stop");
    let outcome = finish(events).await;
    assert_eq!(outcome.rc, Some(-1));
    assert!(!is_alive(pid), "the daemon outlived its step");
    assert!(since.elapsed() < Duration::from_secs(2));
    pair.end().await;
}

#[tokio::test]
async fn a_daemon_that_holds_the_output_ends_the_step_after_the_drain_and_is_killed() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let daemon = "setsid sh -c 'echo $$ > ../../daemon; exec sleep 100' & while ! test -s ../../daemon; do sleep 0.1; done; echo done";
    let since = Instant::now();
    let outcome = run(&link, 1, kind(shell(daemon))).await;
    let took = since.elapsed();
    assert_eq!((outcome.rc, outcome.stdout.as_slice()), (Some(0), &b"done\n"[..]));
    assert!((5..8).contains(&took.as_secs()), "{took:?}");
    assert!(!is_alive(number(&pair.dir.path().join("daemon")).await));
    pair.end().await;
}

#[tokio::test]
async fn a_daemon_without_the_output_dies_at_the_end_of_its_step() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let daemon = "(setsid sh -c 'echo $$ > ../../daemon; exec sleep 100' >/dev/null 2>&1 </dev/null &); while ! test -s ../../daemon; do sleep 0.1; done";
    let since = Instant::now();
    let outcome = run(&link, 1, kind(shell(daemon))).await;
    assert_eq!(outcome.rc, Some(0));
    assert!(since.elapsed() < Duration::from_secs(3));
    assert!(!is_alive(number(&pair.dir.path().join("daemon")).await));
    pair.end().await;
}

#[tokio::test]
async fn a_holder_that_shook_off_its_environment_is_found_by_the_pipe_it_holds() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let daemon = "(env -i /usr/bin/setsid /bin/sh -c 'echo $$ > ../../daemon; exec /bin/sleep 100' &); while ! test -s ../../daemon; do sleep 0.1; done";
    let events = start(&link, 1, kind(shell(daemon)));
    let outcome = finish(events).await;
    assert_eq!(outcome.rc, Some(0));
    assert!(!is_alive(number(&pair.dir.path().join("daemon")).await));
    pair.end().await;
}

#[tokio::test]
async fn an_orphan_that_ended_by_itself_leaves_no_zombie() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let orphan = "(setsid sh -c 'echo $$ > ../../orphan' &); while ! test -s ../../orphan; do sleep 0.1; done; sleep 0.3";
    assert_eq!(run(&link, 1, kind(shell(orphan))).await.rc, Some(0));
    assert!(!is_alive(number(&pair.dir.path().join("orphan")).await));
    pair.end().await;
}

#[tokio::test]
async fn a_crowd_of_processes_is_gone_when_the_interrupt_is_answered() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let crowd = "for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5; do (setsid sh -c 'sleep 97.531; :' &); done; done; echo 1 > ../../ready; sleep 100";
    let events = start(&link, 1, kind(shell(crowd)));
    number(&pair.dir.path().join("ready")).await;
    link.interrupt(1, "stop");
    finish(events).await;
    let left = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| std::fs::read(e.unwrap().path().join("cmdline")).ok())
        .filter(|line| line.windows(6).any(|w| w == b"97.531"))
        .count();
    assert_eq!(left, 0);
    pair.end().await;
}

#[tokio::test]
async fn silence_ends_a_command() {
    let (outcome, took) = one("echo a; sleep 30", |c| c.timeout = Some(0.5)).await;
    assert_eq!(outcome.failure_reason.as_deref(), Some("timeout_without_output"));
    assert_eq!((outcome.rc, outcome.stdout.as_slice()), (Some(-1), &b"a\n"[..]));
    assert!(outcome.header.contains(
        "\ncommand timed out: 0.5 seconds without output running b'echo a; sleep 30', attempting to kill\nprocess killed by signal 9\n"
    ));
    assert!(took < Duration::from_secs(3));
}

#[tokio::test]
async fn output_keeps_a_command_alive_but_not_beyond_its_time() {
    let line = "while :; do echo tick; sleep 0.1; done";
    let (outcome, took) = one(line, |c| {
        c.timeout = Some(0.5);
        c.max_time = Some(1.0);
    })
    .await;
    assert_eq!(outcome.failure_reason.as_deref(), Some("timeout"));
    assert!((Duration::from_millis(950)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert!(outcome.header.contains(" (timeout 0.5 secs) (maxTime 1 sec)\n"));
}

#[tokio::test]
async fn too_many_lines_end_a_command_and_what_was_read_is_kept() {
    let (outcome, _) = one("seq 1 100; sleep 30", |c| c.max_lines = Some(10)).await;
    assert_eq!(outcome.failure_reason.as_deref(), Some("max_lines_failure"));
    assert!(outcome.stdout.starts_with(b"1\n2\n") && outcome.rc == Some(-1));
    assert!(outcome.header.contains("/10 written/allowed running b'seq 1 100; sleep 30'"));
}

#[tokio::test]
async fn term_comes_first_and_kill_after_its_time() {
    let (outcome, _) = one("trap 'echo bye; exit 0' TERM; sleep 30 & wait", |c| {
        c.timeout = Some(0.3);
        c.sigterm_time = Some(10.0);
    })
    .await;
    assert_eq!((outcome.rc, outcome.stdout.as_slice()), (Some(-1), &b"bye\n"[..]));
    let (outcome, took) = one("trap '' TERM; while :; do sleep 1; done", |c| {
        c.timeout = Some(0.3);
        c.sigterm_time = Some(0.7);
    })
    .await;
    assert!(outcome.header.contains("process killed by signal 9\n"));
    assert!((Duration::from_millis(950)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_interrupt_signal_is_the_one_that_was_chosen() {
    // Who starts the tests in the background makes them ignore INT, and what is ignored cannot be
    // trapped. A worker's process listens to it, as this does, and its commands begin afresh.
    let _listening = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    let pair = Pair::new().await;
    let link = pair.link().await;
    // Without children: one that dies of the signal too could take the shell with it.
    let mut command =
        shell("trap 'echo int; exit 7' INT; echo 1 > ../../ready; while :; do :; done");
    command.interrupt_signal = "INT".to_owned();
    let events = start(&link, 1, kind(command));
    number(&pair.dir.path().join("ready")).await;
    link.interrupt(1, "stop");
    let outcome = finish(events).await;
    assert_eq!((outcome.rc, outcome.stdout.as_slice()), (Some(7), &b"int\n"[..]));
    pair.end().await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_says_so() {
    let (outcome, _) = one("", |c| {
        c.command = CommandLine::Argv(vec![halide_ci::model::command::Argument::Plain(
            "/no/such/cmd".to_owned(),
        )]);
    })
    .await;
    assert_eq!(outcome.rc, Some(1));
    assert_eq!(outcome.stderr, b"Cannot run `/no/such/cmd`: No such file or directory.\n");
}

#[tokio::test]
async fn standard_input_is_written_and_closed() {
    let (outcome, _) =
        one("cat; echo end", |c| c.initial_stdin = Some("inéput\n".to_owned())).await;
    assert_eq!(outcome.stdout, "inéput\nend\n".as_bytes());
    assert!(outcome.header.contains(" writing 8 bytes to stdin\n"));
    let (outcome, _) = one("cat; echo end", |_| {}).await;
    assert_eq!(outcome.stdout, b"end\n");
}

#[tokio::test]
async fn a_large_input_that_is_not_read_does_no_harm() {
    let (outcome, _) = one("exit 4", |c| c.initial_stdin = Some("x".repeat(1 << 20))).await;
    assert_eq!(outcome.rc, Some(4));
}

#[tokio::test]
async fn the_environment_follows_buildbots_rules() {
    let (outcome, _) = one("echo $A; echo $B; echo ${OWN-gone}; echo $PWD", |c| {
        c.env = [
            ("A".to_owned(), json!(["x", "${OWN}"])),
            ("B".to_owned(), json!(5)),
            ("OWN".to_owned(), json!(null)),
        ]
        .into();
        c.log_environ = true;
    })
    .await;
    let text = String::from_utf8(outcome.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["x:worker", "5", "gone"]);
    assert!(lines[3].ends_with("/builder/build"));
    assert!(outcome.header.contains(" environment:\n  A=x:worker\n  B=5\n"));
    assert!(!outcome.header.contains("HALIDE_CI_COMMAND"));
}

#[tokio::test]
async fn unwanted_output_is_not_sent() {
    let (outcome, _) = one("echo out; echo err >&2", |c| c.want_stdout = false).await;
    assert_eq!((outcome.stdout.as_slice(), outcome.stderr.as_slice()), (&b""[..], &b"err\n"[..]));
}

#[tokio::test]
async fn directories_and_files_are_made_looked_at_and_removed() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let path = |p: &str| p.to_owned();
    let made =
        run(&link, 1, CommandKind::MakeDirectory { paths: vec![path("d/sub"), path("e")] }).await;
    assert_eq!((made.rc, made.failure), (Some(0), None));
    let base = pair.dir.path().join("builder");
    std::fs::write(base.join("d/file"), "12345").unwrap();

    let stat = run(&link, 2, CommandKind::Stat { path: path("d/file") }).await;
    assert!(stat.rc == Some(0) && stat.stat.unwrap().is_file() && stat.stat.unwrap().size == 5);
    let stat = run(&link, 3, CommandKind::Stat { path: path("d") }).await;
    assert!(stat.stat.unwrap().is_directory());
    let stat = run(&link, 4, CommandKind::Stat { path: path("nope") }).await;
    assert_eq!((stat.rc, stat.stat), (Some(2), None));
    let real = base.canonicalize().unwrap();
    assert_eq!(stat.header, format!("stat: No such file or directory: {}/nope\n", real.display()));

    let mut list = run(&link, 5, CommandKind::ListDirectory { path: path("d") }).await;
    list.files.sort();
    assert_eq!((list.rc, list.files), (Some(0), vec![path("file"), path("sub")]));
    assert_eq!(run(&link, 6, CommandKind::ListDirectory { path: path("x") }).await.rc, Some(2));
    let glob = run(&link, 7, CommandKind::Glob { path: path("**/f*") }).await;
    assert_eq!(glob.files, [format!("{}/d/file", real.display())]);

    let rm = run(&link, 8, CommandKind::RemoveFile { path: path("d") }).await;
    assert_eq!((rm.rc, rm.header.starts_with("rmfile: Is a directory: ")), (Some(21), true));
    let rm = run(&link, 9, CommandKind::RemoveFile { path: path("d/file") }).await;
    assert!(rm.rc == Some(0) && !base.join("d/file").exists());

    std::fs::set_permissions(base.join("d"), std::fs::Permissions::from_mode(0o500)).unwrap();
    let paths = vec![path("d"), path("e"), path("never")];
    let rm = run(&link, 10, CommandKind::RemoveDirectory { paths, timeout: None }).await;
    assert_eq!((rm.rc, rm.failure), (Some(0), None));
    assert!(!base.join("d").exists() && !base.join("e").exists());
    let odd = CommandKind::MakeDirectory { paths: vec![path("/proc/x/y")] };
    let made = run(&link, 11, odd).await;
    assert!(made.rc != Some(0) && made.header.starts_with("mkdir: "));
    pair.end().await;
}

fn log_file(name: &str, filename: &str, follow: bool) -> (String, LogFile) {
    (name.to_owned(), LogFile { filename: filename.to_owned(), follow })
}

#[tokio::test]
async fn files_are_read_along_from_the_moment_when_they_change() {
    // Buildbot looks every two seconds, so what `follow` leaves out is what came before that look.
    let line = "echo kept > same; echo old > changed; sleep 2.2; echo new >> changed; echo f >> new; echo go; \
                sleep 2.2; echo last >> new; printf tail >> new";
    let (outcome, _) = one(line, |command| {
        command.logfiles = [
            log_file("new", "new", false),
            log_file("gone", "nowhere/x", false),
            log_file("followed", "changed", true),
            log_file("whole", "changed", false),
        ]
        .into();
    })
    .await;
    assert_eq!(outcome.rc, Some(0), "{outcome:?}");
    let text = |name: &str| outcome.logs.get(name).map(|b| String::from_utf8_lossy(b).into_owned());
    assert_eq!(text("new").unwrap(), "f\nlast\ntail");
    assert_eq!(text("whole").unwrap(), "old\nnew\n");
    assert_eq!(text("followed").unwrap(), "new\n");
    assert_eq!(text("gone"), None);
    assert!(
        outcome.header.contains(
            "watching logfiles {'followed': {'filename': 'changed', 'follow': True}, 'gone': 'nowhere/x', "
        ),
        "{}",
        outcome.header
    );
}

#[tokio::test]
async fn a_file_that_did_not_change_is_no_log_and_one_that_does_keeps_the_command_alive() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    run(&link, 1, kind(shell("echo before > old; echo before > touched"))).await;
    let mut command = shell("for i in 1 2 3 4; do sleep 1; echo $i >> touched; done; sleep 60");
    command.timeout = Some(3.0);
    command.logfiles =
        [log_file("old", "old", false), log_file("touched", "touched", false)].into();
    let outcome = run(&link, 2, kind(command)).await;
    assert_eq!(outcome.failure_reason.as_deref(), Some("timeout_without_output"));
    assert_eq!(outcome.logs.keys().collect::<Vec<_>>(), ["touched"]);
    assert_eq!(outcome.logs["touched"], b"before\n1\n2\n3\n4\n");
    pair.end().await;
}

#[tokio::test]
async fn a_large_file_is_read_whole_and_what_is_not_utf8_is_decoded() {
    let (outcome, _) = one(
        "printf 'gr\\374n\\n'; head -c 3000000 /dev/zero | tr '\\0' '\\374' > big",
        |command| {
            command.log_encoding = Some("latin-1".to_owned());
            command.logfiles = [log_file("big", "big", false)].into();
        },
    )
    .await;
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "grün\n");
    assert_eq!(String::from_utf8(outcome.logs["big"].clone()).unwrap(), "ü".repeat(3_000_000));
}
