//! Master and worker over loopback, with our own extension.

use halide_ci::model::command::{CommandKind, CommandLine};
use halide_ci::model::log::Stream;

use super::gate::{Pair, kind, run, shell, start, finish};

#[tokio::test]
async fn a_command_runs_and_its_bytes_come_back_exactly() {
    let pair = Pair::new().await;
    let link = pair.link().await;
    let outcome = run(&link, 1, kind(shell("printf 'a\\377\\r\\nb'; printf err >&2; exit 3"))).await;
    assert_eq!(outcome.stdout, b"a\xff\r\nb");
    assert_eq!(outcome.stderr, b"err");
    assert_eq!((outcome.rc, outcome.failure), (Some(3), None));
    assert!(outcome.header.contains("in dir") && outcome.header.contains("elapsedTime="));
    assert_eq!(outcome.order[0], Stream::Header);
    pair.end().await;
}
