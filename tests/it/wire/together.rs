//! Master and worker over loopback, with our own extension: exact bytes, interrupts, uploads,
//! flow control, and what happens when the connection goes.

use std::sync::Arc;
use std::time::Duration;

use halide_ci::base::secret::Secret;
use halide_ci::engine::ports::CommandEvent;
use halide_ci::model::command::{Argument, CommandKind, CommandLine, ShellCommand};
use halide_ci::model::log::Stream;
use halide_ci::model::worker::WorkerSettings;
use halide_ci::worker;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::gate::{
    DOWNLOAD, FakeGate, Outcome, Pair, finish, kind, master, run, shell, start, surroundings,
};

#[tokio::test]
async fn a_command_runs_and_its_bytes_come_back_exactly() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let outcome =
        run(&link, 1, kind(shell("printf 'a\\377\\r\\nb'; printf err >&2; exit 3"))).await;
    assert_eq!(outcome.stdout, b"a\xff\r\nb");
    assert_eq!(outcome.stderr, b"err");
    assert_eq!((outcome.rc, outcome.failure), (Some(3), None));
    assert!(outcome.header.contains("in dir") && outcome.header.contains("elapsedTime="));
    assert_eq!(outcome.order[0], Stream::Header);
    pair.end().await;
}

#[tokio::test]
async fn binary_noise_of_many_kilobytes_is_unchanged() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let noise: Vec<u8> =
        (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(pair.dir.path().join("noise"), &noise).unwrap();
    let outcome = run(&link, 1, kind(shell("cat ../../noise; cat ../../noise >&2"))).await;
    assert!(outcome.stdout == noise && outcome.stderr == noise);
    assert_eq!(outcome.rc, Some(0));
    pair.end().await;
}

#[tokio::test]
async fn several_commands_run_at_once_and_do_not_mix() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let events: Vec<_> = (1..=8)
        .map(|i| start(&link, i, kind(shell(&format!("for n in 1 2 3; do echo {i}; done")))))
        .collect();
    for (i, events) in (1..=8).zip(events) {
        let outcome = finish(events).await;
        assert_eq!(outcome.stdout, format!("{i}\n{i}\n{i}\n").as_bytes());
    }
    pair.end().await;
}

#[tokio::test]
async fn the_worker_says_who_it_is_and_its_directories_are_made() {
    let pair = Pair::new().await;
    let (_, info) = pair.gate.come_in("w", 1).await;
    assert_eq!(info.system, "posix");
    assert_eq!(info.environ["OWN"], "worker");
    assert_eq!(info.worker_commands["shell"], "3.3");
    assert!(info.numcpus.is_some() && info.version.starts_with("halide-ci"));
    for name in ["builder", "info"] {
        assert!(pair.dir.path().join(name).is_dir(), "{name}");
    }
    pair.end().await;
}

#[tokio::test]
async fn an_interrupted_command_ends_with_minus_one() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut events = start(&link, 1, kind(shell("echo begun; sleep 60")));
    let mut outcome = Outcome::default();
    while !outcome.stdout.ends_with(b"begun\n") {
        assert!(!outcome.take(events.recv().await.unwrap()));
    }
    link.interrupt(1, "because");
    let rest = finish(events).await;
    assert_eq!((rest.rc, rest.failure), (Some(-1), None));
    assert!(rest.header.contains("command interrupted, attempting to kill\n"));
    assert!(rest.header.contains("process killed by signal 9\n"));
    // One that has ended is left alone, and the connection lives.
    link.interrupt(1, "again");
    assert_eq!(run(&link, 2, kind(shell("true"))).await.rc, Some(0));
    pair.end().await;
}

