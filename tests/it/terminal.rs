//! Commands on a terminal (`use_pty`), by our own worker and on the master: what they see, that nothing
//! they say is lost, how they end, and that nothing of them and no descriptor is left.

use std::time::Duration;

use tokio::time::Instant;

use crate::wire::gate::{Outcome, Pair, finish, kind, run, shell, start};
use crate::worker::{is_alive, number};

/// Runs a line on a terminal.
async fn on_terminal(line: &str) -> Outcome {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell(line);
    command.use_pty = true;
    let outcome = run(&link, 1, kind(command)).await;
    pair.end().await;
    outcome
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_command_on_a_terminal_has_it_as_input_output_errors_and_controls_it() {
    let line = "test -t 0 && test -t 1 && test -t 2 && echo all; stty size; echo err >&2; \
                stty -a | grep -o -e '-echo ' -e '-onlcr'; echo mine > /dev/tty; \
                set -m; sleep 0.1 & fg > /dev/null && echo fg; exit 3";
    let outcome = on_terminal(line).await;
    assert_eq!(text(&outcome.stdout), "all\n24 80\nerr\n-onlcr\n-echo \nmine\nfg\n");
    assert_eq!((outcome.rc, outcome.stderr.as_slice()), (Some(3), &b""[..]));
    assert!(outcome.header.contains(" using PTY: True\n"));
}

#[tokio::test]
async fn without_the_wish_there_is_no_terminal() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let line = "test -t 0 || test -t 1 || test -t 2 || echo none; (: > /dev/tty) 2> /dev/null || echo free";
    let outcome = run(&link, 1, kind(shell(&format!("setsid -w sh -c '{line}'")))).await;
    assert_eq!(text(&outcome.stdout), "none\nfree\n");
    assert!(outcome.header.contains(" using PTY: False\n"));
    pair.end().await;
}

#[tokio::test]
async fn all_that_is_said_on_a_terminal_arrives_though_its_program_ends_at_once() {
    let expected: String = (1..=30_000).map(|n| format!("{n}\n")).collect();
    let outcome = on_terminal("seq 1 30000").await;
    assert_eq!(outcome.rc, Some(0));
    assert!(text(&outcome.stdout) == expected, "{} bytes came", outcome.stdout.len());
}

#[tokio::test]
async fn an_input_and_a_terminal_do_not_go_together() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell("test -t 0 || cat");
    (command.use_pty, command.initial_stdin) = (true, Some("given\n".to_owned()));
    let outcome = run(&link, 1, kind(command)).await;
    assert_eq!(text(&outcome.stdout), "given\n");
    assert!(outcome.header.starts_with("WARNING: disabling usePTY for this command\n"));
    assert!(outcome.header.contains(" using PTY: False\n"));
    pair.end().await;
}

#[tokio::test]
async fn a_signal_that_ends_a_program_on_a_terminal_is_told() {
    let outcome = on_terminal("kill -TERM $$").await;
    assert_eq!(outcome.rc, Some(-1));
    assert!(outcome.header.contains("process killed by signal 15\n"));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_told_on_a_terminal_as_on_pipes() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell("");
    command.use_pty = true;
    let missing = halide_ci::model::command::Argument::Plain("/no/such/cmd".to_owned());
    command.command = halide_ci::model::command::CommandLine::Argv(vec![missing]);
    let outcome = run(&link, 1, kind(command)).await;
    assert_eq!(outcome.rc, Some(1));
    assert_eq!(text(&outcome.stderr), "Cannot run `/no/such/cmd`: No such file or directory.\n");
    pair.end().await;
}

/// Starts a line on a terminal, interrupts it when the files are written, and returns how it ended; no
/// process that is named there is left.
async fn interrupted(line: &str, files: &[&str]) -> (Outcome, Duration) {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell(line);
    command.use_pty = true;
    let events = start(&link, 1, kind(command));
    let mut pids = Vec::new();
    for file in files {
        pids.push(number(&pair.dir.path().join(file)).await);
    }
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    let since = Instant::now();
    link.interrupt(1, "stop");
    let outcome = finish(events).await;
    let took = since.elapsed();
    assert!(!pids.iter().any(|pid| is_alive(*pid)), "{line:?} outlived its step");
    pair.end().await;
    (outcome, took)
}

