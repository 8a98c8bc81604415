//! Programs of the master's own machine, over the link that steps get: their surroundings, their output,
//! their limits, and that nothing of them is left when they are stopped or forgotten.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use halide_ci::base::random::Random;
use halide_ci::base::secret::Secret;
use halide_ci::engine::ports::Link;
use halide_ci::engine::tasks::Tasks;
use halide_ci::local::Local;
use halide_ci::model::command::{Argument, CommandKind, CommandLine, ShellCommand};
use serde_json::json;

use crate::wire::gate::{Outcome, finish, kind, run, start};

pub(crate) struct House {
    dir: tempfile::TempDir,
    tasks: Tasks,
    link: Arc<dyn Link>,
}

impl House {
    pub(crate) async fn new() -> Self {
        let (dir, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
        let environ = [("PATH", "/usr/bin:/bin"), ("OWN", "of-the-master")];
        let environ: BTreeMap<_, _> =
            environ.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let local = Local::new(dir.path(), environ, Random::system(), tasks.clone()).await;
        Self { dir, tasks, link: Arc::new(local) }
    }

    pub(crate) async fn run(&self, shell: ShellCommand) -> Outcome {
        run(&self.link, 1, kind(shell)).await
    }
}

pub(crate) fn shell(line: &str) -> ShellCommand {
    let mut shell = ShellCommand::new(CommandLine::Shell(line.to_owned()), "");
    (shell.on_master, shell.timeout) = (true, None);
    shell
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn number(path: &Path) -> i32 {
    for _ in 0..1000 {
        if let Ok(text) = std::fs::read_to_string(path)
            && let Some(line) = text.strip_suffix('\n')
        {
            return line.trim().parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} was not written", path.display());
}

/// Whether nothing of a process goes on; that nobody has reaped it yet is none of our business.
pub(crate) fn is_gone(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

async fn wait_for_end(pid: i32) {
    for _ in 0..1000 {
        if is_gone(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the process {pid} goes on");
}

#[tokio::test]
async fn a_program_has_the_masters_environment_and_its_own_which_alone_is_shown() {
    let house = House::new().await;
    std::fs::create_dir(house.dir.path().join("sub")).unwrap();
    let mut command = shell("pwd; echo $OWN-$ADDED-$TAKEN; cat; echo oops >&2; exit 3");
    command.workdir = "sub".to_owned();
    command.initial_stdin = Some("input\n".to_owned());
    command.env.insert("ADDED".to_owned(), json!("new"));
    command.env.insert("TAKEN".to_owned(), json!("${OWN}"));
    let outcome = house.run(command).await;
    let sub = house.dir.path().canonicalize().unwrap().join("sub");
    let expected = format!("{}\nof-the-master-new-of-the-master\ninput\n", sub.display());
    assert_eq!(text(&outcome.stdout), expected);
    assert_eq!((text(&outcome.stderr).as_str(), outcome.rc), ("oops\n", Some(3)));
    assert_eq!(outcome.failure, None);
    let header = &outcome.header;
    assert!(header.contains(&format!("in dir {} on the master", sub.display())), "{header}");
    assert!(header.contains("ADDED=new") && header.contains("TAKEN=${OWN}"), "{header}");
    assert!(!header.contains("of-the-master"), "{header}");
    let mut quiet = shell("echo x");
    quiet.log_environ = false;
    quiet.want_stdout = false;
    quiet.env.insert("ADDED".to_owned(), json!("new"));
    let outcome = house.run(quiet).await;
    assert!(!outcome.header.contains("ADDED") && outcome.stdout.is_empty());
}

#[tokio::test]
async fn arguments_are_passed_as_they_are_and_secret_ones_are_not_shown() {
    let house = House::new().await;
    let argv = vec![
        Argument::Plain("printf".to_owned()),
        Argument::Plain("<%s>".to_owned()),
        Argument::Plain("a b; c".to_owned()),
        Argument::Obfuscated(Secret::new("swordfish"), "XXX".to_owned()),
    ];
    let outcome = house.run(ShellCommand::new(CommandLine::Argv(argv), "")).await;
    assert_eq!(text(&outcome.stdout), "<a b; c><swordfish>");
    assert!(outcome.header.starts_with("printf '<%s>' 'a b; c' XXX\n"), "{}", outcome.header);
    assert!(!outcome.header.contains("swordfish"), "{}", outcome.header);
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let house = House::new().await;
    let argv = vec![Argument::Plain("no-such-program".to_owned())];
    let outcome = house.run(ShellCommand::new(CommandLine::Argv(argv), "")).await;
    assert_eq!(outcome.rc, Some(1));
    assert!(text(&outcome.stderr).starts_with("Cannot run `no-such-program`: "));
    let mut lost = shell("true");
    lost.workdir = "nowhere".to_owned();
    let failure = house.run(lost).await.refused.unwrap();
    assert!(
        failure.contains("the master has no directory") && failure.contains("nowhere"),
        "{failure}"
    );
    let mut odd = shell("true");
    odd.env.insert("A=B".to_owned(), json!("x"));
    assert!(house.run(odd).await.refused.unwrap().contains("cannot be called \"A=B\""));
    let stat = run(&house.link, 2, CommandKind::Stat { path: "x".to_owned() }).await;
    assert!(stat.refused.unwrap().contains("does not carry out"));
}

#[tokio::test]
async fn a_limit_or_an_order_ends_the_whole_group() {
    let house = House::new().await;
    let line = "(trap '' TERM INT; sleep 100 & echo $! > child; wait) & wait";
    let mut limited = shell(line);
    limited.max_time = Some(0.5);
    let outcome = house.run(limited).await;
    assert_eq!((outcome.rc, outcome.failure_reason.as_deref()), (Some(-1), Some("timeout")));
    let file = house.dir.path().join("child");
    wait_for_end(number(&file).await).await;
    std::fs::remove_file(&file).unwrap();

    let events = start(&house.link, 7, kind(shell(line)));
    let child = number(&file).await;
    house.link.interrupt(7, "stop");
    let outcome = finish(events).await;
    assert_eq!(outcome.rc, Some(-1));
    assert!(outcome.header.contains("command interrupted"), "{}", outcome.header);
    wait_for_end(child).await;
}

#[tokio::test]
async fn nobody_who_listens_and_the_masters_end_are_the_programs_end() {
    let house = House::new().await;
    let file = house.dir.path().join("child");
    let line = "echo $$ > child; exec sleep 100";
    let events = start(&house.link, 1, kind(shell(line)));
    let child = number(&file).await;
    drop(events);
    wait_for_end(child).await;
    std::fs::remove_file(&file).unwrap();
    let events = start(&house.link, 2, kind(shell(line)));
    let child = number(&file).await;
    let ended = async { tokio::join!(finish(events), house.tasks.end()).0 };
    let outcome = tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
    wait_for_end(child).await;
    assert_eq!(outcome.rc, Some(-1));
}

#[tokio::test]
async fn output_waits_for_whoever_stores_it_and_none_is_lost() {
    let house = House::new().await;
    let outcome = house.run(shell("yes 0123456789abcde | head -c 8000000")).await;
    assert_eq!((outcome.stdout.len(), outcome.rc), (8_000_000, Some(0)));
    assert!(outcome.stdout.chunks(16).all(|line| line == b"0123456789abcde\n"));
}

#[tokio::test]
async fn what_a_last_life_left_running_is_killed() {
    let house = House::new().await;
    let file = house.dir.path().join("child");
    // It takes no part in the end of its group, as after a kill -9 of the master.
    let events =
        start(&house.link, 1, kind(shell("setsid sh -c 'echo $$ > child; exec sleep 100'")));
    let child = number(&file).await;
    let (environ, random) = (BTreeMap::new(), Random::system());
    let _next = Local::new(house.dir.path(), environ, random, Tasks::new()).await;
    wait_for_end(child).await;
    assert!(finish(events).await.rc.is_some());
}