#[tokio::test]
async fn files_are_uploaded_in_blocks() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let upload = |path: &str, max_size, keep_stamp| CommandKind::UploadFile {
        path: path.to_owned(),
        block_size: 4,
        max_size,
        keep_stamp,
    };
    let dir = pair.dir.path().join("builder");
    std::fs::write(dir.join("empty"), "").unwrap();
    std::fs::write(dir.join("one"), "abcd").unwrap();
    std::fs::write(dir.join("many"), "abcdefghij").unwrap();
    let outcome = run(&link, 1, upload("empty", None, false)).await;
    assert!(outcome.blocks.is_empty() && outcome.closed && outcome.rc == Some(0));
    assert!(outcome.announced.is_some() && outcome.announced == outcome.sent);
    assert_eq!(outcome.header, format!("sending {}\n", dir.join("empty").display()));
    let outcome = run(&link, 2, upload("one", None, true)).await;
    assert_eq!(outcome.blocks, [b"abcd".to_vec()]);
    let age = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs_f64(outcome.times.unwrap().1);
    assert!(age.elapsed().unwrap() < Duration::from_secs(60));
    let outcome = run(&link, 3, upload("many", None, false)).await;
    assert_eq!(outcome.blocks.concat(), b"abcdefghij");
    assert_eq!(outcome.blocks.len(), 3);
    let outcome = run(&link, 4, upload("many", Some(6), false)).await;
    assert_eq!((outcome.blocks.len(), outcome.sent, outcome.rc), (0, None, Some(1)));
    assert!(outcome.stderr.starts_with(b"Maximum filesize reached"));
    let outcome = run(&link, 5, upload("missing", None, false)).await;
    assert!(outcome.closed && outcome.rc == Some(1));
    assert!(outcome.stderr.starts_with(b"Cannot open file '"));
    pair.end().await;
}

#[tokio::test]
async fn files_are_downloaded_in_blocks() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let dir = pair.dir.path().join("builder");
    let download = |path: &str, size, mode| CommandKind::download(path.to_owned(), size, mode);
    let outcome = run(&link, 1, download("new/folder/f", 4, Some(0o640))).await;
    assert_eq!((outcome.rc, outcome.failure, outcome.downloaded), (Some(0), None, 10));
    let file = dir.join("new/folder/f");
    assert_eq!(outcome.header, format!("downloading to {}\n", file.display()));
    assert_eq!(std::fs::read(&file).unwrap(), DOWNLOAD);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o640);
    // What stood there is replaced as a whole.
    std::fs::write(dir.join("long"), "x".repeat(100)).unwrap();
    assert_eq!(run(&link, 2, download("long", 1000, None)).await.rc, Some(0));
    assert_eq!(std::fs::read(dir.join("long")).unwrap(), DOWNLOAD);
    let outcome = run(&link, 3, download("new", 4, None)).await;
    assert_eq!((outcome.rc, outcome.downloaded), (Some(1), 0));
    assert!(outcome.stderr.starts_with(b"Cannot open file '"));
    let outcome = run(&link, 4, download("long/f", 4, None)).await;
    assert!(outcome.failure.unwrap().starts_with("Cannot make "));
    pair.end().await;
}

#[tokio::test]
async fn a_refused_block_ends_the_download() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let download = CommandKind::download("f".to_owned(), 10, None);
    let mut events = start(&link, 1, download);
    let failure = loop {
        match events.recv().await.unwrap() {
            CommandEvent::DownloadBlock { answer, .. } => {
                answer.send(Err("enough".to_owned())).unwrap();
            }
            CommandEvent::Complete { failure, .. } => break failure,
            _ => {}
        }
    };
    assert_eq!(failure.as_deref(), Some("enough"));
    pair.end().await;
}

#[tokio::test]
async fn directories_are_copied() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let dir = pair.dir.path().join("builder");
    std::fs::create_dir_all(dir.join("from/sub")).unwrap();
    std::fs::write(dir.join("from/sub/f"), "x").unwrap();
    let copy = |from: &str, to: &str| CommandKind::CopyDirectory {
        from: from.to_owned(),
        to: to.to_owned(),
        timeout: None,
    };
    assert_eq!(run(&link, 1, copy("from", "a/b")).await.rc, Some(0));
    assert_eq!(std::fs::read(dir.join("a/b/sub/f")).unwrap(), b"x");
    assert_eq!(run(&link, 2, copy("missing", "c")).await.rc, Some(1));
    pair.end().await;
}