#[tokio::test]
async fn jobs_with_groups_of_their_own_end_with_their_terminal() {
    let line = "set -m; sh -c 'trap \"\" TERM HUP INT; echo $$ > ../../a; while :; do sleep 1; done' & \
                sh -c 'echo $$ > ../../b; exec sleep 100' & \
                (setsid sh -c 'trap \"\" HUP; echo $$ > ../../c; while :; do sleep 1; done' &); sleep 100";
    let (outcome, took) = interrupted(line, &["a", "b", "c"]).await;
    assert_eq!(outcome.rc, Some(-1));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_holder_of_a_terminal_that_shook_off_all_else_is_found_by_it() {
    let daemon = "(env -i /usr/bin/setsid /bin/sh -c 'trap \"\" HUP; echo $$ > ../../daemon; exec /bin/sleep 100' &); \
                  while ! test -s ../../daemon; do sleep 0.1; done; echo done";
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell(daemon);
    command.use_pty = true;
    let outcome = run(&link, 1, kind(command)).await;
    assert_eq!((outcome.rc, text(&outcome.stdout)), (Some(0), "done\n"));
    assert!(!is_alive(number(&pair.dir.path().join("daemon")).await));
    pair.end().await;
}

#[tokio::test]
async fn no_command_gets_a_descriptor_of_another_ones_terminal() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let line = "ls -l /proc/self/fd | grep -c -e ptmx -e pts";
    let running: Vec<_> = (0..40)
        .map(|key| {
            let mut command = shell(line);
            command.use_pty = key % 2 == 0;
            (command.use_pty, start(&link, key, kind(command)))
        })
        .collect();
    for (has_one, events) in running {
        let outcome = finish(events).await;
        // Its input and errors; its output is the pipe to grep.
        assert_eq!(text(&outcome.stdout), if has_one { "2\n" } else { "0\n" });
    }
    pair.end().await;
}

#[tokio::test]
async fn silence_on_a_terminal_ends_a_command() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut command = shell("echo a; cat");
    (command.use_pty, command.timeout) = (true, Some(0.5));
    let outcome = run(&link, 1, kind(command)).await;
    assert_eq!(outcome.failure_reason.as_deref(), Some("timeout_without_output"));
    assert_eq!((outcome.rc, text(&outcome.stdout)), (Some(-1), "a\n"));
    pair.end().await;
}

/// Processes whose command line holds this.
fn named(words: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap();
    let lines = processes.filter_map(|p| std::fs::read(p.unwrap().path().join("cmdline")).ok());
    lines.filter(|line| line.windows(words.len()).any(|w| w == words.as_bytes())).count()
}

#[tokio::test]
async fn what_goes_on_breeding_while_it_is_killed_is_gone_too() {
    // Each family has a parent in a session of its own, deaf to TERM; bounded should the kill fail.
    let family = "trap \"\" TERM HUP INT; n=0; while [ $n -lt 2000 ]; do n=$((n+1)); setsid sleep 96.417 & sleep 0.01; done";
    for use_pty in [false, true] {
        let pair = Pair::new().await;
        let link = pair.link().await;
        let mut command = shell(&format!(
            "for i in 1 2 3; do (setsid sh -c '{family}' &); done; sleep 0.5; echo 1 > ../../ready; sleep 100"
        ));
        command.use_pty = use_pty;
        let events = start(&link, 1, kind(command));
        number(&pair.dir.path().join("ready")).await;
        assert!(named("96.417") > 0);
        link.interrupt(1, "stop");
        finish(events).await;
        assert_eq!(named("96.417"), 0);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(named("96.417"), 0, "they came back");
        pair.end().await;
    }
}

#[tokio::test]
async fn a_maker_of_zombies_ends_with_them() {
    // Its children end, and it never looks at them.
    let line =
        "sh -c 'for i in 1 2 3 4 5; do sleep 0.01 & done; echo $$ > ../../maker; exec sleep 100'";
    for use_pty in [false, true] {
        let pair = Pair::new().await;
        let link = pair.link().await;
        let mut command = shell(line);
        command.use_pty = use_pty;
        let events = start(&link, 1, kind(command));
        let maker = number(&pair.dir.path().join("maker")).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(children(maker), 5);
        link.interrupt(1, "stop");
        finish(events).await;
        assert!(!is_alive(maker) && children(maker) == 0);
        pair.end().await;
    }
}

/// How many children a process has, zombies too.
fn children(parent: i32) -> usize {
    let stats = std::fs::read_dir("/proc").unwrap();
    let stats = stats.filter_map(|p| std::fs::read_to_string(p.unwrap().path().join("stat")).ok());
    let wanted = parent.to_string();
    stats
        .filter(|stat| stat.rsplit(") ").next().and_then(|s| s.split(' ').nth(1)) == Some(&wanted))
        .count()
}

#[tokio::test]
async fn the_master_runs_programs_on_terminals_too() {
    let house = crate::local::House::new().await;
    let mut command = crate::local::shell("test -t 0 && test -t 1 && stty size; exit 2");
    command.use_pty = true;
    let outcome = house.run(command).await;
    assert_eq!((outcome.rc, text(&outcome.stdout)), (Some(2), "24 80\n"));
}