#[tokio::test]
async fn a_refused_block_ends_the_upload() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    std::fs::write(pair.dir.path().join("builder/f"), vec![b'x'; 100]).unwrap();
    let upload = CommandKind::UploadFile {
        path: "f".to_owned(),
        block_size: 10,
        max_size: None,
        keep_stamp: false,
    };
    let mut events = start(&link, 1, upload);
    let mut blocks = 0;
    let failure = loop {
        match events.recv().await.unwrap() {
            CommandEvent::UploadBlock { answer, .. } => {
                blocks += 1;
                answer.send(Err("the disk is full".to_owned())).unwrap();
            }
            CommandEvent::UploadBegins { answer, .. } => answer.send(Ok(0)).unwrap(),
            CommandEvent::UploadClosed { answer, .. } => answer.send(Ok(())).unwrap(),
            CommandEvent::Complete { failure, .. } => break failure,
            _ => {}
        }
    };
    assert_eq!((blocks, failure.as_deref()), (1, Some("the disk is full")));
    pair.end().await;
}

#[tokio::test]
async fn a_stalled_sink_blocks_its_command_and_no_other() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let counter = pair.dir.path().join("written");
    // Says how much it could write, in a file, while nobody reads its output.
    let flood = "i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero; i=$((i+1)); \
                 echo $i > ../../written; done";
    let mut stalled = start(&link, 1, kind(shell(flood)));
    let mut last = 0;
    let mut still = 0;
    while still < 5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let text = std::fs::read_to_string(&counter).unwrap_or_default();
        let now: u64 = text.trim().parse().unwrap_or(last);
        still = if now == last && now > 0 { still + 1 } else { 0 };
        last = now;
    }
    // The window, the worker's buffer, the pipe and its blocks: far from the 26 MB it wants.
    assert!(last * 65_536 < 4 << 20, "{last} blocks were written while nobody read them");
    let other = run(&link, 2, kind(shell("echo alive"))).await;
    assert_eq!(other.stdout, b"alive\n");
    let mut total = 0;
    while let Some(event) = stalled.recv().await {
        match event {
            CommandEvent::Output { data, stream: Stream::Stdout, .. } => total += data.len(),
            CommandEvent::Complete { .. } => break,
            _ => {}
        }
    }
    assert_eq!(total, 400 * 65_536);
    pair.end().await;
}

#[tokio::test]
async fn a_held_acknowledgement_holds_the_command() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let mut events = start(&link, 1, kind(shell("head -c 20000000 /dev/zero")));
    let mut held = Vec::new();
    let (mut bytes, mut stdout) = (0, 0);
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(500), events.recv()).await
    {
        if let CommandEvent::Output { data, ack, stream } = event {
            bytes += data.len();
            stdout += if stream == Stream::Stdout { data.len() } else { 0 };
            held.push(ack);
        }
    }
    assert!((1 << 20..=2 << 20).contains(&bytes), "{bytes} bytes came within the window");
    held.clear();
    let rest = finish(events).await;
    assert_eq!((rest.stdout.len() + stdout, rest.rc), (20_000_000, Some(0)));
    pair.end().await;
}

#[tokio::test]
async fn a_cut_connection_loses_the_command_and_kills_it() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let pid_file = pair.dir.path().join("pid");
    let events = start(&link, 1, kind(shell("echo $$ > ../../pid; sleep 100")));
    let pid = loop {
        if let Ok(text) = std::fs::read_to_string(&pid_file)
            && let Ok(pid) = text.trim().parse::<i32>()
        {
            break pid;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    link.close("the test wants it");
    let outcome = finish(events).await;
    assert!(outcome.lost && outcome.rc.is_none());
    // The worker comes again by itself, and only after its old command is gone.
    let (link, _) = pair.gate.come_in("w", 2).await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(run(&link, 2, kind(shell("true"))).await.rc, Some(0));
    pair.end().await;
}

#[tokio::test]
async fn a_command_for_a_connection_that_is_over_is_lost_at_once() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    link.close("the test wants it");
    while pair.gate.is_present("w") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(run(&link, 1, kind(shell("true"))).await.lost);
    assert!(!link.ping().await);
    pair.end().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_and_tried_again() {
    let gate = FakeGate::new(&[("w", "right")]);
    let (tasks, port) = master(&gate).await;
    let dir = tempfile::tempdir().unwrap();
    let settings = |name: &str, retries| {
        let wrong = Secret::new("wrong");
        let mut all = WorkerSettings::new(name, wrong, "127.0.0.1", port, dir.path().to_owned());
        all.max_retries = Some(retries);
        all
    };
    let token = CancellationToken::new();
    let error = worker::run(settings("w", 1), surroundings(), token.clone()).await.unwrap_err();
    assert!(error.to_string().contains("gave up after 2 attempts"), "{error}");
    assert!(error.to_string().contains("password"), "{error}");
    gate.refused(2).await;
    let error = worker::run(settings("nobody", 0), surroundings(), token).await.unwrap_err();
    assert!(error.to_string().contains("`nobody`"), "{error}");
    gate.refused(3).await;
    tasks.end().await;
}

#[tokio::test]
async fn a_second_worker_of_the_same_name_is_sent_away_while_the_first_is_alive() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let dir = tempfile::tempdir().unwrap();
    let password = Secret::new("pass:word");
    let mut second =
        WorkerSettings::new("w", password, "127.0.0.1", pair.port, dir.path().to_owned());
    second.max_retries = Some(0);
    let error = worker::run(second, surroundings(), CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("closed the connection"), "{error}");
    assert!(link.ping().await);
    assert_eq!(run(&link, 1, kind(shell("true"))).await.rc, Some(0));
    pair.end().await;
}

#[tokio::test]
async fn a_sink_that_nobody_reads_any_more_stops_its_command() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let events =
        start(&link, 1, kind(shell("echo $$ > ../../pid; while :; do echo x; sleep 0.01; done")));
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(events);
    let pid: i32 =
        std::fs::read_to_string(pair.dir.path().join("pid")).unwrap().trim().parse().unwrap();
    let since = Instant::now();
    while std::path::Path::new(&format!("/proc/{pid}")).exists() {
        assert!(since.elapsed() < Duration::from_secs(10), "the command still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pair.end().await;
}

#[tokio::test]
async fn a_secret_argument_is_used_and_not_shown() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let argv = vec![
        Argument::Plain("echo".to_owned()),
        Argument::Obfuscated(Secret::new("hunter2"), "XXXX".to_owned()),
    ];
    let mut shell = ShellCommand::new(CommandLine::Argv(argv), "build");
    shell.log_environ = false;
    let outcome = run(&link, 1, kind(shell)).await;
    assert_eq!(outcome.stdout, b"hunter2\n");
    assert!(outcome.header.contains("echo XXXX\n") && !outcome.header.contains("hunter2"));
    pair.end().await;
}

#[tokio::test]
async fn the_master_can_end_the_worker() {
    let mut pair = Pair::new().await;
    pair.link().await.shutdown();
    pair.ended().await;
    pair.tasks.end().await;
}

#[tokio::test]
async fn stopping_the_worker_kills_what_it_runs() {
    let mut pair = Pair::new().await;
    let link: Arc<_> = pair.link().await;
    let events = start(&link, 1, kind(shell("echo $$ > ../../pid; sleep 100")));
    let pid_file = pair.dir.path().join("pid");
    while std::fs::read_to_string(&pid_file).map_or(0, |t| t.len()) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    pair.stop.cancel();
    pair.ended().await;
    assert!(!std::path::Path::new(&format!("/proc/{}", pid.trim())).exists());
    assert!(finish(events).await.lost);
    pair.tasks.end().await;
}
